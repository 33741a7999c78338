"""How a SQLite file is opened."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.core.errors import StorageError
from bot.store.database import has_sound_wal, open_database, transaction


@pytest.mark.parametrize(
    ("version", "sound"),
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 0), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 0), False),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 52, 0), True),
    ],
)
def test_wal_is_trusted_only_where_its_bug_is_fixed(version: tuple[int, ...], sound: bool) -> None:
    assert has_sound_wal(version) is sound


@pytest.mark.parametrize(("sound", "mode"), [(True, "wal"), (False, "truncate")])
def test_the_journal_follows_the_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sound: bool, mode: str
) -> None:
    """A file that was left in WAL mode by a sound library is taken out of it by an unsound one."""
    path = tmp_path / "some.db"
    for one in (not sound, sound):
        monkeypatch.setattr("bot.store.database.has_sound_wal", lambda _version, one=one: one)
        with closing(open_database(path, pragmas={})) as connection:
            found = connection.execute("PRAGMA journal_mode").fetchone()
    assert found == (mode,)


def test_a_pragma_that_does_not_take_is_an_error(tmp_path: Path) -> None:
    """SQLite ignores a pragma it does not know; we do not."""
    with pytest.raises(StorageError, match="synchronos"):
        open_database(tmp_path / "some.db", pragmas={"synchronos": 1})


def test_a_transaction_is_undone_by_an_error(tmp_path: Path) -> None:
    with closing(open_database(tmp_path / "some.db", pragmas={})) as connection:
        connection.execute("CREATE TABLE thing (name NOT NULL)")
        names = [("one",), (None,)]
        with pytest.raises(sqlite3.IntegrityError), transaction(connection):
            connection.executemany("INSERT INTO thing VALUES (?)", names)
        assert connection.execute("SELECT count(*) FROM thing").fetchone() == (0,)
