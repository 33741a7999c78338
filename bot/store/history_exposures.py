"""Exposures in history.db. What a report means for them is decided in bot/core/exposures.py; here it becomes rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from bot.core.exposures import after, identity
from bot.core.history import Exposure
from bot.core.nodes import NodeKey, Patch
from bot.store import history_rows as rows
from bot.store.history_texts import (
    known_number,
    node_number,
    number_of,
    numbers_of,
    patch_number,
)

_OPEN = ", ".join(f"exposure.{name}" for name in rows.EXPOSURE_COLUMNS)
_CLOSED = ", ".join(f"closed.{name}" for name in rows.CLOSED_COLUMNS)
_NODE = "node.account, node.region, node.instance_id"


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
    kept = connection.execute(f"SELECT {_OPEN} FROM exposure WHERE node = ?", (node,)).fetchall()
    reader = _Reader(connection)
    last = None if known_at is None else rows.from_microseconds(known_at)
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
        f"INSERT INTO exposure (node, {', '.join(rows.EXPOSURE_COLUMNS)})"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
    """What is open on nodes that are there, and what was closed since then, oldest first."""
    reader = _Reader(connection)
    number = known_number(connection, environment)
    found = list(_tracked(connection, number, reader, closed_since))
    if closed_since is not None:
        closed = connection.execute(
            f"SELECT {_NODE}, {_CLOSED} FROM closed JOIN node ON node.id = closed.node"
            " WHERE closed.closed_at >= ? AND node.environment = ?",
            (_at_least(closed_since), number),
        )
        found += [reader.closed(NodeKey(*row[:3]), row[3:]) for row in closed]
    return tuple(sorted(found, key=lambda one: (one.first_seen, one.key, identity(one.patch))))


def _tracked(
    connection: sqlite3.Connection,
    environment: int,
    reader: _Reader,
    closed_since: datetime | None,
) -> Iterator[Exposure]:
    tracked = connection.execute(
        f"SELECT {_NODE}, node.known_at, node.known_baseline, node.gone_at IS NOT NULL, {_OPEN}"
        " FROM node CROSS JOIN exposure ON exposure.node = node.id WHERE node.environment = ?",
        (environment,),
    )
    for account, region, instance_id, at, baseline, gone, *row in tracked:
        key = NodeKey(account, region, instance_id)
        one = reader.open(key, tuple(row), rows.from_microseconds(at), baseline)
        if one.closed_at is None:
            if not gone:
                yield one
        elif closed_since is not None and one.closed_at >= closed_since:
            yield one


def _at_least(moment: datetime) -> int:
    """The first whole second that is not before it."""
    return rows.seconds(moment) + bool(moment.microsecond)


class _Reader:
    """Makes exposures of rows; texts and patches, which many of them share, are read once."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._texts: dict[int | None, str] = {None: ""}
        self._patches: dict[int, Patch] = {}

    def open(
        self, key: NodeKey, row: rows.Row, known_at: datetime | None, known_baseline: int | None
    ) -> Exposure:
        """A row of EXPOSURE_COLUMNS; `known_at` and `known_baseline` are those of its node."""
        (patch, first, first_baseline, critical, important, seen_for, baseline) = row[:7]
        closed_after, closed_by, closing_baseline = row[7:]
        if seen_for is None and known_at is not None:
            seen_for, baseline = rows.seconds(known_at) - first, known_baseline
        return Exposure(
            key,
            self._patch(patch),
            rows.from_seconds(first),
            rows.from_seconds(first + seen_for),
            rows.at_offset(first + seen_for, closed_after),
            self._text(closed_by),
            self._text(first_baseline),
            self._text(baseline),
            self._text(closing_baseline),
            rows.at_offset(first, critical),
            rows.at_offset(first, important),
        )

    def closed(self, key: NodeKey, row: rows.Row) -> Exposure:
        """A row of CLOSED_COLUMNS."""
        (closed_at, _node, patch, open_for, unseen_for, first_baseline, baseline) = row[:7]
        critical, important, closed_by = row[7:]
        first = closed_at - open_for
        return Exposure(
            key,
            self._patch(patch),
            rows.from_seconds(first),
            rows.from_seconds(closed_at - unseen_for),
            rows.from_seconds(closed_at),
            self._text(closed_by),
            self._text(first_baseline),
            self._text(baseline),
            self._text(baseline),
            rows.at_offset(first, critical),
            rows.at_offset(first, important),
        )

    def _text(self, number: int | None) -> str:
        if number not in self._texts:
            found = self._connection.execute("SELECT text FROM text WHERE id = ?", (number,))
            self._texts[number] = found.fetchone()[0]
        return self._texts[number]

    def _patch(self, number: int) -> Patch:
        if number not in self._patches:
            names = ", ".join(rows.PATCH_COLUMNS)
            found = self._connection.execute(f"SELECT {names} FROM patch WHERE id = ?", (number,))
            self._patches[number] = rows.patch(found.fetchone())
        return self._patches[number]
