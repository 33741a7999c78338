"""Copies of the ledger and the history that were opened and checked. One that was not is no backup, and does not stay.

Never a copy of the file: that may catch half a commit, and would not say that it is a copy. A backup says so in its
header, so that it changes nothing where it is put in place of the ledger before a person has accepted it.
"""

from __future__ import annotations

import json
import logging
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.core.audit import Head
from bot.core.errors import StorageError
from bot.store import ledger_start
from bot.store.database import open_database
from bot.store.durable import sync_directory, write_whole
from bot.store.heads import SUFFIX, head_body
from bot.store.history import HISTORY_FILE, is_history
from bot.store.ledger import SqliteLedger
from bot.store.ledger_file import open_for_reading

PAGES = 500
PAUSE_S = 0.005
HISTORY_EVERY = timedelta(days=1)
HISTORY_KEPT = 7
"""The history is large and changes once a day; what it lost of a day is no decision of anybody's."""
LEFT_OVER = timedelta(days=1)
"""Parts of a backup that was never finished are nobody's after this."""
_MOMENT = "%Y%m%dT%H%M%S.%fZ"
_NAME = re.compile(r"(ledger|history)-(\d{8}T\d{6}\.\d{6}Z)\.db")

_log = logging.getLogger(__name__)


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
    before = ledger.head()
    with _made("ledger", directory, now=now) as (path, partial):
        _copy(ledger.path, partial, says_so=True)
        head = _checked(partial, ledger, before)
        write_whole(path.with_suffix(SUFFIX), json.dumps(head_body(head)).encode())
    return Backup(path, head, path.stat().st_size)


@contextmanager
def _made(what: str, directory: Path, *, now: datetime) -> Iterator[tuple[Path, Path]]:
    """Yields where a backup goes and where it is made; it is there after the block, or nothing of it. Raises
    StorageError.
    """
    name = f"{what}-{now.astimezone(UTC):{_MOMENT}}"
    path, partial = directory / f"{name}.db", directory / f".{name}.partial"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            yield path, partial
            partial.replace(path)
            sync_directory(directory)
        finally:
            for leftover in (partial, partial.with_name(f"{partial.name}-journal")):
                leftover.unlink(missing_ok=True)
    except (sqlite3.Error, OSError) as error:
        raise StorageError(
            f"The backup of the {what} in {directory} could not be made: {error}.",
            hint=f"Nothing of it was kept. Check the space and the rights there, and the {what} itself.",
        ) from error


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
    with _made("history", directory, now=now) as (path, partial):
        _copy(source, partial, says_so=False)
        _check_history(partial)
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


def _copy(source: Path, target: Path, *, says_so: bool) -> None:
    pragmas: dict[str, str | int] = {"synchronous": 2}
    with (
        closing(open_for_reading(source)) as here,
        closing(open_database(target, pragmas=pragmas)) as there,
    ):
        here.backup(there, pages=PAGES, sleep=PAUSE_S)
        if says_so:
            ledger_start.mark_as_copy(there)


def _checked(path: Path, ledger: SqliteLedger, before: Head) -> Head:
    """The head of the copy at `path`. Raises StorageError when anything about it is not as it was in the ledger."""
    with closing(open_for_reading(path)) as connection:
        found = [row[0] for row in connection.execute("PRAGMA integrity_check(5)")]
        whole = found == ["ok"] and not ledger_start.wrong_tables(connection)
        marked = ledger_start.is_copy(connection)
        broken = connection.execute("PRAGMA foreign_key_check").fetchone()
    copy = SqliteLedger.open_for_reading(path, clock=lambda: datetime.now(UTC), key=ledger.key)
    chain = copy.verify(before)
    if not whole or not marked or broken or not chain.sound or copy.id != ledger.id:
        problem = chain.problem or "its tables are not those of a ledger"
        raise StorageError(
            f"The backup does not verify: {problem if found == ['ok'] else '; '.join(found)}.",
            hint="It was deleted. Run `patchbot audit verify`: the ledger itself may be damaged.",
        )
    return copy.head()


def backups(directory: Path, what: str = "ledger") -> tuple[tuple[datetime, Path], ...]:
    """The backups of `what` in a directory with their moments, newest first. Raises OSError."""
    names = [(each, _NAME.fullmatch(each.name)) for each in directory.glob(f"{what}-*.db")]
    found = [
        (datetime.strptime(name[2], _MOMENT).replace(tzinfo=UTC), path)
        for path, name in names
        if name is not None and name[1] == what
    ]
    return tuple(sorted(found, reverse=True))


class Backups:
    """Backs a ledger up into `directory` every so often and keeps the newest `keep`. One thread uses it.

    The history beside the ledger is backed up once a day. `trouble` says why the last one failed; else empty.
    """

    def __init__(
        self, ledger: SqliteLedger, directory: Path, *, every: timedelta, keep: int
    ) -> None:
        self.trouble = ""
        self._ledger = ledger
        self._directory = directory
        self._every = every
        self._keep = keep
        self._tried_at: datetime | None = None
        self._history_tried_at: datetime | None = None

    def when_due(self, now: datetime) -> None:
        """Make one when the last is old enough, or was never made. A failure is logged and tried again as often.

        Old ones go only after a new one was made and checked. To be called as often as one likes.
        """
        try:
            if self._is_due(now):
                self._tried_at = now
                made = back_up(self._ledger, self._directory, now=now)
                self.trouble = ""
                _log.info("backup %s, %d bytes, head %s", made.path, made.size, made.head.code)
                self._prune(made.path, now, keep=self._keep)
                self._back_up_history(now)
        except (StorageError, OSError) as error:
            self.trouble = str(error)
            _log.error("%s", error)

    def _is_due(self, now: datetime) -> bool:
        last = self._tried_at
        if last is None:
            last = max((at for at, _ in backups(self._directory)), default=None)
        return last is None or not timedelta(0) <= now - last < self._every

    def _back_up_history(self, now: datetime) -> None:
        """With the first backup of the ledger that is a day later than the last of the history."""
        known = backups(self._directory, "history")
        last = self._history_tried_at or max((at for at, _ in known), default=None)
        if last is not None and timedelta(0) <= now - last < HISTORY_EVERY:
            return
        self._history_tried_at = now
        made = back_up_history(self._ledger.path.with_name(HISTORY_FILE), self._directory, now=now)
        if made is not None:
            _log.info("backup %s, %d bytes", made.path, made.size)
            self._prune(made.path, now, keep=HISTORY_KEPT, what="history")

    def _prune(self, newest: Path, now: datetime, *, keep: int, what: str = "ledger") -> None:
        """All but the newest ones, the one just made among them whatever the clock said before, and left-overs."""
        others = [path for _, path in backups(self._directory, what) if path != newest]
        for path in others[keep - 1 :]:
            path.unlink(missing_ok=True)
            path.with_suffix(SUFFIX).unlink(missing_ok=True)
        for path in self._directory.glob(f".{what}-*.partial*"):
            if now.timestamp() - path.stat().st_mtime > LEFT_OVER.total_seconds():
                path.unlink(missing_ok=True)
