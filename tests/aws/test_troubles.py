"""Reading a target when AWS refuses the pace, fails, hangs or resets: all of it is read, or the gap is named."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.aws.gateway import AwsGateway
from bot.core.errors import Throttled
from bot.core.figures import status_report
from bot.core.readings import Reading
from bot.demo.aws.server import SimulatedAws
from bot.demo.fleet.model import Fleet
from bot.demo.fleet.seeding import seed_directly
from tests.aws.conftest import EVERYTHING, NOW, TARGET, Refuse, fleet_of

STATES, PROPERTIES = "DescribeInstancePatchStates", "DescribeInstanceProperties"
MakeGateway = Callable[..., AwsGateway]


def test_a_rate_of_aws_is_found_and_kept(aws: SimulatedAws, make_gateway: MakeGateway) -> None:
    """Everything is read, few calls are refused, and the next reading starts at what was learned."""
    seed_directly(fleet_of(1500))
    expected = make_gateway().read_target(EVERYTHING, TARGET)
    limit = aws.faults.limit_rate(STATES, rate=10, burst=5)
    gateway = make_gateway(concurrency=8)
    assert gateway.read_target(EVERYTHING, TARGET) == expected
    assert 0 < limit.throttled < 30
    first = limit.throttled
    assert gateway.read_target(EVERYTHING, TARGET) == expected
    assert limit.throttled - first <= max(first, 9)  # so many in a row are learned from


def test_states_refused_until_the_time_limit_are_a_gap(
    aws: SimulatedAws, small: Fleet, make_gateway: MakeGateway
) -> None:
    """Nodes are unread with AWS's words; none of them looks compliant."""
    aws.faults.throttle(STATES, calls=None)
    reading = make_gateway(time_limit=0.6).read_target(EVERYTHING, TARGET)
    (gap,) = reading.gaps
    assert gap.nodes == 120
    assert "refusing the pace" in gap.reason
    assert all(seen.unread for seen in reading.observations)
    report = status_report(Reading("all", NOW, (reading,)), NOW, EVERYTHING.stale_after)
    assert (report.nodes.unknown, report.nodes.compliant) == (120, 0)


def test_a_list_refused_until_the_time_limit_raises_throttled(
    aws: SimulatedAws, small: Fleet, make_gateway: MakeGateway
) -> None:
    """With AWS's own words, and no fallback that would be throttled too."""
    aws.faults.throttle(PROPERTIES, calls=None)
    with pytest.raises(Throttled, match="DescribeInstanceProperties"):
        make_gateway(time_limit=1.5).read_target(EVERYTHING, TARGET)
    assert aws.calls.count("DescribeInstanceInformation") == 0


def test_a_call_that_hangs_is_not_waited_for_beyond_the_time_limit(
    aws: SimulatedAws, small: Fleet, make_gateway: MakeGateway
) -> None:
    """The reading says so and goes on without those nodes."""
    aws.faults.delay(STATES, seconds=5)
    reading = make_gateway(time_limit=2.5).read_target(EVERYTHING, TARGET)
    (gap,) = reading.gaps
    assert gap.nodes == 120
    assert "took longer than 2.5 s" in gap.reason


@pytest.mark.parametrize("trouble", ["500", "503", "reset"])
def test_passing_troubles_are_tried_again(
    aws: SimulatedAws, gateway: AwsGateway, small: Fleet, trouble: str
) -> None:
    """Three times, and nobody sees them."""
    expected = gateway.read_target(EVERYTHING, TARGET)
    for operation in (PROPERTIES, STATES):
        if trouble == "reset":
            aws.faults.reset_connection(operation, calls=3)
        else:
            aws.faults.fail(operation, status=int(trouble), calls=3)
    assert gateway.read_target(EVERYTHING, TARGET) == expected


def test_a_lasting_trouble_is_given_up(
    aws: SimulatedAws, gateway: AwsGateway, small: Fleet
) -> None:
    """Four tries per chunk, then a gap."""
    aws.faults.fail(STATES, status=500, calls=None)
    reading = gateway.read_target(EVERYTHING, TARGET)
    assert [gap.nodes for gap in reading.gaps] == [120]
    assert aws.calls.count(STATES) == 3 * 4


def test_one_chunk_that_fails_leaves_the_others_read(
    aws: SimulatedAws, gateway: AwsGateway, small: Fleet
) -> None:
    """Its nodes are unread, one gap counts them."""
    chosen = sorted(node.instance_id for node in small.nodes)[0]
    aws.faults.add(
        Refuse(STATES, "ValidationException", lambda call: chosen in call.parameters["InstanceIds"])
    )
    reading = gateway.read_target(EVERYTHING, TARGET)
    (gap,) = reading.gaps
    unread = [seen for seen in reading.observations if seen.unread]
    assert gap.nodes == len(unread) == 50
    assert "ValidationException" in gap.reason
    assert chosen in {seen.node.instance_id for seen in unread}
    assert sum(seen.state is not None for seen in reading.observations) > 50
