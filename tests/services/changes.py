"""A small world for changes: a real ledger file, a fleet, people, and AWS as far as plans ask it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from bot.core.commands import Invocation, Order, SentCommand
from bot.core.environments import Environment, Target
from bot.core.errors import AwsError, NotAllowed, SlackError
from bot.core.identity import Kind, Members, Person
from bot.core.ledger import InboxItem
from bot.core.nodes import ManagedNode, Observation, Patch
from bot.core.plans import Document, Operation
from bot.core.proposals import Proposal
from bot.core.readings import TargetReading
from bot.core.rules import ChangeRules
from bot.core.selection import Filter
from bot.services.asking import Asking
from bot.services.compliance import Compliance
from bot.services.decisions import Decisions
from bot.services.installs import Installs
from bot.services.intake import Intake, Reply
from bot.services.subscribing import Subscribing
from bot.services.surveying import Surveyor
from bot.store.ledger import SqliteLedger
from tests.commands import fleet

ANA, BEN, CAT, DAN, EVE, ADA = (
    "U0000ANA1",
    "U0000BEN1",
    "U0000CAT1",
    "U0000DAN1",
    "U0000EVE1",
    "U0000ADA1",
)
ROOM, QUIET, SHARED = "C0000OPS1", "C0000APP1", "C0000EXT1"
DOCUMENT = Document("AWS-RunPatchBaseline", "1", "ab" * 32)
HOME = "T1"


@dataclass
class QuietCommands:
    """What a plan asks of Run Command. It sends nothing, and says so loudly."""

    busy: dict[str, str] = field(default_factory=dict)
    documents: dict[str, Document] = field(default_factory=dict)
    windows: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    broken: dict[str, AwsError] = field(default_factory=dict)

    def at_work(self, target: Target) -> Mapping[str, str]:
        if target.region in self.broken:
            raise self.broken[target.region]
        return self.busy

    def document(self, target: Target, name: str) -> Document:
        return self.documents.get(target.region, DOCUMENT)

    def next_window(self, target: Target) -> tuple[str, datetime] | None:
        return self.windows.get(target.region)

    def send(self, target: Target, order: Order, **_: object) -> str:
        raise AssertionError("plans never send")

    def find(self, target: Target, *, since: datetime) -> tuple[SentCommand, ...]:
        raise AssertionError("plans look for no commands")

    def invocations(self, target: Target, command_id: str) -> tuple[Invocation, ...]:
        raise AssertionError("plans ask for no invocations")

    def cancel(self, target: Target, command_id: str) -> None:
        raise AssertionError("plans cancel nothing")

    def nodes_now(self, target: Target, instance_ids: Sequence[str]) -> tuple[ManagedNode, ...]:
        raise AssertionError("plans take the nodes of a reading")


class People:
    """Slack's answers about people; whoever is not in it cannot be told."""

    def __init__(self, *people: Person) -> None:
        self.known = {person.id: person for person in people}
        self.down = False

    def look_up(self, user_id: str, *, team: str) -> Person:
        if self.down:
            raise SlackError("Slack did not answer.", code="timeout")
        if user_id not in self.known:
            raise NotAllowed("Slack does not know this person.")
        person = self.known[user_id]
        return person if team == HOME else replace(person, kind=Kind.STRANGER)

    def is_shared_outside(self, channel: str) -> bool:
        return channel == SHARED


def people() -> People:
    """Ana asks; Ben, Cat and Dan approve (Dan by his group); Eve breaks glasses; Ada is an admin."""
    members = [Person(one, HOME) for one in (ANA, BEN, CAT, EVE, ADA)]
    return People(*members, Person(DAN, HOME, groups=frozenset({"S0000OPS1"})))


RULES = ChangeRules(
    "prod",
    requesters=Members(users=frozenset({ANA, BEN, EVE, ADA})),
    approvers=Members(users=frozenset({BEN, CAT, ADA}), usergroups=frozenset({"S0000OPS1"})),
    admins=Members(users=frozenset({ADA})),
    break_glass=Members(users=frozenset({EVE})),
    approvals=2,
    protected=True,
    channel=ROOM,
    approval_channel=QUIET,
)


