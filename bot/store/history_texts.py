"""Texts, patches and nodes of history.db by their numbers: each is kept once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from bot.core.nodes import NodeKey, Patch
from bot.store import history_rows as rows


def number_of(connection: sqlite3.Connection, text: str) -> int:
    """The number of a text, a new one where it has none."""
    return numbers_of(connection, (text,))[text]


def numbers_of(connection: sqlite3.Connection, texts: Iterable[str]) -> dict[str, int]:
    """The numbers of texts, new ones where they have none."""
    found = {}
    for text in dict.fromkeys(texts):
        row = connection.execute("SELECT id FROM text WHERE text = ?", (text,)).fetchone()
        if row is None:
            made = connection.execute("INSERT INTO text (text) VALUES (?)", (text,))
            row = (made.lastrowid,)
        found[text] = row[0]
    return found


def known_number(connection: sqlite3.Connection, text: str) -> int:
    """The number of a text; 0, which is nobody's, where it has none."""
    row = connection.execute("SELECT id FROM text WHERE text = ?", (text,)).fetchone()
    return 0 if row is None else int(row[0])


def patch_number(connection: sqlite3.Connection, patch: Patch) -> int:
    """The number of a patch in its state, a new one where it has none."""
    row = rows.patch_row(patch)
    equal = " AND ".join(f"{name} = ?" for name in rows.PATCH_COLUMNS)
    found = connection.execute(f"SELECT id FROM patch WHERE {equal}", row).fetchone()
    if found is not None:
        return int(found[0])
    names = ", ".join(rows.PATCH_COLUMNS)
    made = connection.execute(f"INSERT INTO patch ({names}) VALUES (?, ?, ?, ?, ?, ?)", row)
    return made.lastrowid or 0


def node_number(connection: sqlite3.Connection, environment: int, key: NodeKey) -> int:
    """The number of a node in an environment, a new one where it has none."""
    found = connection.execute(
        "SELECT id FROM node"
        " WHERE environment = ? AND account = ? AND region = ? AND instance_id = ?",
        (environment, *key),
    ).fetchone()
    if found is not None:
        return int(found[0])
    made = connection.execute(
        "INSERT INTO node (environment, account, region, instance_id) VALUES (?, ?, ?, ?)",
        (environment, *key),
    )
    return made.lastrowid or 0
