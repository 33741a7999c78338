"""Patch states and patches, through boto3 over HTTP."""

import http.client
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest

from bot.demo.aws.server import ACCESS_KEY, SimulatedAws
from bot.demo.fleet.demo import EU
from bot.demo.fleet.model import Fleet, Node, PatchState
from tests.demo.aws.conftest import everything, refusal

UNKNOWN = "i-0123456789abcdef0"


def scanned(fleet: Fleet) -> list[Node]:
    """The nodes with a patch state in the larger Region, by id."""
    nodes = (n for n in fleet.nodes if n.region == EU and n.run is not None)
    return sorted(nodes, key=lambda node: node.instance_id)


def expected_state(node: Node) -> dict[str, Any]:
    """The row as the fleet's own data says it."""
    run = node.run
    assert run is not None
    states = [patch.state for patch in run.patches]
    bad = [
        patch
        for patch in run.patches
        if patch.state.value in ("Missing", "Failed", "InstalledRejected", "InstalledPendingReboot")
        or (patch.state.value == "AvailableSecurityUpdate" and patch.is_compliant is False)
    ]
    critical = [patch for patch in bad if patch.level == "CRITICAL"]
    security = [p for p in bad if p.package.classification in ("Security", "SecurityUpdates")]
    return {
        "InstanceId": node.instance_id,
        "PatchGroup": node.tags.get("Patch Group", ""),
        "BaselineId": run.baseline_id,
        "SnapshotId": run.snapshot_id,
        "Operation": run.operation,
        "RebootOption": run.reboot_option,
        "OperationStartTime": run.started,
        "OperationEndTime": run.ended,
        "InstalledCount": states.count(PatchState.INSTALLED),
        "InstalledOtherCount": states.count(PatchState.INSTALLED_OTHER),
        "InstalledPendingRebootCount": states.count(PatchState.INSTALLED_PENDING_REBOOT),
        "InstalledRejectedCount": states.count(PatchState.INSTALLED_REJECTED),
        "MissingCount": states.count(PatchState.MISSING),
        "FailedCount": states.count(PatchState.FAILED),
        "NotApplicableCount": run.not_applicable + states.count(PatchState.NOT_APPLICABLE),
        "UnreportedNotApplicableCount": 0,
        "AvailableSecurityUpdateCount": states.count(PatchState.AVAILABLE_SECURITY_UPDATE),
        "CriticalNonCompliantCount": len(critical),
        "SecurityNonCompliantCount": len(security),
        "OtherNonCompliantCount": sum(p not in critical and p not in security for p in bad),
    } | (
        {"LastNoRebootInstallOperationTime": run.last_no_reboot_install}
        if run.last_no_reboot_install
        else {}
    )


def test_states_equal_the_fleet(eu: Any, fleet: Fleet) -> None:
    """Every counter and time of every node is what the fleet's patch lists add up to."""
    ids = sorted(n.instance_id for n in fleet.nodes if n.region == EU)
    rows: list[Any] = []
    for start in range(0, len(ids), 50):
        rows += everything(
            eu,
            "describe_instance_patch_states",
            "InstancePatchStates",
            InstanceIds=ids[start : start + 50],
            PaginationConfig={"PageSize": 10},
        )
    assert rows == [expected_state(node) for node in scanned(fleet)]
    assert len(rows) < len(ids), "the fleet must have nodes that were never scanned"


def test_unknown_and_never_scanned_nodes_are_left_out(eu: Any, fleet: Fleet) -> None:
    """No error and no row: a caller must notice by itself."""
    never = next(n for n in fleet.nodes if n.region == EU and n.run is None)
    known = scanned(fleet)[0]
    ids = [UNKNOWN, never.instance_id, known.instance_id, known.instance_id]
    rows = eu.describe_instance_patch_states(InstanceIds=ids)["InstancePatchStates"]
    assert [row["InstanceId"] for row in rows] == [known.instance_id]


