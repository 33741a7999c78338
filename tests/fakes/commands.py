"""A command gateway in memory, held to the same contract as the real one (tests/contract/test_commands.py).

It keeps apart what reached "AWS" and what was accepted, shows commands late, and can accept one and lose the answer.
"""

from __future__ import annotations

import math
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum, auto

from bot.core.commands import Invocation, NotSent, Order, OutcomeUnknown, SentCommand
from bot.core.environments import Target
from bot.core.errors import AwsError
from bot.core.nodes import ManagedNode
from bot.core.plans import BATCH, Document, Operation, RebootOption
from bot.core.ports import Clock

RUN_PATCH_BASELINE = Document("AWS-RunPatchBaseline", "1", "a" * 64)


class Answer(Enum):
    """What happens to a send."""

    ACCEPT = auto()
    ACCEPT_AND_LOSE = auto()  # a time-out, a reset or a 500 after AWS took it
    LOSE = auto()  # the same before AWS took it
    THROTTLE = auto()
    DENY = auto()
    UNREACHABLE = auto()


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a node: its StatusDetails in the end and after how many seconds; None: never.

    A node that installs with a reboot is silent for its last `silent` seconds; `back` False: for ever.
    """

    details: str = "Success"
    seconds: float | None = 60.0
    response_code: int = 0
    output: str = ""
    silent: float = 20.0
    back: bool = True


@dataclass(slots=True)
class Accepted:
    """A command that "AWS" has."""

    target: Target
    order: Order
    command_id: str
    at: datetime
    fates: Mapping[str, Fate]
    cancelled_at: datetime | None = None


@dataclass(slots=True)
class FakeCommands:
    """`CommandGateway` without AWS.

    `sends` is what reached AWS, `accepted` what it took, `cancels` who was cancelled. `answers` are for the next
    sends, one each; afterwards sends are accepted. `on_send` runs when a send reaches AWS. `failures` by method name
    are raised in the place of an answer until they are taken away. `busy` are nodes at work for somebody else.
    """

    clock: Clock
    lag: float = 0.3
    monotonic: Callable[[], float] = time.monotonic
    sends: list[tuple[Target, Order]] = field(default_factory=list)
    accepted: list[Accepted] = field(default_factory=list)
    cancels: list[tuple[Target, str]] = field(default_factory=list)
    answers: deque[Answer] = field(default_factory=deque)
    on_send: Callable[[Target, Order], None] | None = None
    failures: dict[str, AwsError] = field(default_factory=dict)
    busy: dict[Target, dict[str, str]] = field(default_factory=dict)
    windows: dict[Target, tuple[str, datetime]] = field(default_factory=dict)
    documents: dict[str, Document] = field(
        default_factory=lambda: {RUN_PATCH_BASELINE.name: RUN_PATCH_BASELINE}
    )
    _nodes: dict[Target, dict[str, ManagedNode]] = field(default_factory=dict)
    _fates: dict[str, Fate] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    # The doors for tests.

    def put(self, target: Target, *nodes: ManagedNode) -> None:
        """Nodes that exist there, or as they are now."""
        self._nodes.setdefault(target, {}).update({node.instance_id: node for node in nodes})

    def remove(self, target: Target, instance_id: str) -> None:
        """The node is terminated."""
        del self._nodes[target][instance_id]

    def nodes_will(self, *instance_ids: str, fate: Fate) -> None:
        """Decide what becomes of nodes in coming commands."""
        self._fates.update(dict.fromkeys(instance_ids, fate))

    def accepted_with(self, mark: str) -> list[Accepted]:
        """The commands "AWS" took with this mark: more than one is the fault that must never be."""
        return [one for one in self.accepted if one.order.mark == mark]

    # The port.

    def document(self, target: Target, name: str) -> Document:
        """See the port."""
        self._fail("document")
        try:
            return self.documents[name]
        except KeyError:
            raise AwsError(
                f"AWS answered ssm:DescribeDocument in {target.region} with InvalidDocument.",
                code="InvalidDocument",
                operation="ssm:DescribeDocument",
            ) from None

    def send(
        self,
        target: Target,
        order: Order,
        *,
        not_after: float = math.inf,
        between: tuple[datetime, datetime] | None = None,
    ) -> str:
        """See the port."""
        if not 1 <= len(order.instance_ids) <= BATCH or not order.mark or len(order.mark) > 100:
            raise NotSent("That is no order.", code="BadOrder")
        by_the_wall = between is None or between[0] <= self.clock() <= between[1]
        if self.monotonic() > not_after or not by_the_wall:
            raise NotSent("The time to send had passed.", code="TooLate")
        with self._lock:
            answer = self.answers.popleft() if self.answers else Answer.ACCEPT
            if answer is Answer.UNREACHABLE:
                raise NotSent("AWS cannot be reached.", code="NoConnection")
            self.sends.append((target, order))
            if self.on_send is not None:
                self.on_send(target, order)
            if answer is Answer.THROTTLE:
                raise NotSent("Rate exceeded.", code="ThrottlingException", may_retry=True)
            if answer is Answer.DENY:
                raise NotSent("Not allowed.", code="AccessDeniedException")
            if answer is Answer.LOSE:
                raise _unknown()
            self._check(target, order)
            command_id = self._accept(target, order)
        if answer is Answer.ACCEPT_AND_LOSE:
            raise _unknown()
        return command_id

    def find(self, target: Target, *, since: datetime) -> tuple[SentCommand, ...]:
        """See the port."""
        self._fail("find")
        now = self.clock()
        with self._lock:
            found = [one for one in self._visible(target, now) if one.at >= since]
        return tuple(self._row(one, now) for one in sorted(found, key=lambda one: one.at)[::-1])

    def invocations(self, target: Target, command_id: str) -> tuple[Invocation, ...]:
        """See the port."""
        self._fail("invocations")
        now = self.clock()
        with self._lock:
            found = [one for one in self._visible(target, now) if one.command_id == command_id]
        return tuple(
            _invocation(one, instance_id, now)
            for one in found
            for instance_id in one.order.instance_ids
        )

    def cancel(self, target: Target, command_id: str) -> None:
        """See the port."""
        self._fail("cancel")
        with self._lock:
            self.cancels.append((target, command_id))
            found = [one for one in self.accepted if (one.target, one.command_id) == (target, command_id)]  # fmt: skip
            if not found:
                raise AwsError(
                    f"AWS answered ssm:CancelCommand in {target.region} with InvalidCommandId.",
                    code="InvalidCommandId",
                    operation="ssm:CancelCommand",
                )
            for one in found:
                one.cancelled_at = one.cancelled_at or self.clock()

    def at_work(self, target: Target) -> Mapping[str, str]:
        """See the port."""
        self._fail("at_work")
        now = self.clock()
        with self._lock:
            own = {
                instance_id: one.command_id
                for one in self._visible(target, now)
                for instance_id in one.order.instance_ids
                if _details(one, instance_id, now) in ("Pending", "InProgress")
            }
        return {**self.busy.get(target, {}), **own}

    def nodes_now(self, target: Target, instance_ids: Sequence[str]) -> tuple[ManagedNode, ...]:
        """See the port."""
        self._fail("nodes_now")
        now, known = self.clock(), self._nodes.get(target, {})
        with self._lock:
            return tuple(
                replace(known[key], ping_status="ConnectionLost")
                if any(_silent(one, key, now) for one in self.accepted if one.target == target)
                else known[key]
                for key in dict.fromkeys(instance_ids)
                if key in known and not known[key].terminated
            )

    def next_window(self, target: Target) -> tuple[str, datetime] | None:
        """See the port."""
        self._fail("next_window")
        return self.windows.get(target)

    # Inside.

    def _fail(self, method: str) -> None:
        if method in self.failures:
            raise self.failures[method]

    def _check(self, target: Target, order: Order) -> None:
        """As strict as AWS: one wrong id and nothing runs."""
        document, known = self.documents.get(order.document.name), self._nodes.get(target, {})
        if document != order.document:
            raise NotSent("AWS answered with InvalidDocument.", code="InvalidDocument")
        if len(set(order.instance_ids)) < len(order.instance_ids):
            raise NotSent("AWS answered with DuplicateInstanceId.", code="DuplicateInstanceId")
        for key in order.instance_ids:
            if key not in known or known[key].stopped or known[key].terminated:
                raise NotSent(f"AWS does not know {key}.", code="InvalidInstanceId")

    def _accept(self, target: Target, order: Order) -> str:
        known = self._nodes[target]
        fates = {
            key: self._fates.get(key)
            or (Fate("DeliveryTimedOut", order.delivery_timeout_seconds) if known[key].connection_lost else Fate())
            for key in order.instance_ids
        }  # fmt: skip
        accepted = Accepted(target, order, str(uuid.uuid4()), self.clock(), fates)
        self.accepted.append(accepted)
        return accepted.command_id

    def _visible(self, target: Target, now: datetime) -> list[Accepted]:
        lag = timedelta(seconds=self.lag)
        return [one for one in self.accepted if one.target == target and one.at + lag <= now]

    def _row(self, one: Accepted, now: datetime) -> SentCommand:
        details = {_details(one, key, now) for key in one.order.instance_ids}
        over = not details & {"Pending", "InProgress"}
        status = "InProgress" if not over else "Success" if details == {"Success"} else "Failed"
        return SentCommand(
            command_id=one.command_id,
            document_name=one.order.document.name,
            comment=one.order.mark,
            snapshot_id=one.order.snapshot_id,
            operation=one.order.operation.value,
            instance_ids=one.order.instance_ids,
            requested_at=one.at,
            status=status,
            status_details=status,
            expires_after=one.at + timedelta(seconds=one.order.delivery_timeout_seconds + 3600),
        )


def _unknown() -> OutcomeUnknown:
    return OutcomeUnknown(
        "Whether AWS took the command is not known.",
        code="ReadTimeout",
        operation="ssm:SendCommand",
    )


def _ends(one: Accepted, instance_id: str) -> datetime | None:
    seconds = one.fates[instance_id].seconds
    return None if seconds is None else one.at + timedelta(seconds=seconds)


def _details(one: Accepted, instance_id: str, now: datetime) -> str:
    fate, ends = one.fates[instance_id], _ends(one, instance_id)
    begun = one.at + timedelta(seconds=2)
    if one.cancelled_at is not None and one.cancelled_at < begun:
        return "Cancelled"
    if ends is not None and now >= ends:
        return fate.details
    undelivered = fate.details in ("Undeliverable", "DeliveryTimedOut")
    return "Pending" if now < begun or undelivered else "InProgress"


_STATUS = {
    "Undeliverable": "Failed",
    "DeliveryTimedOut": "TimedOut",
    "ExecutionTimedOut": "TimedOut",
    "Terminated": "Cancelled",
    "AccessDenied": "Failed",
}


def _invocation(one: Accepted, instance_id: str, now: datetime) -> Invocation:
    fate, details = one.fates[instance_id], _details(one, instance_id, now)
    ran = details in ("Success", "Failed")
    return Invocation(
        instance_id=instance_id,
        status=_STATUS.get(details, details),
        status_details=details,
        response_code=fate.response_code if ran else None,
        output=fate.output if ran else "",
        requested_at=one.at,
    )


def _silent(one: Accepted, instance_id: str, now: datetime) -> bool:
    """Whether the node is away for the reboot of this command."""
    fate = one.fates.get(instance_id)
    ends = _ends(one, instance_id) if fate is not None else None
    if fate is None or ends is None or one.order.operation is not Operation.INSTALL:
        return False
    unreached = fate.details in ("Undeliverable", "DeliveryTimedOut")
    stays = one.order.reboot_option is not RebootOption.REBOOT_IF_NEEDED
    if unreached or stays or _details(one, instance_id, now) == "Cancelled":
        return False
    return now >= ends - timedelta(seconds=fate.silent) and (now < ends or not fate.back)
