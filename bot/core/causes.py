"""Why a node got worse, and by what it got better: one main reason each.

The evidence is its state before and now, what was first seen or closed in between, and the runs that touched it. A
patch counts as new on a node when it was first seen after the operation that judged the node before. Whatever the
evidence does not explain is said to be not known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from bot.core.history import Exposure, NodeState
from bot.core.judgement import Reason, Status
from bot.core.nodes import NodeKey, Patch


class Cause(StrEnum):
    """Why a node got worse."""

    NEW_RELEASE = "new_release"  # patches were released or approved since
    NEW_NODE = "new_node"
    STARTED = "started"  # it was there, but not counted: stopped, or in no environment
    SCAN_LOST = "scan_lost"  # it was judged, and its result is stale or gone
    NOT_READABLE = "not_readable"  # its account and Region could not be read
    FAILED_INSTALL = "failed_install"
    BASELINE_CHANGED = (
        "baseline_changed"  # another baseline judges it, or the same one rejects more
    )
    WAIVER_ENDED = "waiver_ended"
    PENDING_REBOOT = "pending_reboot"  # installed, and not rebooted since
    CAME_BACK = "came_back"  # what is missing was known before the node counted as compliant
    FIRST_RESULT = "first_result"  # it had no data before; now it has, and is not compliant
    NEWLY_READ = "newly_read"  # the same, where its account and Region could not be read before
    NOT_KNOWN = "not_known"


class Remedy(StrEnum):
    """By what a node got better."""

    RUN = "run"  # a run of ours
    INSTALL = "install"  # an Install of somebody else
    SCAN = "scan"  # a scan found it so
    BASELINE = "baseline"  # another baseline asks for less
    READABLE = "readable"  # it could be read again
    STOPPED = "stopped"  # not fixed: stopped nodes are not counted
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class View:
    """The nodes of an environment at a moment. `complete` is False where a part could not be read."""

    at: datetime
    complete: bool
    nodes: tuple[NodeState, ...]


@dataclass(frozen=True, slots=True)
class RunOnNodes:
    """A run that touched nodes between the two; `ended_at` is now where it is under way.

    `nodes` are those whose outcome is known, `failed` those of them on which it did not succeed.
    """

    id: str
    started_at: datetime
    ended_at: datetime
    installs: bool
    nodes: frozenset[NodeKey]
    failed: frozenset[NodeKey] = frozenset()

    @property
    def helped(self) -> frozenset[NodeKey]:
        """The nodes on which it succeeded."""
        return self.nodes - self.failed


@dataclass(frozen=True, slots=True)
class Between:
    """What is known of the time between the two: `exposures` are open now, or were closed since."""

    exposures: Sequence[Exposure] = ()
    runs: Sequence[RunOnNodes] = ()
    waivers_ended: frozenset[NodeKey] = frozenset()


Why: TypeAlias = tuple[Cause | Remedy, str, Sequence[Exposure]]
"""The reason, the run, baseline or place behind it, and what was opened or closed."""


def place(key: NodeKey) -> str:
    """The account and Region of a node, as gaps name them."""
    return f"{key.account}/{key.region}"


class Evidence:
    """All that is known of the time between two views, by node."""

    def __init__(self, before: View, after: View, between: Between) -> None:
        self.was = {one.key: one for one in before.nodes}
        self.now = {one.key: one for one in after.nodes}
        self.runs = between.runs
        self.waivers_ended = between.waivers_ended
        self._before = before
        self._after = after
        self._places_before = {place(key) for key in self.was}
        self._places_after = {place(key) for key in self.now}
        self._open: dict[NodeKey, list[Exposure]] = {}
        self._closed: dict[NodeKey, list[Exposure]] = {}
        for one in between.exposures:
            (self._open if one.is_open else self._closed).setdefault(one.key, []).append(one)
        self._released = self._releases(between.exposures)

    def never_read_before(self, key: NodeKey) -> bool:
        """Whether nothing at all was known before of where the node is."""
        return not self._before.complete and place(key) not in self._places_before

    def out_of_sight(self, key: NodeKey) -> bool:
        """Whether nothing at all is known now of where the node was."""
        return not self._after.complete and place(key) not in self._places_after

    def was_there(self, now: NodeState) -> bool:
        """Whether a node that was not counted before existed then: no new node has an older result."""
        end, since = now.operation_end_time, self._before.at
        older = any(one.first_seen <= since for one in self.is_open(now.key))
        return older or (end is not None and end <= since)

    def known_until(self, was: NodeState) -> datetime:
        """What was first seen or closed later than that is news of the node."""
        return was.operation_end_time or self._before.at

    def is_open(self, key: NodeKey) -> Sequence[Exposure]:
        """What is open on a node, new or not."""
        return self._open.get(key, ())

    def opened(self, was: NodeState) -> Sequence[Exposure]:
        """What is open on a node and was not seen there before."""
        since = self.known_until(was)
        return [one for one in self._open.get(was.key, ()) if one.first_seen > since]

    def closed(self, was: NodeState) -> Sequence[Exposure]:
        """What was closed on a node since."""
        since = self.known_until(was)
        return [
            one
            for one in self._closed.get(was.key, ())
            if one.closed_at is not None and one.closed_at > since
        ]

    def are_releases(self, exposures: Sequence[Exposure]) -> bool:
        """Whether all of these (and any) are new patches, and not only new to a baseline."""
        return bool(exposures) and all(_name(one.patch) in self._released for one in exposures)

    def _releases(self, exposures: Sequence[Exposure]) -> set[tuple[str, str]]:
        """Patches nobody had seen before, and that appeared also where the baseline stayed the same."""
        first: dict[tuple[str, str], datetime] = {}
        judged_alike: set[tuple[str, str]] = set()
        for one in exposures:
            name = _name(one.patch)
            first[name] = min(one.first_seen, first.get(name, one.first_seen))
            was, now = self.was.get(one.key), self.now.get(one.key)
            if was is not None and now is not None and was.baseline_id == now.baseline_id:
                judged_alike.add(name)
        return {name for name in judged_alike if first[name] > self._before.at}


def _name(patch: Patch) -> tuple[str, str]:
    return patch.title, patch.kb_id


def why_worse(was: NodeState | None, now: NodeState, evidence: Evidence) -> Why:
    """Why a node became unknown or non-compliant, or is more so than before."""
    if Reason.UNREADABLE in now.reasons:
        return Cause.NOT_READABLE, place(now.key), ()
    if was is None:
        if evidence.never_read_before(now.key):
            return Cause.NEWLY_READ, place(now.key), ()
        return Cause.STARTED if evidence.was_there(now) else Cause.NEW_NODE, "", ()
    if was.status is Status.STOPPED:
        return Cause.STARTED, "", ()
    if now.status is Status.UNKNOWN:
        return Cause.SCAN_LOST, "", ()
    if Reason.UNREADABLE in was.reasons:
        return Cause.NEWLY_READ, place(now.key), ()
    if was.status is Status.UNKNOWN:
        return Cause.FIRST_RESULT, "", ()
    return _why_it_broke(was, now, evidence)


def _why_it_broke(was: NodeState, now: NodeState, evidence: Evidence) -> Why:
    """Why a node that was judged is worse by a new result."""
    opened = evidence.opened(was)
    tried = failed_run(was, now, evidence)
    if now.failed > was.failed or tried is not None:
        blamed = _failed_on(now, evidence)
        return Cause.FAILED_INSTALL, blamed.id if blamed else "", opened
    if now.key in evidence.waivers_ended and not opened:
        return Cause.WAIVER_ENDED, "", ()
    waits = now.installed_pending_reboot > was.installed_pending_reboot
    lacks = now.missing > was.missing or any(one.patch.state == "Missing" for one in opened)
    if waits and not lacks:
        return Cause.PENDING_REBOOT, _run_on(now, evidence), opened
    rejected = now.installed_rejected > was.installed_rejected
    other = was.baseline_id != now.baseline_id or (
        not opened and was.patch_group != now.patch_group
    )
    if rejected or (other and not evidence.are_releases(opened)):
        return Cause.BASELINE_CHANGED, now.baseline_id, opened
    available = Reason.AVAILABLE_SECURITY_UPDATE
    if opened or (available in now.reasons and available not in was.reasons):
        return Cause.NEW_RELEASE, "", opened
    known = evidence.is_open(now.key)
    if known and was.status is Status.COMPLIANT:
        return Cause.CAME_BACK, "", known
    return Cause.NOT_KNOWN, "", ()


def failed_run(was: NodeState, now: NodeState, evidence: Evidence) -> RunOnNodes | None:
    """The last Install of ours on the node, if it did not succeed there and that is why the node is as it is.

    What was released after the run is not its fault, nor is what somebody else's Install has done since.
    """
    last = _failed_on(now, evidence)
    if last is None:
        return None
    left = any(one.first_seen <= last.ended_at for one in evidence.opened(was))
    return last if left or was.status is Status.NON_COMPLIANT else None


def _failed_on(now: NodeState, evidence: Evidence) -> RunOnNodes | None:
    """The last Install of ours on the node, None where it succeeded there or somebody else's came later."""
    last = _last([run for run in evidence.runs if run.installs and now.key in run.nodes])
    if last is None or now.key in last.helped or installed_since(now, last.ended_at):
        return None
    return last


