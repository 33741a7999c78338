"""Clicks and forms that change something: stored before the ack, done once, by people who may, and never in silence."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.core.errors import StorageError
from bot.core.identity import AccessPolicy, Members
from bot.core.ledger import InboxItem, NoticeState
from bot.core.requests import RequestState
from bot.demo.slack.demo_workspace import (
    APPROVALS,
    ELENA,
    GUS,
    HOME,
    JONAS,
    MAYA,
    PARTNER,
    PATCHING,
    PLATFORM_APPROVERS,
    PRIYA,
    SHARED,
    STRANGER,
    WORKFLOW,
)
from bot.services.intake import Reply
from tests.services.changes import proposal
from tests.slack import signed
from tests.slack.changing import Shop, shop_of, values
from tests.slack.conftest import Front, until


@pytest.fixture
def shop(tmp_path: Path, front: Front) -> Iterator[Shop]:
    with shop_of(tmp_path, front) as opened:
        yield opened


def click(shop: Shop, by: str, action_id: str, value: str, **fields: Any) -> int:
    """A click as Slack sends it, for those whom the page would not let."""
    action = {"type": "button", "block_id": "b", "action_id": action_id, "value": value}
    trigger = shop.world.slack.live.triggers.issue(by)
    told = {"user": {"id": by, "team_id": HOME}, "actions": [action], "trigger_id": trigger}
    return signed.click(shop.world, by, "", **{**told, **fields}).status


def submission(
    user: str, callback: str, meta: dict[str, Any], typed: dict[str, str], **view: Any
) -> dict[str, str]:
    """A form as Slack sends it, with whatever in it."""
    state = {name: {"value": {"type": "plain_text_input", "value": v}} for name, v in typed.items()}
    payload = {
        "type": "view_submission",
        "user": {"id": user, "team_id": HOME},
        "team": {"id": HOME},
        "trigger_id": "t",
        "view": {
            "type": "modal",
            "id": "V1",
            "hash": "1.a",
            "callback_id": callback,
            "private_metadata": json.dumps(meta),
            "state": {"values": state},
            **view,
        },
    }
    return {"payload": json.dumps(payload)}


def answer_of(shop: Shop, fields: dict[str, str]) -> dict[str, Any]:
    """What the ack of a form says."""
    body = signed.send(shop.world, fields).body
    found: dict[str, Any] = json.loads(body) if body else {}
    return found


def approve(shop: Shop, user: str, **typed: str) -> dict[str, Any]:
    """Click on Approve, and send the form off."""
    person = shop.world.slack.person(user)
    assert person.click(shop.card(user), "do:approve")["ok"]
    view = shop.modal(user, "request.approve")
    return person.submit(view, values(view, **{"typed": "8", **typed}))


def said_in_form(shop: Shop, user: str, holds: str = "not done") -> str:
    """What stands in place of a form, once it does."""
    person = shop.world.slack.person(user)
    until(lambda: bool(person.views()) and holds in json.dumps(person.views()[-1]))
    return json.dumps(person.views()[-1], ensure_ascii=False)


# Asking


def test_an_install_is_asked_for_approved_by_two_and_every_word_arrives(shop: Shop) -> None:
    """The whole way through Slack: modal, request, card, two approvals, and the card that changes for everybody."""
    shop.start()
    maya = shop.world.slack.person(MAYA)
    assert maya.command(PATCHING, "/patch install prod")["ok"]
    view = shop.modal(MAYA, "request.submit")
    assert maya.submit(view, values(view, reason="openssl", ticket="OPS-1"))["ok"]
    shop.told(MAYA, PATCHING, "waits for approval")
    assert shop.notice("approval/R-1").channel == APPROVALS

    assert approve(shop, JONAS)["ok"]
    shop.told(JONAS, APPROVALS, "1 more is needed")
    until(lambda: "1 given" in shop.card(PRIYA)["text"])
    assert approve(shop, PRIYA)["ok"]
    until(lambda: shop.ledger.requests()[0].state is RequestState.APPROVED)
    until(lambda: shop.notice("approval/R-1").shown == shop.notice("approval/R-1").wanted)
    card = shop.card(PRIYA, "R-1")
    assert "do:approve" not in json.dumps(card["blocks"])
    assert shop.world.slack.calls.refused() == []


def test_a_button_opens_the_form_of_a_command(shop: Shop) -> None:
    """With the rights of whoever clicks; a button of a command that has no form answers privately, as others do."""
    click(shop, MAYA, "form:install", "install prod owner:web")
    assert "owner:web" in json.dumps(shop.modal(MAYA, "request.submit"))
    click(shop, GUS, "form:install", "install prod")
    assert "You may not use" in json.dumps(shop.modal(GUS, "sorry"))
    click(shop, MAYA, "form:status", "status prod", channel={"id": PATCHING})
    shop.told(MAYA, PATCHING, "8 nodes")
    assert len(shop.world.slack.person(MAYA).views()) == 1


def test_the_form_is_there_before_aws_is_read(shop: Shop) -> None:
    """views.open goes out with a placeholder while the reading still hangs; then the form is filled."""
    gate = threading.Event()
    preview = shop.surveyor.draft

    def slow(*args: Any, **more: Any) -> Any:
        assert gate.wait(10)
        return preview(*args, **more)

    shop.surveyor.draft = slow  # type: ignore[method-assign]
    maya = shop.world.slack.person(MAYA)
    maya.command(PATCHING, "/patch install prod")
    shop.modal(MAYA, "loading")
    assert shop.world.slack.calls.of("views.update") == []
    gate.set()
    shop.modal(MAYA, "request.submit")


def test_slow_readings_keep_nobody_elses_trigger_waiting(shop: Shop) -> None:
    """Forms are filled by other threads than those that open them."""
    gate = threading.Event()
    draft = shop.surveyor.draft

    def slow(*args: Any, **more: Any) -> Any:
        assert gate.wait(10)
        return draft(*args, **more)

    shop.surveyor.draft = slow  # type: ignore[method-assign]
    for _ in range(4):
        shop.world.slack.person(MAYA).command(PATCHING, "/patch install prod")
    shop.world.slack.person(JONAS).command(PATCHING, "/patch install prod")
    until(lambda: len(shop.world.slack.calls.of("views.open")) == 5)
    assert all(call.ok for call in shop.world.slack.calls.of("views.open"))
    gate.set()
    shop.modal(JONAS, "request.submit")


def test_whoever_may_not_ask_reads_why_in_the_form(shop: Shop) -> None:
    elena = shop.world.slack.person(ELENA)
    elena.command(PATCHING, "/patch install prod")
    assert "requester" in json.dumps(shop.modal(ELENA, "sorry")["blocks"])


def test_a_trigger_that_expired_is_told(shop: Shop) -> None:
    shop.world.slack.faults.refuse("views.open", "expired_trigger_id")
    shop.world.slack.person(MAYA).command(PATCHING, "/patch install prod")
    assert "not open the form in time" in shop.told(MAYA, PATCHING, "form")


def test_an_unexpected_error_while_filling_is_told_in_the_form(shop: Shop) -> None:
    """Nobody looks at the placeholder for ever."""

    def broken(*_args: Any, **_more: Any) -> Any:
        raise RuntimeError("a bug")

    shop.surveyor.draft = broken  # type: ignore[method-assign]
    shop.world.slack.person(MAYA).command(PATCHING, "/patch install prod")
    assert "error id" in json.dumps(shop.modal(MAYA, "sorry")["blocks"])


# Stored before the ack


def test_a_click_is_on_disk_before_the_ack_and_taken_up_at_the_next_start(shop: Shop) -> None:
    """A kill after the ack loses nothing: here nobody takes the inbox up until the bot is started."""
    request = shop.ask()
    assert click(shop, MAYA, "do:withdraw", request.id) == 200
    (item,) = shop.ledger.inbox()
    assert (item.kind, item.person) == ("request.cancel", MAYA)
    assert shop.ledger.requests()[0].is_open
    shop.start()
    until(lambda: shop.ledger.requests()[0].state is RequestState.CANCELLED)
    shop.told(MAYA, PATCHING, f"{request.id} is cancelled")


def test_without_a_place_on_disk_there_is_no_ack_and_the_person_is_told(shop: Shop) -> None:
    request = shop.ask()
    shop.ledger.full = True
    assert click(shop, MAYA, "do:withdraw", request.id) != 200
    assert "could not store it" in shop.told(MAYA, PATCHING, "The disk is full")
    assert shop.ledger.inbox() == ()
    assert shop.ledger.requests()[0].is_open


def test_the_same_click_twice_is_one_item(shop: Shop) -> None:
    """Slack may deliver again what it holds for lost."""
    request = shop.ask()
    for _ in range(3):
        assert click(shop, MAYA, "do:withdraw", request.id, trigger_id="same") == 200
    assert len(shop.ledger.inbox()) == 1
    shop.start()
    until(lambda: shop.ledger.inbox() == ())
    assert click(shop, MAYA, "do:withdraw", request.id, trigger_id="same") == 200
    assert shop.ledger.inbox() == ()
    assert [kind for kind, *_ in shop.audited()].count("request.cancelled") == 1


def test_the_same_form_twice_is_one_vote(shop: Shop) -> None:
    request = shop.ask()
    meta = {"request": request.id, "digest": request.digest, "channel": APPROVALS}
    form = submission(JONAS, "request.approve", meta, {"typed": "8"})
    for _ in range(3):
        assert answer_of(shop, form) == {}
    assert len(shop.ledger.inbox()) == 1
    shop.start()
    until(lambda: len(shop.ledger.requests()[0].votes) == 1)


def test_an_item_that_fails_keeps_none_waiting_and_is_told(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug in one handler: that item is refused with an error id and audited, the next is done."""
    request = shop.ask()
    take = shop.intake.take

    def fails_once(item: InboxItem) -> Reply | None:
        if item.key == "click/poison":
            raise RuntimeError("a bug")
        return take(item)

    monkeypatch.setattr(shop.intake, "take", fails_once)
    click(shop, JONAS, "do:withdraw", request.id, trigger_id="poison")
    click(shop, MAYA, "do:withdraw", request.id, trigger_id="good")
    shop.start()
    until(lambda: shop.ledger.requests()[0].state is RequestState.CANCELLED)
    assert "error id" in shop.told(JONAS, PATCHING, "went wrong on my side")
    assert ("request.refused", JONAS, "something went wrong on my side") in shop.audited()
    assert shop.ledger.inbox() == ()


