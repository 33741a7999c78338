"""Reading a target when AWS refuses the pace, fails, hangs or resets: all of it is read, or the gap is named."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from bot.aws.gateway import AwsGateway
from bot.core.errors import AccessDenied, Stopping, Throttled
from bot.core.figures import status_report
from bot.core.readings import Reading
from bot.demo.aws.server import SimulatedAws
from bot.demo.fleet.model import Fleet
from bot.demo.fleet.seeding import seed_directly
from tests.aws.conftest import EVERYTHING, NOW, REGION, TARGET, Bend, Refuse, fleet_of

STATES, PROPERTIES = "DescribeInstancePatchStates", "DescribeInstanceProperties"
MakeGateway = Callable[..., AwsGateway]


def test_a_rate_of_aws_is_found_and_kept(aws: SimulatedAws, make_gateway: MakeGateway) -> None:
    """Everything is read, few calls are refused, and the next reading starts at what was learned."""
    seed_directly(fleet_of(1000))
    expected = make_gateway().read_target(EVERYTHING, TARGET)
    limit = aws.faults.limit_rate(STATES, rate=5, burst=3)
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
    gateway = make_gateway(time_limit=1.5)
    gateway._clients.client(TARGET.account, TARGET.region, "ssm")
    reading = gateway.read_target(EVERYTHING, TARGET)
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
    gateway = make_gateway(time_limit=1.0)
    gateway._clients.client(TARGET.account, TARGET.region, "ssm")  # takes a busy machine long
    with pytest.raises(Throttled, match="DescribeInstanceProperties"):
        gateway.read_target(EVERYTHING, TARGET)
    assert aws.calls.count("DescribeInstanceInformation") == 0


def test_a_call_that_hangs_is_not_waited_for_beyond_the_time_limit(
    aws: SimulatedAws, small: Fleet, make_gateway: MakeGateway
) -> None:
    """The reading says so and goes on without those nodes."""
    aws.faults.delay(STATES, seconds=5)
    gateway = make_gateway(time_limit=2.5)
    gateway._clients.client(TARGET.account, TARGET.region, "ssm")
    reading = gateway.read_target(EVERYTHING, TARGET)
    (gap,) = reading.gaps
    assert gap.nodes == 120
    assert "took longer than 2.5 s" in gap.reason


def test_tags_that_hang_hold_no_numbers_up(
    aws: SimulatedAws, small: Fleet, gateway: AwsGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Owners are left out after a moment, and the remark names the operation in words."""
    monkeypatch.setattr("bot.aws.calls.PATIENCE", 0.2)
    aws.faults.delay("DescribeTags", seconds=4)
    reading = gateway.read_target(EVERYTHING, TARGET)
    assert (
        "Owners in eu-central-1 are shown as far as they were known before: ec2:DescribeTags did not answer in time."
        in reading.notices
    )
    assert all(seen.state or not seen.unread for seen in reading.observations)
    assert reading.gaps == ()


def test_throttled_tags_are_given_up(aws: SimulatedAws, small: Fleet, gateway: AwsGateway) -> None:
    """After a few tries, though there would be half a minute left."""
    aws.faults.throttle("DescribeTags", calls=None)
    reading = gateway.read_target(EVERYTHING, TARGET)
    assert reading.notices == (
        "Owners in eu-central-1 are shown as far as they were known before: "
        "AWS kept refusing the pace of ec2:DescribeTags.",
    )
    assert aws.calls.count("DescribeTags") == 6


def test_closing_lets_a_reading_go_at_once(
    aws: SimulatedAws, small: Fleet, make_gateway: MakeGateway
) -> None:
    """Though AWS has not answered: what would be a gap otherwise is no reading at all."""
    began = threading.Event()
    aws.faults.add(Bend(PROPERTIES, lambda *_: began.set()))
    aws.faults.delay(STATES, seconds=5)
    gateway = make_gateway(time_limit=60)
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(gateway.read_target, EVERYTHING, TARGET)
        assert began.wait(20)
        gateway.close()
        assert isinstance(reading.exception(20), Stopping)
    with pytest.raises(Stopping):
        gateway.read_target(EVERYTHING, TARGET)


def test_the_log_has_a_line_for_each_target(
    aws: SimulatedAws, small: Fleet, gateway: AwsGateway, caplog: pytest.LogCaptureFixture
) -> None:
    """What was read, how long it took, what it cost; a warning where something is missing."""
    caplog.set_level(logging.INFO, logger="patchbot.aws")
    gateway.read_target(EVERYTHING, TARGET)
    aws.faults.deny(STATES)
    gateway.read_target(EVERYTHING, TARGET)
    aws.faults.deny(service="ssm")
    with pytest.raises(AccessDenied):
        gateway.read_target(EVERYTHING, TARGET)
    good, gaps, bad = caplog.records
    assert [one.levelname for one in caplog.records] == ["INFO", "WARNING", "WARNING"]
    told = vars(good)
    assert (told["environment"], told["target"], told["nodes"]) == ("all", REGION, 120)
    assert (told["throttled"], told["gaps"], told["account"]) == (0, [], aws.account)
    assert told["calls"] >= 4
    assert told["milliseconds"] > 0
    assert "ssm:DescribeInstancePatchStates is not allowed" in vars(gaps)["gaps"][0]
    assert "ssm:DescribeInstanceInformation is not allowed" in vars(bad)["why"]


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
