"""`/patch digest … on` from the keyboard to the ledger: on disk before the ack, taken up once, answered privately."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.chatops import notices
from bot.core.audit import Entry
from bot.core.ledger import InboxItem
from bot.core.schedules import SlotState, Subscription, moved, stored
from bot.demo.slack.demo_workspace import (
    APPROVALS,
    GUS,
    HOME,
    JONAS,
    MAYA,
    PATCHING,
    PRIYA,
    SHARED,
    STRANGER,
)
from bot.services.noticing import digest_failed
from tests.core.schedules import a_slot, a_subscription
from tests.slack import signed
from tests.slack.changing import Shop, shop_of
from tests.slack.conftest import Front, until

ON = "digest prod on 09:00 Europe/Berlin weekdays"


@pytest.fixture
def shop(tmp_path: Path, front: Front) -> Iterator[Shop]:
    with shop_of(tmp_path, front) as opened:
        yield opened


def subscriptions(shop: Shop) -> tuple[Subscription, ...]:
    return shop.ledger.subscriptions()


def refusals(shop: Shop) -> list[tuple[str, str]]:
    return [(kind, actor) for kind, actor, _ in shop.audited() if kind.endswith(".refused")]


def test_on_list_and_off(shop: Shop) -> None:
    shop.start()
    shop.world.ask(MAYA, PATCHING, ON)
    assert "09:00 Europe/Berlin weekdays" in shop.told(MAYA, PATCHING, "D-1: this channel gets")
    (found,) = subscriptions(shop)
    assert (found.channel, found.created_by) == (PATCHING, MAYA)
    assert "digest.subscribed" in [kind for kind, *_ in shop.audited()]
    shop.world.ask(JONAS, PATCHING, "digest list")
    card = shop.world.answer(JONAS, PATCHING, "1 digest")
    assert "weekdays at 09:00 Europe/Berlin" in str(card["blocks"])
    shop.world.ask(JONAS, PATCHING, "digest prod off")
    shop.told(JONAS, PATCHING, "gets no digest of prod any more")
    assert [one.active for one in subscriptions(shop)] == [False]


def test_by_its_id_it_ends_from_another_channel(shop: Shop) -> None:
    shop.start()
    shop.world.ask(MAYA, PATCHING, ON)
    shop.told(MAYA, PATCHING, "D-1: this channel gets")
    shop.world.ask(JONAS, APPROVALS, "digest d-1 off")
    shop.told(JONAS, APPROVALS, "D-1: its channel gets no digest of prod any more")
    assert [one.active for one in subscriptions(shop)] == [False]


def test_whoever_set_it_up_hears_how_to_end_one_that_fails(shop: Shop) -> None:
    slot, subscription = a_slot(), a_subscription()
    posting, began = moved(slot, SlotState.POSTING, posting_at=slot.instant)
    failed, ended = moved(posting, SlotState.FAILED, why="Slack refused it (is_archived)")
    with shop.ledger.change() as change:
        change.add_subscription(
            subscription, [Entry("digest.subscribed", MAYA, subscription.subject, {})]
        )
        change.claim_slot(slot, [stored(slot)])
        change.move_slot(posting, was=slot.state, entries=[began])
        change.move_slot(failed, was=posting.state, entries=[ended])
    (notice,) = digest_failed(subscription, failed)
    card = notices.draw(notice, shop.ledger, shop.now)
    assert "is_archived" in card.text
    assert "`/patch digest D-1 off`" in str(card.blocks)


def test_the_running_bot_posts_it(shop: Shop) -> None:
    """In a thread of its own, next morning; the list says so."""
    shop.start()
    shop.world.ask(MAYA, PATCHING, ON)
    shop.told(MAYA, PATCHING, "D-1")
    shop.now = datetime(2026, 11, 24, 8, 0, 5, tzinfo=UTC)
    poster = shop.world.bot._digests
    assert poster is not None
    poster.wake()
    shop.world.answer(JONAS, PATCHING, "Digest D-1/2026-11-24: prod as of 08:00")
    until(lambda: shop.ledger.slots("D-1")[0].state is SlotState.POSTED)
    shop.world.ask(JONAS, PATCHING, "digest list")
    shop.world.answer(JONAS, PATCHING, "Tue 2026-11-24: posted")


def test_only_who_typed_it_sees_the_answer(shop: Shop) -> None:
    shop.start()
    shop.world.ask(MAYA, PATCHING, ON)
    shop.told(MAYA, PATCHING, "D-1")
    seen = [one["text"] for one in shop.world.slack.person(JONAS).messages(PATCHING)]
    assert not any("D-1" in text for text in seen)


def test_it_is_on_disk_before_the_ack(shop: Shop) -> None:
    """Not started, nothing is taken up: it waits in the inbox, with ids and what was typed."""
    assert signed.command(shop.world, MAYA, ON, trigger_id="T.1").status == 200
    (item,) = shop.ledger.inbox()
    assert (item.key, item.kind, item.person, item.team) == ("typed/T.1", "digest.on", MAYA, HOME)
    assert item.body == {
        "environment": "prod",
        "at": "09:00",
        "zone": "Europe/Berlin",
        "days": "weekdays",
        "channel": PATCHING,
    }
    shop.start()
    until(lambda: bool(subscriptions(shop)))


def test_what_cannot_be_stored_is_not_acknowledged(shop: Shop) -> None:
    shop.start()
    shop.ledger.full = True
    shop.world.ask(MAYA, PATCHING, ON)
    shop.told(MAYA, PATCHING, "could not store it")
    assert subscriptions(shop) == ()


def test_the_same_delivery_again_is_the_same_wish(shop: Shop) -> None:
    """Slack may deliver twice; across a restart the key in the inbox knows it."""
    signed.command(shop.world, MAYA, ON, trigger_id="T.1")
    (item,) = shop.ledger.inbox()
    assert not shop.ledger.put_inbox(InboxItem(item.key, "x", MAYA, HOME, {}, shop.now))
    signed.command(shop.world, MAYA, ON, trigger_id="T.1")
    assert len(shop.ledger.inbox()) == 1


@pytest.mark.parametrize("user", [GUS, PRIYA, STRANGER])
def test_who_may_not_is_refused_and_audited(shop: Shop, user: str) -> None:
    shop.start()
    team = "T0CONTOSO01" if user == STRANGER else HOME
    assert signed.command(shop.world, user, ON, team_id=team).status == 200
    until(lambda: bool(refusals(shop)))
    assert {actor for _, actor in refusals(shop)} == {user}
    assert subscriptions(shop) == ()


def test_where_others_listen_nothing_is_turned_on(shop: Shop) -> None:
    shop.start()
    shop.world.ask(MAYA, SHARED, ON)
    shop.told(MAYA, SHARED, "people of other companies")
    assert subscriptions(shop) == ()


def test_a_mistake_is_told_at_once_and_stored_nowhere(shop: Shop) -> None:
    shop.start()
    shop.world.ask(MAYA, PATCHING, "digest prod on 09:00 Berlin")
    card = shop.world.answer(MAYA, PATCHING, "neither a time zone nor days")
    assert "Europe/Berlin" in str(card["blocks"])
    assert subscriptions(shop) == ()


def test_without_a_zone_it_is_the_profile_s(shop: Shop) -> None:
    shop.start()
    shop.world.ask(MAYA, PATCHING, "digest prod on")
    shop.told(MAYA, PATCHING, "D-1")
    (found,) = subscriptions(shop)
    assert found.in_words() == "09:00 Europe/Stockholm weekdays"


def test_a_button_turns_nothing_on(shop: Shop) -> None:
    """Buttons carry sentences that ask; one that changes something must be typed."""
    shop.start()
    signed.click(shop.world, MAYA, ON)
    shop.world.answer(MAYA, PATCHING, "not turned on or off")
    assert subscriptions(shop) == ()