def test_a_ledger_that_cannot_be_written_keeps_the_click_and_does_it_later(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = shop.ask()
    take, closed = shop.intake.take, [True]

    def held(item: InboxItem) -> Reply | None:
        if closed:
            raise StorageError("The ledger is busy.")
        return take(item)

    monkeypatch.setattr(shop.intake, "take", held)
    click(shop, MAYA, "do:withdraw", request.id)
    shop.start()
    shop.told(MAYA, PATCHING, "It waits")
    assert len(shop.ledger.inbox()) == 1
    closed.clear()
    click(shop, JONAS, "do:withdraw", request.id)  # wakes it, and is too late
    until(lambda: shop.ledger.inbox() == ())
    assert shop.ledger.requests()[0].state is RequestState.CANCELLED


def test_a_reading_that_hangs_does_not_hold_up_a_decision(shop: Shop) -> None:
    """Asking reads AWS in a thread of its own; whoever stops or denies does not wait behind it."""
    request = shop.ask()
    gate, draft = threading.Event(), shop.surveyor.draft

    def slow(*args: Any, **more: Any) -> Any:
        assert gate.wait(10)
        return draft(*args, **more)

    shop.surveyor.draft = slow  # type: ignore[method-assign]
    body = {"proposal": proposal(reason="more").body(), "channel": ""}
    shop.ledger.put_inbox(InboxItem("view/1", "request.submit", MAYA, HOME, body, shop.now))
    click(shop, MAYA, "do:withdraw", request.id)
    shop.start()
    until(lambda: shop.ledger.requests()[0].state is RequestState.CANCELLED)
    assert [item.key for item in shop.ledger.inbox()] == ["view/1"]
    gate.set()
    until(lambda: shop.ledger.inbox() == ())


def test_a_thousand_clicks_have_one_outcome(shop: Shop) -> None:
    """A thousand deliveries of a hundred approvals and denials from eight threads, through signatures and Bolt."""
    request = shop.ask()
    meta = {"request": request.id, "digest": request.digest, "channel": ""}

    def one(number: int) -> int:
        user = (JONAS, PRIYA)[number % 2]
        kind = ("request.approve", "request.deny")[number % 5 == 0]
        typed = {"typed": "8"} if kind == "request.approve" else {"reason": "no"}
        form = submission(user, kind, meta, typed, hash=f"{number % 100}.a")
        return signed.send(shop.world, form).status

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(one, range(1000))) == {200}
    assert len(shop.ledger.inbox()) == 100
    shop.start()
    until(lambda: shop.ledger.inbox() == (), seconds=60)
    kinds = [kind for kind, *_ in shop.audited()]
    assert kinds.count("request.denied") + kinds.count("request.approved") == 1
    done = kinds.count("request.voted") + kinds.count("request.denied")
    assert kinds.count("request.refused") == 100 - done


