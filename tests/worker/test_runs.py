"""From an approved request to a receipt."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bot.core.plans import Operation, RebootOption
from bot.core.runs import DispatchState, RunState
from tests.worker.aws import START
from tests.worker.site import ASKER, FIRST, SECOND, Site, a_plan


def test_an_approved_request_runs_in_waves_and_ends_in_a_receipt_proved_by_a_scan(
    site: Site,
) -> None:
    """One send per wave, one scan after them, each node clean."""
    keys = site.aws.add(1, 2, 3)
    run = site.finish(site.approved(a_plan(site.aws, keys)))

    assert run.state is RunState.VERIFIED, run
    sent = [(one.order.operation, len(one.order.instance_ids)) for one in site.aws.accepted]
    assert sent == [(Operation.INSTALL, 1), (Operation.INSTALL, 2), (Operation.SCAN, 3)]
    receipt = site.ledger.receipt(run.id)
    assert receipt is not None
    assert receipt["nodes"]["clean"] == receipt["nodes"]["planned"] == 3
    assert receipt["patches"]["closed"] == receipt["patches"]["before"] == 6
    assert receipt["patches"]["closed_ids"] == ["pkg0.x86_64", "pkg1.x86_64"]
    assert receipt["cves"]["closed_ids"] == ["CVE-2026-0", "CVE-2026-1"]
    assert receipt["requester"] == ASKER
    assert receipt["approvers"] == [FIRST, SECOND]
    assert receipt["duration_seconds"] > 60
    assert "run.verified" in site.kinds()
    assert site.ledger.verify().sound


def test_every_send_has_its_intent_in_the_audit_before_it_leaves(site: Site) -> None:
    """The server looks into the ledger at the moment it accepts."""
    seen: list[bool] = []
    site.aws.on_accept = lambda order: seen.append(
        any(order.mark in link.body for link in site.ledger.audit(kind="dispatch.intended"))
    )
    site.finish(site.approved(a_plan(site.aws, site.aws.add(1, 2, 3))))
    assert seen == [True, True, True]


def test_the_next_wave_waits_until_every_node_is_back(site: Site) -> None:
    """The canary reboots; nothing is sent while it does."""
    site.aws.reboot_seconds = 120
    site.approved(a_plan(site.aws, site.aws.add(1, 2, 3)))
    site.until(lambda: len(site.aws.accepted) == 1)
    first = site.aws.accepted[0].at
    site.until(lambda: len(site.aws.accepted) == 2)
    assert site.aws.accepted[1].at - first >= site.aws.run_seconds + 120


def test_a_node_that_never_comes_back_closes_the_gate(site: Site) -> None:
    """After the grace the run pauses and asks."""
    keys = site.aws.add(1, 2, 3)
    site.aws.never_back.add(keys[0].instance_id)
    site.approved(a_plan(site.aws, keys))
    site.until(
        lambda: site.ledger.run("X-1") is not None and site.run().state is RunState.PAUSED,
        seconds=5,
    )
    assert "did not come back" in site.run().why
    assert len(site.aws.accepted) == 1
    assert any(notice.kind == "gate" for notice in site.ledger.notices())


def test_a_failing_canary_closes_the_gate_and_its_reason_is_in_plain_words(site: Site) -> None:
    keys = site.aws.add(1, 2, 3)
    site.aws.endings[keys[0].instance_id] = ("Failed", 146)
    site.approved(a_plan(site.aws, keys))
    site.until(lambda: site.ledger.run("X-1") is not None and site.run().state is RunState.PAUSED)
    (result,) = site.ledger.results("X-1", "run")
    assert "S3" in result.reason
    for _ in range(50):
        site.tick(10)
    assert len(site.aws.accepted) == 1


def test_the_scan_decides_not_the_exit_code(site: Site) -> None:
    """An Install that says Success and leaves patches missing is not verified; its node is listed."""
    keys = site.aws.add(1, 2)
    name = site.approved(a_plan(site.aws, keys))
    site.until(lambda: len(site.aws.accepted) == 3)
    stubborn = keys[1].instance_id
    site.aws.states[stubborn] = replace(site.aws.states[stubborn], missing=1)
    run = site.finish(name)
    assert run.state is RunState.PARTIAL
    receipt = site.ledger.receipt(name)
    assert receipt is not None
    assert [one["instance_id"] for one in receipt["open_nodes"]] == [stubborn]
    assert receipt["open_nodes"][0]["missing"] == 1


def test_a_node_whose_scan_never_reports_is_not_verified(site: Site) -> None:
    """Nobody knows about what was not scanned again: its patches are neither closed nor open."""
    keys = site.aws.add(1, 2)
    site.aws.endings[f"scan {keys[1].instance_id}"] = ("Failed", 149)
    run = site.finish(site.approved(a_plan(site.aws, keys)))
    assert run.state is RunState.PARTIAL
    receipt = site.ledger.receipt(run.id)
    assert receipt is not None
    assert receipt["nodes"]["rescanned"] == 1
    assert receipt["patches"]["open"] == 0
    assert receipt["patches"]["unknown"] == receipt["patches"]["closed"] == 2
    assert "not scanned again" in run.why


def test_a_scan_run_proves_itself(site: Site) -> None:
    """No second scan after it, and no gate between its waves."""
    plan = a_plan(
        site.aws,
        site.aws.add(1, 2, 3),
        operation=Operation.SCAN,
        reboot_option=RebootOption.NO_REBOOT,
    )
    request = site.ask(plan, needed=0)
    run = site.finish("X-1")
    assert request.id == "R-1"
    assert run.state is RunState.VERIFIED
    assert [one.order.operation for one in site.aws.accepted] == [Operation.SCAN] * 2


def test_a_scan_that_failed_on_a_node_was_sent_all_the_same(site: Site) -> None:
    """Its receipt does not speak of a scan after it that could not be sent."""
    keys = site.aws.add(1, 2)
    site.aws.endings[f"scan {keys[1].instance_id}"] = ("Failed", 149)
    site.ask(a_plan(site.aws, keys, operation=Operation.SCAN), needed=0)
    run = site.finish("X-1")
    assert run.state is RunState.PARTIAL
    receipt = site.ledger.receipt("X-1")
    assert receipt is not None
    assert receipt["nodes"]["failed"] == 1
    assert receipt["not_scanned_because"] == ""


def test_a_rehearsal_records_what_it_would_send_and_sends_nothing(site: Site) -> None:
    keys = site.aws.add(1, 2, 3)
    run = site.finish(site.approved(a_plan(site.aws, keys, rehearsal=True)))
    assert run.state is RunState.ABANDONED
    assert "rehearsal" in run.why
    assert site.aws.attempts == []
    assert site.kinds().count("dispatch.rehearsed") == 2
    assert "run.rehearsed" in site.kinds()
    receipt = site.ledger.receipt(run.id)
    assert receipt is not None
    assert receipt["rehearsal"] is True


def test_it_starts_when_it_was_planned_to(site: Site) -> None:
    plan = a_plan(site.aws, site.aws.add(1), not_before=START + timedelta(hours=5))
    name = site.approved(plan)
    site.until(lambda: site.ledger.run(name) is not None)
    site.tick()
    assert site.run().why.startswith("it starts at 2026-03-02 14:00")
    site.until(lambda: bool(site.aws.accepted), seconds=300)
    assert site.aws.accepted[0].at >= 5 * 3600


def test_one_run_at_a_time_in_an_environment(site: Site) -> None:
    """The second waits, says for which, and starts when the first has ended."""
    first = site.approved(a_plan(site.aws, site.aws.add(1)))
    second = site.approved(a_plan(site.aws, site.aws.add(2)))
    site.until(lambda: len(site.aws.accepted) == 1)
    site.tick()
    assert site.run(second).state is RunState.WAITING
    assert first in site.run(second).why
    site.finish(first)
    assert site.finish(second).state is RunState.VERIFIED


def test_a_request_for_a_node_of_an_open_run_waits_for_it(site: Site) -> None:
    keys = site.aws.add(1, 2)
    first = site.approved(a_plan(site.aws, keys[:1]))
    site.until(lambda: len(site.aws.accepted) == 1)
    second = site.approved(a_plan(site.aws, keys))
    site.tick()
    assert site.run(second).state is RunState.WAITING
    assert site.run(second).why == f"{first} is at work in prod"
    site.finish(first)
    assert site.finish(second, seconds=5).state is RunState.VERIFIED


def test_a_wave_of_more_than_fifty_goes_in_several_sends(site: Site) -> None:
    keys = site.aws.add(*range(1, 121))
    run = site.finish(site.approved(a_plan(site.aws, keys, waves=(keys,))))
    assert run.state is RunState.VERIFIED
    sizes = [len(one.order.instance_ids) for one in site.aws.accepted]
    assert sizes == [50, 50, 20, 50, 50, 20]
    states = {one.state for one in site.ledger.dispatches(run.id)}
    assert states == {DispatchState.DONE}
