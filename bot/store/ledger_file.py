"""The file of the ledger: who may have it open, its one writing connection, and what is checked before each write.

Nothing may change when the file is not surely the one that was opened, with nothing but our own writes in it.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from bot.core.errors import StorageError
from bot.store.database import BUSY_TIMEOUT_S, has_sound_wal, open_database
from bot.store.doubts import Doubt

APPLICATION_ID = 0x50544C44  # "PTLD"
COPY_ID = 0x50544C43  # "PTLC": what `patchbot backup` made, until somebody accepts it
_log = logging.getLogger(__name__)

_READ_ONLY_HINT = (
    "Nothing was changed, and nothing will be until this is put right: see docs/security.md."
)
_MAY = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
    sqlite3.SQLITE_TRANSACTION,
    sqlite3.SQLITE_SAVEPOINT,
}
_MAY_UPDATE = frozenset(
    {
        *("counter", "inbox", "request", "run", "dispatch", "result", "notice", "last_sent"),
        *("subscription", "slot"),
    }
)
_MAY_INSERT = _MAY_UPDATE | {"audit", "plan", "vote", "node_lock", "receipt"}


class LedgerFile:
    """ledger.db while this process has it. `read_only_reason` says why nothing may change; empty when all is well.
    `doubt` is what was found at its start.
    """

    def __init__(
        self, path: Path, *, read_only_reason: str = "", doubt: Doubt | None = None
    ) -> None:
        self.path = path
        self.read_only_reason = read_only_reason
        self.doubt = doubt
        self._lock = threading.RLock()
        self._writer: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._tails: set[tuple[int, bytes]] = set()
        self._busy = False
        self.recognise()

    def recognise(self) -> None:
        """Take the file that is there now for ours."""
        with suppress(OSError):
            self._identity = _identity(self.path)

    def expect(self, connection: sqlite3.Connection) -> None:
        """Take the end of the audit log as it is now for our own last write."""
        self._tails = {tail(connection)}

    def close(self) -> None:
        """Close the writing connection; reading stays possible."""
        with self._lock:
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    @contextmanager
    def reading(self, *, as_bytes: bool = False) -> Iterator[sqlite3.Connection]:
        """A connection that cannot write, in one snapshot. Raises StorageError. Keep the block short: without WAL a
        commit waits for it.
        """
        try:
            with closing(open_for_reading(self.path)) as connection:
                self._must_be_the_same()
                connection.row_factory = None if as_bytes else sqlite3.Row
                if as_bytes:
                    connection.text_factory = bytes
                connection.execute("BEGIN")
                yield connection
        except (sqlite3.Error, OSError, UnicodeError) as error:
            raise self.told(error) from error

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: durable when the block has ended, undone when it raises. Raises StorageError."""
        with self._lock:
            if self._busy:
                raise RuntimeError("a change of the ledger within another one")
            self._busy = True
            try:
                yield from self._transaction()
            except (sqlite3.Error, OSError) as error:
                self._after_fault(error)
                raise self.told(error) from error
            finally:
                self._busy = False

    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._must_be_writable()
        connection = self._connected()
        connection.execute("BEGIN IMMEDIATE")
        try:
            self._must_be_the_same()
            self._must_end_as_left(connection)
            yield connection
            now = tail(connection)
            self._tails.add(now)  # should COMMIT fail, either end may be on the disk
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        self._must_be_the_same()
        self._tails = {now}

    def _connected(self) -> sqlite3.Connection:
        if self._writer is None:
            self._must_be_the_same()
            connection = open_writer(self.path)
            connection.row_factory = sqlite3.Row
            # json_each is a virtual table, which the authorizer would not let SQLite declare at its first use.
            connection.execute("SELECT * FROM json_each('[]')").fetchall()
            connection.set_authorizer(_authorise)
            self._writer = connection
        return self._writer

    def _must_be_writable(self) -> None:
        if self.read_only_reason:
            raise StorageError(
                f"The ledger is read-only: {self.read_only_reason}.", hint=_READ_ONLY_HINT
            )

    def _must_be_the_same(self) -> None:
        try:
            same = _identity(self.path) == self._identity
        except OSError:
            same = False
        if not same:
            self._fail_closed("its file was deleted or replaced while patchbot was running")

    def _must_end_as_left(self, connection: sqlite3.Connection) -> None:
        if tail(connection) not in self._tails:
            self._fail_closed("something else wrote to its file while patchbot was running")

    def _fail_closed(self, reason: str) -> None:
        if not self.read_only_reason:
            _log.critical("%s: %s; nothing will change any more", self.path, reason)
            self.read_only_reason = reason
        self._must_be_writable()

    def _after_fault(self, error: Exception) -> None:
        """After a failed read or write of the disk the connection is closed; after a failed sync nothing is trusted."""
        name = getattr(error, "sqlite_errorname", "")
        if not name.startswith(
            ("SQLITE_IOERR", "SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_READONLY")
        ):
            return
        self.close()
        if "FSYNC" in name:
            self.read_only_reason = (
                "the disk failed to keep what was written; check it, then start patchbot again"
            )

    def told(self, error: Exception) -> StorageError:
        """The error in words."""
        name = getattr(error, "sqlite_errorname", "")
        hint = "Check that patchbot may write in that directory, and the disk."
        if name == "SQLITE_FULL":
            hint = "The disk is full. Free some space; patchbot goes on by itself."
        elif name.startswith("SQLITE_BUSY"):
            hint = "Another program holds the file; stop it, then try again."
        elif "no such table" in str(error):
            hint = (
                "It is of an older patchbot: `patchbot serve` brings it up to date when it starts."
            )
        return StorageError(f"The ledger {self.path} cannot be used: {error}.", hint=hint)


def open_writer(path: Path) -> sqlite3.Connection:
    """A connection that makes every commit durable. It may still do anything: the caller sets the authorizer."""
    wal = has_sound_wal(sqlite3.sqlite_version_info)
    pragmas: dict[str, str | int] = {
        "synchronous": 2
        if wal
        else 3,  # FULL; EXTRA also syncs the directory of a rollback journal
        "fullfsync": 1,
        "recursive_triggers": 1,  # else REPLACE deletes without the triggers of DELETE
        "secure_delete": 1,
        "cache_spill": 0,
    }
    return open_database(path, pragmas=pragmas, any_thread=True)


def open_for_reading(path: Path) -> sqlite3.Connection:
    """A connection that cannot write."""
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode=ro",
        uri=True,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
    )
    for pragma in ("query_only = 1", "trusted_schema = 0", "cell_size_check = 1"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def tail(connection: sqlite3.Connection) -> tuple[int, bytes]:
    """Number and hash of the last row of the audit log."""
    row = connection.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    return (0, b"") if row is None else (row[0], bytes(row[1]))


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def _authorise(
    action: int, first: str | None, _second: str | None, _database: str | None, trigger: str | None
) -> int:
    """What the writing connection may do once the tables are there (SQLite, "Compile-Time Authorization Callbacks")."""
    allowed = (
        action in _MAY
        or (action == sqlite3.SQLITE_INSERT and first in _MAY_INSERT)
        or (action == sqlite3.SQLITE_UPDATE and first in _MAY_UPDATE)
        or (action == sqlite3.SQLITE_DELETE and first == "node_lock" and trigger is not None)
    )
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY
