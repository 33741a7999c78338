"""A run: an approved plan on its way. The states of the run and of each send, and the moves between them.

The rule behind all of it: what is not known is not success and is never sent again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.core.identity import Decision
from bot.core.nodes import NodeKey
from bot.core.plans import Batch
from bot.core.wording import counted


class RunState(StrEnum):
    """Where a run stands. The last six are ends."""

    WAITING = "waiting"  # approved; its start time, a freeze or the environment's lock holds it
    RUNNING = "running"
    PAUSED = "paused"  # a gate closed: a person decides
    CANCELLING = "cancelling"
    VERIFYING = "verifying"  # the scan after the last wave
    VERIFIED = "verified"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"
    ABANDONED = "abandoned"  # nothing was sent: the approval no longer stood, or its time passed
    LOST_TRACK = "lost_track"  # its time limit passed with nodes unaccounted for


RUN_ENDS = frozenset(
    {
        RunState.VERIFIED,
        RunState.PARTIAL,
        RunState.FAILED,
        RunState.CANCELLED,
        RunState.ABANDONED,
        RunState.LOST_TRACK,
    }
)


@dataclass(frozen=True, slots=True)
class Run:
    """An approved plan on its way. `version` grows by one with every move.

    `wave` is the wave that is being sent or judged, from 1. `why` says what holds or ended it. `deadline` is when what
    is missing is named and the run ends, whatever happens. `cancelled_by` is set once somebody asked to stop it.

    `held` are the batches that the closed gate is about, `continued` those that a person saw there and went past: no
    gate asks about them again, and about every other one.
    """

    id: str
    version: int
    state: RunState
    request: str
    digest: str
    environment: str
    created_at: datetime
    deadline: datetime
    rehearsal: bool = False
    wave: int = 1
    why: str = ""
    cancelled_by: str = ""
    held: tuple[int, ...] = ()
    continued: tuple[int, ...] = ()
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        return self.state not in RUN_ENDS


class DispatchState(StrEnum):
    """Where one send stands."""

    PLANNED = "planned"
    SENDING = "sending"  # the intent is on disk; whether AWS has it is not known yet
    SENT = "sent"  # AWS gave a command id
    REFUSED = "refused"  # AWS said no: nothing runs
    UNKNOWN = "unknown"  # no answer, and not found since: looked for, never sent again
    DONE = "done"  # every node's outcome is known, or its time is over
    DROPPED = "dropped"  # never sent: cancelled, or nothing of it was left to send


DISPATCH_MOVES: Mapping[DispatchState, frozenset[DispatchState]] = {
    DispatchState.PLANNED: frozenset({DispatchState.SENDING, DispatchState.DROPPED}),
    DispatchState.SENDING: frozenset(
        {DispatchState.SENT, DispatchState.REFUSED, DispatchState.UNKNOWN}
    ),
    DispatchState.UNKNOWN: frozenset({DispatchState.SENT, DispatchState.DONE}),
    DispatchState.SENT: frozenset({DispatchState.DONE}),
    DispatchState.REFUSED: frozenset(),
    DispatchState.DONE: frozenset(),
    DispatchState.DROPPED: frozenset(),
}
"""Allowed moves. There is no way back to PLANNED and none from UNKNOWN or REFUSED to SENDING: nothing is sent twice."""


RUN = "run"
VERIFY = "verify"


@dataclass(frozen=True, slots=True)
class Dispatch:
    """One send of a run: a scan or install of a batch. `mark` is what it carries in SendCommand's Comment.

    `purpose` is RUN for the plan's own sends and VERIFY for the scans after it. `sent_ids` are those of the batch
    that were really sent; the others were gone. `sending_at` is the time of the intent.
    """

    run: str
    batch: Batch
    purpose: str
    state: DispatchState
    mark: str
    snapshot_id: str
    command_id: str = ""
    sent_ids: tuple[str, ...] = ()
    sending_at: datetime | None = None
    reason: str = ""

    @property
    def subject(self) -> str:
        """Its name in the audit log."""
        return f"dispatch/{self.run}/{self.purpose}-{self.batch.number}"

    @property
    def is_open(self) -> bool:
        return bool(DISPATCH_MOVES[self.state])


class NodeOutcome(StrEnum):
    """What became of a node in a send."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    UNDELIVERABLE = "undeliverable"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"  # dropped before the send: it left the environment, or was gone
    UNKNOWN = "unknown"


SETTLED = frozenset(set(NodeOutcome) - {NodeOutcome.PENDING, NodeOutcome.RUNNING})

_BY_DETAIL = {
    "pending": NodeOutcome.PENDING,
    "inprogress": NodeOutcome.RUNNING,
    "delayed": NodeOutcome.RUNNING,
    "cancelling": NodeOutcome.RUNNING,
    "success": NodeOutcome.SUCCESS,
    "failed": NodeOutcome.FAILED,
    "executiontimedout": NodeOutcome.TIMED_OUT,
    "timedout": NodeOutcome.TIMED_OUT,
    "deliverytimedout": NodeOutcome.UNDELIVERABLE,
    "undeliverable": NodeOutcome.UNDELIVERABLE,
    "terminated": NodeOutcome.CANCELLED,
    "invalidplatform": NodeOutcome.FAILED,
    "accessdenied": NodeOutcome.FAILED,
    "cancelled": NodeOutcome.CANCELLED,
}


def outcome(status_details: str) -> NodeOutcome:
    """The outcome behind an invocation's StatusDetails (User Guide, "Understanding command statuses").

    Events and lists write the same words with and without spaces. A word nobody knows is still running, never success.
    """
    return _BY_DETAIL.get(status_details.replace(" ", "").casefold(), NodeOutcome.RUNNING)


@dataclass(frozen=True, slots=True)
class NodeResult:
    """A node in a run: its outcome, the plain-language reason, and whether it answered again after its reboot."""

    key: NodeKey
    outcome: NodeOutcome
    reason: str = ""
    back_online: bool | None = None


def gate(results: Iterable[NodeResult], success_percent: int) -> Decision:
    """Whether the next wave may start: everything settled, nothing unknown, every node back, enough successes.

    No verdict is not success: an empty wave closes the gate.
    """
    judged = [one for one in results if one.outcome is not NodeOutcome.SKIPPED]
    if not judged:
        return Decision(False, "no node of the wave has a result")
    waiting = sum(one.outcome not in SETTLED for one in judged)
    if waiting:
        return Decision(False, f"{counted(waiting, 'node')} still at work")
    unknown = sum(one.outcome is NodeOutcome.UNKNOWN for one in judged)
    if unknown:
        return Decision(False, f"the outcome of {counted(unknown, 'node')} is not known")
    gone = sum(one.back_online is False for one in judged)
    if gone:
        return Decision(False, f"{counted(gone, 'node')} did not come back after the reboot")
    good = sum(one.outcome is NodeOutcome.SUCCESS for one in judged)
    if good * 100 < success_percent * len(judged):
        return Decision(
            False,
            f"{good} of {counted(len(judged), 'node')} of the wave succeeded, {success_percent} % are asked for",
        )
    return Decision(True)