# Who may


@pytest.mark.parametrize(
    ("user", "team", "reason"),
    [
        (GUS, HOME, "guests cannot use patchbot"),
        (WORKFLOW, HOME, "bots and workflows cannot use patchbot"),
        (STRANGER, HOME, "only members of the workspace"),
        (STRANGER, PARTNER, "only members of the workspace"),
        (JONAS, PARTNER, "only members of the workspace"),
    ],
)
@pytest.mark.parametrize("verb", ["approve", "deny", "withdraw", "break_glass", "review"])
def test_guests_bots_and_strangers_decide_nothing_and_see_no_plan(
    shop: Shop, user: str, team: str, reason: str, verb: str
) -> None:
    """Each is refused with the reason, in the audit log too, and is shown no form."""
    request = shop.ask()
    shop.start()
    click(shop, user, f"do:{verb}", request.id, user={"id": user, "team_id": team})
    until(lambda: any(kind == "request.refused" for kind, *_ in shop.audited()))
    ((_, actor, why),) = (one for one in shop.audited() if one[0] == "request.refused")
    assert actor == user
    assert reason in why
    assert shop.ledger.requests()[0].votes == ()
    assert "prod-001" not in json.dumps([c.args for c in shop.world.slack.calls.of("views.update")])


def test_a_form_sent_off_by_a_guest_is_refused(shop: Shop) -> None:
    """Whatever they sent, it counts who they are when it is taken up."""
    request = shop.ask()
    meta = {"request": request.id, "digest": request.digest, "channel": APPROVALS}
    shop.start()
    assert answer_of(shop, submission(GUS, "request.approve", meta, {"typed": "8"})) == {}
    until(lambda: ("request.refused", GUS, "guests cannot use patchbot") in shop.audited())


