"""What a run says at its end is what a scan has shown: what nobody has looked at is unknown, and never a failure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.chatops.notices import draw
from bot.chatops.receipt_words import receipt_lines
from bot.core.errors import AwsError
from bot.core.identity import Kind, Members, Person
from bot.core.nodes import NodeKey
from bot.core.plans import Limits, Operation
from bot.core.receipts import UNPROVEN
from bot.core.running import planned
from bot.core.runs import RUN, DispatchState, NodeOutcome, RunState
from bot.core.steering import proceed, stop
from bot.services import noticing
from tests.worker.aws import DENIED, DROPPED, SimulatedAws
from tests.worker.site import APPROVERS, ASKER, FIRST, RULES, Site, a_plan, a_request

REFUSED = AwsError("AWS refuses: not authorized.")


def sent_installs(site: Site) -> int:
    return sum(one.order.operation is Operation.INSTALL for one in site.aws.accepted)


def stopped(site: Site) -> None:
    move = stop(site.run(), Person(ASKER), requester=ASKER, allowed=APPROVERS)
    with site.ledger.change() as change:
        change.save_run(move.run, move.entries)


def receipt(site: Site) -> Mapping[str, Any]:
    found = site.ledger.receipt("X-1")
    assert found is not None
    return found


def of_one_wave(site: Site, *numbers: int) -> tuple[str, tuple[NodeKey, ...]]:
    keys = site.aws.add(*numbers)
    return site.approved(a_plan(site.aws, keys, waves=(keys,))), keys


def test_a_run_that_is_stopped_is_scanned_where_it_was_sent_to(site: Site) -> None:
    """The canary is patched, the rest never was; the receipt says both."""
    name = site.approved(a_plan(site.aws, site.aws.add(1, 2, 3)))
    site.until(lambda: sent_installs(site) == 2)
    stopped(site)
    run = site.finish(name)
    assert run.state is RunState.CANCELLED
    assert run.cancelled_by == ASKER
    nodes = receipt(site)["nodes"]
    assert nodes["rescanned"] == 3
    assert (nodes["success"], nodes["cancelled"], nodes["clean"]) == (1, 2, 1)
    assert receipt(site)["patches"]["closed"] == 2
    assert receipt(site)["patches"]["open"] == 4


def test_a_run_that_is_stopped_before_its_first_send_scans_nothing(site: Site) -> None:
    name = site.approved(a_plan(site.aws, site.aws.add(1)))
    site.aws.failing["nodes_now"] = REFUSED
    site.until(lambda: site.ledger.run(name) is not None)
    stopped(site)
    assert site.finish(name).state is RunState.CANCELLED
    assert site.aws.attempts == []
    assert receipt(site)["nodes"]["unproven"] == 0


def test_a_run_that_is_stopped_is_scanned_once_its_nodes_are_back(site: Site) -> None:
    """The canary was just done, and reboots."""
    site.aws.reboot_seconds = 120
    name = site.approved(a_plan(site.aws, site.aws.add(1, 2)))
    site.until(lambda: len(site.aws.accepted) == 1)
    site.until(lambda: site.ledger.dispatches(name)[0].state is DispatchState.DONE)
    stopped(site)
    assert site.finish(name).state is RunState.CANCELLED
    assert receipt(site)["nodes"]["rescanned"] == 1
    assert receipt(site)["nodes"]["clean"] == 1


def test_a_run_that_is_stopped_does_not_wait_for_ever_for_a_node_to_come_back(site: Site) -> None:
    keys = site.aws.add(1, 2)
    site.aws.never_back.add(keys[0].instance_id)
    name = site.approved(a_plan(site.aws, keys))
    site.until(lambda: len(site.aws.accepted) == 1)
    site.until(lambda: site.ledger.dispatches(name)[0].state is DispatchState.DONE)
    stopped(site)
    assert site.finish(name, seconds=10).state is RunState.CANCELLED
    assert "could be reached" in receipt(site)["not_scanned_because"]
    assert receipt(site)["nodes"]["not_back"] == 1
    assert site.aws.seconds < 2 * site.timing.reboot_grace


def test_a_gate_that_nobody_decides_about_ends_with_a_scan(site: Site) -> None:
    keys = site.aws.add(1, 2, 3)
    site.aws.never_back.add(keys[0].instance_id)
    run = site.finish(site.approved(a_plan(site.aws, keys)), seconds=60)
    assert "nobody decided" in run.why
    assert run.state is RunState.PARTIAL
    assert not run.is_open


def lets_go_on(site: Site, *, waves: int) -> None:
    run = site.run()
    move = proceed(
        run, Person(FIRST), site.aws.now(), wave=run.wave, waves=waves, allowed=APPROVERS
    )
    assert move.decision.allowed
    with site.ledger.change() as change:
        change.save_run(move.run, move.entries)


def test_a_last_gate_that_is_opened_just_before_the_time_limit_leaves_time_for_the_scan(
    site: Site,
) -> None:
    site.approved(a_plan(site.aws, site.aws.add(1, 2)))
    site.until(lambda: sent_installs(site) == 1)
    site.aws.answers = [DENIED]
    site.until(lambda: site.run().state is RunState.PAUSED)
    site.tick((site.run().deadline - site.aws.now()).total_seconds() - 10)
    lets_go_on(site, waves=2)
    run = site.finish("X-1")
    assert receipt(site)["nodes"]["rescanned"] == 1
    assert "time limit" not in run.why


@pytest.mark.parametrize("minutes", [50, 600])
def test_a_run_that_is_given_up_waits_for_what_is_at_work_and_scans_it(
    site: Site, minutes: int
) -> None:
    """Until its time limit, where it takes as long as that; between two sends of a wave an approver lost the role."""
    site.rules["prod"] = replace(RULES, time_limit=timedelta(hours=2))
    site.aws.run_seconds = minutes * 60
    of_one_wave(site, *range(1, 101))
    site.until(lambda: sent_installs(site) == 1)
    site.slack.kinds[FIRST] = Kind.DEACTIVATED
    site.until(lambda: site.run().state is RunState.VERIFYING)
    site.until(lambda: len(site.aws.accepted) == 2, seconds=30, ticks=600)
    assert site.aws.accepted[1].order.operation is Operation.SCAN
    assert site.aws.seconds >= min(minutes, 120) * 60
    site.aws.run_seconds = 20
    run = site.finish("X-1", seconds=5)
    assert receipt(site)["nodes"]["rescanned"] == 50
    assert "approvals still count" in run.why


@pytest.mark.parametrize("fault", ["read_target", "no scan"])
def test_what_cannot_be_verified_is_unknown_and_no_failure(site: Site, fault: str) -> None:
    """Everything was installed; AWS cannot be read, or refuses the scan."""
    name, keys = of_one_wave(site, 1, 2)
    site.until(lambda: sent_installs(site) == 1)
    site.until(lambda: site.run().state is RunState.VERIFYING)
    if fault == "read_target":
        site.until(lambda: len(site.aws.accepted) == 2)
        site.aws.failing["read_target"] = REFUSED
    else:
        site.aws.answers = [DENIED]
    run = site.finish(name, seconds=30)
    assert run.state is RunState.PARTIAL
    assert run.why.count(UNPROVEN) == 1
    assert "refuse" in run.why
    found = receipt(site)
    assert found["patches"]["open"] == found["patches"]["closed"] == 0
    assert found["patches"]["unknown"] == 2 * len(keys)
    assert found["cves"]["unknown_ids"]
    assert not found["cves"]["open_ids"]


def test_what_surely_failed_everywhere_has_failed_without_a_scan(site: Site) -> None:
    name, keys = of_one_wave(site, 1)
    site.aws.endings[keys[0].instance_id] = ("Failed", 1)
    site.aws.failing["read_target"] = REFUSED
    site.until(lambda: sent_installs(site) == 0 and site.ledger.run(name) is not None)
    del site.aws.failing["read_target"]
    site.until(lambda: site.run().state is RunState.VERIFYING)
    site.aws.answers = [DENIED]
    assert site.finish(name).state is RunState.FAILED


def test_a_command_that_cannot_be_read_hides_no_other(site: Site) -> None:
    """Two commands in one wave, and AWS tells nothing of the first."""
    name, _ = of_one_wave(site, *range(1, 53))
    site.until(lambda: len(site.aws.accepted) == 2, seconds=0.1)
    dark = site.aws.accepted[0].command_id
    original = type(site.aws).invocations

    def invocations(_aws: Any, target: Any, command_id: str) -> Any:
        if command_id == dark:
            raise REFUSED
        return original(site.aws, target, command_id)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(site.aws), "invocations", invocations)
        second = site.aws.accepted[1].order.instance_ids
        site.until(
            lambda: all(
                one.outcome is NodeOutcome.SUCCESS
                for one in site.ledger.results(name, RUN)
                if one.key.instance_id in second
            )
        )
        site.finish(name, seconds=60)
    run = site.run(name)
    assert run.state is RunState.VERIFIED, run  # the scan after it shows what the command did
    first = site.ledger.dispatches(name)[0]
    assert first.state is DispatchState.SENT  # so AWS is asked again, and what it says is heard
    site.until(lambda: site.ledger.dispatches(name)[0].state is DispatchState.DONE, seconds=60)
    assert all(one.outcome is NodeOutcome.SUCCESS for one in site.ledger.results(name, RUN))


def test_a_node_that_came_back_late_is_not_said_to_be_away(site: Site) -> None:
    """The scan after the run reached it."""
    keys = site.aws.add(1, 2, 3)
    site.aws.never_back.add(keys[0].instance_id)
    site.approved(a_plan(site.aws, keys))
    site.until(lambda: sent_installs(site) == 1)
    site.until(lambda: site.run().state is RunState.PAUSED, seconds=10)
    site.aws.never_back.clear()
    lets_go_on(site, waves=2)
    assert site.finish("X-1").state is RunState.VERIFIED
    assert receipt(site)["nodes"]["not_back"] == 0
    assert all(one.back_online for one in site.ledger.results("X-1", RUN))


def test_that_a_node_did_not_come_back_is_not_forgotten_while_another_is_waited_for(
    site: Site,
) -> None:
    """AWS is still asked about a send that nobody waits for any more."""
    keys = site.aws.add(1, 2, 3)
    away, dark = keys[0].instance_id, keys[1].instance_id
    site.aws.never_back.add(away)
    site.rules["prod"] = replace(RULES, time_limit=timedelta(hours=9))
    original = type(site.aws)._ending

    def ending(aws: SimulatedAws, one: Any, instance_id: str) -> Any:
        return ("In Progress", None) if instance_id == dark else original(aws, one, instance_id)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SimulatedAws, "_ending", ending)
        site.approved(a_plan(site.aws, keys, waves=(keys[:2], keys[2:])))
        site.until(lambda: sent_installs(site) == 1)
        site.until(lambda: site.run().state is RunState.PAUSED, seconds=60)
        for _ in range(3):
            site.tick(30)
    found = {one.key.instance_id: one for one in site.ledger.results("X-1", RUN)}
    assert found[away].back_online is False
    assert found[dark].outcome is NodeOutcome.UNKNOWN


def test_the_time_of_a_command_is_over_also_where_aws_cannot_be_asked(site: Site) -> None:
    name, _ = of_one_wave(site, 1)
    site.until(lambda: sent_installs(site) == 1)
    site.aws.failing["invocations"] = REFUSED
    limit = site.timing.command_limit.total_seconds()
    site.aws.advance(limit)
    site.until(lambda: site.ledger.results(name, RUN)[0].outcome is NodeOutcome.UNKNOWN, seconds=30)
    assert site.aws.seconds < limit + 120


def test_a_number_at_a_time_is_for_the_run_and_not_for_each_send(site: Site) -> None:
    """Two sends in one wave: the second one leaves when the first is over."""
    keys = site.aws.add(*range(1, 53))
    plan = a_plan(site.aws, keys, waves=(keys,), limits=Limits("1", "1", 90))
    site.approved(plan)
    site.until(lambda: sent_installs(site) == 2)
    first, second = site.aws.accepted[:2]
    assert second.at - first.at >= site.aws.run_seconds


def test_a_closed_gate_asks_where_approvers_are_reminds_once_and_says_at_its_end_that_nobody_did(
    site: Site,
) -> None:
    site.rules["prod"] = replace(RULES, approval_channel="C0ASK")
    site.worker = site.new_worker()
    keys = site.aws.add(1, 2, 3)
    site.aws.never_back.add(keys[0].instance_id)
    site.approved(a_plan(site.aws, keys))
    site.until(
        lambda: site.ledger.run("X-1") is not None and site.run().state is RunState.PAUSED,
        seconds=5,
    )
    (gate,) = (one for one in site.ledger.notices() if one.kind == noticing.GATE)
    assert (gate.channel, gate.thread_of) == ("C0ASK", "")
    card = draw(gate, site.ledger, site.aws.now(), rules=site.rules)
    assert "if nobody decides" in str(card.blocks)
    assert f"<@{FIRST}>" in str(card.blocks)
    half = (site.run().deadline - site.aws.now()) / 2
    site.tick(half.total_seconds() - 120)
    assert not reminders(site)
    for _ in range(10):
        site.tick(60)
    assert len(reminders(site)) == 1
    before = gate.wanted
    site.finish("X-1", seconds=60)
    (gate,) = (one for one in site.ledger.notices() if one.kind == noticing.GATE)
    assert gate.wanted > before
    assert "nobody decided" in draw(gate, site.ledger, site.aws.now(), rules=site.rules).text
    assert len(reminders(site)) == 1


def reminders(site: Site) -> list[str]:
    return [one.key for one in site.ledger.notices() if one.kind == noticing.GATE_REMINDER]


def test_a_gate_without_a_channel_asks_each_approver() -> None:
    request = a_request("R-1", a_plan(aws := SimulatedAws(), aws.add(1)), aws.now())
    run = planned(request, a_plan(aws, aws.add(1)), aws.now(), limit=timedelta(hours=1))
    members = Members(users=frozenset({FIRST}), usergroups=frozenset({"S0APPROVE"}))
    asked = noticing.closed_gate(run, request, replace(RULES, channel="", approvers=members))
    assert [one.channel for one in asked] == [FIRST, "S0APPROVE"]
    assert len({one.key for one in asked}) == 2


def test_an_unknown_send_says_where_to_look_and_what_continue_does(site: Site) -> None:
    site.aws.answers = [DROPPED]
    site.approved(a_plan(site.aws, site.aws.add(1, 2)))
    site.until(lambda: site.ledger.run("X-1") is not None and site.run().state is RunState.PAUSED)
    why, mark = site.run().why, site.aws.attempts[0].mark
    assert (
        f"Look in Run Command of 111122223333/eu-central-1 for a command with the comment {mark}"
        in why
    )
    assert "never sends to them again" in why


def test_a_rehearsal_tells_what_it_would_have_sent_by_wave_and_place(site: Site) -> None:
    keys = site.aws.add(1, 2, 3)
    site.finish(site.approved(a_plan(site.aws, keys, rehearsal=True)))
    told = " ".join(receipt_lines(receipt(site)))
    assert "Wave 1: to 1 node in 111122223333/eu-central-1" in told
    assert "Wave 2: to 2 nodes" in told
    assert "clean" not in told
    assert "skipped" not in told


def test_a_receipt_names_the_nodes_that_are_not_clean_and_what_to_do_next(site: Site) -> None:
    name, keys = of_one_wave(site, 1, 2)
    site.until(lambda: sent_installs(site) == 1)
    site.until(lambda: site.run().state is RunState.VERIFYING)
    node = keys[0].instance_id
    site.aws.states[node] = replace(site.aws.states[node], installed_pending_reboot=2)
    assert site.finish(name).state is RunState.PARTIAL
    told = " ".join(receipt_lines(receipt(site)))
    assert "1 node is not clean: web-1 (2 patches wait for a reboot)" in told
    assert "Next:" in told


def test_the_end_of_a_run_is_told_so_that_figures_are_read_anew(site: Site) -> None:
    told: list[str] = []
    site.worker = site.new_worker(ended=told.append)
    site.finish(site.approved(a_plan(site.aws, site.aws.add(1))))
    assert told == ["prod"]
