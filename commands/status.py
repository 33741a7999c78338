"""`status`: how compliant an environment is, or all of them, with what hides behind the number."""

from __future__ import annotations

from typing import Annotated, ClassVar, TypeAlias

from pydantic import Field
from rich.console import RenderableType

from bot.chatops import cards
from bot.chatops import terminal as console
from bot.chatops.arguments import Arguments, EnvironmentName, OneOf
from bot.chatops.blocks import Block, Cell, Column, Element, fields, fit, room, section, table
from bot.chatops.blocks import context as small_print
from bot.chatops.command import Command, Show
from bot.chatops.context import Context
from bot.chatops.markup import in_utc, join, markup
from bot.chatops.reply import Attachment, Card
from bot.chatops.sizes import TABLE_ROWS
from bot.chatops.spreadsheet import counts_csv, file_stamp
from bot.core.errors import UsageError
from bot.core.figures import BREAKDOWNS
from bot.core.judgement import Status
from bot.core.reports import FleetReport, GapRow, Group, StatusReport
from bot.core.selection import EVERY_STATE
from bot.core.summaries import (
    LEVEL,
    attention_in_words,
    figures,
    headline,
    in_short,
    no_nodes,
    nothing_read,
    shares,
    status_in_short,
    worst_kind,
)
from bot.core.wording import ago, counted
from bot.services.statuses import fleet_status, status_of

Answer: TypeAlias = StatusReport | FleetReport

WORST_SHOWN = 3
ENVIRONMENTS_SHOWN = 40
BAR = ("🟩", "🟥", "⬜")  # compliant, non-compliant, unknown, in the order of the words below it
BAR_PIECES = 12
MORE = 200  # characters of JSON for the line that says how much more there is
BREAKDOWN_NAMES = {
    "severity": "severity",
    "os": "operating system",
    "owner": "owner",
    "account": "account",
    "region": "Region",
    "group": "patch group",
}


class StatusArguments(Arguments):
    """What `status` takes."""

    WORDS: ClassVar[tuple[str, ...]] = ("environment",)

    environment: Annotated[str | None, EnvironmentName()] = Field(
        None, description="the part of the fleet to look at; without it, all of them"
    )
    by: Annotated[str | None, OneOf(tuple(BREAKDOWNS))] = Field(
        None, description="break the counts down"
    )
    refresh: bool = Field(False, description="read AWS again instead of the last reading")


def run(arguments: StatusArguments, context: Context) -> Answer:
    """One environment, or every one in the order of the configuration.

    Raises UsageError for a breakdown of all environments, and AwsError when nothing at all could be read.
    """
    compliance = context.services.compliance
    names, again = compliance.environments, arguments.refresh
    if arguments.environment is not None or len(names) == 1:
        return status_of(
            compliance,
            arguments.environment or names[0],
            now=context.now,
            by=arguments.by,
            refresh=again,
            progress=context.progress,
        )
    if arguments.by is not None:
        raise UsageError(
            "A breakdown needs an environment.",
            hint=f"For example: `/patch status {names[0]} by:{arguments.by}`",
        )
    return fleet_status(compliance, now=context.now, refresh=again, progress=context.progress)


def exit_code(report: Answer) -> int:
    """3 when something could not be read, else 0."""
    return 3 if any(one.gaps for one in _each(report)) else 0


def _each(report: Answer) -> tuple[StatusReport, ...]:
    return report.environments if isinstance(report, FleetReport) else (report,)


def slack(report: Answer, context: Context) -> Card:
    """The card of one environment, or a table of all."""
    if isinstance(report, FleetReport):
        return _fleet_card(report, context)
    worst = () if report.by else report.worst_nodes[:WORST_SHOWN]
    level = [LEVEL] if any(worst_kind(row) == "critical" for row in worst) else []
    above = (
        *cards.title(headline(report), context),
        *cards.gaps(report.gaps, context.now),
        *(_figures(report, context) if report.nodes.total else _nothing(report)),
    )
    below = (
        *cards.notices(report.notices),
        small_print(cards.read_line(report.as_of), *level),
        *cards.row_of(*_buttons(report, context)),
        *cards.row_of(*_menus(report)),
    )
    space = room((*above, *below))
    details = _breakdown(report, space) if report.by else _worst(report, context, space)
    text = f"{status_in_short(report)}. Read {in_utc(report.as_of)}."
    return Card(text, (*above, *details, *below))


def _nothing(report: StatusReport) -> tuple[Block, ...]:
    return (section(cards.prose(no_nodes(report))),)


