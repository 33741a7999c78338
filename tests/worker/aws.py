"""AWS for the tests of the worker: runs commands over time, accepts calls and loses the answers, shows commands late.

It counts what it accepted. Its clock is the one of the test and moves only when it is told to.
"""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from bot.core.commands import Invocation, NotSent, Order, OutcomeUnknown, SentCommand
from bot.core.environments import Environment, Target
from bot.core.errors import AwsError
from bot.core.nodes import Baseline, ManagedNode, NodeKey, Observation, Patch, PatchState
from bot.core.plans import Document, Operation, RebootOption
from bot.core.ports import Progress
from bot.core.readings import TargetReading

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ACCOUNT, REGION = "111122223333", "eu-central-1"
DOCUMENT = Document("AWS-RunPatchBaseline", "1", "f" * 64)

OK = "ok"
LOST = "lost"  # accepted, but the answer never came
DROPPED = "dropped"  # no answer, and never accepted
THROTTLED = "throttled"
DENIED = "denied"


@dataclass(frozen=True, slots=True)
class Accepted:
    """A command that AWS has."""

    command_id: str
    target: Target
    order: Order
    at: float
    cancelled_at: float | None = None


@dataclass(slots=True)
class SimulatedAws:
    """CommandGateway and ComplianceGateway in memory.

    `answers` are what becomes of the next sends (OK where it is empty), `endings` how nodes end (StatusDetails, exit
    code). `lag` is how many seconds a command is not listed. `on_accept` is called before a command is accepted.
    `busy` are nodes on which somebody else patches, with the command.
    """

    run_seconds: float = 20.0
    reboot_seconds: float = 10.0
    lag: float = 3.0
    answers: list[str] = field(default_factory=list)
    endings: dict[str, tuple[str, int]] = field(default_factory=dict)
    never_back: set[str] = field(default_factory=set)
    failing: dict[str, AwsError] = field(default_factory=dict)
    accepted: list[Accepted] = field(default_factory=list)
    attempts: list[Order] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    on_accept: Callable[[Order], None] | None = None
    on_call: Callable[[str], None] | None = None
    nodes: dict[str, ManagedNode] = field(default_factory=dict)
    states: dict[str, PatchState] = field(default_factory=dict)
    open_patches: dict[str, tuple[Patch, ...]] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)
    busy: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    jump: timedelta = timedelta(0)
    _applied: set[tuple[str, str]] = field(default_factory=set)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def now(self) -> datetime:
        """The wall clock."""
        return START + timedelta(seconds=self.seconds) + self.jump

    def monotonic(self) -> float:
        """The other clock."""
        return self.seconds

    def advance(self, seconds: float) -> None:
        """Time goes by, and with it what commands do."""
        with self._lock:
            self.seconds += seconds
            self._apply()

    def add(self, *numbers: int, missing: int = 2) -> tuple[NodeKey, ...]:
        """Nodes that miss patches."""
        return tuple(self._add(number, missing) for number in numbers)

    def _add(self, number: int, missing: int) -> NodeKey:
        key = NodeKey(ACCOUNT, REGION, f"i-{number:017x}")
        self.nodes[key.instance_id] = ManagedNode(
            key.instance_id,
            ACCOUNT,
            REGION,
            name=f"web-{number}",
            platform_type="Linux",
            ping_status="Online",
            instance_state="running",
        )
        self.states[key.instance_id] = PatchState(
            key.instance_id,
            baseline_id="pb-1",
            operation="Scan",
            operation_start_time=START - timedelta(hours=1),
            operation_end_time=START - timedelta(hours=1),
            missing=missing,
        )
        self.open_patches[key.instance_id] = tuple(
            Patch(
                "t", f"pkg{n}.x86_64", "Security", "Important", "Missing", None, (f"CVE-2026-{n}",)
            )
            for n in range(missing)
        )
        return key

    # CommandGateway

    def document(self, target: Target, name: str) -> Document:
        """See the port."""
        return DOCUMENT

    def send(
        self,
        target: Target,
        order: Order,
        *,
        not_after: float = math.inf,
        between: tuple[datetime, datetime] | None = None,
    ) -> str:
        """See the port."""
        with self._lock:
            self._called("send")
            by_the_wall = between is None or between[0] <= self.now() <= between[1]
            if self.seconds > not_after or not by_the_wall:
                raise NotSent("It stood still for too long; nothing was sent.", code="TooLate")
            self.attempts.append(order)
            answer = self.answers.pop(0) if self.answers else OK
            if answer == THROTTLED:
                raise NotSent(
                    "AWS asks for a slower pace.", code="ThrottlingException", may_retry=True
                )
            if answer == DENIED:
                raise NotSent("AWS refused.", code="AccessDeniedException")
            if answer == DROPPED:
                raise OutcomeUnknown("No answer.", code="ReadTimeout")
            if self.on_accept is not None:
                self.on_accept(order)
            command_id = f"00000000-0000-4000-8000-{next(self._numbers):012d}"
            self.accepted.append(Accepted(command_id, target, order, self.seconds))
            if answer == LOST:
                raise OutcomeUnknown("The answer was lost.", code="ReadTimeout")
            return command_id

    def find(self, target: Target, *, since: datetime) -> tuple[SentCommand, ...]:
        """See the port."""
        with self._lock:
            self._called("find")
            return tuple(
                self._listed(one)
                for one in self.accepted
                if one.target == target
                and self.seconds - one.at >= self.lag
                and self._when(one.at) >= since
            )

    def invocations(self, target: Target, command_id: str) -> tuple[Invocation, ...]:
        """See the port."""
        with self._lock:
            self._called("invocations")
            found = next((one for one in self.accepted if one.command_id == command_id), None)
            if found is None or self.seconds - found.at < self.lag:
                return ()
            return tuple(self._invocation(found, each) for each in found.order.instance_ids)

    def cancel(self, target: Target, command_id: str) -> None:
        """See the port."""
        with self._lock:
            self._called("cancel")
            self.cancelled.append(command_id)
            for index, one in enumerate(self.accepted):
                if one.command_id == command_id and one.cancelled_at is None:
                    self.accepted[index] = replace(one, cancelled_at=self.seconds)

    def at_work(self, target: Target) -> Mapping[str, str]:
        """See the port."""
        return self.busy

    def nodes_now(self, target: Target, instance_ids: Sequence[str]) -> tuple[ManagedNode, ...]:
        """See the port."""
        with self._lock:
            self._called("nodes_now")
            return tuple(
                self._seen(self.nodes[each]) for each in instance_ids if each in self.nodes
            )

    def next_window(self, target: Target) -> tuple[str, datetime] | None:
        """See the port."""
        return None

    # ComplianceGateway

    def read_target(
        self, environment: Environment, target: Target, *, progress: Progress | None = None
    ) -> TargetReading:
        """See the port."""
        with self._lock:
            self._called("read_target")
            return TargetReading(
                target,
                ACCOUNT,
                self.now(),
                tuple(
                    Observation(self._seen(node), self.states.get(name))
                    for name, node in sorted(self.nodes.items())
                    if name not in self.left
                ),
            )

    def patches(self, key: NodeKey, target: Target) -> tuple[Patch, ...]:
        """See the port."""
        self._called("patches")
        return self.open_patches.get(key.instance_id, ())

    def baseline(self, baseline_id: str, target: Target) -> Baseline:
        """See the port."""
        return Baseline(baseline_id)

    def _called(self, what: str) -> None:
        if self.on_call is not None:
            self.on_call(what)
        if what in self.failing:
            raise self.failing[what]

    def _when(self, seconds: float) -> datetime:
        return START + timedelta(seconds=seconds) + self.jump

    def _listed(self, one: Accepted) -> SentCommand:
        order = one.order
        return SentCommand(
            command_id=one.command_id,
            document_name=order.document.name,
            comment=order.mark,
            snapshot_id=order.snapshot_id,
            operation=order.operation.value,
            instance_ids=order.instance_ids,
            requested_at=self._when(one.at),
            status="InProgress",
            status_details="In Progress",
        )

    def _invocation(self, one: Accepted, instance_id: str) -> Invocation:
        detail, code = self._ending(one, instance_id)
        status = (
            "Failed" if detail not in {"Success", "Pending", "In Progress", "Cancelled"} else detail
        )
        return Invocation(instance_id, status, detail, code, "")

    def _ending(self, one: Accepted, instance_id: str) -> tuple[str, int | None]:
        age = self.seconds - one.at
        if one.cancelled_at is not None and one.cancelled_at - one.at < self.run_seconds:
            return "Cancelled", -1
        if age < self.run_seconds / 2:
            return "Pending", None
        if age < self.run_seconds:
            return "In Progress", None
        if one.order.operation is Operation.SCAN:
            return self.endings.get(f"scan {instance_id}", ("Success", 0))
        return self.endings.get(instance_id, ("Success", 0))

    def _apply(self) -> None:
        for one in self.accepted:
            for each in one.order.instance_ids:
                key = (one.command_id, each)
                if key not in self._applied and self._ending(one, each)[0] == "Success":
                    self._applied.add(key)
                    self._finish(one, each)

    def _finish(self, one: Accepted, instance_id: str) -> None:
        if instance_id not in self.states:
            return
        install = one.order.operation is Operation.INSTALL
        self.states[instance_id] = replace(
            self.states[instance_id],
            operation=one.order.operation.value,
            snapshot_id=one.order.snapshot_id,
            operation_start_time=self._when(one.at),
            operation_end_time=self.now(),
            missing=0 if install else self.states[instance_id].missing,
        )
        if install:
            self.open_patches[instance_id] = ()

    def _seen(self, node: ManagedNode) -> ManagedNode:
        """A node is gone from the net while it reboots after an Install."""
        for one in self.accepted:
            if (
                node.instance_id in one.order.instance_ids
                and one.order.operation is Operation.INSTALL
                and one.order.reboot_option is RebootOption.REBOOT_IF_NEEDED
            ):
                over = self.seconds - one.at - self.run_seconds
                rebooting = 0 <= over < self.reboot_seconds
                if rebooting or (over >= 0 and node.instance_id in self.never_back):
                    return replace(node, ping_status="ConnectionLost")
        return node
