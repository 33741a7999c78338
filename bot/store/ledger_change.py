"""One transaction of the ledger: every step takes its audit entries with it, and is done whole or not at all."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.core.audit import GENESIS, Entry, Link, canonical, link_hash
from bot.core.errors import Conflict
from bot.core.ledger import Notice
from bot.core.plans import Operation, Plan
from bot.core.requests import Request
from bot.core.runs import RUN_ENDS, Dispatch, DispatchState, NodeResult, Run, RunState
from bot.core.schedules import Slot, Subscription
from bot.store import ledger_rows as rows
from bot.store import ledger_slots
from bot.store.ledger_file import tail
from bot.store.rows import from_time

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAY_RUN = (DispatchState.SENT, DispatchState.UNKNOWN)
REVIVE_AFTER = timedelta(minutes=10)


class SqliteChange:
    """The Change of a SqliteLedger, for as long as its block runs. `now` is the moment of everything in it."""

    def __init__(
        self, connection: sqlite3.Connection, *, ledger: str, boot: str, now: datetime
    ) -> None:
        self._connection: sqlite3.Connection | None = connection
        self._ledger = ledger
        self._boot = boot
        self._now = now
        self.audited = False

    def end(self) -> None:
        """Nothing can be changed through this object any more."""
        self._connection = None

    def audit(self, entry: Entry) -> None:
        """Append to the audit log. Raises TypeError for a body that has no one way to be written."""
        texts = rows.bound({"kind": entry.kind, "actor": entry.actor, "subject": entry.subject})
        seq, prev = tail(self._open)
        link = Link(
            seq=seq + 1,
            at_us=(self._now - _EPOCH) // timedelta(microseconds=1),
            boot=self._boot,
            body=canonical(entry.body),
            prev=prev or GENESIS,
            hash=b"",
            **texts,
        )
        link = replace(link, hash=link_hash(self._ledger, link))
        values = [getattr(link, name) for name in rows.LINK_COLUMNS]
        self._open.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
        self.audited = True

    def next_id(self, kind: str) -> str:
        """A new short id: "R-12" for kind "R"."""
        row = self._open.execute(
            "INSERT INTO counter VALUES (?, 1) ON CONFLICT DO UPDATE SET last = last + 1 RETURNING last",
            (kind,),
        ).fetchone()
        return f"{kind}-{row[0]}"

    def skip_ids(self, kind: str, number: int) -> None:
        """Leave out ids: what is not on this disk may have used them."""
        self._open.execute(
            "INSERT INTO counter VALUES (?, ?) ON CONFLICT DO UPDATE SET last = last + excluded.last",
            (kind, number),
        )

    def discard_clicks(self) -> int:
        """Take up every waiting click without doing what it says. Returns how many there were."""
        return self._open.execute(
            "UPDATE inbox SET taken_at = ? WHERE taken_at IS NULL", (from_time(self._now),)
        ).rowcount

    def add_request(self, request: Request, plan: Plan, entries: Sequence[Entry]) -> None:
        """Store a new request with its sealed plan. Raises Conflict when the same plan is open already."""
        body = canonical(plan.body())
        if request.digest != plan.digest:
            raise ValueError(f"{request.id} is not for that plan")
        with self._step(entries, "The same plan is open for approval already.") as connection:
            connection.execute(
                "INSERT INTO plan VALUES (?, ?) ON CONFLICT DO NOTHING", (plan.digest, body)
            )
            self._insert("request", rows.request_row(request))
            self._insert_votes(request, after=0)

    def save_request(self, request: Request, entries: Sequence[Entry]) -> None:
        """Store a move. Raises Conflict unless the stored version is `request.version` - 1 and the request is open."""
        with self._step(entries, f"{request.id} was decided by somebody else.") as connection:
            stored = connection.execute(
                "SELECT person, digest, at FROM vote WHERE request = ? ORDER BY position",
                (request.id,),
            ).fetchall()
            votes = [(vote.person, vote.digest, from_time(vote.at)) for vote in request.votes]
            if [tuple(row) for row in stored] != votes[: len(stored)]:
                raise Conflict(f"The votes on {request.id} are not those it was read with.")
            self._insert_votes(request, after=len(stored))
            self._update(
                "request",
                rows.request_row(request),
                where={"id": request.id, "version": request.version - 1, "state": "pending"},
            )

    def add_run(self, run: Run, dispatches: Sequence[Dispatch], entries: Sequence[Entry]) -> None:
        """Store a new run with its sends. Raises Conflict when its request has one."""
        taken = f"{run.id} cannot start: its request has a run, or its environment is at work."
        with self._step(entries, taken):
            self._insert("run", rows.run_row(run))
            self._insert_dispatches(dispatches)
            self._lock_nodes(run)

    def save_run(self, run: Run, entries: Sequence[Entry]) -> None:
        """Store a move. Raises Conflict unless the stored version is `run.version` - 1 and the run is open, and when it
        is to start while another run of its environment, or on a node of it, is at work.
        """
        with self._step(entries, f"{run.environment} has another run at work."):
            self._update("run", rows.run_row(run), where={"id": run.id, "version": run.version - 1})
            self._lock_nodes(run)

    def add_dispatches(self, dispatches: Sequence[Dispatch], entries: Sequence[Entry]) -> None:
        """Add sends to an open run: the verifying scans. Raises Conflict when the run has ended or has them."""
        with self._step(entries, "These sends are planned already.") as connection:
            for name in {dispatch.run for dispatch in dispatches}:
                row = connection.execute("SELECT state FROM run WHERE id = ?", (name,)).fetchone()
                if row is None or RunState(row["state"]) in RUN_ENDS:
                    raise Conflict(f"{name} is no open run.")
            self._insert_dispatches(dispatches)

    def move_dispatch(self, dispatch: Dispatch, *, was: str, entries: Sequence[Entry]) -> None:
        """Store a move of a send. Raises Conflict unless it is allowed and the stored state is `was`."""
        name = f"{dispatch.run}/{dispatch.purpose}-{dispatch.batch.number}"
        key = {
            "run": dispatch.run,
            "purpose": dispatch.purpose,
            "batch": dispatch.batch.number,
            "state": str(was),
        }
        with self._step(entries, f"{name} cannot go from {was} to {dispatch.state}.") as connection:
            self._update("dispatch", rows.dispatch_row(dispatch), where=key)
            if dispatch.state in _MAY_RUN:
                (operation,) = connection.execute(
                    "SELECT operation FROM request JOIN run ON run.request = request.id WHERE run.id = ?",
                    (dispatch.run,),
                ).fetchone()
                scan = dispatch.purpose == "verify"
                self._note_sent(dispatch, Operation.SCAN.value if scan else operation)

    def save_results(self, run: str, purpose: str, results: Sequence[NodeResult]) -> None:
        """What the nodes made of it, replacing what was known of each."""
        self._open.executemany(
            "INSERT INTO result VALUES (:run, :purpose, :account, :region, :instance_id, :outcome, :reason,"
            " :back_online) ON CONFLICT DO UPDATE SET outcome = excluded.outcome, reason = excluded.reason,"
            " back_online = excluded.back_online",
            [rows.bound(rows.result_row(one, run=run, purpose=purpose)) for one in results],
        )

    def save_receipt(self, run: str, receipt: Mapping[str, Any], entries: Sequence[Entry]) -> None:
        """The receipt of a run that ended; written once. Raises Conflict when there is one."""
        with self._step(entries, f"{run} has its receipt.") as connection:
            connection.execute("INSERT INTO receipt VALUES (?, ?)", (run, rows.as_json(receipt)))

    def show(self, notice: Notice) -> None:
        """Make a message wanted; one of that key that is there already is to be drawn anew (`wanted` + 1).

        One that could not be posted is tried again where it belongs today, at most every REVIVE_AFTER.
        """
        columns = rows.bound(rows.notice_row(replace(notice, changed_at=self._now)))
        self._open.execute(
            "UPDATE notice SET state = 'new', channel = :channel, ts = '', reason = ''"
            " WHERE key = :key AND state IN ('lost', 'failed') AND changed_at <= :long_ago",
            {**columns, "long_ago": from_time(self._now - REVIVE_AFTER)},
        )
        self._open.execute(
            f"{_insertion('notice', columns)} ON CONFLICT DO UPDATE SET wanted = wanted + 1,"
            " changed_at = iif(state IN ('lost', 'failed'), changed_at, excluded.changed_at)",
            columns,
        )

    def move_notice(self, notice: Notice) -> None:
        """Store how far a message has got: all but `wanted`, which others may have raised meanwhile."""
        values = dict(rows.notice_row(replace(notice, changed_at=self._now)))
        del values["wanted"]
        self._update("notice", values, where={"key": notice.key})

    def add_subscription(self, subscription: Subscription, entries: Sequence[Entry]) -> None:
        """Store a new one. Raises Conflict when its environment and channel have one."""
        with self._step(entries, "This channel has a digest of that environment."):
            self._insert("subscription", ledger_slots.subscription_row(subscription))

    def save_subscription(self, subscription: Subscription, entries: Sequence[Entry]) -> None:
        """Store a change. Raises Conflict unless the stored version is `subscription.version` - 1."""
        key = {"id": subscription.id, "version": subscription.version - 1}
        with self._step(entries, f"{subscription.id} was changed by somebody else."):
            self._update("subscription", ledger_slots.subscription_row(subscription), where=key)

    def claim_slot(self, slot: Slot, entries: Sequence[Entry]) -> None:
        """Store a new slot, claimed or skipped. Raises Conflict when that date has one."""
        with self._step(entries, f"{slot.key} is claimed already."):
            self._insert("slot", ledger_slots.slot_row(slot))

    def move_slot(self, slot: Slot, *, was: str, entries: Sequence[Entry]) -> None:
        """Store a move of a slot. Raises Conflict unless it is allowed and the stored state is `was`."""
        day = slot.day.isoformat()
        key = {"subscription": slot.subscription, "local_date": day, "state": str(was)}
        with self._step(entries, f"{slot.key} cannot go from {was} to {slot.state}."):
            self._update("slot", ledger_slots.slot_row(slot), where=key)

    @property
    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise RuntimeError("this change of the ledger has ended")
        return self._connection

    @contextmanager
    def _step(self, entries: Sequence[Entry], conflict: str) -> Iterator[sqlite3.Connection]:
        """Everything in the block and the audit entries, or none of it: the transaction goes on after a Conflict."""
        if not entries:
            raise ValueError("no state changes without an audit entry")
        connection = self._open
        connection.execute("SAVEPOINT step")
        try:
            yield connection
            for entry in entries:
                self.audit(entry)
        except sqlite3.IntegrityError as error:
            connection.execute("ROLLBACK TO step")
            raise Conflict(conflict, hint=f"({error})") from error
        except Conflict:
            connection.execute("ROLLBACK TO step")
            raise
        finally:
            if connection.in_transaction:
                connection.execute("RELEASE step")

    def _insert(self, table: str, values: rows.Values) -> None:
        self._open.execute(_insertion(table, values), rows.bound(values))

    def _update(self, table: str, values: rows.Values, *, where: rows.Values) -> None:
        assignments = ", ".join(f"{name} = :{name}" for name in values)
        conditions = " AND ".join(f"{name} IS :was_{name}" for name in where)
        parameters = {**values, **{f"was_{name}": value for name, value in where.items()}}
        changed = self._open.execute(
            f"UPDATE {table} SET {assignments} WHERE {conditions}", rows.bound(parameters)
        )
        if changed.rowcount != 1:
            what = next(iter(where.values()))
            raise Conflict(f"{table} {what} is not as it was when it was read.")

    def _insert_votes(self, request: Request, *, after: int) -> None:
        for position, vote in enumerate(request.votes[after:], start=after):
            self._open.execute(
                "INSERT INTO vote VALUES (?, ?, ?, ?, ?)",
                (request.id, vote.digest, vote.person, from_time(vote.at), position),
            )

    def _insert_dispatches(self, dispatches: Sequence[Dispatch]) -> None:
        for dispatch in dispatches:
            self._insert("dispatch", rows.dispatch_row(dispatch))

    def _lock_nodes(self, run: Run) -> None:
        """A run at work has its nodes for itself; one that waits has none yet, and one that ended gave them back."""
        if run.state is RunState.WAITING or not run.is_open:
            return
        of_the_run = "SELECT account, region, value AS instance_id FROM dispatch, json_each(instance_ids) WHERE run = ?"
        held = self._open.execute(
            "SELECT instance_id, node_lock.run FROM node_lock"
            f" JOIN ({of_the_run}) USING (account, region, instance_id) WHERE node_lock.run != ?",
            (run.id, run.id),
        ).fetchone()
        if held is not None:
            raise Conflict(f"{held[0]} is in the open run {held[1]}.")
        self._open.execute(
            f"INSERT INTO node_lock SELECT account, region, instance_id, ? FROM ({of_the_run}) WHERE true"
            " ON CONFLICT DO NOTHING",
            (run.id, run.id),
        )

    def _note_sent(self, dispatch: Dispatch, operation: str) -> None:
        ids = dispatch.sent_ids or dispatch.batch.instance_ids
        at = from_time(dispatch.sending_at or self._now)
        self._open.executemany(
            "INSERT INTO last_sent VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET at = max(at, excluded.at)",
            [(operation, instance_id, at) for instance_id in ids],
        )


def _insertion(table: str, values: rows.Values) -> str:
    return f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(f':{name}' for name in values)})"
