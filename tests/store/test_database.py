"""How a SQLite file is opened."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
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


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def _open_umask() -> Iterator[None]:
    """As careless as a process can be."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_open_umask")
def test_what_is_made_is_for_its_owner_alone(tmp_path: Path) -> None:
    """The file, and each directory that was not there; those that were stay as they are."""
    there = tmp_path / "there"
    there.mkdir(mode=0o755)
    path = there / "a" / "b" / "some.db"
    open_database(path, pragmas={}).close()
    assert mode(path) == 0o600
    assert (mode(path.parent), mode(path.parent.parent), mode(there)) == (0o700, 0o700, 0o755)


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    path.touch()
    path.chmod(0o666)
    open_database(path, pragmas={}).close()
    assert mode(path) == 0o600


def test_opening_again_keeps_the_locks_of_this_process(tmp_path: Path) -> None:
    """A closed descriptor of the file would drop them, so that another process could write in between."""
    path = tmp_path / "some.db"
    with closing(open_database(path, pragmas={})) as connection, transaction(connection):
        path.chmod(0o640)
        open_database(path, pragmas={}).close()
        script = (
            f"import sqlite3; sqlite3.connect({str(path)!r}, timeout=0).execute('BEGIN IMMEDIATE')"
        )
        other = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert b"database is locked" in other.stderr


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """Somebody may have laid it to a file of theirs, or of ours."""
    target, link = tmp_path / "target", tmp_path / "some.db"
    target.write_text("precious")
    target.chmod(0o644)
    for where in (target, tmp_path / "nothing"):
        link.unlink(missing_ok=True)
        link.symlink_to(where)
        with pytest.raises(StorageError, match="is no plain file"):
            open_database(link, pragmas={})
    assert (target.read_text(), mode(target)) == ("precious", 0o644)
    assert not (tmp_path / "nothing").exists()


def test_a_file_of_somebody_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its owner could read and change what is kept in it."""
    path = tmp_path / "some.db"
    path.touch(mode=0o600)
    monkeypatch.setattr("os.geteuid", lambda: path.stat().st_uid + 1)
    with pytest.raises(StorageError, match="belongs to somebody else"):
        open_database(path, pragmas={})
