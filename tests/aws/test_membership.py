"""Who belongs to an environment: by EC2 tags, by Systems Manager's for hybrid nodes, by patch group; never a guess."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from bot.aws.gateway import AwsGateway
from bot.aws.hybrids import AGED, KEPT, HybridTags
from bot.core.environments import Environment, Selector
from bot.core.errors import AccessDenied
from bot.core.readings import TargetReading, completed
from bot.demo.aws.server import SimulatedAws
from bot.demo.fleet.model import Fleet, Node
from bot.demo.fleet.seeding import report, seed, seed_directly
from tests.aws.conftest import EVERYTHING, PROD, REGION, TARGET, Refuse, fleet_of

TAGS, INFORMATION = "DescribeTags", "DescribeInstanceInformation"


def ids(reading: TargetReading) -> set[str]:
    return {seen.node.instance_id for seen in reading.observations}


def hybrid(node: Node, number: int, **changes: object) -> Node:
    values = {"instance_id": f"mi-{number:017x}", "state": "", **changes}
    return replace(node, **values)  # type: ignore[arg-type]


@pytest.fixture
def mixed(aws: SimulatedAws) -> Fleet:
    """Six nodes of prod, six of staging; in each a stopped one and two hybrid ones."""
    nodes = []
    for name, seed_number in (("prod", 1), ("staging", 2)):
        made = list(fleet_of(6, environment=name, seed=seed_number).nodes)
        made[0] = replace(made[0], state="stopped")
        made[1] = hybrid(made[1], seed_number * 16)
        made[2] = hybrid(made[2], seed_number * 16 + 1)
        nodes += made
    fleet = Fleet(now=fleet_of(1).now, nodes=tuple(nodes))
    seed(aws, fleet)
    return fleet


def of(fleet: Fleet, environment: str) -> set[str]:
    return {node.instance_id for node in fleet.of(environment)}


def test_hybrid_and_stopped_nodes_are_members(
    aws: SimulatedAws, gateway: AwsGateway, mixed: Fleet
) -> None:
    """EC2's tags tell of instances, Systems Manager's of hybrid nodes; both make the environment."""
    reading = gateway.read_target(PROD, TARGET)
    assert ids(reading) == of(mixed, "prod")
    assert sum(seen.node.stopped for seen in reading.observations) == 1
    assert (reading.notices, reading.gaps) == ((), ())


def test_without_ec2_rights_systems_manager_tells_and_stopped_nodes_are_named(
    aws: SimulatedAws, gateway: AwsGateway, mixed: Fleet
) -> None:
    """What cannot be known is said."""
    aws.faults.deny(TAGS)
    reading = gateway.read_target(PROD, TARGET)
    stopped = {node.instance_id for node in mixed.nodes if node.state == "stopped"}
    assert ids(reading) == of(mixed, "prod") - stopped
    assert reading.notices == (
        "Stopped nodes of prod in eu-central-1 are not counted: ec2:DescribeTags is not allowed.",
        "Owners in eu-central-1 are shown as far as they were known before: ec2:DescribeTags is not allowed.",
    )


def test_when_no_tag_can_be_read_the_target_fails(
    aws: SimulatedAws, gateway: AwsGateway, mixed: Fleet
) -> None:
    """Membership is never guessed."""
    aws.faults.deny(TAGS)
    aws.faults.deny(INFORMATION)
    with pytest.raises(AccessDenied, match="ssm:DescribeInstanceInformation"):
        gateway.read_target(PROD, TARGET)


def test_hybrid_nodes_whose_tags_cannot_be_read_are_a_gap(
    aws: SimulatedAws, gateway: AwsGateway, mixed: Fleet
) -> None:
    """The instances are read; that hybrid nodes may be missing is a gap, not a remark."""
    aws.faults.deny(INFORMATION)
    reading = gateway.read_target(PROD, TARGET)
    assert ids(reading) == {key for key in of(mixed, "prod") if key.startswith("i-")}
    (gap,) = reading.gaps
    assert "hybrid nodes" in gap.reason
    assert gap.hint.startswith("Allow ssm:DescribeInstanceInformation")


def test_hybrid_nodes_stay_unknown_while_their_tags_cannot_be_read(
    aws: SimulatedAws, gateway: AwsGateway, mixed: Fleet
) -> None:
    """By the last reading: without them the percentage would be that of another fleet."""
    before = gateway.read_target(PROD, TARGET)
    aws.faults.deny(INFORMATION)
    reading = completed(gateway.read_target(PROD, TARGET), before)
    assert ids(reading) == of(mixed, "prod")
    unread = {seen.node.instance_id for seen in reading.observations if seen.unread}
    assert unread == {key for key in of(mixed, "prod") if key.startswith("mi-")}
    assert [gap.nodes for gap in reading.gaps] == [2]


def test_owners_of_hybrid_nodes_are_read_once(
    aws: SimulatedAws, gateway: AwsGateway, mixed: Fleet
) -> None:
    """One call a node, kept for the next readings."""
    owners = {node.instance_id: node.tags["Owner"] for node in mixed.of("prod")}
    for _ in range(2):
        reading = gateway.read_target(PROD, TARGET)
        assert {s.node.instance_id: s.node.owner for s in reading.observations} == owners
    assert aws.calls.count("ListTagsForResource") == 2


def test_owners_of_many_hybrid_nodes_are_filled_up_over_the_readings(
    aws: SimulatedAws, make_gateway: Callable[..., AwsGateway], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many calls as there is room for; what was learned is kept for hours and only then asked again."""
    monkeypatch.setattr("bot.aws.hybrids.ROOM", 0)
    now = [0.0]
    hybrids = [hybrid(node, number) for number, node in enumerate(fleet_of(12).nodes)]
    for node in hybrids:
        report(aws.client("ssm", REGION), node)
    tags = HybridTags(lambda: now[0])
    gateway = make_gateway()
    ids = [node.instance_id for node in hybrids]
    counts = []
    for _ in range(4):
        with gateway.round(TARGET) as around:
            counts.append((len(tags.read(around, ids)[0]), around.calls))
    assert counts == [(5, 5), (10, 5), (12, 2), (12, 0)]
    now[0] = AGED
    with gateway.round(TARGET) as around:
        assert (len(tags.read(around, ids)[0]), around.calls) == (12, 5)
    now[0] = KEPT
    with gateway.round(TARGET) as around:
        assert len(tags.read(around, ids)[0]) == 5 + 5


