"""Exposures in history.db. What a report means for them is decided in bot/core/exposures.py; here it becomes rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from operator import attrgetter

from bot.core.exposures import after
from bot.core.history import Exposure, Patched
from bot.core.nodes import NodeKey, Patch
from bot.store import history_rows as rows
from bot.store.history_texts import (
    known_number,
    node_number,
    number_of,
    numbers_of,
    patch_number,
)

_COLUMNS = ", ".join(rows.EXPOSURE_COLUMNS)
_CLOSED_THERE = "closed_at >= ? AND node IN (SELECT id FROM node WHERE environment = ?)"


def record(
    connection: sqlite3.Connection,
    environment: str,
    key: NodeKey,
    patches: Sequence[Patch],
    *,
    at: datetime,
    baseline_id: str,
    operation: str,
    run: str,
) -> None:
    """What is open on a node after its operation, within the caller's transaction. Writes only what changed."""
    node = node_number(connection, number_of(connection, environment), key)
    known_at, known_baseline = connection.execute(
        "SELECT known_at, known_baseline FROM node WHERE id = ?", (node,)
    ).fetchone()
    moment = rows.microseconds(at)
    if known_at is not None and moment <= known_at:
        return
    kept = connection.execute(f"SELECT {_COLUMNS} FROM exposure WHERE node = ?", (node,)).fetchall()
    reader = _Reader(connection)
    last = (known_at or 0) // 1_000_000
    before = [reader.open(key, row, last, known_baseline) for row in kept]
    found = after(
        key, before, patches, at=at, baseline_id=baseline_id, operation=operation, run=run
    )
    _write(connection, node, kept, found, listed_at=at.replace(microsecond=0))
    connection.execute(
        "UPDATE node SET known_at = ?, known_baseline = ?, gone_at = NULL WHERE id = ?",
        (moment, number_of(connection, baseline_id), node),
    )


def _write(
    connection: sqlite3.Connection,
    node: int,
    kept: Iterable[rows.Row],
    found: Sequence[Exposure],
    *,
    listed_at: datetime,
) -> None:
    texts = numbers_of(
        connection,
        (
            text
            for one in found
            for text in (
                one.first_baseline_id,
                one.baseline_id,
                one.closed_by,
                one.closing_baseline_id,
            )
        ),
    )
    now: set[rows.Row] = set()
    for one in found:
        number = patch_number(connection, one.patch)
        if one.was_patched:
            connection.execute(
                f"INSERT OR IGNORE INTO closed ({', '.join(rows.CLOSED_COLUMNS)})"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                rows.closed_row(node, number, one, texts),
            )
            continue
        first = rows.seconds(one.first_seen)
        listed = one.is_open and one.last_seen == listed_at
        now.add(
            (
                number,
                first,
                texts[one.first_baseline_id],
                rows.offset(first, one.critical_since),
                rows.offset(first, one.important_since),
                None if listed else rows.offset(first, one.last_seen),
                None if listed else texts[one.baseline_id],
                rows.offset(rows.seconds(one.last_seen), one.closed_at),
                texts[one.closed_by] if one.closed_by else None,
                None if one.is_open else texts[one.closing_baseline_id],
            )
        )
    before = set(kept)
    connection.executemany(
        "DELETE FROM exposure WHERE node = ? AND patch = ?",
        [(node, row[0]) for row in before - now],
    )
    connection.executemany(
        f"INSERT INTO exposure (node, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(node, *row) for row in now - before],
    )


def known_at(connection: sqlite3.Connection, environment: str) -> dict[NodeKey, datetime]:
    """The end of the operation each node's exposures were recorded of."""
    found = connection.execute(
        "SELECT account, region, instance_id, known_at FROM node"
        " WHERE environment = ? AND known_at IS NOT NULL",
        (known_number(connection, environment),),
    )
    return {
        NodeKey(account, region, instance_id): rows.from_microseconds(at)
        for account, region, instance_id, at in found
    }


def exposures(
    connection: sqlite3.Connection, environment: str, closed_since: datetime | None
) -> tuple[Exposure, ...]:
    """What is open on nodes that are there, and what was closed since then, oldest first, then by node."""
    number = known_number(connection, environment)
    reader = _Reader(connection)
    found = _tracked(connection, number, reader, closed_since)
    if closed_since is not None:
        keys = _keys(connection, number)
        closed = connection.execute(
            f"SELECT {', '.join(rows.CLOSED_COLUMNS)} FROM closed WHERE {_CLOSED_THERE}",
            (_at_least(closed_since), number),
        )
        found += [reader.closed(keys[row[1]], row) for row in closed]
        found.sort(key=attrgetter("key"))
    found.sort(key=attrgetter("first_seen"))
    return tuple(found)


