"""Backups, and what happens when one comes back: nothing that was open then counts any more."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.core.errors import Conflict, StorageError, UsageError
from bot.core.requests import RequestState, approve, cancel, deny
from bot.core.runs import DispatchState, RunState
from bot.store.backup import Backups, back_up, back_up_history, backups
from bot.store.heads import read_head
from bot.store.history import HISTORY_FILE, HistoryDatabase
from bot.store.ledger import SqliteLedger
from bot.store.opening import LedgerPlace, open_ledger
from bot.store.restore import WHY, accept_restore
from tests.core.histories import key, package, snapshot
from tests.store.ledgers import (
    ALICE,
    BOB,
    CAROL,
    ENTRY,
    NOW,
    StillClock,
    a_plan,
    ask,
    begin,
    click,
    move,
    vote,
)


@pytest.fixture
def place(tmp_path: Path) -> LedgerPlace:
    return LedgerPlace(tmp_path / "data", tmp_path / "heads")


def opened(place: LedgerPlace) -> SqliteLedger:
    return open_ledger(place, clock=StillClock())[0]


def restore(backup: Path, place: LedgerPlace) -> None:
    for path in place.data_dir.glob("ledger.db*"):
        path.unlink()
    shutil.copyfile(backup, place.path)


def test_a_backup_is_whole_private_and_verified(place: LedgerPlace, tmp_path: Path) -> None:
    ledger = opened(place)
    request = ask(ledger)
    backup = back_up(ledger, tmp_path / "copies", now=NOW)
    assert backup.head == ledger.head()
    assert stat.S_IMODE(backup.path.stat().st_mode) == 0o600
    assert sorted(path.suffix for path in backup.path.parent.iterdir()) == [".db", ".head"]
    assert read_head(str(backup.path.with_suffix(".head")), key=ledger.key) == ledger.head()
    copy = SqliteLedger.open_for_reading(backup.path, clock=StillClock(), key=ledger.key)
    assert copy.requests() == (request,)
    assert copy.verify(ledger.head()).sound
    ledger.close()


def test_a_backup_of_a_damaged_ledger_is_not_kept(place: LedgerPlace, tmp_path: Path) -> None:
    ledger = opened(place)
    ask(ledger)
    with closing(sqlite3.connect(place.path)) as connection, connection:
        connection.execute("DROP TRIGGER audit_no_update")
        connection.execute("UPDATE audit SET actor = 'U0OTHER' WHERE seq = 2")
    with pytest.raises(StorageError, match="does not verify"):
        back_up(ledger, tmp_path / "copies", now=NOW)
    assert list((tmp_path / "copies").iterdir()) == []
    ledger.close()


def test_a_backup_without_room_leaves_nothing(place: LedgerPlace, tmp_path: Path) -> None:
    ledger = opened(place)
    (tmp_path / "copies").write_text("a file where a directory should be")
    with pytest.raises(StorageError, match="could not be made"):
        back_up(ledger, tmp_path / "copies", now=NOW)
    ledger.close()


def test_a_restored_backup_changes_nothing_until_somebody_accepts_it(
    place: LedgerPlace, tmp_path: Path
) -> None:
    ledger = opened(place)
    request = vote(ledger, ask(ledger), BOB)
    backup = back_up(ledger, tmp_path / "copies", now=NOW)
    begin(ledger, vote(ledger, request, CAROL))
    run = ledger.runs()[0]
    move(ledger, ledger.dispatches(run.id)[0], DispatchState.SENDING)
    ledger.close()
    restore(backup.path, place)
    restored = opened(place)
    assert "older than the head" in restored.read_only_reason
    assert restored.requests(only_open=True) != ()
    with pytest.raises(StorageError, match="read-only"):
        restored.put_inbox(click(1))
    with pytest.raises(StorageError, match="read-only"):
        vote(restored, request, CAROL)
    restored.close()
    accepted = accept_restore(place, clock=StillClock())
    assert (accepted.requests, accepted.runs) == (("R-1",), ())
    after = opened(place)
    assert after.read_only_reason == ""
    voided = after.request("R-1")
    assert voided is not None
    assert (voided.state, voided.ended_why) == (RequestState.EXPIRED, WHY)
    with pytest.raises(Conflict):
        vote(after, request, CAROL)
    assert ask(after).id == "R-102"
    kinds = [link.kind for link in after.audit(limit=3)]
    assert kinds == ["request.requested", "ledger.restore_accepted", "request.expired"]
    assert after.verify().sound
    after.close()


def test_a_backup_says_that_it_is_one_wherever_it_comes_back(
    place: LedgerPlace, tmp_path: Path
) -> None:
    """Another host, without heads: the key is given, was copied, or is lost."""
    given = replace(place, key="k" * 40)
    ledger = opened(given)
    request = vote(ledger, vote(ledger, ask(ledger), BOB), CAROL)
    backup = back_up(ledger, tmp_path / "copies", now=NOW)
    begin(ledger, request)
    ledger.close()
    host = LedgerPlace(tmp_path / "host", tmp_path / "host" / "heads", key="k" * 40)
    host.data_dir.mkdir()
    shutil.copyfile(backup.path, host.path)
    for _ in range(2):  # looking at it changes nothing
        restored = opened(host)
        assert restored.read_only_reason.startswith("it is a backup")
        with pytest.raises(StorageError, match="it is a backup"):
            begin(restored, request)
        restored.close()
    lost = replace(host, key="")
    with pytest.raises(StorageError, match="is gone"):
        opened(lost)
    accepted = accept_restore(lost, clock=StillClock())
    assert accepted.runs == ("X-1",)
    after = opened(lost)
    assert after.read_only_reason == ""
    with pytest.raises(Conflict):
        begin(after, request)
    (link,) = after.audit(kind="ledger.restore_accepted")
    said = json.loads(link.body)
    assert (said["doubt"], said["rewritten"], said["new_key"]) == ("copy", False, True)
    assert after.verify().sound
    again = back_up(after, tmp_path / "copies", now=NOW + timedelta(hours=1))
    after.close()
    for path in host.head_dir.iterdir():
        path.unlink()
    restore(again.path, host)
    assert opened_and_closed(lost).startswith("it is a backup")


def opened_and_closed(place: LedgerPlace) -> str:
    ledger = opened(place)
    reason = ledger.read_only_reason
    ledger.close()
    return reason


def test_a_restore_revives_no_request_that_was_ended(place: LedgerPlace, tmp_path: Path) -> None:
    """Not even when the process was killed right after it: the head is kept before anything else happens."""
    for end in ("denied", "cancelled", "approved"):
        here = replace(place, data_dir=tmp_path / end, head_dir=tmp_path / f"{end} heads")
        ledger = opened(here)
        request = ask(ledger, needed=1)
        ledger._file.close()
        copy = here.path.read_bytes()
        moved = {
            "denied": deny(request, BOB, "no", NOW),
            "cancelled": cancel(request, ALICE, NOW),
            "approved": approve(request, BOB, request.digest, NOW),
        }[end]
        with ledger.change() as change:
            change.save_request(moved.request, moved.entries)
        ledger.close()
        for path in here.data_dir.glob("ledger.db*"):
            path.unlink()
        here.path.write_bytes(copy)
        assert "older than the head" in opened_and_closed(here), end


def test_rewritten_history_is_accepted_only_when_that_is_said(place: LedgerPlace) -> None:
    ledger = opened(place)
    ask(ledger)
    ledger.close()
    (path,) = place.head_dir.iterdir()
    body = json.loads(path.read_text())
    path.write_text(json.dumps(body | {"hash": "0" * 64}))  # its seal is broken with it
    with pytest.raises(UsageError, match="no older copy") as caught:
        accept_restore(place, clock=StillClock())
    assert "--rewritten" in caught.value.hint
    accept_restore(place, clock=StillClock(), rewritten=True)
    after = opened(place)
    assert after.read_only_reason == ""
    (link,) = after.audit(kind="ledger.restore_accepted")
    assert json.loads(link.body)["rewritten"] is True
    after.close()


def test_there_is_nothing_to_accept_in_a_sound_ledger(place: LedgerPlace) -> None:
    opened(place).close()
    with pytest.raises(UsageError, match="nothing to accept"):
        accept_restore(place, clock=StillClock())


def test_a_ledger_whose_chain_is_broken_is_never_accepted(place: LedgerPlace) -> None:
    ledger = opened(place)
    ask(ledger)
    ledger.close()
    with closing(sqlite3.connect(place.path)) as connection, connection:
        connection.execute("DROP TRIGGER audit_no_update")
        connection.execute("UPDATE audit SET actor = 'U0OTHER' WHERE seq = 2")
        connection.execute(
            "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit"
            " BEGIN SELECT RAISE(ABORT, 'audit: append-only'); END"
        )
    again = opened(place)
    assert "row 2 of its audit log is wrong" in again.read_only_reason
    again.close()
    with pytest.raises(StorageError, match="cannot be accepted"):
        accept_restore(place, clock=StillClock())


def test_a_new_ledger_in_place_of_a_lost_one_must_be_accepted(place: LedgerPlace) -> None:
    first = opened(place)
    ask(first)
    first.close()
    place.path.unlink()
    second = opened(place)
    assert second.id != first.id
    assert "a head of another ledger" in second.read_only_reason
    second.close()
    with pytest.raises(UsageError, match="no older copy"):
        accept_restore(place, clock=StillClock())
    accept_restore(place, clock=StillClock(), rewritten=True)
    third = opened(place)
    assert third.read_only_reason == ""
    assert ask(third).id == "R-101"
    third.close()


def test_what_the_backup_forgot_is_not_sent_again(place: LedgerPlace, tmp_path: Path) -> None:
    """Restored at every step from the request to the end of its run: no send is left that could go out."""
    ledger = opened(place)
    backups = [back_up(ledger, tmp_path / "copies", now=NOW)]

    def step() -> None:
        moment = NOW + timedelta(minutes=len(backups))
        backups.append(back_up(ledger, tmp_path / "copies", now=moment))

    ledger.put_inbox(click(1))
    step()
    with ledger.change(taking="action/1") as change:
        change.audit(ENTRY)
    request = ask(ledger)
    step()
    for person in (BOB, CAROL):
        request = vote(ledger, request, person)
        step()
    run = begin(ledger, request)
    step()
    for dispatch in ledger.dispatches(run.id):
        sending = move(ledger, dispatch, DispatchState.SENDING, sending_at=NOW)
        step()
        move(ledger, sending, DispatchState.SENT, command_id=f"c-{dispatch.batch.number}")
        step()
    newest = ledger.head()
    ledger.close()
    heads = {path.name: path.read_bytes() for path in place.head_dir.iterdir()}
    for backup in backups[:-1]:
        restore(backup.path, place)
        for path in place.head_dir.iterdir():
            path.unlink()
        for name, content in heads.items():
            (place.head_dir / name).write_bytes(content)
        restored = opened(place)
        assert restored.read_only_reason, backup.head
        restored.close()
        accept_restore(place, clock=StillClock())
        after = opened(place)
        assert after.read_only_reason == ""
        assert after.inbox() == ()
        assert after.requests(only_open=True) == ()
        assert after.runs(only_open=True) == ()
        _nothing_can_be_sent(after)
        assert int(ask(after, a_plan(8)).id[2:]) > newest.seq - backup.head.seq
        after.close()


def _nothing_can_be_sent(ledger: SqliteLedger) -> None:
    for run in ledger.runs():
        assert run.state is RunState.LOST_TRACK
        for dispatch in ledger.dispatches(run.id):
            assert dispatch.state is not DispatchState.PLANNED
    for request in ledger.requests():
        if request.state is RequestState.APPROVED:
            with pytest.raises(Conflict):
                begin(ledger, request)


def test_backups_are_made_when_due_and_old_ones_go_after_a_good_new_one(
    place: LedgerPlace, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    copies = tmp_path / "copies"
    ledger = opened(place)
    made = Backups(ledger, copies, every=timedelta(hours=1), keep=3)
    for minutes in (0, 59, 60, 119, 120, 180, 240):
        made.when_due(NOW + timedelta(minutes=minutes))
    hours = [NOW + timedelta(hours=hour) for hour in (4, 3, 2)]
    assert [at for at, _ in backups(copies)] == hours
    assert len(list(copies.iterdir())) == 6
    stranger = copies / "ledger-of-somebody.db"
    stranger.touch()
    ask(ledger)
    with closing(sqlite3.connect(place.path)) as connection, connection:
        connection.execute("DROP TRIGGER audit_no_update")
    made.when_due(NOW + timedelta(hours=5))
    assert "does not verify" in made.trouble
    assert "does not verify" in caplog.text
    assert [at for at, _ in backups(copies)] == hours
    made.when_due(
        NOW + timedelta(hours=5, minutes=1)
    )  # a failure is tried again as often, not at once
    assert caplog.text.count("does not verify") == 1
    ledger.close()
    assert stranger.exists()


def test_backups_go_on_from_those_that_are_there(place: LedgerPlace, tmp_path: Path) -> None:
    """A start makes none too many; a clock that was set back makes one, which stays."""
    copies = tmp_path / "copies"
    ledger = opened(place)
    back_up(ledger, copies, now=NOW)
    old = copies / ".ledger-1.partial"
    old.touch()
    os.utime(old, (0, 0))
    fresh = copies / ".ledger-2.partial"
    fresh.touch()
    os.utime(fresh, (NOW.timestamp(), NOW.timestamp()))
    made = Backups(ledger, copies, every=timedelta(hours=1), keep=1)
    made.when_due(NOW + timedelta(minutes=30))
    assert [at for at, _ in backups(copies)] == [NOW]
    made.when_due(NOW - timedelta(hours=2))
    assert [at for at, _ in backups(copies)] == [NOW - timedelta(hours=2)]
    made.when_due(NOW - timedelta(hours=1, minutes=1))
    assert [at for at, _ in backups(copies)] == [NOW - timedelta(hours=2)]
    assert (old.exists(), fresh.exists()) == (False, True)
    assert made.trouble == ""
    ledger.close()


def test_a_backup_of_the_history_brings_first_seen_dates_back(tmp_path: Path) -> None:
    """Made while it is in use; what was recorded later is recorded again after the restore."""
    history = HistoryDatabase(tmp_path / "history.db")
    assert back_up_history(history.path, tmp_path / "copies", now=NOW) is None
    seen = NOW.replace(microsecond=0)
    history.record_patches("prod", key(), (package("vim"),), at=seen, baseline_id="pb-1")
    backup = back_up_history(history.path, tmp_path / "copies", now=NOW)
    assert backup is not None
    assert stat.S_IMODE(backup.path.stat().st_mode) == 0o600
    assert [*backup.path.parent.iterdir()] == [backup.path]
    history.path.unlink()
    shutil.copyfile(backup.path, history.path)
    later = seen + timedelta(days=2)
    history.record_patches("prod", key(), (package("vim", "2"),), at=later, baseline_id="pb-1")
    assert [one.first_seen for one in history.exposures("prod")] == [seen]


def test_a_backup_of_a_damaged_history_is_not_kept(tmp_path: Path) -> None:
    history = HistoryDatabase(tmp_path / "history.db")
    with history.together():
        for number in range(200):
            history.record_patches(
                "prod", key(number), (package("vim"),), at=NOW, baseline_id="pb-1"
            )
    with history.path.open("r+b") as file:
        file.seek(history.path.stat().st_size - 6000)
        file.write(b"\xff" * 3000)
    with pytest.raises(StorageError, match="backup of the history"):
        back_up_history(history.path, tmp_path / "copies", now=NOW)
    assert [*(tmp_path / "copies").iterdir()] == []


def test_the_history_is_backed_up_once_a_day_beside_the_ledger(
    place: LedgerPlace, tmp_path: Path
) -> None:
    """It is no ledger: nothing in its header makes it read-only where it is put back."""
    copies = tmp_path / "copies"
    ledger = opened(place)
    history = place.path.with_name(HISTORY_FILE)
    HistoryDatabase(history).record(snapshot(), ())
    made = Backups(ledger, copies, every=timedelta(hours=1), keep=3)
    for hour in (0, 1, 23, 24, 25):
        made.when_due(NOW + timedelta(hours=hour))
    assert made.trouble == ""
    found = backups(copies, "history")
    assert [at for at, _ in found] == [NOW + timedelta(hours=24), NOW]
    restored = HistoryDatabase(found[0][1])
    assert (
        len(restored.snapshots(snapshot().environment, since=snapshot().at - timedelta(days=1)))
        == 1
    )
    for day in range(2, 12):
        made.when_due(NOW + timedelta(days=day))
    assert len(backups(copies, "history")) == 7
    ledger.close()
