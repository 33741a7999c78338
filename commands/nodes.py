"""`nodes`: the nodes of an environment, by default the non-compliant ones, worst first, page by page and as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, ClassVar

from pydantic import Field
from rich.console import RenderableType

from bot.chatops import cards, corrections, node_lists
from bot.chatops import terminal as console
from bot.chatops.arguments import Arguments, EnvironmentName, OneOf
from bot.chatops.blocks import Block, Element, section
from bot.chatops.blocks import context as small_print
from bot.chatops.command import Command, Show
from bot.chatops.context import Context
from bot.chatops.limits import size
from bot.chatops.markup import in_utc, markup, utc
from bot.chatops.reply import Attachment, Card
from bot.chatops.spreadsheet import file_stamp, nodes_csv
from bot.core.errors import UsageError
from bot.core.figures import Judged, count, gap_row, node_row
from bot.core.judgement import Status
from bot.core.reports import NodesReport
from bot.core.selection import EVERY_STATE, SEVERITIES, SORTS, STATES, Filter, select
from bot.core.summaries import (
    gaps_in_short,
    in_short,
    list_in_words,
    list_title,
    short_platform,
)
from bot.core.wording import ago

PAGE = 10
TERMINAL_PAGE = 50
LONGEST_QUESTION = 400  # in JSON: four buttons carry it
SORT_NAMES = {
    "worst": "Worst first",
    "name": "By name",
    "oldest": "Oldest result first",
    "missing": "Most missing first",
    "os": "By operating system",
    "owner": "By owner",
}
STATE_NAMES = {
    Status.NON_COMPLIANT.value: "Non-compliant",
    Status.UNKNOWN.value: "Unknown",
    Status.COMPLIANT.value: "Compliant",
    "pending_reboot": "Pending reboot",
    "failed": "Failed installs",
    "connection_lost": "Connection lost",
    Status.STOPPED.value: "Stopped",
    EVERY_STATE: "All",
}


class NodesArguments(Arguments):
    """What `nodes` takes: filters that must all match, and how to show what they leave."""

    WORDS: ClassVar[tuple[str, ...]] = ("environment",)

    environment: Annotated[str, EnvironmentName()] = Field(description="the part of the fleet")
    state: Annotated[str, OneOf(STATES)] = Field(
        Status.NON_COMPLIANT.value, description="a status, a reason, or what wants a look"
    )
    severity: Annotated[str, OneOf(SEVERITIES)] = Field(
        "", description="the worst kind of non-compliance, in the baseline's words"
    )
    os: str = Field("", max_length=256, description="part of the operating system's name")
    owner: str = Field("", max_length=256, description="the owner")
    group: str = Field("", max_length=256, description="the patch group")
    region: str = Field("", max_length=64, description="the Region")
    account: str = Field("", max_length=64, description="the account id")
    name: str = Field("", max_length=256, description="part of the name or instance id")
    sort: Annotated[str, OneOf(tuple(SORTS))] = Field("worst", description="the order")
    page: int = Field(1, ge=1, le=100_000, description="which page")
    refresh: bool = Field(False, description="read AWS again instead of the last reading")

    def filters(self) -> dict[str, str]:
        """The filters that are set; the state always is."""
        names = ("state", "severity", "os", "owner", "group", "region", "account", "name")
        return {name: value for name in names if (value := getattr(self, name))}


def run(arguments: NodesArguments, context: Context) -> NodesReport:
    """The nodes that match. Raises UsageError for filters too long to put on a button, and what reading raises."""
    if size(cards.asked(context)) > LONGEST_QUESTION:
        raise UsageError(
            "That is too much to filter by at once.",
            hint=f"Keep it under {LONGEST_QUESTION} characters; a part of a `name:` or an `os:` is enough.",
        )
    reading, judged = context.services.compliance.judged(
        arguments.environment, refresh=arguments.refresh, progress=context.progress
    )
    filters = arguments.filters()
    wanted = Filter(**filters)
    found = select(judged, wanted, sort=arguments.sort)
    unmatched = corrections.unmatched(filters, judged) if not found else {}
    return NodesReport(
        environment=reading.environment,
        as_of=reading.as_of,
        source="cache" if reading.source == "cache" else "aws",
        total=len(found),
        filters=filters,
        sort=arguments.sort,
        counts=count(judged),
        of_state=len(select(judged, Filter(state=wanted.state))),
        unknown_not_listed=_unknown(judged, wanted),
        unmatched=unmatched,
        meant=corrections.filters(filters, unmatched, judged),
        nodes=tuple(node_row(one) for one in found),
        gaps=tuple(gap_row(gap) for gap in reading.gaps),
        notices=reading.notices,
    )


def _unknown(judged: Sequence[Judged], wanted: Filter) -> int:
    """How many unknown nodes a list of the non-compliant ones leaves out; nobody knows their severity."""
    if wanted.state != Status.NON_COMPLIANT.value:
        return 0
    return len(select(judged, replace(wanted, state=Status.UNKNOWN.value, severity="")))


def exit_code(report: NodesReport) -> int:
    """3 when something could not be read, else 0."""
    return 3 if report.gaps else 0


class _Page:
    """The part of a list that is shown; a page behind the last one is the last one."""

    def __init__(self, report: NodesReport, context: Context, *, size: int) -> None:
        asked = int(dict(context.sentence.options).get("page", "1"))
        self.last = max(1, -(-report.total // size))
        self.number = min(asked, self.last)
        self.missed = (
            f"There is no page {asked:,}; this is the last one, page {self.number:,}."
            if asked > self.last
            else ""
        )
        start = (self.number - 1) * size
        self.rows = report.nodes[start : start + size]
        self.span = f"{start + 1:,}-{start + len(self.rows):,} of {report.total:,}"


def slack(report: NodesReport, context: Context) -> Card:
    """One page of the list as a card, or why it is empty."""
    page = _Page(report, context, size=PAGE)
    what = list_title(report)
    above = (
        *cards.title(what, context),
        *cards.gaps(report.gaps, context.now),
    )
    below = (
        *cards.notices(report.notices),
        small_print(
            *filter(
                None,
                (
                    *node_lists.small_print(
                        report, SORT_NAMES[report.sort].lower(), page.rows, page.span
                    ),
                    node_lists.left_out(report),
                    page.missed,
                ),
            ),
            cards.read_line(report.as_of),
        ),
        *cards.row_of(*_buttons(report, page, context)),
    )
    menus = cards.row_of(*_menus(report, context))

    def listed(*, details: bool) -> tuple[Block, ...]:
        if not report.nodes:
            return (section(cards.prose(node_lists.why_empty(report))),)
        return cards.node_rows(
            page.rows, context.now, environment=report.environment, details=details
        )

    first = ", ".join(
        f"{row.name or row.instance_id} ({in_short(row, context.now)})" for row in page.rows[:3]
    )
    more = (
        f" First here: {cards.brief(first, 600)}." if first else f" {node_lists.why_empty(report)}"
    )
    hidden = gaps_in_short(report.gaps)
    gap = f" {hidden}." if hidden else ""
    return Card(
        f"{what}.{more}{gap} Read {in_utc(report.as_of)}.",
        cards.fitting(
            (*above, *listed(details=True), *below, *menus),
            (*above, *listed(details=True), *below),
            (*above, *listed(details=False), *below),
        ),
    )


def _buttons(report: NodesReport, page: _Page, context: Context) -> tuple[Element, ...]:
    pages = []
    if page.number > 1:
        previous = cards.asked(context, page=str(page.number - 1))
        pages.append(cards.show("Previous", Show.REPLACE, previous, name="previous"))
    if page.number < page.last:
        following = cards.asked(context, page=str(page.number + 1))
        pages.append(cards.show("Next", Show.REPLACE, following, name="next"))
    if report.meant:
        corrected = cards.asked(context, refresh=False, page=None, **report.meant)
        words = " ".join(f"{name}:{value}" for name, value in report.meant.items())
        pages.append(cards.show(f"Show {words}", Show.REPLACE, corrected, name="meant"))
    if report.nodes:
        everything = cards.asked(context, page=None)
        pages.append(cards.csv(context, f"CSV of {report.total:,}", everything))
    if report.unknown_not_listed:
        words = f"Show {report.unknown_not_listed:,} unknown"
        pages.append(cards.show(words, Show.REPLACE, _the_unknown(context), name="unknown"))
    plan = node_lists.install_plan(report) if context.services.installs else ()
    return (*pages, *plan, *cards.refresh_and_share(context))


def _the_unknown(context: Context) -> str:
    return cards.asked(context, state=Status.UNKNOWN.value, severity=None, page=None)


def _menus(report: NodesReport, context: Context) -> tuple[Element, ...]:
    states = [
        (text, cards.asked(context, state=state, page=None)) for state, text in STATE_NAMES.items()
    ]
    sorts = [
        (text, cards.asked(context, sort=sort, page=None)) for sort, text in SORT_NAMES.items()
    ]
    return (
        *cards.menu(
            "List others…",
            Show.REPLACE,
            states,
            name="state",
            chosen=cards.asked(context, state=report.filters["state"], page=None),
        ),
        *cards.menu(
            "Sort…",
            Show.REPLACE,
            sorts if report.nodes else [],
            name="sort",
            chosen=cards.asked(context, sort=report.sort, page=None),
        ),
    )


def file(report: NodesReport, _context: Context) -> Attachment:
    """Every node that matched as CSV, in the order of the list."""
    what = list_in_words(report)
    return Attachment(
        f"{report.environment}-nodes-{file_stamp(report.as_of)}.csv",
        list_title(report),
        nodes_csv(report.nodes),
        markup(
            "{what} of {environment}, read {when}.",
            what=what,
            environment=report.environment,
            when=utc(report.as_of),
        ).source,
    )


def terminal(report: NodesReport, context: Context) -> RenderableType:
    """The same list for a terminal, in longer pages."""
    page = _Page(report, context, size=TERMINAL_PAGE)
    shown = console.columns("Node", "Why", "System and owner", "Last operation", fixed=("Node",))
    for row in page.rows:
        operation = f"{row.operation} {ago(row.operation_end_time, context.now)}".strip()
        shown.add_row(
            console.lines(console.text(row.name or "-", "bold"), console.text(row.instance_id)),
            console.text(in_short(row, context.now), console.STATUS_STYLES[row.status]),
            console.lines(
                console.text(short_platform(row.platform)),
                console.text(row.owner or "no owner", "dim"),
            ),
            console.text(operation),
        )
    unknown = f" `{_the_unknown(context)}` lists them."
    more = f". Page {page.number} of {page.last}; --json has all" if page.last > 1 else ""
    return console.stack(
        console.gaps(report.gaps, context),
        console.text(list_title(report), "bold"),
        shown if report.nodes else console.prose(node_lists.why_empty(report)),
        *(
            console.text(line, "dim")
            for line in node_lists.small_print(
                report, SORT_NAMES[report.sort].lower(), page.rows, page.span
            )
        ),
        *(
            console.prose(line, "dim")
            for line in (node_lists.left_out(report, unknown), page.missed)
            if line
        ),
        console.notices(report.notices),
        console.read_line(report.as_of, report.source, context).append(more),
    )


COMMAND = Command(
    name="nodes",
    summary="the nodes of an environment, worst first",
    arguments=NodesArguments,
    run=run,
    slack=slack,
    terminal=terminal,
    examples=(
        "nodes prod",
        "nodes prod state:unknown",
        'nodes prod os:"Windows Server 2022" sort:oldest',
        "nodes prod severity:critical owner:payments",
    ),
    details="Without `state:` it lists the non-compliant nodes. Several filters must all match.",
    file=file,
    exit_code=exit_code,
)