def _figures(report: StatusReport, context: Context) -> tuple[Block, ...]:
    """A bar, what it says in words, and the other figures below it."""
    (_, compliant), _, *others = figures(report, context.now)
    bar = "".join(
        sign * pieces for sign, pieces in zip(BAR, shares(report.nodes, BAR_PIECES), strict=True)
    )
    attention = attention_in_words(report)
    parts = markup(
        "*{compliant}* compliant · *{broken:,}* non-compliant · *{unknown:,}* unknown",
        compliant=compliant,
        broken=report.nodes.non_compliant,
        unknown=report.nodes.unknown,
    )
    if nothing_read(report):
        parts = markup("*{unknown:,}* unknown", unknown=report.nodes.unknown)
    return (
        section(markup("{bar}\n{parts}", bar=bar, parts=parts)),
        *fields([markup("*{name}*  {value}", name=name, value=value) for name, value in others]),
        *(
            [section(markup("*Wants a look:* {what}", what=join(" · ", attention)))]
            if attention
            else []
        ),
    )


def _worst(report: StatusReport, context: Context, space: int) -> tuple[Block, ...]:
    rows = report.worst_nodes[:WORST_SHOWN]
    shown = cards.node_rows(rows, context.now, environment=report.environment)
    return fit(shown, budget=space, at_most=WORST_SHOWN).shown


def _breakdown(report: StatusReport, space: int) -> tuple[Block, ...]:
    columns = (
        Column(f"By {BREAKDOWN_NAMES[report.by or '']}", wrap=True),
        Column("Compliant", align="right"),
        Column("Non-compliant", align="right"),
        Column("Unknown", align="right"),
        Column("Nodes", align="right"),
    )
    rows = [_group_row(group) for group in report.groups[:TABLE_ROWS]]
    shown, left = table(columns, rows, budget=space - MORE)
    left += len(report.groups) - len(rows)
    if not left:
        return (shown,)
    return (shown, small_print(f"… and {counted(left, 'more row')}. The CSV file has them all."))


def _group_row(group: Group) -> tuple[Cell, ...]:
    nodes = group.nodes
    share = f" ({group.compliance_percent} %)" if group.compliance_percent is not None else ""
    return (
        cards.brief(group.key, 80),
        f"{nodes.compliant:,}{share}",
        nodes.non_compliant,
        nodes.unknown,
        nodes.total,
    )


def _buttons(report: StatusReport, context: Context) -> tuple[Element, ...]:
    elements = list(cards.refresh_and_share(context))
    if broken := report.nodes.non_compliant:
        listed = cards.show(
            f"Show {broken:,} non-compliant",
            Show.PRIVATE,
            cards.sentence("nodes", report.environment),
            name="list",
            style="primary",
        )
        elements.insert(0, listed)
        if context.services.installs and (report.patches.missing or report.patches.failed):
            elements.insert(1, cards.plan("install", report.environment, {}))
    if context.services.history is not None:
        asked = cards.sentence("trend", report.environment)
        elements.append(cards.show("Trend", Show.PRIVATE, asked, name="trend"))
    if report.by:
        elements.append(cards.csv(context, "CSV file", cards.asked(context)))
    return tuple(elements)


def _menus(report: StatusReport) -> tuple[Element, ...]:
    name, nodes, attention = report.environment, report.nodes, report.attention
    lists = (
        ("Non-compliant", nodes.non_compliant, Status.NON_COMPLIANT.value),
        ("Unknown", nodes.unknown, Status.UNKNOWN.value),
        ("Pending reboot", attention.pending_reboot, "pending_reboot"),
        ("Failed installs", attention.failed, "failed"),
        ("Connection lost", attention.connection_lost, "connection_lost"),
        ("Stopped", attention.stopped, Status.STOPPED.value),
        ("All", nodes.total + attention.stopped, EVERY_STATE),
    )
    choices = [
        (f"{words} ({number:,})", cards.sentence("nodes", name, state=state))
        for words, number, state in lists
        if number
    ]
    breakdowns = [
        (f"By {words}", cards.sentence("status", name, by=by))
        for by, words in BREAKDOWN_NAMES.items()
    ]
    if report.by:
        breakdowns.insert(0, ("Worst nodes", cards.sentence("status", name)))
    chosen = cards.sentence("status", name, by=report.by) if report.by else None
    return (
        *cards.menu("List nodes…", Show.PRIVATE, choices, name="nodes"),
        *cards.menu(
            "Break down…",
            Show.REPLACE,
            breakdowns if nodes.total else [],
            name="by",
            chosen=chosen,
        ),
    )


FLEET_COLUMNS = ("Environment", "Compliant", "Non-compliant", "Unknown", "Critical-level", "Read")


