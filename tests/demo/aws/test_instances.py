"""DescribeInstanceInformation and DescribeInstanceProperties, through boto3 over HTTP."""

from typing import Any

import pytest

from bot.demo.aws.server import SimulatedAws
from bot.demo.fleet.demo import EU
from bot.demo.fleet.model import Fleet, Node
from tests.demo.aws.conftest import everything, refusal


def in_eu(fleet: Fleet) -> list[Node]:
    """The fleet's nodes in the larger Region, by id."""
    return sorted((n for n in fleet.nodes if n.region == EU), key=lambda node: node.instance_id)


def test_information_has_pages_of_ten_unless_asked_for_more(ssm: Any, herd: Fleet) -> None:
    """The default page is ten; five to fifty are taken."""
    assert len(ssm.describe_instance_information()["InstanceInformationList"]) == 10
    assert len(ssm.describe_instance_information(MaxResults=50)["InstanceInformationList"]) == 50


@pytest.mark.parametrize(
    ("operation", "size"),
    [("describe_instance_information", 51), ("describe_instance_properties", 1001)],
)
def test_a_page_above_the_limit_is_refused(ssm: Any, operation: str, size: int) -> None:
    """botocore lets a too large page through; the service does not."""
    code, message = refusal(getattr(ssm, operation), MaxResults=size)
    assert code == "ValidationException"
    assert f"'{size}' at 'maxResults'" in message
    assert f"less than or equal to {size - 1}" in message


def test_properties_give_a_thousand_a_page(ssm: Any, herd: Fleet) -> None:
    """One call lists what Information needs three for."""
    page = ssm.describe_instance_properties(MaxResults=1000)
    assert [row["InstanceId"] for row in page["InstanceProperties"]] == sorted(
        node.instance_id for node in herd.nodes
    )
    assert "NextToken" not in page


@pytest.mark.parametrize("token", ["forged", "Zm9yZ2Vk", "é", "a"])
def test_a_forged_token_is_refused(ssm: Any, herd: Fleet, token: str) -> None:
    """Tokens are opaque: only one that was handed out goes on."""
    code, _ = refusal(ssm.describe_instance_information, NextToken=token)
    assert code == "InvalidNextToken"


def test_a_token_of_another_listing_is_refused(ssm: Any, herd: Fleet) -> None:
    """A token belongs to its operation and its filters."""
    token = ssm.describe_instance_information()["NextToken"]
    assert refusal(ssm.describe_instance_properties, NextToken=token)[0] == "InvalidNextToken"
    filters = [{"Key": "PingStatus", "Values": ["Online"]}]
    code, _ = refusal(ssm.describe_instance_information, NextToken=token, Filters=filters)
    assert code == "InvalidNextToken"


def test_information_omits_stopped_and_terminated_nodes(eu: Any, fleet: Fleet) -> None:
    """What the paginator lists is exactly the fleet without them."""
    rows = everything(eu, "describe_instance_information", "InstanceInformationList")
    expected = [n.instance_id for n in in_eu(fleet) if n.state in ("running", "")]
    assert [row["InstanceId"] for row in rows] == expected
    assert len(expected) < len(in_eu(fleet))


def test_properties_tell_state_name_and_ping(eu: Any, fleet: Fleet) -> None:
    """Every node is listed, with EC2's state, its Name, platform and connection."""
    rows = everything(eu, "describe_instance_properties", "InstanceProperties")
    found = [
        (
            row["InstanceId"],
            row.get("InstanceState", ""),
            row["Name"],
            row["PlatformName"],
            row["PlatformVersion"],
            row["PingStatus"],
            row["LastPingDateTime"],
        )
        for row in rows
    ]
    assert found == [
        (
            node.instance_id,
            node.state,
            node.name,
            node.platform.name,
            node.platform.version,
            "ConnectionLost"
            if node.connection_lost or node.state in ("stopped", "terminated")
            else "Online",
            node.last_ping.replace(microsecond=0),
        )
        for node in in_eu(fleet)
    ]


def test_a_hybrid_node_has_no_ec2_side(eu: Any, fleet: Fleet) -> None:
    """It is a ManagedInstance with a Name of its own and without an instance type."""
    hybrid = next(node for node in in_eu(fleet) if node.is_hybrid)
    filters = [{"Key": "InstanceIds", "Values": [hybrid.instance_id]}]
    [information] = eu.describe_instance_information(Filters=filters)["InstanceInformationList"]
    assert information["ResourceType"] == "ManagedInstance"
    assert information["Name"] == hybrid.name
    operators = [{"Key": "InstanceIds", "Values": [hybrid.instance_id], "Operator": "Equal"}]
    [properties] = eu.describe_instance_properties(FiltersWithOperator=operators)[
        "InstanceProperties"
    ]
    assert properties["Name"] == hybrid.name
    assert "InstanceState" not in properties
    assert "InstanceType" not in properties


