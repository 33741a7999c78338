"""What AWS does not keep: how an environment stood each day, and since when each patch is open on each node.

A node is known by account, Region and instance id, never by its name; a patch by its id, never by the baseline that
judged it. So neither a rename nor another baseline makes an old hole look new.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Protocol

from bot.core.judgement import Reason, Status
from bot.core.nodes import NodeKey, Patch
from bot.core.reports import Attention, NodeCounts, PatchCounts, UnknownReasons


class SnapshotKind(StrEnum):
    """Why a snapshot was taken."""

    DAILY = "daily"
    RUN = "run"
    DIGEST = "digest"  # what a digest told, for the next one to compare with; no point of a trend


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How an environment stood at a moment. `day` is the day of `at` in UTC; `run` is the run it was taken after.

    There is one daily snapshot for an environment and day, one for each run, and one for each reading that a digest
    was made from; the last ones are kept beside the others, and not as long. `complete` is False when a part of
    the fleet could not be read: its nodes are counted as unknown.
    """

    environment: str
    day: date
    at: datetime
    kind: SnapshotKind
    run: str
    nodes: NodeCounts
    unknown_reasons: UnknownReasons
    attention: Attention
    patches: PatchCounts
    oldest_operation_end_time: datetime | None
    complete: bool


@dataclass(frozen=True, slots=True)
class NodeState:
    """One node in a snapshot. Texts are as AWS gave them and therefore untrusted."""

    key: NodeKey
    name: str
    owner: str
    platform: str
    patch_group: str
    status: Status
    reasons: tuple[Reason, ...]
    baseline_id: str
    operation: str
    operation_end_time: datetime | None
    missing: int = 0
    failed: int = 0
    installed_pending_reboot: int = 0
    installed_rejected: int = 0
    critical_non_compliant: int = 0
    security_non_compliant: int = 0


@dataclass(frozen=True, slots=True)
class Exposure:
    """A patch that is, or was, open on a node: missing, failed, rejected or waiting for a reboot.

    `first_seen` and `last_seen` are end times of the operations that reported it first and last, in whole seconds.
    `closed_at` is None while it is open; `closed_by` is the run whose verifying scan closed it, empty for any other
    scan. `baseline_id` is the baseline of the latest operation that reported it, `first_baseline_id` that of the first,
    `closing_baseline_id` that of the operation after which it was not reported any more.
    `patch` is what was reported last: a newer version, where that superseded an older one that was never installed.
    `critical_since` and `important_since` say since when a version of that class is open, None where none is known.
    """

    key: NodeKey
    patch: Patch
    first_seen: datetime
    last_seen: datetime
    closed_at: datetime | None = None
    closed_by: str = ""
    first_baseline_id: str = ""
    baseline_id: str = ""
    closing_baseline_id: str = ""
    critical_since: datetime | None = None
    important_since: datetime | None = None

    @property
    def is_open(self) -> bool:
        return self.closed_at is None

    @property
    def was_patched(self) -> bool:
        """Closed for good: another baseline may only not ask for it. See WAITS in bot/core/exposures.py."""
        return not self.is_open and self.closing_baseline_id == self.baseline_id

    def age(self, now: datetime) -> timedelta:
        """For how long it has been, or was, open."""
        return (self.closed_at or now) - self.first_seen


@dataclass(frozen=True, slots=True)
class Patched:
    """How many exposures were patched in a time, and for how long they had been open, together."""

    count: int = 0
    open_for: timedelta = timedelta(0)

    @property
    def mean_days(self) -> float | None:
        """From first seen to closed, one decimal; None where nothing was patched."""
        if not self.count:
            return None
        return round(self.open_for / self.count / timedelta(days=1), 1)


class HistoryStore(Protocol):
    """Keeps snapshots and exposures. Safe to call from several threads. Every method raises StorageError."""

    def record(self, snapshot: Snapshot, nodes: tuple[NodeState, ...]) -> bool:
        """Keep a snapshot with its nodes, whole or not at all.

        A daily snapshot of a day that has one already replaces it when it is later and at least as complete; True when
        it was kept.
        """
        ...

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
        """What was open on a node after the operation that ended `at`; bot/core/exposures.py says what that means for
        what was open before.

        An operation that is no newer than what is known of the node changes nothing.
        """
        ...

    def patches_known_at(self, environment: str) -> dict[NodeKey, datetime]:
        """For each node, the end of the operation its open patches were recorded of."""
        ...

    def snapshots(
        self,
        environment: str,
        *,
        since: datetime,
        until: datetime | None = None,
        digests: bool = False,
    ) -> tuple[Snapshot, ...]:
        """Snapshots taken since then (and not after `until`), oldest first; those of digests only with `digests`."""
        ...

    def nodes_at(self, environment: str, at: datetime) -> tuple[NodeState, ...]:
        """The nodes of the last snapshot taken at or before `at`, in the order of their keys; none before the first."""
        ...

    def exposures(
        self, environment: str, *, closed_since: datetime | None = None
    ) -> tuple[Exposure, ...]:
        """What is open, oldest first; with `closed_since` also what was closed since then.

        Nothing that is open on a node that has left the environment, or was stopped, at the last whole snapshot: it
        counts again, with its old age, when the node is back.
        """
        ...

    def patched(self, environment: str, *, since: datetime) -> Patched:
        """What was patched since then, in sum: a year of a large fleet has millions of it.

        What only another baseline was silent about is not patched.
        """
        ...
