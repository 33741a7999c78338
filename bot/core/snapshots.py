"""From a reading to what history keeps of it: the figures of the environment and the state of each node."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

from bot.core import figures
from bot.core.exposures import OPEN_STATES
from bot.core.figures import Judged
from bot.core.history import NodeState, Snapshot, SnapshotKind
from bot.core.judgement import Status, causes
from bot.core.nodes import Patch, PatchState
from bot.core.readings import Reading


def snapshot_of(
    reading: Reading, judged: Sequence[Judged], *, kind: SnapshotKind, run: str = ""
) -> tuple[Snapshot, tuple[NodeState, ...]]:
    """The snapshot at the moment of the reading, and its nodes in the order of their keys.

    `judged` are all of the reading's nodes. Stopped ones are counted under attention and are no states; what could not
    be read is unknown.
    """
    counted = [one for one in judged if one.verdict.status is not Status.STOPPED]
    states = [one.seen.state for one in counted if one.seen.state is not None]
    ends = [state.operation_end_time for state in states if state.operation_end_time is not None]
    snapshot = Snapshot(
        environment=reading.environment,
        day=reading.as_of.astimezone(UTC).date(),
        at=reading.as_of,
        kind=kind,
        run=run,
        nodes=figures.count(counted),
        unknown_reasons=figures.unknown_reasons(counted),
        attention=figures.attention(judged),
        patches=figures.patch_counts(states),
        oldest_operation_end_time=min(ends, default=None),
        complete=not reading.gaps,
    )
    nodes = sorted((node_state(one) for one in counted), key=lambda one: one.key)
    return snapshot, tuple(nodes)


def node_state(one: Judged) -> NodeState:
    """A judged node as history keeps it."""
    node, state = one.seen.node, one.seen.state or PatchState(one.seen.node.instance_id)
    return NodeState(
        key=node.key,
        name=node.name,
        owner=node.owner,
        platform=figures.platform(one),
        patch_group=figures.patch_group(one) or "",
        status=one.verdict.status,
        reasons=one.verdict.reasons,
        baseline_id=state.baseline_id,
        operation=state.operation,
        operation_end_time=state.operation_end_time,
        missing=state.missing,
        failed=state.failed,
        installed_pending_reboot=state.installed_pending_reboot,
        installed_rejected=state.installed_rejected,
        critical_non_compliant=state.critical_non_compliant,
        security_non_compliant=state.security_non_compliant,
    )


def open_patches(one: Judged, patches: Sequence[Patch]) -> tuple[Patch, ...]:
    """Those of the node's patches that keep it open, by the rule that judges it."""
    states = {*OPEN_STATES}
    if one.seen.counts_available_security_updates:
        states.add("AvailableSecurityUpdate")
    return tuple(patch for patch in patches if patch.state in states)


def is_of_later(state: PatchState, patches: Sequence[Patch]) -> bool:
    """Whether the list cannot be that of the operation the state speaks of, as it lacks what that one found missing.

    AWS has the latest list only. An Install that ended since lists nothing as missing: that closes no hole.
    """
    return state.missing > 0 and not any(patch.state == "Missing" for patch in patches)


def may_have_open_patches(one: Judged) -> bool:
    """Whether the counters of the node's last operation speak of any, however old it is."""
    state = one.seen.state
    if state is None:
        return False
    return bool(causes(state, one.seen.counts_available_security_updates))
