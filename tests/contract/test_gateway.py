"""The contract of a compliance gateway: what users of the port rely on, held by the fake and by the real one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.aws.rights import READING
from bot.core.environments import Account, Environment, Selector, Target
from bot.core.errors import AccessDenied, AwsError
from bot.core.nodes import NodeKey
from bot.core.ports import ComplianceGateway
from tests.contract.conftest import EU, NOW, US, World
from tests.contract.fleets import as_baseline, as_known, as_patches, as_state, fake_of

ENVIRONMENTS = ("prod", "staging", "dev")


def test_every_observation_is_the_fleets_own_data(world: World) -> None:
    """Nodes, states, owners and verdict switches equal what the plain fleet says, in each environment and Region."""
    expected = fake_of(world.fleet, account=world.account)
    for name in ENVIRONMENTS:
        for target in (EU, US):
            environment = world.environment(name, target=target)
            reading = world.gateway.read_target(environment, target)
            wanted = expected.read_target(environment, target)
            assert reading.observations == wanted.observations
            assert reading.account == world.account
            assert reading.read_at == NOW
            assert reading.gaps == ()
            assert reading.notices == ()


def test_the_sums_are_those_of_the_plain_fleet(world: World) -> None:
    """Counting in the data by hand gives the same numbers."""
    reading = world.gateway.read_target(world.environment(), EU)
    here = [
        node
        for node in world.fleet.of("prod")
        if node.region == EU.region and node.state != "terminated"
    ]
    running = [node for node in here if node.state != "stopped"]
    states = [seen.state for seen in reading.observations if seen.state is not None]
    assert len(reading.observations) == len(here) > 50
    assert len(states) == sum(node.run is not None for node in running)
    missing = sum(
        patch.state.value == "Missing" for node in running if node.run for patch in node.run.patches
    )
    assert sum(state.missing for state in states) == missing > 0


def test_without_a_selector_every_managed_node_is_there(world: World) -> None:
    """Hybrid nodes and nodes without tags too, terminated ones not."""
    reading = world.gateway.read_target(world.environment(selector=Selector()), EU)
    expected = {
        node.instance_id
        for node in world.fleet.nodes
        if node.region == EU.region and node.state != "terminated"
    }
    assert {seen.node.instance_id for seen in reading.observations} == expected
    assert any(key.startswith("mi-") for key in expected)


def test_a_patch_group_holds_its_nodes_by_tag_or_by_their_last_scan(world: World) -> None:
    """A node of the group that was never scanned is in it, by its tag."""
    groups = ("prod-app", "prod-data")
    environment = world.environment(selector=Selector(patch_groups=groups))
    reading = world.gateway.read_target(environment, EU)
    expected = {
        node.instance_id
        for node in world.fleet.nodes
        if node.region == EU.region
        and node.state != "terminated"
        and (node.patch_group in groups or (node.run and node.run.patch_group in groups))
    }
    assert {seen.node.instance_id for seen in reading.observations} == expected


def test_several_tags_must_all_match_and_values_are_alternatives(world: World) -> None:
    """Environment is prod or staging, and the owner is one."""
    owner = next(node.tags["Owner"] for node in world.fleet.of("prod") if "Owner" in node.tags)
    tags = {"Environment": ("prod", "staging"), "Owner": (owner,)}
    reading = world.gateway.read_target(world.environment(selector=Selector(tags)), EU)
    expected = {
        node.instance_id
        for node in world.fleet.nodes
        if node.region == EU.region
        and node.state != "terminated"
        and node.environment in ("prod", "staging")
        and node.tags.get("Owner") == owner
    }
    assert {seen.node.instance_id for seen in reading.observations} == expected
    assert expected


def test_a_tag_that_nobody_bears_selects_nobody(world: World) -> None:
    """An environment without nodes is an empty reading, no error."""
    reading = world.gateway.read_target(world.environment("nowhere"), EU)
    assert reading.observations == ()
    assert reading.gaps == ()


def test_a_region_without_nodes_is_an_empty_reading(world: World) -> None:
    """There is nothing to tell and nothing went wrong."""
    target = Target(Account(), "ap-south-1")
    reading = world.gateway.read_target(world.environment(target=target), target)
    assert (reading.observations, reading.gaps) == ((), ())


def test_stopped_nodes_are_there_without_a_patch_state(world: World) -> None:
    """They are counted beside the totals and carry no numbers."""
    reading = world.gateway.read_target(world.environment(), EU)
    stopped = [seen for seen in reading.observations if seen.node.stopped]
    assert stopped
    assert all(seen.state is None and not seen.unread for seen in stopped)


def test_the_tag_tells_the_patch_group_where_no_patch_state_does(world: World) -> None:
    """Of stopped and never scanned nodes, instances and hybrid ones; empty where they bear no such tag."""
    reading = world.gateway.read_target(world.environment(selector=Selector()), EU)
    told = {
        seen.node.instance_id: seen.node.patch_group_tag
        for seen in reading.observations
        if seen.state is None
    }
    expected = {
        node.instance_id: node.patch_group
        for node in world.fleet.nodes
        if node.region == EU.region
        and node.state != "terminated"
        and (node.state == "stopped" or node.run is None)
    }
    assert told == expected
    assert "" in told.values()
    assert len(set(told.values())) > 1
    scanned = [seen.node for seen in reading.observations if seen.state is not None]
    assert {node.patch_group_tag for node in scanned} == {None}


def test_another_owner_tag_gives_other_owners(world: World) -> None:
    """The configured key decides."""
    environment = replace(world.environment(), owner_tag="Name")
    reading = world.gateway.read_target(environment, EU)
    ec2 = [seen for seen in reading.observations if seen.node.instance_id.startswith("i-")]
    assert ec2
    assert all(seen.node.owner == seen.node.name for seen in ec2)


def test_progress_ends_with_all_nodes_read(world: World) -> None:
    """The last word is that everything known was read."""
    told: list[tuple[str, int, int]] = []
    environment = world.environment(selector=Selector())
    reading = world.gateway.read_target(environment, EU, progress=lambda *step: told.append(step))
    running = sum(not seen.node.stopped for seen in reading.observations)
    assert {step[0] for step in told} == {str(EU)}
    assert max(step[1] for step in told) >= running


def test_a_denied_region_raises(world: World) -> None:
    """Whoever reads a fleet turns it into a gap; the other Region is read."""
    world.deny(EU)
    with pytest.raises(AccessDenied):
        world.gateway.read_target(world.environment(), EU)
    assert world.gateway.read_target(world.environment(target=US), US).observations


def test_unreadable_states_are_a_gap_and_unread_nodes(world: World) -> None:
    """Every running node says why, and the gap counts them."""
    world.deny_states(EU)
    reading = world.gateway.read_target(world.environment(), EU)
    running = [seen for seen in reading.observations if not seen.node.stopped]
    assert running
    assert all(seen.unread and seen.state is None for seen in running)
    (gap,) = reading.gaps
    assert (gap.account, gap.region, gap.nodes) == (world.account, EU.region, len(running))
    assert {seen.unread for seen in running} == {gap.reason}
    assert not gap.passing


def test_patches_of_a_node(world: World) -> None:
    """Missing, failed, pending, rejected and available ones, with CVE ids, without epoch or year 1 as a time."""
    chosen = [
        node
        for node in world.fleet.nodes
        if node.run is not None and node.region == EU.region and node.state == "running"
    ]
    most = sorted(chosen, key=lambda node: -len(as_patches(node)))
    windows = next(node for node in most if node.platform.is_windows)
    for node in (most[0], windows):
        key = NodeKey(node.account, node.region, node.instance_id)
        assert world.gateway.patches(key, EU) == as_patches(node) != ()


def test_patches_of_a_node_that_was_never_scanned(world: World) -> None:
    """There are none, and that is no error."""
    node = next(n for n in world.fleet.nodes if n.run is None and n.region == EU.region)
    assert world.gateway.patches(NodeKey(node.account, node.region, node.instance_id), EU) == ()


def test_patches_of_an_unknown_node_raise(world: World) -> None:
    """AWS's own code tells it."""
    with pytest.raises(AwsError) as caught:
        world.gateway.patches(NodeKey(world.account, EU.region, "i-00000000000000000"), EU)
    assert caught.value.code == "InvalidInstanceId"


