"""What AWS-RunPatchBaseline does to a node's record: it installs what is missing, and reports what it saw.

After an Install failed patches are reported and no missing ones ("About patch compliance", Systems Manager User
Guide); the next Scan finds those missing again. What a node has is kept apart from what it last reported: an upload
can fail.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.demo.aws.nodes import INSTANCE_INFORMATION, find_node
from bot.demo.aws.patch_data import (
    COMPLIANCE_ITEM,
    LEVELS,
    NON_COMPLIANT_COUNTERS,
    PATCH_STATES,
    PATCH_SUMMARY,
    patch_summary,
)
from bot.demo.aws.run_command.behaviour import ComplianceChange
from bot.demo.aws.state import InventoryItem, RegionState, as_text

Row = dict[str, str]
_BAD = frozenset(name.removesuffix("Count") for name in NON_COMPLIANT_COUNTERS)


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation on one node, as its record tells of it."""

    kind: str
    reboot_option: str
    snapshot_id: str
    command_id: str
    started: datetime


def scan(region: RegionState, instance_id: str, operation: Operation, *, at: datetime) -> None:
    """Report everything as it is: what failed before is missing."""
    rows = [_as(row, "Missing") if _is(row, "Failed") else row for row in _truth(region, instance_id)]  # fmt: skip
    _report(region, instance_id, operation, rows, at=at)


def install(
    region: RegionState,
    instance_id: str,
    operation: Operation,
    *,
    at: datetime,
    failing: int = 0,
    reporting: bool = True,
) -> int:
    """Install what is missing or failed before; the first `failing` patches fail. Returns how many were installed.

    They wait for a reboot; see `rebooted`. With `reporting` off the record stays as it was.
    """
    rows, installed = [], 0
    for row in _truth(region, instance_id):
        if not _is(row, "Missing", "Failed"):
            rows.append(row)
        elif failing:
            failing -= 1
            rows.append(_as(row, "Failed"))
        else:
            installed += 1
            rows.append(_as(row, "InstalledPendingReboot", at))
    if reporting:
        _report(region, instance_id, operation, rows, at=at)
    else:
        region.patches[instance_id] = tuple(rows)
    return installed


def waits_for_reboot(region: RegionState, instance_id: str) -> bool:
    """Whether something is installed there and waits for a reboot: RebootIfNeeded reboots for that, too."""
    return any(_is(row, "InstalledPendingReboot") for row in _truth(region, instance_id))


def rebooted(
    region: RegionState,
    instance_id: str,
    operation: Operation,
    *,
    at: datetime,
    reporting: bool = True,
) -> None:
    """What waited for a reboot is installed."""
    rows = [
        _as(row, "Installed", at) if _is(row, "InstalledPendingReboot") else row
        for row in _truth(region, instance_id)
    ]
    if reporting:
        _report(region, instance_id, operation, rows, at=at)
    else:
        region.patches[instance_id] = tuple(rows)


def set_connection(region: RegionState, instance_id: str, *, online: bool, at: datetime) -> None:
    """The agent falls silent, or answers again."""
    item = region.item(instance_id, INSTANCE_INFORMATION)
    if item is None:
        return
    attributes = dict(item.content[0]) if item.content else {}
    attributes["InstanceStatus"] = "Active" if online else "ConnectionLost"
    captured = as_text(at) if online else item.capture_time
    region.store(instance_id, replace(item, capture_time=captured, content=(attributes,)))


def _truth(region: RegionState, instance_id: str) -> Sequence[Row]:
    """The patches of the node, reported or not; a node that nobody has scanned has those of one like it."""
    known = region.patches.get(instance_id)
    if known is not None:
        return known
    if patch_summary(region, instance_id) is None:
        twin = _twin(region, instance_id)
        return _patches(region, twin) if twin else ()
    return _patches(region, instance_id)


def _twin(region: RegionState, instance_id: str) -> str:
    node = find_node(region, instance_id)
    if node is None:
        return ""
    system = node.attributes.get("PlatformName"), node.attributes.get("PlatformVersion")
    for other in region.ids():
        item = region.item(other, INSTANCE_INFORMATION)
        alike = item.content[0] if item is not None and item.content else {}
        same = (alike.get("PlatformName"), alike.get("PlatformVersion")) == system
        if same and patch_summary(region, other) is not None:
            return other
    return ""


def _patches(region: RegionState, instance_id: str) -> list[Row]:
    item = region.item(instance_id, COMPLIANCE_ITEM)
    rows = item.content if item is not None else ()
    return [row for row in rows if row.get("ComplianceType", "Patch") == "Patch"]


def _is(row: Row, *states: str) -> bool:
    return row["PatchState"] in states


