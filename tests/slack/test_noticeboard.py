"""Cards of the ledger in Slack: each once, found again, drawn anew, and never lost in silence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.core import requests
from bot.core.identity import Members, Person
from bot.core.ledger import Notice, NoticeState
from bot.core.rules import ChangeRules
from bot.core.running import about_run, moved, planned
from bot.core.runs import RunState
from bot.demo.slack.demo_workspace import (
    APPROVALS,
    ELENA,
    JONAS,
    MAYA,
    PARTNER,
    PATCHING,
    PLATFORM_APPROVERS,
    PRIYA,
)
from bot.services import noticing
from bot.slack.loop import Loop
from tests.slack.changing import RULES, Shop, shop_of
from tests.slack.conftest import Front, until

APPROVAL = "approval/R-1"


@pytest.fixture
def shop(tmp_path: Path, front: Front) -> Iterator[Shop]:
    with shop_of(tmp_path, front) as opened:
        opened.ask()
        yield opened


def cards(shop: Shop, channel: str = APPROVALS) -> list[str]:
    return [
        m["text"] for m in shop.world.slack.person(JONAS).messages(channel) if "R-1" in m["text"]
    ]


def post(shop: Shop) -> None:
    shop.board().post_due()


def want(shop: Shop, *notices: Notice) -> None:
    with shop.ledger.change() as change:
        for notice in notices:
            change.show(notice)


def later(shop: Shop, seconds: float) -> None:
    shop.now += timedelta(seconds=seconds)


def test_a_card_is_posted_once(shop: Shop) -> None:
    for _ in range(3):
        post(shop)
    assert len(cards(shop)) == 1
    found = shop.notice(APPROVAL)
    assert (found.state, found.channel, found.shown) == (NoticeState.POSTED, APPROVALS, 1)
    (call,) = [
        c for c in shop.world.slack.calls.of("chat.postMessage") if c.args["channel"] == APPROVALS
    ]
    assert call.args["metadata"]["event_payload"] == {"key": APPROVAL}


def test_what_changed_is_drawn_anew_and_not_posted_again(shop: Shop) -> None:
    post(shop)
    want(shop, shop.notice(APPROVAL))
    post(shop)
    assert len(cards(shop)) == 1
    assert shop.notice(APPROVAL).shown == shop.notice(APPROVAL).wanted == 2
    assert len(shop.world.slack.calls.of("chat.update")) == 1


@pytest.mark.parametrize("accepted", [True, False])
def test_after_a_lost_answer_the_card_is_looked_for(shop: Shop, accepted: bool) -> None:
    """Posted or not, nobody knows: it is found by its metadata, or posted, and stands there once."""
    shop.world.slack.faults.reset("chat.postMessage", times=2, after_accepting=accepted)
    post(shop)
    assert shop.notice(APPROVAL).state is NoticeState.POSTING
    post(shop)
    assert len(cards(shop)) == int(accepted), "it was posted before it was looked for"
    # The local Slack stamps messages with the real time.
    with shop.ledger.change() as change:
        change.move_notice(shop.notice(APPROVAL))
    for _ in range(4):
        later(shop, 60)
        post(shop)
    assert len(cards(shop)) == 1
    assert shop.notice(APPROVAL).state is NoticeState.POSTED


def test_a_card_in_a_thread_is_found_in_its_thread(shop: Shop) -> None:
    """conversations.history knows nothing of replies."""
    post(shop)
    want(shop, Notice("reminder/R-1", "reminder", "R-1", APPROVALS, thread_of=APPROVAL))
    shop.world.slack.faults.reset("chat.postMessage", after_accepting=True)
    post(shop)
    for _ in range(3):
        later(shop, 60)
        post(shop)
    parent = shop.notice(APPROVAL)
    thread = shop.world.slack.person(JONAS).thread(APPROVALS, parent.ts)
    assert len(thread) == 2
    assert shop.notice("reminder/R-1").state is NoticeState.POSTED


def test_a_reply_waits_for_its_thread(shop: Shop) -> None:
    want(shop, Notice("reminder/R-1", "reminder", "R-1", APPROVALS, thread_of=APPROVAL))
    shop.undrawable.add(APPROVAL)
    post(shop)
    assert shop.notice("reminder/R-1").state is NoticeState.NEW
    shop.undrawable.clear()
    later(shop, 10)
    post(shop)
    post(shop)
    thread = shop.world.slack.person(JONAS).thread(APPROVALS, shop.notice(APPROVAL).ts)
    assert len(thread) == 2


def test_a_card_that_somebody_deleted_is_posted_anew(shop: Shop) -> None:
    post(shop)
    first = shop.notice(APPROVAL).ts
    shop.world.slack.admin.delete_message(APPROVALS, first)
    want(shop, shop.notice(APPROVAL))
    post(shop)
    post(shop)
    assert len(cards(shop)) == 1
    assert shop.notice(APPROVAL).ts != first


@pytest.mark.parametrize("how", ["kicked", "archived", "deleted"])
@pytest.mark.parametrize("posted", [False, True])
def test_where_its_channel_is_closed_the_requester_gets_the_card(
    shop: Shop, how: str, posted: bool
) -> None:
    """As a direct message that says why; the audit log knows, and later changes are drawn there."""
    if posted:
        post(shop)
    admin = shop.world.slack.admin
    {"kicked": admin.kick_app, "archived": admin.archive, "deleted": admin.delete_channel}[how](
        APPROVALS
    )
    want(shop, shop.notice(APPROVAL))
    for _ in range(3):
        post(shop)
    found = shop.notice(APPROVAL)
    assert found.state is NoticeState.POSTED
    assert found.channel.startswith("D")
    assert found.reason.startswith(f"instead of {APPROVALS} (")
    said = [m for m in shop.world.slack.person(MAYA).messages(found.channel) if m["ts"] == found.ts]
    assert "I cannot post there" in json.dumps(said[0]["blocks"])
    assert "notice.rerouted" in [kind for kind, *_ in shop.audited()]
    want(shop, shop.notice(APPROVAL))
    post(shop)
    assert shop.notice(APPROVAL).shown == shop.notice(APPROVAL).wanted


def test_where_not_even_the_requester_can_be_reached_it_ends_with_the_reason(shop: Shop) -> None:
    shop.world.slack.admin.kick_app(APPROVALS)
    shop.world.slack.faults.refuse("conversations.open", "user_disabled", times=9)
    for _ in range(3):
        post(shop)
    found = shop.notice(APPROVAL)
    assert (found.state, found.reason) == (NoticeState.FAILED, "user_disabled")
    assert "notice.lost" in [kind for kind, *_ in shop.audited()]


def test_a_channel_that_is_open_again_gets_the_card_at_its_next_change(shop: Shop) -> None:
    """Ten minutes later at the earliest: a live card does not try at every step."""
    shop.world.slack.admin.kick_app(APPROVALS)
    shop.world.slack.faults.refuse("conversations.open", "user_disabled", times=2)
    for _ in range(3):
        post(shop)
    assert shop.notice(APPROVAL).state is NoticeState.FAILED
    shop.world.slack.admin.invite_app(APPROVALS)
    later(shop, 540)
    want(shop, Notice(APPROVAL, "approval", "R-1", APPROVALS))
    post(shop)
    assert cards(shop) == []
    later(shop, 60)
    want(shop, Notice(APPROVAL, "approval", "R-1", APPROVALS))
    post(shop)
    found = shop.notice(APPROVAL)
    assert (found.state, found.channel, found.reason) == (NoticeState.POSTED, APPROVALS, "")
    assert len(cards(shop)) == 1


@pytest.mark.parametrize("posted", [False, True])
def test_a_channel_that_others_read_gets_no_card(shop: Shop, posted: bool) -> None:
    """Plans name nodes and what they lack. The requester gets it, with the reason."""
    if posted:
        post(shop)
        want(shop, shop.notice(APPROVAL))
    shop.world.slack.admin.share(APPROVALS, PARTNER)
    shop.world.clock.now += 600  # what is known of channels is kept for a few minutes
    before = len(shop.world.slack.calls.of("chat.update"))
    for _ in range(3):
        post(shop)
    found = shop.notice(APPROVAL)
    assert found.reason == f"instead of {APPROVALS} (shared_with_others)"
    assert found.channel.startswith("D")
    assert len(cards(shop)) == int(posted)
    assert len(shop.world.slack.calls.of("chat.update")) == before


def test_a_broken_glass_is_told_to_each_member_of_a_user_group(shop: Shop) -> None:
    """Also while both channels are closed."""
    shop.world.slack.admin.kick_app(APPROVALS)
    shop.world.slack.admin.kick_app(PATCHING)
    move = requests.break_glass(
        shop.ledger.requests()[0],
        Person(ELENA),
        "it burns",
        shop.now,
        allowed=Members(users=frozenset({ELENA})),
    )
    with shop.ledger.change() as change:
        change.save_request(move.request, move.entries)
    want(shop, *noticing.about_broken_glass(move.request, RULES))
    for _ in range(4):
        post(shop)
    for person in (JONAS, PRIYA):
        told = shop.notice(f"break_glass/R-1/{PLATFORM_APPROVERS}/{person}")
        assert told.state is NoticeState.POSTED
        assert told.channel.startswith("D")
    assert not [one.key for one in shop.ledger.notices() if one.state is NoticeState.FAILED]


@pytest.mark.parametrize("code", ["ratelimited", "invalid_auth", "missing_scope"])
def test_what_passes_is_waited_for(shop: Shop, code: str) -> None:
    """Too many calls, or a token that is being changed: not posted twice, not given up, not asked at once again."""
    shop.world.slack.faults.refuse("chat.postMessage", code, times=2)
    post(shop)
    assert shop.notice(APPROVAL).state is NoticeState.NEW
    before = len(shop.world.slack.calls.of("chat.postMessage"))
    post(shop)
    assert len(shop.world.slack.calls.of("chat.postMessage")) == before
    later(shop, 6)
    post(shop)
    assert len(cards(shop)) == 1


def test_slack_is_asked_less_and_less_often(shop: Shop) -> None:
    shop.world.slack.faults.refuse("chat.postMessage", "ratelimited", times=1000)
    for _ in range(720):
        later(shop, 5)
        post(shop)
    assert len(shop.world.slack.calls.of("chat.postMessage")) < 50


def test_a_card_that_cannot_be_drawn_does_not_hide_the_others(shop: Shop) -> None:
    """A bug in one card costs that card only."""
    shop.undrawable.add("requester/R-1")
    want(shop, Notice("what/R-1", "what", "R-1", PATCHING))
    post(shop)
    assert len(cards(shop)) == 1
    assert shop.notice("requester/R-1").state is NoticeState.NEW
    assert shop.notice("what/R-1").state is NoticeState.FAILED


def test_the_loop_survives_whatever_happens() -> None:
    """The thread goes on after an exception, and ends when it is told to."""
    calls: list[int] = []

    def work() -> None:
        calls.append(1)
        raise RuntimeError("a bug")

    loop = Loop(work, name="test", idle_seconds=0.001)
    loop.start()
    until(lambda: len(calls) > 3)
    loop.stop()
    assert loop.stopping


def gate_of(shop: Shop, rules: ChangeRules) -> str:
    """A run of the request whose gate is closed; the key of the question about it."""
    request = shop.ledger.requests()[0]
    plan = shop.ledger.plan(request.digest)
    assert plan is not None
    run = planned(request, plan, shop.now, limit=timedelta(hours=4))
    with shop.ledger.change() as change:
        change.add_run(run, [], [about_run(run, "planned", {})])
        for state in (RunState.RUNNING, RunState.PAUSED):
            run = moved(run, state, shop.now, why="a node did not come back")
            change.save_run(run, [about_run(run, state.value, {"wave": 1})])
        noticing.show(change, noticing.about_run(run, request, rules))
        noticing.show(change, noticing.closed_gate(run, request, rules))
    return f"gate/{run.id}/1"


def test_a_question_in_a_thread_is_shown_in_the_channel_too(shop: Shop) -> None:
    """Nobody looks into the thread of a run that stands still."""
    key = gate_of(shop, replace(RULES, approval_channel="", channel=APPROVALS))
    post(shop)
    post(shop)
    assert shop.notice(key).state is NoticeState.POSTED
    (said,) = (
        call for call in shop.world.slack.calls.of("chat.postMessage") if key in str(call.args)
    )
    assert "reply_broadcast" in said.args
    assert "thread_ts" in said.args


def test_where_no_channel_is_open_each_approver_is_asked_about_the_gate(shop: Shop) -> None:
    """The requester cannot answer it."""
    key = gate_of(shop, RULES)
    shop.world.slack.admin.kick_app(APPROVALS)
    for _ in range(4):
        post(shop)
    for person in (JONAS, PRIYA):
        told = shop.notice(f"{key}/{PLATFORM_APPROVERS}/{person}")
        assert told.state is NoticeState.POSTED
        assert told.channel.startswith("D")


def test_a_question_that_somebody_deleted_is_asked_anew(shop: Shop) -> None:
    key = gate_of(shop, RULES)
    post(shop)
    first = shop.notice(key).ts
    shop.world.slack.admin.delete_message(APPROVALS, first)
    want(shop, shop.notice(key))
    post(shop)
    post(shop)
    assert shop.notice(key).ts not in {"", first}