def test_information_gives_a_name_only_to_hybrid_nodes(eu: Any) -> None:
    """An instance's Name stands in its EC2 tag."""
    rows = everything(eu, "describe_instance_information", "InstanceInformationList")
    assert {row["ResourceType"] for row in rows if "Name" in row} == {"ManagedInstance"}
    assert {row["ResourceType"] for row in rows} == {"ManagedInstance", "EC2Instance"}


@pytest.mark.parametrize("values", [["prod"], ["prod", "staging"]])
def test_a_tag_filter_finds_ec2_and_hybrid_nodes(eu: Any, fleet: Fleet, values: list[str]) -> None:
    """tag:<key> reads EC2's tags of instances and Systems Manager's of hybrid nodes."""
    rows = everything(
        eu,
        "describe_instance_information",
        "InstanceInformationList",
        Filters=[{"Key": "tag:Environment", "Values": values}],
    )
    assert [row["InstanceId"] for row in rows] == [
        node.instance_id
        for node in in_eu(fleet)
        if node.environment in values and node.state in ("running", "")
    ]


def test_filters_narrow_each_other(eu: Any, fleet: Fleet) -> None:
    """Several filters must all fit."""
    filters = [
        {"Key": "PlatformTypes", "Values": ["Windows"]},
        {"Key": "PingStatus", "Values": ["Online"]},
    ]
    rows = eu.describe_instance_information(Filters=filters, MaxResults=50)
    found = {row["InstanceId"] for row in rows["InstanceInformationList"]}
    assert found == {
        node.instance_id
        for node in in_eu(fleet)
        if node.platform.is_windows and node.state == "running" and not node.connection_lost
    }


def test_tag_filters_do_not_mix(ssm: Any) -> None:
    """A tag filter stands alone, and so do the two filter members."""
    tag = {"Key": "tag:Environment", "Values": ["prod"]}
    ping = {"Key": "PingStatus", "Values": ["Online"]}
    code, _ = refusal(ssm.describe_instance_information, Filters=[tag, ping])
    assert code == "InvalidFilterKey"
    code, _ = refusal(
        ssm.describe_instance_information,
        Filters=[ping],
        InstanceInformationFilterList=[{"key": "PingStatus", "valueSet": ["Online"]}],
    )
    assert code == "ValidationException"


def test_unknown_keys_values_and_ids_are_refused(ssm: Any, herd: Fleet) -> None:
    """An unknown id is an error here, not an omission."""
    for key, value, expected in (
        ("Colour", "red", "InvalidFilterKey"),
        ("PingStatus", "online", "InvalidInstanceInformationFilterValue"),
        ("InstanceIds", "i-0123456789abcdef0", "InvalidInstanceId"),
    ):
        filters = [{"Key": key, "Values": [value]}]
        assert refusal(ssm.describe_instance_information, Filters=filters)[0] == expected
    operators = [{"Key": "Colour", "Values": ["red"], "Operator": "Equal"}]
    code, _ = refusal(ssm.describe_instance_properties, FiltersWithOperator=operators)
    assert code == "InvalidFilterKey"
    old = [{"key": "Colour", "valueSet": ["red"]}]
    code, message = refusal(ssm.describe_instance_information, InstanceInformationFilterList=old)
    assert code == "ValidationException"
    assert "enum value set" in message


def test_tags_of_a_hybrid_node_change(seeded: SimulatedAws, eu: Any, fleet: Fleet) -> None:
    """AddTagsToResource and RemoveTagsFromResource work on ManagedInstance, which moto refuses."""
    node = next(node for node in in_eu(fleet) if node.is_hybrid)
    where = {"ResourceType": "ManagedInstance", "ResourceId": node.instance_id}
    eu.add_tags_to_resource(**where, Tags=[{"Key": "Shift", "Value": "night"}])
    tags = eu.list_tags_for_resource(**where)["TagList"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {**node.tags, "Shift": "night"}
    eu.remove_tags_from_resource(**where, TagKeys=["Shift"])
    tags = eu.list_tags_for_resource(**where)["TagList"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == dict(node.tags)
    where["ResourceId"] = "mi-0123456789abcdef0"
    assert refusal(eu.list_tags_for_resource, **where)[0] == "InvalidResourceId"
