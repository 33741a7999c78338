"""`node`: one node, why it is as it is, which patches that concerns, and what to do next."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, ClassVar

from pydantic import Field
from rich.console import RenderableType

from bot.chatops import cards, patch_table
from bot.chatops import terminal as console
from bot.chatops.arguments import Arguments, EnvironmentName
from bot.chatops.blocks import Block, Element, fields, room, section
from bot.chatops.blocks import context as small_print
from bot.chatops.command import Command, Show
from bot.chatops.context import Context
from bot.chatops.lookup import Found, look_up, places
from bot.chatops.markup import Text, code, in_utc, markup, utc
from bot.chatops.reply import Attachment, Card
from bot.chatops.spreadsheet import file_stamp, patches_csv
from bot.core.explain import INSTALL_HELPS, SCAN_HELPS, next_steps, why
from bot.core.figures import gap_row, node_row
from bot.core.judgement import Status
from bot.core.nodes import Baseline, Patch
from bot.core.reports import BaselineRow, NodeReport, PatchRow
from bot.core.summaries import (
    STATUS_WORDS,
    about_baseline,
    connection_lost,
    group_in_words,
    in_short,
)
from bot.core.wording import ago, counted, listed
from bot.services.compliance import PatchDetails

LEVELS_COUNTED = (
    "How many are at the level CRITICAL is AWS's count; which ones they are is not in this list."
)


class NodeArguments(Arguments):
    """What `node` takes."""

    WORDS: ClassVar[tuple[str, ...]] = ("node", "environment")

    node: str = Field(
        max_length=300,
        description="an instance id or a Name, whole",
        examples=["prod-web-01", "i-0123456789abcdef0"],
    )
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
        next_steps=next_steps(judged, first),
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
        ("Baseline", baseline.name if baseline else ""),
        ("Baseline id", node.baseline_id),
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
        markup("*{name}*  {value}", name=label, value=_fact(value, report))
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
    notes: list[Text] = [patch_table.VENDOR] if report.patches else []
    if _counts_levels(report):
        notes.append(LEVELS_COUNTED)
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
        (*above, *patch_table.blocks(report.patches, budget=room((*above, *below))), *below),
    )


def _counts_levels(report: NodeReport) -> bool:
    """Whether a count by the baseline's level stands above patches that only have the vendor's severity."""
    return bool(report.patches and report.node.critical_non_compliant)


def _fact(value: str, report: NodeReport) -> Text:
    """What people copy is code, because elsewhere look-alikes take the place of what Slack would act on."""
    node, shown = report.node, cards.brief(value, 120)
    copied = {node.owner, node.patch_group, node.baseline_id, report.ip_address}
    return code(shown) if value in copied else shown


def _buttons(report: NodeReport, context: Context) -> tuple[Element, ...]:
    elements = [*_plans(report, context), *cards.refresh_and_share(context)]
    if report.patches:
        words = f"CSV of {counted(len(report.patches), 'patch', 'patches')}"
        elements.append(cards.csv(context, words, cards.asked(context)))
    others = cards.sentence("nodes", report.environment)
    elements.append(
        cards.show(f"Non-compliant in {report.environment}", Show.PRIVATE, others, name="others")
    )
    return tuple(elements)


def _plans(report: NodeReport, context: Context) -> tuple[Element, ...]:
    """The forms for this node alone, where what they ask for would help."""
    node, reasons = report.node, set(report.node.reasons)
    if context.services.installs is None or connection_lost(node):
        return ()
    unproved = node.status is Status.COMPLIANT and node.operation == "Install"
    asked = {"nodes": node.instance_id}
    install = cards.plan("install", report.environment, asked, style="primary")
    scan = cards.plan("scan", report.environment, asked)
    return (
        *([install] if reasons & INSTALL_HELPS else []),
        *([scan] if reasons & SCAN_HELPS or unproved else []),
    )


def file(report: NodeReport, _context: Context) -> Attachment:
    """The patches of the node that make it non-compliant or wait for approval, as CSV."""
    what = f"{counted(len(report.patches), 'patch', 'patches')} of {report.node.instance_id}"
    return Attachment(
        f"{report.node.instance_id}-patches-{file_stamp(report.as_of)}.csv",
        what,
        patches_csv(report),
        markup("{what}, read {when}.", what=what, when=utc(report.as_of)).source,
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
        console.section("What to do next", console.numbered(report.next_steps)),
        patch_table.terminal(report.patches),
        console.prose(LEVELS_COUNTED, "dim") if _counts_levels(report) else console.NOTHING,
        console.prose(f"Baseline: {about}", "dim") if about else console.NOTHING,
        console.notices(report.notices),
        console.read_line(report.as_of, report.source, context),
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
