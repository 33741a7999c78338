"""Opening a SQLite file: who may read it, how it keeps its journal, and pragmas that are checked, not hoped for."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from bot.core.errors import StorageError

BUSY_TIMEOUT_S = 5.0
_PRIVATE = 0o600


def has_sound_wal(version: tuple[int, ...]) -> bool:
    """Whether this SQLite is free of the WAL-reset bug, which can lose commits or damage the file.

    Source: "The WAL-Reset Bug" in sqlite.org/wal.html: fixed in 3.51.3, and in 3.50.7 and 3.44.6 of the older lines.
    """
    return (
        version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)
    )


def open_database(
    path: Path, *, pragmas: Mapping[str, str | int], any_thread: bool = False
) -> sqlite3.Connection:
    """A connection in autocommit mode to the file at `path`, which is made where there is none; its mode becomes 0600.

    With `any_thread` every thread may use it; the caller sees to it that one does at a time.

    `pragmas` are set after the common ones; each one is read back, because SQLite ignores what it does not know.
    Raises sqlite3.Error, OSError, and StorageError for a pragma that did not take and for a file that is not ours.
    """
    _make_private(path)
    connection = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=not any_thread
    )
    journal = "wal" if has_sound_wal(sqlite3.sqlite_version_info) else "truncate"
    common: dict[str, str | int] = {
        "journal_mode": journal,
        "foreign_keys": 1,
        "trusted_schema": 0,
        "cell_size_check": 1,
    }
    try:
        for name, value in (common | dict(pragmas)).items():
            _set(connection, name, value)
    except BaseException:
        connection.close()
        raise
    return connection


def _set(connection: sqlite3.Connection, name: str, value: str | int) -> None:
    connection.execute(f"PRAGMA {name} = {value}")
    row = connection.execute(f"PRAGMA {name}").fetchone()
    if row != (value,):
        raise StorageError(
            f"SQLite did not take “PRAGMA {name} = {value}” (it says {row}).",
            hint="Stop other programs that have the file open, then try again.",
        )


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing. Takes the write lock at once: a transaction that asks for it later is refused without waiting."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _make_private(path: Path) -> None:
    """Make the file at `path`, or see to it that the one there is ours alone. Raises StorageError and OSError."""
    _make_directory(path.parent)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, _PRIVATE))
        return
    # A file that is there is not opened for this: closing any descriptor of it would drop the POSIX locks which
    # other connections of this process hold on it.
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
        foreign = "belongs to somebody else" if stat.S_ISREG(found.st_mode) else "is no plain file"
        raise StorageError(
            f"{path} {foreign}.",
            hint="Run patchbot as the user who made it, or move it away: patchbot makes a new one.",
        )
    if stat.S_IMODE(found.st_mode) != _PRIVATE:  # SQLite gives its journals the same mode
        path.chmod(_PRIVATE)


def _make_directory(path: Path) -> None:
    """Like `mkdir -p`, but whatever is made is for us alone, not only the last one."""
    for folder in (*reversed(path.parents), path):
        if not folder.exists():
            folder.mkdir(mode=0o700, exist_ok=True)
