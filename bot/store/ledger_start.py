"""What happens before a ledger is used: its tables are made or migrated, and everything about it is checked.

Whatever is wrong is a reason to be read-only, not to crash: people can still ask, and are told why nothing changes.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from bot.core.audit import Entry, Finding, Head
from bot.core.errors import StorageError
from bot.core.ledger import ONLY_LOOKED_AT
from bot.core.ports import Clock
from bot.store import ledger_chain as chain
from bot.store.database import transaction
from bot.store.ledger_change import SqliteChange
from bot.store.ledger_file import APPLICATION_ID, LedgerFile, open_for_reading, open_writer
from bot.store.ledger_witness import unwitnessed

VERSION = 2
SCHEMA = "8090fe29c81fe476ebb4d8fc3f397925c0cad3b54d725e307ae0768412433896"
"""The fingerprint of VERSION's tables, indexes and triggers."""
OLDEST_SQLITE = (3, 37, 0)  # STRICT tables


class _Wrong(Exception):
    """Why the ledger may not be written."""


def start(
    path: Path, *, clock: Clock, boot: str, anchors: tuple[Head, ...], doubt: str = ""
) -> tuple[LedgerFile, str]:
    """The file, ready to be written or with a reason why not, and the id of its ledger ("" when it cannot be read).

    `doubt` is a reason that was found elsewhere.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise StorageError(
            f"SQLite {sqlite3.sqlite_version} is too old for the ledger.",
            hint="Use a Python with SQLite 3.37 or newer.",
        )
    ledger = ""
    try:
        with closing(open_writer(path)) as connection:
            _prepare(connection, now=clock(), boot=boot)
            ledger = _id(connection)
            _check(path, connection, ledger)
            file = LedgerFile(path)
            file.expect(connection)
            _check_anchors(connection, ledger, anchors, doubt=doubt)
    except _Wrong as wrong:
        return LedgerFile(path, read_only_reason=str(wrong)), ledger
    except UnicodeError:  # SQLite quotes the damaged bytes in what it says of them
        return LedgerFile(path, read_only_reason="its file is damaged"), ledger
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorname", "").startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            reason = f"its file is damaged ({error})"
            return LedgerFile(path, read_only_reason=reason), ledger
        raise LedgerFile(path).told(error) from error
    except OSError as error:
        raise LedgerFile(path).told(error) from error
    return file, ledger


def start_reading(path: Path) -> tuple[LedgerFile, str]:
    """The file, only to be read, and the id of its ledger. Raises StorageError."""
    file = LedgerFile(path, read_only_reason=ONLY_LOOKED_AT)
    with file.reading() as connection:
        return file, _id(connection)


def _check_anchors(
    connection: sqlite3.Connection, ledger: str, anchors: tuple[Head, ...], *, doubt: str
) -> None:
    """Raises _Wrong when the log, which is sound, is not one that the heads kept elsewhere can have come from."""
    for anchor in sorted(anchors, key=lambda one: one.seq, reverse=True):
        if anchor.ledger != ledger:
            raise _Wrong(
                f"a head of another ledger ({anchor.code}) was kept: this one is new, or not the one it was"
            )
        row = connection.execute("SELECT hash FROM audit WHERE seq = ?", (anchor.seq,)).fetchone()
        if row is None and anchor.seq > 0:
            raise _Wrong(
                f"it is older than the head that was kept elsewhere ({anchor.code}), as after a restore"
            )
        if row is not None and row[0] != anchor.hash:
            raise _Wrong(
                f"it is not the one whose head was kept elsewhere ({anchor.code}): history was rewritten"
            )
    if doubt:
        raise _Wrong(doubt)


def _prepare(connection: sqlite3.Connection, *, now: datetime, boot: str) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application != (APPLICATION_ID if tables else 0) or bool(version) != bool(tables):
        raise _Wrong("its file is not a ledger of patchbot")
    if version > VERSION:
        raise _Wrong(
            f"its file is of a newer patchbot (version {version}, this one knows {VERSION})"
        )
    if tables:
        _check_pages(connection)
    if version < VERSION:
        _migrate(connection, version, now=now, boot=boot)


def _migrate(connection: sqlite3.Connection, version: int, *, now: datetime, boot: str) -> None:
    # sqlite-utils costs a start 95 ms; it is needed once in the life of a file.
    from bot.store.ledger_schema import migrate

    with transaction(connection):
        migrate(connection)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        if version == 0:
            connection.execute("INSERT INTO identity VALUES (1, ?)", (secrets.token_hex(8),))
        ledger = _id(connection)
        change = SqliteChange(connection, ledger=ledger, boot=boot, now=now)
        body = {"from": version, "to": VERSION, "sqlite": sqlite3.sqlite_version}
        change.audit(Entry("ledger.migrated", "patchbot", f"ledger/{ledger}", body))


def _id(connection: sqlite3.Connection) -> str:
    row = connection.execute("SELECT ledger FROM identity").fetchone()
    if row is None:
        raise _Wrong("its file has lost its name")
    return str(row[0])


def _check_pages(connection: sqlite3.Connection) -> None:
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise _Wrong(f"its file is damaged ({found})")


def _check(path: Path, connection: sqlite3.Connection, ledger: str) -> None:
    if fingerprint(connection) != SCHEMA:
        raise _Wrong("its tables or triggers are not those patchbot made")
    found = _verify(path, ledger)
    if not found.sound:
        raise _Wrong(f"row {found.bad_seq} of its audit log is wrong: {found.problem}")
    if problem := unwitnessed(connection):
        raise _Wrong(f"its audit log says otherwise: {problem}")


def fingerprint(connection: sqlite3.Connection) -> str:
    """SHA-256 of every table, index and trigger: one that was dropped or rewritten changes it."""
    found = connection.execute(
        "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema"
        " WHERE name NOT LIKE 'sqlite^_%' ESCAPE '^' AND tbl_name != '_sqlite_migrations'"
        " ORDER BY type, name"
    )
    return hashlib.sha256(repr([tuple(row) for row in found]).encode()).hexdigest()


def _verify(path: Path, ledger: str) -> Finding:
    @contextmanager
    def reading() -> Iterator[sqlite3.Connection]:
        with closing(open_for_reading(path)) as connection:
            connection.text_factory = bytes
            yield connection

    return chain.verify(ledger, chain.links(reading))