def test_fifty_ids_and_fifty_rows_are_the_limit(ssm: Any, herd: Fleet) -> None:
    """The model says a hundred rows; the live service refuses more than fifty."""
    ids = [node.instance_id for node in herd.nodes]
    code, message = refusal(ssm.describe_instance_patch_states, InstanceIds=ids[:51])
    assert code == "ValidationException"
    assert "'instanceIds'" in message
    assert "length less than or equal to 50" in message
    for operation, parameters in (
        (ssm.describe_instance_patch_states, {"InstanceIds": ids[:1]}),
        (ssm.describe_instance_patch_states_for_patch_group, {"PatchGroup": "prod-app"}),
        (ssm.describe_instance_patches, {"InstanceId": ids[0]}),
    ):
        code, message = refusal(operation, **parameters, MaxResults=51)
        assert code == "ValidationException"
        assert "value less than or equal to 50" in message
    page = ssm.describe_instance_patch_states(InstanceIds=ids[:50], MaxResults=50)
    assert "NextToken" not in page


def test_ids_must_look_like_ids(ssm: Any) -> None:
    """A malformed id breaks the whole call."""
    code, message = refusal(ssm.describe_instance_patch_states, InstanceIds=["web-01"])
    assert code == "ValidationException"
    assert "instanceIds.1.member" in message


def test_a_missing_parameter_is_refused_by_the_server_too(aws: SimulatedAws) -> None:
    """The SDK refuses it first; another client gets the same from the service."""
    status, answer = raw_call(aws, "DescribeInstancePatchStates", {"MaxResults": 10})
    assert (status, answer["__type"]) == (400, "ValidationException")
    assert answer["Message"] == (
        "1 validation error detected: Value null at 'instanceIds' failed to satisfy constraint: "
        "Member must not be null"
    )


def test_a_wrong_type_is_a_serialization_error(aws: SimulatedAws) -> None:
    """A string where a list belongs."""
    status, answer = raw_call(aws, "DescribeInstancePatchStates", {"InstanceIds": UNKNOWN})
    assert (status, answer["__type"]) == (400, "SerializationException")


