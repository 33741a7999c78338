"""What happens before a ledger is used: its tables are made or migrated, and everything about it is checked.

Whatever is wrong is a reason to be read-only, not to crash: people can still ask, and are told why nothing changes.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from bot.core.audit import Entry, Finding, Head
from bot.core.errors import StorageError
from bot.core.ledger import ONLY_LOOKED_AT
from bot.core.ports import Clock
from bot.store import ledger_chain as chain
from bot.store.database import transaction
from bot.store.doubts import Doubt, Wrong
from bot.store.ledger_change import SqliteChange
from bot.store.ledger_file import (
    APPLICATION_ID,
    COPY_ID,
    LedgerFile,
    open_for_reading,
    open_writer,
    tail,
)
from bot.store.ledger_witness import unwitnessed

VERSION = 2
SCHEMA = "8090fe29c81fe476ebb4d8fc3f397925c0cad3b54d725e307ae0768412433896"
"""The fingerprint of VERSION's tables, indexes and triggers."""
OLDER_SCHEMAS: Mapping[int, str] = {
    1: "5042244c4418021ab2399f1f821d82e46ed0bcad7085665ed371c77da3a8d1da"
}
"""The fingerprints of earlier versions: what is to be migrated must be sound, too."""
OLDEST_SQLITE = (3, 37, 0)  # STRICT tables


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of a ledger from outside its file: heads, and what is wrong with them ("" when nothing is).

    `where` is the place in which heads were looked for; then a ledger with requests must have one there.
    """

    heads: tuple[Head, ...] = ()
    doubt: str = ""
    where: str = ""


class Started(NamedTuple):
    """The file, ready to be written or with a reason why not; the id of its ledger ("" when it cannot be read); and
    the newest moment (`at_us`) that its log and the kept heads know of, as they were before the start.
    """

    file: LedgerFile
    ledger: str
    newest_us: int


def start(path: Path, *, clock: Clock, boot: str, kept: Kept, accepting: bool = False) -> Started:
    """Open the file. With `accepting` a copy that `patchbot backup` made is as good as the original.

    Raises StorageError where it cannot be used at all.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise StorageError(
            f"SQLite {sqlite3.sqlite_version} is too old for the ledger.",
            hint="Use a Python with SQLite 3.37 or newer.",
        )
    ledger, newest = "", 0
    try:
        with closing(open_writer(path)) as connection:
            version = _recognise(connection)
            if version:
                ledger = _id(connection)
                newest = _newest_us(connection, kept)
            if 0 < version < VERSION:  # nothing is written before it is known to be the right one
                _check_log(path, connection, ledger)
                _check_kept(connection, ledger, kept, accepting=accepting)
            if version < VERSION:
                _migrate(connection, version, now=clock(), boot=boot)
                ledger = _id(connection)
            _check_log(path, connection, ledger)
            _check_tables(connection)
            file = LedgerFile(path)
            file.expect(connection)
            _check_kept(connection, ledger, kept, accepting=accepting)
    except Wrong as wrong:
        file = LedgerFile(path, read_only_reason=str(wrong), doubt=wrong.kind)
    except UnicodeError:  # SQLite quotes the damaged bytes in what it says of them
        file = _damaged(path, "its file is damaged")
    except sqlite3.DatabaseError as error:
        if not getattr(error, "sqlite_errorname", "").startswith(
            ("SQLITE_CORRUPT", "SQLITE_NOTADB")
        ):
            raise LedgerFile(path).told(error) from error
        file = _damaged(path, f"its file is damaged ({error})")
    except OSError as error:
        raise LedgerFile(path).told(error) from error
    return Started(file, ledger, newest)


def _damaged(path: Path, reason: str) -> LedgerFile:
    return LedgerFile(path, read_only_reason=reason, doubt=Doubt.DAMAGED)


def start_reading(path: Path) -> tuple[LedgerFile, str]:
    """The file, only to be read, and the id of its ledger. Raises StorageError."""
    file = LedgerFile(path, read_only_reason=ONLY_LOOKED_AT)
    with file.reading() as connection:
        return file, _id(connection)


