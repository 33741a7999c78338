"""A run that waits: it is there to be seen and stopped, takes nodes from nobody, and looks again before it starts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core import steering
from bot.core.errors import AwsError, Conflict
from bot.core.identity import Person
from bot.core.plans import Limits, Operation, RebootOption
from bot.core.running import about_run, moved
from bot.core.runs import RunState
from tests.worker.aws import START
from tests.worker.site import APPROVERS, ASKER, RULES, Site, a_plan


def stop(site: Site, name: str) -> None:
    """ASKER stops the run."""
    move = steering.stop(site.run(name), Person(ASKER), requester=ASKER, allowed=APPROVERS)
    assert move.decision.allowed, move.decision
    with site.ledger.change() as change:
        change.save_run(move.run, move.entries)


def test_what_waits_for_a_node_of_another_run_can_be_stopped(site: Site) -> None:
    """It says what holds it, and its nodes are the other's alone."""
    keys = site.aws.add(1, 2)
    site.approved(a_plan(site.aws, keys))
    site.until(lambda: len(site.aws.accepted) == 1)
    second = site.approved(a_plan(site.aws, keys, limits=Limits("20%", "1", 90)))
    site.tick()
    assert "X-1 is at work" in site.run(second).why
    assert any(one.key == f"run/{second}" for one in site.ledger.notices())
    stop(site, second)
    assert site.finish(second).state is RunState.CANCELLED
    assert site.ledger.receipt(second) is not None
    assert site.finish("X-1").state is RunState.VERIFIED
    assert all(":X-1:" in one.mark for one in site.aws.attempts)


def test_a_node_belongs_to_one_run_at_work(site: Site) -> None:
    """Though nothing looked: the ledger itself refuses the start."""
    keys = site.aws.add(1)
    site.approved(a_plan(site.aws, keys))
    site.until(lambda: len(site.aws.accepted) == 1)
    site.rules["dev"] = replace(RULES, environment="dev")
    site.approved(a_plan(site.aws, keys, environment="dev"))
    site.tick()
    assert site.run("X-2").why == f"X-1 is at work on {keys[0].instance_id}"
    started = moved(site.run("X-2"), RunState.RUNNING, site.aws.now())
    with pytest.raises(Conflict, match="is in the open run X-1"), site.ledger.change() as change:
        change.save_run(started, [about_run(started, "started", {})])


def test_a_stop_does_not_wait_behind_a_back_off(site: Site) -> None:
    """A job that has failed for long is tried again a minute later; a person's Stop is not."""
    name = site.approved(a_plan(site.aws, site.aws.add(1)))
    site.aws.failing["find"] = AwsError("AWS is away.")
    site.until(lambda: site.ledger.run(name) is not None and site.run().state is RunState.RUNNING)
    for _ in range(40):
        site.tick(15)
    assert any(one.times > 5 for one in site.worker.troubles)
    stop(site, name)
    site.tick(0.1)
    site.tick(0.1)
    assert site.run(name).state is RunState.CANCELLED


def test_an_approved_install_goes_before_scans_that_ask_nobody(site: Site) -> None:
    """Which would otherwise take its place one after another."""
    keys = site.aws.add(1, 2, 3)
    site.ask(a_plan(site.aws, keys[:1], operation=Operation.SCAN), needed=0)
    site.until(lambda: len(site.aws.accepted) == 1)
    more = a_plan(site.aws, keys[1:2], operation=Operation.SCAN)
    site.ask(more, needed=0)
    install = site.approved(a_plan(site.aws, keys[2:]))
    site.tick()
    assert site.run(install).why == "X-1 is at work in prod"
    site.finish("X-1")
    site.tick()
    assert site.run("X-2").state is RunState.WAITING
    site.finish(install)
    assert site.finish("X-2").state is RunState.VERIFIED
    order = [one.order.mark.split(":")[1] for one in site.aws.accepted]
    assert order == ["X-1", install, install, "X-2"]


def test_a_scan_does_not_wait_for_an_install_that_cannot_start(site: Site) -> None:
    """One that is planned for later, or for which a scan is what is missing."""
    keys = site.aws.add(1, 2)
    site.approved(a_plan(site.aws, keys[:1], not_before=START + timedelta(hours=5)))
    site.tick()
    site.ask(a_plan(site.aws, keys[1:], operation=Operation.SCAN), needed=0)
    assert site.finish("X-2").state is RunState.VERIFIED


def test_a_start_waits_for_what_somebody_else_has_under_way(site: Site) -> None:
    keys = site.aws.add(1, 2)
    site.aws.busy = {keys[1].instance_id: "cmd-7"}
    name = site.approved(a_plan(site.aws, keys))
    for _ in range(20):
        site.tick(60)
    assert site.run(name).state is RunState.WAITING
    assert site.run(name).why == (
        f"another patch operation is under way on {keys[1].instance_id} (cmd-7)"
    )
    assert site.kinds().count("run.held") == 1
    site.aws.busy = {}
    assert site.finish(name, seconds=5).state is RunState.VERIFIED


def test_what_is_under_way_longer_than_the_approval_ends_it_unsent(site: Site) -> None:
    keys = site.aws.add(1)
    site.aws.busy = {keys[0].instance_id: "cmd-7"}
    run = site.finish(site.approved(a_plan(site.aws, keys)), seconds=60)
    assert run.state is RunState.ABANDONED
    assert "cmd-7" in run.why
    assert site.aws.attempts == []


def test_a_planned_start_with_a_judgement_that_is_too_old_by_then_waits_for_a_scan(
    site: Site,
) -> None:
    """And ends unsent when there is none. The fleet was last scanned before it was asked."""
    keys = site.aws.add(1, 2)
    start = START + timedelta(days=8)
    name = site.approved(a_plan(site.aws, keys, not_before=start))
    site.until(lambda: site.ledger.run(name) is not None)
    site.aws.advance(8 * 86_400)
    site.tick()
    assert site.run(name).why == (
        f"the last scan of {keys[0].instance_id} and 1 more is older than 7 days: scan first, or ask again"
    )
    scan = a_plan(site.aws, keys, operation=Operation.SCAN, reboot_option=RebootOption.NO_REBOOT)
    site.ask(scan, needed=0)
    assert site.finish("X-2").state is RunState.VERIFIED
    site.until(lambda: site.run(name).state is RunState.RUNNING, seconds=5)


def test_a_planned_start_without_a_scan_in_time_is_void(site: Site) -> None:
    name = site.approved(a_plan(site.aws, site.aws.add(1), not_before=START + timedelta(days=8)))
    site.until(lambda: site.ledger.run(name) is not None)
    site.aws.advance(8 * 86_400)
    run = site.finish(name, seconds=240)
    assert run.state is RunState.ABANDONED
    assert "older than 7 days" in run.why
    assert site.aws.attempts == []
