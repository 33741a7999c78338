"""Lets commands run: what is due by the clock happens when somebody next looks.

Nothing runs in the background, so a test with its own clock decides when a node is done.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from bot.demo.aws.nodes import find_node
from bot.demo.aws.run_command import patching
from bot.demo.aws.run_command.behaviour import Behaviour, Fate, Outcome, StatusChange
from bot.demo.aws.run_command.outputs import FAILURES, words
from bot.demo.aws.run_command.records import ERRORS, Command, Invocation
from bot.demo.aws.state import RegionState

_numbers = count()
UPLOAD_FAILED = 149


@dataclass(order=True, slots=True)
class Event:
    """Something that happens at a time; of two at the same time the one planned first."""

    at: datetime
    number: int
    action: Callable[[datetime], None] = field(compare=False)


def advance(region: RegionState) -> None:
    """Let everything happen that is due."""
    if not region.events:
        return
    with region.lock:
        now = region.behaviour.clock()
        while region.events and region.events[0].at <= now:
            event = heapq.heappop(region.events)
            event.action(event.at)


def begin(region: RegionState, command: Command) -> None:
    """Take a command up."""
    with region.lock:
        region.commands[command.command_id] = command
        _tell(region, command, "", command.details, command.requested_at)
        _Course(region, command).fill(command.requested_at)


def cancel(region: RegionState, command: Command, instance_ids: list[str]) -> None:
    """Nodes that have not begun never will; those at work finish. Twice is once."""
    with region.lock:
        if not command.is_over:
            _Course(region, command).cancel(instance_ids, region.behaviour.clock())


def _tell(
    region: RegionState, command: Command, instance_id: str, details: str, at: datetime
) -> None:
    change = StatusChange(
        account=region.account,
        region=region.name,
        command_id=command.command_id,
        document_name=command.document.name,
        instance_id=instance_id,
        status=details,
        at=at,
        requested_at=command.requested_at,
        expires_after=command.expires_after,
        parameters=command.parameters,
    )
    for listener in list(region.behaviour.listeners):
        listener(change)


@dataclass(slots=True)
class _Course:
    """The course of one command. Every method is called with the Region's lock held."""

    region: RegionState
    command: Command

    @property
    def _behaviour(self) -> Behaviour:
        return self.region.behaviour

    def fill(self, at: datetime) -> None:
        """Give nodes their turn, as many at once as MaxConcurrency allows."""
        command = self.command
        everyone = command.invocations.values()
        free = command.max_concurrency - sum(each.taken and not each.is_over for each in everyone)
        waiting = [each for each in everyone if not each.taken and not each.is_over]
        for invocation in waiting[:free]:
            self._offer(invocation, at)
        self._judge(at)

    def cancel(self, instance_ids: list[str], at: datetime) -> None:
        """See the function of the same name."""
        chosen = set(instance_ids) or set(self.command.invocations)
        self.command.cancelled = self.command.cancelled or chosen >= set(self.command.invocations)
        for invocation in self.command.invocations.values():
            if invocation.details == "Pending" and invocation.instance_id in chosen:
                self._set(invocation, "Cancelled", at)
        self.fill(at)

    def _offer(self, invocation: Invocation, at: datetime) -> None:
        """Hand the command to the node's agent, if that answers."""
        invocation.taken = True
        fate = self._behaviour.fate(invocation.instance_id, self.command.operation)
        invocation.fate = fate
        node = find_node(self.region, invocation.instance_id)
        silent = node is None or node.ping_status != "Online"
        missed = {
            Outcome.UNDELIVERABLE: "Undeliverable",
            Outcome.DELIVERY_TIMED_OUT: "DeliveryTimedOut",
        }
        if fate.outcome is Outcome.ACCESS_DENIED:
            self._after(timedelta(), invocation, lambda at: self._end(invocation, "AccessDenied", at))  # fmt: skip
        elif silent or fate.outcome in missed:
            details = missed.get(fate.outcome, "DeliveryTimedOut")
            wait = self._behaviour.real(float(self.command.request.get("TimeoutSeconds") or 3600))
            self._after(wait, invocation, lambda at: self._end(invocation, details, at), since=at)
        else:
            delay = self._takes(self._behaviour.durations.pick_up, invocation, "pick up")
            self._after(delay, invocation, lambda at: self._start(invocation, fate, at), since=at)

    def _start(self, invocation: Invocation, fate: Fate, at: datetime) -> None:
        invocation.started = at
        self._set(invocation, "InProgress", at)
        durations, kind = self._behaviour.durations, self.command.operation
        if fate.outcome in (Outcome.EXECUTION_TIMED_OUT, Outcome.NEVER_BACK):
            limit = self._behaviour.real(durations.execution_limit)
            self._after(limit, invocation, lambda at: self._end(invocation, "ExecutionTimedOut", at))  # fmt: skip
        if fate.outcome in (Outcome.EXECUTION_TIMED_OUT, Outcome.STUCK):
            return
        span = {"Scan": durations.scan, "Install": durations.install}.get(kind, durations.other)
        work = self._install if kind == "Install" else self._work
        delay = self._takes(span, invocation, kind)
        self._after(delay, invocation, lambda at: work(invocation, fate, at), since=at)

    def _work(self, invocation: Invocation, fate: Fate, at: datetime) -> None:
        """A scan, or a command that patches nothing, ends."""
        reporting = fate.outcome not in (Outcome.FAILED, Outcome.UPLOAD_FAILED)
        if self.command.operation == "Scan" and reporting:
            patching.scan(self.region, invocation.instance_id, self._operation(invocation), at=at)
        self._finish(invocation, fate, at)

    def _install(self, invocation: Invocation, fate: Fate, at: datetime) -> None:
        if fate.outcome is Outcome.FAILED:
            self._finish(invocation, fate, at)
            return
        operation, node_id = self._operation(invocation), invocation.instance_id
        reporting = fate.outcome is not Outcome.UPLOAD_FAILED
        failing = fate.patches if fate.outcome is Outcome.SOME_FAILED else 0
        installed = patching.install(
            self.region, node_id, operation, at=at, failing=failing, reporting=reporting
        )
        waits = installed or patching.waits_for_reboot(self.region, node_id)
        if operation.reboot_option == "NoReboot" or not waits:
            self._finish(invocation, fate, at)
            return
        patching.set_connection(self.region, node_id, online=False, at=at)
        if fate.outcome is not Outcome.NEVER_BACK:
            delay = self._takes(self._behaviour.durations.reboot, invocation, "reboot")
            self._after(delay, invocation, lambda at: self._back(invocation, fate, at), since=at)

    def _back(self, invocation: Invocation, fate: Fate, at: datetime) -> None:
        node_id = invocation.instance_id
        patching.set_connection(self.region, node_id, online=True, at=at)
        reporting = fate.outcome is not Outcome.UPLOAD_FAILED
        operation = self._operation(invocation)
        patching.rebooted(self.region, node_id, operation, at=at, reporting=reporting)
        self._finish(invocation, fate, at)

    def _finish(self, invocation: Invocation, fate: Fate, at: datetime) -> None:
        codes = {Outcome.FAILED: fate.exit_code, Outcome.UPLOAD_FAILED: UPLOAD_FAILED}
        if self.command.operation == "Install":
            codes[Outcome.SOME_FAILED] = fate.exit_code
        invocation.response_code = codes.get(fate.outcome, 0)
        told = fate.output or FAILURES.get(invocation.response_code, "")
        operation = self._operation(invocation)
        invocation.output = words(self.region, invocation.instance_id, operation, told)
        self._end(invocation, "Failed" if invocation.response_code else "Success", at)

    def _end(self, invocation: Invocation, details: str, at: datetime) -> None:
        if details == "ExecutionTimedOut":
            invocation.response_code = 137  # the agent kills the step
        command = self.command
        command.errors += details in ERRORS
        self._set(invocation, details, at)
        if command.errors > command.max_errors:
            for other in command.invocations.values():
                if other.details == "Pending":
                    self._set(other, "Terminated", at)
        self.fill(at)

    def _set(self, invocation: Invocation, details: str, at: datetime) -> None:
        invocation.details = details
        if invocation.is_over:
            invocation.finished = at
        _tell(self.region, self.command, invocation.instance_id, details, at)
        self._judge(at)

    def _judge(self, at: datetime) -> None:
        details = self.command.judge()
        if details != self.command.details:
            self.command.details = details
            _tell(self.region, self.command, "", details, at)

    def _after(
        self,
        delay: timedelta,
        invocation: Invocation,
        action: Callable[[datetime], None],
        *,
        since: datetime | None = None,
    ) -> None:
        """Plan an action; it is dropped when the invocation has ended by then."""

        def unless_over(at: datetime) -> None:
            if not invocation.is_over:
                action(at)

        at = since or invocation.started or self.command.requested_at
        heapq.heappush(self.region.events, Event(at + delay, next(_numbers), unless_over))

    def _takes(self, span: tuple[float, float], invocation: Invocation, what: str) -> timedelta:
        return self._behaviour.takes(span, what, invocation.instance_id)

    def _operation(self, invocation: Invocation) -> patching.Operation:
        given = self.command.parameters
        return patching.Operation(
            kind=self.command.operation,
            reboot_option=(given.get("RebootOption") or ["RebootIfNeeded"])[0],
            snapshot_id=(given.get("SnapshotId") or [""])[0] or self.command.command_id,
            command_id=self.command.command_id,
            started=invocation.started or self.command.requested_at,
        )