def test_an_approver_who_was_removed_meanwhile_does_not_count(shop: Shop) -> None:
    """Membership is looked up at the click, not remembered from the form."""
    shop.ask()
    shop.start()
    jonas = shop.world.slack.person(JONAS)
    jonas.click(shop.card(JONAS), "do:approve")
    view = shop.modal(JONAS, "request.approve")
    shop.world.slack.admin.set_usergroup(PLATFORM_APPROVERS, [PRIYA])
    assert jonas.submit(view, values(view, typed="8"))["ok"]
    assert "you are not an approver of prod" in shop.told(JONAS, APPROVALS, "not done")
    assert shop.ledger.requests()[0].votes == ()


def test_the_requester_cannot_approve_the_own_request(shop: Shop) -> None:
    """Told in place of the form; and a form that is sent off all the same does not count."""
    request = shop.ask()
    shop.start()
    shop.world.slack.admin.set_usergroup(PLATFORM_APPROVERS, [MAYA, JONAS, PRIYA])
    assert shop.world.slack.person(MAYA).click(shop.card(MAYA), "do:approve")["ok"]
    assert "somebody else must approve it" in said_in_form(shop, MAYA)
    until(lambda: any("somebody else" in why for *_, why in shop.audited()))
    meta = {"request": request.id, "digest": request.digest, "channel": APPROVALS}
    assert answer_of(shop, submission(MAYA, "request.approve", meta, {"typed": "8"})) == {}
    assert "somebody else must approve it" in shop.told(MAYA, APPROVALS, "not done")
    assert shop.ledger.requests()[0].votes == ()


@pytest.mark.parametrize("verb", ["approve", "deny"])
def test_who_is_no_approver_learns_it_before_filling_in_a_form(shop: Shop, verb: str) -> None:
    request = shop.ask()
    shop.start()
    assert click(shop, ELENA, f"do:{verb}", request.id) == 200
    assert "you are not an approver of prod" in said_in_form(shop, ELENA)
    until(lambda: any(actor == ELENA for _, actor, _ in shop.audited()))
    ((kind, _, why),) = [one for one in shop.audited() if one[1] == ELENA]
    assert (kind, why) == ("request.refused", "you are not an approver of prod")


