"""Copies of the ledger and the history that were opened and checked. One that was not is no backup, and does not stay.

Never a copy of the file: that may catch half a commit.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bot.core.audit import Head
from bot.core.errors import StorageError
from bot.store import ledger_start
from bot.store.database import open_database
from bot.store.durable import sync_directory, write_whole
from bot.store.heads import SUFFIX, head_body
from bot.store.history import is_history
from bot.store.ledger import SqliteLedger
from bot.store.ledger_file import open_for_reading

PAGES = 500
PAUSE_S = 0.005


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was checked: where it is, the head it has, and its size in bytes."""

    path: Path
    head: Head
    size: int


def back_up(ledger: SqliteLedger, directory: Path, *, now: datetime) -> Backup:
    """Copy `ledger`, which may be in use, to `directory`; its head goes beside it. Raises StorageError when the copy
    cannot be made or does not hold everything the ledger held when it began; nothing of it is left then.
    """
    name = f"ledger-{now.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}"
    path, partial = directory / f"{name}.db", directory / f".{name}.partial"
    before = ledger.head()
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            _copy(ledger.path, partial)
            head = _checked(partial, ledger, before)
            write_whole(directory / f"{name}{SUFFIX}", json.dumps(head_body(head)).encode())
            partial.replace(path)
            sync_directory(directory)
        finally:
            for leftover in (partial, partial.with_name(f"{partial.name}-journal")):
                leftover.unlink(missing_ok=True)
    except (sqlite3.Error, OSError) as error:
        raise StorageError(
            f"The backup in {directory} could not be made: {error}.",
            hint="Nothing of it was kept. Check the space and the rights there.",
        ) from error
    return Backup(path, head, path.stat().st_size)


@dataclass(frozen=True, slots=True)
class HistoryBackup:
    """A backup of the history that was checked."""

    path: Path
    size: int


def back_up_history(source: Path, directory: Path, *, now: datetime) -> HistoryBackup | None:
    """Copy the history at `source`, which may be in use, to `directory`; None where there is none yet.

    Raises StorageError when the copy cannot be made or is not whole; nothing of it is left then.
    """
    if not source.exists():
        return None
    name = f"history-{now.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}"
    path, partial = directory / f"{name}.db", directory / f".{name}.partial"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            _copy(source, partial)
            _check_history(partial)
            partial.replace(path)
            sync_directory(directory)
        finally:
            for leftover in (partial, partial.with_name(f"{partial.name}-journal")):
                leftover.unlink(missing_ok=True)
    except (sqlite3.Error, OSError) as error:
        raise StorageError(
            f"The backup of the history in {directory} could not be made: {error}.",
            hint="Nothing of it was kept. Check the space and the rights there, and the history itself.",
        ) from error
    return HistoryBackup(path, path.stat().st_size)


def _check_history(path: Path) -> None:
    with closing(open_for_reading(path)) as connection:
        found = [row[0] for row in connection.execute("PRAGMA integrity_check(5)")]
        broken = connection.execute("PRAGMA foreign_key_check").fetchone()
        if found != ["ok"] or broken or not is_history(connection, path):
            raise StorageError(
                f"The backup of the history does not verify: {'; '.join(map(str, found))}.",
                hint="It was deleted. The history itself may be damaged: keep the older backups.",
            )


def _copy(source: Path, target: Path) -> None:
    pragmas: dict[str, str | int] = {"synchronous": 2}
    with (
        closing(open_for_reading(source)) as here,
        closing(open_database(target, pragmas=pragmas)) as there,
    ):
        here.backup(there, pages=PAGES, sleep=PAUSE_S)


def _checked(path: Path, ledger: SqliteLedger, before: Head) -> Head:
    """The head of the copy at `path`. Raises StorageError when anything about it is not as it was in the ledger."""
    with closing(open_for_reading(path)) as connection:
        found = [row[0] for row in connection.execute("PRAGMA integrity_check(5)")]
        whole = found == ["ok"] and ledger_start.fingerprint(connection) == ledger_start.SCHEMA
        broken = connection.execute("PRAGMA foreign_key_check").fetchone()
    copy = SqliteLedger.open_for_reading(path, clock=lambda: datetime.now(UTC), key=ledger.key)
    chain = copy.verify(before)
    if not whole or broken or not chain.sound or copy.id != ledger.id:
        problem = chain.problem or "its tables are not those of a ledger"
        raise StorageError(
            f"The backup does not verify: {problem if found == ['ok'] else '; '.join(found)}.",
            hint="It was deleted. Run `patchbot audit verify`: the ledger itself may be damaged.",
        )
    return copy.head()
