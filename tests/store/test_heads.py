"""Heads that are kept outside the ledger, and the key that seals them."""

from __future__ import annotations

import json
import stat
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.core.audit import Head, has_seal, head_mac
from bot.core.errors import ConfigurationError, StorageError, UsageError
from bot.core.runs import DispatchState
from bot.store.heads import (
    HeadKeeper,
    head_body,
    head_from,
    head_path,
    kept_heads,
    load_key,
    read_head,
)
from bot.store.opening import LedgerPlace, open_for_reading, open_ledger
from bot.store.restore import accept_restore
from tests.store.ledgers import (
    BOB,
    CAROL,
    ENTRY,
    KEY,
    NOW,
    StillClock,
    a_plan,
    ask,
    begin,
    move,
    vote,
)


def a_place(tmp_path: Path, *, key: str = "") -> LedgerPlace:
    return LedgerPlace(tmp_path / "data", tmp_path / "heads", key=key)


def kept(place: LedgerPlace) -> Head:
    """The one head in the directory of heads."""
    (path,) = place.head_dir.iterdir()
    return head_from(path.read_text())


class Ends:
    """A ledger of which only the end matters."""

    def __init__(self, seq: int) -> None:
        self.seq = seq

    def head(self) -> Head:
        return Head("0123456789abcdef", self.seq, bytes([self.seq]) * 32, 1, b"mac")


def test_a_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    first = load_key(tmp_path / "data", make=True)
    assert len(first) == 64
    assert load_key(tmp_path / "data", make=True) == first == load_key(tmp_path / "data")
    mode = stat.S_IMODE((tmp_path / "data" / "ledger.key").stat().st_mode)
    assert mode == 0o600
    assert load_key(tmp_path / "other") == b""


def test_a_key_that_is_given_wins_and_must_be_long(tmp_path: Path) -> None:
    assert load_key(tmp_path, given="k" * 32, make=True) == b"k" * 32
    assert not list(tmp_path.iterdir())
    with pytest.raises(ConfigurationError, match="fewer than 32") as caught:
        load_key(tmp_path, given="secret-one")
    assert "secret-one" not in str(caught.value)
    (tmp_path / "ledger.key").write_text("")
    with pytest.raises(ConfigurationError, match="fewer than 32"):
        load_key(tmp_path, make=True)


def test_the_head_is_kept_at_the_start_and_with_every_change_of_the_log(tmp_path: Path) -> None:
    place = a_place(tmp_path)
    ledger, _ = open_ledger(place, clock=StillClock())
    assert kept(place).seq == 1
    request = ask(ledger)
    assert kept(place) == ledger.head()
    request = vote(ledger, vote(ledger, request, BOB), CAROL)
    assert kept(place) == ledger.head()
    run = begin(ledger, request)
    assert kept(place) == ledger.head()
    move(ledger, ledger.dispatches(run.id)[0], DispatchState.SENDING)
    assert kept(place) == ledger.head()
    assert has_seal(ledger.key, kept(place))
    assert not has_seal(KEY, kept(place))
    ledger.close()


def test_the_head_is_kept_each_hour_whatever_the_clock_does(tmp_path: Path) -> None:
    ledger, path = Ends(1), head_path(tmp_path, "0123456789abcdef")
    keeper = HeadKeeper(ledger, tmp_path)
    seen = []
    for minutes in (0, 59, 60, 61, 20, 21, 80):
        ledger.seq += 1
        keeper.hourly(NOW + timedelta(minutes=minutes))
        seen.append(head_from(path.read_text()).seq)
    assert seen == [2, 2, 4, 4, 6, 6, 8]


def test_a_newer_head_is_never_replaced(tmp_path: Path) -> None:
    HeadKeeper(Ends(9), tmp_path).keep()
    with pytest.raises(StorageError, match="newer than the ledger"):
        HeadKeeper(Ends(8), tmp_path).keep()
    HeadKeeper(Ends(8), tmp_path).after_change()
    assert head_from(head_path(tmp_path, "0123456789abcdef").read_text()).seq == 9


def test_a_head_is_read_by_file_or_by_code(tmp_path: Path) -> None:
    place = a_place(tmp_path, key="k" * 40)
    ledger, keeper = open_ledger(place, clock=StillClock())
    with ledger.change() as change:
        change.audit(ENTRY)
    head = keeper.keep()
    (path,) = place.head_dir.iterdir()
    assert read_head(str(path), key=ledger.key) == head
    assert ledger.verify(read_head(str(path))).sound
    assert ledger.verify(read_head(head.code)).sound
    assert not ledger.verify(read_head(f"{head.seq}:{'0' * 16}")).sound
    assert not ledger.verify(read_head(f"{head.seq + 1}:{'0' * 16}")).sound
    with pytest.raises(UsageError, match="seal"):
        read_head(str(path), key=KEY)
    for wrong in (
        "12",
        "12:0123",
        "x:0123456789abcdef",
        str(tmp_path),
        f"1:{'0' * 66}",
        "1:" + "0" * 17,
    ):
        with pytest.raises(UsageError):
            read_head(wrong)
    ledger.close()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"ledger": 1}',
        '{"ledger":"a","seq":"1","hash":"","at_us":0,"mac":""}',
    ],
)
def test_a_head_file_that_is_none_is_a_doubt(tmp_path: Path, text: str) -> None:
    (tmp_path / "0123456789abcdef.head").write_text(text)
    heads, doubt = kept_heads(tmp_path, key=KEY)
    assert heads == ()
    assert "cannot be read" in doubt


