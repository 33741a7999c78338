"""Reading a target when AWS's answers are odd: pages, drift, forged rows, denied rights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bot.aws.gateway import AwsGateway
from bot.core.environments import Selector
from bot.core.errors import AccessDenied, AwsError
from bot.core.figures import status_report
from bot.core.readings import Reading, TargetReading
from bot.demo.aws.server import SimulatedAws
from bot.demo.fleet.model import Fleet
from bot.demo.fleet.seeding import seed_directly
from tests.aws.conftest import EVERYTHING, NOW, PROD, REGION, TARGET, Bend, Refuse, fleet_of

STATES, PROPERTIES = "DescribeInstancePatchStates", "DescribeInstanceProperties"
MakeGateway = Callable[..., AwsGateway]


def ids(reading: TargetReading) -> set[str]:
    return {seen.node.instance_id for seen in reading.observations}


def test_empty_pages_with_a_token_are_followed(
    aws: SimulatedAws, gateway: AwsGateway, small: Fleet
) -> None:
    """A page without rows is no end."""
    expected = gateway.read_target(PROD, TARGET)
    emptied = [aws.faults.empty_page(name, calls=2) for name in (PROPERTIES, STATES)]
    assert gateway.read_target(PROD, TARGET) == expected
    assert [fault.hits for fault in emptied] == [1, 2]


def test_a_repeated_token_of_the_list_fails_the_target(
    aws: SimulatedAws, gateway: AwsGateway, small: Fleet
) -> None:
    """Half a list is no list, and a circle has no end."""
    aws.faults.repeat_token(PROPERTIES)
    aws.faults.empty_page(PROPERTIES)
    with pytest.raises(AwsError, match="same page token twice"):
        gateway.read_target(EVERYTHING, TARGET)


def test_a_token_that_aws_takes_no_more_begins_the_list_again(
    aws: SimulatedAws, gateway: AwsGateway
) -> None:
    """Once, and nothing is counted twice; a token that is never taken fails the target and says what to do."""
    seed_directly(fleet_of(1120))
    expected = gateway.read_target(EVERYTHING, TARGET)
    aws.calls.clear()
    refused = aws.faults.add(
        Refuse(PROPERTIES, "InvalidNextToken", lambda call: "NextToken" in call.parameters, times=1)
    )
    assert gateway.read_target(EVERYTHING, TARGET) == expected
    assert aws.calls.count(PROPERTIES) == 4
    refused.times = 99
    aws.calls.clear()
    with pytest.raises(AwsError, match="InvalidNextToken") as caught:
        gateway.read_target(EVERYTHING, TARGET)
    assert aws.calls.count(PROPERTIES) == 4
    assert "Try again" in caught.value.hint


def test_a_repeated_token_of_a_chunk_makes_its_nodes_unread(
    aws: SimulatedAws, gateway: AwsGateway, small: Fleet
) -> None:
    """The other chunks are read."""
    aws.faults.repeat_token(STATES)
    aws.faults.empty_page(STATES, calls=1)
    reading = gateway.read_target(EVERYTHING, TARGET)
    (gap,) = reading.gaps
    assert "same page token twice" in gap.reason
    assert sum(bool(seen.unread) for seen in reading.observations) == gap.nodes in (20, 50)


def test_rows_nobody_asked_for_change_nothing(
    aws: SimulatedAws, gateway: AwsGateway, small: Fleet
) -> None:
    """A patch state of a foreign node, or of one in another chunk, is not taken."""
    expected = gateway.read_target(EVERYTHING, TARGET)
    victim = small.nodes[0].instance_id
    asked_about = [call.parameters["InstanceIds"] for call in aws.calls.matching(STATES)]

    def forge(_: int, body: dict[str, Any]) -> None:
        for row in list(body["InstancePatchStates"]):
            if row["InstanceId"] != victim:
                forged = row | {"InstanceId": "i-0f0f0f0f0f0f0f0f0", "MissingCount": 999}
                body["InstancePatchStates"].append(forged)
                return

    fault = aws.faults.add(Bend(STATES, forge))
    assert len(asked_about) == 3
    assert gateway.read_target(EVERYTHING, TARGET) == expected
    assert fault.hits == 3


def test_of_two_rows_for_a_node_the_later_operation_counts(
    aws: SimulatedAws, gateway: AwsGateway, small: Fleet
) -> None:
    """Whatever their order."""
    expected = gateway.read_target(EVERYTHING, TARGET)

    def repeat_older(number: int, body: dict[str, Any]) -> None:
        rows = body["InstancePatchStates"]
        old = [row | {"OperationEndTime": 1.0e9, "MissingCount": 77} for row in rows]
        body["InstancePatchStates"] = old + rows if number % 2 else rows + old

    aws.faults.add(Bend(STATES, repeat_older))
    assert gateway.read_target(EVERYTHING, TARGET) == expected


def test_nodes_that_drift_between_pages_count_once(
    aws: SimulatedAws, gateway: AwsGateway, small: Fleet
) -> None:
    """The row with the latest ping is believed; no node is asked about twice."""
    expected = gateway.read_target(EVERYTHING, TARGET)
    aws.calls.clear()

    def drift(_: int, body: dict[str, Any]) -> None:
        rows = body["InstanceProperties"]
        stale = [row | {"LastPingDateTime": 1.0e9, "Name": "stale"} for row in rows]
        body["InstanceProperties"] = stale[:60] + rows + stale[60:]

    aws.faults.add(Bend(PROPERTIES, drift))
    assert gateway.read_target(EVERYTHING, TARGET) == expected
    asked = [key for call in aws.calls.matching(STATES) for key in call.parameters["InstanceIds"]]
    assert len(asked) == len(set(asked)) == 120


def test_a_node_terminated_between_pages_is_nowhere(
    aws: SimulatedAws, gateway: AwsGateway, small: Fleet
) -> None:
    """Also when its older row, with a later ping, came first or last."""
    gone = {node.instance_id for node in small.nodes[:2]}

    def end(_: int, body: dict[str, Any]) -> None:
        rows = body["InstanceProperties"]
        dead = [
            row | {"InstanceState": "terminated", "LastPingDateTime": 1.0e9}
            for row in rows
            if row["InstanceId"] in gone
        ]
        body["InstanceProperties"] = dead[:1] + rows + dead[1:]

    aws.faults.add(Bend(PROPERTIES, end))
    reading = gateway.read_target(EVERYTHING, TARGET)
    assert ids(reading) == {node.instance_id for node in small.nodes} - gone


def test_a_node_started_between_pages_is_judged_by_its_state(
    aws: SimulatedAws, gateway: AwsGateway, small: Fleet
) -> None:
    """On the first page it was stopped; then the list was begun again, and it was not."""
    expected = gateway.read_target(EVERYTHING, TARGET)
    judged = {seen.node.instance_id for seen in expected.observations if seen.state is not None}

    def begin_again(number: int, body: dict[str, Any]) -> None:
        if number == 0:
            body["NextToken"] = "no longer valid"
            for row in body["InstanceProperties"]:
                row["InstanceState"] = "stopped" if row["InstanceId"] in judged else "running"

    aws.faults.add(Bend(PROPERTIES, begin_again))
    assert gateway.read_target(EVERYTHING, TARGET) == expected


def test_a_node_that_vanishes_from_the_states_was_never_scanned(
    aws: SimulatedAws, gateway: AwsGateway, small: Fleet
) -> None:
    """AWS leaves nodes without data out in silence: no state, and no gap either."""
    aws.faults.add(Bend(STATES, lambda _, body: body["InstancePatchStates"].clear()))
    reading = gateway.read_target(EVERYTHING, TARGET)
    assert len(reading.observations) == 120
    assert all(seen.state is None and not seen.unread for seen in reading.observations)
    assert reading.gaps == ()


def test_chunks_hold_fifty_ids_and_every_page_size_is_explicit(
    aws: SimulatedAws, gateway: AwsGateway
) -> None:
    """1,120 nodes: two pages, twenty-three chunks, two pages of owners, one question who we are."""
    seed_directly(fleet_of(1120))
    gateway.read_target(EVERYTHING, TARGET)
    sizes = sorted(len(call.parameters["InstanceIds"]) for call in aws.calls.matching(STATES))
    assert sizes == [20] + [50] * 22
    assert {call.parameters["MaxResults"] for call in aws.calls.matching(STATES)} == {50}
    assert {call.parameters["MaxResults"] for call in aws.calls.matching(PROPERTIES)} == {1000}
    assert aws.calls.count(PROPERTIES) == 2
    assert aws.calls.count("GetCallerIdentity") == 1
    tags = aws.calls.matching("DescribeTags")
    assert {call.parameters["MaxResults"] for call in tags} == {"1000"}


def test_denied_properties_fall_back_to_information(
    aws: SimulatedAws, gateway: AwsGateway, small: Fleet
) -> None:
    """Fifty a page, names from EC2, and it is said that stopped nodes are not shown."""
    expected = gateway.read_target(PROD, TARGET)
    aws.calls.clear()
    aws.faults.deny(PROPERTIES)
    reading = gateway.read_target(PROD, TARGET)
    strip = [replace(seen.node, instance_state="") for seen in reading.observations]
    assert strip == [replace(seen.node, instance_state="") for seen in expected.observations]
    assert all(seen.node.name for seen in reading.observations)
    (notice,) = reading.notices
    assert notice == (
        "Stopped nodes are not shown for eu-central-1: "
        "ssm:DescribeInstanceProperties is not allowed."
    )
    sizes = {c.parameters["MaxResults"] for c in aws.calls.matching("DescribeInstanceInformation")}
    assert sizes == {50}


@pytest.mark.parametrize("code", ["UnknownOperationException", "ValidationException"])
def test_properties_that_an_endpoint_does_not_know_fall_back(
    aws: SimulatedAws, gateway: AwsGateway, small: Fleet, code: str
) -> None:
    """The fast list is optional."""
    aws.faults.add(Refuse(PROPERTIES, code, lambda _: True))
    reading = gateway.read_target(EVERYTHING, TARGET)
    assert len(reading.observations) == 120
    assert any(code in notice for notice in reading.notices)


def test_denied_lists_raise_with_what_to_allow(
    aws: SimulatedAws, gateway: AwsGateway, small: Fleet
) -> None:
    """Neither list is allowed: the target fails and says which right it lacks."""
    aws.faults.deny(service="ssm")
    with pytest.raises(AccessDenied) as caught:
        gateway.read_target(EVERYTHING, TARGET)
    assert caught.value.operation == "ssm:DescribeInstanceInformation"
    assert caught.value.hint == (
        "Allow ssm:DescribeInstanceProperties for the credentials patchbot runs with. "
        "Allow ssm:DescribeInstanceInformation for the credentials patchbot runs with."
    )
    assert caught.value.account == aws.account


def test_an_endpoint_of_systems_manager_only_costs_two_remarks(
    aws: SimulatedAws, gateway: AwsGateway, small: Fleet
) -> None:
    """No EC2, no STS: no owners, the account is "self", every number is there, nothing is tried for long."""
    expected = gateway.read_target(EVERYTHING, TARGET)
    aws.calls.clear()
    aws.faults.fail(service="ec2", status=500, calls=None)
    aws.faults.fail(service="sts", status=500, calls=None)
    fresh = AwsGateway(clock=lambda: NOW, jitter=lambda: -0.45)
    reading = fresh.read_target(EVERYTHING, TARGET)
    fresh.close()
    assert reading.account == "self"
    assert {seen.node.account for seen in reading.observations} == {"self"}
    assert [seen.state for seen in reading.observations] == [
        seen.state for seen in expected.observations
    ]
    assert [notice.split(":")[0] for notice in reading.notices] == [
        "Owners in eu-central-1 are shown as far as they were known before"
    ]
    assert reading.gaps == ()
    assert aws.calls.count(service="ec2") == aws.calls.count(service="sts") == 2


def test_the_account_is_asked_for_once(
    aws: SimulatedAws, gateway: AwsGateway, small: Fleet
) -> None:
    """Not again in the next reading."""
    assert gateway.read_target(EVERYTHING, TARGET).account == aws.account
    assert gateway.read_target(EVERYTHING, TARGET).account == aws.account
    assert aws.calls.count("GetCallerIdentity") == 1


def test_a_reading_that_fails_takes_no_other_ones_account(
    aws: SimulatedAws, gateway: AwsGateway, small: Fleet
) -> None:
    """The question who we are is shared; that its reading was given up is no answer."""
    with gateway.round(TARGET) as around:
        asked = gateway._identities.start(around)
    asked.exception(5)
    gateway._identities._asked[TARGET.account] = (0.0, asked)
    assert gateway.read_target(EVERYTHING, TARGET).account == aws.account


def test_without_an_owner_tag_ec2_is_not_asked(
    aws: SimulatedAws, gateway: AwsGateway, small: Fleet
) -> None:
    """Only the tags that are needed are read."""
    gateway.read_target(replace(EVERYTHING, owner_tag=""), TARGET)
    assert aws.calls.count(service="ec2") == 0


def test_figures_equal_those_counted_in_the_raw_answers(
    aws: SimulatedAws, gateway: AwsGateway
) -> None:
    """With empty pages, refusals, troubles and a denied Region; counted with plain boto3, page by page."""
    seed_directly(fleet_of(300))
    client = aws.client("ssm", REGION)
    rows = [
        row
        for page in client.get_paginator("describe_instance_properties").paginate(
            PaginationConfig={"PageSize": 50}
        )
        for row in page["InstanceProperties"]
    ]
    raw: list[dict[str, Any]] = []
    for start in range(0, len(rows), 20):
        some = [row["InstanceId"] for row in rows[start : start + 20]]
        answer = client.describe_instance_patch_states(InstanceIds=some, MaxResults=20)
        raw += answer["InstancePatchStates"]
    aws.faults.empty_page(PROPERTIES, calls=1)
    aws.faults.empty_page(STATES, calls=3)
    aws.faults.throttle(STATES, calls=4)
    aws.faults.fail(STATES, status=503, calls=2)
    aws.faults.deny(region="us-east-1")
    reading = Reading("all", NOW, (gateway.read_target(EVERYTHING, TARGET),))
    report = status_report(reading, NOW, EVERYTHING.stale_after)
    fresh = [row for row in raw if NOW - row["OperationEndTime"] < EVERYTHING.stale_after]
    keys = ("MissingCount", "FailedCount", "InstalledRejectedCount", "InstalledPendingRebootCount")
    broken = [row for row in fresh if sum(row[key] for key in keys)]
    assert report.nodes.total == len(rows) == 300
    assert report.nodes.non_compliant == len(broken) > 0
    assert report.nodes.compliant == len(fresh) - len(broken) > 0
    assert report.unknown_reasons.never_scanned == len(rows) - len(raw) > 0
    assert report.unknown_reasons.stale == len(raw) - len(fresh) > 0
    assert report.unknown_reasons.unreadable == 0
    assert report.patches.missing == sum(row["MissingCount"] for row in raw)
    assert report.patches.failed == sum(row["FailedCount"] for row in raw)
    assert report.nodes_with.critical_non_compliant == sum(
        row["CriticalNonCompliantCount"] > 0 for row in raw
    )
    assert report.gaps == ()


def test_an_empty_selector_value_selects_nobody(
    aws: SimulatedAws, gateway: AwsGateway, small: Fleet
) -> None:
    """A tag value that only begins like the wanted one is another value."""
    environment = replace(PROD, selector=Selector({"Environment": ("pro", "pro*", "prod?")}))
    assert gateway.read_target(environment, TARGET).observations == ()