def raw_call(
    aws: SimulatedAws, operation: str, members: dict[str, Any]
) -> tuple[int, dict[str, Any]]:
    """A call in the JSON protocol without an SDK's own checks."""
    connection = http.client.HTTPConnection(urlsplit(aws.url).netloc)
    scope = f"{ACCESS_KEY}/20261123/{EU}/ssm/aws4_request"
    headers = {
        "X-Amz-Target": f"AmazonSSM.{operation}",
        "Content-Type": "application/x-amz-json-1.1",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
    }
    try:
        connection.request("POST", "/", json.dumps(members), headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_states_on_the_wire_are_camel_case(eu: Any, fleet: Fleet) -> None:
    """The model's enumeration is upper case; the service's answers are not."""
    node = next(n for n in scanned(fleet) if n.run and n.run.count(PatchState.MISSING))
    rows = everything(
        eu, "describe_instance_patches", "Patches", InstanceId=node.instance_id,
        PaginationConfig={"PageSize": 50},
    )  # fmt: skip
    assert node.run is not None
    assert sorted((row["Title"], row["State"]) for row in rows) == sorted(
        (patch.package.title, patch.state.value) for patch in node.run.patches
    )
    assert {"Installed", "Missing"} <= {row["State"] for row in rows}


@pytest.mark.parametrize(
    ("windows", "zero"),
    [(False, datetime(1970, 1, 1, tzinfo=UTC)), (True, datetime(1, 1, 1, tzinfo=UTC))],
)
def test_missing_patches_have_an_impossible_time(
    eu: Any, fleet: Fleet, windows: bool, zero: datetime
) -> None:
    """Linux sends the epoch for what is not installed, Windows year 1."""
    node = next(
        n
        for n in scanned(fleet)
        if n.platform.is_windows is windows and n.run and n.run.count(PatchState.MISSING)
    )
    filters = [{"Key": "State", "Values": ["Missing"]}]
    rows = eu.describe_instance_patches(InstanceId=node.instance_id, Filters=filters)["Patches"]
    assert rows
    assert {row["InstalledTime"] for row in rows} == {zero}


def test_cves_come_joined_and_only_where_the_agent_reports_them(eu: Any, fleet: Fleet) -> None:
    """Red Hat's family, Missing and Failed: elsewhere the member is absent."""
    seen = set()
    for node in scanned(fleet):
        if node.run is None or not node.run.non_compliant:
            continue
        filters = [{"Key": "State", "Values": ["Missing", "Failed"]}]
        answer = eu.describe_instance_patches(
            InstanceId=node.instance_id, Filters=filters, MaxResults=50
        )
        for row in answer["Patches"]:
            package = next(p.package for p in node.run.patches if p.package.title == row["Title"])
            assert row.get("CVEIds", "") == ",".join(package.cves)
            seen.add((node.platform.reports_cves, "CVEIds" in row))
    assert seen >= {(True, True), (False, False)}
    assert (False, True) not in seen


def test_patches_of_nobody(ssm: Any, herd: Fleet) -> None:
    """An unknown node is an error; one that was never scanned has none."""
    assert refusal(ssm.describe_instance_patches, InstanceId=UNKNOWN)[0] == "InvalidInstanceId"
    never = next(node for node in herd.nodes if node.run is None)
    assert ssm.describe_instance_patches(InstanceId=never.instance_id)["Patches"] == []


@pytest.mark.parametrize(
    "given",
    [{"Key": "Colour", "Values": ["red"]}, {"Key": "State", "Values": ["MISSING"]}],
)
def test_patch_filters_are_checked(ssm: Any, herd: Fleet, given: dict[str, Any]) -> None:
    """Neither an unknown key nor a state in the model's spelling passes."""
    instance_id = herd.nodes[0].instance_id
    code, _ = refusal(ssm.describe_instance_patches, InstanceId=instance_id, Filters=[given])
    assert code == "InvalidFilter"


def test_states_of_a_patch_group(eu: Any, fleet: Fleet) -> None:
    """The nodes of the group, and of those the ones a filter leaves."""
    rows = everything(
        eu,
        "describe_instance_patch_states_for_patch_group",
        "InstancePatchStates",
        PatchGroup="prod-app",
        Filters=[{"Key": "MissingCount", "Values": ["0"], "Type": "GreaterThan"}],
    )
    assert [row["InstanceId"] for row in rows] == [
        node.instance_id
        for node in scanned(fleet)
        if node.patch_group == "prod-app" and node.run and node.run.count(PatchState.MISSING)
    ]
    assert rows
    bad = [{"Key": "CriticalNonCompliantCount", "Values": ["0"], "Type": "Equal"}]
    code, _ = refusal(
        eu.describe_instance_patch_states_for_patch_group, PatchGroup="prod-app", Filters=bad
    )
    assert code == "InvalidFilter"


def test_the_state_of_a_patch_group_counts_nodes(eu: Any, fleet: Fleet) -> None:
    """Thirteen counters, each of nodes with at least one such patch."""
    state = eu.describe_patch_group_state(PatchGroup="prod-windows")
    members = [node for node in scanned(fleet) if node.patch_group == "prod-windows"]
    rows = [expected_state(node) for node in members]
    assert state["Instances"] == len(members)
    assert state["InstancesWithMissingPatches"] == sum(row["MissingCount"] > 0 for row in rows)
    assert state["InstancesWithAvailableSecurityUpdates"] == sum(
        row["AvailableSecurityUpdateCount"] > 0 for row in rows
    )
    assert state["InstancesWithCriticalNonCompliantPatches"] == sum(
        row["CriticalNonCompliantCount"] > 0 for row in rows
    )
    assert len([key for key in state if key.startswith("Instances")]) == 13
