"""`node`: one node, why it is as it is, which patches that concerns, and what to do next."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, ClassVar

from pydantic import Field
from rich.console import RenderableType

from bot.chatops import cards
from bot.chatops import terminal as console
from bot.chatops.arguments import Arguments, EnvironmentName
from bot.chatops.blocks import Block, Cell, Column, Element, fields, room, section, table
from bot.chatops.blocks import context as small_print
from bot.chatops.command import Command, Show
from bot.chatops.context import Context
from bot.chatops.lookup import Found, look_up, places
from bot.chatops.markup import Text, code, in_utc, markup
from bot.chatops.reply import Attachment, Card
from bot.chatops.sizes import TABLE_ROWS
from bot.chatops.spreadsheet import file_stamp, patches_csv
from bot.core.explain import next_steps, why
from bot.core.figures import gap_row, node_row
from bot.core.nodes import Baseline, Patch
from bot.core.reports import BaselineRow, NodeReport, PatchRow
from bot.core.summaries import STATUS_WORDS, about_baseline, group_in_words, in_short
from bot.core.wording import ago, counted, listed
from bot.services.compliance import PatchDetails

CVES_SHOWN = 2
MORE = 200  # characters of JSON for the line that says how much more there is
VENDOR = "Severity is the vendor's (on Debian and Ubuntu the package priority), not the baseline's level."


class NodeArguments(Arguments):
    """What `node` takes."""

    WORDS: ClassVar[tuple[str, ...]] = ("node", "environment")

    node: str = Field(max_length=300, description="an instance id or a Name, whole")
    environment: Annotated[str | None, EnvironmentName()] = Field(
        None, description="where to look; without it, everywhere"
    )
    account: str = Field("", max_length=64, description="only in this account")
    region: str = Field("", max_length=64, description="only in this Region")
    refresh: bool = Field(False, description="read AWS again instead of the last reading")


def run(arguments: NodeArguments, context: Context) -> NodeReport:
    """The one node that bears the name. Raises NotFound, Ambiguous, and AwsError when nothing could be read."""
    compliance = context.services.compliance
    found = look_up(
        compliance,
        arguments.node,
        environment=arguments.environment,
        account=arguments.account,
        region=arguments.region,
        refresh=arguments.refresh,
        progress=context.progress,
    )
    first = found.environments[0]
    with ThreadPoolExecutor(2) as pool:
        listing = pool.submit(compliance.patches, first, found.judged, refresh=arguments.refresh)
        rules = pool.submit(compliance.baseline, first, found.judged)
        return _report(found, listing.result(), rules.result(), context)


def _report(
    found: Found,
    details: PatchDetails,
    baseline: Baseline | None,
    context: Context,
) -> NodeReport:
    judged, node, state = found.judged, found.judged.seen.node, found.judged.seen.state
    first = found.environments[0]
    stale_after = context.services.compliance.environment(first).stale_after
    notices = list(found.reading.notices)
    if details.gap is not None:
        told = f"{details.gap.reason.rstrip('.')}. {details.gap.hint}".strip()
        notices.insert(0, f"Its patches could not be listed: {told}")
    if found.hidden:
        where = places(found.hidden)
        notices.insert(0, f"Another node of that Name may be where nothing could be read: {where}.")
    return NodeReport(
        environment=first,
        environments=found.environments,
        as_of=found.reading.as_of,
        source="cache" if found.reading.source == "cache" else "aws",
        node=node_row(judged),
        agent_version=node.agent_version,
        last_ping=node.last_ping,
        instance_state=node.instance_state,
        ip_address=node.ip_address,
        reboot_option=state.reboot_option if state else "",
        last_no_reboot_install=state.last_no_reboot_install if state else None,
        available_security_updates=state.available_security_updates if state else 0,
        why=why(judged, context.now, stale_after=stale_after, baseline=baseline),
        next_steps=next_steps(judged),
        patches=tuple(_patch_row(patch) for patch in sorted(details.patches, key=_badness)),
        patches_as_of=details.read_at,
        baseline=_baseline_row(baseline) if baseline else None,
        gaps=tuple(gap_row(gap) for gap in found.hidden),
        notices=tuple(notices),
    )


_RANKS = {"critical": 0, "important": 1, "high": 1, "moderate": 2, "medium": 2, "low": 3}


def _badness(patch: Patch) -> tuple[object, ...]:
    return (
        _RANKS.get(patch.severity.casefold(), 4),
        patch.state != "Failed",
        patch.title.casefold(),
    )


def _patch_row(patch: Patch) -> PatchRow:
    return PatchRow(
        title=patch.title,
        kb_id=patch.kb_id,
        classification=patch.classification,
        severity=patch.severity,
        state=patch.state,
        cve_ids=patch.cve_ids,
        installed_time=patch.installed_time,
    )


def _baseline_row(baseline: Baseline) -> BaselineRow:
    return BaselineRow(
        baseline_id=baseline.baseline_id,
        name=baseline.name,
        operating_system=baseline.operating_system,
        description=baseline.description,
        default=baseline.default,
        compliance_levels=baseline.compliance_levels,
        approve_after_days=baseline.approve_after_days,
    )


def exit_code(report: NodeReport) -> int:
    """3 when its patches, or a place where another node of that name may be, could not be read."""
    unlisted = report.patches_as_of is None and bool(report.node.operation)
    return 3 if report.gaps or unlisted else 0


def _facts(report: NodeReport, context: Context) -> tuple[tuple[str, str], ...]:
    """What is known of the node, as names and values; those without a value are empty."""
    node, baseline = report.node, report.baseline
    named = f"{baseline.name} " if baseline and baseline.name else ""
    option = (
        f", {report.reboot_option}" if report.reboot_option and node.operation == "Install" else ""
    )
    ping = node.ping_status and f"{node.ping_status}, {ago(report.last_ping, context.now)}"
    operation = f"{node.operation}{option}, {ago(node.operation_end_time, context.now)}"
    return (
        ("Environment", listed(report.environments)),
        ("System", node.platform),
        ("Owner", node.owner or "none"),
        ("Patch group", group_in_words(node)),
        ("Baseline", f"{named}{node.baseline_id}".strip()),
        ("Where", f"{node.account}/{node.region}".strip("/")),
        ("Address", report.ip_address),
        ("SSM Agent", report.agent_version),
        ("Ping", ping),
        ("Last operation", operation if node.operation else "never"),
    )


def slack(report: NodeReport, context: Context) -> Card:
    """The node's card: status and why, facts, what to do, its patches."""
    node, name = report.node, report.node.name.strip() or report.node.instance_id
    status = STATUS_WORDS[node.status]
    facts = [
        markup("*{name}*  {value}", name=label, value=cards.brief(value, 120))
        for label, value in _facts(report, context)
        if value
    ]
    above: tuple[Block, ...] = (
        *cards.title(name, context),
        section(
            markup(
                "{id} · *{status}*\n{reasons}",
                id=code(node.instance_id),
                status=status,
                reasons=cards.bullets(report.why),
            )
        ),
        *fields(facts),
        section(markup("*What to do next*\n{steps}", steps=cards.numbered(report.next_steps))),
    )
    notes: list[Text] = [VENDOR] if report.patches else []
    about = about_baseline(report.baseline) if report.baseline else ""
    if about:
        notes.insert(0, f"Baseline: {about}")
    below: tuple[Block, ...] = (
        *cards.notices(report.notices),
        small_print(*notes, cards.read_line(report.as_of)),
        *cards.row_of(*_buttons(report, context)),
    )
    text = f"{name} ({node.instance_id}, {report.environment}): {status.lower()}. {' '.join(report.why)}"
    return Card(
        f"{cards.brief(text, 1500)} Read {in_utc(report.as_of)}.",
        (*above, *_patches(report, room((*above, *below))), *below),
    )