def patched(connection: sqlite3.Connection, environment: str, since: datetime) -> Patched:
    """What was closed for good since then, in sum. Only that is in the table `closed`; see `_write`."""
    count, seconds = connection.execute(
        f"SELECT COUNT(*), COALESCE(SUM(open_for), 0) FROM closed WHERE {_CLOSED_THERE}",
        (_at_least(since), known_number(connection, environment)),
    ).fetchone()
    return Patched(count, timedelta(seconds=seconds))


def _keys(connection: sqlite3.Connection, environment: int) -> dict[int, NodeKey]:
    found = connection.execute(
        "SELECT id, account, region, instance_id FROM node WHERE environment = ?", (environment,)
    )
    return {number: NodeKey(*key) for number, *key in found}


def _tracked(
    connection: sqlite3.Connection,
    environment: int,
    reader: _Reader,
    closed_since: datetime | None,
) -> list[Exposure]:
    found: list[Exposure] = []
    nodes = connection.execute(
        "SELECT id, account, region, instance_id, known_at, known_baseline, gone_at IS NOT NULL"
        " FROM node WHERE environment = ? AND known_at IS NOT NULL"
        " ORDER BY account, region, instance_id",
        (environment,),
    ).fetchall()
    query = f"SELECT {_COLUMNS} FROM exposure WHERE node = ?"
    for number, account, region, instance_id, known_at, baseline, gone in nodes:
        key, last = NodeKey(account, region, instance_id), known_at // 1_000_000
        for row in connection.execute(query, (number,)):
            one = reader.open(key, row, last, baseline)
            if one.closed_at is None:
                if not gone:
                    found.append(one)
            elif closed_since is not None and one.closed_at >= closed_since:
                found.append(one)
    return found


def _at_least(moment: datetime) -> int:
    """The first whole second that is not before it."""
    return rows.seconds(moment) + bool(moment.microsecond)


class _Moments(dict[int, datetime]):
    """Moments by their seconds."""

    def __missing__(self, number: int) -> datetime:
        """Make it at its first use."""
        made = self[number] = rows.from_seconds(number)
        return made


class _Texts(dict[int | None, str]):
    """Texts by their numbers; None is empty."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__({None: ""})
        self._connection = connection

    def __missing__(self, number: int | None) -> str:
        """Read it at its first use."""
        found = self._connection.execute("SELECT text FROM text WHERE id = ?", (number,))
        made: str = found.fetchone()[0]
        self[number] = made
        return made


class _Patches(dict[int, Patch]):
    """Patches by their numbers."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__()
        self._connection = connection

    def __missing__(self, number: int) -> Patch:
        """Read it at its first use."""
        names = ", ".join(rows.PATCH_COLUMNS)
        found = self._connection.execute(f"SELECT {names} FROM patch WHERE id = ?", (number,))
        made = self[number] = rows.patch(found.fetchone())
        return made


class _Reader:
    """Makes exposures of rows. Moments, texts and patches, which many share, are made once: people wait for half a
    million of them.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._moments = _Moments()
        self._texts = _Texts(connection)
        self._patches = _Patches(connection)

    def open(self, key: NodeKey, row: rows.Row, last: int, baseline: int) -> Exposure:
        """A row of EXPOSURE_COLUMNS; `last` and `baseline` are of the operation its node is known by."""
        (patch, first, first_baseline, critical, important, seen_for, own_baseline) = row[:7]
        closed_after, closed_by, closing_baseline = row[7:]
        if seen_for is not None:
            last, baseline = first + seen_for, own_baseline
        return Exposure(
            key,
            self._patches[patch],
            self._moments[first],
            self._moments[last],
            None if closed_after is None else self._moments[last + closed_after],
            self._texts[closed_by],
            self._texts[first_baseline],
            self._texts[baseline],
            self._texts[closing_baseline],
            None if critical is None else self._moments[first + critical],
            None if important is None else self._moments[first + important],
        )

    def closed(self, key: NodeKey, row: rows.Row) -> Exposure:
        """A row of CLOSED_COLUMNS."""
        (closed_at, _node, patch, open_for, unseen_for, first_baseline, baseline) = row[:7]
        critical, important, closed_by = row[7:]
        first = closed_at - open_for
        return Exposure(
            key,
            self._patches[patch],
            self._moments[first],
            self._moments[closed_at - unseen_for],
            self._moments[closed_at],
            self._texts[closed_by],
            self._texts[first_baseline],
            self._texts[baseline],
            self._texts[baseline],
            None if critical is None else self._moments[first + critical],
            None if important is None else self._moments[first + important],
        )
