"""The tables of ledger.db, as migrations.

A migration that has been released is never edited: write the next one, and with it VERSION and SCHEMA in
ledger_start.py. What the triggers forbid, no bug and no injected statement can do; whoever owns the file can, and the
heads show it. JSON functions stand in none of them: before SQLite 3.41 they count as unsafe without a trusted schema.
"""

from __future__ import annotations

import sqlite3

from bot.store.sqlite_tools import Database, Migrations

migrations = Migrations("ledger")

APPEND_ONLY = ("audit", "identity", "plan", "vote", "receipt")
"""Tables whose rows never change and never go."""
LASTING = ("inbox", "request", "run", "dispatch")
"""Tables whose rows change, and never go; those of later migrations say so themselves."""


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to the present version, within the caller's transaction."""
    migrations.apply(Database(connection, execute_plugins=False))


@migrations()
def m001_audit(db: Database) -> None:
    """The audit log. `hash` is not UNIQUE: that would let REPLACE remove the row of another hash."""
    db.execute(
        """
        CREATE TABLE identity (
          one INTEGER PRIMARY KEY CHECK (one = 1),
          ledger TEXT NOT NULL
        ) STRICT
        """
    )
    db.execute(
        """
        CREATE TABLE audit (
          seq INTEGER PRIMARY KEY,
          at_us INTEGER NOT NULL,
          boot TEXT NOT NULL,
          kind TEXT NOT NULL,
          actor TEXT NOT NULL,
          subject TEXT NOT NULL,
          body TEXT NOT NULL CHECK (body GLOB '{*}'),
          prev BLOB NOT NULL CHECK (length(prev) = 32),
          hash BLOB NOT NULL CHECK (length(hash) = 32)
        ) STRICT
        """
    )
    db.execute(
        """
        CREATE TRIGGER audit_next BEFORE INSERT ON audit
        WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM audit)
          OR NEW.prev IS NOT coalesce((SELECT hash FROM audit ORDER BY seq DESC LIMIT 1), zeroblob(32))
        BEGIN SELECT RAISE(ABORT, 'audit: not the next link'); END
        """
    )
    db.execute(
        """
        CREATE TRIGGER audit_body BEFORE INSERT ON audit
        BEGIN SELECT count(*) FROM json_each(NEW.body); END
        """
    )
    db.execute("CREATE INDEX audit_by_subject ON audit (subject)")
    db.execute("CREATE INDEX audit_by_actor ON audit (actor)")


@migrations()
def m002_requests(db: Database) -> None:
    """What was clicked, what was asked for, the sealed plans and the votes."""
    db.execute(
        """
        CREATE TABLE counter (kind TEXT PRIMARY KEY, last INTEGER NOT NULL CHECK (last > 0)) STRICT
        """
    )
    db.execute(
        """
        CREATE TABLE inbox (
          key TEXT PRIMARY KEY,
          kind TEXT NOT NULL,
          person TEXT NOT NULL,
          team TEXT NOT NULL,
          body TEXT NOT NULL CHECK (body GLOB '{*}'),
          received_at TEXT NOT NULL,
          taken_at TEXT
        ) STRICT
        """
    )
    db.execute("CREATE INDEX inbox_waiting ON inbox (received_at) WHERE taken_at IS NULL")
    db.execute(
        """
        CREATE TABLE plan (digest TEXT PRIMARY KEY, body TEXT NOT NULL CHECK (body GLOB '{*}')) STRICT
        """
    )
    db.execute(
        """
        CREATE TABLE request (
          id TEXT PRIMARY KEY,
          version INTEGER NOT NULL,
          state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'expired', 'cancelled')),
          environment TEXT NOT NULL,
          operation TEXT NOT NULL,
          digest TEXT NOT NULL REFERENCES plan,
          requester TEXT NOT NULL,
          reason TEXT NOT NULL,
          ticket TEXT NOT NULL,
          created_at TEXT NOT NULL,
          expires_at TEXT NOT NULL,
          rules TEXT NOT NULL CHECK (rules GLOB '{*}'),
          break_glass INTEGER NOT NULL CHECK (break_glass IN (0, 1)),
          ended_at TEXT,
          ended_by TEXT NOT NULL,
          ended_why TEXT NOT NULL,
          CHECK ((state = 'pending') = (ended_at IS NULL))
        ) STRICT
        """
    )
    db.execute(
        "CREATE UNIQUE INDEX request_open ON request (environment, digest) WHERE state = 'pending'"
    )
    db.execute(
        """
        CREATE TABLE vote (
          request TEXT NOT NULL REFERENCES request,
          digest TEXT NOT NULL,
          person TEXT NOT NULL,
          at TEXT NOT NULL,
          position INTEGER NOT NULL,
          PRIMARY KEY (request, digest, person)
        ) STRICT
        """
    )
    db.execute(
        """
        CREATE TRIGGER request_ended BEFORE UPDATE ON request WHEN OLD.state != 'pending'
        BEGIN SELECT RAISE(ABORT, 'request: it has ended'); END
        """
    )
    db.execute(
        """
        CREATE TRIGGER request_next BEFORE UPDATE ON request WHEN NEW.version != OLD.version + 1
        BEGIN SELECT RAISE(ABORT, 'request: not the next version'); END
        """
    )
    _freeze(
        db,
        "request",
        "id environment operation digest requester reason ticket created_at expires_at rules",
    )