def nodes(number: int, **more: object) -> tuple[Observation, ...]:
    """Online nodes that miss patches, of three owners."""
    return tuple(
        fleet.scanned(
            fleet.managed(index, f"prod-{index:03}", owner=("web", "db", "api")[index % 3]),
            **{"missing": 1 + index % 4, "critical_non_compliant": index % 2, **more},
        )
        for index in range(1, number + 1)
    )


class World:
    """Everything together, over the ledger in `folder`, at a time that only moves by hand."""

    def __init__(
        self,
        folder: Path,
        *,
        observations: Sequence[Observation] = (),
        rules: ChangeRules = RULES,
        patches: Mapping[str, tuple[Patch, ...]] | None = None,
    ) -> None:
        self.now = fleet.NOW
        self.people = people()
        self.commands = QuietCommands()
        self.rules = {rules.environment: rules}
        found = tuple(observations) or nodes(8)
        reading = TargetReading(fleet.FRANKFURT, fleet.ACCOUNT, fleet.NOW, found)
        lists = (
            patches if patches is not None else {o.node.instance_id: fleet.PATCHES for o in found}
        )
        self.gateway = fleet.FakeGateway({(rules.environment, "eu-central-1"): reading}, lists)
        environment = Environment(rules.environment, (fleet.FRANKFURT,), protected=rules.protected)
        self.compliance = Compliance(
            {rules.environment: environment},
            self.gateway,
            fleet.FakeStore(),
            clock=self.clock,
            time_to_live=timedelta(minutes=10),
        )
        self.ledger = SqliteLedger.open(
            folder / "ledger.db", clock=self.clock, key=b"k" * 32, allow_network=True
        )
        self.rebuild()
        self._keys = count(1)

    def rebuild(self) -> None:
        """Put the services together anew, as a restart with other rules would."""
        self.surveyor = Surveyor(
            self.compliance, self.commands, self.ledger, rules=self.rules, clock=self.clock
        )
        self.installs = Installs(self.ledger, self.surveyor, clock=self.clock)
        handlers = (
            Asking(self.ledger, self.surveyor, clock=self.clock).handlers()
            | Decisions(self.ledger, self.rules, clock=self.clock).handlers()
            | Subscribing(self.ledger, self.rules, clock=self.clock).handlers()
        )
        self.intake = Intake(self.ledger, self.people, handlers, clock=self.clock)

    def clock(self) -> datetime:
        return self.now

    def click(self, kind: str, person: str, *, team: str = HOME, **body: Any) -> Reply:
        """A click through the inbox, taken up at once."""
        item = InboxItem(f"action/{next(self._keys)}", kind, person, team, body, self.now)
        assert self.ledger.put_inbox(item)
        reply = self.intake.take(item)
        assert reply is not None
        return reply

    def submit(self, person: str = ANA, **changes: Any) -> Reply:
        """Ask for an Install of all that is not compliant."""
        return self.click("request.submit", person, proposal=proposal(**changes).body(), channel="")

    def request(self, **changes: Any) -> str:
        """A request of Ana's that waits for its approvals."""
        before = {one.id for one in self.ledger.requests()}
        reply = self.submit(**changes)
        assert reply.allowed, reply.text
        (new,) = {one.id for one in self.ledger.requests()} - before
        return new

    def ids(self, request: str) -> dict[str, Any]:
        """What an approve modal sends back."""
        found = self.ledger.request(request)
        assert found is not None
        plan = self.ledger.plan(found.digest)
        assert plan is not None
        return {
            "request": request,
            "digest": found.digest,
            "typed": len(plan.nodes),
            "channel": QUIET,
        }

    def kinds(self, *, subject: str = "") -> list[str]:
        """The kinds of the audit entries, oldest first."""
        return [link.kind for link in reversed(self.ledger.audit(subject=subject, limit=1000))]

    def close(self) -> None:
        assert self.ledger.verify().sound
        self.ledger.close()


def proposal(**changes: Any) -> Proposal:
    """An Install in prod with a reason."""
    given = Proposal("prod", Operation.INSTALL, filter=Filter(), reason="openssl", ticket="OPS-1")
    return replace(given, **changes)
