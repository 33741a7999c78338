"""The ledger as a port: everything precious, and the only door through which it changes.

A change is one transaction. Whatever moves a state takes the audit entries of the move with it, so that no state can
change without an audit row, and nothing is sent before both are on disk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from bot.core.audit import Entry, Finding, Head, Link
from bot.core.plans import Plan
from bot.core.requests import Request
from bot.core.runs import Dispatch, NodeResult, Run
from bot.core.schedules import Slot, Subscription

ONLY_LOOKED_AT = "it was opened only to be read"
"""Why a ledger is read-only for somebody who looks at it beside the process that has it."""


@dataclass(frozen=True, slots=True)
class InboxItem:
    """A click or submission that will change something. On disk before it is acknowledged, taken up exactly once.

    `key` is made of Slack's own ids ("action/<trigger id>", "view/<view id>/<hash>"). `body` holds ids and what was
    typed; no tokens, no response_url.
    """

    key: str
    kind: str
    person: str
    team: str
    body: Mapping[str, Any]
    received_at: datetime


class NoticeState(StrEnum):
    """Where a Slack message of ours stands."""

    NEW = "new"
    POSTING = "posting"  # the intent is on disk; the message may be there
    POSTED = "posted"
    LOST = "lost"  # deleted, or its channel is gone; the reason says which
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Notice:
    """A message that shows something of the ledger. Its text is drawn from the ledger whenever `wanted` > `shown`.

    `key` is unique ("approval/R-12", "run/X-12", "dm/R-12/U0…"); `subject` is what it shows, `kind` how. `thread_of` is
    the key of the notice in whose thread it goes.
    """

    key: str
    kind: str
    subject: str
    channel: str
    thread_of: str = ""
    state: NoticeState = NoticeState.NEW
    ts: str = ""
    wanted: int = 1
    shown: int = 0
    reason: str = ""
    changed_at: datetime | None = None


class Change(Protocol):
    """One transaction. Everything in it becomes durable together, or nothing does."""

    def audit(self, entry: Entry) -> None:
        """Append to the audit log."""
        ...

    def next_id(self, kind: str) -> str:
        """A new short id: "R-12" for kind "R"."""
        ...

    def add_request(self, request: Request, plan: Plan, entries: Sequence[Entry]) -> None:
        """Store a new request with its sealed plan. Raises Conflict when the same plan is open already."""
        ...

    def save_request(self, request: Request, entries: Sequence[Entry]) -> None:
        """Store a move. Raises Conflict unless the stored version is `request.version` - 1 and the request is open."""
        ...

    def add_run(self, run: Run, dispatches: Sequence[Dispatch], entries: Sequence[Entry]) -> None:
        """Store a new run with its sends. Raises Conflict when its request has one."""
        ...

    def save_run(self, run: Run, entries: Sequence[Entry]) -> None:
        """Store a move. Raises Conflict unless the stored version is `run.version` - 1 and the run is open, and when it
        is to start while another run of its environment, or on a node of it, is at work.
        """
        ...

    def add_dispatches(self, dispatches: Sequence[Dispatch], entries: Sequence[Entry]) -> None:
        """Add sends to an open run: the verifying scans."""
        ...

    def move_dispatch(self, dispatch: Dispatch, *, was: str, entries: Sequence[Entry]) -> None:
        """Store a move of a send. Raises Conflict unless it is allowed and the stored state is `was`."""
        ...

    def save_results(self, run: str, purpose: str, results: Sequence[NodeResult]) -> None:
        """What the nodes made of it, replacing what was known of each."""
        ...

    def save_receipt(self, run: str, receipt: Mapping[str, Any], entries: Sequence[Entry]) -> None:
        """The receipt of a run that ended; written once."""
        ...

    def add_subscription(self, subscription: Subscription, entries: Sequence[Entry]) -> None:
        """Store a new one. Raises Conflict when its environment and channel have one."""
        ...

    def save_subscription(self, subscription: Subscription, entries: Sequence[Entry]) -> None:
        """Store a change. Raises Conflict unless the stored version is `subscription.version` - 1."""
        ...

    def claim_slot(self, slot: Slot, entries: Sequence[Entry]) -> None:
        """Store a new slot, claimed or skipped. Raises Conflict when that date has one."""
        ...

    def move_slot(self, slot: Slot, *, was: str, entries: Sequence[Entry]) -> None:
        """Store a move of a slot. Raises Conflict unless it is allowed and the stored state is `was`."""
        ...

    def show(self, notice: Notice) -> None:
        """Make a message wanted; one of that key that is there already is to be drawn anew (`wanted` + 1)."""
        ...

    def move_notice(self, notice: Notice) -> None:
        """Store how far a message has got."""
        ...


class Ledger(Protocol):
    """The ledger. Readers see the last commit and never wait for the writer."""

    @property
    def id(self) -> str:
        """What names it in marks and heads."""
        ...

    @property
    def read_only_reason(self) -> str:
        """Why nothing may change (a restored backup, a broken chain, …); empty when all is well."""
        ...

    def newest_at(self) -> datetime | None:
        """The newest moment that its log and the kept heads knew of when it was opened: no clock may be behind it."""
        ...

    def put_inbox(self, item: InboxItem) -> bool:
        """Store a click durably. False when its key is known already. Raises StorageError: then do not acknowledge."""
        ...

    def inbox(self) -> tuple[InboxItem, ...]:
        """What has not been taken up yet, oldest first."""
        ...

    def change(self, *, taking: str = "") -> AbstractContextManager[Change]:
        """A transaction; with `taking` it also marks that inbox item as done. Raises Conflict when somebody took it
        before, and StorageError when the ledger is read-only or cannot be written.
        """
        ...

    def requests(self, *, only_open: bool = False) -> tuple[Request, ...]:
        """Requests, newest first."""
        ...

    def request(self, request_id: str) -> Request | None: ...

    def plan(self, digest: str) -> Plan | None: ...

    def runs(self, *, only_open: bool = False, environment: str = "") -> tuple[Run, ...]:
        """Runs, newest first."""
        ...

    def run(self, run_id: str) -> Run | None: ...

    def dispatches(self, run_id: str) -> tuple[Dispatch, ...]:
        """The sends of a run in order of purpose and batch."""
        ...

    def sends_of(self, command_id: str) -> tuple[Dispatch, ...]:
        """The send that got this command id, and all whose command id is not known yet: one of them may be it."""
        ...

    def results(self, run_id: str, purpose: str) -> tuple[NodeResult, ...]: ...

    def receipt(self, run_id: str) -> Mapping[str, Any] | None: ...

    def notices(self, *, only_due: bool = False) -> tuple[Notice, ...]:
        """Messages; with `only_due` those to post or to draw anew."""
        ...

    def subscriptions(self) -> tuple[Subscription, ...]:
        """Who gets a digest, oldest first; those that are off, too."""
        ...

    def slots(self, subscription: str, limit: int = 50) -> tuple[Slot, ...]:
        """The newest slots of a subscription, newest first."""
        ...

    def last_sent(self, operation: str, instance_ids: Sequence[str]) -> Mapping[str, datetime]:
        """When each node was last in a send of that operation."""
        ...

    def audit(
        self, *, actor: str = "", subject: str = "", kind: str = "", limit: int = 50
    ) -> tuple[Link, ...]:
        """Links of the audit log, newest first; `subject` and `kind` match from the start, by whole parts."""
        ...

    def links(self) -> Iterator[Link]:
        """Every link from the first."""
        ...

    def head(self) -> Head:
        """The end of the chain, sealed where there is a key."""
        ...

    def verify(self, anchor: Head | None = None) -> Finding:
        """Check the whole chain."""
        ...


def why_frozen(ledger: Ledger) -> str:
    """Why nothing can be changed by anybody; empty when all is well, and for somebody who only looks."""
    reason = ledger.read_only_reason
    return "" if reason == ONLY_LOOKED_AT else reason
