"""A send at AWS's mercy: lost answers, refusals, throttles, look-alikes, and a process that stood still."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.core.audit import Entry
from bot.core.commands import Order
from bot.core.errors import AwsError, Conflict, SlackError, StorageError
from bot.core.identity import Kind, Person
from bot.core.plans import Operation, RebootOption
from bot.core.rules import Freeze
from bot.core.runs import RUN, Dispatch, DispatchState, RunState
from bot.core.steering import proceed, stop
from bot.worker.sends import of_purpose
from bot.worker.timing import Timing
from tests.worker.aws import DENIED, DOCUMENT, DROPPED, LOST, OK, THROTTLED, Accepted
from tests.worker.site import (
    APPROVERS,
    ASKER,
    FIRST,
    RULES,
    SECOND,
    TARGET,
    Site,
    a_plan,
    open_ledger,
)


def canary(site: Site, run: str = "X-1") -> Dispatch:
    """The first send of the run."""
    return site.ledger.dispatches(run)[0]


def paused(site: Site) -> bool:
    """Whether the run waits for a person."""
    return site.ledger.run("X-1") is not None and site.run().state is RunState.PAUSED


def go_on(site: Site) -> None:
    """An approver opens the gate."""
    run = site.run()
    move = proceed(run, Person(FIRST), site.aws.now(), wave=run.wave, waves=2, allowed=APPROVERS)
    assert move.decision.allowed, move.decision
    with site.ledger.change() as change:
        change.save_run(move.run, move.entries)


def cancel(site: Site) -> None:
    """The requester stops the run."""
    move = stop(site.run(), Person(ASKER), requester=ASKER, allowed=APPROVERS)
    assert move.decision.allowed, move.decision
    with site.ledger.change() as change:
        change.save_run(move.run, move.entries)


def canary_sent(site: Site) -> bool:
    """Whether AWS has the first send."""
    return site.ledger.run("X-1") is not None and canary(site).state is DispatchState.SENT


def an_order() -> Order:
    """A command of somebody else."""
    return Order(
        ("i-00000000000000001",),
        Operation.INSTALL,
        RebootOption.NO_REBOOT,
        DOCUMENT,
        "00000000-0000-0000-0000-000000000000",
        "by hand",
        "1",
        "1",
    )


def test_an_accepted_send_whose_answer_was_lost_is_adopted_and_never_sent_again(site: Site) -> None:
    site.aws.answers = [LOST]
    name = site.approved(a_plan(site.aws, site.aws.add(1, 2)))
    site.until(lambda: len(site.aws.accepted) == 1)
    assert canary(site).state is DispatchState.SENDING
    site.until(lambda: canary(site).state is not DispatchState.SENDING)
    assert canary(site).state in {DispatchState.SENT, DispatchState.DONE}
    assert canary(site).command_id == site.aws.accepted[0].command_id
    assert site.finish(name).state is RunState.VERIFIED
    assert len(site.aws.attempts) == 3
    assert "dispatch.adopted" in site.kinds()


def test_nothing_is_looked_for_before_it_has_settled(site: Site) -> None:
    """Lists lag behind: too early a look would call an accepted send unknown."""
    site.aws.lag = 60
    site.aws.answers = [LOST]
    site.approved(a_plan(site.aws, site.aws.add(1)))
    site.until(lambda: len(site.aws.accepted) == 1)
    site.until(lambda: canary(site).state is not DispatchState.SENDING)
    assert canary(site).state in {DispatchState.SENT, DispatchState.DONE}


def test_a_send_that_nobody_knows_of_becomes_unknown_stops_the_run_and_is_not_repeated(
    site: Site,
) -> None:
    site.aws.answers = [DROPPED]
    site.approved(a_plan(site.aws, site.aws.add(1, 2)))
    site.until(lambda: paused(site))
    assert canary(site).state is DispatchState.UNKNOWN
    for _ in range(100):
        site.tick(60)
    assert len(site.aws.attempts) == 1
    assert site.aws.accepted == []


def test_an_unknown_send_that_turns_up_late_is_adopted(site: Site) -> None:
    site.aws.lag = 1000
    site.aws.answers = [LOST]
    site.approved(a_plan(site.aws, site.aws.add(1, 2)))
    site.until(lambda: paused(site))
    site.until(lambda: canary(site).state is DispatchState.DONE, seconds=10)
    assert len(site.aws.attempts) == 1


def test_a_person_lets_the_run_go_on_and_the_unknown_batch_stays_unsent(site: Site) -> None:
    site.aws.answers = [DROPPED]
    keys = site.aws.add(1, 2)
    name = site.approved(a_plan(site.aws, keys))
    site.until(lambda: paused(site))
    go_on(site)
    run = site.finish(name)
    assert run.state is RunState.PARTIAL
    installs = [one for one in site.aws.attempts if one.operation is Operation.INSTALL]
    assert [one.instance_ids for one in installs] == [
        (keys[0].instance_id,),
        (keys[1].instance_id,),
    ]
    receipt = site.ledger.receipt(name)
    assert receipt is not None
    assert receipt["nodes"]["unknown"] == 1


def test_a_run_whose_unknown_send_nobody_decides_about_ends_by_its_time_limit(site: Site) -> None:
    site.aws.answers = [DROPPED]
    name = site.approved(a_plan(site.aws, site.aws.add(1, 2)))
    run = site.finish(name, seconds=60)
    assert run.state is RunState.LOST_TRACK
    assert "the outcome of 1 node is not known" in run.why


def test_a_send_that_aws_has_forgotten_is_not_looked_for_any_more(site: Site) -> None:
    """AWS keeps commands for 30 days; after that nobody can tell."""
    site.aws.answers = [DROPPED]
    name = site.approved(a_plan(site.aws, site.aws.add(1, 2)))
    site.finish(name, seconds=60)
    site.until(lambda: canary(site).state is DispatchState.DONE, seconds=12 * 3600, ticks=80)
    assert "30 days" in canary(site).reason
    assert site.aws.now() - site.run().created_at > timedelta(days=30)
    installs = [one for one in site.aws.attempts if one.operation is Operation.INSTALL]
    assert len(installs) == 1


def test_throttled_tries_are_each_audited_and_at_most_five(site: Site) -> None:
    site.aws.answers = [THROTTLED] * 9
    site.approved(a_plan(site.aws, site.aws.add(1, 2)))
    site.until(lambda: paused(site))
    assert len(site.aws.attempts) == 5
    assert site.kinds().count("dispatch.throttled") == 4
    assert canary(site).state is DispatchState.REFUSED


def test_a_throttled_send_goes_through_on_the_same_row(site: Site) -> None:
    site.aws.answers = [THROTTLED, THROTTLED, OK]
    run = site.finish(site.approved(a_plan(site.aws, site.aws.add(1, 2))))
    assert run.state is RunState.VERIFIED
    assert site.kinds().count("dispatch.intended") == 3
    assert len({one.mark for one in site.aws.attempts[:3]}) == 1


def test_a_freeze_that_begins_between_two_tries_ends_them(site: Site) -> None:
    """The next try asks the ledger and the rules again."""
    site.aws.answers = [THROTTLED] * 9
    name = site.approved(a_plan(site.aws, site.aws.add(1, 2)))
    site.until(lambda: site.ledger.run(name) is not None)

    def freeze(what: str) -> None:
        if what == "send":
            now = site.aws.now()
            month = Freeze((), now, now + timedelta(days=30), "end of the year")
            site.rules["prod"] = replace(site.rules["prod"], freezes=(month,))

    site.aws.on_call = freeze
    site.until(lambda: paused(site))
    assert len(site.aws.attempts) == 1
    assert "end of the year" in canary(site).reason


def _deactivated(site: Site) -> None:
    site.slack.kinds[SECOND] = Kind.DEACTIVATED


def _nobody_can_tell(site: Site) -> None:
    site.slack.error = SlackError("Slack does not answer.")


def _for_rehearsals(site: Site) -> None:
    site.rules["prod"] = replace(RULES, rehearsal=True)


def _clock_jumps(site: Site) -> None:
    site.aws.jump = timedelta(minutes=-20)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_deactivated, "only 1 of 2 approvals still count"),
        (_nobody_can_tell, "approvers could not be checked again: Slack does not answer"),
        (_for_rehearsals, "for rehearsals only"),
        (_clock_jumps, "the clock of this machine jumped"),
    ],
)
def test_a_try_after_a_throttle_needs_what_the_first_one_did(
    site: Site, change: Callable[[Site], None], why: str
) -> None:
    """It is another send: the role of the approvers, the rules and the clock are looked at anew."""
    site.aws.answers = [THROTTLED]
    site.approved(a_plan(site.aws, site.aws.add(1, 2)))

    def pause(seconds: float) -> None:
        site.aws.advance(seconds)
        change(site)

    site.worker = site.new_worker(pause=pause)
    site.until(lambda: paused(site))
    assert len(site.aws.attempts) == 1
    assert why in canary(site).reason
    assert site.kinds().count("dispatch.throttled") == 1


def test_a_stop_while_a_throttled_send_waits_ends_it(site: Site) -> None:
    site.aws.answers = [THROTTLED]
    name = site.approved(a_plan(site.aws, site.aws.add(1, 2)))

    def pause(seconds: float) -> None:
        site.aws.advance(seconds)
        cancel(site)

    site.worker = site.new_worker(pause=pause)
    assert site.finish(name).state is RunState.CANCELLED
    assert len(site.aws.attempts) == 1


def test_a_refused_send_pauses_the_run_with_the_reason(site: Site) -> None:
    site.aws.answers = [DENIED]
    site.approved(a_plan(site.aws, site.aws.add(1, 2)))
    site.until(lambda: paused(site))
    assert "refused" in site.run().why
    assert len(site.aws.attempts) == 1


def test_a_process_that_stood_still_after_the_intent_sends_nothing(site: Site) -> None:
    """The laptop was closed for a minute between the commit and the call."""
    original = site.ledger.change

    class Slow:
        """A transaction after which time has gone by."""

        def __init__(self, *, taking: str = "") -> None:
            self._inner = original(taking=taking)

        def __enter__(self) -> Any:
            return self._inner.__enter__()

        def __exit__(self, *what: Any) -> Any:
            site.aws.advance(31)
            return self._inner.__exit__(*what)

    site.approved(a_plan(site.aws, site.aws.add(1, 2)))
    site.ledger.change = Slow  # type: ignore[method-assign, assignment]
    site.until(lambda: paused(site))
    assert site.aws.attempts == []
    assert "stood still" in canary(site).reason


def test_two_commands_with_our_mark_raise_an_alarm_and_none_is_adopted(site: Site) -> None:
    site.aws.answers = [LOST]
    site.approved(a_plan(site.aws, site.aws.add(1, 2)))
    site.until(lambda: len(site.aws.accepted) == 1)
    first = site.aws.accepted[0]
    site.aws.accepted.append(replace(first, command_id="somebody-else"))
    site.until(lambda: paused(site))
    assert site.kinds().count("dispatch.duplicated") == 1
    assert canary(site).state is DispatchState.UNKNOWN
    assert "somebody-else" in canary(site).reason


def test_a_second_command_with_our_mark_that_turns_up_later_is_told_once(site: Site) -> None:
    """Somebody ran the command again in the console, which copies its comment."""
    site.aws.answers, site.aws.lag = [LOST], 200
    site.approved(a_plan(site.aws, site.aws.add(1, 2)))
    site.until(lambda: paused(site))
    site.aws.accepted.append(replace(site.aws.accepted[0], command_id="run-again"))
    for _ in range(20):
        site.tick(30)
    assert site.kinds().count("dispatch.duplicated") == 1
    assert canary(site).state is DispatchState.UNKNOWN


@pytest.mark.parametrize(
    "spoof",
    [
        {"instance_ids": ("i-00000000000000009",)},
        {"operation": Operation.SCAN},
        {"snapshot_id": "00000000-0000-0000-0000-000000000000"},
        {"mark": "patchbot:X-1:run-1:00000000000000000000"},
    ],
    ids=["other nodes", "other operation", "other snapshot", "guessed mark"],
)
def test_a_command_that_only_looks_like_ours_is_not_adopted(
    site: Site, spoof: dict[str, Any]
) -> None:
    site.aws.answers = [LOST]
    site.approved(a_plan(site.aws, site.aws.add(1, 2)))
    site.until(lambda: len(site.aws.accepted) == 1)
    (real,) = site.aws.accepted
    site.aws.accepted[0] = replace(real, order=replace(real.order, **spoof))
    site.until(lambda: paused(site))
    assert canary(site).state is DispatchState.UNKNOWN


def test_a_cancel_stops_what_is_planned_and_only_our_own_commands(site: Site) -> None:
    foreign = Accepted("not-ours", TARGET, an_order(), 0.0)
    site.aws.accepted.append(foreign)
    site.aws.run_seconds = 300
    name = site.approved(a_plan(site.aws, site.aws.add(1, 2, 3)))
    site.until(lambda: canary_sent(site))
    cancel(site)
    run = site.finish(name)
    assert run.state is RunState.CANCELLED
    assert set(site.aws.cancelled) == {site.aws.accepted[1].command_id}
    assert [one.operation for one in site.aws.attempts] == [Operation.INSTALL, Operation.SCAN]
    states = [one.state for one in of_purpose(site.ledger.dispatches(name), RUN)]
    assert states == [DispatchState.DONE, DispatchState.DROPPED]


def test_a_lost_send_of_a_cancelled_run_is_cancelled_when_it_turns_up(site: Site) -> None:
    """Its receipt says that the outcome is not known."""
    site.aws.lag, site.aws.run_seconds = 2000, 5000
    site.aws.answers = [LOST]
    name = site.approved(a_plan(site.aws, site.aws.add(1, 2)))
    site.until(lambda: paused(site))
    cancel(site)
    assert "not known" in site.finish(name).why
    site.until(lambda: site.aws.cancelled == [site.aws.accepted[0].command_id], seconds=60)
    assert len(set(site.aws.cancelled)) == 1  # the scan after it goes on
    installs = [one for one in site.aws.attempts if one.operation is Operation.INSTALL]
    assert len(installs) == 1


def test_nothing_is_sent_without_an_intent_on_disk(site: Site) -> None:
    """A full disk: no commit, no call; when there is room again the run goes on."""
    original = site.ledger.change

    def full(*, taking: str = "") -> Any:
        raise StorageError("The ledger cannot be used: the disk is full.")

    name = site.approved(a_plan(site.aws, site.aws.add(1, 2)))
    site.until(lambda: site.ledger.run(name) is not None and site.run().state is RunState.RUNNING)
    site.ledger.change = full  # type: ignore[method-assign]
    for _ in range(20):
        site.tick(5)
    assert site.aws.attempts == []
    assert any(one.job == "advance" for one in site.worker.troubles)
    site.ledger.change = original  # type: ignore[method-assign]
    assert site.finish(name).state is RunState.VERIFIED


def test_an_answer_that_could_not_be_stored_is_found_again(site: Site) -> None:
    """The disk fills up between the send and its result."""
    original = site.ledger.change
    name = site.approved(a_plan(site.aws, site.aws.add(1, 2)))

    def full(*, taking: str = "") -> Any:
        raise StorageError("The ledger cannot be used: the disk is full.")

    def fill(_order: object) -> None:
        site.ledger.change = full  # type: ignore[method-assign]

    site.aws.on_accept = fill
    site.until(lambda: len(site.aws.accepted) == 1)
    site.aws.on_accept = None
    site.tick()
    site.ledger.change = original  # type: ignore[method-assign]
    assert canary(site).state is DispatchState.SENDING
    assert site.finish(name).state is RunState.VERIFIED
    assert len(site.aws.attempts) == 3


def test_a_restored_ledger_does_not_send_again_what_it_has_forgotten(site: Site) -> None:
    """The backup was taken before the first send, and nobody kept a head: the marks still tell."""
    name = site.approved(a_plan(site.aws, site.aws.add(1, 2)))
    backup = (site.directory / "ledger.db").read_bytes()
    site.finish(name)
    sent = list(site.aws.attempts)
    site.ledger.close()
    (site.directory / "ledger.db").write_bytes(backup)
    site.restart()
    site.aws.advance(60)
    run = site.finish(name)
    assert site.aws.attempts == sent
    assert site.kinds().count("dispatch.found_unrecorded") == 3
    assert run.state is RunState.VERIFIED


def test_a_second_process_cannot_have_the_ledger(site: Site) -> None:
    with pytest.raises(StorageError, match="Another patchbot"):
        open_ledger(site.directory, site.aws)


def test_of_two_workers_at_the_same_send_one_wins(site: Site) -> None:
    """Both have read `planned` and asked AWS about it; the second intent is refused by the ledger."""
    name = site.approved(a_plan(site.aws, site.aws.add(1, 2)))
    site.until(lambda: site.ledger.run(name) is not None and site.run().state is RunState.RUNNING)
    other = site.new_worker()
    inside = False

    def overtake(what: str) -> None:
        nonlocal inside
        if what == "find" and not inside:
            inside = True
            other.run_once()

    site.aws.on_call = overtake
    site.tick()
    assert len(site.aws.attempts) == 1
    assert site.finish(name).state is RunState.VERIFIED
    assert len(site.aws.attempts) == 3


def test_the_ledger_itself_refuses_a_second_intent(site: Site) -> None:
    site.approved(a_plan(site.aws, site.aws.add(1, 2)))
    site.until(lambda: len(site.aws.accepted) == 1)
    again = replace(canary(site), state=DispatchState.SENDING)
    entry = Entry("test", "patchbot", "test/1", {})
    with site.ledger.change() as change, pytest.raises(Conflict):
        change.move_dispatch(again, was=DispatchState.PLANNED, entries=[entry])


def test_a_job_that_fails_stops_no_other_run_and_is_recorded_once(site: Site) -> None:
    """AWS does not answer for one run; the time limit of another still ends it."""
    site.timing = Timing(poll_at_most=1.0)
    site.worker = site.new_worker()
    name = site.approved(a_plan(site.aws, site.aws.add(1, 2)))
    site.until(lambda: len(site.aws.accepted) == 1)
    site.aws.failing["invocations"] = AwsError("AWS is down.", code="500")
    for _ in range(30):
        site.tick(2)
    waiting = site.ask(a_plan(site.aws, site.aws.add(7)))
    site.until(lambda: not site.request(waiting.id).is_open, seconds=60)
    assert site.kinds().count("worker.job_failed") == 1
    site.aws.failing.clear()
    assert site.finish(name).state is RunState.VERIFIED
    assert site.worker.troubles == ()
