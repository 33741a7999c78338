"""A digest in words, the same in Slack and in a terminal: how things stand, what changed, what is due.

Names of nodes, owners, baselines and patches come from people: show all of it as untrusted text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from bot.core.causes import Cause, Remedy
from bot.core.digest_reports import (
    ApprovalLine,
    ChangeGroup,
    DigestReport,
    DueRow,
    NamedNode,
    Part,
    PatchTally,
    RunLine,
    Standing,
    WaiverLine,
)
from bot.core.judgement import Reason
from bot.core.reports import UnknownReasons
from bot.core.runs import RunState
from bot.core.summaries import REASON_WORDS
from bot.core.wording import ago, counted, listed, span

LINES: Final = 3
"""Approvals, runs and waivers that are told one by one; how many more there are is always said."""
_NAME: Final = 40

_WORSE: Final[Mapping[Cause, str]] = {
    Cause.NEW_RELEASE: "new patches are missing on {nodes}",
    Cause.NEW_NODE: "{nodes} new here and not compliant yet",
    Cause.STARTED: "{nodes} stopped or elsewhere before, and not compliant",
    Cause.SCAN_LOST: "{nodes} lost the scan: the last result is too old or gone",
    Cause.NOT_READABLE: "{nodes} of {about} could not be read",
    Cause.FAILED_INSTALL: "an Install failed on {nodes} ({by})",
    Cause.BASELINE_CHANGED: "another or a changed baseline asks for more on {nodes} ({about})",
    Cause.WAIVER_ENDED: "a waiver ended for {nodes}",
    Cause.PENDING_REBOOT: "an Install on {nodes} waits for a reboot ({by})",
    Cause.CAME_BACK: "known patches are missing again on {nodes} (rolled back, or not listed by the last Install)",
    Cause.FIRST_RESULT: "{nodes} without data before got a result that is not compliant",
    Cause.NEWLY_READ: "{nodes} of {about} can be read now and are not compliant",
    Cause.NOT_KNOWN: "{nodes} for a reason not known yet: the patches are not read",
}
_BETTER: Final[Mapping[Remedy, str]] = {
    Remedy.RUN: "run {about} made {nodes} better",
    Remedy.INSTALL: "an Install that was no run of patchbot made {nodes} better",
    Remedy.SCAN: "a later scan found {nodes} better",
    Remedy.BASELINE: "another baseline asks for less on {nodes} ({about}); nothing was installed",
    Remedy.READABLE: "{nodes} of {about} can be read again",
    Remedy.STOPPED: "{nodes} stopped: not fixed, only not counted",
    Remedy.GONE: "{nodes} gone",
}
_RUN_STATES: Final[Mapping[RunState, str]] = {
    RunState.WAITING: "waits to start",
    RunState.RUNNING: "is running",
    RunState.PAUSED: "is paused: a person decides",
    RunState.CANCELLING: "is stopping",
    RunState.VERIFYING: "is verified by a scan",
    RunState.VERIFIED: "verified",
    RunState.PARTIAL: "ended in part",
    RunState.FAILED: "failed",
    RunState.CANCELLED: "was stopped",
    RunState.ABANDONED: "was abandoned, nothing was sent",
    RunState.LOST_TRACK: "ran out of time, with nodes unaccounted for",
}


def headline(report: DigestReport) -> str:
    """ "prod: 82.1 % compliant (−1.4)"."""
    return f"{report.environment}: {share(report.fleet)}"


def share(part: Part) -> str:
    """The percentage with its change in points; what there is instead where there is none."""
    now, before = part.now, part.before
    if now.compliance_percent is None:
        return "no nodes"
    if now.nodes.total == now.unknown_reasons.unreadable:
        return f"could not be read ({counted(now.nodes.total, 'node')} unknown)"
    told = f"{now.compliance_percent} % compliant"
    if before is None or before.compliance_percent is None:
        return told
    points = round(now.compliance_percent - before.compliance_percent, 1)
    return f"{told} ({signed(points)})" if points else f"{told} (as before)"


def in_one_line(part: Part) -> str:
    """The percentage and the counts; what there is instead where there is no percentage to be told."""
    now = part.now
    if now.compliance_percent is None or now.nodes.total == now.unknown_reasons.unreadable:
        return share(part)
    return (
        f"{now.compliance_percent} % of {counted(now.nodes.total, 'node')} compliant,"
        f" {now.nodes.non_compliant:,} non-compliant, {now.nodes.unknown:,} unknown"
    )


def signed(number: float) -> str:
    """ "+3", "−1.4", "±0"."""
    if not number:
        return "±0"
    return f"{'+' if number > 0 else '−'}{abs(number):,}"


def figures(part: Part) -> tuple[str, str]:
    """The counts with their denominator and what changed in them, and how far they can be trusted."""
    now, before = part.now, part.before
    nodes, was = now.nodes, before.nodes if before is not None else now.nodes

    def moved(number: int, old: int) -> str:
        return f" ({signed(number - old)})" if number != old else ""

    unknown = reasons(now.unknown_reasons)
    counts = (
        f"{nodes.compliant:,} of {counted(nodes.total, 'node')} compliant"
        f"{moved(nodes.compliant, was.compliant)},"
        f" {nodes.non_compliant:,} non-compliant{moved(nodes.non_compliant, was.non_compliant)},"
        f" {nodes.unknown:,} unknown{moved(nodes.unknown, was.unknown)}"
        f"{f': {unknown}' if unknown else ''}."
    )
    return counts, _trust(now)


def _trust(now: Standing) -> str:
    oldest = now.oldest_operation_end_time
    age = f"; the oldest result is from {ago(oldest, now.at)}" if oldest is not None else ""
    return f"{now.fresh:,} of {counted(now.nodes.total, 'node')} have fresh data{age}."


def beside(report: DigestReport) -> str:
    """What is shown beside the percentage whatever the nodes' status; empty where there is nothing."""
    seen = report.attention
    told = listed(
        f"{counted(number, 'node')} {word}"
        for number, word in (
            (seen.connection_lost, "with lost connection"),
            (seen.stopped, "stopped (not counted)"),
        )
        if number
    )
    return f"Beside these: {told}." if told else ""