def test_who_may_not_ask_for_installs_is_in_the_log(shop: Shop) -> None:
    """Refused in place of the form; the audit log has what was tried."""
    shop.start()
    assert shop.world.slack.person(ELENA).command(PATCHING, "/patch install prod")["ok"]
    assert "the role “requester”" in said_in_form(shop, ELENA, "role")
    until(lambda: any(actor == ELENA for _, actor, _ in shop.audited()))
    (link,) = shop.ledger.audit(actor=ELENA)
    assert json.loads(link.body)["tried"] == "install prod"


def test_who_may_not_look_sees_no_form(shop: Shop) -> None:
    """The plan in it names nodes."""
    shop.world.bot._changes._forms._desk.access = AccessPolicy(viewers=Members())  # type: ignore[union-attr]
    request = shop.ask()
    shop.start()
    assert click(shop, ELENA, "do:approve", request.id) == 200
    assert "the role “viewer”" in said_in_form(shop, ELENA)


@pytest.mark.parametrize("verb", ["approve", "withdraw"])
def test_nothing_is_decided_where_other_companies_read_along(shop: Shop, verb: str) -> None:
    request = shop.ask()
    shop.start()
    container = {"type": "message", "message_ts": "1.2", "channel_id": SHARED}
    click(shop, MAYA, f"do:{verb}", request.id, container=container, channel={"id": SHARED})
    until(lambda: any("other companies" in why for *_, why in shop.audited()))
    assert shop.ledger.requests()[0].is_open


def test_nobody_decides_while_slack_does_not_say_who_they_are(shop: Shop) -> None:
    request = shop.ask()
    shop.world.slack.faults.server_error("users.info", times=10)
    click(shop, MAYA, "do:withdraw", request.id)
    shop.start()
    shop.told(MAYA, PATCHING, "could not check who you are")
    assert shop.ledger.requests()[0].is_open


def test_a_click_waits_while_slack_has_too_much_to_do(shop: Shop) -> None:
    """It is told once, and counts when Slack answers again."""
    request = shop.ask()
    shop.world.slack.faults.refuse("users.info", "ratelimited", times=2)
    click(shop, MAYA, "do:withdraw", request.id)
    shop.start()
    until(lambda: shop.ledger.requests()[0].state is RequestState.CANCELLED)
    shop.told(MAYA, PATCHING, "your click counts")
    shop.told(MAYA, PATCHING, "is cancelled")


def test_a_click_does_not_wait_for_ever(shop: Shop) -> None:
    request = shop.ask()
    shop.world.slack.faults.refuse("users.info", "ratelimited", times=10)
    click(shop, MAYA, "do:withdraw", request.id)
    shop.now += timedelta(minutes=6)
    shop.start()
    shop.told(MAYA, PATCHING, "could not check who you are")
    assert shop.ledger.inbox() == ()


def test_a_flood_of_clicks_is_let_in_slowly(shop: Shop) -> None:
    """By anybody, a guest too: the others' clicks are not to wait behind it."""
    request = shop.ask()
    for _ in range(100):
        assert click(shop, GUS, "do:withdraw", request.id) == 200
    assert len(shop.ledger.inbox()) == 30
    shop.world.clock.now += 60
    for _ in range(100):
        click(shop, GUS, "do:withdraw", request.id)
    assert len(shop.ledger.inbox()) == 50
    click(shop, MAYA, "do:withdraw", request.id)
    assert len(shop.ledger.inbox()) == 51


def test_a_stop_goes_before_what_waits(shop: Shop) -> None:
    request = shop.ask()
    for number in range(3):
        body = {"request": request.id, "digest": request.digest, "channel": "", "typed": 8}
        item = InboxItem(f"view/{number}", "request.approve", PRIYA, HOME, body, shop.now)
        shop.ledger.put_inbox(item)
    click(shop, MAYA, "do:withdraw", request.id)
    shop.start()
    until(lambda: shop.ledger.inbox() == ())
    assert shop.ledger.requests()[0].state is RequestState.CANCELLED
    assert shop.ledger.requests()[0].votes == ()


# Answers


