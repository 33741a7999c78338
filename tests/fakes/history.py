"""A history in memory that takes nothing that the real one would not."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from bot.core.errors import StorageError
from bot.core.history import Exposure, NodeState, Patched, Snapshot, SnapshotKind
from bot.core.judgement import Status
from bot.core.nodes import NodeKey, Patch


class HistoryFake:
    """Snapshots and exposures of all environments. `broken` makes every method raise."""

    def __init__(self) -> None:
        self.kept: list[tuple[Snapshot, tuple[NodeState, ...]]] = []
        self.patches: dict[tuple[str, NodeKey], tuple[datetime, list[Exposure]]] = {}
        self.broken = False

    def record(self, snapshot: Snapshot, nodes: tuple[NodeState, ...]) -> bool:
        """See the port."""
        self._check(snapshot.at)
        assert [one.key for one in nodes] == sorted({one.key for one in nodes}), "not in order"
        counted = [one for one in nodes if one.status is not Status.STOPPED]
        assert snapshot.nodes.total == len(counted), "the figures are of other nodes"
        assert bool(snapshot.run) is (snapshot.kind is SnapshotKind.RUN), "a run without its name"
        for index, (known, _) in enumerate(self.kept):
            if self._replaces(snapshot, known):
                if (snapshot.complete, snapshot.at) < (known.complete, known.at):
                    return False
                self.kept[index] = (snapshot, nodes)
                return True
        self.kept.append((snapshot, nodes))
        return True

    @staticmethod
    def _replaces(new: Snapshot, known: Snapshot) -> bool:
        daily = SnapshotKind.DAILY
        same = (new.environment, new.day) == (known.environment, known.day)
        return same and new.kind is known.kind is daily

    def record_patches(
        self,
        environment: str,
        key: NodeKey,
        patches: tuple[Patch, ...],
        *,
        at: datetime,
        baseline_id: str,
        operation: str = "Scan",
        run: str = "",
    ) -> None:
        """See the port. It knows scans only."""
        self._check(at)
        assert operation == "Scan"
        last, known = self.patches.get((environment, key), (None, []))
        if last is not None and last >= at:
            return
        ids = {one.kb_id: one for one in patches}
        told = [self._told(one, ids, at, baseline_id, run) for one in known]
        names = {one.patch.kb_id for one in told if one.is_open}
        told += [
            Exposure(key, one, at, at, None, "", baseline_id, baseline_id)
            for name, one in ids.items()
            if name not in names
        ]
        self.patches[environment, key] = (at, told)

    @staticmethod
    def _told(
        one: Exposure, ids: dict[str, Patch], at: datetime, baseline_id: str, run: str
    ) -> Exposure:
        if not one.is_open:
            return one
        if one.patch.kb_id in ids:
            return replace(one, last_seen=at, baseline_id=baseline_id)
        return replace(one, closed_at=at, closed_by=run, closing_baseline_id=baseline_id)

    def patches_known_at(self, environment: str) -> dict[NodeKey, datetime]:
        """See the port."""
        self._check()
        return {key: at for (name, key), (at, _) in self.patches.items() if name == environment}

    def snapshots(
        self,
        environment: str,
        *,
        since: datetime,
        until: datetime | None = None,
        digests: bool = False,
    ) -> tuple[Snapshot, ...]:
        """See the port."""
        self._check(since, *([until] if until is not None else []))
        found = [
            one
            for one, _ in self.kept
            if one.environment == environment
            and since <= one.at
            and (until is None or one.at <= until)
            and (digests or one.kind is not SnapshotKind.DIGEST)
        ]
        return tuple(sorted(found, key=lambda one: one.at))

    def nodes_at(self, environment: str, at: datetime) -> tuple[NodeState, ...]:
        """See the port."""
        self._check(at)
        found = [
            (one.at, nodes)
            for one, nodes in self.kept
            if one.environment == environment and one.at <= at
        ]
        return max(found, key=lambda pair: pair[0])[1] if found else ()

    def exposures(
        self, environment: str, *, closed_since: datetime | None = None
    ) -> tuple[Exposure, ...]:
        """See the port."""
        self._check(*([closed_since] if closed_since is not None else []))
        found = [
            one
            for (name, _), (_, some) in self.patches.items()
            if name == environment
            for one in some
            if one.closed_at is None or (closed_since is not None and one.closed_at >= closed_since)
        ]
        return tuple(sorted(found, key=lambda one: (one.first_seen, one.key)))

    def patched(self, environment: str, *, since: datetime) -> Patched:
        """See the port."""
        self._check(since)
        found = [
            one.closed_at - one.first_seen
            for one in self.exposures(environment, closed_since=since)
            if one.closed_at is not None and one.was_patched
        ]
        return Patched(len(found), sum(found, timedelta(0)))

    def _check(self, *moments: datetime) -> None:
        if self.broken:
            raise StorageError("history.db cannot be read.")
        assert all(one.tzinfo is not None for one in moments), "a moment without a zone"
