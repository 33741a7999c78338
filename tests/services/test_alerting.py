"""From messages to alerts: one per cause, told once, whatever comes twice, late or in another order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bot.core.alerts import AlertKind, Facts
from bot.core.errors import StorageError
from bot.core.requests import RequestState
from bot.core.running import BOT
from bot.core.runs import DispatchState
from bot.services.alert_log import find_alert
from bot.services.alert_standing import look_up
from bot.services.alerting import POISON
from bot.services.asking import Asking
from bot.services.intake import Refusal
from tests.commands import fleet
from tests.core import envelopes
from tests.services.alarms import LOUD, NODES, Alarm
from tests.services.changes import BEN, CAT, ROOM, RULES, nodes, proposal

COMMAND = envelopes.COMMAND
OTHER = "99999999-1234-4234-8234-123456789abc"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Alarm]:
    found = Alarm(tmp_path)
    yield found
    found.close()


def told(world: Alarm) -> list[tuple[Any, ...]]:
    """Everything about the alerts but when they were raised."""
    return [
        (one.id, one.kind, one.key, one.nodes, one.about, one.first_at, one.last_at)
        for one in world.alerts
    ]


def test_nodes_are_gathered_into_one_alert(world: Alarm) -> None:
    assert world.hear(world.bad(1), world.bad(2)) == 2
    world.wait(minutes=3)
    world.hear(world.bad(3))
    assert not world.alerts
    world.wait(minutes=2)
    (alert,) = world.alerts
    assert (alert.id, alert.kind, alert.environment) == ("A-1", AlertKind.NON_COMPLIANT, "prod")
    assert alert.nodes == tuple(node.key for node in NODES[:3])
    assert alert.names[NODES[0].key] == NODES[0].name
    assert alert.last_at - alert.first_at == timedelta(minutes=3)
    assert alert.reason == "3 nodes of prod became non-compliant"
    (notice,) = [one for one in world.ledger.notices() if one.kind == "alert"]
    assert (notice.subject, notice.channel, notice.wanted) == ("A-1", ROOM, 1)


def test_more_of_the_same_grows_in_place_until_the_cool_down_is_over(world: Alarm) -> None:
    world.hear(world.bad(1))
    world.wait(minutes=5)
    world.wait(hours=1)
    world.hear(world.bad(2))
    world.wait(minutes=5)
    (alert,) = world.alerts
    assert len(alert.nodes) == 2
    assert world.kinds(subject="alert") == ["alert.raised", "alert.grew"]
    world.wait(hours=5)
    world.hear(world.bad(3))
    world.wait(minutes=5)
    assert [one.id for one in world.alerts] == ["A-1", "A-2"]
    assert world.alerts[1].nodes == (NODES[2].key,)
    (first, second) = [one for one in world.ledger.notices() if one.kind == "alert"]
    assert (first.wanted, second.wanted) == (2, 1)


def test_a_node_is_told_again_only_after_it_was_compliant(world: Alarm) -> None:
    world.hear(world.bad(1))
    world.wait(minutes=5)
    world.wait(hours=7)
    world.hear(world.bad(1))  # still non-compliant, another severity
    world.wait(minutes=5)
    assert len(world.alerts) == 1
    world.hear(world.good(1))
    world.wait(hours=1)
    world.hear(world.bad(1))
    world.wait(minutes=5)
    assert [one.id for one in world.alerts] == ["A-1", "A-2"]


def test_a_node_that_recovers_while_it_is_gathered_is_not_told(world: Alarm) -> None:
    world.hear(world.bad(1))
    world.now += timedelta(minutes=1)
    world.hear(world.good(1))
    world.wait(minutes=10)
    assert not world.alerts


def test_late_events_raise_nothing(world: Alarm) -> None:
    """Older than what is known: the node recovered since, or was told of something later."""
    early = world.bad(1)
    early_two = world.bad(2)
    world.now += timedelta(minutes=1)
    world.hear(world.good(1), world.bad(2))
    world.wait(minutes=5)
    before = told(world)
    world.hear(early, early_two)
    world.wait(minutes=10)
    assert told(world) == before
    assert [key.instance_id for key in world.alerts[0].nodes] == [NODES[1].instance_id]


def test_any_order_and_any_copies_give_the_same_alerts(tmp_path: Path) -> None:
    def bodies(world: Alarm) -> list[str]:
        start, found = world.now, []
        for minute, number in enumerate((1, 2, 1, 3, 2)):
            world.now = start - timedelta(minutes=10 - minute)
            found += [world.bad(number), world.good(number)] if minute % 2 else [world.bad(number)]
        found += world.install(COMMAND, 1, 2, 4, as_text=True)
        found += [envelopes.window(at=world.now)]
        found += [envelopes.window(at=world.now, status="SUCCESS")]
        world.now = start
        return found

    results = []
    for seed in range(8):
        folder = tmp_path / str(seed)
        folder.mkdir()
        world = Alarm(folder)
        random, queue = Random(seed), bodies(world)
        if seed:
            queue += random.choices(queue, k=len(queue))
            random.shuffle(queue)
        while queue:
            size = random.randint(1, 4)
            world.hear(*queue[:size])
            del queue[:size]
        world.wait(minutes=5)
        results.append(told(world))
        world.wait(minutes=30)
        assert told(world) == results[-1]
        world.close()
    assert {len(result) for result in results} == {3}
    assert all(result == results[0] for result in results)


def test_an_install_by_somebody_else_is_told_once_it_is_surely_not_ours(world: Alarm) -> None:
    world.hear(*world.install(COMMAND, 1, 2))
    world.wait(minutes=2)
    assert not world.alerts
    world.wait(minutes=3)
    (alert,) = world.alerts
    assert (alert.kind, alert.about) == (AlertKind.INSTALL, (COMMAND,))
    assert alert.reason == "An Install that patchbot did not send on 2 nodes of prod"
    assert alert.nodes == tuple(node.key for node in NODES[:2])


@pytest.mark.parametrize(
    "document", ["AWS-RunPatchBaselineWithHooks", "AWS-RunPatchBaselineAssociation"]
)
def test_every_patch_document_counts_and_a_scan_does_not(world: Alarm, document: str) -> None:
    world.hear(*world.install(COMMAND, 1, document=document))
    world.hear(*world.install(OTHER, 2, operation="Scan"))
    world.wait(minutes=5)
    (alert,) = world.alerts
    assert alert.about == (COMMAND,)


def test_the_command_may_be_told_after_its_nodes(world: Alarm) -> None:
    command, *ran = world.install(COMMAND, 1)
    world.hear(*ran)
    world.wait(minutes=10)
    assert not world.alerts
    world.hear(command)
    world.wait(minutes=5)
    assert [one.kind for one in world.alerts] == [AlertKind.INSTALL]


def test_our_own_command_is_never_somebody_elses(world: Alarm) -> None:
    """Not while its answer is on the wire, however long that takes, and not once it is recorded."""
    one = world.send(COMMAND)
    world.hear(*world.install(COMMAND, 1, 2, snapshot=one.snapshot_id))
    world.wait(minutes=30)
    assert not world.alerts
    world.answered(one, COMMAND)
    world.wait(minutes=30)
    world.hear(*world.install(COMMAND, 3, snapshot=one.snapshot_id, status="Failed"))
    world.wait(hours=8)
    assert not world.alerts
    assert world.facts.facts() == Facts()


def test_a_copied_snapshot_does_not_make_a_command_ours(world: Alarm) -> None:
    one = world.send(COMMAND)
    world.answered(one, COMMAND)
    world.hear(*world.install(OTHER, 1, snapshot=one.snapshot_id))
    world.wait(minutes=6)
    assert [alert.about for alert in world.alerts] == [(OTHER,)]


def test_a_send_of_ours_that_is_looked_for_does_not_hide_other_installs(world: Alarm) -> None:
    one = world.send(COMMAND)
    assert one.state is DispatchState.SENDING
    world.hear(*world.install(OTHER, 1, snapshot="another"))
    world.wait(minutes=6)
    assert [alert.about for alert in world.alerts] == [(OTHER,)]


def test_a_window_that_failed_is_told_once_and_one_that_did_not_never(world: Alarm) -> None:
    failed = envelopes.window(status="TIMED_OUT", at=world.now)
    fine = failed.replace("TIMED_OUT", "SUCCESS").replace(envelopes.EXECUTION[:8], "11111111")
    world.hear(failed, fine)
    world.wait(minutes=5)
    (alert,) = world.alerts
    assert (alert.kind, alert.about, alert.nodes) == (
        AlertKind.WINDOW,
        (f"{envelopes.WINDOW}, timed out, {fleet.ACCOUNT}/eu-central-1",),
        (),
    )


def test_a_node_that_a_later_scan_found_compliant_is_not_told(world: Alarm) -> None:
    """Its event came late, or the one that says that it is compliant was lost."""
    event = world.bad(1)
    world.now += timedelta(hours=1)
    world.patched(1)
    world.hear(event)
    world.wait(minutes=5)
    assert world.alerts == ()
    assert world.counts["non_compliant", "over"] == 1


def test_what_is_older_than_a_queue_keeps_it_is_nothing_new(world: Alarm) -> None:
    event = world.bad(1)
    world.now += timedelta(days=16)
    world.hear(event)
    world.wait(minutes=5)
    assert world.alerts == ()


def test_a_node_of_no_environment_is_counted_and_forgotten(world: Alarm) -> None:
    """Whatever the account, the reading does not know it; the environment was read anew to be sure."""
    stranger = world.bad(1).replace(envelopes.ACCOUNT, "999900001111")
    world.hear(world.bad(77), stranger)
    reads = world.gateway.reads
    world.compliance.read("prod")
    world.now += timedelta(minutes=5)
    world.gateway.readings = {  # the new reading is of now
        place: replace(one, read_at=world.now)
        for place, one in world.gateway.readings.items()
        if not isinstance(one, Exception)
    }
    world.alerting.tick()
    assert world.gateway.reads > reads + 1
    assert not world.alerts
    assert world.counts[("non_compliant", "elsewhere")] == 2
    assert world.facts.facts() == Facts()


def test_a_new_node_is_found_by_a_new_reading(world: Alarm) -> None:
    world.compliance.read("prod")
    (place,) = world.gateway.readings
    before = world.gateway.readings[place]
    assert not isinstance(before, Exception)
    new = fleet.scanned(fleet.managed(9, "prod-new"), missing=3)
    world.gateway.readings = {place: replace(before, observations=(*before.observations, new))}
    world.hear(world.bad(9))
    world.wait(minutes=5)
    assert [one.nodes for one in world.alerts] == [(new.node.key,)]
    reads = world.gateway.reads
    for number in range(1, 9):  # one reading for many events
        world.hear(world.bad(number))
    world.wait(minutes=4)
    assert world.gateway.reads == reads


def test_who_wants_no_alerts_gets_none(tmp_path: Path) -> None:
    for name, rules in (
        ("muted", replace(LOUD, alerts=frozenset({"install"}))),
        ("nowhere", replace(LOUD, channel="")),
    ):
        folder = tmp_path / name
        folder.mkdir()
        world = Alarm(folder, rules=rules)
        world.hear(world.bad(1), envelopes.window(at=world.now))
        world.wait(minutes=5)
        assert not world.alerts
        assert world.facts.facts() == Facts()
        world.close()


def test_a_kill_between_the_ledger_and_the_facts_repeats_nothing(
    world: Alarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The alert is in the ledger; that it was told was not written down beside it."""
    world.hear(world.bad(1), world.bad(2))
    with monkeypatch.context() as patched:
        patched.setattr(world.facts, "told", _killed)
        with pytest.raises(KeyboardInterrupt):
            world.wait(minutes=5)
    world.listen()
    world.wait(hours=7)
    assert [len(one.nodes) for one in world.alerts] == [2]
    assert world.facts.facts() == Facts()