@migrations()
def m003_runs(db: Database) -> None:
    """Runs with their sends, the locks they hold, results, receipts, and the messages that show it all.

    What the database itself must know of them has columns; the rest of their fields is in `more`.
    """
    db.execute(
        """
        CREATE TABLE run (
          id TEXT PRIMARY KEY,
          version INTEGER NOT NULL,
          state TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'paused', 'cancelling', 'verifying',
            'verified', 'partial', 'failed', 'cancelled', 'abandoned', 'lost_track')),
          request TEXT NOT NULL UNIQUE REFERENCES request,
          digest TEXT NOT NULL REFERENCES plan,
          environment TEXT NOT NULL,
          created_at TEXT NOT NULL,
          rehearsal INTEGER NOT NULL CHECK (rehearsal IN (0, 1)),
          more TEXT NOT NULL CHECK (more GLOB '{*}')
        ) STRICT
        """
    )
    db.execute(
        "CREATE UNIQUE INDEX run_in_environment ON run (environment)"
        " WHERE state IN ('running', 'paused', 'cancelling', 'verifying')"
    )
    db.execute(
        """
        CREATE TRIGGER run_ended BEFORE UPDATE ON run WHEN OLD.state IN
          ('verified', 'partial', 'failed', 'cancelled', 'abandoned', 'lost_track')
        BEGIN SELECT RAISE(ABORT, 'run: it has ended'); END
        """
    )
    db.execute(
        """
        CREATE TRIGGER run_next BEFORE UPDATE ON run WHEN NEW.version != OLD.version + 1
        BEGIN SELECT RAISE(ABORT, 'run: not the next version'); END
        """
    )
    _freeze(db, "run", "id request digest environment created_at rehearsal")
    db.execute(
        """
        CREATE TABLE node_lock (
          account TEXT NOT NULL,
          region TEXT NOT NULL,
          instance_id TEXT NOT NULL,
          run TEXT NOT NULL REFERENCES run,
          PRIMARY KEY (account, region, instance_id)
        ) STRICT
        """
    )
    db.execute("CREATE INDEX node_lock_by_run ON node_lock (run)")
    db.execute(
        """
        CREATE TRIGGER run_frees_nodes AFTER UPDATE OF state ON run WHEN NEW.state IN
          ('verified', 'partial', 'failed', 'cancelled', 'abandoned', 'lost_track')
        BEGIN DELETE FROM node_lock WHERE run = NEW.id; END
        """
    )
    _dispatches(db)
    db.execute(
        """
        CREATE TABLE result (
          run TEXT NOT NULL REFERENCES run,
          purpose TEXT NOT NULL,
          account TEXT NOT NULL,
          region TEXT NOT NULL,
          instance_id TEXT NOT NULL,
          outcome TEXT NOT NULL,
          reason TEXT NOT NULL,
          back_online INTEGER CHECK (back_online IN (0, 1)),
          PRIMARY KEY (run, purpose, account, region, instance_id)
        ) STRICT
        """
    )
    db.execute(
        """
        CREATE TABLE receipt (
          run TEXT PRIMARY KEY REFERENCES run,
          body TEXT NOT NULL CHECK (body GLOB '{*}')
        ) STRICT
        """
    )
    db.execute(
        """
        CREATE TABLE notice (
          key TEXT PRIMARY KEY,
          kind TEXT NOT NULL,
          subject TEXT NOT NULL,
          channel TEXT NOT NULL,
          thread_of TEXT NOT NULL,
          state TEXT NOT NULL CHECK (state IN ('new', 'posting', 'posted', 'lost', 'failed')),
          ts TEXT NOT NULL,
          wanted INTEGER NOT NULL,
          shown INTEGER NOT NULL,
          reason TEXT NOT NULL,
          changed_at TEXT NOT NULL
        ) STRICT
        """
    )


