"""What every job of the worker works with: the ledger, the gateways, the clocks, and what may be forgotten."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace

from bot.core.environments import Environment, Target
from bot.core.errors import ConfigurationError, StorageError
from bot.core.identity import Kind
from bot.core.ledger import Ledger
from bot.core.plans import Operation, Plan
from bot.core.ports import Clock, CommandGateway, ComplianceGateway
from bot.core.requests import Request, still_approved
from bot.core.rules import ChangeRules
from bot.core.running import remnant
from bot.core.runs import Dispatch, Run
from bot.services.people import PersonLookup
from bot.worker.clockwatch import ClockWatch
from bot.worker.timing import Timing


@dataclass(slots=True)
class Memory:
    """What this process has seen since it started. Losing it costs time, never correctness."""

    monotonic: Callable[[], float]
    _seen: dict[Hashable, float] = field(default_factory=dict)
    _kept: dict[Hashable, tuple[float, object]] = field(default_factory=dict)

    def due(self, key: Hashable, every: float) -> bool:
        """Whether `every` seconds have passed since this last said yes for `key`."""
        now = self.monotonic()
        last = self._seen.get(key)
        if last is not None and now - last < every:
            return False
        self._seen[key] = now
        return True

    def since(self, key: Hashable) -> float:
        """Seconds since `key` was first asked for."""
        now = self.monotonic()
        return now - self._seen.setdefault(key, now)

    def keep(self, key: Hashable, value: object) -> None:
        """Remember `value`."""
        self._kept[key] = (self.monotonic(), value)

    def kept(self, key: Hashable, *, for_at_most: float) -> object | None:
        """What was remembered, unless it is older than that."""
        at, value = self._kept.get(key, (0.0, None))
        return value if self.monotonic() - at <= for_at_most else None


@dataclass(frozen=True, slots=True)
class Context:
    """Everything a job needs. `pause` waits that many seconds, or less when the worker is to stop; `ended` is told the
    environment of a run that has ended.
    """

    ledger: Ledger
    commands: CommandGateway
    compliance: ComplianceGateway
    environments: Mapping[str, Environment]
    rules: Mapping[str, ChangeRules]
    people: PersonLookup
    clock: Clock
    monotonic: Callable[[], float]
    pause: Callable[[float], object]
    jitter: Callable[[], float]
    key: bytes
    team: str
    timing: Timing
    clock_watch: ClockWatch
    memory: Memory
    ended: Callable[[str], object]

    def knows(self, environment: str) -> bool:
        """Whether the environment is configured."""
        return environment in self.environments and environment in self.rules

    def rules_for_messages(self, environment: str) -> ChangeRules:
        """Its rules; of one that left the configuration none but its name: its messages stay where they are, and new
        ones go to whoever asked.
        """
        return self.rules.get(environment) or ChangeRules(environment)

    def environment(self, name: str) -> Environment:
        """The environment. Raises ConfigurationError when it is no longer configured."""
        if not self.knows(name):
            raise ConfigurationError(
                f"The environment “{name}” of an open run is not configured any more.",
                hint="Put it back until the run has ended; nothing is sent to it meanwhile.",
            )
        return self.environments[name]

    def target(self, environment: str, account: str, region: str) -> Target:
        """That account and Region of the environment. Raises ConfigurationError when it has it no longer."""
        targets = self.environment(environment).targets
        for name in (account, ""):
            for target in targets:
                if target.region == region and target.account.id == name:
                    return target
        raise ConfigurationError(
            f"{account}/{region} does not belong to “{environment}” any more.",
            hint="Put it back until the run has ended; nothing is sent to it meanwhile.",
        )

    def target_of(self, run: Run, one: Dispatch) -> Target:
        """Where a send of the run goes. Raises ConfigurationError."""
        return self.target(run.environment, one.batch.account, one.batch.region)

    def sealed(self, run: Run) -> tuple[Request, Plan]:
        """The request and the plan of a run, as approved. Raises StorageError unless digests agree throughout."""
        request, plan = self.ledger.request(run.request), self.ledger.plan(run.digest)
        if request is None or plan is None or not request.digest == plan.digest == run.digest:
            raise StorageError(
                f"The plan of {run.id} is not the one that was approved.",
                hint="Run `patchbot audit verify`. Nothing is sent for this run.",
            )
        return request, plan

    def known(self, run: Run) -> tuple[Request, Plan, str]:
        """The same, and where the plan cannot be read what the sends tell of it, with the reason: nothing is sent by
        that. Raises StorageError when even the request is gone.
        """
        try:
            return *self.sealed(run), ""
        except StorageError as error:
            request = self.ledger.request(run.request)
            if request is None:
                raise
            plan = remnant(request, self.ledger.dispatches(run.id))
            return request, replace(plan, rehearsal=run.rehearsal), error.message.rstrip(".")

    def dispatch(self, one: Dispatch) -> Dispatch | None:
        """The send as the ledger has it now."""
        found = self.ledger.dispatches(one.run)
        return next((each for each in found if each.subject == one.subject), None)

    def frozen(self, run: Run, plan: Plan) -> str:
        """Why nothing may be installed there now; empty when it may. Scans change nothing and are never frozen."""
        if plan.operation is Operation.SCAN:
            return ""
        rules = self.rules.get(run.environment)
        freeze = None if rules is None else rules.frozen_at(self.clock())
        if freeze is None:
            return ""
        return f"frozen until {freeze.until:%Y-%m-%d %H:%M %Z}: {freeze.reason}"

    def backers_now(self, request: Request) -> frozenset[str]:
        """Those who voted and are approvers at this moment, by what was configured then and is configured now; of a
        broken glass, whoever broke it and still may.

        Raises NotAllowed or SlackError when it cannot be told.
        """
        rules = self.rules.get(request.environment)
        if rules is None:
            return frozenset()
        if request.break_glass:
            person = self.people.look_up(request.ended_by, team=self.team)
            may = person.kind is Kind.MEMBER and rules.break_glass.contains(person)
            return frozenset({person.id} if may else ())
        people = (
            self.people.look_up(voter, team=self.team)
            for voter in dict.fromkeys(vote.person for vote in request.approvals)
        )
        return frozenset(
            person.id
            for person in people
            if person.kind is Kind.MEMBER
            and request.rules.approvers.contains(person)
            and (rules.approvers.contains(person) or rules.admins.contains(person))
        )

    def objection(self, request: Request, plan: Plan, backers: frozenset[str]) -> str:
        """Why nothing may be sent for it by the rules of this moment; empty when they allow it.

        They may be stricter than those it was asked under; then they count.
        """
        name = request.environment
        rules = self.rules.get(name)
        if rules is None or not self.knows(name):
            return f"{name} is not configured any more"
        if rules.rehearsal and not plan.rehearsal:
            return f"{name} is for rehearsals only by now, and this was to be a real run"
        if len(plan.nodes) > rules.max_targets:
            return f"{name} allows {rules.max_targets:,} nodes in a plan by now, and it has {len(plan.nodes):,}"
        today = rules.for_request(request.operation)
        return still_approved(request, plan.digest, backers, today=today).reason
