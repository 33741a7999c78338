"""From the rows of AWS's answers to the domain's types. Rows are untrusted: a missing or odd member never raises."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bot.core.nodes import Baseline, ManagedNode, Patch, PatchState, patch_state

Row = Mapping[str, Any]
NEVER = datetime.min.replace(tzinfo=UTC)


def text(value: object) -> str:
    """A text of AWS that can be stored and printed: JSON may carry half a surrogate pair, UTF-8 cannot."""
    told = str(value or "")
    return told if told.isascii() else told.encode(errors="replace").decode()


def last_ping(row: Row) -> datetime:
    """When the node was last heard of; long ago when AWS does not say."""
    return row.get("LastPingDateTime") or NEVER


def gone(row: Row) -> bool:
    """Terminated nodes are nowhere."""
    return _state(row) in {"terminated", "shutting-down"}


def stopped(row: Row) -> bool:
    """Stopped nodes are outside every total."""
    return _state(row) in {"stopped", "stopping"}


def hybrid(instance_id: str) -> bool:
    """A node outside EC2 (mi-…): it carries Systems Manager tags and none of EC2's."""
    return instance_id.startswith("mi-")


def node(
    row: Row,
    *,
    account: str,
    region: str,
    name: str,
    owner: str,
    patch_group_tag: str | None = None,
) -> ManagedNode:
    """A row of DescribeInstanceProperties or DescribeInstanceInformation.

    `name` is used where the row has none; a node without either goes by its computer name.
    """
    instance_id = text(row.get("InstanceId"))
    return ManagedNode(
        instance_id=instance_id,
        account=account,
        region=region,
        name=text(row.get("Name")) or name or text(row.get("ComputerName")),
        platform_type=text(row.get("PlatformType")),
        platform_name=text(row.get("PlatformName")),
        platform_version=text(row.get("PlatformVersion")),
        ping_status=text(row.get("PingStatus")),
        last_ping=row.get("LastPingDateTime"),
        agent_version=text(row.get("AgentVersion")),
        instance_state=_state(row),
        resource_type=text(row.get("ResourceType")),
        ip_address=text(row.get("IPAddress")),
        owner=owner,
        patch_group_tag=patch_group_tag,
    )


def state(row: Row) -> PatchState:
    """A row of DescribeInstancePatchStates."""
    return PatchState(
        instance_id=row["InstanceId"],
        patch_group=text(row.get("PatchGroup")),
        baseline_id=text(row.get("BaselineId")),
        snapshot_id=text(row.get("SnapshotId")),
        operation=text(row.get("Operation")),
        operation_start_time=row.get("OperationStartTime"),
        operation_end_time=row.get("OperationEndTime"),
        reboot_option=text(row.get("RebootOption")),
        last_no_reboot_install=row.get("LastNoRebootInstallOperationTime"),
        installed=row.get("InstalledCount") or 0,
        installed_other=row.get("InstalledOtherCount") or 0,
        installed_pending_reboot=row.get("InstalledPendingRebootCount") or 0,
        installed_rejected=row.get("InstalledRejectedCount") or 0,
        missing=row.get("MissingCount") or 0,
        failed=row.get("FailedCount") or 0,
        not_applicable=row.get("NotApplicableCount") or 0,
        available_security_updates=row.get("AvailableSecurityUpdateCount") or 0,
        critical_non_compliant=row.get("CriticalNonCompliantCount") or 0,
        security_non_compliant=row.get("SecurityNonCompliantCount") or 0,
        other_non_compliant=row.get("OtherNonCompliantCount") or 0,
    )


def patch(row: Row) -> Patch:
    """A row of DescribeInstancePatches. CVEIds is one text, its ids joined by commas."""
    cves = str(text(row.get("CVEIds"))).split(",")
    return Patch(
        title=text(row.get("Title")),
        kb_id=text(row.get("KBId")),
        classification=text(row.get("Classification")),
        severity=text(row.get("Severity")),
        state=patch_state(text(row.get("State"))),
        installed_time=row.get("InstalledTime"),
        cve_ids=tuple(dict.fromkeys(cve.strip() for cve in cves if cve.strip())),
    )


def baseline(row: Row, *, default: bool) -> Baseline:
    """The answer of GetPatchBaseline."""
    rules = (row.get("ApprovalRules") or {}).get("PatchRules") or []
    levels = [rule.get("ComplianceLevel") or "UNSPECIFIED" for rule in rules]
    if row.get("ApprovedPatches"):
        levels.append(row.get("ApprovedPatchesComplianceLevel") or "UNSPECIFIED")
    days = [rule["ApproveAfterDays"] for rule in rules if rule.get("ApproveAfterDays") is not None]
    return Baseline(
        baseline_id=text(row.get("BaselineId")),
        name=text(row.get("Name")),
        operating_system=text(row.get("OperatingSystem")),
        description=text(row.get("Description")),
        default=default,
        compliance_levels=tuple(dict.fromkeys(levels)),
        approve_after_days=tuple(days),
        counts_available_security_updates=row.get("AvailableSecurityUpdatesComplianceStatus")
        == "NON_COMPLIANT",
    )


def _state(row: Row) -> str:
    return str(text(row.get("InstanceState"))).lower()