def _dispatches(db: Database) -> None:
    db.execute(
        """
        CREATE TABLE dispatch (
          run TEXT NOT NULL REFERENCES run,
          purpose TEXT NOT NULL,
          batch INTEGER NOT NULL,
          wave INTEGER NOT NULL,
          account TEXT NOT NULL,
          region TEXT NOT NULL,
          instance_ids TEXT NOT NULL CHECK (instance_ids GLOB '[[]*]'),
          state TEXT NOT NULL CHECK (state IN
            ('planned', 'sending', 'sent', 'refused', 'unknown', 'done', 'dropped')),
          mark TEXT NOT NULL UNIQUE,
          snapshot_id TEXT NOT NULL,
          command_id TEXT UNIQUE,
          sent_ids TEXT NOT NULL CHECK (sent_ids GLOB '[[]*]'),
          sending_at TEXT,
          more TEXT NOT NULL CHECK (more GLOB '{*}'),
          PRIMARY KEY (run, purpose, batch)
        ) STRICT
        """
    )
    db.execute(
        """
        CREATE TRIGGER dispatch_new BEFORE INSERT ON dispatch
        WHEN NEW.state != 'planned' OR NEW.command_id IS NOT NULL OR NEW.sending_at IS NOT NULL
          OR (SELECT count(*) FROM json_each(NEW.instance_ids)) NOT BETWEEN 1 AND 50
        BEGIN SELECT RAISE(ABORT, 'dispatch: it starts as planned'); END
        """
    )
    db.execute(
        """
        CREATE TRIGGER dispatch_moves BEFORE UPDATE ON dispatch
        WHEN OLD.state || '>' || NEW.state NOT IN ('planned>sending', 'planned>dropped', 'sending>sent',
          'sending>refused', 'sending>unknown', 'unknown>sent', 'unknown>done', 'sent>done')
        BEGIN SELECT RAISE(ABORT, 'dispatch: there is no such move'); END
        """
    )
    db.execute(
        """
        CREATE TRIGGER dispatch_sealed BEFORE UPDATE ON dispatch
        WHEN EXISTS (SELECT value FROM json_each(NEW.sent_ids)
                     EXCEPT SELECT value FROM json_each(OLD.instance_ids))
        BEGIN SELECT RAISE(ABORT, 'dispatch: a node that was not planned'); END
        """
    )
    db.execute(
        """
        CREATE TRIGGER dispatch_once BEFORE UPDATE ON dispatch
        WHEN OLD.command_id IS NOT NULL AND NEW.command_id IS NOT OLD.command_id
          OR OLD.sending_at IS NOT NULL AND NEW.sending_at IS NOT OLD.sending_at
        BEGIN SELECT RAISE(ABORT, 'dispatch: it was sent once'); END
        """
    )
    _freeze(db, "dispatch", "run purpose batch wave account region instance_ids mark snapshot_id")
    db.execute(
        """
        CREATE TABLE last_sent (
          operation TEXT NOT NULL,
          instance_id TEXT NOT NULL,
          at TEXT NOT NULL,
          PRIMARY KEY (operation, instance_id)
        ) STRICT
        """
    )


