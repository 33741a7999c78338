"""Subscriptions and slots in a real file: what the triggers allow, what an older file becomes, and restores."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from bot.core.errors import Conflict, StorageError
from bot.core.schedules import SLOT_MOVES, Slot, SlotState, Subscription, moved, stored
from bot.store import ledger_schema, ledger_start
from bot.store.backup import back_up
from bot.store.ledger import SqliteLedger
from bot.store.opening import LedgerPlace
from bot.store.opening import open_ledger as open_place
from bot.store.restore import WHY, accept_restore
from tests.core.schedules import a_slot, a_subscription
from tests.store.ledgers import NOW, StillClock, about, ask, open_ledger

ENTRY = about("digest/D-1", "digest.subscribed")
HOW = {SlotState.POSTED: {"ts": "1.2"}}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    found = open_ledger(tmp_path)
    subscribe(found)
    yield found
    assert found.verify().sound
    found.close()


def subscribe(ledger: SqliteLedger, **changes: object) -> Subscription:
    subscription = a_subscription(**changes)
    with ledger.change() as change:
        change.add_subscription(
            subscription, [about(f"digest/{subscription.id}", "digest.subscribed")]
        )
    return subscription


def claim(ledger: SqliteLedger, slot: Slot) -> Slot:
    with ledger.change() as change:
        change.claim_slot(slot, [stored(slot)])
    return slot


def bring(ledger: SqliteLedger, slot: Slot, *states: SlotState) -> Slot:
    for state in states:
        after, entry = moved(slot, state, why="why", **HOW.get(state, {}))
        with ledger.change() as change:
            change.move_slot(after, was=slot.state, entries=[entry])
        slot = after
    return slot


WAYS: dict[SlotState, tuple[SlotState, ...]] = {
    SlotState.CLAIMED: (),
    SlotState.POSTING: (SlotState.POSTING,),
    SlotState.POSTED: (SlotState.POSTING, SlotState.POSTED),
    SlotState.SKIPPED: (SlotState.SKIPPED,),
    SlotState.FAILED: (SlotState.FAILED,),
    SlotState.UNKNOWN: (SlotState.UNKNOWN,),
}


def test_they_come_back_as_they_went_in(ledger: SqliteLedger) -> None:
    assert ledger.subscriptions() == (a_subscription(),)
    other = subscribe(ledger, id="D-2", environment="staging", days=frozenset({0, 2}), active=False)
    assert ledger.subscriptions()[1] == other
    days = [date(2026, 3, number) for number in (1, 2, 3)]
    slots = [
        claim(ledger, a_slot(day, since=NOW, reason="x", state=SlotState.SKIPPED)) for day in days
    ]
    assert ledger.slots("D-1") == tuple(reversed(slots))
    assert ledger.slots("D-1", limit=1) == (slots[-1],)
    assert ledger.slots("D-2") == ()
    done = bring(
        ledger,
        claim(ledger, a_slot(date(2026, 3, 4))),
        SlotState.POSTING,
        SlotState.CLAIMED,
        SlotState.POSTING,
        SlotState.POSTED,
    )
    assert ledger.slots("D-1", limit=1) == (done,)
    kinds = [link.kind for link in ledger.audit(subject=done.subject)]
    assert kinds == [
        "digest.posted",
        "digest.intended",
        "digest.reclaimed",
        "digest.intended",
        "digest.claimed",
    ]


def test_a_date_is_claimed_once(ledger: SqliteLedger) -> None:
    first = claim(ledger, a_slot())
    with pytest.raises(Conflict, match="claimed already"):
        claim(ledger, a_slot(claimed_at=NOW))
    assert ledger.slots("D-1") == (first,)


def test_a_second_process_gets_no_ledger_to_claim_in(ledger: SqliteLedger, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="Another patchbot"):
        open_ledger(tmp_path)


def test_a_channel_has_one_digest_of_an_environment(ledger: SqliteLedger) -> None:
    with pytest.raises(Conflict, match="has a digest"):
        subscribe(ledger, id="D-2")
    changed = replace(a_subscription(), version=2, zone="Asia/Tokyo", active=False)
    with ledger.change() as change:
        change.save_subscription(changed, [ENTRY])
    assert ledger.subscriptions() == (changed,)
    for wrong in (changed, replace(changed, version=3, channel="C2")):
        with pytest.raises(Conflict), ledger.change() as change:
            change.save_subscription(wrong, [ENTRY])


@pytest.mark.parametrize("state", sorted(SlotState))
def test_the_file_itself_allows_only_the_moves_of_the_core(
    ledger: SqliteLedger, state: SlotState
) -> None:
    slot = bring(ledger, claim(ledger, a_slot()), *WAYS[state])
    for wanted in set(SlotState) - SLOT_MOVES[state]:
        ts = "1.2" if wanted is SlotState.POSTED else ""
        after = replace(slot, state=wanted, reason="why", ts=ts)
        with pytest.raises(Conflict), ledger.change() as change:
            change.move_slot(after, was=state, entries=[ENTRY])
    assert ledger.slots("D-1") == (slot,)


@pytest.mark.parametrize("state", sorted(SlotState))
def test_every_move_of_the_core_is_possible_in_the_file(
    ledger: SqliteLedger, state: SlotState
) -> None:
    for number, wanted in enumerate(sorted(SLOT_MOVES[state]), 1):
        slot = claim(ledger, a_slot(date(2026, 3, number)))
        assert bring(ledger, slot, *WAYS[state], wanted).state is wanted


@pytest.mark.parametrize(
    "changes",
    [{"instant": NOW}, {"claimed_at": NOW}, {"since": NOW}, {"repeats": 2}],
    ids=lambda changes: next(iter(changes)),
)
def test_what_never_changes(ledger: SqliteLedger, changes: dict[str, object]) -> None:
    slot = claim(ledger, a_slot())
    after = replace(slot, state=SlotState.POSTING, **changes)  # type: ignore[arg-type]
    with pytest.raises(Conflict), ledger.change() as change:
        change.move_slot(after, was=slot.state, entries=[ENTRY])


def test_it_is_posted_again_once_at_most(ledger: SqliteLedger) -> None:
    slot = bring(ledger, claim(ledger, a_slot()), SlotState.POSTING)
    again = replace(slot, state=SlotState.CLAIMED, repeats=1)
    with ledger.change() as change:
        change.move_slot(again, was=slot.state, entries=[ENTRY])
    slot = bring(ledger, again, SlotState.POSTING)
    for repeats in (0, 2):
        third = replace(slot, state=SlotState.CLAIMED, repeats=repeats)
        with pytest.raises(Conflict), ledger.change() as change:
            change.move_slot(third, was=slot.state, entries=[ENTRY])


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE slot SET state = 'posted', ts = '1.2' WHERE state = 'posting'",
        "INSERT INTO subscription SELECT 'D-9', 1, 'x', channel, local_time, zone, days, created_by,"
        " created_at, since, 1 FROM subscription",
    ],
)
def test_what_the_log_does_not_know_of_is_found(tmp_path: Path, harm: str) -> None:
    ledger = open_ledger(tmp_path)
    subscribe(ledger)
    bring(ledger, claim(ledger, a_slot()), SlotState.POSTING)
    ledger.close()
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection, connection:
        connection.execute(harm)
    again = open_ledger(tmp_path)
    assert "its audit log says otherwise" in again.read_only_reason
    again.close()


def test_nothing_is_deleted(ledger: SqliteLedger, tmp_path: Path) -> None:
    claim(ledger, a_slot())
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
        for table in ("slot", "subscription"):
            with pytest.raises(sqlite3.IntegrityError, match="nothing is deleted"):
                connection.execute(f"DELETE FROM {table}")


def test_a_file_of_version_1_is_brought_to_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all that is in it, and an entry in the log."""

    def as_it_was(connection: sqlite3.Connection) -> None:
        database = Database(connection, execute_plugins=False)
        ledger_schema.migrations.apply(database, stop_before="m005_digests")

    with monkeypatch.context() as then:
        then.setattr(ledger_schema, "migrate", as_it_was)
        then.setattr(ledger_start, "VERSION", 1)
        schema = "5042244c4418021ab2399f1f821d82e46ed0bcad7085665ed371c77da3a8d1da"
        then.setattr(ledger_start, "SCHEMA", schema)
        then.setattr(ledger_start, "unwitnessed", lambda _connection: "")
        old = open_ledger(tmp_path)
        assert old.read_only_reason == ""
        request = ask(old)
        name, head = old.id, old.head()
        old.close()
    looked_at = SqliteLedger.open_for_reading(tmp_path / "ledger.db", clock=StillClock())
    assert looked_at.requests() == (request,)
    with pytest.raises(StorageError, match="of an older patchbot"):
        looked_at.subscriptions()
    new = open_ledger(tmp_path, anchors=(head,))
    assert (new.read_only_reason, new.id) == ("", name)
    assert new.requests() == (request,)
    (link,) = new.audit(limit=1)
    body = json.loads(link.body)
    assert (link.kind, body["from"], body["to"]) == ("ledger.migrated", 1, 2)
    subscribe(new)
    claim(new, a_slot())
    assert new.verify(head).sound
    new.close()
    again = open_ledger(tmp_path)
    assert len(again.audit(kind="ledger.migrated")) == 2
    again.close()