def _as(row: Row, state: str, at: datetime | None = None) -> Row:
    """The same patch in another state; rows are shared between nodes, so never changed."""
    changed = row | {"PatchState": state, "Status": "NON_COMPLIANT" if state in _BAD else "COMPLIANT"}  # fmt: skip
    if at is not None:
        changed["InstalledTime"] = as_text(at)
    return changed


def _report(
    region: RegionState,
    instance_id: str,
    operation: Operation,
    rows: Sequence[Row],
    *,
    at: datetime,
) -> None:
    """Upload the summary and the patches, as the agent does at the end."""
    old = patch_summary(region, instance_id)
    twin = _twin(region, instance_id) if old is None else ""
    judged_by = old or patch_summary(region, twin) or {}
    group = region.tags(instance_id).get("Patch Group", region.tags(instance_id).get("PatchGroup", ""))  # fmt: skip
    summary = _summary(operation, rows, judged_by, at=at) | {"PatchGroup": group}
    if operation.kind == "Install" and operation.reboot_option == "NoReboot":
        summary["LastNoRebootInstallOperationTime"] = as_text(at)
    elif old and old.get("LastNoRebootInstallOperationTime"):
        summary["LastNoRebootInstallOperationTime"] = old["LastNoRebootInstallOperationTime"]
    _store(region, instance_id, PATCH_SUMMARY, [summary], at)
    last = region.item(instance_id, COMPLIANCE_ITEM)
    others = [row for row in (last.content if last else ()) if row.get("ComplianceType") != "Patch"]
    own = [row | {"PatchGroup": group} for row in rows]
    _store(region, instance_id, COMPLIANCE_ITEM, [*others, *own], at)
    region.patches[instance_id] = tuple(rows)
    if _is_compliant(old) is not _is_compliant(summary):
        change = ComplianceChange(
            account=region.account,
            region=region.name,
            instance_id=instance_id,
            compliant=bool(_is_compliant(summary)),
            severity=summary.get("NonCompliantSeverity", ""),
            baseline_id=summary.get("BaselineId", ""),
            at=at,
        )
        for listener in list(region.behaviour.compliance_listeners):
            listener(change)


def _is_compliant(summary: Mapping[str, str] | None) -> bool | None:
    """None for a node that never reported."""
    if summary is None:
        return None
    return not any(int(summary.get(name) or 0) for name in NON_COMPLIANT_COUNTERS)


def release(region: RegionState, instance_id: str, title: str) -> None:
    """Its vendor releases a patch that the node misses; the next scan reports it."""
    rows = list(_truth(region, instance_id))
    like = next((row for row in rows if row.get("Title")), None)
    if like is not None:
        new = like | {"Title": title, "Id": title, "InstalledTime": "", "Severity": "CRITICAL"}
        region.patches[instance_id] = (_as(new, "Missing"), *rows)


def _summary(
    operation: Operation, rows: Iterable[Row], before: Mapping[str, str], *, at: datetime
) -> Row:
    rows = list(rows)
    states = Counter(row["PatchState"] for row in rows)
    bad = [row for row in rows if row.get("Status") == "NON_COMPLIANT"]
    counts = {f"{state}Count": states[state] for state in PATCH_STATES}
    # Linux reports what does not apply as a bare number, which no operation changes.
    counts["NotApplicableCount"] = max(
        counts["NotApplicableCount"], int(before.get("NotApplicableCount") or 0)
    )
    counts["UnreportedNotApplicableCount"] = 0
    security = [_is_security(row) for row in bad]
    counts["CriticalNonCompliantCount"] = sum(row.get("Severity") == "CRITICAL" for row in bad)
    counts["SecurityNonCompliantCount"] = sum(security)
    counts["OtherNonCompliantCount"] = sum(
        row.get("Severity") != "CRITICAL" and not _is_security(row) for row in bad
    )
    summary = {
        "BaselineId": before.get("BaselineId", ""),
        "SnapshotId": operation.snapshot_id,
        "ExecutionId": operation.command_id,
        "OwnerInformation": "",
        "OperationType": operation.kind,
        "OperationStartTime": as_text(operation.started),
        "OperationEndTime": as_text(at),
        "RebootOption": operation.reboot_option,
        **{name: str(count) for name, count in counts.items()},
    }
    if bad:
        levels = [row.get("Severity", "UNSPECIFIED") for row in bad]
        summary["NonCompliantSeverity"] = max(levels, key=LEVELS.index)
    return summary


def _is_security(row: Row) -> bool:
    return row.get("Classification") in ("Security", "SecurityUpdates")


def _store(
    region: RegionState, instance_id: str, type_name: str, content: Sequence[Row], at: datetime
) -> None:
    context = {"ExecutionType": "Command", "ComplianceType": "Patch"}
    item = InventoryItem(
        type_name=type_name,
        schema_version="1.0",
        capture_time=as_text(at),
        content_hash="",
        content=tuple(content),
        context=context if type_name == COMPLIANCE_ITEM else {},
    )
    region.store(instance_id, item)