def _buttons(report: NodeReport, context: Context) -> tuple[Element, ...]:
    elements = list(cards.refresh_and_share(context))
    if report.patches:
        words = f"CSV of {counted(len(report.patches), 'patch', 'patches')}"
        elements.append(cards.csv(context, words, cards.asked(context)))
    others = cards.sentence("nodes", report.environment)
    elements.append(
        cards.show(f"Non-compliant in {report.environment}", Show.PRIVATE, others, name="others")
    )
    return tuple(elements)


PATCH_COLUMNS = ("Severity", "Patch", "State", "Class", "CVEs")


def _patches(report: NodeReport, space: int) -> tuple[Block, ...]:
    if not report.patches:
        return ()
    names, cells = _patch_table(report)
    columns = [Column(name, wrap=name in {"Patch", "CVEs"}) for name in names]
    rows = cells[:TABLE_ROWS]
    shown, left = table(columns, rows, budget=space - MORE)
    left += len(report.patches) - len(rows)
    if not left:
        return (shown,)
    more = counted(left, "more patch", "more patches")
    return (shown, small_print(f"… and {more}. The CSV file has them all."))


def _patch_table(report: NodeReport) -> tuple[tuple[str, ...], list[tuple[Cell, ...]]]:
    """Titles and rows; the last column only where AWS knows a CVE id (never on Windows, Debian and Ubuntu)."""
    width = len(PATCH_COLUMNS) - (not any(patch.cve_ids for patch in report.patches))
    return PATCH_COLUMNS[:width], [_patch_cells(patch)[:width] for patch in report.patches]