def test_a_kill_between_taking_and_deleting_handles_an_event_once(world: Alarm) -> None:
    """SQS hands the message out again, to the next process."""
    body = world.bad(1)
    world.hear(body)
    world.listen()
    assert world.hear(body) == 1
    world.wait(minutes=5)
    assert world.hear(body) == 1
    world.wait(minutes=10)
    assert [len(one.signs) for one in world.alerts] == [1]
    assert world.counts[("event", "taken")] == 1
    assert world.counts[("event", "repeated")] == 2


def test_losing_the_facts_repeats_no_alert(world: Alarm) -> None:
    body = world.bad(1)
    world.hear(body)
    world.wait(minutes=5)
    for file in world.folder.glob("events.db*"):
        file.unlink()
    world.listen()
    world.hear(body)
    world.wait(minutes=5)
    assert [len(one.signs) for one in world.alerts] == [1]


def test_a_damaged_file_of_facts_is_set_aside(world: Alarm) -> None:
    for file in world.folder.glob("events.db*"):
        file.unlink()
    (world.folder / "events.db").write_bytes(b"not a database" * 100)
    assert world.hear(world.bad(1)) == 1
    assert (world.folder / "events.db.damaged").exists()


def test_what_cannot_be_read_is_left_and_what_is_not_ours_is_done(world: Alarm) -> None:
    left = world.message("{", receives=1)
    poison = world.message("{", receives=POISON)
    other = world.message(envelopes.envelope("Something else", {}))
    fine = world.message(world.bad(1))
    assert world.alerting.take([left, other, poison, fine]) == (other, fine)
    assert world.counts[("event", "malformed")] == 1
    assert world.counts[("event", "poison")] == 1
    assert world.counts[("event", "ignored")] == 1


