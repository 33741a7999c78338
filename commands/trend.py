"""`trend`: how an environment stood over time, what is due by when, and when it will be inside its deadlines."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Final

from pydantic import Field, field_validator
from rich.console import RenderableType

from bot.chatops import cards
from bot.chatops import terminal as console
from bot.chatops.arguments import Arguments, EnvironmentName
from bot.chatops.blocks import Block, Cell, Column, Element, fields, section, strong, table
from bot.chatops.blocks import context as small_print
from bot.chatops.command import Command, Show
from bot.chatops.context import Context
from bot.chatops.markup import ago, date, in_utc, markup
from bot.chatops.reply import Card
from bot.chatops.trend_chart import trend_chart
from bot.core.trend_reports import DeadlineRow, TrendReport
from bot.core.trend_words import (
    breached,
    caveats,
    deadline,
    expected_days,
    headline,
    judged,
    lowest,
    mean_time,
    oldest,
    on,
    outlook,
    period,
    share,
)
from bot.core.wording import counted

LEAST: Final = 7
MOST: Final = 400
CHOICES: Final = (7, 30, 90, 400)
VENDOR: Final = (
    "A patch counts on each node. Severity is the vendor's. Waived ones are in no other column."
)
COLUMNS: Final = ("Severity", "Open", "Due soon", "Breached", "Waived", "Oldest")
SIGNS: Final = "▁▂▃▄▅▆▇█"
NO_SIGN: Final = "·"
WIDTH: Final = 60
_SPAN = re.compile(r"(\d{1,4})(d|days?|w|weeks?)?", re.IGNORECASE)


class TrendArguments(Arguments):
    """What `trend` takes."""

    WORDS: ClassVar[tuple[str, ...]] = ("environment", "span")

    environment: Annotated[str, EnvironmentName()] = Field(description="the part of the fleet")
    span: str = Field("30d", description="how far back, in days or weeks: 7d to 400d, 12w")
    refresh: bool = Field(False, description="read AWS again instead of the last reading")

    @field_validator("span")
    @classmethod
    def _is_span(cls, given: str) -> str:
        match = _SPAN.fullmatch(given)
        if match is None:
            raise ValueError(f"“{given}” is no length of time; say 30d or 12w.")
        if not LEAST <= _days(match) <= MOST:
            raise ValueError(f"“{given}” is not possible: from {LEAST}d to {MOST}d.")
        return given

    @property
    def days(self) -> int:
        """The span in days."""
        match = _SPAN.fullmatch(self.span)
        return _days(match) if match else 0


def _days(match: re.Match[str]) -> int:
    weeks = (match[2] or "d")[0] in "wW"
    return int(match[1]) * (7 if weeks else 1)


def run(arguments: TrendArguments, context: Context) -> TrendReport:
    """What the history says. Raises ConfigurationError where there is none, StorageError when it cannot be read.

    With `refresh` it may take long, and AwsError is raised when nothing could be read.
    """
    if arguments.refresh:
        context.services.compliance.read(
            arguments.environment, refresh=True, progress=context.progress
        )
    return context.history.trend(arguments.environment, arguments.days)


def exit_code(report: TrendReport) -> int:
    """3 when the last day or some patches could not be read, else 0."""
    whole = all(point.complete for point in report.points[-1:])
    return 0 if whole and not report.details_missing else 3


def slack(report: TrendReport, context: Context) -> Card:
    """Headline, picture, deadlines, and what the figures do not know."""
    chart = trend_chart(report, context.services.draw_trend)
    return Card(
        _text(report),
        (
            *cards.title(headline(report), context),
            *(_figures(report) if report.points else _nothing(report)),
            *(chart[:1] if chart else ()),
            *_deadlines(report),
            *_outlook(report),
            *cards.notices(tuple(caveats(report))),
            *_taken(report),
            *cards.row_of(*_buttons(report, context)),
            *cards.row_of(*_spans(report)),
        ),
        chart[1:] if chart else (),
    )


def _text(report: TrendReport) -> str:
    late = breached(report)
    parts = (headline(report), f"{late[:1].upper()}{late[1:]}" if late else "")
    taken = f" As of {in_utc(report.points[-1].at)}." if report.points else ""
    return f"{'. '.join(part for part in parts if part)}.{taken}"


def _nothing(report: TrendReport) -> tuple[Block, ...]:
    words = (
        f"There is no snapshot of {period(report)}. One is taken every day and after every run; "
        f"`/patch status {report.environment}` says how it stands now."
    )
    return (section(cards.prose(words)),)


def _figures(report: TrendReport) -> tuple[Block, ...]:
    nodes, points, low = report.points[-1].nodes, judged(report), lowest(report)
    now = markup(
        "*{compliant:,}* of {total} compliant · *{broken:,}* non-compliant · *{unknown:,}* unknown",
        compliant=nodes.compliant,
        total=counted(nodes.total, "node"),
        broken=nodes.non_compliant,
        unknown=nodes.unknown,
    )
    if len(points) < 2 or low is None:
        return (section(now),)
    before = markup(
        "{first}: {share} · lowest, {day}: {low}",
        first=on(report, points[0].day),
        share=share(points[0]),
        day=on(report, low.day),
        low=share(low),
    )
    return (section(markup("{now}\n{before}", now=now, before=before)),)


def _deadlines(report: TrendReport) -> tuple[Block, ...]:
    if not report.deadlines:
        return ()
    columns = [
        Column(name, align="right" if index else "left", wrap=True)
        for index, name in enumerate(COLUMNS)
    ]
    rows = [_row(row, report) for row in report.deadlines]
    shown, _ = table(columns, rows)
    return (shown, small_print(VENDOR))


def _row(row: DeadlineRow, report: TrendReport) -> tuple[Cell, ...]:
    late: Cell = strong(f"{row.breached:,}") if row.breached else 0
    return (
        deadline(row),
        row.open,
        row.approaching,
        late,
        row.waived,
        oldest(row, report) or "none",
    )


def _facts(report: TrendReport) -> tuple[tuple[str, str], ...]:
    """The names and values below the deadlines; none before there is a deadline."""
    if not report.deadlines:
        return ()
    return (
        ("Mean time to patch", mean_time(report)),
        ("Inside its deadlines", outlook(report)),
    )


def _outlook(report: TrendReport) -> tuple[Block, ...]:
    return fields(
        [
            markup("*{name}*\n{value}", name=name, value=cards.prose(value))
            for name, value in _facts(report)
        ]
    )


def _taken(report: TrendReport) -> tuple[Block, ...]:
    if not report.points:
        return ()
    at = report.points[-1].at
    when = markup("{when} ({age})", when=date(at, lead="As of "), age=ago(at))
    return (small_print(when, "Days are days in UTC."),)


def _buttons(report: TrendReport, context: Context) -> tuple[Element, ...]:
    status = cards.show(
        "Status", Show.PRIVATE, cards.sentence("status", report.environment), name="status"
    )
    return (*cards.refresh_and_share(context), status)


def _spans(report: TrendReport) -> tuple[Element, ...]:
    choices = [
        (f"{days} days", cards.sentence("trend", report.environment, f"{days}d"))
        for days in CHOICES
    ]
    chosen = cards.sentence("trend", report.environment, f"{report.days}d")
    return cards.menu("How far back…", Show.REPLACE, choices, name="span", chosen=chosen)


def terminal(report: TrendReport, context: Context) -> RenderableType:
    """The same with a line of signs for the picture."""
    if not report.points:
        return console.stack(
            console.text(headline(report), "bold"),
            console.prose(f"There is no snapshot of {period(report)}."),
        )
    points, low = judged(report), lowest(report)
    days: list[tuple[str, str]] = []
    if len(points) > 1 and low is not None:
        days = [
            ("First", f"{share(points[0])} on {on(report, points[0].day)}"),
            ("Lowest", f"{share(low)} on {on(report, low.day)}"),
            ("Last", f"{share(points[-1])} on {on(report, points[-1].day)}"),
        ]
    at = report.points[-1].at
    return console.stack(
        console.text(headline(report), "bold"),
        *(_line(report) if len(points) > 1 else ()),
        console.facts(days) if days else console.NOTHING,
        _deadlines_in_terminal(report),
        console.facts(_facts(report)) if report.deadlines else console.NOTHING,
        console.notices(tuple(caveats(report))),
        console.text(f"As of {console.moment(at, context)}; days are days in UTC", "dim"),
    )


def _line(report: TrendReport) -> tuple[RenderableType, ...]:
    """The percentages as signs, low to high; of several days in one sign, the lowest."""
    by_day = {point.day: point.compliance_percent for point in report.points}
    days = expected_days(report)
    each = -(-len(days) // WIDTH)
    groups = [[by_day.get(day) for day in days[n : n + each]] for n in range(0, len(days), each)]
    values = [min((one for one in group if one is not None), default=None) for group in groups]
    known = [value for value in values if value is not None]
    low, high = min(known), max(known)
    step = (high - low) / (len(SIGNS) - 1) or 1.0
    signs = "".join(
        NO_SIGN if value is None else SIGNS[round((value - low) / step)] for value in values
    )
    scale = f"{low} % to {high} %, " + (
        "a sign is a day" if each == 1 else f"a sign is the lowest of {each} days"
    )
    missing = f", {NO_SIGN} is no snapshot" if NO_SIGN in signs else ""
    return (console.text(signs), console.text(f"{scale}{missing}", "dim"))


def _deadlines_in_terminal(report: TrendReport) -> RenderableType:
    if not report.deadlines:
        return console.NOTHING
    shown = console.columns(*COLUMNS, right=COLUMNS[1:])
    for row in report.deadlines:
        style = "bold red" if row.breached else ""
        shown.add_row(
            console.text(deadline(row)),
            console.cell(row.open),
            console.cell(row.approaching),
            console.text(f"{row.breached:,}", style),
            console.cell(row.waived),
            console.text(oldest(row, report) or "none"),
        )
    return console.stack(shown, console.text(VENDOR, "dim"))


COMMAND = Command(
    name="trend",
    asks_ledger=True,
    summary="how an environment stood over time, and what is due",
    arguments=TrendArguments,
    run=run,
    slack=slack,
    terminal=terminal,
    examples=("trend prod", "trend prod 90d", "trend prod 12w"),
    details=(
        "One snapshot a day. Days without one stay empty. The deadlines of a patch count from the day it was first seen"
        " missing on a node, by the vendor's severity."
    ),
    exit_code=exit_code,
)
