"""From a reading to figures: the counts, the percentage, the breakdowns and the one order of nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.judgement import Reason, Status, Verdict, judge
from bot.core.nodes import Observation, PatchState
from bot.core.readings import Gap, Reading
from bot.core.reports import (
    Attention,
    GapRow,
    Group,
    NodeCounts,
    NodeRow,
    NodesWith,
    PatchCounts,
    StatusReport,
    UnknownReasons,
)

WORST_NODES = 10


@dataclass(frozen=True, slots=True)
class Judged:
    """An observation with its verdict."""

    seen: Observation
    verdict: Verdict


def judge_all(reading: Reading, now: datetime, stale_after: timedelta) -> tuple[Judged, ...]:
    """Every node of the reading with its verdict, in the reading's order; stopped nodes included."""
    return tuple(Judged(seen, judge(seen, now, stale_after)) for seen in reading.observations)


def percent(counts: NodeCounts) -> float | None:
    """Compliant of total in percent, one decimal; None without nodes.

    Rounding never reaches 100 while a node is not compliant: 9,999 of 10,000 are 99.9 %.
    """
    if not counts.total:
        return None
    rounded = round(100 * counts.compliant / counts.total, 1)
    return 99.9 if rounded >= 100 and counts.compliant < counts.total else rounded


def count(judged: Iterable[Judged]) -> NodeCounts:
    """Nodes by status, stopped ones left out."""
    tally = dict.fromkeys(Status, 0)
    for one in judged:
        tally[one.verdict.status] += 1
    compliant, broken, unknown = (
        tally[status] for status in (Status.COMPLIANT, Status.NON_COMPLIANT, Status.UNKNOWN)
    )
    return NodeCounts(
        total=compliant + broken + unknown,
        compliant=compliant,
        non_compliant=broken,
        unknown=unknown,
    )


def status_report(
    reading: Reading, now: datetime, stale_after: timedelta, *, by: str | None = None
) -> StatusReport:
    """`patchbot.status/1` of one environment.

    `by` is a key of BREAKDOWNS, or None. Raises KeyError for any other word.
    """
    judged = judge_all(reading, now, stale_after)
    counted = [one for one in judged if one.verdict.status is not Status.STOPPED]
    states = [one.seen.state for one in counted if one.seen.state is not None]
    counts = count(counted)
    ends = [state.operation_end_time for state in states if state.operation_end_time is not None]
    return StatusReport(
        environment=reading.environment,
        as_of=reading.as_of,
        source="cache" if reading.source == "cache" else "aws",
        nodes=counts,
        unknown_reasons=unknown_reasons(counted),
        attention=attention(judged),
        compliance_percent=percent(counts),
        patches=patch_counts(states),
        nodes_with=_nodes_with(counted),
        worst_nodes=tuple(node_row(one) for one in worst_first(counted)[:WORST_NODES]),
        gaps=tuple(gap_row(gap) for gap in reading.gaps),
        notices=reading.notices,
        oldest_operation_end_time=min(ends, default=None),
        by=by,
        groups=breakdown(counted, by) if by else (),
    )


def unknown_reasons(judged: Sequence[Judged]) -> UnknownReasons:
    """Why nodes are unknown."""

    def having(reason: Reason) -> int:
        return sum(one.verdict.reasons == (reason,) for one in judged)

    return UnknownReasons(
        never_scanned=having(Reason.NEVER_SCANNED),
        stale=having(Reason.STALE),
        unreadable=having(Reason.UNREADABLE),
    )


def attention(judged: Sequence[Judged]) -> Attention:
    """Nodes that want a look; stopped ones among `judged` are counted as such."""
    running = [one.seen for one in judged if one.verdict.status is not Status.STOPPED]
    return Attention(
        connection_lost=sum(seen.node.connection_lost for seen in running),
        stopped=len(judged) - len(running),
        pending_reboot=sum(
            seen.state is not None and seen.state.installed_pending_reboot > 0 for seen in running
        ),
        failed=sum(seen.state is not None and seen.state.failed > 0 for seen in running),
    )


def patch_counts(states: Sequence[PatchState]) -> PatchCounts:
    """Sums over the patch states."""
    return PatchCounts(
        missing=sum(state.missing for state in states),
        failed=sum(state.failed for state in states),
        installed_pending_reboot=sum(state.installed_pending_reboot for state in states),
        installed_rejected=sum(state.installed_rejected for state in states),
    )


def _nodes_with(judged: Sequence[Judged]) -> NodesWith:
    states = [one.seen.state for one in judged if one.seen.state is not None]
    critical = sum(state.critical_non_compliant > 0 for state in states)
    return NodesWith(
        critical_non_compliant=critical,
        security_non_compliant=sum(state.security_non_compliant > 0 for state in states),
        other_non_compliant=sum(state.other_non_compliant > 0 for state in states),
        critical_by_old_scan=critical - sum(severity(one) == "critical" for one in judged),
    )