def test_an_answer_that_nobody_gave_is_posted_later(shop: Shop) -> None:
    """The process died between doing it and saying so, or Slack was out of reach."""
    request = shop.ask()
    body = {"request": request.id, "channel": APPROVALS}
    item = InboxItem("click/1", "request.cancel", MAYA, HOME, body, shop.now)
    shop.ledger.put_inbox(item)
    assert shop.intake.take(item) is not None
    shop.board().post_due()
    assert shop.notice("answer/click/1").state is NoticeState.POSTING
    for _ in range(3):
        shop.now += timedelta(seconds=40)
        shop.board().post_due()
    found = shop.notice("answer/click/1")
    assert found.state is NoticeState.POSTED
    (said,) = [
        one
        for one in shop.world.slack.person(MAYA).messages(found.channel)
        if one["ts"] == found.ts
    ]
    assert "is cancelled" in said["text"]
    assert "could not give it at once" in json.dumps(said["blocks"])


def test_an_answer_that_was_given_is_not_posted_again(shop: Shop) -> None:
    request = shop.ask()
    shop.start()
    click(shop, MAYA, "do:withdraw", request.id)
    shop.told(MAYA, PATCHING, "is cancelled")
    key = next(one.key for one in shop.ledger.notices() if one.key.startswith("answer/click"))
    until(lambda: shop.notice(key).state is NoticeState.POSTED)
    assert shop.notice(key).ts == ""


# What they send


@pytest.mark.parametrize(
    ("action", "value"),
    [
        ("do:approve", "R-1; DROP TABLE"),
        ("do:approve", "X-1"),
        ("do:approve", ""),
        ("do:explode", "R-1"),
        ("do:continue", "X-1"),
        ("do:stop", "R-1"),
    ],
)
def test_a_button_nobody_made_does_nothing_and_says_so(shop: Shop, action: str, value: str) -> None:
    shop.ask()
    assert click(shop, JONAS, action, value) == 200
    shop.told(JONAS, PATCHING, "not one I know")
    assert shop.ledger.inbox() == ()


@pytest.mark.parametrize(
    ("meta", "said"),
    [
        ({"request": "R-99"}, "There is no request R-99"),
        ({}, "There is no request"),
        ({"request": ["R-1"]}, "There is no request"),
    ],
)
def test_a_form_of_no_request_is_not_stored(shop: Shop, meta: dict[str, Any], said: str) -> None:
    shop.ask()
    answer = answer_of(shop, submission(JONAS, "request.approve", meta, {"typed": "8"}))
    assert said in json.dumps(answer["view"])
    assert shop.ledger.inbox() == ()


@pytest.mark.parametrize(
    "more",
    [
        {"callback_id": "request.explode"},
        {"private_metadata": "{"},
        {"id": None, "hash": None},
        {"callback_id": "request.submit", "private_metadata": "[1]"},
        {"callback_id": "request.submit", "private_metadata": '{"proposal": 3}'},
    ],
)
def test_a_form_of_another_shape_is_not_stored(shop: Shop, more: dict[str, Any]) -> None:
    shop.ask()
    meta = {"request": "R-1", "digest": "x", "channel": ""}
    form = submission(JONAS, "request.approve", meta, {"typed": "8"}, **more)
    answer = answer_of(shop, form)
    assert answer["response_action"] == "update"
    assert shop.ledger.inbox() == ()


def test_another_digest_than_that_of_the_request_is_refused(shop: Shop) -> None:
    request = shop.ask()
    shop.start()
    meta = {"request": request.id, "digest": "0" * 64, "channel": ""}
    assert answer_of(shop, submission(JONAS, "request.approve", meta, {"typed": "8"})) == {}
    until(lambda: any("plan has changed" in why for *_, why in shop.audited()))


def test_errors_stand_beside_their_fields(shop: Shop) -> None:
    """A wrong count and an empty reason keep the form open; nothing is stored."""
    request = shop.ask()
    meta = {"request": request.id, "digest": request.digest, "channel": ""}
    answer = answer_of(shop, submission(JONAS, "request.approve", meta, {"typed": "7"}))
    assert "not the number of nodes" in answer["errors"]["typed"]
    answer = answer_of(shop, submission(JONAS, "request.deny", meta, {"reason": "  "}))
    assert answer["errors"] == {"reason": "This cannot be empty."}
    assert shop.ledger.inbox() == ()
