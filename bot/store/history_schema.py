"""The tables of history.db, as migrations. A migration that has been released is never edited: write the next one.

They are made to stay small: 10,000 nodes with 50 open patches for 400 days. Texts and patches are kept once, a node's
state as long as it did not change, an exposure as one row, its times as seconds after one another (SQLite needs no byte
for a zero and one to three for a month).
"""

from __future__ import annotations

import sqlite3

from sqlite_utils import Database, Migrations

from bot.store.database import transaction

migrations = Migrations("history")


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring the file to `version`. Several processes may try at once: one does it, the others find it done."""
    with transaction(connection):
        if connection.execute("PRAGMA user_version").fetchone() != (version,):
            migrations.apply(Database(connection, execute_plugins=False))
            connection.execute(f"PRAGMA user_version = {version}")


_TABLES = (
    "CREATE TABLE text (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)",
    # at, oldest: microseconds since 1970. ends: when each node's last operation ended, see history_rows.py.
    """
    CREATE TABLE snapshot (
      id INTEGER PRIMARY KEY,
      environment INTEGER NOT NULL REFERENCES text,
      day TEXT NOT NULL,
      at INTEGER NOT NULL,
      kind TEXT NOT NULL,
      run TEXT NOT NULL,
      complete INTEGER NOT NULL,
      total INTEGER NOT NULL,
      compliant INTEGER NOT NULL,
      non_compliant INTEGER NOT NULL,
      unknown INTEGER NOT NULL,
      never_scanned INTEGER NOT NULL,
      stale INTEGER NOT NULL,
      unreadable INTEGER NOT NULL,
      connection_lost INTEGER NOT NULL,
      stopped INTEGER NOT NULL,
      pending_reboot INTEGER NOT NULL,
      nodes_failed INTEGER NOT NULL,
      missing INTEGER NOT NULL,
      failed INTEGER NOT NULL,
      installed_pending_reboot INTEGER NOT NULL,
      installed_rejected INTEGER NOT NULL,
      oldest INTEGER,
      ends BLOB NOT NULL
    )
    """,
    "CREATE UNIQUE INDEX snapshot_by_time ON snapshot (environment, at, kind)",
    "CREATE UNIQUE INDEX snapshot_daily ON snapshot (environment, day) WHERE kind = 'daily'",
    "CREATE UNIQUE INDEX snapshot_of_run ON snapshot (environment, run) WHERE kind = 'run'",
    # A node in an environment. known_at, known_baseline: the operation its exposures were recorded of, microseconds.
    # gone_at: the first whole snapshot without it.
    """
    CREATE TABLE node (
      id INTEGER PRIMARY KEY,
      environment INTEGER NOT NULL REFERENCES text,
      account TEXT NOT NULL,
      region TEXT NOT NULL,
      instance_id TEXT NOT NULL,
      known_at INTEGER,
      known_baseline INTEGER REFERENCES text,
      gone_at INTEGER,
      UNIQUE (environment, account, region, instance_id)
    )
    """,
    # How a node was from one snapshot (since) to another (before until; NULL: it still is).
    """
    CREATE TABLE span (
      node INTEGER NOT NULL REFERENCES node ON DELETE CASCADE,
      since INTEGER NOT NULL,
      until INTEGER,
      name INTEGER NOT NULL REFERENCES text,
      owner INTEGER NOT NULL REFERENCES text,
      platform INTEGER NOT NULL REFERENCES text,
      patch_group INTEGER NOT NULL REFERENCES text,
      verdict INTEGER NOT NULL REFERENCES text,
      baseline INTEGER NOT NULL REFERENCES text,
      operation INTEGER NOT NULL REFERENCES text,
      missing INTEGER NOT NULL,
      failed INTEGER NOT NULL,
      installed_pending_reboot INTEGER NOT NULL,
      installed_rejected INTEGER NOT NULL,
      critical_non_compliant INTEGER NOT NULL,
      security_non_compliant INTEGER NOT NULL,
      PRIMARY KEY (node, since)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE patch (
      id INTEGER PRIMARY KEY,
      title TEXT NOT NULL,
      kb_id TEXT NOT NULL,
      classification TEXT NOT NULL,
      severity TEXT NOT NULL,
      state TEXT NOT NULL,
      cve_ids TEXT NOT NULL,
      UNIQUE (title, kb_id, classification, severity, state, cve_ids)
    )
    """,
    # What is open, and what only another baseline is silent about. first_seen: seconds since 1970; critical_after and
    # important_after: seconds from then; seen_for: from then to last_seen, NULL (as baseline) while the operation of
    # node.known_at reported it; closed_after: seconds from last_seen.
    """
    CREATE TABLE exposure (
      node INTEGER NOT NULL REFERENCES node ON DELETE CASCADE,
      patch INTEGER NOT NULL REFERENCES patch,
      first_seen INTEGER NOT NULL,
      first_baseline INTEGER NOT NULL REFERENCES text,
      critical_after INTEGER,
      important_after INTEGER,
      seen_for INTEGER,
      baseline INTEGER REFERENCES text,
      closed_after INTEGER,
      closed_by INTEGER REFERENCES text,
      closing_baseline INTEGER REFERENCES text,
      PRIMARY KEY (node, patch)
    ) WITHOUT ROWID
    """,
    # What is closed for good, in the order in which it was. closed_at: seconds since 1970; open_for: from first_seen.
    """
    CREATE TABLE closed (
      closed_at INTEGER NOT NULL,
      node INTEGER NOT NULL,
      patch INTEGER NOT NULL,
      open_for INTEGER NOT NULL,
      unseen_for INTEGER NOT NULL,
      first_baseline INTEGER NOT NULL,
      baseline INTEGER NOT NULL,
      critical_after INTEGER,
      important_after INTEGER,
      closed_by INTEGER,
      PRIMARY KEY (closed_at, node, patch, open_for)
    ) WITHOUT ROWID
    """,
)


@migrations()
def m001_history(db: Database) -> None:
    """Snapshots, the states of nodes, and for how long which patch was open."""
    for table in _TABLES:
        db.execute(table)
