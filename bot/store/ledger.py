"""ledger.db: everything precious, and the only door through which it changes."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from bot.core.audit import Finding, Head, Link, head_mac
from bot.core.errors import Conflict, StorageError
from bot.core.ledger import InboxItem, Notice
from bot.core.plans import Plan, plan_from
from bot.core.ports import Clock
from bot.core.requests import Request
from bot.core.runs import Dispatch, NodeResult, Run
from bot.core.schedules import Slot, Subscription
from bot.store import ledger_chain as chain
from bot.store import ledger_lock, ledger_slots, ledger_start
from bot.store import ledger_rows as rows
from bot.store.doubts import Doubt
from bot.store.ledger_change import SqliteChange
from bot.store.ledger_file import LedgerFile
from bot.store.rows import from_time, to_time

ACCEPTED = "ledger.restore_accepted"
"""The kind of the entry with which an older copy became the ledger."""
INBOX_LIMIT = 10_000
"""Clicks that wait to be taken up; more are refused, and the clicker sees an error."""


class SqliteLedger:
    """The Ledger in a SQLite file; `open` and `open_for_reading` make one. Any thread may use it.

    Every method raises StorageError where the file cannot be used. `id` names the ledger in marks and heads.
    """

    def __init__(
        self,
        file: LedgerFile,
        *,
        id: str,  # noqa: A002  # the field's own word
        key: bytes,
        clock: Clock,
        boot: str = "",
        lock: int | None = None,
        newest_us: int = 0,
    ) -> None:
        self.id = id
        self.key = key
        self._file = file
        self._clock = clock
        self._boot = boot
        self._lock = lock
        self._newest_us = newest_us
        self._after_change: Callable[[], None] = lambda: None

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        clock: Clock,
        key: bytes,
        boot: str = "",
        anchors: Iterable[Head] = (),
        doubt: str = "",
        heads_in: str = "",
        accepting: bool = False,
        allow_network: bool = False,
    ) -> SqliteLedger:
        """The ledger at `path`, made where there is none, for this process alone until `close`.

        `anchors` are the heads that were kept elsewhere, `doubt` is what is wrong with them; where `heads_in` names
        their place, a ledger with requests must have one. With `accepting` a backup may be written. Whatever is wrong
        with the file is `read_only_reason`. Raises StorageError when another process has it, on a network file system
        unless `allow_network`, and when the directory cannot be used.
        """
        kind = "" if allow_network else ledger_lock.network_file_system(path.parent)
        if kind:
            raise StorageError(
                f"{path.parent} is on a network file system ({kind}), where locks cannot be trusted.",
                hint="Put data_dir on a disk of this machine.",
            )
        lock = ledger_lock.take_lock(path.with_name("ledger.lock"))
        try:
            kept = ledger_start.Kept(tuple(anchors), doubt, heads_in)
            file, ledger, newest_us = ledger_start.start(
                path, clock=clock, boot=boot, kept=kept, accepting=accepting
            )
        except BaseException:
            ledger_lock.release(lock)
            raise
        return cls(file, id=ledger, key=key, clock=clock, boot=boot, lock=lock, newest_us=newest_us)

    @classmethod
    def open_for_reading(cls, path: Path, *, clock: Clock, key: bytes = b"") -> SqliteLedger:
        """The ledger at `path` beside the process that has it. Raises StorageError where there is none."""
        if not path.is_file():
            raise StorageError(
                f"There is no ledger {path}.",
                hint="`patchbot serve` makes it when it first starts.",
            )
        file, ledger = ledger_start.start_reading(path)
        return cls(file, id=ledger, key=key, clock=clock)

    @property
    def path(self) -> Path:
        return self._file.path

    @property
    def read_only_reason(self) -> str:
        """Why nothing may change (a restored backup, a broken chain, …); empty when all is well."""
        return self._file.read_only_reason

    @property
    def doubt(self) -> Doubt | None:
        """What kind of wrong made it read-only at its start; None when nothing did."""
        return self._file.doubt

    def newest_at(self) -> datetime | None:
        """The newest moment that its log and the kept heads knew of when it was opened: no clock may be behind it."""
        return chain.moment(self._newest_us) if self._newest_us else None

    def watch(self, told: Callable[[], None]) -> None:
        """Call `told` after every change that wrote to the audit log, before whoever made it goes on."""
        self._after_change = told

    def close(self) -> None:
        """Let another process have it."""
        self._file.read_only_reason = self._file.read_only_reason or "it was closed"
        self._file.close()
        if self._lock is not None:
            ledger_lock.release(self._lock)
            self._lock = None

    def put_inbox(self, item: InboxItem) -> bool:
        """Store a click durably. False when its key is known already. Raises StorageError: then do not acknowledge."""
        values = rows.bound(rows.inbox_row(item))
        with self._file.writing() as connection:
            known = connection.execute(
                "SELECT 1 FROM inbox WHERE key = ?", (values["key"],)
            ).fetchone()
            if known is not None:
                return False
            (waiting,) = connection.execute(
                "SELECT count(*) FROM inbox WHERE taken_at IS NULL"
            ).fetchone()
            if waiting >= INBOX_LIMIT:
                raise StorageError(
                    f"{waiting} clicks are waiting already.", hint="Try again in some minutes."
                )
            connection.execute(
                "INSERT INTO inbox VALUES (:key, :kind, :person, :team, :body, :received_at, NULL)",
                values,
            )
            return True

    def inbox(self) -> tuple[InboxItem, ...]:
        """What has not been taken up yet, oldest first."""
        with self._file.reading() as connection:
            found = connection.execute("SELECT * FROM inbox WHERE taken_at IS NULL ORDER BY rowid")
            return tuple(rows.inbox_item(row) for row in found)

    @contextmanager
    def change(self, *, taking: str = "") -> Iterator[SqliteChange]:
        """A transaction; with `taking` it also marks that inbox item as done. Raises Conflict when somebody took it
        before, and StorageError when the ledger is read-only or cannot be written.
        """
        now = self._clock()
        with self._file.writing() as connection:
            if taking:
                _take(connection, taking, now)
            change = SqliteChange(connection, ledger=self.id, boot=self._boot, now=now)
            try:
                yield change
            finally:
                change.end()
        if change.audited:
            self._after_change()

    def requests(self, *, only_open: bool = False) -> tuple[Request, ...]:
        """Requests, newest first."""
        where = "WHERE state = 'pending'" if only_open else ""
        return self._requests(f"{where} ORDER BY rowid DESC")

    def request(self, request_id: str) -> Request | None:
        """The request of that id."""
        return next(iter(self._requests("WHERE id = ?", request_id)), None)

    def _requests(self, which: str, *parameters: str) -> tuple[Request, ...]:
        with self._file.reading() as connection:
            votes: dict[str, list[rows.Values]] = {}
            of_these = f"SELECT id FROM request {which}"
            for vote in connection.execute(
                f"SELECT * FROM vote WHERE request IN ({of_these}) ORDER BY request, position",
                parameters,
            ):
                votes.setdefault(vote["request"], []).append(vote)
            found = connection.execute(f"SELECT * FROM request {which}", parameters)
            return tuple(rows.request(row, votes.get(row["id"], ())) for row in found)

    def plan(self, digest: str) -> Plan | None:
        """The plan of that digest. Raises StorageError when it is not what was sealed."""
        with self._file.reading() as connection:
            row = connection.execute("SELECT body FROM plan WHERE digest = ?", (digest,)).fetchone()
        if row is None:
            return None
        if hashlib.sha256(row["body"].encode()).hexdigest() != digest:
            raise StorageError(
                f"The plan {digest[:8]} in {self.path} is not what was sealed.",
                hint="Somebody changed the file: run `patchbot audit verify`, and do not approve anything.",
            )
        return plan_from(json.loads(row["body"]))

    def runs(self, *, only_open: bool = False, environment: str = "") -> tuple[Run, ...]:
        """Runs, newest first."""
        with self._file.reading() as connection:
            found = connection.execute(
                "SELECT * FROM run WHERE (? = '' OR environment = ?) ORDER BY rowid DESC",
                (environment, environment),
            )
            every = [rows.run(row) for row in found]
        return tuple(run for run in every if run.is_open or not only_open)

    def run(self, run_id: str) -> Run | None:
        """The run of that id."""
        with self._file.reading() as connection:
            row = connection.execute("SELECT * FROM run WHERE id = ?", (run_id,)).fetchone()
            return None if row is None else rows.run(row)

    def dispatches(self, run_id: str) -> tuple[Dispatch, ...]:
        """The sends of a run in order of purpose and batch."""
        with self._file.reading() as connection:
            found = connection.execute(
                "SELECT * FROM dispatch WHERE run = ? ORDER BY purpose, batch", (run_id,)
            )
            return tuple(rows.dispatch(row) for row in found)

    def sends_of(self, command_id: str) -> tuple[Dispatch, ...]:
        """The send that got this command id, and all whose command id is not known yet: one of them may be it."""
        with self._file.reading() as connection:
            found = connection.execute(
                "SELECT * FROM dispatch WHERE command_id = ? OR state IN ('planned', 'sending', 'unknown')"
                " ORDER BY run, purpose, batch",
                (command_id,),
            )
            return tuple(rows.dispatch(row) for row in found)

    def results(self, run_id: str, purpose: str) -> tuple[NodeResult, ...]:
        """What the nodes of a run made of it, in the order of their keys."""
        with self._file.reading() as connection:
            found = connection.execute(
                "SELECT * FROM result WHERE run = ? AND purpose = ? ORDER BY account, region, instance_id",
                (run_id, purpose),
            )
            return tuple(rows.result(row) for row in found)

    def receipt(self, run_id: str) -> Mapping[str, Any] | None:
        """The receipt of a run that ended."""
        with self._file.reading() as connection:
            row = connection.execute("SELECT body FROM receipt WHERE run = ?", (run_id,)).fetchone()
        return None if row is None else dict(json.loads(row["body"]))

    def notices(self, *, only_due: bool = False) -> tuple[Notice, ...]:
        """Messages, oldest first; with `only_due` those to post or to draw anew."""
        due = "WHERE wanted > shown AND state IN ('new', 'posting', 'posted')" if only_due else ""
        with self._file.reading() as connection:
            found = connection.execute(f"SELECT * FROM notice {due} ORDER BY rowid")
            return tuple(rows.notice(row) for row in found)

    def subscriptions(self) -> tuple[Subscription, ...]:
        """Who gets a digest, oldest first; those that are off, too."""
        with self._file.reading() as connection:
            return ledger_slots.subscriptions(connection)

    def slots(self, subscription: str, limit: int = 50) -> tuple[Slot, ...]:
        """The newest slots of a subscription, newest first."""
        with self._file.reading() as connection:
            return ledger_slots.slots(connection, subscription, limit)

    def last_sent(self, operation: str, instance_ids: Sequence[str]) -> Mapping[str, datetime]:
        """When each node was last in a send of that operation that AWS has, or may have."""
        with self._file.reading() as connection:
            found = connection.execute(
                "SELECT instance_id, at FROM last_sent WHERE operation = ?"
                " AND instance_id IN (SELECT value FROM json_each(?))",
                (operation, json.dumps(list(instance_ids))),
            )
            times = ((row["instance_id"], to_time(row["at"])) for row in found)
            return {name: at for name, at in times if at is not None}

    def audit(
        self, *, actor: str = "", subject: str = "", kind: str = "", limit: int = 50
    ) -> tuple[Link, ...]:
        """Links of the audit log, newest first; `subject` and `kind` match from the start, by whole parts."""
        with self._file.reading(as_bytes=True) as connection:
            return chain.newest(connection, actor=actor, subject=subject, kind=kind, limit=limit)

    def line(self) -> str:
        """Which line of its history it is on: "" until a restore was accepted, then the link of the last one."""
        last = self.audit(kind=ACCEPTED, limit=1)
        return f"{last[0].seq}-{last[0].hash.hex()[:8]}" if last else ""

    def given_up(self) -> frozenset[str]:
        """The heads ("<ledger> <code>") of lines that were given up when a restore was accepted."""
        bodies = (json.loads(link.body) for link in self.audit(kind=ACCEPTED, limit=10_000))
        return frozenset(str(code) for body in bodies for code in body.get("kept", ()))

    def links(self) -> Iterator[Link]:
        """Every link from the first. Read in parts: nobody waits for a slow reader."""
        return chain.links(lambda: self._file.reading(as_bytes=True))

    def head(self) -> Head:
        """The end of the chain, sealed where there is a key."""
        with self._file.reading(as_bytes=True) as connection:
            head = chain.head(connection, self.id)
        return replace(head, mac=head_mac(self.key, head)) if self.key else head

    def verify(self, anchor: Head | None = None) -> Finding:
        """Check the whole chain, that triggers guard it, and that the tables hold nothing which it contradicts."""
        found = chain.verify(self.id, self.links(), anchor=anchor)
        if found.sound:
            with self._file.reading() as connection:
                problem = ledger_start.wrong_tables(connection)
                found = replace(found, problem=problem or ledger_start.contradiction(connection))
        return found


def _take(connection: sqlite3.Connection, key: str, now: datetime) -> None:
    taken = connection.execute(
        "UPDATE inbox SET taken_at = ? WHERE key = ? AND taken_at IS NULL", (from_time(now), key)
    )
    if taken.rowcount != 1:
        raise Conflict(f"{key} was taken up before.")
