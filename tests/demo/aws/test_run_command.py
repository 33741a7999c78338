"""Run Command of the simulated AWS: as strict as AWS, and it takes its time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.demo.aws.run_command.behaviour import Behaviour, StatusChange
from bot.demo.aws.server import SimulatedAws
from bot.demo.fleet.demo import demo_fleet
from bot.demo.fleet.model import Fleet, Node, PatchState
from bot.demo.fleet.seeding import seed_directly
from tests.demo.aws.conftest import refusal

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
EU = "eu-central-1"
PATCH = "AWS-RunPatchBaseline"
SNAPSHOT = "11111111-2222-4333-8444-555555555555"


class Hand:
    """A clock that goes on when told."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture(scope="module")
def demo() -> Fleet:
    whole = demo_fleet(NOW)
    return replace(whole, nodes=tuple(node for node in whole.of("prod") if node.region == EU))


@pytest.fixture
def aws(clock: Hand, demo: Fleet) -> Iterator[SimulatedAws]:
    with SimulatedAws(behaviour=Behaviour(clock=clock)) as running:
        seed_directly(demo)
        yield running


@pytest.fixture
def ssm(aws: SimulatedAws) -> Any:
    return aws.client("ssm", EU)


def missing(node: Node) -> int:
    return node.run.count(PatchState.MISSING) if node.run else 0


def nodes(fleet: Fleet, count: int, *, windows: bool = False) -> list[Node]:
    """Prod nodes of the Region that answer, those that miss patches first."""
    found = [
        node
        for node in fleet.of("prod")
        if node.region == EU
        and node.state == "running"
        and not node.connection_lost
        and node.platform.is_windows is windows
        and node.run is not None
    ]
    assert len(found) >= count
    return sorted(found, key=missing, reverse=True)[:count]


def send(ssm: Any, ids: list[str], operation: str = "Install", **more: Any) -> str:
    parameters = {"Operation": [operation], "SnapshotId": [SNAPSHOT]}
    parameters |= more.pop("parameters", {})
    answer = ssm.send_command(DocumentName=PATCH, InstanceIds=ids, Parameters=parameters, **more)
    return str(answer["Command"]["CommandId"])


def details(ssm: Any, command_id: str) -> dict[str, str]:
    """Instance id → StatusDetails."""
    listed = ssm.list_command_invocations(CommandId=command_id)["CommandInvocations"]
    return {row["InstanceId"]: row["StatusDetails"] for row in listed}


def command(ssm: Any, command_id: str) -> Any:
    return ssm.list_commands(CommandId=command_id)["Commands"][0]


def state(ssm: Any, instance_id: str) -> Any:
    found = ssm.describe_instance_patch_states(InstanceIds=[instance_id])["InstancePatchStates"]
    return found[0]


def ping(ssm: Any, instance_id: str) -> str:
    filters = [{"Key": "InstanceIds", "Values": [instance_id]}]
    rows = ssm.describe_instance_information(Filters=filters)["InstanceInformationList"]
    return str(rows[0]["PingStatus"])


def test_an_install_takes_its_time_reboots_and_leaves_nothing_missing(
    ssm: Any, demo: Fleet, clock: Hand
) -> None:
    """Pending, in progress, silent during the reboot, then success and a record that tells of it."""
    (node,) = nodes(demo, 1)
    before = state(ssm, node.instance_id)
    command_id = send(ssm, [node.instance_id])
    clock.pass_(0.3)
    assert details(ssm, command_id) == {node.instance_id: "Pending"}
    clock.pass_(5)
    assert details(ssm, command_id) == {node.instance_id: "InProgress"}
    assert command(ssm, command_id)["Status"] == "InProgress"
    silent = False
    for _ in range(100):
        clock.pass_(5)
        if details(ssm, command_id)[node.instance_id] != "InProgress":
            break
        silent = silent or ping(ssm, node.instance_id) == "ConnectionLost"
    assert silent
    assert details(ssm, command_id) == {node.instance_id: "Success"}
    assert ping(ssm, node.instance_id) == "Online"
    after = state(ssm, node.instance_id)
    assert (after["MissingCount"], after["InstalledPendingRebootCount"]) == (0, 0)
    gained = before["MissingCount"] + before["FailedCount"] + before["InstalledPendingRebootCount"]
    assert after["InstalledCount"] == before["InstalledCount"] + gained
    assert (after["Operation"], after["SnapshotId"]) == ("Install", SNAPSHOT)
    assert after["OperationEndTime"] > NOW


def test_without_a_reboot_patches_wait_for_one(ssm: Any, demo: Fleet, clock: Hand) -> None:
    """NoReboot leaves them pending, the node online, and the time of it in the record."""
    (node,) = nodes(demo, 1)
    missing = state(ssm, node.instance_id)["MissingCount"]
    send(ssm, [node.instance_id], parameters={"RebootOption": ["NoReboot"]})
    clock.pass_(300)
    after = state(ssm, node.instance_id)
    assert after["InstalledPendingRebootCount"] >= missing > 0
    assert after["MissingCount"] == 0
    assert after["LastNoRebootInstallOperationTime"] > NOW
    assert ping(ssm, node.instance_id) == "Online"


def test_a_failed_patch_is_missing_again_for_the_next_scan(
    aws: SimulatedAws, ssm: Any, demo: Fleet, clock: Hand
) -> None:
    """An Install reports it as failed and nothing as missing; a Scan the other way round."""
    (node,) = nodes(demo, 1)
    aws.nodes_will(node.instance_id, outcome="some_failed", operation="Install", patches=1)
    command_id = send(ssm, [node.instance_id])
    clock.pass_(600)
    assert details(ssm, command_id) == {node.instance_id: "Failed"}
    after = state(ssm, node.instance_id)
    assert (after["FailedCount"], after["MissingCount"]) == (1, 0)
    send(ssm, [node.instance_id], "Scan")
    clock.pass_(100)
    again = state(ssm, node.instance_id)
    assert (again["FailedCount"], again["MissingCount"]) == (0, 1)
    assert again["Operation"] == "Scan"
    listed = ssm.describe_instance_patches(
        InstanceId=node.instance_id, Filters=[{"Key": "State", "Values": ["Missing"]}]
    )["Patches"]
    assert len(listed) == 1


def test_a_lost_upload_leaves_the_record_until_the_next_scan(
    aws: SimulatedAws, ssm: Any, demo: Fleet, clock: Hand
) -> None:
    """Exit code 149: the patches are there, the record does not know."""
    (node,) = nodes(demo, 1)
    before = state(ssm, node.instance_id)
    aws.nodes_will(node.instance_id, outcome="upload_failed", times=1)
    command_id = send(ssm, [node.instance_id])
    clock.pass_(600)
    rows = ssm.list_command_invocations(CommandId=command_id, Details=True)["CommandInvocations"]
    own = next(step for step in rows[0]["CommandPlugins"] if step["Name"] == "PatchLinux")
    assert (own["Status"], own["ResponseCode"]) == ("Failed", 149)
    assert state(ssm, node.instance_id) == before
    send(ssm, [node.instance_id], "Scan")
    clock.pass_(100)
    assert state(ssm, node.instance_id)["MissingCount"] == 0


def test_a_node_nobody_has_scanned_gets_a_record(ssm: Any, demo: Fleet, clock: Hand) -> None:
    """It has the patches of one like it."""
    node = next(
        each
        for each in demo.of("prod")
        if each.run is None and each.state == "running" and not each.connection_lost and each.region == EU
    )  # fmt: skip
    send(ssm, [node.instance_id], "Scan")
    clock.pass_(100)
    assert state(ssm, node.instance_id)["InstalledCount"] > 0


