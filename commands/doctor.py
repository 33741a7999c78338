"""`doctor`: is patchbot set up right, and what to do where it is not."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field
from rich.console import RenderableType
from rich.table import Table

from bot.chatops import cards
from bot.chatops import terminal as console
from bot.chatops.arguments import Arguments
from bot.chatops.blocks import Block, section
from bot.chatops.blocks import context as small_print
from bot.chatops.command import Command
from bot.chatops.context import Context
from bot.chatops.markup import Mrkdwn, ago, join, markup
from bot.chatops.reply import Card
from bot.core.identity import Role
from bot.core.reports import Report
from bot.core.wording import counted
from bot.services.doctor import Finding, Outcome

AREAS_SHOWN = (20, 10, 5, 3)
FINDINGS_SHOWN = 8
SIGNS = {Outcome.OK: "✓", Outcome.UNTRIED: "-", Outcome.WARNING: "!", Outcome.FAILED: "✗"}
EMOJI = {
    Outcome.OK: markup(":white_check_mark:"),
    Outcome.UNTRIED: markup(":white_circle:"),
    Outcome.WARNING: markup(":warning:"),
    Outcome.FAILED: markup(":x:"),
}
STYLES = {
    Outcome.OK: "green",
    Outcome.UNTRIED: "dim",
    Outcome.WARNING: "yellow",
    Outcome.FAILED: "bold red",
}


class FindingRow(Report):
    """One thing that was looked at; `hint` says what to do about it."""

    subject: str
    outcome: Outcome
    detail: str
    hint: str


class AreaRow(Report):
    """What was found in one area, as bad as the worst of it."""

    area: str
    outcome: Outcome
    findings: tuple[FindingRow, ...]


class DoctorReport(Report):
    """`patchbot.doctor/1`: everything that was looked at."""

    schema_name: Literal["patchbot.doctor/1"] = Field("patchbot.doctor/1", alias="schema")
    as_of: datetime
    failed: int
    warnings: int
    areas: tuple[AreaRow, ...]


class DoctorArguments(Arguments):
    """Nothing: it always looks at everything."""


def run(_arguments: DoctorArguments, context: Context) -> DoctorReport:
    """Look at everything, now. What cannot be looked at is a finding, never an error."""
    areas = tuple(_area(name, found) for name, found in context.services.doctor.examine())
    outcomes = [row.outcome for area in areas for row in area.findings]
    return DoctorReport(
        as_of=context.now,
        failed=outcomes.count(Outcome.FAILED),
        warnings=outcomes.count(Outcome.WARNING),
        areas=areas,
    )


def _area(name: str, found: tuple[Finding, ...]) -> AreaRow:
    rows = tuple(
        FindingRow(subject=one.subject, outcome=one.outcome, detail=one.detail, hint=one.hint)
        for one in found
    )
    return AreaRow(
        area=name,
        outcome=max((row.outcome for row in rows), key=_gravity, default=Outcome.OK),
        findings=rows,
    )


def _gravity(outcome: Outcome) -> int:
    return tuple(Outcome).index(outcome)


def headline(report: DoctorReport) -> str:
    """The result in one sentence."""
    if report.failed:
        return f"{counted(report.failed, 'thing')} must be mended"
    if report.warnings:
        return f"patchbot works; {counted(report.warnings, 'thing')} to look at"
    outcomes = [row.outcome for area in report.areas for row in area.findings]
    if untried := outcomes.count(Outcome.UNTRIED):
        return f"All that can be tried is set up right; {counted(untried, 'thing')} cannot be tried"
    return "Everything is set up right"


def slack(report: DoctorReport, context: Context) -> Card:
    """An area a section, what is wrong first; as many as fit into a message."""
    areas = sorted(report.areas, key=lambda area: -_gravity(area.outcome))
    wrong = [area.area for area in areas if area.outcome not in {Outcome.OK, Outcome.UNTRIED}]
    told = f"{headline(report)}: {', '.join(wrong)}." if wrong else f"{headline(report)}."
    drafts = (
        (
            *cards.title(headline(report), context),
            *(_section(area) for area in areas[:number]),
            *_rest(len(areas) - number),
            small_print(markup("Looked {age}", age=ago(report.as_of))),
        )
        for number in AREAS_SHOWN
    )
    return Card(cards.brief(told, 1000), cards.fitting(*drafts))


def _rest(left: int) -> tuple[Block, ...]:
    if left <= 0:
        return ()
    return (small_print(f"… and {counted(left, 'more area')}; `patchbot doctor` has them all."),)


def _section(area: AreaRow) -> Block:
    rows = sorted(area.findings, key=lambda row: -_gravity(row.outcome))
    lines = [_line(row) for row in rows[:FINDINGS_SHOWN]]
    if len(rows) > len(lines):
        hidden = rows[len(lines) :]
        named = cards.brief(", ".join(row.subject for row in hidden), 300)
        lines.append(markup("… and {number} more: {named}", number=len(hidden), named=named))
    return section(markup("*{area}*\n{lines}", area=area.area, lines=join("\n", lines)))


def _line(row: FindingRow) -> Mrkdwn:
    told = markup(
        "{sign} {subject}: {detail}",
        sign=EMOJI[row.outcome],
        subject=row.subject,
        detail=cards.brief(row.detail, 150),
    )
    if not row.hint:
        return told
    return markup("{told}\n→ {hint}", told=told, hint=cards.prose(row.hint, 150))


def terminal(report: DoctorReport, _context: Context) -> RenderableType:
    """Every finding on a line, its hint below."""
    areas = [console.section(area.area, _findings(area)) for area in report.areas]
    worst = max((area.outcome for area in report.areas), key=_gravity, default=Outcome.OK)
    return console.stack(*areas, "", console.text(f"{headline(report)}.", STYLES[worst]))


def _findings(area: AreaRow) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for row in area.findings:
        told = console.text(f"{row.subject}: {row.detail}" if row.detail else row.subject)
        hint = (console.prose(f"→ {row.hint}"),) if row.hint else ()
        sign = console.text(f"{SIGNS[row.outcome]} {row.outcome}", STYLES[row.outcome])
        grid.add_row(sign, console.lines(told, *hint))
    return grid


COMMAND = Command(
    name="doctor",
    summary="is patchbot set up right, and what to do where it is not",
    arguments=DoctorArguments,
    run=run,
    slack=slack,
    terminal=terminal,
    examples=("doctor",),
    details="It asks AWS and Slack for what it needs; it changes and posts nothing.",
    role=Role.ADMIN,
    exit_code=lambda report: 2 if report.failed else 0,
)
