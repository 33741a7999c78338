"""What boto3's paginators read back is exactly the fleet, in both ways of seeding."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.demo.aws.server import SimulatedAws
from bot.demo.fleet.demo import EU, US, demo_fleet
from bot.demo.fleet.large import large_fleet
from bot.demo.fleet.model import Fleet
from bot.demo.fleet.seeding import bring_in, seed, seed_directly
from tests.demo.aws.conftest import everything

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture
def aws() -> Iterator[SimulatedAws]:
    """An empty AWS."""
    with SimulatedAws() as running:
        yield running


def read_back(aws: SimulatedAws, region: str) -> dict[str, tuple[str, dict[str, str]]]:
    """State and tags of every node of a Region, by id, from Systems Manager and EC2."""
    ssm, ec2 = aws.client("ssm", region), aws.client("ec2", region)
    tags: dict[str, dict[str, str]] = {}
    for tag in everything(ec2, "describe_tags", "Tags"):
        tags.setdefault(tag["ResourceId"], {})[tag["Key"]] = tag["Value"]
    found = {}
    for row in everything(ssm, "describe_instance_properties", "InstanceProperties"):
        instance_id = row["InstanceId"]
        if instance_id.startswith("mi-"):
            listed = ssm.list_tags_for_resource(
                ResourceType="ManagedInstance", ResourceId=instance_id
            )
            tags[instance_id] = {tag["Key"]: tag["Value"] for tag in listed["TagList"]}
        found[instance_id] = (row.get("InstanceState", ""), tags[instance_id])
    return found


def expected(fleet: Fleet, region: str) -> dict[str, tuple[str, dict[str, str]]]:
    """The same from the fleet's data."""
    return {n.instance_id: (n.state, dict(n.tags)) for n in fleet.nodes if n.region == region}


def test_the_demo_fleet_is_read_back_exactly(aws: SimulatedAws) -> None:
    """Ids, states and tags in both Regions; the call log starts empty."""
    fleet = demo_fleet(NOW)
    seed(aws, fleet)
    assert len(aws.calls) == 0
    for region in (EU, US):
        assert read_back(aws, region) == expected(fleet, region)


def test_a_node_can_join_between_two_pages(aws: SimulatedAws) -> None:
    """With its machine, its tags and its report, while a reader is under way."""
    fleet = demo_fleet(NOW)
    here = sorted((n for n in fleet.of("prod") if n.region == EU), key=lambda n: n.instance_id)
    *first, last = here
    seed(aws, Fleet(now=NOW, nodes=tuple(first)))
    aws.faults.before_call(
        "DescribeInstanceProperties",
        nth=2,
        action=lambda: bring_in(aws, Fleet(now=NOW, nodes=(last,))),
    )
    rows = everything(
        aws.client("ssm", EU),
        "describe_instance_properties",
        "InstanceProperties",
        PaginationConfig={"PageSize": 20},
    )
    assert [row["InstanceId"] for row in rows] == [node.instance_id for node in here]
    assert rows[-1]["Name"] == last.name


def test_nodes_of_another_account_go_there(aws: SimulatedAws) -> None:
    """Seeding assumes a role of that account."""
    whole = demo_fleet(NOW)
    here = [node for node in whole.of("dev") if node.region == EU][:6]
    some = tuple(replace(node, account="111122223333") for node in here)
    seed(aws, Fleet(now=NOW, nodes=some))
    other = aws.client("ssm", EU, account="111122223333")
    rows = everything(other, "describe_instance_properties", "InstanceProperties")
    assert {row["InstanceId"] for row in rows} == {node.instance_id for node in some}
    assert (
        everything(aws.client("ssm", EU), "describe_instance_properties", "InstanceProperties")
        == []
    )


def test_a_large_fleet_is_read_back_exactly(aws: SimulatedAws) -> None:
    """Straight into the state, and the patch states fit the data."""
    fleet = large_fleet(1200, NOW)
    seed_directly(fleet)
    assert read_back(aws, EU) == expected(fleet, EU)
    ssm = aws.client("ssm", EU)
    ids = [node.instance_id for node in fleet.nodes]
    states = {
        row["InstanceId"]: row["MissingCount"]
        for start in range(0, len(ids), 50)
        for row in everything(
            ssm,
            "describe_instance_patch_states",
            "InstancePatchStates",
            InstanceIds=ids[start : start + 50],
        )
    }
    assert states == {
        node.instance_id: sum(patch.state == "Missing" for patch in node.run.patches)
        for node in fleet.nodes
        if node.run is not None
    }
