"""The tables of events.db, as migrations. A migration that has been released is never edited: write the next one."""

from __future__ import annotations

import sqlite3

from sqlite_utils import Database, Migrations

from bot.store.database import transaction

migrations = Migrations("events")

_TABLES = (
    "CREATE TABLE seen (key TEXT PRIMARY KEY, taken_at TEXT NOT NULL) STRICT, WITHOUT ROWID",
    """
    CREATE TABLE node (
      account TEXT NOT NULL,
      region TEXT NOT NULL,
      instance_id TEXT NOT NULL,
      bad_at TEXT,
      good_at TEXT,
      told_at TEXT,
      heard_at TEXT,
      PRIMARY KEY (account, region, instance_id)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE command (
      account TEXT NOT NULL,
      region TEXT NOT NULL,
      command_id TEXT NOT NULL,
      document TEXT NOT NULL,
      operation TEXT NOT NULL,
      snapshot_id TEXT NOT NULL,
      heard_at TEXT NOT NULL,
      PRIMARY KEY (account, region, command_id)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE invocation (
      account TEXT NOT NULL,
      region TEXT NOT NULL,
      command_id TEXT NOT NULL,
      instance_id TEXT NOT NULL,
      at TEXT NOT NULL,
      heard_at TEXT NOT NULL,
      told INTEGER NOT NULL,
      PRIMARY KEY (account, region, command_id, instance_id)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE window_execution (
      account TEXT NOT NULL,
      region TEXT NOT NULL,
      execution_id TEXT NOT NULL,
      window_id TEXT NOT NULL,
      status TEXT NOT NULL,
      at TEXT NOT NULL,
      heard_at TEXT NOT NULL,
      told INTEGER NOT NULL,
      PRIMARY KEY (account, region, execution_id)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX seen_by_time ON seen (taken_at)",
    "CREATE INDEX node_with_news ON node (heard_at) WHERE heard_at IS NOT NULL",
    "CREATE INDEX invocation_untold ON invocation (account, region, command_id) WHERE NOT told",
)


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring the file to `version`."""
    with transaction(connection):
        if connection.execute("PRAGMA user_version").fetchone() != (version,):
            migrations.apply(Database(connection, execute_plugins=False))
            connection.execute(f"PRAGMA user_version = {version}")


@migrations()
def m001_facts(db: Database) -> None:
    """Which events were taken, and what they said of nodes, commands and windows."""
    for table in _TABLES:
        db.execute(table)
