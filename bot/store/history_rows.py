"""Snapshots, node states and exposures as rows of history.db, and back."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeAlias

from bot.core.history import Exposure, NodeState, Snapshot, SnapshotKind
from bot.core.judgement import Reason, Status
from bot.core.nodes import NodeKey, Patch
from bot.core.reports import Attention, NodeCounts, PatchCounts, UnknownReasons

Row: TypeAlias = tuple[Any, ...]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NO_END = -(2**31)

SNAPSHOT_COLUMNS = (
    "day",
    "at",
    "kind",
    "run",
    "complete",
    "total",
    "compliant",
    "non_compliant",
    "unknown",
    "never_scanned",
    "stale",
    "unreadable",
    "connection_lost",
    "stopped",
    "pending_reboot",
    "nodes_failed",
    "missing",
    "failed",
    "installed_pending_reboot",
    "installed_rejected",
    "oldest",
)
PATCH_COLUMNS = ("title", "kb_id", "classification", "severity", "state", "cve_ids")
TEXTS_OF_STATE = 7
STATE_COLUMNS = (
    "name",
    "owner",
    "platform",
    "patch_group",
    "verdict",
    "baseline",
    "operation",
    "missing",
    "failed",
    "installed_pending_reboot",
    "installed_rejected",
    "critical_non_compliant",
    "security_non_compliant",
)
EXPOSURE_COLUMNS = (
    "patch",
    "first_seen",
    "first_baseline",
    "critical_after",
    "important_after",
    "seen_for",
    "baseline",
    "closed_after",
    "closed_by",
    "closing_baseline",
)
CLOSED_COLUMNS = (
    "closed_at",
    "node",
    "patch",
    "open_for",
    "unseen_for",
    "first_baseline",
    "baseline",
    "critical_after",
    "important_after",
    "closed_by",
)


def microseconds(moment: datetime) -> int:
    """A moment as a number; equal moments give equal numbers."""
    return (moment - EPOCH) // _MICROSECOND


def from_microseconds(number: int) -> datetime:
    """The moment behind such a number."""
    return EPOCH + number * _MICROSECOND


def seconds(moment: datetime) -> int:
    """A moment in whole seconds, rounded down."""
    return (moment - EPOCH) // timedelta(seconds=1)


def from_seconds(number: int) -> datetime:
    """The moment behind such a number."""
    return EPOCH + timedelta(seconds=number)


def snapshot_row(one: Snapshot) -> Row:
    """The values of SNAPSHOT_COLUMNS."""
    oldest = one.oldest_operation_end_time
    return (
        one.day.isoformat(),
        microseconds(one.at),
        one.kind.value,
        one.run,
        one.complete,
        *one.nodes.model_dump().values(),
        *one.unknown_reasons.model_dump().values(),
        *one.attention.model_dump().values(),
        *one.patches.model_dump().values(),
        None if oldest is None else microseconds(oldest),
    )


def snapshot(environment: str, row: Row) -> Snapshot:
    """The snapshot in a row of SNAPSHOT_COLUMNS."""
    found = dict(zip(SNAPSHOT_COLUMNS, row, strict=True))
    attention = {**found, "failed": found["nodes_failed"]}
    return Snapshot(
        environment,
        date.fromisoformat(found["day"]),
        from_microseconds(found["at"]),
        SnapshotKind(found["kind"]),
        found["run"],
        NodeCounts(**_of(NodeCounts, found)),
        UnknownReasons(**_of(UnknownReasons, found)),
        Attention(**_of(Attention, attention)),
        PatchCounts(**_of(PatchCounts, found)),
        None if found["oldest"] is None else from_microseconds(found["oldest"]),
        bool(found["complete"]),
    )


def _of(table: type[Any], found: Mapping[str, Any]) -> dict[str, int]:
    return {name: found[name] for name in table.model_fields}


def state_row(one: NodeState) -> Row:
    """The values of STATE_COLUMNS; the first TEXTS_OF_STATE are texts."""
    return (
        one.name,
        one.owner,
        one.platform,
        one.patch_group,
        " ".join((one.status, *one.reasons)),
        one.baseline_id,
        one.operation,
        one.missing,
        one.failed,
        one.installed_pending_reboot,
        one.installed_rejected,
        one.critical_non_compliant,
        one.security_non_compliant,
    )


def node_state(key: NodeKey, row: Row, end: datetime | None) -> NodeState:
    """The node behind a row of STATE_COLUMNS with its texts."""
    name, owner, platform, patch_group, verdict, baseline_id, operation, *counters = row
    status, *reasons = verdict.split()
    return NodeState(
        key,
        name,
        owner,
        platform,
        patch_group,
        Status(status),
        tuple(Reason(reason) for reason in reasons),
        baseline_id,
        operation,
        end,
        *counters,
    )


def packed_ends(at: datetime, ends: Sequence[tuple[int, datetime | None]]) -> bytes:
    """When the last operation of each node (by its number, ascending) ended, in a few bytes a node.

    It changes daily on every node, so it is kept apart from what seldom does: the steps between the numbers, then the
    seconds before the snapshot.
    """
    numbers = [number for number, _ in ends]
    steps = [number - before for before, number in zip((0, *numbers), numbers, strict=False)]
    moment = seconds(at)
    ages = [_NO_END if end is None else _age(moment, end) for _, end in ends]
    return zlib.compress(
        struct.pack(f"<{len(steps)}i", *steps) + struct.pack(f"<{len(ages)}i", *ages)
    )


def _age(moment: int, end: datetime) -> int:
    return max(_NO_END + 1, min(-_NO_END - 1, moment - seconds(end)))


def unpacked_ends(at: datetime, packed: bytes) -> dict[int, datetime | None]:
    """What `packed_ends` made, by the numbers of the nodes."""
    raw = zlib.decompress(packed)
    count = len(raw) // 8
    values = struct.unpack(f"<{2 * count}i", raw)
    moment, number, ends = seconds(at), 0, {}
    for step, age in zip(values[:count], values[count:], strict=True):
        number += step
        ends[number] = None if age == _NO_END else from_seconds(moment - age)
    return ends


def patch_row(patch: Patch) -> Row:
    """The values of PATCH_COLUMNS. When it was installed is not kept."""
    return (
        patch.title,
        patch.kb_id,
        patch.classification,
        patch.severity,
        patch.state,
        " ".join(patch.cve_ids),
    )


def patch(row: Row) -> Patch:
    """The patch in a row of PATCH_COLUMNS."""
    title, kb_id, classification, severity, state, cve_ids = row
    return Patch(title, kb_id, classification, severity, state, None, tuple(cve_ids.split()))


def offset(start: int, moment: datetime | None) -> int | None:
    """Seconds from `start` to then."""
    return None if moment is None else seconds(moment) - start


def closed_row(node: int, patch_id: int, one: Exposure, texts: Mapping[str, int]) -> Row:
    """The values of CLOSED_COLUMNS."""
    assert one.closed_at is not None  # noqa: S101  # only closed ones come here
    first, closed = seconds(one.first_seen), seconds(one.closed_at)
    return (
        closed,
        node,
        patch_id,
        closed - first,
        closed - seconds(one.last_seen),
        texts[one.first_baseline_id],
        texts[one.baseline_id],
        offset(first, one.critical_since),
        offset(first, one.important_since),
        texts[one.closed_by] if one.closed_by else None,
    )