def test_one_message_that_breaks_us_does_not_hold_up_the_others(
    world: Alarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = world.facts.take

    def breaks(events: Any, now: Any) -> int:
        if any(event.instance_id == NODES[1].instance_id for event in events):
            raise RuntimeError("a bug of ours")
        return take(events, now)

    monkeypatch.setattr(world.facts, "take", breaks)
    messages = [world.message(world.bad(number)) for number in (1, 2, 3)]
    assert world.alerting.take(messages) == (messages[0], messages[2])


def test_nothing_is_done_with_that_is_not_on_disk(
    world: Alarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> int:
        raise StorageError("The disk is full.")

    monkeypatch.setattr(world.facts, "take", full)
    with pytest.raises(StorageError):
        world.hear(world.bad(1))


def test_many_nodes_are_told_in_full(tmp_path: Path) -> None:
    world = Alarm(tmp_path, observations=nodes(450))
    world.hear(*(world.bad(number) for number in range(1, 451)))
    world.wait(minutes=5)
    (alert,) = world.alerts
    assert len(alert.nodes) == 450
    assert world.kinds(subject="alert") == ["alert.raised", "alert.grew", "alert.grew"]
    assert find_alert(world.ledger, "A-1")[0] == alert
    world.close()


def _killed(_: Facts) -> None:
    raise KeyboardInterrupt


ASKING = replace(LOUD, auto_request=True)


def test_auto_request_asks_and_people_approve(tmp_path: Path) -> None:
    """It waits like every request: for different people, none of whom is patchbot."""
    world = Alarm(tmp_path, rules=ASKING)
    world.hear(world.bad(1), world.bad(2))
    world.wait(minutes=5)
    (request,) = world.ledger.requests()
    assert (request.requester, request.state) == (BOT, RequestState.PENDING)
    assert request.rules.needed == 2
    assert request.lacking == 2
    plan = world.ledger.plan(request.digest)
    assert plan is not None
    assert {node.key for node in plan.nodes} == {node.key for node in NODES[:2]}
    assert not world.ledger.runs()
    assert [one.request.id for one in look_up(world.ledger, "A-1")[1].opened] == ["R-1"]
    assert "requester/R-1" not in {one.key for one in world.ledger.notices()}
    assert "approval/R-1" in {one.key for one in world.ledger.notices()}
    world.click("request.approve", BEN, **world.ids("R-1"))
    after = world.ledger.request("R-1")
    assert after is not None
    assert after.state is RequestState.PENDING
    world.click("request.approve", CAT, **world.ids("R-1"))
    after = world.ledger.request("R-1")
    assert after is not None
    assert after.state is RequestState.APPROVED
    world.close()


def test_what_patchbot_asks_for_is_never_approved_by_one_person_alone(tmp_path: Path) -> None:
    """Whoever had the scan made that raised the alert could else approve alone what a person may not."""
    world = Alarm(tmp_path, rules=replace(ASKING, approvals=1, protected=True))
    world.hear(world.bad(1))
    world.wait(minutes=5)
    world.click("request.approve", BEN, **world.ids("R-1"))
    (request,) = world.ledger.requests()
    assert (request.state, request.lacking) == (RequestState.PENDING, 1)
    world.click("request.approve", CAT, **world.ids("R-1"))
    assert world.ledger.requests()[0].state is RequestState.APPROVED
    world.close()


def test_auto_request_asks_once_for_an_alert_and_not_again_for_a_day(tmp_path: Path) -> None:
    world = Alarm(tmp_path, rules=ASKING)
    world.hear(world.bad(1))
    world.wait(minutes=5)
    world.listen()
    world.wait(minutes=5)
    assert len(world.ledger.requests()) == 1
    world.now += timedelta(hours=7)
    world.hear(world.bad(2))
    world.wait(minutes=5)
    assert [one.id for one in world.alerts] == ["A-1", "A-2"]
    assert len(world.ledger.requests()) == 1
    _, found = look_up(world.ledger, "A-2")
    assert (found.opened, found.declined) == ((), "I asked for R-1 there already")
    assert world.kinds(subject="alert/A-2") == ["alert.raised", "alert.not_requested"]
    world.close()


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        (replace(ASKING, ticket_pattern="OPS-[0-9]+"), "ticket"),
        (replace(ASKING, approvals=0), "never without approval"),
        (
            replace(
                ASKING,
                approvers=replace(RULES.approvers, users=frozenset(), usergroups=frozenset()),
            ),
            "nobody",
        ),
        (
            replace(ASKING, never=frozenset(node.instance_id for node in NODES)),
            "no node that matches",
        ),
    ],
)
def test_auto_request_goes_round_no_rule(tmp_path: Path, rules: Any, why: str) -> None:
    world = Alarm(tmp_path, rules=rules)
    world.hear(world.bad(1))
    world.wait(minutes=5)
    assert not world.ledger.requests()
    _, found = look_up(world.ledger, "A-1")
    assert not found.opened
    assert why in found.declined.casefold()
    world.close()


def test_nothing_asks_by_itself_where_it_is_not_configured(world: Alarm) -> None:
    world.hear(world.bad(1))
    world.wait(minutes=5)
    assert len(world.alerts) == 1
    assert not world.ledger.requests()


def test_patchbot_may_not_ask_where_it_is_not_told_to(world: Alarm) -> None:
    """Whatever calls it: the rule stands where the request is made."""
    asking = Asking(world.ledger, world.surveyor, clock=world.clock)
    with pytest.raises(Refusal, match="may not ask"):
        asking.by_itself(proposal())
