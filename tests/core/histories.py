"""What the tests of history are made of: nodes, patches, snapshots."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from bot.core.history import NodeState, Snapshot, SnapshotKind
from bot.core.judgement import Reason, Status
from bot.core.nodes import NodeKey, Patch
from bot.core.reports import Attention, NodeCounts, PatchCounts, UnknownReasons

DAY = timedelta(days=1)
NOW = datetime(2026, 3, 1, 2, 30, tzinfo=UTC)


def key(number: int = 1) -> NodeKey:
    return NodeKey("111122223333", "eu-central-1", f"i-{number}")


def package(name: str, version: str = "1", severity: str = "Important", **changes: Any) -> Patch:
    """A patch of a package, as Red Hat's family reports it."""
    given = {"classification": "Security", "state": "Missing", **changes}
    return Patch(f"{name}.x86_64:0:{version}", f"{name}.x86_64", severity=severity, **given)


def rollup(month: str, kb: int, severity: str = "Critical") -> Patch:
    """A month's cumulative update of Windows."""
    title = f"{month} Cumulative Update for Windows Server 2022 for x64-based Systems (KB{kb})"
    return Patch(title, f"KB{kb}", "SecurityUpdates", severity, "Missing")


def node(number: int = 1, **changes: Any) -> NodeState:
    given: dict[str, Any] = {
        "key": key(number),
        "name": f"wéb-{number} 'one'; --",
        "owner": "Zoë",
        "platform": "Amazon Linux 2023",
        "patch_group": "web",
        "status": Status.NON_COMPLIANT,
        "reasons": (Reason.MISSING, Reason.FAILED),
        "baseline_id": "pb-1",
        "operation": "Scan",
        "operation_end_time": NOW - timedelta(hours=2),
        "missing": 3,
        "failed": 1,
        **changes,
    }
    return NodeState(**given)


def snapshot(at: datetime = NOW, **changes: Any) -> Snapshot:
    given: dict[str, Any] = {
        "environment": "prod",
        "day": at.date(),
        "at": at,
        "kind": SnapshotKind.DAILY,
        "run": "",
        "nodes": NodeCounts(total=10, compliant=6, non_compliant=3, unknown=1),
        "unknown_reasons": UnknownReasons(never_scanned=1),
        "attention": Attention(connection_lost=1, stopped=2, pending_reboot=3, failed=4),
        "patches": PatchCounts(
            missing=5, failed=6, installed_pending_reboot=7, installed_rejected=8
        ),
        "oldest_operation_end_time": at - DAY,
        "complete": True,
        **changes,
    }
    return Snapshot(**given)
