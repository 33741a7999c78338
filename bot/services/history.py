"""Keeping history: snapshots of environments, which patch is open on which node since when, and the trend of both."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from bot.core.deadlines import (
    DAY,
    LOOKS_BACK,
    Deadlines,
    Due,
    deadline_rows,
    due,
    trend_report,
    trend_run,
)
from bot.core.figures import Judged, all_worst_first, judge_all
from bot.core.history import Exposure, HistoryStore, NodeState, Snapshot, SnapshotKind
from bot.core.judgement import FUTURE, Status
from bot.core.ledger import Ledger
from bot.core.nodes import NodeKey, Patch
from bot.core.plans import Operation
from bot.core.ports import Clock
from bot.core.readings import Reading
from bot.core.runs import VERIFY
from bot.core.snapshots import is_of_later, may_have_open_patches, open_patches, snapshot_of
from bot.core.trend_reports import DeadlineRow, TrendReport, TrendRun
from bot.services.compliance import Compliance

READ_EVERY = timedelta(hours=6)
"""Details are collected by a reading that is no older than this; people's questions make newer ones."""
READ_AGAIN = timedelta(minutes=5)
"""After a try to read that failed."""
BITE = 20
FREE_BITE = 200
"""Nodes recorded in one go without a call to AWS, their counters saying that nothing is open."""
NODE_PAUSE, PLACE_PAUSE = timedelta(hours=1), timedelta(minutes=1)
"""After AWS refused the patches of a node: for it, and for all others of its account and Region."""
VERIFIES_WITHIN = timedelta(days=3)

_log = logging.getLogger(__name__)


def _nothing_waived(_environment: str, _exposure: Exposure) -> bool:
    return False


