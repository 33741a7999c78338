"""What people do to runs: stop, go on after a closed gate, retry what failed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.chatops.run_cards import run_again
from bot.core.readings import TargetReading
from bot.core.runs import NodeOutcome, RunState
from bot.services.installs import run_report
from tests.commands.change_world import Stage
from tests.services.changes import ANA, BEN, CAT, EVE

FAILED = (NodeOutcome.FAILED, "exit code 1", None)
UNKNOWN = (NodeOutcome.UNKNOWN, "", None)
GOOD = (NodeOutcome.SUCCESS, "", True)
LEFT_OUT = (NodeOutcome.SKIPPED, "the run was cancelled before it was sent", None)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize(("person", "allowed"), [(ANA, True), (BEN, True), (EVE, False)])
def test_its_requester_or_an_approver_stops_a_run(stage: Stage, person: str, allowed: bool) -> None:
    """A second click changes nothing."""
    run = stage.start(stage.approved())
    assert stage.click("run.cancel", person, run=run.id).allowed is allowed
    found = stage.ledger.run(run.id)
    assert found is not None
    assert found.state is (RunState.CANCELLING if allowed else RunState.RUNNING)
    assert found.cancelled_by == (person if allowed else "")
    assert not stage.click("run.cancel", EVE, run=run.id).allowed
    assert "run.refused" in stage.kinds(subject=f"run/{run.id}")


def test_an_approver_opens_the_gate_that_they_saw_and_no_other(stage: Stage) -> None:
    """The next wave, and after the last one the verifying scan; the requester does not in a protected environment."""
    run = stage.start(stage.approved())
    assert "no gate is closed" in stage.click("run.continue", CAT, run=run.id, wave=1).text
    paused = stage.move(run, RunState.PAUSED, why="a node failed")
    assert "somebody else" in stage.click("run.continue", ANA, run=run.id, wave=1).text
    assert "only approvers" in stage.click("run.continue", EVE, run=run.id, wave=1).text
    assert "about wave 2" in stage.click("run.continue", CAT, run=run.id, wave=2).text
    assert stage.click("run.continue", CAT, run=run.id, wave=1).allowed
    going = stage.ledger.run(paused.id)
    assert going is not None
    assert (going.state, going.wave, going.why) == (RunState.RUNNING, 2, "")
    stage.move(going, RunState.PAUSED, why="again")
    assert stage.click("run.continue", CAT, run=run.id, wave=2).allowed
    last = stage.ledger.run(run.id)
    assert last is not None
    assert (last.state, last.wave) == (RunState.VERIFYING, 2)


def test_after_its_time_limit_no_gate_opens(stage: Stage) -> None:
    run = stage.move(stage.start(stage.approved()), RunState.PAUSED, why="x")
    stage.now = run.deadline
    assert "time limit" in stage.click("run.continue", CAT, run=run.id, wave=1).text


def test_what_surely_failed_is_asked_for_again_with_approvals_of_its_own(stage: Stage) -> None:
    """Nodes of an unknown outcome are never retried, and a run under way is not."""
    run = stage.start(stage.approved())
    stage.result(run, [GOOD, FAILED, UNKNOWN, FAILED])
    assert "still under way" in stage.click("run.retry_failed", ANA, run=run.id).text
    stage.finish(run, RunState.PARTIAL, clean=8)
    assert "may not ask" in stage.click("run.retry_failed", CAT, run=run.id).text
    reply = stage.click("run.retry_failed", ANA, run=run.id)
    assert reply.allowed, reply.text
    again = stage.ledger.requests(only_open=True)[0]
    plan, before = stage.ledger.plan(again.digest), stage.ledger.plan(run.digest)
    assert plan is not None
    assert before is not None
    order = [key for wave in before.waves for key in wave]
    assert {node.key for node in plan.nodes} == {order[1], order[3]}
    assert again.reason == "Again for 2 nodes of X-1: openssl"
    assert again.votes == ()


def test_a_node_that_the_scan_found_not_clean_is_asked_for_again(stage: Stage) -> None:
    """Its command succeeded, and something is left; what nobody knows of is not asked for."""
    run = stage.start(stage.approved())
    stage.result(run, [GOOD, UNKNOWN, GOOD])
    stage.finish(run, RunState.PARTIAL, clean=0)
    assert stage.click("run.retry_failed", ANA, run=run.id).allowed
    again = stage.ledger.requests(only_open=True)[0]
    plan, before = stage.ledger.plan(again.digest), stage.ledger.plan(run.digest)
    assert plan is not None
    assert before is not None
    order = [key for wave in before.waves for key in wave]
    assert {node.key for node in plan.nodes} == {order[0], order[2]}


def test_what_was_never_sent_to_is_asked_for_again_and_who_is_not_there_any_more_is_said(
    stage: Stage,
) -> None:
    """The run was stopped after its canary; a node has left the fleet since."""
    run = stage.start(stage.approved())
    stage.result(run, [GOOD, *[LEFT_OUT] * 7])
    stage.finish(run, RunState.CANCELLED, clean=8)
    before = stage.ledger.plan(run.digest)
    assert before is not None
    order = [key for wave in before.waves for key in wave]
    (place, reading), *_ = stage.gateway.readings.items()
    assert isinstance(reading, TargetReading)
    there = [one for one in reading.observations if one.node.key != order[-1]]
    stage.gateway.readings = {place: replace(reading, observations=tuple(there))}
    reply = stage.click("run.retry_failed", ANA, run=run.id)
    assert reply.allowed, reply.text
    assert "You saw 7 nodes" in reply.text
    again = stage.ledger.requests(only_open=True)[0]
    plan = stage.ledger.plan(again.digest)
    assert plan is not None
    assert {node.key for node in plan.nodes} == set(order[1:-1])


def test_what_was_never_sent_to_is_told_apart(stage: Stage) -> None:
    run = stage.start(stage.approved())
    stage.result(run, [FAILED, *[LEFT_OUT] * 7])
    stage.finish(run, RunState.CANCELLED, clean=8)
    ended = stage.ledger.run(run.id)
    assert ended is not None
    button = run_again(run_report(stage.ledger, ended, stage.now))
    assert "Plan for 8 nodes" in str(button)
    assert "8 nodes of prod (7 of them never sent to)" in str(button)


def test_a_rehearsal_is_not_asked_for_again(stage: Stage) -> None:
    stage.rules["prod"] = replace(stage.rules["prod"], rehearsal=True)
    stage.rebuild()
    run = stage.start(stage.approved())
    stage.result(run, [LEFT_OUT] * 8)
    stage.finish(run, RunState.ABANDONED, clean=0)
    assert "nothing to retry" in stage.click("run.retry_failed", ANA, run=run.id).text


def test_where_nothing_failed_there_is_nothing_to_retry(stage: Stage) -> None:
    run = stage.start(stage.approved())
    stage.result(run, [GOOD, UNKNOWN])
    stage.finish(run, RunState.PARTIAL, clean=8)
    assert "nothing to retry" in stage.click("run.retry_failed", ANA, run=run.id).text


def test_a_run_that_waits_is_stopped_while_another_has_its_place(stage: Stage) -> None:
    """It stays what it is until the worker ends it; what is approved is not cancelled but stopped."""
    first, second = stage.approved(), stage.approved(max_concurrency="3")
    stage.start(first)
    waiting = stage.waiting(second)
    reply = stage.click("request.cancel", ANA, request=waiting.request)
    assert f"stop its run {waiting.id}" in reply.text
    assert "had not started" in stage.click("run.cancel", ANA, run=waiting.id).text
    found = stage.ledger.run(waiting.id)
    assert found is not None
    assert (found.state, found.cancelled_by) == (RunState.WAITING, ANA)
    assert "being stopped already" in stage.click("run.cancel", ANA, run=waiting.id).text