def test_owners_of_hybrid_nodes_that_may_not_be_read_are_a_remark(
    aws: SimulatedAws, gateway: AwsGateway, mixed: Fleet
) -> None:
    """One refusal is enough to know."""
    aws.faults.deny("ListTagsForResource")
    reading = gateway.read_target(PROD, TARGET)
    assert reading.notices == (
        "Owners of 2 hybrid nodes in eu-central-1 are shown as far as they were known before: "
        "ssm:ListTagsForResource is not allowed.",
    )
    assert reading.unowned == {key for key in of(mixed, "prod") if key.startswith("mi-")}
    assert aws.calls.count("ListTagsForResource") == 1


def test_a_fleet_of_hybrid_nodes_asks_ec2_nothing(aws: SimulatedAws, gateway: AwsGateway) -> None:
    """They have no EC2 tags."""
    node = fleet_of(1).nodes[0]
    for number in range(3):
        report(aws.client("ssm", REGION), hybrid(node, number))
    assert len(gateway.read_target(PROD, TARGET).observations) == 3
    assert aws.calls.count(service="ec2") == 0


def test_a_never_scanned_node_of_a_patch_group_is_in_it(
    aws: SimulatedAws, gateway: AwsGateway
) -> None:
    """By its tag, as an EC2 instance and as a hybrid node; a node scanned in the group by its state."""
    scanned = next(node for node in fleet_of(50).nodes if node.run and node.patch_group)
    group = scanned.patch_group
    fresh = replace(scanned, instance_id="i-0000000000000000a", run=None)
    old_key = replace(fresh, instance_id="i-0000000000000000b", tags={"PatchGroup": group})
    untagged = replace(scanned, instance_id="i-0000000000000000c", tags={"Role": "x"})
    far = replace(fresh, instance_id="mi-0000000000000000d", state="")
    other = replace(fresh, instance_id="i-0000000000000000e", tags={"Patch Group": group + "x"})
    seed(aws, Fleet(scanned.last_ping, (scanned, fresh, old_key, untagged, far, other)))
    environment = Environment("group", (TARGET,), Selector(patch_groups=(group,)))
    reading = gateway.read_target(environment, TARGET)
    members = (scanned, fresh, old_key, untagged, far)
    assert ids(reading) == {node.instance_id for node in members}


def test_nodes_of_unknown_patch_group_are_left_out_and_told(
    aws: SimulatedAws, gateway: AwsGateway
) -> None:
    """A failed chunk: nodes with the tag are unread, of the others nobody knows where they belong."""
    fleet = fleet_of(100)
    group = next(node.patch_group for node in fleet.nodes if node.patch_group)
    seed_directly(fleet)
    chunk = sorted(node.instance_id for node in fleet.nodes)[:50]
    aws.faults.add(
        Refuse(
            "DescribeInstancePatchStates",
            "ValidationException",
            lambda call: chunk[0] in call.parameters["InstanceIds"],
        )
    )
    environment = Environment("group", (TARGET,), Selector(patch_groups=(group,)))
    reading = gateway.read_target(environment, TARGET)
    tagged = {node.instance_id for node in fleet.nodes if node.patch_group == group}
    unread = {seen.node.instance_id for seen in reading.observations if seen.unread}
    assert ids(reading) == tagged
    assert unread == tagged & set(chunk) != set()
    counted, left_out = reading.gaps
    assert counted.nodes == len(unread)
    assert f"{50 - len(unread)} nodes" in left_out.reason
    assert (left_out.nodes, left_out.partial) == (0, True)