def reasons(unknown: UnknownReasons) -> str:
    """ "5 never scanned, 20 stale"; empty where nothing is unknown."""
    parts = (
        (unknown.never_scanned, Reason.NEVER_SCANNED),
        (unknown.stale, Reason.STALE),
        (unknown.unreadable, Reason.UNREADABLE),
    )
    return ", ".join(f"{number:,} {REASON_WORDS[reason]}" for number, reason in parts if number)


def compared(part: Part, since: datetime | None, now: datetime) -> str:
    """With what the figures are compared."""
    if part.before is not None:
        moved = listed(
            f"{number:,} {word}"
            for number, word in (
                (part.joined, "more counted (new or started)"),
                (part.left, "not counted any more (gone or stopped)"),
            )
            if number
        )
        told = f"Compared with {ago(part.before.at, now)}"
        incomplete = "" if part.before.complete else ", when not everything could be read"
        return f"{told}{incomplete}{f': {moved}' if moved else ''}."
    if since is None:
        return "This is the first digest: from the next one on it says what changed."
    return "There is no history of the last digest yet, so nothing is compared."


def worse_line(group: ChangeGroup, *, named: int = LINES) -> str:
    """Why how many nodes got worse, by what, and which."""
    assert isinstance(group.why, Cause)  # noqa: S101 - groups of a part's `worse` have causes
    by = f"run {group.about}" if group.about else "no run of patchbot"
    return _line(_WORSE[group.why], group, by, named)


def better_line(group: ChangeGroup, *, named: int = LINES) -> str:
    """By what how many nodes got better, and which."""
    assert isinstance(group.why, Remedy)  # noqa: S101 - groups of a part's `better` have remedies
    return _line(_BETTER[group.why], group, "", named)


def _line(template: str, group: ChangeGroup, by: str, named: int) -> str:
    told = template.format(nodes=counted(group.nodes, "node"), about=_short(group.about), by=by)
    effect = listed(
        f"{signed(number)} {word}"
        for number, word in ((group.non_compliant, "non-compliant"), (group.unknown, "unknown"))
        if number
    )
    patches = _patches(group.patches, group.more_patches, named)
    names = which(group.named, group.more, named)
    return (
        f"{told[:1].upper()}{told[1:]}{f' [{effect}]' if effect else ''}"
        f"{f'. {patches}' if patches else ''}{f'. {names}' if names else ''}."
    )


def which(nodes: Sequence[NamedNode], more: int, named: int) -> str:
    """ "web-1, web-2 and 39 more"."""
    shown = [_short(one.name or one.instance_id) for one in nodes[:named]]
    left = more + len(nodes) - len(shown)
    if not shown:
        return ""
    return listed([*shown, f"{left:,} more" if left else ""])


def _patches(patches: Sequence[PatchTally], more: int, named: int) -> str:
    shown = [f"{_short(one.id)} on {one.nodes:,}" for one in patches[:named]]
    left = more + len(patches) - len(shown)
    if not shown:
        return ""
    return listed([*shown, counted(left, "more patch", "more patches") if left else ""])


def _short(text: str) -> str:
    return text if len(text) <= _NAME else f"{text[: _NAME - 1]}…"


