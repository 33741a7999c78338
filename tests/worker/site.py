"""A place with a real ledger, a simulated AWS, people and a worker, driven by a clock that only the test moves."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bot.core.audit import Link
from bot.core.environments import Account, Environment, Selector, Target
from bot.core.identity import Kind, Members, Person
from bot.core.ledger import Ledger
from bot.core.nodes import NodeKey
from bot.core.plans import Limits, Operation, Plan, PlannedNode, RebootOption
from bot.core.requests import Request, RequestState, Rules, approve, opened
from bot.core.rules import ChangeRules
from bot.core.running import run_id
from bot.core.runs import Run
from bot.store.ledger import SqliteLedger
from bot.worker.timing import Timing
from bot.worker.worker import Worker
from tests.worker.aws import ACCOUNT, DOCUMENT, REGION, SimulatedAws

KEY = b"a key of thirty-two bytes or so."
ASKER, FIRST, SECOND = "UASKER", "UFIRST", "USECOND"
APPROVERS = Members(users=frozenset({FIRST, SECOND}))
TARGET = Target(Account(ACCOUNT), REGION)
PROD = Environment("prod", (TARGET,), Selector({"Environment": ("prod",)}), protected=True)
RULES = ChangeRules(
    "prod",
    requesters=Members(everyone=True),
    approvers=APPROVERS,
    approvals=2,
    protected=True,
    channel="C0OPS",
)


@dataclass(slots=True)
class Slack:
    """Who people are at this moment."""

    kinds: dict[str, Kind] = field(default_factory=dict)
    error: Exception | None = None

    def look_up(self, user_id: str, *, team: str) -> Person:
        """See the port."""
        if self.error is not None:
            raise self.error
        return Person(user_id, team, self.kinds.get(user_id, Kind.MEMBER))

    def is_shared_outside(self, channel: str) -> bool:
        """See the port."""
        return False


def a_plan(aws: SimulatedAws, keys: Iterable[NodeKey], **changes: Any) -> Plan:
    """An Install of these nodes: a canary, then the rest, unless `changes` say otherwise."""
    every = tuple(keys)
    nodes = tuple(
        PlannedNode(
            key,
            aws.nodes[key.instance_id].name,
            "Linux",
            "team",
            "pb-1",
            aws.states[key.instance_id].missing,
            0,
            0,
            0,
            0,
            tuple(one.kb_id for one in aws.open_patches[key.instance_id]),
            tuple(cve for one in aws.open_patches[key.instance_id] for cve in one.cve_ids),
        )
        for key in every
    )
    plan = Plan(
        environment="prod",
        operation=Operation.INSTALL,
        reboot_option=RebootOption.REBOOT_IF_NEEDED,
        nodes=nodes,
        waves=tuple(wave for wave in (every[:1], every[1:]) if wave),
        limits=Limits("10%", "1", 90),
        document=DOCUMENT,
    )
    return replace(plan, **changes)


@dataclass(slots=True)
class Site:
    """Everything together. `settle` runs the worker until nothing moves; `until` until something is so."""

    directory: Path
    aws: SimulatedAws = field(default_factory=SimulatedAws)
    slack: Slack = field(default_factory=Slack)
    rules: dict[str, ChangeRules] = field(default_factory=lambda: {"prod": RULES})
    timing: Timing = field(default_factory=Timing)
    ledger: SqliteLedger = field(init=False)
    worker: Worker = field(init=False)

    def __post_init__(self) -> None:
        """Open the ledger and make the worker."""
        self.ledger = open_ledger(self.directory, self.aws)
        self.worker = self.new_worker()

    def new_worker(self, ledger: Ledger | None = None, **changes: Any) -> Worker:
        """A worker as after a start of the process."""
        return make_worker(
            ledger or self.ledger,
            self.aws,
            self.slack,
            rules=self.rules,
            timing=self.timing,
            **changes,
        )

    def restart(self) -> None:
        """The process ends and starts again."""
        self.ledger.close()
        self.ledger = open_ledger(self.directory, self.aws)
        self.worker = self.new_worker()

    def ask(self, plan: Plan, *, needed: int = 2) -> Request:
        """Store a request of ASKER."""
        now = self.aws.now()
        with self.ledger.change() as change:
            request = a_request(change.next_id("R"), plan, now, needed=needed)
            move = opened(request, plan)
            change.add_request(move.request, plan, move.entries)
        return move.request

    def vote(self, request_id: str, *people: str) -> Request:
        """Store approvals."""
        for person in people:
            request = self.request(request_id)
            move = approve(request, Person(person), request.digest, self.aws.now())
            assert move.changed, move.decision
            with self.ledger.change() as change:
                change.save_request(move.request, move.entries)
        return self.request(request_id)

    def approved(self, plan: Plan) -> str:
        """Ask and approve; the id of the run it will become."""
        request = self.vote(self.ask(plan).id, FIRST, SECOND)
        return run_id(request.id)

    def request(self, request_id: str) -> Request:
        """The request as it is now."""
        found = self.ledger.request(request_id)
        assert found is not None
        return found

    def run(self, name: str = "X-1") -> Run:
        """The run as it is now."""
        found = self.ledger.run(name)
        assert found is not None, name
        return found

    def tick(self, seconds: float = 1.0) -> None:
        """Some time goes by, and the worker looks once."""
        self.aws.advance(seconds)
        self.worker.run_once()

    def until(self, true: Callable[[], bool], *, seconds: float = 1.0, ticks: int = 400) -> None:
        """Let time go by until it is so."""
        for _ in range(ticks):
            if true():
                return
            self.tick(seconds)
        last = [f"{link.kind} {link.subject} {link.body}" for link in self.ledger.audit(limit=8)]
        raise AssertionError("it never came about; the last of the audit: " + "\n".join(last))

    def finish(self, name: str = "X-1", *, seconds: float = 1.0) -> Run:
        """Let time go by until the run has ended."""
        self.until(lambda: self._has_ended(name), seconds=seconds, ticks=3000)
        return self.run(name)

    def _has_ended(self, name: str) -> bool:
        run = self.ledger.run(name)
        return run is not None and not run.is_open

    def kinds(self, subject: str = "") -> list[str]:
        """The kinds of audit entries, oldest first."""
        return [link.kind for link in reversed(self.links(subject))]

    def links(self, subject: str = "") -> tuple[Link, ...]:
        """The audit entries, newest first."""
        return self.ledger.audit(subject=subject, limit=10_000)


def a_request(name: str, plan: Plan, now: datetime, *, needed: int = 2) -> Request:
    """A request of ASKER that waits for `needed` approvals."""
    return Request(
        id=name,
        version=1,
        state=RequestState.PENDING,
        environment=plan.environment,
        operation=plan.operation,
        digest=plan.digest,
        requester=ASKER,
        reason="monthly patches",
        ticket="CHG-1",
        created_at=now,
        expires_at=now + timedelta(hours=1),
        rules=Rules(APPROVERS, needed, four_eyes=True),
    )


def open_ledger(directory: Path, aws: Any) -> SqliteLedger:
    """The ledger of the directory, on the clock of that AWS."""
    return SqliteLedger.open(directory / "ledger.db", clock=aws.now, key=KEY, boot="boot")


def make_worker(
    ledger: Ledger,
    aws: Any,
    slack: Slack,
    *,
    rules: dict[str, ChangeRules] | None = None,
    timing: Timing | None = None,
    **changes: Any,
) -> Worker:
    """A worker over that AWS and its clocks; it never sleeps."""
    given: dict[str, Any] = {
        "rules": rules or {"prod": RULES},
        "key": KEY,
        "clock": aws.now,
        "monotonic": aws.monotonic,
        "pause": aws.advance,
        "jitter": lambda: 0.5,
        "timing": timing or Timing(),
        "team": "T1",
        **changes,
    }
    return Worker(ledger, aws, aws, {"prod": PROD}, slack, **given)
