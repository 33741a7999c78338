"""Snapshots in history.db. The state of a node is a span: one row for as many snapshots as it stays the same."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from bot.core.history import NodeState, Snapshot, SnapshotKind
from bot.core.nodes import NodeKey
from bot.store import history_rows as rows
from bot.store.history_texts import known_number, node_number, number_of, numbers_of

_STATE = ", ".join(f"span.{name}" for name in rows.STATE_COLUMNS)


def record(
    connection: sqlite3.Connection,
    snapshot: Snapshot,
    nodes: Sequence[NodeState],
    *,
    forget_before: datetime,
    forget_digests_before: datetime,
) -> bool:
    """Keep a snapshot and its nodes, within the caller's transaction. False when it is not to be kept."""
    environment = number_of(connection, snapshot.environment)
    if not _replaces(connection, environment, snapshot):
        return False
    at = rows.microseconds(snapshot.at)
    numbers = {one.key: node_number(connection, environment, one.key) for one in nodes}
    if not _kinds_at(connection, environment, at):  # else the nodes of that reading are there
        states = [(numbers[one.key], rows.state_row(one)) for one in nodes]
        _spans(connection, environment, at, states)
        if snapshot.complete:
            _see_off(connection, environment, at, there=set(numbers.values()))
    ends = sorted((numbers[one.key], one.operation_end_time) for one in nodes)
    names = ", ".join(rows.SNAPSHOT_COLUMNS)
    marks = ", ".join("?" * len(rows.SNAPSHOT_COLUMNS))
    connection.execute(
        f"INSERT INTO snapshot (environment, {names}, ends) VALUES (?, {marks}, ?)",
        (environment, *rows.snapshot_row(snapshot), rows.packed_ends(snapshot.at, ends)),
    )
    if snapshot.kind is SnapshotKind.DAILY:
        _forget(connection, forget_before, forget_digests_before)
    return True


def _replaces(connection: sqlite3.Connection, environment: int, snapshot: Snapshot) -> bool:
    """Whether it is new and to be kept; then the one that it replaces is gone."""
    at, of_digest = rows.microseconds(snapshot.at), snapshot.kind is SnapshotKind.DIGEST
    last = connection.execute(
        "SELECT MAX(at) FROM snapshot WHERE environment = ?", (environment,)
    ).fetchone()[0]
    if last is not None and at < last:
        return False
    same = _kinds_at(connection, environment, at)
    if any((kind is SnapshotKind.DIGEST) is of_digest for kind in same):
        return False
    if of_digest:
        return True
    if snapshot.kind is SnapshotKind.RUN:
        return not connection.execute(
            "SELECT 1 FROM snapshot WHERE environment = ? AND kind = 'run' AND run = ?",
            (environment, snapshot.run),
        ).fetchone()
    other = connection.execute(
        "SELECT id, complete FROM snapshot WHERE environment = ? AND kind = 'daily' AND day = ?",
        (environment, snapshot.day.isoformat()),
    ).fetchone()
    if other is None:
        return True
    if other[1] > snapshot.complete:
        return False
    connection.execute("DELETE FROM snapshot WHERE id = ?", (other[0],))
    return True


def _kinds_at(connection: sqlite3.Connection, environment: int, at: int) -> list[SnapshotKind]:
    """The snapshots of that very moment, which are of one reading."""
    found = connection.execute(
        "SELECT kind FROM snapshot WHERE environment = ? AND at = ?", (environment, at)
    )
    return [SnapshotKind(kind) for (kind,) in found]


def _spans(
    connection: sqlite3.Connection,
    environment: int,
    at: int,
    states: Sequence[tuple[int, rows.Row]],
) -> None:
    texts = numbers_of(
        connection, (text for _, row in states for text in row[: rows.TEXTS_OF_STATE])
    )
    now = {
        node: (*(texts[text] for text in row[: rows.TEXTS_OF_STATE]), *row[rows.TEXTS_OF_STATE :])
        for node, row in states
    }
    before = {
        node: tuple(row)
        for node, *row in connection.execute(
            f"SELECT span.node, {_STATE} FROM node CROSS JOIN span ON span.node = node.id"
            " WHERE node.environment = ? AND span.until IS NULL AND span.since ="
            " (SELECT MAX(since) FROM span AS one WHERE one.node = node.id)",
            (environment,),
        )
    }
    over = [node for node, row in before.items() if now.get(node) != row]
    fresh = [node for node, row in now.items() if before.get(node) != row]
    connection.executemany(
        "UPDATE span SET until = ? WHERE node = ? AND until IS NULL", [(at, node) for node in over]
    )
    marks = ", ".join("?" * len(rows.STATE_COLUMNS))
    connection.executemany(
        f"INSERT INTO span (node, since, {', '.join(rows.STATE_COLUMNS)}) VALUES (?, ?, {marks})",
        [(node, at, *now[node]) for node in fresh],
    )
    connection.executemany(
        "UPDATE node SET gone_at = NULL WHERE id = ? AND gone_at IS NOT NULL",
        [(node,) for node in now],
    )


