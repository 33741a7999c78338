"""The patch record of a node, read from what its agent uploaded.

The rule for non-compliant is the one in "Understanding patch compliance state values"
(Systems Manager User Guide); a baseline can add Windows' available security updates to it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bot.demo.aws.nodes import timestamp
from bot.demo.aws.state import InventoryItem, RegionState

PATCH_SUMMARY = "AWS:PatchSummary"
PATCH_COMPLIANCE = "AWS:PatchCompliance"
COMPLIANCE_ITEM = "AWS:ComplianceItem"

COUNTERS = (
    "InstalledCount",
    "InstalledOtherCount",
    "InstalledPendingRebootCount",
    "InstalledRejectedCount",
    "MissingCount",
    "FailedCount",
    "UnreportedNotApplicableCount",
    "NotApplicableCount",
    "AvailableSecurityUpdateCount",
    "CriticalNonCompliantCount",
    "SecurityNonCompliantCount",
    "OtherNonCompliantCount",
)
NON_COMPLIANT_COUNTERS = (
    "MissingCount",
    "FailedCount",
    "InstalledRejectedCount",
    "InstalledPendingRebootCount",
)
PATCH_STATES = (
    "Installed",
    "InstalledOther",
    "InstalledPendingReboot",
    "InstalledRejected",
    "Missing",
    "NotApplicable",
    "Failed",
    "AvailableSecurityUpdate",
)
# From the least to the worst compliance level of a baseline.
LEVELS = ("UNSPECIFIED", "INFORMATIONAL", "LOW", "MEDIUM", "HIGH", "CRITICAL")
EPOCH = datetime.fromtimestamp(0, UTC)


def patch_summary(region: RegionState, instance_id: str) -> Mapping[str, str] | None:
    """The node's AWS:PatchSummary; None when it was never scanned."""
    item = region.item(instance_id, PATCH_SUMMARY)
    return item.content[0] if item is not None and item.content else None


def patch_state(instance_id: str, summary: Mapping[str, str]) -> dict[str, Any]:
    """An InstancePatchState row."""
    row: dict[str, Any] = {
        "InstanceId": instance_id,
        "PatchGroup": summary.get("PatchGroup", ""),
        "BaselineId": summary["BaselineId"],
        "Operation": summary["OperationType"],
        "OperationStartTime": timestamp(summary["OperationStartTime"]),
        "OperationEndTime": timestamp(summary["OperationEndTime"]),
    }
    row |= {name: int(summary.get(name) or 0) for name in COUNTERS}
    for name in ("SnapshotId", "InstallOverrideList", "RebootOption", "OwnerInformation"):
        if summary.get(name):
            row[name] = summary[name]
    if summary.get("LastNoRebootInstallOperationTime"):
        row["LastNoRebootInstallOperationTime"] = timestamp(
            summary["LastNoRebootInstallOperationTime"]
        )
    return row


def patches(region: RegionState, instance_id: str) -> list[dict[str, Any]]:
    """The PatchComplianceData rows of a node, by title."""
    new = region.item(instance_id, COMPLIANCE_ITEM)
    old = region.item(instance_id, PATCH_COMPLIANCE)
    if new is not None:
        rows = [
            _patch(row, kb="Id", severity="PatchSeverity", state="PatchState")
            for row in new.content
            if _compliance_type(new, row) == "Patch"
        ]
    else:
        rows = [
            _patch(row, kb="KBId", severity="Severity", state="State")
            for row in (old.content if old is not None else ())
        ]
    return sorted(rows, key=lambda row: (row["Title"], row["KBId"]))


def _patch(row: Mapping[str, str], *, kb: str, severity: str, state: str) -> dict[str, Any]:
    patch: dict[str, Any] = {
        "Title": row["Title"],
        "KBId": row[kb],
        "Classification": row.get("Classification", ""),
        "Severity": row.get(severity, ""),
        "State": row[state],
        # A patch that is not installed has no time, yet the API must give one: the epoch.
        "InstalledTime": timestamp(row["InstalledTime"]) if row.get("InstalledTime") else EPOCH,
    }
    if row.get("CVEIds"):
        patch["CVEIds"] = row["CVEIds"]
    return patch


@dataclass(frozen=True, slots=True)
class ResourceCompliance:
    """A node's compliance of one type (Patch, Association, …)."""

    instance_id: str
    compliance_type: str
    is_compliant: bool
    patch_group: str
    execution: dict[str, Any]
    compliant_levels: Counter[str]
    non_compliant_levels: Counter[str]

    @property
    def status(self) -> str:
        """COMPLIANT or NON_COMPLIANT."""
        return "COMPLIANT" if self.is_compliant else "NON_COMPLIANT"

    @property
    def overall_severity(self) -> str:
        """The worst compliance level among the non-compliant items."""
        return max(self.non_compliant_levels, key=LEVELS.index, default="UNSPECIFIED")


def compliance_of(region: RegionState, instance_id: str) -> Iterable[ResourceCompliance]:
    """The node's compliance, one row per compliance type, without those it never reported."""
    item = region.item(instance_id, COMPLIANCE_ITEM)
    kinds: dict[str, list[dict[str, str]]] = {}
    for row in item.content if item is not None else ():
        kinds.setdefault(_compliance_type(item, row), []).append(row)
    summary = patch_summary(region, instance_id)
    if summary is not None:
        kinds.setdefault("Patch", [])
    for kind, rows in sorted(kinds.items()):
        yield _resource(region, instance_id, kind, rows, summary)


def _compliance_type(item: InventoryItem | None, row: Mapping[str, str]) -> str:
    context = item.context if item is not None else {}
    return row.get("ComplianceType") or context.get("ComplianceType") or "Patch"


def _resource(
    region: RegionState,
    instance_id: str,
    kind: str,
    rows: list[dict[str, str]],
    summary: Mapping[str, str] | None,
) -> ResourceCompliance:
    levels = {True: Counter[str](), False: Counter[str]()}
    for row in rows:
        if row.get("Status"):
            levels[row["Status"] == "COMPLIANT"][row.get("Severity") or "UNSPECIFIED"] += 1
    is_compliant = not levels[False]
    patch = kind == "Patch" and summary is not None
    if patch and summary is not None:
        is_compliant = not is_non_compliant(region, summary)
    return ResourceCompliance(
        instance_id=instance_id,
        compliance_type=kind,
        is_compliant=is_compliant,
        patch_group=(summary or {}).get("PatchGroup", "") if patch else "",
        execution=_execution(rows, summary if patch else None),
        compliant_levels=levels[True],
        non_compliant_levels=levels[False],
    )


def _execution(rows: list[dict[str, str]], summary: Mapping[str, str] | None) -> dict[str, Any]:
    if summary is not None:
        return {
            "ExecutionTime": timestamp(summary["OperationStartTime"]),
            "ExecutionId": summary.get("SnapshotId", ""),
            "ExecutionType": "Command",
        }
    at = next((row["ExecutionTime"] for row in rows if row.get("ExecutionTime")), None)
    return {"ExecutionTime": timestamp(at) if at else EPOCH}


def is_non_compliant(region: RegionState, summary: Mapping[str, str]) -> bool:
    """Whether a patch summary makes its node non-compliant under its own baseline."""
    if any(int(summary.get(name) or 0) for name in NON_COMPLIANT_COUNTERS):
        return True
    extras = region.baselines.get(summary.get("BaselineId", ""))
    return (
        extras is not None
        and extras.available_security_updates == "NON_COMPLIANT"
        and int(summary.get("AvailableSecurityUpdateCount") or 0) > 0
    )