def test_nodes_of_a_patch_group_by_their_last_scan_stay_unknown_while_it_cannot_be_read(
    aws: SimulatedAws, gateway: AwsGateway
) -> None:
    """Where no tag tells, either."""
    fleet = fleet_of(100)
    group = next(node.patch_group for node in fleet.nodes if node.patch_group)
    seed_directly(fleet)
    aws.faults.deny(TAGS)
    aws.faults.deny(INFORMATION)
    environment = Environment("group", (TARGET,), Selector(patch_groups=(group,)))
    before = gateway.read_target(environment, TARGET)
    aws.faults.deny("DescribeInstancePatchStates")
    reading = completed(gateway.read_target(environment, TARGET), before)
    assert ids(reading) == ids(before) != set()
    assert all(seen.unread for seen in reading.observations)
    assert [gap.nodes for gap in reading.gaps] == [len(ids(before))]


def test_a_patch_group_without_tag_rights_says_who_may_be_missing(
    aws: SimulatedAws, gateway: AwsGateway, small: Fleet
) -> None:
    """Scanned nodes are found by their state; of never scanned ones nobody can tell."""
    aws.faults.deny(TAGS)
    aws.faults.deny(INFORMATION)
    environment = Environment("group", (TARGET,), Selector(patch_groups=("prod-app",)))
    reading = gateway.read_target(environment, TARGET)
    scanned = {n.instance_id for n in small.nodes if n.run and n.run.patch_group == "prod-app"}
    assert ids(reading) == scanned
    assert any("never scanned may be left out" in notice for notice in reading.notices)


def test_owners_that_cannot_be_read_are_a_remark_and_no_gap(
    aws: SimulatedAws, gateway: AwsGateway, small: Fleet
) -> None:
    """They change no number."""
    aws.faults.deny(TAGS)
    reading = gateway.read_target(EVERYTHING, TARGET)
    assert reading.notices == (
        "Owners in eu-central-1 are shown as far as they were known before: ec2:DescribeTags is not allowed.",
    )
    assert reading.gaps == ()
    assert not any(seen.node.owner for seen in reading.observations)
    assert reading.unowned == ids(reading)


def test_wildcards_in_a_tag_value_mean_themselves(aws: SimulatedAws, gateway: AwsGateway) -> None:
    """EC2 reads * and ? in filters as wildcards; a tag may hold them."""
    node, other = fleet_of(2).nodes
    star = replace(node, tags={"Environment": "pr*d?"})
    seed_directly(Fleet(node.last_ping, (star, other)))
    environment = replace(PROD, selector=Selector({"Environment": ("pr*d?",)}))
    reading = gateway.read_target(environment, TARGET)
    assert ids(reading) == {star.instance_id}
    sent = {value for call in aws.calls.matching(TAGS) for value in call.parameters.values()}
    assert "pr\\*d\\?" in sent


@pytest.mark.parametrize(("fresh", "pages"), [(3, 1), (230, 1), (0, 0)])
def test_patch_groups_of_nodes_never_scanned_cost_a_page(
    aws: SimulatedAws, gateway: AwsGateway, fresh: int, pages: int
) -> None:
    """One more page of tags, however many they are below a thousand; none where every node was scanned."""
    scanned = next(node for node in fleet_of(50).nodes if node.run and node.patch_group)
    nodes = [
        replace(
            scanned, instance_id=f"i-{number:017x}", run=None if number < fresh else scanned.run
        )
        for number in range(fresh + 5)
    ]
    seed_directly(Fleet(scanned.last_ping, tuple(nodes)))
    reading = gateway.read_target(EVERYTHING, TARGET)
    told = [seen.node.patch_group_tag for seen in reading.observations if seen.state is None]
    assert told == [scanned.patch_group] * fresh
    assert aws.calls.count(TAGS) == 1 + pages


def test_a_patch_group_that_nobody_can_read_is_not_taken_for_none(
    aws: SimulatedAws, gateway: AwsGateway, small: Fleet
) -> None:
    """Without the right to read tags the group of a node never scanned is not known; one remark says so."""
    aws.faults.deny(TAGS)
    reading = gateway.read_target(EVERYTHING, TARGET)
    told = {seen.node.patch_group_tag for seen in reading.observations if seen.state is None}
    assert told == {None}
    assert len(reading.notices) == 1