_ORDER = (Status.NON_COMPLIANT, Status.UNKNOWN, Status.COMPLIANT, Status.STOPPED)


def _badness(one: Judged) -> tuple[object, ...]:
    state = one.seen.state or PatchState(one.seen.node.instance_id)
    return (
        _ORDER.index(one.verdict.status),
        -state.critical_non_compliant,
        -state.security_non_compliant,
        -(state.missing + state.failed),
        -state.failed,
        -state.installed_rejected,
        -state.installed_pending_reboot,
        one.seen.node.instance_id,
        one.seen.node.key,
    )


def worst_first(judged: Iterable[Judged]) -> list[Judged]:
    """The non-compliant nodes in the one order of every list.

    By critical level, then security, then missing and failed together, failed, rejected, pending reboot; equal ones
    by instance id, so that pages neither repeat nor skip a node.
    """
    broken = (one for one in judged if one.verdict.status is Status.NON_COMPLIANT)
    return sorted(broken, key=_badness)


def all_worst_first(judged: Iterable[Judged]) -> list[Judged]:
    """Nodes of any status in that same order: the non-compliant ones, then unknown, compliant and stopped ones."""
    return sorted(judged, key=_badness)


def severity(one: Judged) -> str:
    """The worst kind of non-compliance on the node, in the baseline's words; the key of `by:severity`."""
    if one.verdict.status is not Status.NON_COMPLIANT:
        return one.verdict.status.value
    state = one.seen.state
    if state is not None and state.critical_non_compliant:
        return "critical"
    if state is not None and state.security_non_compliant:
        return "security"
    return "other"


def platform(one: Judged) -> str:
    """The operating system as people name it: "Amazon Linux 2023", else its type."""
    node = one.seen.node
    named = f"{node.platform_name} {node.platform_version}".strip()
    return named or node.platform_type or "unknown"


def patch_group(one: Judged) -> str | None:
    """The patch group of the last operation, else by the node's tag; empty outside every group, None if not known."""
    state = one.seen.state
    return state.patch_group if state is not None else one.seen.node.patch_group_tag


def _group_key(one: Judged) -> str:
    group = patch_group(one)
    if group is None:
        return f"(not known: {_no_state(one)})"
    return group or "(no patch group)"


def _no_state(one: Judged) -> str:
    if one.verdict.status is Status.STOPPED:
        return "stopped"
    return "could not be read" if one.seen.unread else "never scanned"


BREAKDOWNS: dict[str, Callable[[Judged], str]] = {
    "severity": severity,
    "os": platform,
    "owner": lambda one: one.seen.node.owner or "(no owner)",
    "account": lambda one: one.seen.node.account,
    "region": lambda one: one.seen.node.region,
    "group": _group_key,
}


def breakdown(judged: Iterable[Judged], by: str) -> tuple[Group, ...]:
    """Counts per value of `by`, the most non-compliant first, then the most unknown, then by name."""
    key = BREAKDOWNS[by]
    members: dict[str, list[Judged]] = {}
    for one in judged:
        members.setdefault(key(one), []).append(one)
    groups = []
    for name, ones in members.items():
        counts = count(ones)
        share = None if by == "severity" else percent(counts)  # it would be 0 or 100 in every row
        groups.append(Group(key=name, nodes=counts, compliance_percent=share))
    return tuple(
        sorted(groups, key=lambda row: (-row.nodes.non_compliant, -row.nodes.unknown, row.key))
    )


def node_row(one: Judged) -> NodeRow:
    """A judged node as a row of a list."""
    node, state = one.seen.node, one.seen.state or PatchState(one.seen.node.instance_id)
    return NodeRow(
        instance_id=node.instance_id,
        name=node.name,
        account=node.account,
        region=node.region,
        platform=platform(one),
        platform_type=node.platform_type,
        owner=node.owner,
        patch_group=patch_group(one) or "",
        patch_group_known=patch_group(one) is not None,
        baseline_id=state.baseline_id,
        status=one.verdict.status,
        reasons=one.verdict.reasons,
        missing=state.missing,
        failed=state.failed,
        installed_pending_reboot=state.installed_pending_reboot,
        installed_rejected=state.installed_rejected,
        critical_non_compliant=state.critical_non_compliant,
        security_non_compliant=state.security_non_compliant,
        other_non_compliant=state.other_non_compliant,
        operation=state.operation,
        operation_end_time=state.operation_end_time,
        ping_status=node.ping_status,
    )


def gap_row(gap: Gap) -> GapRow:
    """A gap as it is reported."""
    return GapRow(
        account=gap.account,
        region=gap.region,
        reason=gap.reason,
        nodes=gap.nodes,
        last_read_at=gap.last_read_at,
        hint=gap.hint,
        partial=gap.partial,
    )
