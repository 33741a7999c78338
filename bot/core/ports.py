"""What the use cases need from the world outside. Each port is as narrow as its users allow."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias

from bot.core.alerts import Facts
from bot.core.commands import Invocation, Order, SentCommand
from bot.core.environments import Environment, Target
from bot.core.events import Event
from bot.core.nodes import Baseline, ManagedNode, NodeKey, Patch
from bot.core.plans import Document
from bot.core.readings import Reading, TargetReading
from bot.core.trend_reports import TrendReport

Progress: TypeAlias = Callable[[str, int, int], None]
"""Told while reading: the target in words, nodes read so far, nodes known so far. Called from any thread."""


class Clock(Protocol):
    """Where "now" comes from."""

    def __call__(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...


class ComplianceGateway(Protocol):
    """Reads patch compliance from AWS. Safe to call from several threads at once."""

    def read_target(
        self, environment: Environment, target: Target, *, progress: Progress | None = None
    ) -> TargetReading:
        """Every managed node of `environment` in `target` with its patch state.

        Raises AwsError when the target cannot be enumerated. A part that fails later is a gap in the answer, its
        nodes are there with `unread` set.
        """
        ...

    def patches(self, key: NodeKey, target: Target) -> tuple[Patch, ...]:
        """The patches of one node that make it non-compliant or wait for approval. Raises AwsError."""
        ...

    def baseline(self, baseline_id: str, target: Target) -> Baseline:
        """The baseline of that id or ARN. Raises AwsError."""
        ...


class CommandGateway(Protocol):
    """Runs commands on nodes. The only port that changes anything in AWS; the worker alone sends and cancels."""

    def document(self, target: Target, name: str) -> Document:
        """The document's default version and its hash (DescribeDocument). Raises AwsError."""
        ...

    def send(
        self,
        target: Target,
        order: Order,
        *,
        not_after: float = math.inf,
        between: tuple[datetime, datetime] | None = None,
    ) -> str:
        """Send once, with the role for installs, and return the command id. Never retries.

        `not_after` is a moment of the monotonic clock: a process that stood still sends nothing later than that.
        `between` are two of the wall clock, which goes on while the machine is suspended, and may have been set back.
        Raises NotSent when surely nothing runs, OutcomeUnknown when AWS may have it.
        """
        ...

    def find(self, target: Target, *, since: datetime) -> tuple[SentCommand, ...]:
        """The commands requested after `since`, all pages. Raises AwsError."""
        ...

    def invocations(self, target: Target, command_id: str) -> tuple[Invocation, ...]:
        """What each node has made of it so far; empty shortly after the send. Raises AwsError."""
        ...

    def cancel(self, target: Target, command_id: str) -> None:
        """Ask AWS to stop it; nodes already at work finish. May be repeated. Raises AwsError."""
        ...

    def at_work(self, target: Target) -> Mapping[str, str]:
        """Instance id → command id of patch operations that are under way, whoever sent them. Raises AwsError."""
        ...

    def nodes_now(self, target: Target, instance_ids: Sequence[str]) -> tuple[ManagedNode, ...]:
        """Those of the nodes that exist, with their connection as of now. Raises AwsError."""
        ...

    def next_window(self, target: Target) -> tuple[str, datetime] | None:
        """Name and start of the next maintenance window there, None when there is none. Raises AwsError."""
        ...


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a queue. `receipt` is what it is deleted by, `receives` how often it was handed out so far."""

    id: str
    receipt: str
    body: str
    receives: int


class EventSource(Protocol):
    """A queue of events. A message that is not `done` comes again after a while, and in the end to the dead letters."""

    @property
    def name(self) -> str:
        """The queue, for logs and metrics."""
        ...

    def receive(self) -> tuple[Message, ...]:
        """The next messages; waits for some seconds when there are none. Raises AwsError."""
        ...

    def done(self, messages: Sequence[Message]) -> int:
        """Delete them; returns how many could not be, which then come again. Raises AwsError."""
        ...


class EventStore(Protocol):
    """What events said, as facts. Losing it loses only what was gathered and not told yet. Every method raises
    StorageError.
    """

    def take(self, events: Sequence[Event], now: datetime) -> int:
        """Merge the events into the facts, durably and all together. Returns how many were not known before."""
        ...

    def facts(self) -> Facts:
        """All that is not told yet."""
        ...

    def told(self, facts: Facts) -> None:
        """These are done with: told, ours, or of no environment."""
        ...


class ReadingStore(Protocol):
    """Keeps the last reading of each environment. May be deleted at any time: it is only a cache."""

    def load(self, environment: Environment) -> Reading | None:
        """The last reading, with `source` "cache"; None when there is none or the configuration changed since."""
        ...

    def save(self, environment: Environment, reading: Reading) -> None:
        """Replace the last reading by this one, whole or not at all."""
        ...

    def load_patches(
        self, key: NodeKey, operation_end_time: datetime | None
    ) -> tuple[datetime, tuple[Patch, ...]] | None:
        """When the patches of that node were read, and they; None unless read for that very operation."""
        ...

    def save_patches(
        self,
        key: NodeKey,
        operation_end_time: datetime | None,
        patches: tuple[Patch, ...],
        *,
        read_at: datetime,
    ) -> None:
        """Keep the patches of a node as they were after its operation that ended then."""
        ...


class Trends(Protocol):
    """How environments stood over time. Safe to call from several threads at once."""

    def trend(self, environment: str, days: int) -> TrendReport:
        """The last `days` days. Raises StorageError."""
        ...