def due_line(row: DueRow, now: datetime, *, named: int = LINES) -> str:
    """What of a class is past its deadline, and what is due within a week."""
    late = ""
    if row.breached:
        new = f" ({row.newly_breached:,} since the last digest)" if row.newly_breached else ""
        patches = counted(row.breached, "patch", "patches")
        late = f"{patches} past the deadline on {counted(row.breached_nodes, 'node')}{new}"
    ids = _patches(row.patches, row.more_patches, named)
    what = "; ".join(part for part in (late, _soon(row, now)) if part)
    return f"{row.severity.capitalize()}: {what}{f'. {ids}' if ids else ''}."


def soon_line(row: DueRow, now: datetime) -> str:
    """What of a class is due within a week; empty where nothing is."""
    soon = _soon(row, now)
    return f"{row.severity.capitalize()}: {soon}." if soon else ""


def _soon(row: DueRow, now: datetime) -> str:
    if not row.due or row.next_due is None:
        return ""
    patches = counted(row.due, "patch", "patches")
    first = f"the first in {span(row.next_due - now)}"
    return f"{patches} due this week on {counted(row.due_nodes, 'node')}, {first}"


def due_lines(report: DigestReport, part: Part, *, named: int = LINES) -> list[str]:
    """What of each class is due, and of how many nodes that is not known; never empty."""
    lines = [due_line(one, report.composed_at, named=named) for one in part.due]
    if not lines and report.deadlines:
        return [nothing_due(report, part)]
    if part.details_missing:
        nodes = counted(part.details_missing, "node")
        lines.append(f"The patches of {nodes} are not read yet: what is due there is not known.")
    return lines or [nothing_due(report, part)]


def nothing_due(report: DigestReport, part: Part) -> str:
    """What is to be said where no patch is due; the deadlines, or the patches of nodes, may not be known yet."""
    if not report.deadlines:
        return "What is due is not known: there is no history of patches, or it cannot be read."
    nodes, unknown = part.now.nodes.total, nodes_not_known(part)
    others = "; on the others nothing is past its deadline or due this week"
    if not unknown and not part.now.complete:
        return f"What is due is not known where nothing could be read{others if nodes else ''}."
    if not unknown:
        return "Nothing is past its deadline, and nothing is due this week."
    return f"What is due is not known for {counted(unknown, 'node')}{others if unknown < nodes else ''}."


def nodes_not_known(part: Part) -> int:
    """Of how many nodes nobody knows what is due: without data that counts, or with patches that are not read."""
    return part.now.nodes.unknown + part.details_missing


def without_data(part: Part, now: datetime, *, named: int = LINES) -> str:
    """Which nodes have no data that counts, the longest first; empty where all have."""
    nodes = part.now.nodes.unknown
    if not nodes:
        return ""
    shown = [
        f"{_short(one.name or one.instance_id)} ({_last_result(one, now)})"
        for one in part.without_data[:named]
    ]
    left = nodes - len(shown)
    names = listed([*shown, f"{left:,} more" if left else ""])
    return f"{counted(nodes, 'node')} ({reasons(part.now.unknown_reasons)}){f': {names}' if shown else ''}."


def _last_result(node: NamedNode, now: datetime) -> str:
    if node.reason is None or node.reason is Reason.NEVER_SCANNED:
        return REASON_WORDS[Reason.NEVER_SCANNED]
    told = ago(node.operation_end_time, now) if node.operation_end_time else "without a date"
    return f"{REASON_WORDS[node.reason]}, last result {told}"


def approval_line(one: ApprovalLine, now: datetime) -> str:
    """A request that waits: what for, its code, how long it has waited and still can."""
    return (
        f"{one.id}: {one.operation.value} on {counted(one.nodes, 'node')}, code {one.code},"
        f" {counted(one.lacking, 'approval')} to come, asked for {ago(one.created_at, now)},"
        f" expires {ago(one.expires_at, now)}"
    )


def run_line(one: RunLine) -> str:
    """A run as it stands, or how it ended and what its receipt says."""
    what = f"{one.operation.value} on {counted(one.nodes, 'node')}"
    told = f"{one.id} ({'rehearsal of ' if one.rehearsal else ''}{what}) {_RUN_STATES[one.state]}"
    if one.clean is not None and not one.rehearsal:
        told += f": {one.clean:,} of {one.nodes:,} clean by the scan after it"
        if one.closed or one.still_open:
            closed = counted(one.closed or 0, "patch", "patches")
            told += f", {closed} closed, {one.still_open or 0:,} still open"
        if one.not_back:
            told += f", {one.not_back:,} not back after the reboot"
    return f"{told}{f' ({one.why})' if one.why else ''}."


def waiver_line(one: WaiverLine, now: datetime) -> str:
    """A waiver that ends soon."""
    return f"{one.id}: {one.what} on {counted(one.nodes, 'node')}, ends {ago(one.until, now)}."
