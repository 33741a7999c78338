"""Digests in Slack: each slot once, found again after a lost answer, or ended with its reason, and somebody told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml

from bot.chatops.registry import Registry
from bot.chatops.reply import Picture
from bot.core.audit import Entry
from bot.core.schedules import SlotState, moved
from bot.demo.slack.demo_workspace import APPROVALS, JONAS, MAYA, PATCHING, SHARED
from bot.demo.slack.server import LocalSlack
from bot.slack.manifest import manifest
from bot.slack.pictures import Pictures
from bot.slack.pool import Pool
from tests.slack.digesting import Press, press_of
from tests.slack.sample.drawing import PNG

SETTLED = {"seconds": 31}


@pytest.fixture
def press(tmp_path: Path) -> Iterator[Press]:
    path = tmp_path / "manifest.yml"
    path.write_text(yaml.safe_dump(manifest(Registry("commands"))))
    with LocalSlack(path) as slack, press_of(tmp_path, slack) as opened:
        yield opened


def test_a_digest_is_posted_once_at_its_time(press: Press) -> None:
    press.subscribe()
    press.later(seconds=59)
    assert press.ledger.slots("D-1") == ()
    for _ in range(5):
        press.later(seconds=1)
        press.restart()
    assert len(press.said()) == 1
    slot = press.slot()
    assert (slot.state, slot.channel, slot.late) == (SlotState.POSTED, PATCHING, False)
    (call,) = press.slack.calls.of("chat.postMessage")
    assert call.args["metadata"] == {
        "event_type": "patchbot_digest",
        "event_payload": {"key": slot.key},
    }
    assert call.args["unfurl_links"] is False
    assert press.kinds() == ["subscribed", "claimed", "intended", "posted"]


def test_it_compares_with_the_last_posted_one_and_names_what_was_missed(press: Press) -> None:
    press.subscribe()
    press.later(minutes=1)
    first = press.slot()
    press.later(days=3)
    assert [slot.state for slot in press.ledger.slots("D-1")] == [
        "posted",
        "skipped",
        "skipped",
        "posted",
    ]
    assert press.composed == [None, first.posting_at]
    _, before = press.drawn[-1]
    assert [slot.day for slot in before] == [first.day + timedelta(days=n) for n in (1, 2)]
    assert press.slot().late is False


def test_after_months_of_downtime_all_of_them_are_named(press: Press) -> None:
    press.subscribe()
    press.later(minutes=1)
    press.slack.faults.refuse("chat.postMessage", "is_archived")
    press.later(days=100)
    press.later(days=1)
    assert len(press.drawn[-1][1]) == 100
    assert press.composed[-1] == press.ledger.slots("D-1", limit=200)[-1].posting_at


def test_after_downtime_the_newest_comes_late_and_says_so(press: Press) -> None:
    press.subscribe()
    press.restart()
    press.later(days=1, hours=5)
    assert "(late)" in press.said()[0]
    assert len(press.said()) == 1
    assert "down from" in press.ledger.slots("D-1")[1].reason


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize("killed", [True, False])
def test_after_a_lost_answer_it_is_looked_for(press: Press, accepted: bool, killed: bool) -> None:
    """Found it is there; readable and absent it is posted once more. Never at once, never twice."""
    press.subscribe()
    press.slack.faults.reset("chat.postMessage", after_accepting=accepted)
    press.later(minutes=1)
    assert press.slot().state is SlotState.POSTING
    if killed:
        press.restart()
    press.later(seconds=5)
    assert press.slot().state is SlotState.POSTING
    for _ in range(3):
        press.later(**SETTLED)
    assert press.slot().state is SlotState.POSTED
    assert press.slot().repeats == int(not accepted)
    assert len(press.said()) == 1


def test_two_lost_answers_are_enough(press: Press) -> None:
    press.subscribe()
    press.slack.faults.reset("chat.postMessage", times=9, after_accepting=False)
    press.later(minutes=1)
    for _ in range(20):
        press.later(**SETTLED)
    assert len(press.slack.calls.of("chat.postMessage")) == 2
    assert press.slot().state is SlotState.FAILED
    assert press.slot().reason == "Slack did not answer, and it is not in the channel"


def test_where_the_channel_cannot_be_read_it_is_unknown_until_it_is_found(press: Press) -> None:
    press.subscribe()
    press.slack.faults.reset("chat.postMessage", after_accepting=True)
    press.slack.faults.refuse("conversations.history", "not_in_channel")
    press.later(minutes=1)
    press.later(**SETTLED)
    slot = press.slot()
    assert (slot.state, "not_in_channel" in slot.reason) == (SlotState.UNKNOWN, True)
    press.later(minutes=11)
    assert press.slot().state is SlotState.POSTED
    assert len(press.said()) == 1


def test_what_stays_unknown_is_never_posted_again(press: Press) -> None:
    press.subscribe()
    press.slack.faults.reset("chat.postMessage", after_accepting=False)
    press.slack.faults.refuse("conversations.history", "not_in_channel")
    press.later(minutes=1)
    for _ in range(10):
        press.later(minutes=11)
    assert press.slot().state is SlotState.UNKNOWN
    assert press.said() == []
    press.later(days=1)
    assert [slot.state for slot in press.drawn[-1][1]] == [SlotState.UNKNOWN]


def test_the_next_one_waits_until_it_is_known_what_became_of_the_last(press: Press) -> None:
    """Else it could not name it."""
    press.subscribe()
    press.slack.faults.reset("chat.postMessage", after_accepting=False)
    press.slack.faults.refuse("conversations.history", "not_in_channel")
    press.later(minutes=1)
    press.restart()
    press.later(days=1)
    assert [slot.state for slot in press.ledger.slots("D-1")] == [SlotState.POSTING]
    press.later(**SETTLED)
    states = [slot.state for slot in press.ledger.slots("D-1")]
    assert states == [SlotState.POSTED, SlotState.UNKNOWN]
    assert [slot.state for slot in press.drawn[-1][1]] == [SlotState.UNKNOWN]


def test_a_digest_behind_many_messages_is_found(press: Press) -> None:
    press.subscribe()
    press.slack.faults.reset("chat.postMessage", after_accepting=True)
    press.later(minutes=1)
    for number in range(205):
        press.api.post(PATCHING, {"text": f"chatter {number}"})
    press.later(seconds=5)
    press.later(**SETTLED)
    assert press.slot().state is SlotState.POSTED
    assert len(press.said()) == 1


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ("kick_app", "not_in_channel"),
        ("archive", "is_archived"),
        ("delete_channel", "channel_not_found"),
    ],
)
def test_a_closed_channel_fails_and_its_owner_hears_of_it(
    press: Press, how: str, code: str
) -> None:
    """Once a day, and the subscription stays."""
    press.subscribe()
    getattr(press.slack.admin, how)(PATCHING)
    for _ in range(5):
        press.later(minutes=1)
    slot = press.slot()
    assert (slot.state, slot.reason) == (SlotState.FAILED, f"Slack refused it ({code})")
    assert len(press.slack.calls.of("chat.postMessage")) <= 1
    (told,) = press.tell()
    assert code in told
    assert press.tell() == [told]
    press.later(days=1)
    assert len(press.tell()) == 2
    assert press.ledger.subscriptions()[0].active


def test_where_others_read_along_nothing_is_posted(press: Press) -> None:
    """A channel may be shared after somebody subscribed it."""
    press.subscribe(channel=SHARED)
    press.later(minutes=1)
    assert press.slot().state is SlotState.FAILED
    assert press.slot().reason.startswith("the channel is shared with another organisation")
    assert press.said(SHARED, MAYA) == []
    assert "shared with another organisation" in press.tell()[0]


def test_too_many_calls_are_waited_for_within_the_slot(press: Press) -> None:
    press.subscribe()
    press.slack.faults.refuse("chat.postMessage", "ratelimited", times=3)
    press.pass_by(minutes=4)
    assert press.slot().state is SlotState.POSTED
    assert len(press.said()) == 1


def test_slack_is_asked_less_and_less_often_until_the_time_has_passed(press: Press) -> None:
    press.subscribe()
    press.slack.faults.refuse("chat.postMessage", "ratelimited", times=10_000)
    press.pass_by(minutes=60)
    assert 10 < len(press.slack.calls.of("chat.postMessage")) < 25
    for _ in range(63):
        press.later(minutes=5)
    slot = press.slot()
    assert (slot.state, slot.reason) == (SlotState.FAILED, "Slack did not take it (ratelimited)")


def test_what_cannot_be_composed_is_tried_until_its_time_has_passed(press: Press) -> None:
    press.subscribe()
    press.broken = True
    press.pass_by(minutes=30)
    assert press.slot().state is SlotState.CLAIMED
    press.broken = False
    press.pass_by(minutes=6)
    assert press.slot().state is SlotState.POSTED
    press.broken = True
    press.later(days=1, minutes=-36)
    for _ in range(75):
        press.later(minutes=5)
    assert (press.slot().state, press.slot().reason) == (SlotState.FAILED, "AWS did not answer")
    assert "AWS did not answer" in press.tell()[0]


def test_one_digest_that_cannot_be_made_does_not_hide_the_others(press: Press) -> None:
    press.subscribe(zone="Mars/Olympus")
    press.subscribe(id="D-2", environment="staging")
    press.later(minutes=1)
    assert len(press.said()) == 1


def test_a_claim_that_was_left_behind_is_skipped_with_the_reason(press: Press) -> None:
    """Killed after the claim, started again the next day."""
    press.subscribe()
    press.broken = True
    press.later(minutes=1)
    press.broken = False
    press.restart()
    press.later(hours=7)
    assert press.slot().state is SlotState.SKIPPED
    assert press.slot().reason.startswith("down from")


def test_turned_off_nothing_more_is_posted(press: Press) -> None:
    subscription = press.subscribe()
    press.broken = True
    press.later(minutes=1)
    off = replace(subscription, active=False, version=2)
    with press.ledger.change() as change:
        change.save_subscription(off, [Entry("digest.unsubscribed", "U1", off.subject, {})])
    press.broken = False
    press.pass_by(minutes=10)
    assert (press.slot().state, press.slot().reason) == (SlotState.SKIPPED, "it was turned off")
    press.later(days=3)
    assert len(press.ledger.slots("D-1")) == 1


def test_the_clock_jumps(press: Press) -> None:
    """While it is in doubt nothing is stored; back again there is no second post; ahead there is one at most."""
    press.subscribe()
    press.later(minutes=1)
    for hours in (-48, 47, 1):
        press.later(hours=hours)
    assert len(press.said()) == 1
    press.doubt = "the clock jumped"
    press.later(hours=48)
    assert len(press.ledger.slots("D-1")) == 1
    press.doubt = ""
    press.later(minutes=10)
    assert [slot.state for slot in press.ledger.slots("D-1")] == ["posted", "skipped", "posted"]
    press.later(hours=-48)
    assert len(press.said()) == 2


@pytest.mark.parametrize("there", [True, False])
def test_after_a_restore_what_is_in_the_channel_is_adopted(press: Press, there: bool) -> None:
    """The lost ledger may have posted it; only what the channel surely has not is posted."""
    press.subscribe()
    key = f"D-1/{press.now + timedelta(minutes=1):%Y-%m-%d}"
    if there:
        metadata = {"event_type": "patchbot_digest", "event_payload": {"key": key}}
        press.api.say(PATCHING, {"text": f"Digest {key}", "metadata": metadata})
    press.now += timedelta(minutes=30)
    with press.ledger.change() as change:
        change.audit(Entry("ledger.restore_accepted", "operator", "ledger/x", {}))
    press.later(minutes=1)
    assert press.slot().key == key
    assert press.slot().state is SlotState.POSTED
    assert len(press.said()) == 1
    assert len(press.drawn) == int(not there)
    assert press.slot().late is not there


def test_after_a_restore_into_a_channel_that_cannot_be_read_it_is_unknown(press: Press) -> None:
    press.subscribe()
    press.now += timedelta(minutes=30)
    with press.ledger.change() as change:
        change.audit(Entry("ledger.restore_accepted", "operator", "ledger/x", {}))
    press.slack.faults.refuse("conversations.history", "not_in_channel", times=99)
    press.later(minutes=1)
    assert press.slot().state is SlotState.UNKNOWN
    assert press.said() == []


def test_what_a_restored_ledger_has_forgotten_is_not_called_downtime(press: Press) -> None:
    press.subscribe()
    press.now += timedelta(days=1, hours=12)
    with press.ledger.change() as change:
        change.audit(Entry("ledger.restore_accepted", "operator", "ledger/x", {}))
    press.later(minutes=1)
    assert {slot.state for slot in press.ledger.slots("D-1")} == {SlotState.SKIPPED}
    assert "restored" in press.slot().reason
    press.later(days=2)
    assert "down from" in press.ledger.slots("D-1")[0].reason


def test_a_slot_that_was_claimed_when_the_copy_was_made_is_only_looked_for(press: Press) -> None:
    press.subscribe()
    press.broken = True
    press.later(minutes=1)
    slot = press.slot()
    lost, entry = moved(slot, SlotState.UNKNOWN, why="the ledger was restored from an older copy")
    with press.ledger.change() as change:
        change.move_slot(lost, was=slot.state, entries=[entry])
    press.broken = False
    press.later(minutes=1)
    assert press.said() == []
    metadata = {"event_type": "patchbot_digest", "event_payload": {"key": slot.key}}
    press.api.say(PATCHING, {"text": f"Digest {slot.key}", "metadata": metadata})
    press.later(minutes=11)
    assert press.slot().state is SlotState.POSTED


@pytest.mark.parametrize("taken", [True, False])
def test_a_digest_comes_with_its_picture_or_without(press: Press, taken: bool) -> None:
    """What Slack does not take of a picture costs the picture, and posts nothing twice."""
    pool = Pool(1, 10)
    press.pictures = Pictures(press.api, pool, sleep=lambda _: None)
    press.picture = Picture("SAMPLE", lambda: PNG)
    press.restart()
    if not taken:
        press.slack.faults.refuse("chat.postMessage", "invalid_blocks", times=3)
    press.subscribe()
    press.later(minutes=1)
    assert (press.slot().state, len(press.said())) == (SlotState.POSTED, 1)
    (said,) = [
        one
        for one in press.slack.person(JONAS).messages(PATCHING)
        if one["text"].startswith("Digest")
    ]
    assert ("image" in [block["type"] for block in said["blocks"]]) is taken
    pool.stop(1)


@pytest.mark.parametrize("answered", [True, False])
def test_owners_are_told_once_when_the_digest_is_there(press: Press, answered: bool) -> None:
    """In the same transaction in which it is posted, or found."""
    press.others = ("payments", "data")
    if not answered:
        press.slack.faults.reset("chat.postMessage", after_accepting=True)
    press.subscribe()
    press.subscribe(id="D-2", channel=APPROVALS)
    press.later(minutes=1)
    for _ in range(3):
        press.later(**SETTLED)
    parts = [one for one in press.ledger.notices() if one.kind == "owners_part"]
    assert sorted(one.key.rsplit("/", 1)[1] for one in parts) == ["data", "payments"]


def test_one_that_was_turned_off_while_it_was_made_is_not_posted(press: Press) -> None:
    """Making it may take minutes."""
    subscription = press.subscribe()

    def slow(environment: str, since: datetime | None, now: datetime) -> str:
        off = replace(subscription, active=False, version=subscription.version + 1)
        with press.ledger.change() as change:
            entry = Entry("digest.unsubscribed", MAYA, off.subject, {})
            change.save_subscription(off, [entry])
        return "prod"

    press.compose = slow  # type: ignore[method-assign]
    press.restart()
    press.later(minutes=1)
    assert (press.slot().state, press.slot().reason) == (SlotState.SKIPPED, "it was turned off")
    assert press.said() == []


def test_a_channel_that_was_shared_while_it_was_made_gets_none(press: Press) -> None:
    press.subscribe()

    def slow(environment: str, since: datetime | None, now: datetime) -> str:
        press.slack.admin.share(PATCHING, "T0PARTNER1")
        press.now += timedelta(minutes=10)  # what is known of channels is kept for a few
        return "prod"

    press.compose = slow  # type: ignore[method-assign]
    press.restart()
    press.later(minutes=1)
    assert press.slot().state is SlotState.FAILED
    assert "shared with" in press.slot().reason
    assert press.said() == []


def test_a_clock_that_was_ahead_posts_nothing_twice(press: Press) -> None:
    """Slack stamps with its own time, so the message is older than the intent says."""
    real = press.now
    press.now += timedelta(hours=3)
    press.slack.faults.reset("chat.postMessage", after_accepting=True)
    press.subscribe()
    press.later(minutes=1)
    assert press.slot().state is SlotState.POSTING
    press.now = real + timedelta(minutes=2)
    press.restart()
    for _ in range(3):
        press.later(**SETTLED)
    assert press.slot().state is SlotState.POSTED
    assert press.slot().repeats == 0
    assert len(press.said()) == 1


def test_a_start_with_a_clock_far_ahead_uses_up_no_days(press: Press) -> None:
    """Slack's clock is asked after long downtime; when ours is right again, everything goes on."""
    press.subscribe()
    real = press.now
    press.their_clock = lambda: real
    press.now += timedelta(days=365)
    press.restart()
    press.pass_by(minutes=3)
    assert press.ledger.slots("D-1") == ()
    press.now = real
    press.later(minutes=1)
    assert press.slot().state is SlotState.POSTED
