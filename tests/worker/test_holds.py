"""What comes between an approval and its send: expiry, freezes, lost roles, drifted fleets, clocks that jump."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.errors import AwsError, SlackError
from bot.core.identity import Kind, Members
from bot.core.plans import Operation
from bot.core.requests import RequestState
from bot.core.rules import Freeze
from bot.core.runs import RunState
from bot.worker.clockwatch import ClockWatch
from tests.worker.aws import START
from tests.worker.site import FIRST, SECOND, Site, a_plan


def frozen(site: Site, hours: float) -> None:
    """The environment is frozen from now on."""
    now = site.aws.now()
    freeze = Freeze(("prod",), now, now + timedelta(hours=hours), "the sale")
    site.rules["prod"] = replace(site.rules["prod"], freezes=(freeze,))


def test_a_request_that_nobody_decides_expires_after_a_reminder(site: Site) -> None:
    request = site.ask(a_plan(site.aws, site.aws.add(1)))
    site.until(lambda: any(one.kind == "reminder" for one in site.ledger.notices()), seconds=30)
    assert site.request(request.id).is_open
    for _ in range(100):
        site.tick(30)
    assert site.request(request.id).state is RequestState.EXPIRED
    assert sum(one.kind == "reminder" for one in site.ledger.notices()) == 1
    assert site.kinds().count("request.expired") == 1
    assert site.ledger.runs() == ()


def test_an_approval_that_expired_while_the_bot_was_down_sends_nothing(site: Site) -> None:
    name = site.approved(a_plan(site.aws, site.aws.add(1)))
    site.ledger.close()
    site.aws.advance(2 * 3600)
    site.restart()
    run = site.finish(name)
    assert run.state is RunState.ABANDONED
    assert "expired" in run.why
    assert site.aws.attempts == []


def test_an_approval_that_expired_between_start_and_first_send_sends_nothing(site: Site) -> None:
    name = site.approved(a_plan(site.aws, site.aws.add(1)))
    site.aws.failing["find"] = AwsError("AWS is down.")
    site.until(lambda: site.ledger.run(name) is not None and site.run().state is RunState.RUNNING)
    site.ledger.close()
    site.aws.advance(2 * 3600)
    site.aws.failing.clear()
    site.restart()
    run = site.finish(name)
    assert run.state is RunState.ABANDONED
    assert site.aws.attempts == []


@pytest.mark.parametrize("loss", ["left the group", "deactivated", "became a guest"])
def test_an_approver_who_lost_the_role_before_the_start_voids_the_approval(
    site: Site, loss: str
) -> None:
    name = site.approved(a_plan(site.aws, site.aws.add(1)))
    if loss == "left the group":
        only_first = Members(users=frozenset({FIRST}))
        site.rules["prod"] = replace(site.rules["prod"], approvers=only_first)
    else:
        site.slack.kinds[SECOND] = Kind.DEACTIVATED if loss == "deactivated" else Kind.GUEST
    run = site.finish(name)
    assert run.state is RunState.ABANDONED
    assert "1 of 2 approvals" in run.why
    assert site.aws.attempts == []


def test_an_approver_who_loses_the_role_between_waves_stops_the_rest(site: Site) -> None:
    """The canary is verified; the second wave never leaves."""
    keys = site.aws.add(1, 2)
    name = site.approved(a_plan(site.aws, keys))
    site.until(lambda: len(site.aws.accepted) == 1)
    site.slack.kinds[FIRST] = Kind.DEACTIVATED
    run = site.finish(name)
    assert run.state is RunState.PARTIAL
    assert "approvals" in run.why
    sent = [(one.operation, one.instance_ids) for one in site.aws.attempts]
    canary = (keys[0].instance_id,)
    assert sent == [(Operation.INSTALL, canary), (Operation.SCAN, canary)]


def test_while_nobody_can_tell_who_people_are_nothing_is_sent(site: Site) -> None:
    name = site.approved(a_plan(site.aws, site.aws.add(1)))
    site.slack.error = SlackError("Slack does not answer.")
    for _ in range(60):
        site.tick(5)
    assert site.aws.attempts == []
    site.slack.error = None
    assert site.finish(name).state is RunState.VERIFIED


def test_while_slack_stays_away_the_approval_expires(site: Site) -> None:
    name = site.approved(a_plan(site.aws, site.aws.add(1)))
    site.slack.error = SlackError("Slack does not answer.")
    assert site.finish(name, seconds=60).state is RunState.ABANDONED
    assert site.aws.attempts == []


def test_a_freeze_after_the_approval_holds_the_run_until_it_ends(site: Site) -> None:
    name = site.approved(a_plan(site.aws, site.aws.add(1)))
    frozen(site, 0.5)
    for _ in range(29):
        site.tick(60)
    assert site.run(name).state is RunState.WAITING
    assert "the sale" in site.run(name).why
    assert site.kinds().count("run.held") == 1
    assert site.aws.attempts == []
    assert site.finish(name, seconds=5).state is RunState.VERIFIED


def test_a_freeze_longer_than_the_approval_ends_the_run_unsent(site: Site) -> None:
    name = site.approved(a_plan(site.aws, site.aws.add(1)))
    frozen(site, 48)
    run = site.finish(name, seconds=60)
    assert run.state is RunState.ABANDONED
    assert "the sale" in run.why
    assert site.aws.attempts == []


def test_a_freeze_between_waves_holds_the_next_one(site: Site) -> None:
    name = site.approved(a_plan(site.aws, site.aws.add(1, 2)))
    site.until(lambda: len(site.aws.accepted) == 1)
    frozen(site, 1)
    for _ in range(50):
        site.tick(60)
    assert len(site.aws.accepted) == 1
    assert "the sale" in site.run(name).why
    assert site.finish(name, seconds=10).state is RunState.VERIFIED
    assert site.run(name).why == ""


def test_a_scan_is_never_frozen(site: Site) -> None:
    frozen(site, 48)
    site.ask(a_plan(site.aws, site.aws.add(1), operation=Operation.SCAN), needed=0)
    assert site.finish("X-1").state is RunState.VERIFIED


def test_nodes_that_are_gone_are_dropped_and_named_and_none_is_added(site: Site) -> None:
    """One of six is 17 %: the rest still runs."""
    keys = site.aws.add(*range(1, 7))
    plan = a_plan(site.aws, keys)
    site.aws.add(99)
    name = site.approved(plan)
    gone = keys[3].instance_id
    del site.aws.nodes[gone]
    run = site.finish(name)
    assert run.state is RunState.PARTIAL
    sent = {each for one in site.aws.attempts for each in one.instance_ids}
    assert sent == {key.instance_id for key in keys} - {gone}
    results = {one.key.instance_id: one for one in site.ledger.results(name, "run")}
    assert results[gone].reason == "it is gone"
    assert any(gone in link.body for link in site.ledger.audit(kind="dispatch.node_dropped"))


@pytest.mark.parametrize("how", ["left", "stopped", "offline", "gone"])
def test_a_node_of_two_that_drifted_away_voids_the_approval(site: Site, how: str) -> None:
    """More than a fifth: it is not the fleet people approved."""
    keys = site.aws.add(1, 2)
    name = site.approved(a_plan(site.aws, keys))
    instance_id = keys[1].instance_id
    node = site.aws.nodes[instance_id]
    if how == "left":
        site.aws.left.add(instance_id)
    elif how == "gone":
        site.aws.nodes[instance_id] = replace(node, instance_state="terminated")
    elif how == "stopped":
        site.aws.nodes[instance_id] = replace(node, instance_state="stopped")
    else:
        site.aws.nodes[instance_id] = replace(node, ping_status="ConnectionLost")
    run = site.finish(name)
    assert run.state is RunState.ABANDONED
    assert "1 of 2 nodes are gone" in run.why
    assert site.aws.attempts == []


def test_a_fleet_that_drifts_away_between_waves_stops_the_run(site: Site) -> None:
    keys = site.aws.add(*range(1, 11))
    name = site.approved(a_plan(site.aws, keys))
    site.until(lambda: len(site.aws.accepted) == 1)
    for key in keys[5:]:
        site.aws.left.add(key.instance_id)
    run = site.finish(name, seconds=5)
    assert run.state is RunState.PARTIAL
    assert "another fleet" in run.why
    installed = [one for one in site.aws.attempts if one.operation is Operation.INSTALL]
    assert len(installed) == 1


def test_while_the_clock_jumps_nothing_is_sent(site: Site) -> None:
    name = site.approved(a_plan(site.aws, site.aws.add(1)))
    site.aws.jump = timedelta(minutes=-20)
    for _ in range(20):
        site.tick(10)
    assert site.aws.attempts == []
    assert "clock" in site.run(name).why
    assert site.finish(name, seconds=10).state is RunState.VERIFIED


def test_a_clock_that_was_set_back_while_the_bot_was_down_sends_nothing(site: Site) -> None:
    """It is behind what the ledger knows: held until it has been steady for a while."""
    name = site.approved(a_plan(site.aws, site.aws.add(1)))
    site.aws.jump = timedelta(minutes=-20)
    site.restart()
    for _ in range(20):
        site.tick(10)
    assert site.aws.attempts == []
    assert "behind the newest entry" in site.run(name).why
    assert site.finish(name, seconds=10).state is RunState.VERIFIED


def test_a_clock_that_passed_the_newest_entry_is_trusted_again() -> None:
    wall, ticks = [START], [0.0]
    watch = ClockWatch(
        lambda: wall[0],
        lambda: ticks[0],
        jump=timedelta(minutes=5),
        trust_again=600.0,
        newest=START + timedelta(minutes=6),
    )
    for minutes, doubtful in ((0, True), (5.9, True), (6, False), (7, False)):
        wall[0], ticks[0] = START + timedelta(minutes=minutes), minutes * 60
        assert bool(watch.doubt()) is doubtful, minutes
    slight = ClockWatch(
        lambda: START,
        lambda: 0.0,
        jump=timedelta(minutes=5),
        trust_again=600.0,
        newest=START + timedelta(minutes=5),
    )
    assert slight.doubt() == ""


def test_an_environment_that_left_the_configuration_gets_nothing(site: Site) -> None:
    name = site.approved(a_plan(site.aws, site.aws.add(1)))
    site.until(lambda: site.ledger.run(name) is not None)
    kept = site.rules.pop("prod")
    before = len(site.aws.attempts)
    for _ in range(20):
        site.tick(10)
    assert len(site.aws.attempts) == before
    site.rules["prod"] = kept


def test_an_ended_run_names_what_its_time_limit_left_open(site: Site) -> None:
    """AWS never tells an outcome."""
    site.aws.run_seconds = 10**9
    name = site.approved(a_plan(site.aws, site.aws.add(1, 2)))
    run = site.finish(name, seconds=120)
    assert run.state is RunState.LOST_TRACK
    assert run.ended_at is not None
    assert run.ended_at - START >= timedelta(hours=3)
    receipt = site.ledger.receipt(name)
    assert receipt is not None
    assert {one["outcome"] for one in receipt["open_nodes"]} == {"unknown", "skipped"}


def test_the_time_limit_ends_a_run_even_when_aws_and_slack_are_away(site: Site) -> None:
    name = site.approved(a_plan(site.aws, site.aws.add(1, 2)))
    site.until(lambda: len(site.aws.accepted) == 1)
    site.slack.error = SlackError("Slack is away.")
    for what in ("find", "invocations", "nodes_now", "read_target", "patches"):
        site.aws.failing[what] = AwsError("AWS is away.")
    assert site.finish(name, seconds=120).state is RunState.LOST_TRACK