class History:
    """The use cases of history. `store` is where it is kept; `ledger` tells of runs, None where there is none yet.

    One thread records and collects; any thread may ask for trends. Everything raises StorageError.
    """

    def __init__(
        self,
        store: HistoryStore,
        compliance: Compliance,
        *,
        deadlines: Mapping[str, Deadlines],
        clock: Clock,
        ledger: Ledger | None = None,
        waived: Callable[[str, Exposure], bool] = _nothing_waived,
    ) -> None:
        self.store = store
        self._compliance = compliance
        self._deadlines = dict(deadlines)
        self._clock = clock
        self._ledger = ledger
        self._waived = waived
        self._settled: dict[str, datetime] = {}
        self._tried: dict[str, datetime] = {}
        self._paused: dict[NodeKey | tuple[str, str], datetime] = {}
        self._outdated: dict[NodeKey, datetime] = {}

    @property
    def environments(self) -> tuple[str, ...]:
        """The names of all environments."""
        return self._compliance.environments

    def due(self, environment: str, exposure: Exposure) -> Due | None:
        """Its class and date there; None for one that is waived."""
        if self._waived(environment, exposure):
            return None
        return due(exposure, self._of(environment))

    def rows(
        self, environment: str, exposures: Sequence[Exposure], now: datetime
    ) -> tuple[DeadlineRow, ...]:
        """The open ones by class."""
        waived = partial(self._waived, environment)
        return deadline_rows(exposures, self._of(environment), now, waived=waived)

    def _of(self, environment: str) -> Deadlines:
        return self._deadlines.get(environment, Deadlines())

    def read(self, environment: str) -> Reading:
        """The environment as it is, for a digest: `collect` then asks for the details of this reading.

        Raises NotFound, and Unreachable when nothing of it could ever be read.
        """
        return self._compliance.read(environment)

    def today(self, environment: str) -> Snapshot | None:
        """The daily snapshot of this day in UTC, if there is one."""
        midnight = self._clock().replace(hour=0, minute=0, second=0, microsecond=0)
        found = self.store.snapshots(environment, since=midnight)
        return next((one for one in found if one.kind is SnapshotKind.DAILY), None)

    def has_run(self, environment: str, run: str, *, since: datetime) -> bool:
        """Whether there is a snapshot of after that run, which ended at `since`."""
        return any(one.run == run for one in self.store.snapshots(environment, since=since))

    def record(
        self, environment: str, run: str = "", *, not_before: datetime | None = None
    ) -> bool:
        """Take the snapshot of this day, or the one after a run; True when it was kept.

        Reads AWS when the last reading is of another day or not whole, and always after a run: one from before the
        moment `not_before` is none of after it. Raises NotFound, and AwsError when nothing could be read.
        """
        now = self._clock()
        if self.store.snapshots(environment, since=now):
            return False  # the clock went back: nothing is kept until it has passed that again
        known = self._compliance.known(environment)
        today = now.date()
        if run or known is None or known[0].as_of.date() != today or known[0].gaps:
            known = self._compliance.judged(environment, refresh=True)
        reading, judged = known
        if reading.as_of.date() != today or (not_before and reading.as_of < not_before):
            return False
        kind = SnapshotKind.RUN if run else SnapshotKind.DAILY
        return self.store.record(*snapshot_of(reading, judged, kind=kind, run=run))

    def keep(self, reading: Reading, now: datetime) -> bool:
        """Keep what a digest was made from at `now`, for the next one to compare with; True when it was kept.

        Where that cannot be kept nothing is: another reading would hide what changed in between.
        """
        stale_after = self._compliance.environment(reading.environment).stale_after
        judged = judge_all(reading, now, stale_after)
        return self.store.record(*snapshot_of(reading, judged, kind=SnapshotKind.DIGEST))

    def collect(self, environment: str, limit: int = BITE) -> int:
        """Record what is open on nodes with a new operation, worst first after those of our own scans; how many.

        At most `limit` nodes are asked about. Those whose counters say that nothing is open cost no call. A refusal of
        AWS is logged, and the node tried again later. Raises NotFound, and AwsError when nothing could be read; then
        nothing is tried for a while.
        """
        recent = self._recent(environment)
        if recent is None:
            return 0
        reading, judged = recent
        if self._settled.get(environment) == reading.as_of:
            return 0
        known = self.store.patches_known_at(environment)
        ours = self._verifying_scans(environment)
        news = [one for one in all_worst_first(judged) if _is_news(one, known, self._clock())]
        news.sort(key=lambda one: _snapshot_id(one) not in ours)
        asked = [one for one in news if may_have_open_patches(one) and not self._is_paused(one)]
        free = [one for one in news if not may_have_open_patches(one)]
        recorded = sum(
            self._keep(environment, one, ours) for one in (*asked[:limit], *free[:FREE_BITE])
        )
        if recorded == len(news):
            self._settled[environment] = reading.as_of
        return recorded

    def _recent(self, environment: str) -> tuple[Reading, tuple[Judged, ...]] | None:
        known, now = self._compliance.known(environment), self._clock()
        if known is not None and timedelta(0) <= now - known[0].as_of < READ_EVERY:
            return known
        tried = self._tried.get(environment)
        if tried is not None and timedelta(0) <= now - tried < READ_AGAIN:
            return None
        self._tried[environment] = now
        return self._compliance.judged(environment, refresh=True)

    def _keep(self, environment: str, one: Judged, ours: Mapping[str, str]) -> bool:
        node, state = one.seen.node, one.seen.state
        if state is None or state.operation_end_time is None:
            return False
        patches: tuple[Patch, ...] = ()
        if may_have_open_patches(one):
            if self._is_paused(one):
                return False
            details = self._compliance.patches(environment, one)
            if details.gap is not None:
                self._pause(one, details.gap.reason)
                return False
            if is_of_later(state, details.patches):
                self._outdated[node.key] = state.operation_end_time
                return False
            patches = open_patches(one, details.patches)
        self.store.record_patches(
            environment,
            node.key,
            patches,
            at=state.operation_end_time,
            baseline_id=state.baseline_id,
            operation=state.operation,
            run=ours.get(_snapshot_id(one), ""),
        )
        return True

    def _pause(self, one: Judged, reason: str) -> None:
        node, now = one.seen.node, self._clock()
        self._paused[node.key] = now + NODE_PAUSE
        self._paused[(node.account, node.region)] = now + PLACE_PAUSE
        _log.warning("The patches of %s are not known to history: %s", node.instance_id, reason)

    def _is_paused(self, one: Judged) -> bool:
        node, state, now = one.seen.node, one.seen.state, self._clock()
        if state is not None and self._outdated.get(node.key) == state.operation_end_time:
            return True  # until a reading tells the later operation
        return any(
            key in self._paused and now < self._paused[key]
            for key in (node.key, (node.account, node.region))
        )

    def _verifying_scans(self, environment: str) -> dict[str, str]:
        """Which snapshot id belongs to the verifying scan of which run."""
        if self._ledger is None:
            return {}
        since = self._clock() - VERIFIES_WITHIN
        runs = self._ledger.runs(environment=environment)
        return {
            one.snapshot_id: run.id
            for run in runs
            if run.created_at >= since
            for one in self._ledger.dispatches(run.id)
            if one.purpose == VERIFY
        }

    def _unclear(self, environment: str) -> tuple[set[NodeKey], set[NodeKey]]:
        """The nodes of the last snapshot whose open patches are not recorded yet; and those that are unknown."""
        known = self.store.patches_known_at(environment)
        nodes = self.store.nodes_at(environment, self._clock())
        return (
            {one.key for one in nodes if _has_open(one) and not _is_known(one, known)},
            {one.key for one in nodes if one.status is Status.UNKNOWN},
        )

    def trend(self, environment: str, days: int) -> TrendReport:
        """How the environment stood in the last `days` days, and what is due. Costs no call. Raises NotFound.

        It ends with the last reading, snapshot or not: the same figures as everywhere else.
        """
        self._compliance.environment(environment)
        now = self._clock()
        since = now - max(timedelta(days=days), LOOKS_BACK + DAY)
        snapshots = [
            *self.store.snapshots(environment, since=since),
            *self._newer(environment, now),
        ]
        missing, unknown = self._unclear(environment)
        return trend_report(
            environment,
            now=now,
            days=days,
            snapshots=snapshots,
            exposures=self.store.exposures(environment, closed_since=now - LOOKS_BACK),
            patched=self.store.patched(environment, since=now - timedelta(days=days)),
            runs=self._runs(environment, since=now - timedelta(days=days)),
            deadlines=self._of(environment),
            known_since=snapshots[0].at if snapshots else None,
            details_missing=len(missing),
            unclear=len(missing | unknown),
            waived=partial(self._waived, environment),
        )

    def _newer(self, environment: str, now: datetime) -> Sequence[Snapshot]:
        """The last reading as a snapshot that is not kept, where it is newer than all that are."""
        known = self._compliance.known(environment)
        if known is None or self.store.snapshots(environment, since=known[0].as_of):
            return ()
        return [snapshot_of(*known, kind=SnapshotKind.DAILY)[0]] if known[0].as_of <= now else ()

    def _runs(self, environment: str, *, since: datetime) -> Sequence[TrendRun]:
        """The Installs that ended since then, oldest first."""
        if self._ledger is None:
            return ()
        found = []
        for run in self._ledger.runs(environment=environment):
            if run.ended_at is not None and run.ended_at >= since:
                marked = trend_run(self._ledger.receipt(run.id) or {})
                found += [marked] if marked is not None else []
        return sorted(found, key=lambda one: one.ended_at)


def _is_news(one: Judged, known: Mapping[NodeKey, datetime], now: datetime) -> bool:
    """Whether the node has an operation that is newer than what is recorded of it."""
    state = one.seen.state
    if one.verdict.status is Status.STOPPED or one.seen.unread or state is None:
        return False
    if one.seen.undecided:
        return False  # whether its available updates are open is not known: nothing closes them
    end, last = state.operation_end_time, known.get(one.seen.node.key)
    if end is None or end - now > FUTURE:
        return False  # no time that could be trusted, see bot/core/judgement.py
    return last is None or last < end


def _snapshot_id(one: Judged) -> str:
    """The snapshot id of a scan; empty for anything else."""
    state = one.seen.state
    is_scan = state is not None and state.operation == Operation.SCAN.value
    return state.snapshot_id if state is not None and is_scan else ""


def _has_open(one: NodeState) -> bool:
    open_patches = (
        one.missing,
        one.failed,
        one.installed_pending_reboot,
        one.installed_rejected,
    )
    return any(open_patches) or one.status is Status.NON_COMPLIANT


def _is_known(one: NodeState, known: Mapping[NodeKey, datetime]) -> bool:
    end, last = one.operation_end_time, known.get(one.key)
    return end is None or (last is not None and last >= end)
