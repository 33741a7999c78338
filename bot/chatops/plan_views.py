"""What `install` and `scan` share: their arguments, and a plan as a card, as a form and in a terminal."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field
from rich.console import RenderableType

from bot.chatops import cards, change_words, modals, refused_plans
from bot.chatops import terminal as console
from bot.chatops.arguments import Arguments, EnvironmentName, OneOf
from bot.chatops.blocks import Block, Element, section
from bot.chatops.blocks import context as small_print
from bot.chatops.context import Context
from bot.chatops.markup import bold, code, join, markup
from bot.chatops.reply import Card
from bot.core.change_reports import PlanReport
from bot.core.errors import UsageError
from bot.core.judgement import Status
from bot.core.plans import Operation, RebootOption
from bot.core.selection import EVERY_STATE, SEVERITIES, STATES, Filter
from bot.core.wording import counted, in_utc

ROWS = 10
LONGEST_FILTER = 100
TERMINAL_ROWS = 50
EXCLUDED_SHOWN = 20
PATCHES_MOST = 20
_REBOOT = {"needed": RebootOption.REBOOT_IF_NEEDED, "no": RebootOption.NO_REBOOT}


class _Scope(Arguments):
    """The filters of a plan; all must match."""

    WORDS: ClassVar[tuple[str, ...]] = ("environment",)

    environment: Annotated[str, EnvironmentName()] = Field(description="the part of the fleet")
    state: Annotated[str, OneOf(STATES)] = Field(EVERY_STATE, description="a status or a reason")
    severity: Annotated[str, OneOf(SEVERITIES)] = Field(
        "", description="the worst kind of non-compliance, in the baseline's words"
    )
    os: str = Field(
        "", max_length=LONGEST_FILTER, description="part of the operating system's name"
    )
    owner: str = Field("", max_length=LONGEST_FILTER, description="the owner")
    group: str = Field("", max_length=LONGEST_FILTER, description="the patch group")
    region: str = Field("", max_length=64, description="the Region")
    account: str = Field("", max_length=64, description="the account id")
    name: str = Field("", max_length=LONGEST_FILTER, description="part of the name or instance id")
    nodes: str = Field(
        "",
        max_length=1000,
        description="whatever their state: of an alert (A-12), of a digest (D-3/2026-11-27), or instance ids, by comma",
    )
    refresh: bool = Field(False, description="read AWS again instead of the last reading")

    def filter(self) -> Filter:
        """As the selection takes it."""
        names = ("state", "severity", "os", "owner", "group", "region", "account", "name")
        return Filter(**{name: getattr(self, name) for name in names})


class ScanArguments(_Scope):
    """What `scan` takes."""


class InstallArguments(_Scope):
    """What `install` takes."""

    state: Annotated[str, OneOf(STATES)] = Field(
        Status.NON_COMPLIANT.value, description="a status or a reason"
    )
    patches: str = Field(
        "",
        max_length=500,
        description="only nodes that miss one of these (KB, package or CVE, by comma)",
    )
    reboot: Annotated[str, OneOf(tuple(_REBOOT))] = Field(
        "needed", description="whether nodes reboot where something was installed"
    )

    def wanted_patches(self) -> tuple[str, ...]:
        """The patches, each once. Raises UsageError for too many."""
        words = (word.strip() for word in self.patches.split(","))
        found = tuple(dict.fromkeys(word for word in words if word))
        if len(found) > PATCHES_MOST:
            raise UsageError(
                f"`patches:` takes {PATCHES_MOST} at most.", hint="Ask in several steps."
            )
        return found

    def reboot_option(self) -> RebootOption:
        """As AWS calls it."""
        return _REBOOT[self.reboot]


def exit_code(report: PlanReport) -> int:
    """3 when nothing can be asked for, else 0."""
    return 3 if report.refusals else 0


def modal(report: PlanReport, _context: Context) -> Element:
    """The form in which it is asked for, or why it cannot be."""
    return modals.request_modal(report)


def _title(report: PlanReport) -> str:
    return change_words.what(
        report.operation, len(report.nodes), report.environment, rehearsal=report.rehearsal
    )


def card(report: PlanReport, context: Context) -> Card:
    """The plan to look at, where a form cannot be opened."""
    rows = report.nodes[:ROWS]
    nodes = [
        markup(
            "• {name} {id}: {missing} missing, {failed} failed",
            name=bold(cards.brief(row.name or row.instance_id, 60)),
            id=code(row.instance_id),
            missing=row.missing,
            failed=row.failed,
        )
        for row in rows
    ]
    if len(report.nodes) > ROWS:
        nodes.append(cards.prose(f"{len(report.nodes) - ROWS:,} more nodes"))
    facts = [cards.timed(line, 600) for line in _facts(report)]
    blocks: list[Block] = [
        *cards.title(f"Plan: {_title(report)}", context),
        *refused_plans.blocks(report),
        *([section(join("\n", facts))] if facts else []),
        *([section(join("\n", nodes))] if nodes else []),
        small_print("Nothing was asked for by this.", cards.read_line(report.as_of)),
    ]
    told = " ".join(report.refusals) or f"{_title(report)}; nothing was asked for."
    return Card(told, tuple(blocks))


def _facts(report: PlanReport) -> list[str]:
    facts = [
        f"Reboots: {change_words.reboots(report.reboots, report.operation, report.reboot_option)}."
        if report.nodes
        else "",
        f"Waves: {change_words.waves(report.waves, report.operation)}." if report.waves else "",
        f"{change_words.left_out(report)}." if report.excluded else "",
        *report.remarks,
        *(
            f"Next maintenance window in {one.place}: {one.name}, {in_utc(one.start)}."
            for one in report.windows[:3]
        ),
        change_words.needs_of_plan(report) if not report.refusals else "",
        f"Code {report.code}, {report.document}." if report.code else "",
    ]
    return [fact for fact in facts if fact]


def terminal(report: PlanReport, context: Context) -> RenderableType:
    """The plan for a terminal; it is dry: asking for it happens in Slack, where people are known."""
    table = console.columns(
        "Node",
        "System and owner",
        "Missing",
        "Failed",
        right=("Missing", "Failed"),
        fixed=("Node",),
    )
    for row in report.nodes[:TERMINAL_ROWS]:
        table.add_row(
            console.lines(console.text(row.name or "-", "bold"), console.text(row.instance_id)),
            console.lines(console.text(row.platform), console.text(row.owner or "no owner", "dim")),
            console.cell(row.missing),
            console.cell(row.failed),
        )
    more = len(report.nodes) - TERMINAL_ROWS
    out = console.columns("Left out", "Why", fixed=("Left out",))
    for one in report.excluded[:EXCLUDED_SHOWN]:
        out.add_row(
            console.lines(console.text(one.name or "-", "bold"), console.text(one.instance_id)),
            console.text(one.why),
        )
    left = len(report.excluded) - EXCLUDED_SHOWN
    verb = "install" if report.operation is Operation.INSTALL else "scan"
    style = "bold green" if refused_plans.is_good_news(report) else "bold red"
    return console.stack(
        console.text(f"Plan: {_title(report)}", "bold"),
        *(console.prose(line, style) for line in report.refusals),
        *(console.prose(line) for line in _facts(report)),
        table if report.nodes else console.NOTHING,
        console.text(f"{counted(more, 'more node')}; --json has all")
        if more > 0
        else console.NOTHING,
        out if report.excluded else console.NOTHING,
        console.text(f"{counted(left, 'more')} left out; --json has all")
        if left > 0
        else console.NOTHING,
        console.prose(
            f"This is only a look, nothing was asked for. Ask for it in Slack: `/patch {verb} {report.environment}`"
        ),
        console.read_line(report.as_of, "aws", context),
    )
