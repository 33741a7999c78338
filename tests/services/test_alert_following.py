"""What becomes of an alert stands on its card: who opened a request from it, how that ended, and that it is over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.core.audit import Entry
from bot.core.plans import Operation
from bot.core.readings import Gap, TargetReading
from bot.core.requests import RequestState
from bot.core.running import BOT, about_run, moved, planned
from bot.core.runs import RUN, NodeOutcome, NodeResult, RunState
from bot.services.alert_standing import Standing, look_up
from tests.core import envelopes
from tests.services.alarms import LOUD, NODES, Alarm
from tests.services.changes import ANA, BEN, CAT, proposal


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Alarm]:
    found = Alarm(tmp_path)
    yield found
    found.close()


def raised(world: Alarm, *numbers: int) -> None:
    """An alert about these nodes is told."""
    world.hear(*(world.bad(number) for number in numbers))
    world.wait(minutes=5)


def found(world: Alarm, alert_id: str = "A-1") -> Standing:
    return look_up(world.ledger, alert_id)[1]


def in_hand(world: Alarm) -> str:
    one = found(world).in_hand
    return one.request.id if one is not None else ""


def run(world: Alarm, *states: RunState) -> None:
    """The run of R-1 goes through these states."""
    request = world.ledger.request("R-1")
    assert request is not None
    plan = world.ledger.plan(request.digest)
    assert plan is not None
    one = world.ledger.run("X-1") or planned(request, plan, world.now, limit=timedelta(hours=4))
    with world.ledger.change() as change:
        if world.ledger.run(one.id) is None:
            change.add_run(one, (), [about_run(one, "planned", {})])
        for state in states:
            one = moved(one, state, world.now)
            change.save_run(one, [about_run(one, state.value, {})])


def approve(world: Alarm) -> None:
    for person in (BEN, CAT):
        assert world.click("request.approve", person, **world.ids("R-1")).allowed


def test_a_request_that_was_opened_from_an_alert_stands_on_its_card(world: Alarm) -> None:
    """At once, in the transaction of the request: the next one who looks does not plan the same."""
    raised(world, 1, 2)
    before = world.drawn("A-1")
    world.request(named="A-1")
    assert in_hand(world) == "R-1"
    assert world.drawn("A-1") == before + 1
    assert world.kinds(subject="alert/A-1") == ["alert.raised", "alert.requested"]
    (link, _) = world.ledger.audit(subject="alert/A-1")
    assert link.actor == ANA


def test_an_older_entry_that_names_no_request_breaks_no_card(world: Alarm) -> None:
    raised(world, 1)
    with world.ledger.change() as change:
        change.audit(Entry("alert.requested", BOT, "alert/A-1", {"told": "R-1 waits"}))
    world.wait(seconds=5)
    assert found(world) == Standing()


def test_whoever_still_has_the_old_button_reads_of_the_request_in_the_form(world: Alarm) -> None:
    raised(world, 1, 2)
    asked = proposal(named="A-1")
    assert not any("R-1" in remark for remark in world.installs.preview(asked).remarks)
    world.request(named="A-1")
    assert any("R-1 was opened from A-1" in one for one in world.installs.preview(asked).remarks)


def test_the_button_comes_back_when_the_request_ends_without_a_run(world: Alarm) -> None:
    raised(world, 1)
    world.request(named="A-1")
    world.wait(seconds=5)
    before = world.drawn("A-1")
    world.wait(minutes=2)
    assert world.drawn("A-1") == before
    world.click("request.deny", BEN, **world.ids("R-1"), reason="not today")
    world.wait(seconds=5)
    assert world.drawn("A-1") == before + 1
    assert in_hand(world) == ""
    assert found(world).opened[0].request.state is RequestState.DENIED


def test_a_run_that_is_verified_settles_the_alert(world: Alarm) -> None:
    raised(world, 1, 2)
    world.request(named="A-1")
    approve(world)
    run(world, RunState.RUNNING)
    world.wait(minutes=5)
    assert in_hand(world) == "R-1"
    before = world.drawn("A-1")
    run(world, RunState.VERIFYING, RunState.VERIFIED)
    world.wait(seconds=5)
    assert world.drawn("A-1") == before + 1
    assert found(world).settled_at is not None
    assert in_hand(world) == ""


def test_a_run_that_failed_leaves_it_to_be_planned_again(world: Alarm) -> None:
    raised(world, 1)
    world.request(named="A-1")
    approve(world)
    run(world, RunState.RUNNING, RunState.VERIFYING, RunState.PARTIAL)
    assert (in_hand(world), found(world).settled_at) == ("", None)
    assert found(world).opened[0].run is not None


def test_what_comes_after_the_request_is_not_in_hand(world: Alarm) -> None:
    raised(world, 1)
    world.now += timedelta(minutes=1)
    world.request(named="A-1")
    world.now += timedelta(minutes=1)
    raised(world, 2)
    assert [one.id for one in world.alerts] == ["A-1"]
    assert in_hand(world) == ""


def test_a_scan_does_not_see_to_missing_patches(world: Alarm) -> None:
    raised(world, 1)
    world.request(named="A-1", operation=Operation.SCAN)
    assert [one.request.id for one in found(world).opened] == ["R-1"]
    assert in_hand(world) == ""


def test_a_scan_sees_to_an_install_of_somebody_else(world: Alarm) -> None:
    world.hear(*world.install(envelopes.COMMAND, 1))
    world.wait(minutes=5)
    world.request(named="A-1", operation=Operation.SCAN)
    assert in_hand(world) == "R-1"


def test_a_window_that_failed_is_planned_for_what_is_not_compliant(world: Alarm) -> None:
    """It names no node, and its request is known as its own all the same."""
    world.hear(envelopes.window(at=world.now))
    world.wait(minutes=5)
    world.request(named="A-1")
    assert in_hand(world) == "R-1"
    request = world.ledger.request("R-1")
    assert request is not None
    plan = world.ledger.plan(request.digest)
    assert plan is not None
    assert {node.key for node in plan.nodes} == {node.key for node in NODES}


def test_an_alert_is_settled_when_all_of_its_nodes_are_compliant_again(world: Alarm) -> None:
    raised(world, 1, 2)
    world.now += timedelta(hours=1)
    world.patched(1)
    world.compliance.read("prod", refresh=True)
    world.wait(seconds=5)
    assert found(world).settled_at is None
    world.patched(2)
    world.compliance.read("prod", refresh=True)
    before = world.drawn("A-1")
    world.wait(seconds=5)
    world.wait(minutes=5)
    assert world.kinds(subject="alert/A-1") == ["alert.raised", "alert.settled"]
    assert world.drawn("A-1") == before + 1
    assert found(world).settled_at is not None


def test_more_of_the_same_opens_a_settled_alert_again(world: Alarm) -> None:
    raised(world, 1)
    world.now += timedelta(hours=1)
    world.patched(1)
    world.compliance.read("prod", refresh=True)
    world.wait(seconds=5)
    assert found(world).settled_at is not None
    world.now += timedelta(minutes=1)
    raised(world, 2)
    assert [one.id for one in world.alerts] == ["A-1"]
    assert found(world).settled_at is None


def test_nodes_that_are_gone_leave_nothing_to_do_and_a_gap_says_nothing(world: Alarm) -> None:
    raised(world, 1)
    ((place, reading),) = world.gateway.readings.items()
    assert isinstance(reading, TargetReading)
    without = replace(reading, observations=reading.observations[1:])
    world.now += timedelta(hours=1)
    gap = Gap("111122223333", "eu-central-1", "AWS does not answer")
    world.gateway.readings = {place: replace(without, read_at=world.now, gaps=(gap,))}
    world.compliance.read("prod", refresh=True)
    world.wait(seconds=5)
    assert found(world).settled_at is None
    world.gateway.readings = {place: replace(without, read_at=world.now)}
    world.compliance.read("prod", refresh=True)
    world.wait(seconds=5)
    assert found(world).settled_at is not None


def test_after_a_restart_only_what_moved_meanwhile_is_drawn_anew(world: Alarm) -> None:
    """A card that somebody deleted would else come back with every start."""
    raised(world, 1)
    world.request(named="A-1")
    world.wait(minutes=5)
    before = world.drawn("A-1")
    world.listen()
    world.wait(minutes=5)
    assert world.drawn("A-1") == before
    world.click("request.deny", BEN, **world.ids("R-1"), reason="not today")
    world.listen()
    world.wait(minutes=5)
    assert world.drawn("A-1") == before + 1


def test_what_a_run_left_is_asked_for_again_from_the_same_alert(world: Alarm) -> None:
    raised(world, 1, 2)
    world.request(named="A-1")
    approve(world)
    run(world, RunState.RUNNING, RunState.VERIFYING, RunState.PARTIAL)
    with world.ledger.change() as change:
        failed = NodeResult(NODES[0].key, NodeOutcome.FAILED)
        change.save_results("X-1", RUN, [failed])
    assert world.click("run.retry_failed", ANA, run="X-1", channel="").allowed
    assert in_hand(world) == "R-2"


def test_patchbot_does_not_ask_for_what_somebody_has_in_hand(tmp_path: Path) -> None:
    world = Alarm(tmp_path, rules=replace(LOUD, auto_request=True))
    world.hear(world.bad(1))
    world.now += timedelta(minutes=5)
    world.alerting.tick()
    world.request(named="A-1")
    world.wait(minutes=1)
    assert [one.requester for one in world.ledger.requests()] == [ANA]
    world.close()
