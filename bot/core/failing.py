"""On which nodes the last Install failed: that stays to be done until somebody has installed successfully there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from bot.core.causes import RunOnNodes, installed_since
from bot.core.history import Exposure, NodeState
from bot.core.judgement import Status
from bot.core.nodes import NodeKey


def failing(
    nodes: Iterable[NodeState], runs: Iterable[RunOnNodes], exposures: Iterable[Exposure]
) -> Mapping[NodeKey, str]:
    """Those of the nodes that are non-compliant after an Install that failed, each with our run, empty for others.

    Where all that is open on a node came after the run, somebody has installed since what it did not, and a later scan
    hides that.
    """
    last: dict[NodeKey, RunOnNodes] = {}
    for run in sorted(runs, key=lambda one: (one.ended_at, one.id)):
        last.update(dict.fromkeys(run.nodes if run.installs else (), run))
    oldest: dict[NodeKey, datetime] = {}
    for exposure in exposures:
        if exposure.is_open:
            seen = exposure.first_seen
            oldest[exposure.key] = min(seen, oldest.get(exposure.key, seen))
    found: dict[NodeKey, str] = {}
    for one in nodes:
        blamed = last.get(one.key)
        if one.status is not Status.NON_COMPLIANT:
            continue
        if blamed is not None and _is_its_fault(blamed, one, oldest.get(one.key)):
            found[one.key] = blamed.id
        elif one.failed:
            found[one.key] = ""
    return found


def _is_its_fault(run: RunOnNodes, node: NodeState, oldest_open: datetime | None) -> bool:
    if node.key not in run.failed or installed_since(node, run.ended_at):
        return False
    return oldest_open is None or oldest_open <= run.ended_at
