"""Digests on and off: who may, where, and what is stored of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import time, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.core.audit import Entry
from bot.core.identity import Person
from bot.core.schedules import WEEKDAYS, stored
from bot.services.intake import Reply
from tests.core.schedules import a_slot, a_subscription
from tests.services.changes import ADA, ANA, CAT, HOME, QUIET, ROOM, SHARED, World

GIVEN = {
    "environment": "prod",
    "at": "09:00",
    "zone": "Europe/Berlin",
    "days": "weekdays",
    "channel": ROOM,
}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def on(world: World, person: str = ANA, **changes: Any) -> Reply:
    return world.click("digest.on", person, **{**GIVEN, **changes})


def test_a_requester_subscribes_a_channel(world: World) -> None:
    reply = on(world)
    assert reply.allowed
    assert "09:00 Europe/Berlin weekdays" in reply.text
    (found,) = world.ledger.subscriptions()
    assert (found.id, found.channel, found.at, found.days) == ("D-1", ROOM, time(9), WEEKDAYS)
    assert (found.created_by, found.since, found.active) == (ANA, world.now, True)
    (link,) = world.ledger.audit(subject="digest/D-1")
    assert (link.kind, link.actor) == ("digest.subscribed", ANA)


def test_without_a_zone_it_is_the_asker_s_own(world: World) -> None:
    world.people.known[ANA] = Person(ANA, HOME, timezone="Asia/Kolkata")
    on(world, zone="")
    assert world.ledger.subscriptions()[0].zone == "Asia/Kolkata"
    world.people.known[ANA] = Person(ANA, HOME, timezone="Mars/Olympus")
    reply = on(world, zone="", channel=QUIET)
    assert not reply.allowed
    assert "Mars/Olympus" in reply.text


def test_again_in_the_same_channel_it_is_changed(world: World) -> None:
    """The same digest with another time, by somebody else; its dates stay its own."""
    on(world)
    world.now += timedelta(hours=1)
    on(world, ADA, at="17:30")
    (found,) = world.ledger.subscriptions()
    assert (found.id, found.at, found.created_by) == ("D-1", time(17, 30), ADA)
    assert (found.since, found.version) == (world.now, 2)
    assert world.kinds(subject="digest/D-1") == ["digest.subscribed", "digest.changed"]
    assert "17:30" in on(world, ANA, at="17:30").text
    assert world.ledger.subscriptions() == (found,), "the same again changes nothing"
    on(world, channel=QUIET)
    assert [one.id for one in world.ledger.subscriptions()] == ["D-1", "D-2"]


def test_the_answer_names_the_next_one_and_not_a_date_that_had_its_own(world: World) -> None:
    on(world, days="daily", zone="UTC", at="00:00")
    today = world.now.date()
    slot = a_slot(today, instant=world.now, claimed_at=world.now)
    with world.ledger.change() as change:
        change.claim_slot(slot, [stored(slot)])
    told = on(world, days="daily", zone="UTC", at="23:59").text
    assert f"{today + timedelta(days=1)} at 23:59" in told


def test_off_and_on_again(world: World) -> None:
    assert not world.click("digest.off", ANA, environment="prod", channel=ROOM).allowed
    on(world)
    assert world.click("digest.off", ANA, environment="prod", channel=ROOM).allowed
    (found,) = world.ledger.subscriptions()
    assert not found.active
    world.now += timedelta(days=3)
    on(world)
    (again,) = world.ledger.subscriptions()
    assert again == replace(found, active=True, version=3, since=world.now)
    assert world.kinds(subject="digest/D-1") == [
        "digest.subscribed",
        "digest.unsubscribed",
        "digest.resumed",
    ]


def test_by_its_id_it_is_turned_off_from_anywhere(world: World) -> None:
    """The way out where its channel is archived."""
    on(world)
    assert not world.click("digest.off", CAT, digest="D-1", channel=QUIET).allowed
    assert not world.click("digest.off", ANA, digest="D-2", channel=QUIET).allowed
    assert all(one.active for one in world.ledger.subscriptions())
    reply = world.click("digest.off", ANA, digest="D-1", channel="D0000ANA1")
    assert reply.allowed
    assert "D-1: its channel gets no digest of prod any more" in reply.text
    assert not world.ledger.subscriptions()[0].active
    again = world.click("digest.off", ANA, digest="D-1", channel=QUIET)
    assert not again.allowed
    assert "no digest D-1 is on" in again.text


def test_an_admin_turns_off_what_is_not_configured_any_more(world: World) -> None:
    gone = a_subscription(environment="moon")
    with world.ledger.change() as change:
        change.add_subscription(gone, [Entry("digest.subscribed", ANA, gone.subject, {})])
    reply = world.click("digest.off", ANA, digest=gone.id, channel=ROOM)
    assert not reply.allowed
    assert "only admins" in reply.text
    assert world.click("digest.off", ADA, digest=gone.id, channel=ROOM).allowed
    assert not world.ledger.subscriptions()[0].active
    assert world.kinds(subject=gone.subject)[-1] == "digest.unsubscribed"


@pytest.mark.parametrize("kind", ["digest.on", "digest.off"])
@pytest.mark.parametrize(
    ("person", "changes", "why"),
    [
        (CAT, {}, "only requesters of prod and admins"),
        ("U0000NOBODY", {}, "could not check who you are"),
        (ANA, {"channel": "D0000ANA1"}, "this is none"),
        (ANA, {"channel": ""}, "this is none"),
        (ANA, {"channel": SHARED}, "people of other companies"),
        (ANA, {"environment": "moon"}, "moon is not configured"),
    ],
)
def test_refusals_are_told_and_audited(
    world: World, kind: str, person: str, changes: dict[str, str], why: str
) -> None:
    reply = world.click(kind, person, **{**GIVEN, **changes})
    assert not reply.allowed
    assert why in reply.text
    assert world.ledger.subscriptions() == ()
    (link,) = world.ledger.audit(limit=1)
    assert (link.kind.endswith(".refused"), link.actor) == (True, person)
    assert why in link.body


@pytest.mark.parametrize("harm", [{"at": "25:00"}, {"at": None}, {"days": "someday"}, {"days": ""}])
def test_what_no_sentence_of_ours_says_is_refused(world: World, harm: dict[str, Any]) -> None:
    assert not on(world, **harm).allowed
    assert world.ledger.subscriptions() == ()