def _fleet_card(report: FleetReport, context: Context) -> Card:
    environments = report.environments
    columns = [
        Column(name, align="right" if index else "left", wrap=not index)
        for index, name in enumerate(FLEET_COLUMNS)
    ]
    shown, left = table(columns, [_fleet_row(one, context) for one in environments])
    choices = [
        (one.environment, cards.sentence("status", one.environment))
        for one in environments[:ENVIRONMENTS_SHOWN]
    ]
    more = f"… and {counted(left, 'more environment')}; name one to see it. " if left else ""
    lines = [f"{status_in_short(one)}." for one in environments[:ENVIRONMENTS_SHOWN]]
    if len(environments) > len(lines):
        lines.append(f"… and {counted(len(environments) - len(lines), 'more environment')}.")
    return Card(
        "\n".join((*lines, f"Read {in_utc(report.as_of)}.")),
        (
            *cards.title(
                f"Patch compliance of {counted(len(environments), 'environment')}", context
            ),
            *cards.gaps(_fleet_gaps(report), context.now),
            shown,
            small_print(cards.read_line(report.as_of), f"{more}{LEVEL}"),
            *cards.row_of(
                *cards.menu("Open an environment…", Show.PRIVATE, choices, name="environment"),
                *cards.refresh_and_share(context),
            ),
        ),
    )


def _fleet_gaps(report: FleetReport) -> list[GapRow]:
    """The gaps of all environments, each saying which one it belongs to."""
    return [
        gap.model_copy(update={"region": f"{gap.region} ({one.environment})"})
        for one in report.environments
        for gap in one.gaps
    ]


def _fleet_row(report: StatusReport, context: Context) -> tuple[Cell, ...]:
    nodes = report.nodes
    share = f"{nodes.compliant:,} of {nodes.total:,} ({report.compliance_percent} %)"
    if nothing_read(report):
        share = "not known"
    return (
        f"{report.environment} (gap)" if report.gaps else report.environment,
        share if nodes.total else "no nodes",
        nodes.non_compliant,
        nodes.unknown,
        report.nodes_with.critical_non_compliant - report.nodes_with.critical_by_old_scan,
        ago(report.as_of, context.now),
    )


def file(report: Answer, _context: Context) -> Attachment:
    """The counts as CSV: a line per row of the breakdown, else one per environment."""
    about = report.environment if isinstance(report, StatusReport) else "all"
    return Attachment(
        f"{about}-status-{file_stamp(report.as_of)}.csv",
        f"Patch compliance of {about}, read {in_utc(report.as_of)}",
        counts_csv(_each(report)),
    )


def terminal(report: Answer, context: Context) -> RenderableType:
    """The same facts for a terminal."""
    if isinstance(report, FleetReport):
        # Broken at the hyphen, all columns and the longest counts fit into 80.
        names = [name.replace("-", "-\n") for name in FLEET_COLUMNS]
        counts = console.columns(*names, right=names[1:])
        for one in report.environments:
            counts.add_row(*(console.cell(value) for value in _fleet_row(one, context)))
        return console.stack(
            console.gaps(_fleet_gaps(report), context),
            counts,
            console.text(LEVEL, "dim"),
            console.read_line(report.as_of, "aws", context),
        )
    shown = figures(report, context.now) if report.nodes.total else ()
    return console.stack(
        console.gaps(report.gaps, context),
        console.text(headline(report), "bold"),
        console.facts(shown) if shown else console.prose(no_nodes(report)),
        console.labelled("Wants a look", attention_in_words(report)),
        _groups_in_terminal(report) if report.by else _worst_in_terminal(report, context),
        console.notices(report.notices),
        console.read_line(report.as_of, report.source, context),
    )


def _groups_in_terminal(report: StatusReport) -> RenderableType:
    counts = ("Compliant", "Non-compliant", "Unknown", "Nodes")
    shown = console.columns(f"By {BREAKDOWN_NAMES[report.by or '']}", *counts, right=counts)
    for group in report.groups:
        shown.add_row(*(console.cell(value) for value in _group_row(group)))
    return shown


def _worst_in_terminal(report: StatusReport, context: Context) -> RenderableType:
    if not report.worst_nodes:
        return console.NOTHING
    shown = console.columns("Worst nodes", "Instance", "Why", fixed=("Instance",))
    for row in report.worst_nodes:
        what = in_short(row, context.now)
        shown.add_row(
            console.text(row.name or "-"), console.text(row.instance_id), console.text(what)
        )
    return shown


COMMAND = Command(
    name="status",
    summary="how compliant an environment is, or all of them",
    arguments=StatusArguments,
    run=run,
    slack=slack,
    terminal=terminal,
    examples=("status", "status prod", "status prod by:os", "status prod refresh"),
    details=(
        "A percentage always says of how many nodes. Nodes that were never scanned, whose last scan is too old, or"
        " that could not be read are unknown, and unknown is never compliant."
    ),
    file=file,
    exit_code=exit_code,
)