def _patch_cells(patch: PatchRow) -> tuple[Cell, ...]:
    # On Linux the id is the package and stands in the title; on Windows most titles end in the KB number.
    known = patch.kb_id.casefold() in patch.title.casefold()
    title = patch.title if known else f"{patch.title} ({patch.kb_id})"
    cves = ", ".join(patch.cve_ids[:CVES_SHOWN])
    more = len(patch.cve_ids) - CVES_SHOWN
    return (
        cards.brief(patch.severity or "none given", 20),
        cards.brief(title, 110),
        cards.brief(patch.state, 24),
        cards.brief(patch.classification or "none given", 24),
        cards.brief(f"{cves} and {more} more" if more > 0 else cves, 60),
    )


def file(report: NodeReport, _context: Context) -> Attachment:
    """The patches of the node that make it non-compliant or wait for approval, as CSV."""
    what = f"{counted(len(report.patches), 'patch', 'patches')} of {report.node.instance_id}"
    return Attachment(
        f"{report.node.instance_id}-patches-{file_stamp(report.as_of)}.csv",
        what,
        patches_csv(report),
        markup("{what}, read {when}.", what=what, when=in_utc(report.as_of)).source,
    )


def terminal(report: NodeReport, context: Context) -> RenderableType:
    """The same card for a terminal."""
    node = report.node
    style = console.STATUS_STYLES[node.status]
    about = about_baseline(report.baseline) if report.baseline else ""
    return console.stack(
        console.text(f"{node.name} {node.instance_id}".strip(), "bold"),
        console.text(f"{STATUS_WORDS[node.status]}: {in_short(node, context.now)}", style),
        console.bullets(report.why),
        console.section("Facts", console.facts(_facts(report, context))),
        console.section("What to do next", console.bullets(report.next_steps, "")),
        _patches_in_terminal(report) if report.patches else console.NOTHING,
        console.prose(f"Baseline: {about}", "dim") if about else console.NOTHING,
        console.notices(report.notices),
        console.read_line(report.as_of, report.source, context),
    )


def _patches_in_terminal(report: NodeReport) -> RenderableType:
    names, rows = _patch_table(report)
    shown = console.columns(*names)
    for row in rows:
        shown.add_row(*(console.cell(value) for value in row))
    return console.stack(
        console.section(counted(len(report.patches), "patch", "patches"), shown),
        console.text(VENDOR, "dim"),
    )


COMMAND = Command(
    name="node",
    summary="one node: why it is non-compliant, its patches, what to do next",
    arguments=NodeArguments,
    run=run,
    slack=slack,
    terminal=terminal,
    examples=("node i-0123456789abcdef0", "node prod-web-01", "node prod-web-01 prod"),
    details="Give the whole instance id or the whole Name. Where several nodes bear it, patchbot asks which one.",
    file=file,
    exit_code=exit_code,
)