def _see_off(connection: sqlite3.Connection, environment: int, at: int, *, there: set[int]) -> None:
    known = connection.execute(
        "SELECT id FROM node WHERE environment = ? AND gone_at IS NULL", (environment,)
    ).fetchall()
    connection.executemany(
        "UPDATE node SET gone_at = ? WHERE id = ?",
        [(at, node) for (node,) in known if node not in there],
    )


def _forget(connection: sqlite3.Connection, before: datetime, digests_before: datetime) -> None:
    """Drop what ended before then, in all environments; what digests were made from sooner."""
    at, at_seconds = rows.microseconds(before), rows.seconds(before)
    connection.execute("DELETE FROM snapshot WHERE at < ?", (at,))
    connection.execute(
        "DELETE FROM snapshot WHERE kind = 'digest' AND at < ?",
        (rows.microseconds(digests_before),),
    )
    connection.execute("DELETE FROM closed WHERE closed_at < ?", (at_seconds,))
    connection.execute("DELETE FROM node WHERE gone_at < ?", (at,))  # what is open there as well
    connection.execute("DELETE FROM span WHERE until < ?", (at,))


def snapshots(
    connection: sqlite3.Connection,
    environment: str,
    since: datetime,
    until: datetime | None,
    *,
    digests: bool,
) -> tuple[Snapshot, ...]:
    """Those taken from `since` to `until`, oldest first."""
    found = connection.execute(
        f"SELECT {', '.join(rows.SNAPSHOT_COLUMNS)} FROM snapshot"
        " WHERE environment = ? AND at >= ? AND at <= ? AND (kind <> 'digest' OR ?) ORDER BY at",
        (
            known_number(connection, environment),
            rows.microseconds(since),
            rows.microseconds(until) if until is not None else 2**62,
            digests,
        ),
    )
    return tuple(rows.snapshot(environment, row) for row in found)


def nodes_at(
    connection: sqlite3.Connection, environment: str, at: datetime
) -> tuple[NodeState, ...]:
    """The nodes of the last snapshot at or before `at`, in the order of their keys."""
    number = known_number(connection, environment)
    last = connection.execute(
        "SELECT at, ends FROM snapshot WHERE environment = ? AND at <= ? ORDER BY at DESC LIMIT 1",
        (number, rows.microseconds(at)),
    ).fetchone()
    if last is None:
        return ()
    ends = rows.unpacked_ends(rows.from_microseconds(last[0]), last[1])
    found = connection.execute(
        f"SELECT node.id, node.account, node.region, node.instance_id, {_STATE}"
        " FROM node CROSS JOIN span ON span.node = node.id"
        " WHERE node.environment = ? AND (span.until IS NULL OR span.until > ?) AND span.since ="
        " (SELECT MAX(since) FROM span AS one WHERE one.node = node.id AND one.since <= ?)",
        (number, last[0], last[0]),
    ).fetchall()
    texts: dict[int, str] = dict(
        connection.execute(
            "SELECT id, text FROM text WHERE id IN (SELECT value FROM json_each(?))",
            (str([*{each for row in found for each in row[4 : 4 + rows.TEXTS_OF_STATE]}]),),
        )
    )
    states = []
    for node, account, region, instance_id, *row in found:
        words = (texts[each] for each in row[: rows.TEXTS_OF_STATE])
        values = (*words, *row[rows.TEXTS_OF_STATE :])
        key = NodeKey(account, region, instance_id)
        states.append(rows.node_state(key, values, ends.get(node)))
    return tuple(sorted(states, key=lambda one: one.key))
