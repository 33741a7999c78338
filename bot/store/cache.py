"""cache.db: the last reading of each environment. It can be read again from AWS, so damage is never an error here."""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from bot.core.environments import Environment
from bot.core.errors import StorageError
from bot.core.nodes import NodeKey, Patch
from bot.core.readings import Gap, Reading, TargetReading
from bot.store import rows
from bot.store.database import open_database, transaction

T = TypeVar("T")

_APPLICATION_ID = 0x50544348  # "PTCH": tells our file from somebody else's
_VERSION = 4  # goes up with every migration
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_PRAGMAS = {
    "synchronous": 1,  # NORMAL: what a power cut takes is read again
    "cache_spill": 0,  # a reading too large for the page cache must not lock readers out before its commit
}

_log = logging.getLogger(__name__)


class ReadingCache:
    """The ReadingStore in a SQLite file.

    Every call opens the file anew (a third of a millisecond), so that it can be used from any number of threads and
    processes and there is nothing to close. All methods raise StorageError where the file cannot be used.
    `seen_by` names the credentials and the endpoint that read: what others have seen is never an answer for them.
    """

    def __init__(self, path: Path, *, seen_by: str = "") -> None:
        self._path = path
        self._seen_by = seen_by
        self._repair = threading.Lock()

    def load(self, environment: Environment) -> Reading | None:
        """The last reading, with `source` "cache"; None when there is none or the configuration changed since."""
        return self._use(
            lambda connection: _load(
                connection, environment, fingerprint(environment, self._seen_by)
            )
        )

    def save(self, environment: Environment, reading: Reading) -> None:
        """Replace the last reading by this one, whole or not at all. Until then the old one can be read."""
        seal = fingerprint(environment, self._seen_by)
        self._use(lambda connection: _save(connection, environment, reading, seal))

    def load_patches(
        self, key: NodeKey, operation_end_time: datetime | None
    ) -> tuple[datetime, tuple[Patch, ...]] | None:
        """When the patches of that node were read, and they; None unless read for that very operation."""
        return self._use(lambda connection: _load_patches(connection, key, operation_end_time))

    def save_patches(
        self,
        key: NodeKey,
        operation_end_time: datetime | None,
        patches: tuple[Patch, ...],
        *,
        read_at: datetime,
    ) -> None:
        """Keep the patches of a node as they were after its operation that ended then."""
        header = (*key, rows.from_time(operation_end_time), rows.from_time(read_at))
        self._use(lambda connection: _save_patches(connection, header, key, patches))

    def _use(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            try:
                return self._attempt(work)
            except _Unusable as unusable:
                self._set_aside(unusable)
                return self._attempt(work)
        except (sqlite3.Error, OSError, UnicodeError, _Unusable) as error:
            raise StorageError(
                f"The cache {self._path} cannot be used: {error}.",
                hint="Check that patchbot may write in that directory and that the disk is not full.",
            ) from error

    def _attempt(self, work: Callable[[sqlite3.Connection], T]) -> T:
        inode = 0
        try:
            with closing(open_database(self._path, pragmas=_PRAGMAS)) as connection:
                inode = self._path.stat().st_ino
                _prepare(connection)
                return work(connection)
        except sqlite3.DatabaseError as error:
            if (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _DAMAGED:
                raise _Unusable(str(error), inode or self._path.stat().st_ino) from error
            raise
        except _Unusable as unusable:
            raise _Unusable(str(unusable), inode) from unusable

    def _set_aside(self, unusable: _Unusable) -> None:
        with self._repair:
            if not self._path.exists() or self._path.stat().st_ino != unusable.inode:
                return  # somebody else was faster
            aside = self._path.with_name(f"{self._path.name}.damaged")
            _log.warning("%s: %s; moved to %s and started anew", self._path, unusable, aside.name)
            for suffix in ("-journal", "-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
            self._path.replace(aside)


class _Unusable(Exception):
    """The file is damaged, from a newer patchbot or not ours. `inode` tells it from the one that replaces it."""

    def __init__(self, message: str, inode: int = 0) -> None:
        super().__init__(message)
        self.inode = inode


def _prepare(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application not in {0, _APPLICATION_ID}:
        raise _Unusable("not a file of patchbot")
    if version > _VERSION:
        raise _Unusable(
            f"written by a newer patchbot (version {version}, this one knows {_VERSION})"
        )
    if version < _VERSION:
        # sqlite-utils costs a start 95 ms; it is needed once in the life of a file.
        from bot.store.cache_schema import migrate

        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        migrate(connection, _VERSION)


def fingerprint(environment: Environment, seen_by: str = "") -> str:
    """Changes whenever other nodes, or the same ones seen with other eyes, would be read."""
    targets = [
        (one.account.id, one.account.role, one.account.external_id, one.region)
        for one in environment.targets
    ]
    tags = {name: sorted(values) for name, values in environment.selector.tags.items()}
    groups = sorted(environment.selector.patch_groups)
    text = json.dumps([targets, tags, groups, environment.owner_tag, seen_by], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _load(connection: sqlite3.Connection, environment: Environment, seal: str) -> Reading | None:
    named = (environment.name,)
    connection.execute("BEGIN")  # one snapshot for all the queries
    head = connection.execute(
        "SELECT as_of FROM reading WHERE environment = ? AND fingerprint = ?",
        (*named, seal),
    ).fetchone()
    if head is None:
        return None
    gaps: defaultdict[int, list[Gap]] = defaultdict(list)
    notices: defaultdict[int, list[str]] = defaultdict(list)
    for position, *values in connection.execute(_select("gap", rows.GAP_COLUMNS), named):
        gaps[position].append(rows.gap(tuple(values)))
    for position, text in connection.execute(_select("notice", ("text",)), named):
        notices[position].append(text)
    targets = []
    for position, account, read_at in connection.execute(
        _select("target", ("account", "read_at")), named
    ):
        target = environment.targets[position]
        found = connection.execute(_NODES_OF_TARGET, (*named, position))
        targets.append(
            TargetReading(
                target,
                account,
                rows.to_time(read_at),
                tuple(rows.observations(found, account, target.region)),
                tuple(gaps[position]),
                tuple(notices[position]),
            )
        )
    return Reading(
        environment.name, datetime.fromisoformat(head[0]), tuple(targets), source="cache"
    )


def _save(
    connection: sqlite3.Connection, environment: Environment, reading: Reading, seal: str
) -> None:
    name = environment.name
    with transaction(connection):
        connection.execute("DELETE FROM reading WHERE environment = ?", (name,))
        connection.execute(
            "INSERT INTO reading VALUES (?, ?, ?)",
            (name, seal, rows.from_time(reading.as_of)),
        )
        for target in reading.targets:
            at = (name, environment.targets.index(target.target))
            connection.execute(
                "INSERT INTO target VALUES (?, ?, ?, ?, ?)",
                (*at, target.account, target.target.region, rows.from_time(target.read_at)),
            )
            connection.executemany(
                _insert("gap", rows.GAP_COLUMNS), [(*at, *rows.gap_row(one)) for one in target.gaps]
            )
            connection.executemany(
                _insert("notice", ("text",)), [(*at, text) for text in target.notices]
            )
            connection.executemany(
                _insert("node", rows.OBSERVATION_COLUMNS),
                ((*at, *rows.observation_row(seen)) for seen in target.observations),
            )
        connection.execute(_FORGET_PATCHES_OF_LOST_NODES)


def _load_patches(
    connection: sqlite3.Connection, key: NodeKey, operation_end_time: datetime | None
) -> tuple[datetime, tuple[Patch, ...]] | None:
    connection.execute("BEGIN")
    head = connection.execute(
        "SELECT read_at FROM patch_details WHERE account = ? AND region = ? AND instance_id = ?"
        " AND operation_end_time IS ?",
        (*key, rows.from_time(operation_end_time)),
    ).fetchone()
    if head is None:
        return None
    found = connection.execute(
        f"SELECT {', '.join(rows.PATCH_COLUMNS)} FROM patch"
        " WHERE account = ? AND region = ? AND instance_id = ? ORDER BY rowid",
        key,
    )
    return datetime.fromisoformat(head[0]), tuple(rows.patch(row) for row in found)


def _save_patches(
    connection: sqlite3.Connection,
    header: tuple[str | None, ...],
    key: NodeKey,
    patches: tuple[Patch, ...],
) -> None:
    with transaction(connection):
        connection.execute(
            "DELETE FROM patch_details WHERE account = ? AND region = ? AND instance_id = ?", key
        )
        connection.execute("INSERT INTO patch_details VALUES (?, ?, ?, ?, ?)", header)
        connection.executemany(
            f"INSERT INTO patch (account, region, instance_id, {', '.join(rows.PATCH_COLUMNS)})"
            f" VALUES (?, ?, ?{', ?' * len(rows.PATCH_COLUMNS)})",
            [(*key, *rows.patch_row(patch)) for patch in patches],
        )


def _select(table: str, columns: tuple[str, ...]) -> str:
    return f"SELECT position, {', '.join(columns)} FROM {table} WHERE environment = ? ORDER BY position"


def _insert(table: str, columns: tuple[str, ...]) -> str:
    marks = ", ".join("?" * (len(columns) + 2))
    return f"INSERT INTO {table} (environment, position, {', '.join(columns)}) VALUES ({marks})"


_NODES_OF_TARGET = (
    f"SELECT {', '.join(rows.OBSERVATION_COLUMNS)} FROM node"
    " WHERE environment = ? AND position = ? ORDER BY rowid"
)
_FORGET_PATCHES_OF_LOST_NODES = (
    "DELETE FROM patch_details WHERE (account, region, instance_id)"
    " NOT IN (SELECT account, region, instance_id FROM node JOIN target USING (environment, position))"
)