def test_steps_for_other_platforms_say_that_they_were_skipped(
    ssm: Any, demo: Fleet, clock: Hand
) -> None:
    """Of three steps one has done the work."""
    pair = [nodes(demo, 1)[0].instance_id, nodes(demo, 1, windows=True)[0].instance_id]
    command_id = send(ssm, pair, "Scan")
    clock.pass_(100)
    rows = ssm.list_command_invocations(CommandId=command_id, Details=True)["CommandInvocations"]
    worked = {
        row["InstanceId"]: [
            step["Name"] for step in row["CommandPlugins"] if "skipped" not in step["Output"]
        ]
        for row in rows
    }
    assert worked == {pair[0]: ["PatchLinux"], pair[1]: ["PatchWindows"]}
    got = ssm.get_command_invocation(
        CommandId=command_id, InstanceId=pair[0], PluginName="PatchLinux"
    )
    assert (got["Status"], got["ResponseCode"]) == ("Success", 0)
    assert "Scan" in got["StandardOutputContent"]
    code, _ = refusal(ssm.get_command_invocation, CommandId=command_id, InstanceId=pair[0])
    assert code == "InvalidPluginName"


def test_a_command_is_listed_late(ssm: Any, demo: Fleet, clock: Hand) -> None:
    """Right after the send nobody knows of it."""
    (node,) = nodes(demo, 1)
    command_id = send(ssm, [node.instance_id], "Scan")
    assert ssm.list_commands()["Commands"] == []
    assert details(ssm, command_id) == {}
    code, _ = refusal(
        ssm.get_command_invocation,
        CommandId=command_id,
        InstanceId=node.instance_id,
        PluginName="PatchLinux",
    )
    assert code == "InvocationDoesNotExist"
    clock.pass_(0.3)
    assert command(ssm, command_id)["Parameters"]["SnapshotId"] == [SNAPSHOT]


def test_so_many_at_once_and_no_more(ssm: Any, demo: Fleet, clock: Hand) -> None:
    """MaxConcurrency of 20 % of ten nodes is two."""
    ids = [node.instance_id for node in nodes(demo, 10)]
    command_id = send(ssm, ids, "Scan", MaxConcurrency="20%")
    most = 0
    for _ in range(200):
        clock.pass_(3)
        found = list(details(ssm, command_id).values())
        most = max(most, found.count("InProgress"))
    assert most == 2
    assert set(found) == {"Success"}
    assert command(ssm, command_id)["CompletedCount"] == 10


def test_too_many_errors_end_the_rest(
    aws: SimulatedAws, ssm: Any, demo: Fleet, clock: Hand
) -> None:
    """With MaxErrors 0 the first failure stops the nodes that have not begun."""
    ids = [node.instance_id for node in nodes(demo, 4)]
    aws.nodes_will(ids[0], outcome="failed", exit_code=1)
    command_id = send(ssm, ids, "Scan", MaxConcurrency="1", MaxErrors="0")
    clock.pass_(500)
    found = details(ssm, command_id)
    assert found[ids[0]] == "Failed"
    assert {found[each] for each in ids[1:]} == {"Terminated"}
    row = command(ssm, command_id)
    assert (row["Status"], row["ErrorCount"], row["CompletedCount"]) == ("Failed", 1, 4)


def test_fewer_errors_than_allowed_leave_it_incomplete(
    aws: SimulatedAws, ssm: Any, demo: Fleet, clock: Hand
) -> None:
    """The others go on; the command is not a success."""
    ids = [node.instance_id for node in nodes(demo, 4)]
    aws.nodes_will(ids[0], outcome="failed")
    command_id = send(ssm, ids, "Scan", MaxErrors="1")
    clock.pass_(500)
    assert sorted(details(ssm, command_id).values()) == ["Failed", *["Success"] * 3]
    assert command(ssm, command_id)["StatusDetails"] == "Incomplete"


@pytest.mark.parametrize(
    ("outcome", "told", "after"),
    [
        ("undeliverable", "Undeliverable", 700),
        ("delivery_timed_out", "DeliveryTimedOut", 700),
        ("execution_timed_out", "ExecutionTimedOut", 7300),
        ("never_back", "ExecutionTimedOut", 7300),
        ("stuck", "InProgress", 100_000),
        ("access_denied", "AccessDenied", 10),
    ],
)
def test_nodes_that_do_not_answer(
    aws: SimulatedAws, ssm: Any, demo: Fleet, clock: Hand, outcome: str, told: str, after: float
) -> None:
    """Each way has its own word and its own time."""
    (node,) = nodes(demo, 1)
    aws.nodes_will(node.instance_id, outcome=outcome)
    command_id = send(ssm, [node.instance_id], TimeoutSeconds=600)
    clock.pass_(after)
    assert details(ssm, command_id) == {node.instance_id: told}
    assert (ping(ssm, node.instance_id) == "ConnectionLost") is (outcome == "never_back")