def test_a_restored_ledger_posts_nothing_it_may_have_posted(tmp_path: Path) -> None:
    """Open slots become unknown with the reason, and new digests get ids that no message carries."""
    place = LedgerPlace(tmp_path / "data", tmp_path / "heads")
    ledger, keeper = open_place(place, clock=StillClock())
    subscribe(ledger)
    posted, posting, claimed = (
        claim(ledger, a_slot(date(2026, 3, number))) for number in (1, 2, 3)
    )
    bring(ledger, posted, SlotState.POSTING, SlotState.POSTED)
    bring(ledger, posting, SlotState.POSTING)
    backup = back_up(ledger, tmp_path / "copies", now=NOW + timedelta(minutes=1))
    bring(ledger, claimed, SlotState.POSTING)
    keeper.keep()
    ledger.close()
    for path in place.data_dir.glob("ledger.db*"):
        path.unlink()
    shutil.copyfile(backup.path, place.path)
    assert accept_restore(place, clock=StillClock()).slots == 2
    after, _ = open_place(place, clock=StillClock())
    assert after.read_only_reason == ""
    found = [(slot.state, slot.reason) for slot in after.slots("D-1")]
    assert found == [
        (SlotState.UNKNOWN, WHY),
        (SlotState.UNKNOWN, WHY),
        (SlotState.POSTED, "why"),
    ]
    with after.change() as change:
        assert change.next_id("D") == "D-101"
    assert after.verify().sound
    after.close()
