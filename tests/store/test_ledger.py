"""The ledger in a real file: what goes in comes out, and what must not happen does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.core.errors import Conflict, StorageError
from bot.core.ledger import Ledger, Notice, NoticeState
from bot.core.requests import RequestState, deny
from bot.core.runs import (
    DISPATCH_MOVES,
    RUN_ENDS,
    Dispatch,
    DispatchState,
    NodeOutcome,
    NodeResult,
    RunState,
)
from bot.store.ledger import SqliteLedger
from tests.store.ledgers import (
    ALICE,
    BOB,
    CAROL,
    ENTRY,
    NOW,
    a_plan,
    a_request,
    a_run,
    about,
    approved,
    ask,
    begin,
    click,
    dispatches,
    key,
    move,
    open_ledger,
    vote,
)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    found = open_ledger(tmp_path)
    yield found
    found.close()


def test_it_is_the_ledger_of_the_core(ledger: SqliteLedger) -> None:
    """The type checker compares every method with the port."""
    port: Ledger = ledger
    assert port.read_only_reason == ""
    assert port.verify().sound


def test_a_click_is_stored_once_and_taken_up_once(ledger: SqliteLedger) -> None:
    assert [ledger.put_inbox(click(1)), ledger.put_inbox(click(2)), ledger.put_inbox(click(1))] == [
        True,
        True,
        False,
    ]
    assert ledger.inbox() == (click(1), click(2))
    with ledger.change(taking="action/1") as change:
        change.audit(ENTRY)
    assert ledger.inbox() == (click(2),)
    with pytest.raises(Conflict, match="taken up before"), ledger.change(taking="action/1"):
        pytest.fail("it was taken twice")
    assert ledger.put_inbox(click(1)) is False


def test_a_click_whose_work_failed_waits_again(ledger: SqliteLedger) -> None:
    ledger.put_inbox(click(1))
    with pytest.raises(ZeroDivisionError):
        _fail(ledger, taking="action/1")
    assert ledger.inbox() == (click(1),)
    assert ledger.head().seq == 1


def _fail(ledger: SqliteLedger, *, taking: str = "") -> None:
    with ledger.change(taking=taking) as change:
        change.audit(ENTRY)
        change.next_id("R")
        raise ZeroDivisionError


def test_a_request_comes_back_as_it_went_in(ledger: SqliteLedger) -> None:
    plan = a_plan()
    request = ask(ledger, plan)
    assert ledger.request(request.id) == request
    assert ledger.plan(request.digest) == plan
    voted = vote(ledger, request, BOB)
    assert ledger.requests(only_open=True) == (voted,)
    done = vote(ledger, voted, CAROL)
    assert done.state is RequestState.APPROVED
    assert ledger.request(request.id) == done
    assert ledger.requests(only_open=True) == ()
    kinds = [link.kind for link in ledger.audit(subject=f"request/{request.id}")]
    assert kinds == ["request.approved", "request.voted", "request.voted", "request.requested"]


def test_the_same_plan_is_open_once(ledger: SqliteLedger) -> None:
    """And a Conflict leaves the rest of the transaction alone."""
    request = ask(ledger)
    with ledger.change() as change:
        again = a_request(change.next_id("R"), a_plan())
        with pytest.raises(Conflict, match="open for approval already"):
            change.add_request(again, a_plan(), [ENTRY])
        change.audit(about("request/refused"))
    assert ledger.requests() == (request,)
    assert [link.subject for link in ledger.audit(limit=2)] == ["request/refused", "request/R-1"]


def test_of_two_moves_from_one_version_the_first_wins(ledger: SqliteLedger) -> None:
    request = ask(ledger)
    vote(ledger, request, BOB)
    denied = deny(request, CAROL, "not today", NOW)
    with pytest.raises(Conflict), ledger.change() as change:
        change.save_request(denied.request, denied.entries)
    found = ledger.request(request.id)
    assert found is not None
    assert found.state is RequestState.PENDING
    assert ledger.verify().sound


def test_an_ended_request_never_changes(ledger: SqliteLedger) -> None:
    done = approved(ledger)
    for state in RequestState:
        changed = replace(done, version=done.version + 1, state=state)
        with pytest.raises(Conflict), ledger.change() as change:
            change.save_request(changed, [ENTRY])
    assert ledger.request(done.id) == done


@pytest.mark.parametrize(
    "changed",
    [
        {"digest": "0" * 64},
        {"environment": "dev"},
        {"requester": BOB.id},
        {"expires_at": NOW + timedelta(days=9)},
        {"reason": "other"},
    ],
)
def test_what_was_asked_for_never_changes(ledger: SqliteLedger, changed: dict[str, object]) -> None:
    request = ask(ledger)
    other = replace(request, version=2, **changed)  # type: ignore[arg-type]
    with pytest.raises(Conflict), ledger.change() as change:
        change.save_request(other, [ENTRY])
    assert ledger.request(request.id) == request


def test_votes_are_only_added(ledger: SqliteLedger) -> None:
    voted = vote(ledger, ask(ledger), BOB)
    for votes in ((), (replace(voted.votes[0], person=CAROL.id),)):
        with pytest.raises(Conflict), ledger.change() as change:
            change.save_request(replace(voted, version=3, votes=votes), [ENTRY])
    twice = (*voted.votes, *voted.votes)
    with pytest.raises(Conflict), ledger.change() as change:
        change.save_request(replace(voted, version=3, votes=twice), [ENTRY])
    assert ledger.request(voted.id) == voted


def test_no_state_changes_without_an_audit_entry(ledger: SqliteLedger) -> None:
    request, plan = approved(ledger), a_plan()
    run = begin(ledger, request)
    sent = ledger.dispatches(run.id)[0]
    with ledger.change() as change:
        steps: list[Callable[[], None]] = [
            lambda: change.add_request(a_request("R-9", plan), plan, ()),
            lambda: change.save_request(request, ()),
            lambda: change.add_run(run, (), ()),
            lambda: change.save_run(run, ()),
            lambda: change.add_dispatches((), ()),
            lambda: change.move_dispatch(sent, was="planned", entries=()),
            lambda: change.save_receipt(run.id, {}, ()),
        ]
        for step in steps:
            with pytest.raises(ValueError, match="audit entry"):
                step()


def test_a_run_comes_back_as_it_went_in(ledger: SqliteLedger) -> None:
    request = approved(ledger)
    run = begin(ledger, request)
    assert ledger.run(run.id) == run
    assert ledger.runs(only_open=True, environment="prod") == (run,)
    assert ledger.runs(environment="dev") == ()
    assert ledger.dispatches(run.id) == dispatches(run, a_plan())
    later = replace(run, version=2, state=RunState.VERIFIED, wave=2, ended_at=NOW, why="all well")
    with ledger.change() as change:
        change.save_run(later, [ENTRY])
        change.save_receipt(run.id, {"closed": ["CVE-1"], "percent": 99.5}, [ENTRY])
    assert ledger.runs() == (later,)
    assert ledger.runs(only_open=True) == ()
    assert ledger.receipt(run.id) == {"closed": ["CVE-1"], "percent": 99.5}
    with pytest.raises(Conflict), ledger.change() as change:
        change.save_receipt(run.id, {}, [ENTRY])


@pytest.mark.parametrize("end", sorted(RUN_ENDS))
def test_an_ended_run_never_changes(ledger: SqliteLedger, end: RunState) -> None:
    run = begin(ledger, approved(ledger))
    ended = replace(run, version=2, state=end, ended_at=NOW)
    with ledger.change() as change:
        change.save_run(ended, [ENTRY])
    for state in RunState:
        with pytest.raises(Conflict), ledger.change() as change:
            change.save_run(replace(ended, version=3, state=state), [ENTRY])
    assert ledger.run(run.id) == ended


def test_a_request_has_one_run(ledger: SqliteLedger) -> None:
    request = approved(ledger)
    first = begin(ledger, request)
    with ledger.change() as change:
        change.save_run(replace(first, version=2, state=RunState.FAILED, ended_at=NOW), [ENTRY])
    with pytest.raises(Conflict):
        begin(ledger, request)


def test_an_environment_has_one_run_at_work(ledger: SqliteLedger) -> None:
    """Others wait; they start when it has ended."""
    begin(ledger, approved(ledger, a_plan(1)), a_plan(1))
    second = approved(ledger, a_plan(2))
    with pytest.raises(Conflict, match="at work"):
        begin(ledger, second, a_plan(2))
    with ledger.change() as change:
        waiting = a_run(change.next_id("X"), second, state=RunState.WAITING)
        change.add_run(waiting, dispatches(waiting, a_plan(2)), [ENTRY])
    started = replace(waiting, version=2, state=RunState.RUNNING)
    with pytest.raises(Conflict, match="another run at work"), ledger.change() as change:
        change.save_run(started, [ENTRY])
    first = ledger.runs(only_open=True)[-1]
    with ledger.change() as change:
        change.save_run(replace(first, version=2, state=RunState.VERIFIED, ended_at=NOW), [ENTRY])
        change.save_run(started, [ENTRY])
    assert ledger.runs(only_open=True) == (started,)


def test_a_node_is_in_one_open_run(ledger: SqliteLedger) -> None:
    """Also when another environment has it as well; it is free again when the run has ended."""
    first = begin(ledger, approved(ledger, a_plan(1, 2)), a_plan(1, 2))
    plan = a_plan(2, 3, environment="dev")
    second = approved(ledger, plan)
    with pytest.raises(Conflict, match=f"{key(2).instance_id} is in the open run {first.id}"):
        begin(ledger, second, plan)
    with ledger.change() as change:
        change.save_run(replace(first, version=2, state=RunState.CANCELLED, ended_at=NOW), [ENTRY])
    begin(ledger, second, plan)


@pytest.mark.parametrize("was", list(DispatchState))
@pytest.mark.parametrize("to", list(DispatchState))
def test_a_send_makes_only_the_moves_there_are(
    ledger: SqliteLedger, was: DispatchState, to: DispatchState
) -> None:
    """Whatever the caller says it was: the triggers know."""
    run = begin(ledger, approved(ledger))
    dispatch = _brought_to(ledger, ledger.dispatches(run.id)[0], was)
    if to in DISPATCH_MOVES[was]:
        assert move(ledger, dispatch, to).state is to
    else:
        with pytest.raises(Conflict):
            move(ledger, dispatch, to)
        assert ledger.dispatches(run.id)[0] == dispatch
    assert ledger.verify().sound


def _brought_to(ledger: SqliteLedger, dispatch: Dispatch, state: DispatchState) -> Dispatch:
    way = {
        DispatchState.PLANNED: (),
        DispatchState.SENDING: (DispatchState.SENDING,),
        DispatchState.SENT: (DispatchState.SENDING, DispatchState.SENT),
        DispatchState.REFUSED: (DispatchState.SENDING, DispatchState.REFUSED),
        DispatchState.UNKNOWN: (DispatchState.SENDING, DispatchState.UNKNOWN),
        DispatchState.DONE: (DispatchState.SENDING, DispatchState.SENT, DispatchState.DONE),
        DispatchState.DROPPED: (DispatchState.DROPPED,),
    }[state]
    for step in way:
        dispatch = move(ledger, dispatch, step)
    return dispatch


def test_a_send_starts_from_the_state_it_was_read_in(ledger: SqliteLedger) -> None:
    run = begin(ledger, approved(ledger))
    planned = ledger.dispatches(run.id)[0]
    move(ledger, planned, DispatchState.SENDING, sending_at=NOW)
    with pytest.raises(Conflict):
        move(ledger, planned, DispatchState.SENDING, sending_at=NOW)


def test_only_what_was_planned_is_sent(ledger: SqliteLedger) -> None:
    run = begin(ledger, approved(ledger))
    planned = ledger.dispatches(run.id)[0]
    with pytest.raises(Conflict):
        move(ledger, planned, DispatchState.SENDING, sent_ids=("i-0fffffffffffffff0",))
    sending = move(
        ledger,
        planned,
        DispatchState.SENDING,
        sent_ids=planned.batch.instance_ids,
        sending_at=NOW,
    )
    sent = move(ledger, sending, DispatchState.SENT, command_id="c-1")
    with pytest.raises(Conflict):
        move(ledger, sent, DispatchState.DONE, command_id="c-2")
    assert ledger.dispatches(run.id)[0] == sent


def test_two_sends_never_have_one_command(ledger: SqliteLedger) -> None:
    run = begin(ledger, approved(ledger))
    one, two = (
        move(ledger, planned, DispatchState.SENDING) for planned in ledger.dispatches(run.id)
    )
    move(ledger, one, DispatchState.SENT, command_id="c-1")
    with pytest.raises(Conflict):
        move(ledger, two, DispatchState.SENT, command_id="c-1")


def test_verifying_scans_join_an_open_run_only(ledger: SqliteLedger) -> None:
    run = begin(ledger, approved(ledger))
    scans = dispatches(run, a_plan(), purpose="verify")
    with ledger.change() as change:
        change.add_dispatches(scans, [ENTRY])
    assert [one.purpose for one in ledger.dispatches(run.id)] == ["run", "run", "verify", "verify"]
    with pytest.raises(Conflict, match="planned already"), ledger.change() as change:
        change.add_dispatches(scans, [ENTRY])
    with ledger.change() as change:
        change.save_run(replace(run, version=2, state=RunState.VERIFIED, ended_at=NOW), [ENTRY])
    with pytest.raises(Conflict, match="no open run"), ledger.change() as change:
        change.add_dispatches(dispatches(run, a_plan(7), purpose="again"), [ENTRY])


def test_results_replace_what_was_known(ledger: SqliteLedger) -> None:
    run = begin(ledger, approved(ledger))
    before = [NodeResult(key(number), NodeOutcome.RUNNING) for number in (1, 2)]
    after = NodeResult(key(2), NodeOutcome.FAILED, "exit code 156", back_online=False)
    with ledger.change() as change:
        change.save_results(run.id, "run", before)
        change.save_results(run.id, "run", [after])
    assert ledger.results(run.id, "run") == (before[0], after)
    assert ledger.results(run.id, "verify") == ()


def test_a_node_was_last_sent_to_when_aws_may_have_it(ledger: SqliteLedger) -> None:
    """A refused send is none; a verifying scan is a scan."""
    run = begin(ledger, approved(ledger))
    one, two = ledger.dispatches(run.id)
    ids = [key(number).instance_id for number in (1, 2, 3, 4)]
    sending = move(ledger, one, DispatchState.SENDING, sending_at=NOW, sent_ids=(ids[0],))
    assert ledger.last_sent("Install", ids) == {}
    move(ledger, sending, DispatchState.UNKNOWN)
    refused = move(ledger, two, DispatchState.SENDING, sending_at=NOW)
    move(ledger, refused, DispatchState.REFUSED)
    assert ledger.last_sent("Install", ids) == {ids[0]: NOW}
    with ledger.change() as change:
        change.add_dispatches(dispatches(run, a_plan(), purpose="verify"), [ENTRY])
    scan = next(one for one in ledger.dispatches(run.id) if one.purpose == "verify")
    later = NOW + timedelta(hours=1)
    scanning = move(ledger, scan, DispatchState.SENDING, sending_at=later)
    move(ledger, scanning, DispatchState.SENT, command_id="c-9")
    assert ledger.last_sent("Scan", ids) == {ids[0]: later}


def test_a_notice_is_due_until_the_latest_is_shown(ledger: SqliteLedger) -> None:
    """A redraw that was wanted while a message was on its way is not lost."""
    notice = Notice("approval/R-1", "approval", "request/R-1", "C1")
    with ledger.change() as change:
        change.show(notice)
    (due,) = ledger.notices(only_due=True)
    assert (due.state, due.wanted, due.shown) == (NoticeState.NEW, 1, 0)
    with ledger.change() as change:
        change.show(notice)
    with ledger.change() as change:
        change.move_notice(replace(due, state=NoticeState.POSTED, ts="1.2", shown=due.wanted))
    (due,) = ledger.notices(only_due=True)
    assert (due.state, due.ts, due.wanted, due.shown) == (NoticeState.POSTED, "1.2", 2, 1)
    with ledger.change() as change:
        change.move_notice(replace(due, shown=2))
    assert ledger.notices(only_due=True) == ()
    assert [one.key for one in ledger.notices()] == ["approval/R-1"]


def test_a_lost_message_is_not_due(ledger: SqliteLedger) -> None:
    notice = Notice("run/X-1", "run", "run/X-1", "C1")
    with ledger.change() as change:
        change.show(notice)
        change.move_notice(replace(notice, state=NoticeState.LOST, reason="channel_not_found"))
        change.show(notice)
    assert ledger.notices(only_due=True) == ()
    with pytest.raises(Conflict), ledger.change() as change:
        change.move_notice(replace(notice, key="run/X-2"))


def test_ids_count_by_kind(ledger: SqliteLedger) -> None:
    with ledger.change() as change:
        assert [change.next_id(kind) for kind in ("R", "X", "R")] == ["R-1", "X-1", "R-2"]
    with pytest.raises(ZeroDivisionError):
        _fail(ledger)
    with ledger.change() as change:
        assert change.next_id("R") == "R-3"


def test_the_audit_log_is_asked_by_whole_parts(ledger: SqliteLedger) -> None:
    with ledger.change() as change:
        for subject in ("request/R-1", "request/R-12", "dispatch/R-1/3"):
            change.audit(about(subject))
    assert [link.subject for link in ledger.audit(subject="request/R-1")] == ["request/R-1"]
    assert [link.subject for link in ledger.audit(subject="request/")] == [
        "request/R-12",
        "request/R-1",
    ]
    assert [link.subject for link in ledger.audit(subject="dispatch/R-1")] == ["dispatch/R-1/3"]
    assert len(ledger.audit(kind="test")) == 3
    assert ledger.audit(kind="tes") == ()
    assert ledger.audit(actor=ALICE.id) == ()
    assert [link.seq for link in ledger.audit(limit=2)] == [4, 3]


def test_a_change_ends_with_its_block(ledger: SqliteLedger) -> None:
    with ledger.change() as change:
        with pytest.raises(RuntimeError, match="within another"), ledger.change():
            pytest.fail("a change in a change")
        change.audit(ENTRY)
    with pytest.raises(RuntimeError, match="has ended"):
        change.audit(ENTRY)
    assert ledger.head().seq == 2


@pytest.mark.parametrize("text", ["\ud800", "a\x00b", "„x“\n<!channel>", "x" * 20_000])
def test_whatever_people_type_can_be_stored(ledger: SqliteLedger, text: str) -> None:
    """Half a surrogate pair becomes a question mark; nothing else changes."""
    kept = text.replace("\ud800", "?")
    item = replace(click(1), body={"reason": text}, person=text)
    assert ledger.put_inbox(item)
    assert ledger.inbox()[0].person == kept
    request = ask(ledger)
    denied = deny(request, BOB, text, NOW)
    with ledger.change() as change:
        change.save_request(denied.request, denied.entries)
    found = ledger.request(request.id)
    assert found is not None
    assert found.ended_why == kept
    assert ledger.verify().sound


def test_an_audit_entry_that_has_no_one_text_is_refused(ledger: SqliteLedger) -> None:
    for body in ({"percent": 1.5}, {"when": NOW}, {1: "x"}, {"ids": {"a"}}):
        with pytest.raises(TypeError), ledger.change() as change:
            change.audit(replace(ENTRY, body=body))  # type: ignore[arg-type]
    assert ledger.head().seq == 1


def test_a_full_inbox_refuses(ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.store.ledger.INBOX_LIMIT", 2)
    assert ledger.put_inbox(click(1))
    assert ledger.put_inbox(click(2))
    with pytest.raises(StorageError, match="2 clicks are waiting"):
        ledger.put_inbox(click(3))
    assert ledger.put_inbox(click(1)) is False