@migrations()
def m004_nothing_goes(db: Database) -> None:
    """Rows that never change, rows that never go."""
    for table in APPEND_ONLY:
        db.execute(
            f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table}"
            f" BEGIN SELECT RAISE(ABORT, '{table}: append-only'); END"
        )
    for table in (*APPEND_ONLY, *LASTING):
        db.execute(
            f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table}"
            f" BEGIN SELECT RAISE(ABORT, '{table}: nothing is deleted'); END"
        )
    db.execute(
        "CREATE TRIGGER inbox_taken_once BEFORE UPDATE ON inbox WHEN OLD.taken_at IS NOT NULL"
        " BEGIN SELECT RAISE(ABORT, 'inbox: it was taken up before'); END"
    )


@migrations()
def m005_digests(db: Database) -> None:
    """Who gets a digest where and when, and what became of each of its days."""
    db.execute(
        """
        CREATE TABLE subscription (
          id TEXT PRIMARY KEY,
          version INTEGER NOT NULL,
          environment TEXT NOT NULL,
          channel TEXT NOT NULL,
          local_time TEXT NOT NULL,
          zone TEXT NOT NULL,
          days TEXT NOT NULL CHECK (days != ''),
          created_by TEXT NOT NULL,
          created_at TEXT NOT NULL,
          since TEXT NOT NULL,
          active INTEGER NOT NULL CHECK (active IN (0, 1)),
          UNIQUE (environment, channel)
        ) STRICT
        """
    )
    db.execute(
        """
        CREATE TRIGGER subscription_next BEFORE UPDATE ON subscription WHEN NEW.version != OLD.version + 1
        BEGIN SELECT RAISE(ABORT, 'subscription: not the next version'); END
        """
    )
    _freeze(db, "subscription", "id environment channel created_at")
    db.execute(
        """
        CREATE TABLE slot (
          subscription TEXT NOT NULL REFERENCES subscription,
          local_date TEXT NOT NULL CHECK (local_date GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'),
          instant TEXT NOT NULL,
          state TEXT NOT NULL CHECK (state IN ('claimed', 'posting', 'posted', 'skipped', 'failed', 'unknown')),
          claimed_at TEXT NOT NULL,
          since TEXT,
          posting_at TEXT,
          channel TEXT NOT NULL,
          ts TEXT NOT NULL,
          reason TEXT NOT NULL,
          repeats INTEGER NOT NULL CHECK (repeats BETWEEN 0 AND 1),
          PRIMARY KEY (subscription, local_date),
          CHECK ((state = 'posted') = (ts != '')),
          CHECK (state NOT IN ('skipped', 'failed', 'unknown') OR reason != '')
        ) STRICT
        """
    )
    db.execute(
        """
        CREATE TRIGGER slot_new BEFORE INSERT ON slot WHEN NEW.state NOT IN ('claimed', 'skipped')
        BEGIN SELECT RAISE(ABORT, 'slot: it starts as claimed or skipped'); END
        """
    )
    db.execute(
        """
        CREATE TRIGGER slot_moves BEFORE UPDATE ON slot
        WHEN OLD.state || '>' || NEW.state NOT IN ('claimed>posting', 'claimed>skipped', 'claimed>failed',
          'claimed>unknown', 'posting>posted', 'posting>claimed', 'posting>failed', 'posting>unknown',
          'unknown>posted')
        BEGIN SELECT RAISE(ABORT, 'slot: there is no such move'); END
        """
    )
    db.execute(
        """
        CREATE TRIGGER slot_repeats BEFORE UPDATE ON slot
        WHEN NEW.repeats NOT IN (OLD.repeats, OLD.repeats + (NEW.state = 'claimed'))
        BEGIN SELECT RAISE(ABORT, 'slot: repeats are counted'); END
        """
    )
    _freeze(db, "slot", "subscription local_date instant claimed_at since")
    for table in ("subscription", "slot"):
        db.execute(
            f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table}"
            f" BEGIN SELECT RAISE(ABORT, '{table}: nothing is deleted'); END"
        )


def _freeze(db: Database, table: str, columns: str) -> None:
    changed = " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in columns.split())
    db.execute(
        f"CREATE TRIGGER {table}_frozen BEFORE UPDATE ON {table} WHEN {changed}"
        f" BEGIN SELECT RAISE(ABORT, '{table}: this never changes'); END"
    )