def test_a_silent_node_gets_nothing_delivered(ssm: Any, demo: Fleet, clock: Hand) -> None:
    """Its connection is lost: accepted, and timed out in the end."""
    node = next(
        each
        for each in demo.of("prod")
        if each.connection_lost and each.state == "running" and each.region == EU
    )
    command_id = send(ssm, [node.instance_id], "Scan", TimeoutSeconds=60)
    clock.pass_(61)
    assert details(ssm, command_id) == {node.instance_id: "DeliveryTimedOut"}
    assert command(ssm, command_id)["StatusDetails"] == "DeliveryTimedOut"


def test_cancelling_stops_what_has_not_begun(ssm: Any, demo: Fleet, clock: Hand) -> None:
    """The node at work finishes; cancelling twice, or what is over, is no error."""
    ids = [node.instance_id for node in nodes(demo, 3)]
    command_id = send(ssm, ids, "Scan", MaxConcurrency="1")
    clock.pass_(5)
    ssm.cancel_command(CommandId=command_id)
    ssm.cancel_command(CommandId=command_id)
    assert command(ssm, command_id)["StatusDetails"] == "Cancelling"
    clock.pass_(100)
    assert sorted(details(ssm, command_id).values()) == ["Cancelled", "Cancelled", "Success"]
    assert command(ssm, command_id)["Status"] == "Cancelled"
    ssm.cancel_command(CommandId=command_id)
    unknown = "00000000-0000-4000-8000-000000000000"
    assert refusal(ssm.cancel_command, CommandId=unknown)[0] == "InvalidCommandId"


def test_every_change_is_told(aws: SimulatedAws, ssm: Any, demo: Fleet, clock: Hand) -> None:
    """Command and invocation, each status once and in order."""
    heard: list[StatusChange] = []
    aws.behaviour.listeners.append(heard.append)
    (node,) = nodes(demo, 1)
    send(ssm, [node.instance_id], "Scan")
    clock.pass_(100)
    ssm.list_commands()
    own = [change.status for change in heard if change.instance_id == node.instance_id]
    whole = [change.status for change in heard if not change.instance_id]
    assert own == ["InProgress", "Success"]
    assert whole == ["Pending", "InProgress", "Success"]
    assert all(change.at >= NOW for change in heard)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"InstanceIds": []}, "InvalidParameters"),
    ({"InstanceIds": ["i-00000000000000000"]}, "InvalidInstanceId"),
    ({"Targets": [{"Key": "tag:Environment", "Values": ["prod"]}]}, "InvalidParameters"),
    ({"Comment": "x" * 101}, "ValidationException"),
    ({"DocumentName": "AWS-RunPatchBaselin"}, "InvalidDocument"),
    ({"DocumentVersion": "7"}, "InvalidDocumentVersion"),
    ({"DocumentHash": "0" * 64, "DocumentHashType": "Sha256"}, "InvalidDocument"),
    ({"Parameters": {}}, "InvalidParameters"),
    ({"Parameters": {"Operation": ["Remove"]}}, "InvalidParameters"),
    ({"Parameters": {"Operation": ["Scan", "Install"]}}, "InvalidParameters"),
    ({"Parameters": {"Operation": ["Scan"], "RebootOption": ["Never"]}}, "InvalidParameters"),
    ({"Parameters": {"Operation": ["Scan"], "SnapshotId": ["run-7"]}}, "InvalidParameters"),
    ({"Parameters": {"Operation": ["Scan"], "Patches": ["KB1"]}}, "InvalidParameters"),
    ({"MaxConcurrency": "0"}, "ValidationException"),
    ({"MaxErrors": "101%"}, "ValidationException"),
    ({"TimeoutSeconds": 2_592_001}, "ValidationException"),
]


