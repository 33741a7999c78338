"""history.db: what AWS does not keep. It cannot be read again: damage is an error here, and backups have a copy."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from bot.core.errors import StorageError
from bot.core.history import Exposure, NodeState, Patched, Snapshot
from bot.core.nodes import NodeKey, Patch
from bot.store import history_exposures, history_snapshots
from bot.store.database import open_database
from bot.store.ledger_file import open_for_reading

T = TypeVar("T")

APPLICATION_ID = 0x50544849  # "PTHI"
VERSION = 1  # goes up with every migration
KEPT = timedelta(days=400)
DIGESTS_KEPT = timedelta(days=35)  # what digests were made from: as far back as digests look
HISTORY_FILE = "history.db"
_PRAGMAS: dict[str, str | int] = {
    "synchronous": 1,  # NORMAL: a power cut may take the last rows, never half a record
    "cache_spill": 0,  # a large record must not lock readers out before its commit
}


class HistoryDatabase:
    """The HistoryStore in a SQLite file, which is made at the first record; before that there is no history.

    Every call opens the file anew, so that it can be used from any number of threads and processes and there is nothing
    to close. What is older than KEPT goes with the daily snapshots. With `read_only` nothing is ever written.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self._read_only = read_only
        self._together = threading.local()

    @contextmanager
    def together(self) -> Iterator[None]:
        """What this thread records in the block is one transaction: all of it or nothing. Raises StorageError."""
        with self._told(), closing(self._writer()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            self._together.connection = connection
            try:
                yield
                connection.execute("COMMIT")
            finally:
                del self._together.connection
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def record(self, snapshot: Snapshot, nodes: tuple[NodeState, ...]) -> bool:
        """See the port. A snapshot that is no later than the last one of its environment is not kept.

        Only what a digest was made from may be the reading of another snapshot, too.
        """
        return self._write(
            lambda connection: history_snapshots.record(
                connection,
                snapshot,
                nodes,
                forget_before=snapshot.at - KEPT,
                forget_digests_before=snapshot.at - DIGESTS_KEPT,
            )
        )

    def record_patches(
        self,
        environment: str,
        key: NodeKey,
        patches: tuple[Patch, ...],
        *,
        at: datetime,
        baseline_id: str,
        operation: str = "Scan",
        run: str = "",
    ) -> None:
        """See the port."""
        self._write(
            lambda connection: history_exposures.record(
                connection,
                environment,
                key,
                patches,
                at=at,
                baseline_id=baseline_id,
                operation=operation,
                run=run,
            )
        )

    def patches_known_at(self, environment: str) -> dict[NodeKey, datetime]:
        """See the port."""
        return self._read({}, lambda found: history_exposures.known_at(found, environment))

    def snapshots(
        self,
        environment: str,
        *,
        since: datetime,
        until: datetime | None = None,
        digests: bool = False,
    ) -> tuple[Snapshot, ...]:
        """See the port."""
        return self._read(
            (),
            lambda found: history_snapshots.snapshots(
                found, environment, since, until, digests=digests
            ),
        )

    def nodes_at(self, environment: str, at: datetime) -> tuple[NodeState, ...]:
        """See the port. The ends of operations are in whole seconds."""
        return self._read((), lambda found: history_snapshots.nodes_at(found, environment, at))

    def exposures(
        self, environment: str, *, closed_since: datetime | None = None
    ) -> tuple[Exposure, ...]:
        """See the port."""
        return self._read(
            (), lambda found: history_exposures.exposures(found, environment, closed_since)
        )

    def patched(self, environment: str, *, since: datetime) -> Patched:
        """See the port."""
        return self._read(
            Patched(), lambda found: history_exposures.patched(found, environment, since)
        )

    def _read(self, nothing: T, work: Callable[[sqlite3.Connection], T]) -> T:
        held: sqlite3.Connection | None = getattr(self._together, "connection", None)
        with self._told():
            if held is not None:
                return work(held)
            if not self.path.exists():
                return nothing
            with closing(open_for_reading(self.path)) as connection:
                connection.execute("BEGIN")  # one snapshot for all the queries
                if not is_history(connection, self.path):
                    return nothing
                return work(connection)

    def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        held: sqlite3.Connection | None = getattr(self._together, "connection", None)
        with self._told():
            if held is not None:
                with _whole(held, "SAVEPOINT one", "RELEASE one", "ROLLBACK TO one"):
                    return work(held)
            with (
                closing(self._writer()) as connection,
                _whole(connection, "BEGIN IMMEDIATE", "COMMIT", "ROLLBACK"),
            ):
                return work(connection)

    def _writer(self) -> sqlite3.Connection:
        if self._read_only:
            raise StorageError("The history is only looked at here.")
        connection = open_database(self.path, pragmas=_PRAGMAS)
        try:
            _prepare(connection, self.path)
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, UnicodeError) as error:
            raise StorageError(
                f"The history {self.path} cannot be used: {error}.",
                hint="Check that patchbot may write in that directory, and the disk."
                " A damaged file is replaced by the newest backup; see docs/history.md.",
            ) from error


@contextmanager
def _whole(connection: sqlite3.Connection, begin: str, end: str, undo: str) -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
    except BaseException:
        connection.execute(undo)
        raise
    connection.execute(end)


def is_history(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether there is any history in the file yet. Raises StorageError for a file that is not ours or is newer."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application not in {0, APPLICATION_ID}:
        raise StorageError(f"{path} is not a history of patchbot.", hint="Move it away.")
    if version > VERSION:
        raise StorageError(
            f"{path} was written by a newer patchbot (version {version}, this one knows {VERSION}).",
            hint="Update patchbot, or restore the backup from before the update.",
        )
    return bool(version)


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    is_history(connection, path)
    if connection.execute("PRAGMA user_version").fetchone() != (VERSION,):
        # sqlite-utils costs a start 95 ms; it is needed once in the life of a file.
        from bot.store.history_schema import migrate

        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        migrate(connection, VERSION)
