"""What a node's agent uploads: the inventory items of PutInventory, every value a string.

The members are those of the agent's own reports (AWS:InstanceInformation, AWS:PatchSummary,
AWS:ComplianceItem; "Metadata collected by Inventory", Systems Manager User Guide).
"""

from datetime import datetime
from typing import Any

from bot.demo.aws.state import as_text
from bot.demo.fleet.model import Node, Patch, PatchState, Run

_LEVELS = ("INFORMATIONAL", "LOW", "MEDIUM", "HIGH", "CRITICAL")
_YEAR_ONE = "0001-01-01T00:00:00Z"
_AGENT_VERSION = "3.3.2746.0"


def inventory_items(
    node: Node, *, known: dict[int, list[dict[str, str]]] | None = None
) -> list[dict[str, Any]]:
    """The items of the node's last uploads.

    `known` keeps the rows of patch lists that many nodes share, by the list's identity.
    """
    items = [_item("AWS:InstanceInformation", node.last_ping, [_instance_information(node)])]
    run = node.run
    if run is not None:
        items.append(_item("AWS:PatchSummary", run.ended, [_patch_summary(run)]))
    content = [_association(node), *_compliance_items(node, known if known is not None else {})]
    context = {"ExecutionType": "Command", "ComplianceType": "Patch"}
    captured = node.last_ping if run is None else run.ended
    items.append(_item("AWS:ComplianceItem", captured, content) | {"Context": context})
    return items


def _item(type_name: str, captured: datetime, content: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "TypeName": type_name,
        "SchemaVersion": "1.0",
        "CaptureTime": as_text(captured),
        "Content": content,
    }


def _instance_information(node: Node) -> dict[str, str]:
    content = {
        "AgentType": "amazon-ssm-agent",
        "AgentVersion": _AGENT_VERSION,
        "ComputerName": node.computer_name,
        "InstanceId": node.instance_id,
        "InstanceStatus": "ConnectionLost" if node.connection_lost else "Active",
        "IpAddress": node.ip_address,
        "PlatformName": node.platform.name,
        "PlatformType": node.platform.kind,
        "PlatformVersion": node.platform.version,
        "ResourceType": "ManagedInstance" if node.is_hybrid else "EC2Instance",
        "AssociationStatus": "Success",
    }
    if node.is_hybrid:
        content["IamRole"] = "service-role/AmazonEC2RunCommandRoleForManagedInstances"
    return content


def _patch_summary(run: Run) -> dict[str, str]:
    counts = {
        "InstalledCount": run.count(PatchState.INSTALLED),
        "InstalledOtherCount": run.count(PatchState.INSTALLED_OTHER),
        "InstalledPendingRebootCount": run.count(PatchState.INSTALLED_PENDING_REBOOT),
        "InstalledRejectedCount": run.count(PatchState.INSTALLED_REJECTED),
        "MissingCount": run.count(PatchState.MISSING),
        "FailedCount": run.count(PatchState.FAILED),
        "NotApplicableCount": run.not_applicable + run.count(PatchState.NOT_APPLICABLE),
        "UnreportedNotApplicableCount": 0,
        "AvailableSecurityUpdateCount": run.count(PatchState.AVAILABLE_SECURITY_UPDATE),
        "CriticalNonCompliantCount": run.critical_count,
        "SecurityNonCompliantCount": run.security_count,
        "OtherNonCompliantCount": run.other_count,
    }
    content = {
        "PatchGroup": run.patch_group,
        "BaselineId": run.baseline_id,
        "SnapshotId": run.snapshot_id,
        "ExecutionId": run.command_id,
        "OwnerInformation": "",
        "OperationType": run.operation,
        "OperationStartTime": as_text(run.started),
        "OperationEndTime": as_text(run.ended),
        "RebootOption": run.reboot_option,
        **{name: str(count) for name, count in counts.items()},
    }
    if run.last_no_reboot_install is not None:
        content["LastNoRebootInstallOperationTime"] = as_text(run.last_no_reboot_install)
    if run.non_compliant:
        levels = [patch.level for patch in run.non_compliant if patch.level in _LEVELS]
        content["NonCompliantSeverity"] = max(levels, key=_LEVELS.index, default=_LEVELS[0])
    return content


def _compliance_items(node: Node, known: dict[int, list[dict[str, str]]]) -> list[dict[str, str]]:
    run = node.run
    if run is None:
        return []
    if id(run.patches) not in known:
        known[id(run.patches)] = [_compliance_item(node, run, patch) for patch in run.patches]
    return known[id(run.patches)]


def _compliance_item(node: Node, run: Run, patch: Patch) -> dict[str, str]:
    statuses = {True: "COMPLIANT", False: "NON_COMPLIANT", None: ""}
    item = {
        "ComplianceType": "Patch",
        "Id": patch.package.kb_id,
        "Title": patch.package.title,
        "Severity": patch.level,
        "Status": statuses[patch.is_compliant],
        "Classification": patch.package.classification,
        "PatchSeverity": patch.package.severity,
        "PatchState": patch.state.value,
        "PatchBaselineId": run.baseline_id,
        "PatchGroup": run.patch_group,
        "InstalledTime": _installed_time(node, patch),
    }
    if node.platform.reports_cves and patch.state in (PatchState.MISSING, PatchState.FAILED):
        item["CVEIds"] = ",".join(patch.package.cves)
    return item


def _installed_time(node: Node, patch: Patch) -> str:
    if patch.installed_at is not None:
        return as_text(patch.installed_at)
    # Windows' agent sends .NET's zero where Linux sends nothing.
    return _YEAR_ONE if node.platform.is_windows else ""


def _association(node: Node) -> dict[str, str]:
    return {
        "ComplianceType": "Association",
        "Id": "9c1d3a5e-0000-4000-8000-" + node.instance_id[-12:],
        "Title": "AWS-GatherSoftwareInventory",
        "Severity": "UNSPECIFIED",
        "Status": "COMPLIANT",
        "ExecutionTime": as_text(node.last_ping),
    }
