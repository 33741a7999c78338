"""Reading the audit log as it is on the disk, damage included."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from bot.core.audit import GENESIS, Finding, Head, Link, check_chain
from bot.core.errors import StorageError
from bot.store import ledger_rows as rows

PAGE = 1_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Reading: TypeAlias = Callable[[], AbstractContextManager[sqlite3.Connection]]

_SELECT = f"SELECT {', '.join(rows.LINK_COLUMNS)} FROM audit"


class DamagedRow(StorageError):
    """A row of the audit log that cannot be a link."""


def links(reading: Reading) -> Iterator[Link]:
    """Every link from the first, in pages. Raises DamagedRow."""
    after = -(2**63)
    while True:
        with reading() as connection:
            page = connection.execute(
                f"{_SELECT} WHERE seq > ? ORDER BY seq LIMIT {PAGE}", (after,)
            ).fetchall()
        for row in page:
            try:
                link = rows.link(row)
            except ValueError as error:
                raise DamagedRow(f"row {row[0]} of the audit log: {error}") from error
            yield link
            after = link.seq
        if len(page) < PAGE:
            return


def newest(
    connection: sqlite3.Connection, *, actor: str, subject: str, kind: str, limit: int
) -> tuple[Link, ...]:
    """Links from the last, for people: damaged texts are shown as well as they can be."""
    conditions, parameters = ["1"], []
    if actor:
        conditions.append("actor = ?")
        parameters.append(actor)
    for column, value, mark in (("subject", subject, "/"), ("kind", kind, ".")):
        if value:
            stem = value.rstrip(mark)
            conditions.append(f"({column} = ? OR substr({column}, 1, length(?)) = ?)")
            parameters += [stem, f"{stem}{mark}", f"{stem}{mark}"]
    found = connection.execute(
        f"{_SELECT} WHERE {' AND '.join(conditions)} ORDER BY seq DESC LIMIT ?",
        (*parameters, limit),
    )
    return tuple(rows.link(row, errors="replace") for row in found)


def moment(at_us: int) -> datetime | None:
    """The moment in a link; None for one that no calendar has, as in a damaged row."""
    try:
        return _EPOCH + timedelta(microseconds=at_us)
    except OverflowError:
        return None


def head(connection: sqlite3.Connection, ledger: str) -> Head:
    """The end of the log, without a seal."""
    row = connection.execute(
        "SELECT seq, hash, at_us FROM audit ORDER BY seq DESC LIMIT 1"
    ).fetchone()
    return Head(ledger, *row) if row else Head(ledger, 0, GENESIS, 0)


def verify(ledger: str, found: Iterable[Link], *, anchor: Head | None = None) -> Finding:
    """Check the chain in `found`. Damage of the file is a finding like any other."""
    last = 0

    def counted() -> Iterator[Link]:
        nonlocal last
        for link in found:
            yield link
            last = link.seq

    try:
        return check_chain(ledger, counted(), anchor=anchor)
    except (StorageError, sqlite3.Error, UnicodeError) as error:
        return Finding(last, last + 1, f"it cannot be read: {getattr(error, 'message', error)}")
