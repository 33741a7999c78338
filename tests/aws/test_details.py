"""The patches of a node, baselines, and what `doctor` finds out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from bot.aws.gateway import AwsGateway
from bot.aws.rights import READING
from bot.core.environments import Account, Target
from bot.core.errors import AccessDenied
from bot.core.figures import status_report
from bot.core.nodes import NodeKey
from bot.core.readings import Reading
from bot.demo.aws.server import SimulatedAws
from bot.demo.fleet.model import Fleet, Node, PatchState
from bot.demo.fleet.seeding import seed_directly
from tests.aws.conftest import EVERYTHING, NOW, REGION, TARGET, Bend, Refuse, fleet_of
from tests.contract.fleets import as_patches

PATCHES = "DescribeInstancePatches"


def node_with_patches(fleet: Fleet) -> Node:
    return max(fleet.nodes, key=lambda node: len(as_patches(node)))


def key_of(node: Node) -> NodeKey:
    return NodeKey(node.account, node.region, node.instance_id)


def test_only_telling_states_are_asked_for(
    aws: SimulatedAws, gateway: AwsGateway, small: Fleet
) -> None:
    """One filter with five values, fifty a page."""
    node = node_with_patches(small)
    assert gateway.patches(key_of(node), TARGET) == as_patches(node) != ()
    (call,) = aws.calls.matching(PATCHES)
    assert call.parameters["MaxResults"] == 50
    (one,) = call.parameters["Filters"]
    assert one["Key"] == "State"
    assert len(one["Values"]) == 5


def test_where_several_states_are_refused_they_are_asked_for_one_by_one(
    aws: SimulatedAws, gateway: AwsGateway, small: Fleet
) -> None:
    """And a service that does not know the newest state is asked for the others."""
    node = node_with_patches(small)

    def unknown(call: Any) -> bool:
        values = call.parameters["Filters"][0]["Values"]
        return len(values) > 1 or values == ["AvailableSecurityUpdate"]

    aws.faults.add(Refuse(PATCHES, "InvalidFilter", unknown))
    expected = [p for p in as_patches(node) if p.state != "AvailableSecurityUpdate"]
    assert list(gateway.patches(key_of(node), TARGET)) == expected


def test_states_in_upper_snake_case_are_understood(
    aws: SimulatedAws, gateway: AwsGateway, small: Fleet
) -> None:
    """As the SDK's model declares them, though AWS sends CamelCase."""
    node = node_with_patches(small)

    def shout(_: int, body: dict[str, Any]) -> None:
        for patch in body["Patches"]:
            words = "".join(f"_{c}" if c.isupper() else c for c in patch["State"])
            patch["State"] = words.strip("_").upper()

    aws.faults.add(Bend(PATCHES, shout))
    assert gateway.patches(key_of(node), TARGET) == as_patches(node)


SCRIPT = """
import json
from bot.aws.gateway import AwsGateway
from bot.core.environments import Account, Environment, Target
from bot.core.nodes import NodeKey
target = Target(Account(), "eu-central-1")
gateway = AwsGateway()
reading = gateway.read_target(Environment("all", (target,)), target)
patches = gateway.patches(reading.observations[0].node.key, target)
print(json.dumps([
    [str(seen.state.operation_end_time), str(seen.node.last_ping)] for seen in reading.observations
] + [str(patch.installed_time) for patch in patches]))
"""


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
def test_times_that_are_none_lose_no_page_in_any_time_zone(aws: SimulatedAws, zone: str) -> None:
    """Year 1, the epoch, a text and nothing: None each. botocore's parser would lose the page west of Greenwich."""
    node = node_with_patches(fleet_of(60))
    seed_directly(Fleet(NOW, (node,)))
    never = [-62135596800, 0, "0001-01-01T00:00:00Z", "soon", None, 1e300]

    def bend(member: str, name: str) -> None:
        def change(_: int, body: dict[str, Any]) -> None:
            for row, value in zip(body[member], never * 99, strict=False):
                row[name] = value

        aws.faults.add(Bend(OPERATIONS[member], change))

    bend("InstancePatchStates", "OperationEndTime")
    bend("InstanceProperties", "LastPingDateTime")
    bend("Patches", "InstalledTime")
    answer = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, **aws.credentials_environment(), "TZ": zone},
        capture_output=True,
        text=True,
        check=True,
    )
    times, *installed = json.loads(answer.stdout)
    assert times == ["None", "None"]
    assert len(installed) == len(as_patches(node)) > 2
    assert set(installed) == {"None"}


OPERATIONS = {
    "InstancePatchStates": "DescribeInstancePatchStates",
    "InstanceProperties": "DescribeInstanceProperties",
    "Patches": PATCHES,
}


