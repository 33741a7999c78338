"""Compliance summaries: per resource and over all of them."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from bot.demo.aws.exceptions import InvalidFilter
from bot.demo.aws.filters import matches
from bot.demo.aws.pages import Pager, answer
from bot.demo.aws.patch_data import LEVELS, ResourceCompliance, compliance_of
from bot.demo.aws.state import RegionState

_ATTRIBUTES: dict[str, Callable[[ResourceCompliance], str]] = {
    "ComplianceType": lambda row: row.compliance_type,
    "Status": lambda row: row.status,
    "OverallSeverity": lambda row: row.overall_severity,
    "ResourceId": lambda row: row.instance_id,
    "ResourceType": lambda row: "ManagedInstance",  # noqa: ARG005
    "PatchGroup": lambda row: row.patch_group,
}


def list_resource_compliance_summaries(
    region: RegionState, parameters: dict[str, Any]
) -> dict[str, Any]:
    """One row per node and compliance type: unfiltered, a node comes more than once."""
    pager = Pager(
        "ListResourceComplianceSummaries", parameters, secret=region.secret, default_size=50
    )
    rows, token = pager.cut(
        (f"{row.instance_id}\0{row.compliance_type}", _summary_item(row))
        for row in _rows(region, parameters)
    )
    return answer("ResourceComplianceSummaryItems", rows, token)


def list_compliance_summaries(region: RegionState, parameters: dict[str, Any]) -> dict[str, Any]:
    """One row per compliance type: how many nodes are compliant and how many are not."""
    types: dict[str, tuple[Counter[str], Counter[str]]] = {}
    for row in _rows(region, parameters):
        good, bad = types.setdefault(row.compliance_type, (Counter(), Counter()))
        (good if row.is_compliant else bad)[row.overall_severity] += 1
    pager = Pager("ListComplianceSummaries", parameters, secret=region.secret, default_size=50)
    rows, token = pager.cut(
        (kind, {"ComplianceType": kind, **_counts(good, bad)})
        for kind, (good, bad) in sorted(types.items())
    )
    return answer("ComplianceSummaryItems", rows, token)


def _rows(region: RegionState, parameters: dict[str, Any]) -> Iterator[ResourceCompliance]:
    filters = parameters.get("Filters", [])
    for each in filters:
        if each.get("Key") not in _ATTRIBUTES or not each.get("Values"):
            raise InvalidFilter(f"The filter {each.get('Key')} is not valid.")
    for instance_id in region.ids():
        for row in compliance_of(region, instance_id):
            if all(
                matches(_ATTRIBUTES[f["Key"]](row), f.get("Type", "EQUAL"), f["Values"])
                for f in filters
            ):
                yield row


def _summary_item(row: ResourceCompliance) -> dict[str, Any]:
    return {
        "ComplianceType": row.compliance_type,
        "ResourceType": "ManagedInstance",
        "ResourceId": row.instance_id,
        "Status": row.status,
        "OverallSeverity": row.overall_severity,
        "ExecutionSummary": row.execution,
        **_counts(row.compliant_levels, row.non_compliant_levels),
    }


def _counts(good: Counter[str], bad: Counter[str]) -> dict[str, Any]:
    return {
        "CompliantSummary": {"CompliantCount": good.total(), "SeveritySummary": _levels(good)},
        "NonCompliantSummary": {"NonCompliantCount": bad.total(), "SeveritySummary": _levels(bad)},
    }


def _levels(counts: Counter[str]) -> dict[str, int]:
    return {f"{level.title()}Count": counts[level] for level in reversed(LEVELS)}


OPERATIONS = (list_resource_compliance_summaries, list_compliance_summaries)
