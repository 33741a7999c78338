"""events.db: which events were taken, and what they said that nobody was told yet.

A message is deleted from its queue once it is in here, so commits are fsynced. Whatever people were told stands in the
ledger; so losing the file loses what was gathered and not told, a few minutes' worth, and repeats no alert.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from bot.core.alerts import INSTALL, CommandFact, Facts, NodeFact, WindowFact, merged
from bot.core.errors import StorageError
from bot.core.events import (
    CommandChanged,
    ComplianceChanged,
    Event,
    InvocationChanged,
    WindowExecutionChanged,
)
from bot.core.nodes import NodeKey
from bot.store.database import open_database, transaction
from bot.store.rows import from_time, to_time

T = TypeVar("T")

KEPT = timedelta(days=15)
"""A queue keeps messages for 14 days at most: no copy of an event comes later."""
_VERSION = 1
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_PRAGMAS = {"synchronous": 2}
_log = logging.getLogger(__name__)


class EventFacts:
    """The EventStore in a SQLite file, which is opened anew for each call. Any thread may use it.

    A damaged file is set aside and begun anew.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def take(self, events: Sequence[Event], now: datetime) -> int:
        """Merge the events into the facts, durably and all together. Returns how many were not known before."""

        def work(connection: sqlite3.Connection) -> int:
            with transaction(connection):
                new = [event for event in events if _is_new(connection, event, now)]
                for event in new:
                    _merge(connection, event, now)
                if new:
                    _forget(connection, now - KEPT)
            return len(new)

        return self._use(work)

    def facts(self) -> Facts:
        """All that is not told yet, in one fixed order."""

        def work(connection: sqlite3.Connection) -> Facts:
            connection.execute("BEGIN")
            return Facts(_nodes(connection), _commands(connection), _windows(connection))

        return self._use(work)

    def told(self, facts: Facts) -> None:
        """These are done with: told, ours, or of no environment."""

        def work(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                for node in facts.nodes:
                    _tell_node(connection, node)
                for command in facts.commands:
                    connection.executemany(
                        "UPDATE invocation SET told = 1 WHERE account = ? AND region = ?"
                        " AND command_id = ? AND instance_id = ?",
                        [
                            (command.account, command.region, command.command_id, key.instance_id)
                            for key in command.nodes or ()
                        ],
                    )
                connection.executemany(
                    "UPDATE window_execution SET told = 1"
                    " WHERE account = ? AND region = ? AND execution_id = ?",
                    [(one.account, one.region, one.execution_id) for one in facts.windows],
                )

        self._use(work)

    def _use(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._lock:
            try:
                try:
                    return self._attempt(work)
                except sqlite3.DatabaseError as error:
                    if (getattr(error, "sqlite_errorcode", 0) & 0xFF) not in _DAMAGED:
                        raise
                    self._set_aside(error)
                    return self._attempt(work)
            except (sqlite3.Error, OSError) as error:
                raise StorageError(
                    f"The events in {self._path} cannot be used: {error}.",
                    hint="Check that patchbot may write in that directory and that the disk is not full.",
                ) from error

    def _attempt(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with closing(open_database(self._path, pragmas=_PRAGMAS)) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version > _VERSION:
                raise StorageError(
                    f"{self._path} was written by a newer patchbot.",
                    hint="Move it away: patchbot makes a new one, and repeats no alert.",
                )
            if version < _VERSION:
                from bot.store.events_schema import migrate

                migrate(connection, _VERSION)
            return work(connection)

    def _set_aside(self, error: sqlite3.DatabaseError) -> None:
        aside = self._path.with_name(f"{self._path.name}.damaged")
        _log.warning("%s: %s; moved to %s and started anew", self._path, error, aside.name)
        for suffix in ("-journal", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        self._path.replace(aside)


def _is_new(connection: sqlite3.Connection, event: Event, now: datetime) -> bool:
    return bool(
        connection.execute(
            "INSERT INTO seen VALUES (?, ?) ON CONFLICT DO NOTHING", (event.key, from_time(now))
        ).rowcount
    )


def _merge(connection: sqlite3.Connection, event: Event, now: datetime) -> None:
    values: dict[str, Any] = {
        "account": event.account,
        "region": event.region,
        "at": from_time(event.at),
        "now": from_time(now),
    }
    match event:
        case ComplianceChanged():
            _save_node(connection, merged(_node(connection, event.node), event, now))
        case CommandChanged():
            values |= {
                "command_id": event.command_id,
                "document": event.document,
                "operation": event.operation,
                "snapshot_id": event.snapshot_id,
            }
            connection.execute(
                "INSERT INTO command VALUES (:account, :region, :command_id, :document, :operation,"
                " :snapshot_id, :now) ON CONFLICT DO UPDATE SET document = max(document, excluded.document),"
                " operation = max(operation, excluded.operation), snapshot_id = max(snapshot_id, excluded.snapshot_id)",
                values,
            )
        case InvocationChanged():
            values |= {"command_id": event.command_id, "instance_id": event.instance_id}
            connection.execute(
                "INSERT INTO invocation VALUES (:account, :region, :command_id, :instance_id, :at, :now, 0)"
                " ON CONFLICT DO UPDATE SET at = min(at, excluded.at)",
                values,
            )
        case WindowExecutionChanged() if event.failed:
            values |= {"execution_id": event.execution_id, "window_id": event.window_id}
            connection.execute(
                "INSERT INTO window_execution VALUES (:account, :region, :execution_id, :window_id, :status,"
                " :at, :now, 0) ON CONFLICT DO NOTHING",
                values | {"status": event.status},
            )


def _forget(connection: sqlite3.Connection, before: datetime) -> None:
    """What is older than any copy of an event can be. What became of a node is kept: it is one row."""
    old = (from_time(before),)
    connection.execute("DELETE FROM seen WHERE taken_at < ?", old)
    for table in ("command", "invocation", "window_execution"):
        connection.execute(f"DELETE FROM {table} WHERE heard_at < ?", old)


def _node(connection: sqlite3.Connection, key: NodeKey) -> NodeFact:
    found = connection.execute(
        f"{_NODES} WHERE account = ? AND region = ? AND instance_id = ?", key
    ).fetchone()
    return NodeFact(key) if found is None else _node_fact(found)


_NODES = "SELECT account, region, instance_id, bad_at, good_at, told_at, heard_at FROM node"


def _node_fact(row: tuple[Any, ...]) -> NodeFact:
    return NodeFact(NodeKey(*row[:3]), *(to_time(text) for text in row[3:]))


def _save_node(connection: sqlite3.Connection, fact: NodeFact) -> None:
    times = (fact.bad_at, fact.good_at, fact.told_at, fact.heard_at)
    connection.execute(
        "INSERT OR REPLACE INTO node VALUES (?, ?, ?, ?, ?, ?, ?)",
        (*fact.node, *(from_time(at) for at in times)),
    )


def _tell_node(connection: sqlite3.Connection, told: NodeFact) -> None:
    """Up to what was told; events that were taken meanwhile stay news."""
    known = _node(connection, told.node)
    at = told.bad_at
    if at is None:
        return
    until = at if known.told_at is None else max(known.told_at, at)
    after = NodeFact(known.node, known.bad_at, known.good_at, until, known.heard_at)
    heard = known.heard_at if after.news_at is not None else None
    _save_node(connection, NodeFact(known.node, known.bad_at, known.good_at, until, heard))


def _nodes(connection: sqlite3.Connection) -> tuple[NodeFact, ...]:
    found = connection.execute(f"{_NODES} WHERE heard_at IS NOT NULL ORDER BY 1, 2, 3")
    return tuple(_node_fact(row) for row in found)


def _commands(connection: sqlite3.Connection) -> tuple[CommandFact, ...]:
    """Installs with nodes that nobody was told of. A command of which only its nodes told has no operation yet."""
    facts: dict[tuple[str, str, str], CommandFact] = {}
    nodes: defaultdict[tuple[str, str, str], dict[NodeKey, datetime]] = defaultdict(dict)
    for account, region, command_id, instance_id, at, heard_at, *words in connection.execute(
        "SELECT command.account, command.region, command_id, instance_id, at,"
        " min(command.heard_at, invocation.heard_at), document, operation, snapshot_id"
        " FROM invocation JOIN command USING (account, region, command_id)"
        " WHERE NOT told AND operation = ? ORDER BY 1, 2, 3, 4",
        (INSTALL,),
    ):
        place = (account, region, command_id)
        nodes[place][NodeKey(account, region, instance_id)] = datetime.fromisoformat(at)
        facts.setdefault(place, CommandFact(*place, datetime.fromisoformat(heard_at), *words))
    return tuple(replace(fact, nodes=nodes[place]) for place, fact in facts.items())


def _windows(connection: sqlite3.Connection) -> tuple[WindowFact, ...]:
    found = connection.execute(
        "SELECT account, region, window_id, execution_id, status, at, heard_at FROM window_execution"
        " WHERE NOT told ORDER BY 1, 2, 4"
    )
    return tuple(
        WindowFact(
            account,
            region,
            window_id,
            execution_id,
            status,
            datetime.fromisoformat(at),
            datetime.fromisoformat(heard_at),
        )
        for account, region, window_id, execution_id, status, at, heard_at in found
    )