@pytest.mark.parametrize(("change", "code"), REFUSED, ids=[str(each[0])[:40] for each in REFUSED])
def test_a_wrong_send_is_refused_as_a_whole(
    ssm: Any, demo: Fleet, clock: Hand, change: dict[str, Any], code: str
) -> None:
    """And leaves no command behind."""
    arguments: dict[str, Any] = {
        "DocumentName": PATCH,
        "InstanceIds": [nodes(demo, 1)[0].instance_id],
        "Parameters": {"Operation": ["Scan"]},
    }
    assert refusal(ssm.send_command, **{**arguments, **change})[0] == code
    clock.pass_(10)
    assert ssm.list_commands()["Commands"] == []
    ssm.send_command(**arguments)


def test_fifty_one_and_twice_the_same_and_one_stopped(ssm: Any, demo: Fleet) -> None:
    """The limits that a batch is cut for."""
    ids = [node.instance_id for node in nodes(demo, 2)]
    many = [f"i-{number:017x}" for number in range(51)]
    assert refusal(send, ssm=ssm, ids=many)[0] == "ValidationException"
    assert refusal(send, ssm=ssm, ids=[ids[0], ids[0]])[0] == "DuplicateInstanceId"
    code, message = refusal(send, ssm=ssm, ids=[ids[0], "mi-00000000000000000"])
    assert code == "InvalidInstanceId"
    assert "mi-00000000000000000" in message
    assert ids[0] not in message


def test_listings_page_and_filter(ssm: Any, demo: Fleet, clock: Hand) -> None:
    """The latest first; by time, stage and document; a bad filter is refused."""
    (node,) = nodes(demo, 1)
    sent = []
    for _ in range(5):
        sent.append(send(ssm, [node.instance_id], "Scan"))
        clock.pass_(1000)
    pages = ssm.get_paginator("list_commands").paginate(PaginationConfig={"PageSize": 2})
    found = [row["CommandId"] for page in pages for row in page["Commands"]]
    assert found == sent[::-1]

    def filtered(key: str, value: str) -> list[str]:
        rows = ssm.list_commands(Filters=[{"key": key, "value": value}])["Commands"]
        return [row["CommandId"] for row in rows]

    third = (NOW + timedelta(seconds=2000)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert filtered("InvokedAfter", third) == sent[:1:-1]
    assert filtered("InvokedBefore", third) == sent[1::-1]
    assert filtered("ExecutionStage", "Executing") == []
    assert filtered("ExecutionStage", "Complete") == found
    assert filtered("DocumentName", "AWS-RunShellScript") == []
    bad = [{"key": "ExecutionStage", "value": "Executing"}]
    code, _ = refusal(ssm.list_command_invocations, Filters=bad)
    assert code == "InvalidFilterKey"


def test_documents_are_described_and_pinned(ssm: Any, demo: Fleet) -> None:
    """The hash that DescribeDocument tells is the one that SendCommand takes; own documents too."""
    (node,) = nodes(demo, 1)
    content = (
        '{"schemaVersion": "2.2", "description": "Scan", "mainSteps": [{"name": "scan", '
        '"action": "aws:runDocument", "inputs": {"documentPath": "AWS-RunPatchBaseline", '
        '"documentParameters": "{\\"Operation\\": \\"Scan\\"}"}}]}'
    )
    ssm.create_document(Name="Org-PatchScan", Content=content, DocumentType="Command")
    for name, parameters in ((PATCH, {"Operation": ["Scan"]}), ("Org-PatchScan", {})):
        document = ssm.describe_document(Name=name)["Document"]
        assert document["HashType"] == "Sha256"
        ssm.send_command(
            DocumentName=name,
            DocumentVersion=document["DocumentVersion"],
            DocumentHash=document["Hash"],
            DocumentHashType="Sha256",
            InstanceIds=[node.instance_id],
            Parameters=parameters,
        )
    assert refusal(ssm.describe_document, Name="Org-Nothing")[0] == "InvalidDocument"
