"""PutInventory and GetInventory, through boto3 over HTTP."""

from typing import Any

import pytest

from bot.demo.aws.operations.inventory import content_hash
from bot.demo.aws.server import SimulatedAws
from bot.demo.fleet.demo import EU
from bot.demo.fleet.model import Fleet
from tests.demo.aws.conftest import everything, refusal

HYBRID = "mi-0123456789abcdef0"
CONTENT = [{"PlatformType": "Linux", "AgentVersion": "3.3.2746.0"}]


def item(type_name: str = "AWS:InstanceInformation", **members: Any) -> dict[str, Any]:
    """An inventory item of one node."""
    fixed = {"TypeName": type_name, "SchemaVersion": "1.0", "CaptureTime": "2026-11-23T06:00:00Z"}
    return fixed | members


def test_an_instance_must_exist_to_report(aws: SimulatedAws, ssm: Any, account: str) -> None:
    """EC2 decides about i- ids; a hybrid node registers with its first report."""
    code, _ = refusal(
        ssm.put_inventory, InstanceId="i-0123456789abcdef0", Items=[item(Content=CONTENT)]
    )
    assert code == "InvalidInstanceId"
    launched = aws.client("ec2", EU, account=account).run_instances(
        ImageId="ami-04681a1dbd79675a5", MinCount=1, MaxCount=1
    )
    instance_id = launched["Instances"][0]["InstanceId"]
    for node in (instance_id, HYBRID):
        ssm.put_inventory(InstanceId=node, Items=[item(Content=CONTENT)])
    rows = ssm.describe_instance_information()["InstanceInformationList"]
    assert [row["InstanceId"] for row in rows] == [instance_id, HYBRID]


def test_an_unchanged_report_is_sent_as_a_hash(ssm: Any) -> None:
    """The hash of what is stored refreshes it; any other hash is refused."""
    ssm.put_inventory(
        InstanceId=HYBRID, Items=[item(Content=CONTENT, ContentHash=content_hash(CONTENT))]
    )
    later = {"CaptureTime": "2026-11-23T08:00:00Z"}
    unchanged = item(ContentHash=content_hash(CONTENT)) | later
    ssm.put_inventory(InstanceId=HYBRID, Items=[unchanged])
    [row] = ssm.describe_instance_information()["InstanceInformationList"]
    assert row["LastPingDateTime"].hour == 8
    assert row["PlatformType"] == "Linux"
    code, _ = refusal(
        ssm.put_inventory, InstanceId=HYBRID, Items=[item(ContentHash=content_hash([]))]
    )
    assert code == "ItemContentMismatchException"


@pytest.mark.parametrize(
    ("items", "code"),
    [
        ([item("AWS:Colour", Content=[])], "InvalidTypeNameException"),
        ([item(Content=CONTENT) | {"CaptureTime": "yesterday"}], "ValidationException"),
        ([item("Colour", Content=[])], "ValidationException"),
        (
            [item("AWS:PatchSummary", Content=[{"a": "b" * 4000}] * 300)],
            "TotalSizeLimitExceededException",
        ),
    ],
)
def test_bad_reports_are_refused(ssm: Any, items: list[dict[str, Any]], code: str) -> None:
    """By type, form and size; nothing of them is kept."""
    assert refusal(ssm.put_inventory, InstanceId=HYBRID, Items=items)[0] == code
    assert ssm.describe_instance_information()["InstanceInformationList"] == []


def test_inventory_lists_every_node_in_strings(eu: Any, fleet: Fleet) -> None:
    """Stopped and terminated ones too; the never scanned ones with empty Data."""
    entities = everything(
        eu, "get_inventory", "Entities", ResultAttributes=[{"TypeName": "AWS:PatchSummary"}]
    )
    nodes = sorted((n for n in fleet.nodes if n.region == EU), key=lambda n: n.instance_id)
    assert [entity["Id"] for entity in entities] == [node.instance_id for node in nodes]
    for entity, node in zip(entities, nodes, strict=True):
        if node.run is None:
            assert entity["Data"] == {}
            continue
        [content] = entity["Data"]["AWS:PatchSummary"]["Content"]
        assert content["ExecutionId"] == node.run.command_id
        assert all(isinstance(value, str) for value in content.values())
        assert ("NonCompliantSeverity" in content) is bool(node.run.non_compliant)


def test_inventory_knows_which_nodes_are_gone(eu: Any, fleet: Fleet) -> None:
    """InstanceStatus is the service's own, and can be filtered on."""
    entities = everything(eu, "get_inventory", "Entities")
    statuses = {
        entity["Id"]: entity["Data"]["AWS:InstanceInformation"]["Content"][0]["InstanceStatus"]
        for entity in entities
    }
    names = {"stopped": "Stopped", "terminated": "Terminated"}
    assert statuses == {
        node.instance_id: names.get(
            node.state, "ConnectionLost" if node.connection_lost else "Active"
        )
        for node in fleet.nodes
        if node.region == EU
    }
    filters = [
        {
            "Key": "AWS:InstanceInformation.InstanceStatus",
            "Values": ["Terminated"],
            "Type": "NotEqual",
        }
    ]
    left = everything(eu, "get_inventory", "Entities", Filters=filters)
    assert {entity["Id"] for entity in left} == {
        node for node, status in statuses.items() if status != "Terminated"
    }
    assert len(left) < len(entities)


def test_numbers_are_compared_as_numbers(eu: Any, fleet: Fleet) -> None:
    """GreaterThan 9 finds 10."""
    filters = [{"Key": "AWS:PatchSummary.InstalledCount", "Values": ["9"], "Type": "GreaterThan"}]
    found = everything(eu, "get_inventory", "Entities", Filters=filters)
    assert {entity["Id"] for entity in found} == {
        n.instance_id
        for n in fleet.nodes
        if n.region == EU and n.run and sum(p.state == "Installed" for p in n.run.patches) > 9
    }


def test_only_two_types_can_be_asked_for(ssm: Any) -> None:
    """Exactly one per call, InstanceInformation or PatchSummary, fifty rows at most."""
    asked = [{"TypeName": "AWS:Application"}]
    code, message = refusal(ssm.get_inventory, ResultAttributes=asked)
    assert code == "InvalidResultAttributeException"
    assert "AWS:PatchSummary" in message
    both = [{"TypeName": "AWS:InstanceInformation"}, {"TypeName": "AWS:PatchSummary"}]
    assert refusal(ssm.get_inventory, ResultAttributes=both)[0] == "ValidationException"
    assert refusal(ssm.get_inventory, MaxResults=51)[0] == "ValidationException"
    bad = [{"Key": "Colour", "Values": ["red"]}]
    assert refusal(ssm.get_inventory, Filters=bad)[0] == "InvalidFilter"
    grouped = [{"Expression": "AWS:InstanceInformation.PlatformType"}]
    assert refusal(ssm.get_inventory, Aggregators=grouped)[0] == "InvalidAggregatorException"
