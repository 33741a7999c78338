"""The tables of cache.db, as migrations. A migration that has been released is never edited: write the next one."""

from __future__ import annotations

import sqlite3

from bot.store.database import transaction
from bot.store.sqlite_tools import Database, Migrations

migrations = Migrations("cache")


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring the file to `version`. Several processes may try at once: one does it, the others find it done."""
    with transaction(connection):
        if connection.execute("PRAGMA user_version").fetchone() != (version,):
            migrations.apply(Database(connection, execute_plugins=False))
            connection.execute(f"PRAGMA user_version = {version}")


_READINGS = (
    """
    CREATE TABLE reading (
      environment TEXT PRIMARY KEY,
      fingerprint TEXT NOT NULL,
      as_of TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE target (
      environment TEXT NOT NULL REFERENCES reading ON DELETE CASCADE,
      position INTEGER NOT NULL,
      account TEXT NOT NULL,
      region TEXT NOT NULL,
      read_at TEXT,
      PRIMARY KEY (environment, position)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE gap (
      environment TEXT NOT NULL,
      position INTEGER NOT NULL,
      account TEXT NOT NULL,
      region TEXT NOT NULL,
      reason TEXT NOT NULL,
      nodes INTEGER NOT NULL,
      last_read_at TEXT,
      hint TEXT NOT NULL,
      passing INTEGER NOT NULL,
      FOREIGN KEY (environment, position) REFERENCES target ON DELETE CASCADE
    )
    """,
    """
    CREATE TABLE notice (
      environment TEXT NOT NULL,
      position INTEGER NOT NULL,
      text TEXT NOT NULL,
      FOREIGN KEY (environment, position) REFERENCES target ON DELETE CASCADE
    )
    """,
    """
    CREATE TABLE node (
      environment TEXT NOT NULL,
      position INTEGER NOT NULL,
      instance_id TEXT NOT NULL,
      name TEXT NOT NULL,
      platform_type TEXT NOT NULL,
      platform_name TEXT NOT NULL,
      platform_version TEXT NOT NULL,
      ping_status TEXT NOT NULL,
      last_ping TEXT,
      agent_version TEXT NOT NULL,
      instance_state TEXT NOT NULL,
      resource_type TEXT NOT NULL,
      ip_address TEXT NOT NULL,
      owner TEXT NOT NULL,
      unread TEXT NOT NULL,
      counts_available_security_updates INTEGER NOT NULL,
      patch_group TEXT,
      baseline_id TEXT,
      snapshot_id TEXT,
      operation TEXT,
      operation_start_time TEXT,
      operation_end_time TEXT,
      reboot_option TEXT,
      last_no_reboot_install TEXT,
      installed INTEGER,
      installed_other INTEGER,
      installed_pending_reboot INTEGER,
      installed_rejected INTEGER,
      missing INTEGER,
      failed INTEGER,
      not_applicable INTEGER,
      available_security_updates INTEGER,
      critical_non_compliant INTEGER,
      security_non_compliant INTEGER,
      other_non_compliant INTEGER,
      FOREIGN KEY (environment, position) REFERENCES target ON DELETE CASCADE
    )
    """,
)


@migrations()
def m001_readings(db: Database) -> None:
    """The last reading of each environment: its targets, their nodes and gaps."""
    for table in _READINGS:
        db.execute(table)
    for table in ("gap", "notice", "node"):
        db.execute(f"CREATE INDEX {table}_by_target ON {table} (environment, position)")


@migrations()
def m002_patches(db: Database) -> None:
    """The patches of nodes that were looked at, as they were after one operation."""
    db.execute(
        """
        CREATE TABLE patch_details (
          account TEXT NOT NULL,
          region TEXT NOT NULL,
          instance_id TEXT NOT NULL,
          operation_end_time TEXT,
          read_at TEXT NOT NULL,
          PRIMARY KEY (account, region, instance_id)
        ) WITHOUT ROWID
        """
    )
    db.execute(
        """
        CREATE TABLE patch (
          account TEXT NOT NULL,
          region TEXT NOT NULL,
          instance_id TEXT NOT NULL,
          title TEXT NOT NULL,
          kb_id TEXT NOT NULL,
          classification TEXT NOT NULL,
          severity TEXT NOT NULL,
          state TEXT NOT NULL,
          installed_time TEXT,
          cve_ids TEXT NOT NULL,
          FOREIGN KEY (account, region, instance_id) REFERENCES patch_details ON DELETE CASCADE
        )
        """
    )
    db.execute("CREATE INDEX patch_by_node ON patch (account, region, instance_id)")


@migrations()
def m003_patch_group_tag(db: Database) -> None:
    """The patch group by the tag of nodes without a patch state; not known of those read before."""
    db.execute("ALTER TABLE node ADD COLUMN patch_group_tag TEXT")


@migrations()
def m004_partial_gaps(db: Database) -> None:
    """Whether the rest of where a gap is was read; nobody knows of those read before."""
    db.execute("ALTER TABLE gap ADD COLUMN partial INTEGER NOT NULL DEFAULT 0")


@migrations()
def m005_undecided(db: Database) -> None:
    """Whether the baseline that says what available updates mean could be read."""
    db.execute("ALTER TABLE node ADD COLUMN undecided INTEGER NOT NULL DEFAULT 0")
