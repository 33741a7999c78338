"""Compliance summaries, through boto3 over HTTP."""

from typing import Any

from bot.demo.fleet.demo import EU
from bot.demo.fleet.model import Fleet, Node
from tests.demo.aws.conftest import everything, refusal

PATCH = {"Key": "ComplianceType", "Values": ["Patch"], "Type": "EQUAL"}


def is_bad(node: Node) -> bool:
    """Non-compliant by the table of patch states, or by the baseline's switch for Windows."""
    assert node.run is not None
    return any(
        patch.state.value in ("Missing", "Failed", "InstalledRejected", "InstalledPendingReboot")
        or (patch.state.value == "AvailableSecurityUpdate" and not patch.is_compliant)
        for patch in node.run.patches
    )


def test_a_node_comes_once_per_compliance_type(eu: Any, fleet: Fleet) -> None:
    """Keyed by the id alone, its Association would hide its Patch row."""
    rows = everything(eu, "list_resource_compliance_summaries", "ResourceComplianceSummaryItems")
    here = [n for n in fleet.nodes if n.region == EU]
    found = sorted((row["ResourceId"], row["ComplianceType"]) for row in rows)
    assert found == sorted(
        [(n.instance_id, "Association") for n in here]
        + [(n.instance_id, "Patch") for n in here if n.run is not None]
    )


def test_the_status_is_the_rule_under_the_baseline(eu: Any, fleet: Fleet) -> None:
    """Also for a Windows node whose only fault is an update that is not approved yet."""
    rows = everything(
        eu,
        "list_resource_compliance_summaries",
        "ResourceComplianceSummaryItems",
        Filters=[PATCH],
    )
    here = [n for n in fleet.nodes if n.region == EU and n.run is not None]
    assert {row["ResourceId"]: row["Status"] for row in rows} == {
        n.instance_id: "NON_COMPLIANT" if is_bad(n) else "COMPLIANT" for n in here
    }
    by_id = {row["ResourceId"]: row for row in rows}
    for node in here:
        assert node.run is not None
        row = by_id[node.instance_id]
        assert row["NonCompliantSummary"]["NonCompliantCount"] == len(node.run.non_compliant)
        assert row["ExecutionSummary"]["ExecutionId"] == node.run.snapshot_id


def test_the_overall_severity_is_the_baselines_level(eu: Any, fleet: Fleet) -> None:
    """Under AWS's own baselines it is UNSPECIFIED even where critical patches are missing."""
    bad = {**PATCH, "Key": "Status", "Values": ["NON_COMPLIANT"]}
    rows = everything(
        eu,
        "list_resource_compliance_summaries",
        "ResourceComplianceSummaryItems",
        Filters=[PATCH, bad],
    )
    nodes = {node.instance_id: node for node in fleet.nodes}
    order = ["UNSPECIFIED", "INFORMATIONAL", "LOW", "MEDIUM", "HIGH", "CRITICAL"]
    judged_by_aws = set()
    for row in rows:
        run = nodes[row["ResourceId"]].run
        assert run is not None
        levels = [patch.level for patch in run.non_compliant]
        assert row["OverallSeverity"] == max(levels, key=order.index)
        if run.baseline_id.startswith("arn:"):
            judged_by_aws.add(row["OverallSeverity"])
    assert judged_by_aws == {"UNSPECIFIED"}
    assert "CRITICAL" in {row["OverallSeverity"] for row in rows}


def test_the_summary_counts_nodes(eu: Any, fleet: Fleet) -> None:
    """One call for the headline: only nodes with data are in it."""
    [item] = eu.list_compliance_summaries(Filters=[PATCH])["ComplianceSummaryItems"]
    here = [n for n in fleet.nodes if n.region == EU and n.run is not None]
    assert item["NonCompliantSummary"]["NonCompliantCount"] == sum(is_bad(n) for n in here)
    assert item["CompliantSummary"]["CompliantCount"] == sum(not is_bad(n) for n in here)


def test_compliance_filters_and_pages_are_checked(eu: Any) -> None:
    """Unknown keys and pages above fifty are refused."""
    for operation in (eu.list_compliance_summaries, eu.list_resource_compliance_summaries):
        bad = [{"Key": "Colour", "Values": ["red"], "Type": "EQUAL"}]
        assert refusal(operation, Filters=bad)[0] == "InvalidFilter"
        assert refusal(operation, MaxResults=51)[0] == "ValidationException"
        assert refusal(operation, NextToken="forged")[0] == "InvalidNextToken"