def windows_node_with_available_update(fleet: Fleet) -> Node:
    """Compliant but for a security update that is available and not approved."""
    for node in fleet.nodes:
        if node.platform.is_windows and node.patch_group == "prod-windows" and node.run:
            installed = [p for p in node.run.patches if p.state is PatchState.INSTALLED]
            update = replace(
                installed[0], state=PatchState.AVAILABLE_SECURITY_UPDATE, is_compliant=False
            )
            return replace(node, run=replace(node.run, patches=(*installed[1:], update)))
    raise AssertionError("no Windows node")


@pytest.mark.parametrize("allowed", [True, False])
def test_available_security_updates_count_as_the_baseline_says(
    aws: SimulatedAws, gateway: AwsGateway, allowed: bool
) -> None:
    """One question per baseline; where it may not be asked, nobody knows: a gap that says what to allow."""
    fleet = fleet_of(120)
    node = windows_node_with_available_update(fleet)
    others = [n for n in fleet.nodes if n.instance_id != node.instance_id]
    fresh = replace(node, run=replace(node.run, ended=NOW, started=NOW) if node.run else None)
    seed_directly(Fleet(NOW, (*others, fresh), fleet.baselines))
    if not allowed:
        aws.faults.deny("GetPatchBaseline")
    for _ in range(2):
        reading = gateway.read_target(EVERYTHING, TARGET)
        (seen,) = [s for s in reading.observations if s.node.instance_id == node.instance_id]
        assert seen.counts_available_security_updates is allowed
        assert seen.undecided is not allowed
        assert bool(seen.unread) is bool(reading.gaps) is not allowed
        report = status_report(Reading("all", NOW, (reading,)), NOW, EVERYTHING.stale_after)
        assert report.unknown_reasons.unreadable == len(reading.gaps)
        for gap in reading.gaps:
            assert gap.nodes == 1
            assert gap.reason.startswith("Whether available security updates count against")
            assert gap.hint.startswith("Allow ssm:GetPatchBaseline")
    asked = [call.parameters["BaselineId"] for call in aws.calls.matching("GetPatchBaseline")]
    if allowed:
        assert len(asked) == len(set(asked)) >= 1


def test_a_default_baseline_is_marked(aws: SimulatedAws, gateway: AwsGateway, small: Fleet) -> None:
    """AWS's own, given by its ARN; where the default may not be asked for, it is not marked."""
    default = aws.client("ssm", REGION).get_default_patch_baseline(
        OperatingSystem="AMAZON_LINUX_2023"
    )["BaselineId"]
    assert default.startswith("arn:")
    assert gateway.baseline(default, TARGET).default
    assert not gateway.baseline(small.baselines[0].baseline_id, TARGET).default
    aws.faults.deny("GetDefaultPatchBaseline")
    assert not gateway.baseline(default, TARGET).default


def test_denied_patches_say_what_to_allow(
    aws: SimulatedAws, gateway: AwsGateway, small: Fleet
) -> None:
    """The operation and the action are named."""
    aws.faults.deny(PATCHES)
    with pytest.raises(AccessDenied) as caught:
        gateway.patches(key_of(small.nodes[0]), TARGET)
    assert "ssm:DescribeInstancePatches is not allowed in eu-central-1" in caught.value.message
    assert caught.value.hint.startswith("Allow ssm:DescribeInstancePatches for")


def test_check_tries_every_right_of_the_table(aws: SimulatedAws, gateway: AwsGateway) -> None:
    """All allowed: one cheap call each, none of it about a real node."""
    found = gateway.check(TARGET)
    assert [check.action for check in found] == [right.action for right in READING]
    assert all(check.ok for check in found), found
    assert aws.calls.count() == len(READING)


def test_check_names_what_is_missing_and_what_that_costs(
    aws: SimulatedAws, gateway: AwsGateway
) -> None:
    """A missing right says what to allow; an optional one also what is lost."""
    aws.faults.deny("DescribeInstancePatchStates")
    aws.faults.deny("DescribeTags")
    failed = {check.action: check for check in gateway.check(TARGET) if not check.ok}
    assert set(failed) == {"ssm:DescribeInstancePatchStates", "ec2:DescribeTags"}
    assert failed["ssm:DescribeInstancePatchStates"].hint.startswith("Allow ssm:Describe")
    assert "Without it: Owners are not shown" in failed["ec2:DescribeTags"].hint
    assert failed["ec2:DescribeTags"].optional


def test_check_sees_that_the_credentials_belong_to_another_account(
    aws: SimulatedAws, gateway: AwsGateway
) -> None:
    """A mixed-up account id would show another fleet under its name."""
    target = Target(Account(id="999988887777"), REGION)
    (identity,) = [c for c in gateway.check(target) if c.action == "sts:GetCallerIdentity"]
    assert not identity.ok
    assert aws.account in identity.detail