@pytest.mark.parametrize("field", ["ledger", "seq", "hash", "at_us", "mac"])
def test_a_head_that_was_changed_makes_the_ledger_read_only(tmp_path: Path, field: str) -> None:
    place = a_place(tmp_path)
    ledger, _ = open_ledger(place, clock=StillClock())
    ledger.close()
    (path,) = place.head_dir.iterdir()
    body = json.loads(path.read_text())
    given = body[field]
    body[field] = (
        given + 1 if isinstance(given, int) else given[1:] + ("0" if given[0] != "0" else "1")
    )
    path.write_text(json.dumps(body))
    again, _ = open_ledger(place, clock=StillClock())
    assert "seal" in again.read_only_reason or "cannot be read" in again.read_only_reason
    again.close()


def test_another_key_is_noticed(tmp_path: Path) -> None:
    ledger, _ = open_ledger(a_place(tmp_path, key="a" * 32), clock=StillClock())
    ledger.close()
    again, _ = open_ledger(a_place(tmp_path, key="b" * 32), clock=StillClock())
    assert "the key was" in again.read_only_reason
    again.close()


def test_threads_that_change_at_once_keep_the_newest_head(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = a_place(tmp_path)
    ledger, _ = open_ledger(place, clock=StillClock())

    def write() -> None:
        for _ in range(10):
            with ledger.change() as change:
                change.audit(ENTRY)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kept(place) == ledger.head()
    assert caplog.records == []
    ledger.close()


def test_no_key_is_made_for_a_ledger_that_lost_its_own(tmp_path: Path) -> None:
    place = a_place(tmp_path)
    open_ledger(place, clock=StillClock())[0].close()
    (place.data_dir / "ledger.key").unlink()
    with pytest.raises(StorageError, match="is gone: there is no") as caught:
        open_ledger(place, clock=StillClock())
    assert "accept-restore" in caught.value.hint
    assert not (place.data_dir / "ledger.key").exists()
    accept_restore(place, clock=StillClock())
    again, _ = open_ledger(place, clock=StillClock())
    assert again.read_only_reason == ""
    (link,) = again.audit(kind="ledger.restore_accepted")
    assert json.loads(link.body)["new_key"] is True
    again.close()


def test_a_ledger_with_requests_needs_a_head(tmp_path: Path) -> None:
    """Without one nothing tells a copy of the file from the file; an empty one has nothing to be sent twice."""
    place = a_place(tmp_path)
    open_ledger(place, clock=StillClock())[0].close()
    (gone,) = place.head_dir.iterdir()
    gone.unlink()
    ledger, _ = open_ledger(place, clock=StillClock())
    assert ledger.read_only_reason == ""
    ask(ledger)
    ledger.close()
    aside = gone.replace(tmp_path / "aside")
    again, _ = open_ledger(place, clock=StillClock())
    assert f"no head of it is kept in {place.head_dir}" in again.read_only_reason
    assert list(place.head_dir.iterdir()) == []
    again.close()
    aside.replace(gone)
    back, _ = open_ledger(place, clock=StillClock())
    assert back.read_only_reason == ""
    back.close()


def test_the_newest_moment_is_that_of_the_log_or_of_a_kept_head(tmp_path: Path) -> None:
    """As it was before the start, so that a clock that was set back cannot hide it."""
    place, clock = a_place(tmp_path), StillClock()
    newest = []
    for hours in (0, 1, -1, -1):
        clock.now = NOW + timedelta(hours=hours)
        ledger, _ = open_ledger(place, clock=clock)
        newest.append(ledger.newest_at())
        ask(ledger, a_plan(len(newest)))
        newest.append(ledger.newest_at())
        ledger.close()
    later = NOW - timedelta(hours=1)
    assert newest == [
        None,
        None,
        NOW,
        NOW,
        NOW + timedelta(hours=1),
        NOW + timedelta(hours=1),
        later,
        later,
    ]
    (path,) = place.head_dir.iterdir()
    head = ledger.head()
    ahead = replace(head, at_us=head.at_us + 5 * 3600 * 10**6)
    sealed = replace(ahead, mac=head_mac(ledger.key, ahead))
    path.write_text(json.dumps(dict(head_body(sealed))))
    again, _ = open_ledger(place, clock=clock)
    assert again.newest_at() == NOW + timedelta(hours=4)
    again.close()


def test_the_terminal_reads_beside_the_bot(tmp_path: Path) -> None:
    place = a_place(tmp_path)
    with pytest.raises(StorageError, match="no ledger"):
        open_for_reading(place, clock=StillClock())
    ledger, _ = open_ledger(place, clock=StillClock())
    reader = open_for_reading(place, clock=StillClock())
    with ledger.change() as change:
        change.audit(ENTRY)
    assert reader.head() == ledger.head()
    assert reader.verify(ledger.head()).sound
    with pytest.raises(StorageError, match="only to be read"), reader.change():
        pytest.fail("it was written")
    ledger.close()