def _check_kept(
    connection: sqlite3.Connection, ledger: str, kept: Kept, *, accepting: bool
) -> None:
    """Raises Wrong when the log, which is sound, is not one that the heads kept elsewhere can have come from."""
    heads = sorted(kept.heads, key=lambda one: one.seq, reverse=True)
    for head in heads:
        if head.ledger != ledger:
            raise Wrong(
                Doubt.REWRITTEN,
                f"a head of another ledger ({head.code}) was kept: this one is new, or not the one it was",
            )
        row = connection.execute("SELECT hash FROM audit WHERE seq = ?", (head.seq,)).fetchone()
        if row is not None and row[0] != head.hash:
            raise Wrong(
                Doubt.REWRITTEN,
                f"it is not the one whose head was kept elsewhere ({head.code}): history was rewritten",
            )
    if kept.doubt:
        raise Wrong(Doubt.UNSEALED, kept.doubt)
    if heads and heads[0].seq > tail(connection)[0]:
        raise Wrong(
            Doubt.OLDER,
            f"it is older than the head that was kept elsewhere ({heads[0].code}), as after a restore",
        )
    if accepting:
        return
    if is_copy(connection):
        raise Wrong(
            Doubt.COPY, "it is a backup: what was decided and sent after it was made is not in it"
        )
    if kept.where and not heads and connection.execute("SELECT 1 FROM request").fetchone():
        raise Wrong(
            Doubt.NO_HEAD,
            f"no head of it is kept in {kept.where}, so nothing tells whether it is an older copy",
        )


def _recognise(connection: sqlite3.Connection) -> int:
    """The version of the tables, 0 where there are none yet. Raises Wrong for a file that cannot be ours."""
    application = _application_id(connection)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    ours = (APPLICATION_ID, COPY_ID) if tables else (0,)
    if application not in ours or bool(version) != bool(tables):
        raise Wrong(Doubt.DAMAGED, "its file is not a ledger of patchbot")
    if version > VERSION:
        raise Wrong(
            Doubt.DAMAGED,
            f"its file is of a newer patchbot (version {version}, this one knows {VERSION})",
        )
    if tables:
        _check_pages(connection)
    return int(version)


def _application_id(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA application_id").fetchone()[0])


def _newest_us(connection: sqlite3.Connection, kept: Kept) -> int:
    row = connection.execute("SELECT at_us FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    times = [head.at_us for head in kept.heads]
    return max([*times, row[0] if row and isinstance(row[0], int) else 0])


def mark_as_copy(connection: sqlite3.Connection) -> None:
    """Let the file say that it is a backup: then it changes nothing until somebody accepts it."""
    connection.execute(f"PRAGMA application_id = {COPY_ID}")


def is_copy(connection: sqlite3.Connection) -> bool:
    """Whether the file says that it is a backup."""
    return _application_id(connection) == COPY_ID


def mark_as_original(path: Path) -> None:
    """Let the file say that it is the ledger itself: a person has accepted it. Raises sqlite3.Error."""
    with closing(open_writer(path)) as connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def _migrate(connection: sqlite3.Connection, version: int, *, now: datetime, boot: str) -> None:
    # sqlite-utils costs a start 95 ms; it is needed once in the life of a file.
    from bot.store.ledger_schema import migrate

    with transaction(connection):
        migrate(connection)
        connection.execute(f"PRAGMA user_version = {VERSION}")
        if version == 0:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute("INSERT INTO identity VALUES (1, ?)", (secrets.token_hex(8),))
        ledger = _id(connection)
        change = SqliteChange(connection, ledger=ledger, boot=boot, now=now)
        body = {"from": version, "to": VERSION, "sqlite": sqlite3.sqlite_version}
        change.audit(Entry("ledger.migrated", "patchbot", f"ledger/{ledger}", body))


def _id(connection: sqlite3.Connection) -> str:
    row = connection.execute("SELECT ledger FROM identity").fetchone()
    if row is None:
        raise Wrong(Doubt.DAMAGED, "its file has lost its name")
    return str(row[0])


def _check_pages(connection: sqlite3.Connection) -> None:
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise Wrong(Doubt.DAMAGED, f"its file is damaged ({found})")


def _check_log(path: Path, connection: sqlite3.Connection, ledger: str) -> None:
    if problem := wrong_tables(connection):
        raise Wrong(Doubt.DAMAGED, problem)
    found = _verify(path, ledger)
    if not found.sound:
        raise Wrong(
            Doubt.DAMAGED, f"row {found.bad_seq} of its audit log is wrong: {found.problem}"
        )


def _check_tables(connection: sqlite3.Connection) -> None:
    if problem := contradiction(connection):
        raise Wrong(Doubt.DAMAGED, f"its audit log says otherwise: {problem}")


def contradiction(connection: sqlite3.Connection) -> str:
    """The first thing in the tables that the audit log or a seal contradicts; "" when there is none."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return unwitnessed(connection) if version == VERSION else ""  # earlier ones have other tables


def wrong_tables(connection: sqlite3.Connection) -> str:
    """What is wrong with the tables, indexes and triggers; "" when they are those patchbot made."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    expected = SCHEMA if version == VERSION else OLDER_SCHEMAS.get(version, "")
    right = fingerprint(connection) == expected
    return "" if right else "its tables or triggers are not those patchbot made"


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