def _run_on(now: NodeState, evidence: Evidence) -> str:
    """The last Install of ours on the node, empty where there is none or somebody else's came later."""
    last = _last([run for run in evidence.runs if run.installs and now.key in run.nodes])
    return "" if last is None or installed_since(now, last.ended_at) else last.id


def _last(runs: Sequence[RunOnNodes]) -> RunOnNodes | None:
    return max(runs, key=lambda run: (run.ended_at, run.id), default=None)


def installed_since(now: NodeState, moment: datetime) -> bool:
    """Whether the last operation on the node is an Install that ended after that moment."""
    end = now.operation_end_time
    return now.operation == "Install" and end is not None and end > moment


def why_better(was: NodeState, now: NodeState | None, evidence: Evidence) -> Why:
    """By what a node got better; stopped and gone ones are better only for the counts."""
    if now is None:
        return Remedy.GONE, "", ()
    if now.status is Status.STOPPED:
        return Remedy.STOPPED, "", ()
    if Reason.UNREADABLE in was.reasons:
        return Remedy.READABLE, place(now.key), ()
    closed = evidence.closed(was)
    by = Counter(one.closed_by for one in closed if one.closed_by)
    if by:
        return Remedy.RUN, min(by, key=lambda run: (-by[run], run)), closed
    run = _helpful_run(was, now, closed, evidence)
    if run is not None:
        return Remedy.RUN, run.id, closed
    if installed_since(now, evidence.known_until(was)):
        ours = _our_install(now, evidence)
        return (Remedy.RUN, ours.id, closed) if ours is not None else (Remedy.INSTALL, "", closed)
    if was.status is Status.NON_COMPLIANT and was.baseline_id != now.baseline_id:
        return Remedy.BASELINE, now.baseline_id, closed
    return Remedy.SCAN, "", closed


def _helpful_run(
    was: NodeState, now: NodeState, closed: Sequence[Exposure], evidence: Evidence
) -> RunOnNodes | None:
    """The last run that succeeded on the node before it was found better; a scan only helps who had no result."""
    end = now.operation_end_time
    last = _last(
        [
            run
            for run in evidence.runs
            if now.key in run.helped
            and (run.installs or was.status is Status.UNKNOWN)
            and (end is None or run.started_at <= end)
            and (not closed or any(_closed_after(one, run.started_at) for one in closed))
        ]
    )
    return None if last is None or installed_since(now, last.ended_at) else last


def _our_install(now: NodeState, evidence: Evidence) -> RunOnNodes | None:
    """The run of ours whose Install was the last operation on the node, also where it did not get through with it."""
    end = now.operation_end_time
    return _last(
        [
            run
            for run in evidence.runs
            if run.installs
            and now.key in run.nodes
            and end is not None
            and run.started_at <= end <= run.ended_at
        ]
    )


def _closed_after(exposure: Exposure, moment: datetime) -> bool:
    return exposure.closed_at is not None and exposure.closed_at >= moment