def test_an_own_baseline(world: World) -> None:
    """With its levels, days and the switch for available security updates."""
    here = [each for each in world.fleet.baselines if each.region == EU.region]
    assert here
    for baseline in here:
        assert world.gateway.baseline(baseline.baseline_id, EU) == as_baseline(baseline)


def test_an_unknown_baseline_raises(world: World) -> None:
    """AWS's own code tells it."""
    with pytest.raises(AwsError) as caught:
        world.gateway.baseline("pb-00000000000000000", EU)
    assert caught.value.code == "DoesNotExistException"


def test_it_is_a_compliance_gateway(world: World) -> None:
    """Checked by mypy: both fit the port."""
    port: ComplianceGateway = world.gateway
    assert port.read_target(world.environment("nowhere"), EU).target == EU


def test_rights_are_checked_one_by_one(world: World) -> None:
    """All are allowed; where nothing is, each says what to do."""
    allowed = world.gateway.check(EU)
    assert [check.action for check in allowed] == [right.action for right in READING]
    assert all(check.ok for check in allowed)
    world.deny(EU)
    refused = world.gateway.check(EU)
    assert [check.action for check in refused] == [right.action for right in READING]
    assert not any(check.ok for check in refused)
    assert all(check.detail and check.hint for check in refused)


def test_the_plain_fleet_has_what_the_contract_is_about(world: World) -> None:
    """Guards the tests above against an empty world."""
    nodes = [node for node in world.fleet.of("prod") if node.region == EU.region]
    states = [as_state(node) for node in nodes]
    assert any(node.is_hybrid for node in nodes)
    assert any(state is None for state in states)
    assert any(state is not None and state.missing for state in states)
    assert any(as_known(node).node.stopped for node in nodes)
    assert isinstance(world.environment(), Environment)
