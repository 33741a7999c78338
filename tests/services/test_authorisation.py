"""Kinds of people × actions × environments × states, against an oracle that is written independently of the code.

The oracle is the policy as a person would tell it: one function of plain words, without a type of the code under test.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest

from bot.core.audit import Entry
from bot.core.figures import judge_all
from bot.core.identity import Kind, Members, Person
from bot.core.ledger import InboxItem, Notice
from bot.core.nodes import Observation
from bot.core.plans import Limits, Operation, Plan, RebootOption
from bot.core.readings import Reading, TargetReading
from bot.core.requests import Request, RequestState, Rules, Vote
from bot.core.rules import ChangeRules
from bot.core.runs import Run, RunState
from bot.services.decisions import Decisions
from bot.services.intake import Intake
from bot.services.planning import planned
from tests.commands import fleet
from tests.services.changes import DOCUMENT, HOME, People

NOW = fleet.NOW
ROLES = {
    "requester": Person("U1", HOME),
    "requester and approver": Person("U2", HOME),
    "approver": Person("U3", HOME),
    "approver by group": Person("U4", HOME, groups=frozenset({"S1"})),
    "approver who voted": Person("U5", HOME),
    "approver removed since": Person("U6", HOME),
    "approver named since": Person("U7", HOME),
    "admin": Person("U8", HOME),
    "glass breaker": Person("U9", HOME),
    "member": Person("U10", HOME),
    "guest approver": Person("U11", HOME, kind=Kind.GUEST),
    "bot approver": Person("U12", HOME, kind=Kind.BOT),
    "deactivated approver": Person("U13", HOME, kind=Kind.DEACTIVATED),
    "approver of another team": Person("U14", HOME, kind=Kind.STRANGER),
}
THEN = frozenset({"U2", "U3", "U5", "U6", "U8", "U11", "U12", "U13", "U14"})
TODAY = (THEN - {"U6"}) | {"U7"}
ACTIONS = (
    "approve",
    "approve wrong count",
    "approve old plan",
    "deny",
    "withdraw",
    "break glass",
    "review",
    "stop",
    "continue",
)
ENVIRONMENTS = ("protected", "open", "large")
STATES = (
    "pending",
    "late",
    "approved",
    "glass broken",
    "denied",
    "expired",
    "cancelled",
    "running",
    "paused",
    "paused later",
    "ended",
)


def may(role: str, action: str, environment: str, state: str, *, own: bool) -> bool:
    """The oracle. `own` says whether the request is the person's own."""
    if role.split()[0] in {"guest", "bot", "deactivated"} or role == "approver of another team":
        return False
    approver_today = ("approver" in role and role != "approver removed since") or role == "admin"
    approver_all_along = approver_today and role != "approver named since"
    waits = state == "pending"
    count_wrong = action == "approve wrong count" and environment in {"protected", "large"}
    if action.startswith("approve"):
        self_approval = own and environment == "protected"
        fresh = role != "approver who voted" and action != "approve old plan"
        return waits and approver_all_along and not self_approval and fresh and not count_wrong
    if action == "deny":
        return waits and approver_all_along
    if action == "withdraw":
        return waits and (own or role == "admin")
    if action == "break glass":
        return waits and role == "glass breaker"
    if action == "review":
        return state == "glass broken" and approver_today and not own
    if action == "stop":
        return state in {"running", "paused", "paused later"} and (own or approver_today)
    return state == "paused" and approver_today and not (own and environment == "protected")


class Shelf:
    """A ledger of one request and one run, with which nothing can go wrong but the policy."""

    def __init__(self, request: Request, plan: Plan, run: Run | None) -> None:
        self._request, self._plan, self._run = request, plan, run
        self.saved: list[object] = []
        self.entries: list[Entry] = []

    def request(self, _id: str) -> Request:
        return self._request

    def plan(self, _digest: str) -> Plan:
        return self._plan

    def notices(self) -> tuple[()]:
        return ()

    def run(self, _id: str) -> Run | None:
        return self._run

    def audit(self, *args: Any, **_: Any) -> Any:
        """Both the log (to be read) and the change (to be written) have a method of that name."""
        if args:
            self.entries.append(args[0])
        return ()

    @contextmanager
    def change(self, *, taking: str) -> Iterator[Shelf]:
        yield self

    def save_request(self, request: Request, entries: Any) -> None:
        assert request.version == self._request.version + 1
        self.saved.append(request)
        self.entries += entries

    def save_run(self, run: Run, entries: Any) -> None:
        self.saved.append(run)
        self.entries += entries

    def show(self, notice: Notice) -> None:
        assert notice.channel


def rules(environment: str, approvers: frozenset[str]) -> ChangeRules:
    return ChangeRules(
        "prod",
        requesters=Members(users=frozenset({"U1", "U2"})),
        approvers=Members(users=approvers, usergroups=frozenset({"S1"})),
        admins=Members(users=frozenset({"U8"})),
        break_glass=Members(users=frozenset({"U9"})),
        approvals=3,
        protected=environment == "protected",
        channel="C0000OPS1",
        count_confirmation_over=2 if environment == "large" else 50,
    )


def shelf(environment: str, state: str, requester: str) -> Shelf:
    seen = tuple(Observation(fleet.managed(n, f"n{n}")) for n in range(1, 4))
    reading = Reading("prod", NOW, (TargetReading(fleet.FRANKFURT, "1", NOW, seen),))
    members = tuple(planned(one, ()) for one in judge_all(reading, NOW, timedelta(days=7)))
    plan = Plan(
        "prod", Operation.INSTALL, RebootOption.REBOOT_IF_NEEDED, members,
        tuple((one.key,) for one in members), Limits("1", "1", 95), DOCUMENT,
    )  # fmt: skip
    then = rules(environment, THEN)
    states = {
        "late": "pending",
        "glass broken": "approved",
        "running": "approved",
        "ended": "approved",
    }
    request = Request(
        id="R-1", version=3,
        state=RequestState("approved" if state.startswith("paused") else states.get(state, state)),
        environment="prod", operation=Operation.INSTALL, digest=plan.digest, requester=requester,
        reason="x", ticket="", created_at=NOW, expires_at=NOW + timedelta(hours=-1 if state == "late" else 1),
        rules=Rules(then.approvers, 3, environment == "protected"),
        votes=(Vote("U5", plan.digest, NOW),), break_glass=state == "glass broken", ended_by="U99",
    )  # fmt: skip
    run = {
        "running": RunState.RUNNING,
        "paused": RunState.PAUSED,
        "paused later": RunState.PAUSED,
        "ended": RunState.VERIFIED,
    }.get(state)
    wave = 2 if state == "paused later" else 1
    found = run and Run(
        "X-1", 4, run, "R-1", plan.digest, "prod", NOW, NOW + timedelta(hours=4), wave=wave
    )
    return Shelf(request, plan, found or None)


KINDS = {
    "deny": "request.deny",
    "withdraw": "request.cancel",
    "break glass": "break_glass",
    "review": "reviewed",
    "stop": "run.cancel",
    "continue": "run.continue",
}


def attempt(
    ledger: Shelf, role: str, action: str, environment: str, *, now: datetime = NOW
) -> bool:
    person = ROLES[role]
    today = {"prod": rules(environment, TODAY)}
    handlers = Decisions(ledger, today, clock=lambda: now).handlers()  # type: ignore[arg-type]
    intake = Intake(ledger, People(*ROLES.values()), handlers, clock=lambda: now)  # type: ignore[arg-type]
    plan = ledger.plan("")
    body = {
        "request": "R-1", "run": "X-1", "wave": 1, "reason": "because", "note": "fine",
        "digest": "00" * 32 if action == "approve old plan" else plan.digest,
        "typed": 4 if action == "approve wrong count" else 3,
    }  # fmt: skip
    reply = intake.take(
        InboxItem("k", KINDS.get(action, "request.approve"), person.id, HOME, body, now)
    )
    assert reply is not None
    return reply.allowed


CASES = [
    (role, action, environment, state, own)
    for role, action, environment, state in product(ROLES, ACTIONS, ENVIRONMENTS, STATES)
    for own in ((True,) if role.startswith("requester") else (False, True))
]


def test_the_matrix_is_large_enough() -> None:
    assert len(CASES) > 2_000


@pytest.mark.parametrize("role", ROLES)
def test_every_decision_is_the_oracles(role: str) -> None:
    """Allowed exactly when the oracle says so; each refusal has its audit entry and changes nothing."""
    wrong = []
    for _, action, environment, state, own in (case for case in CASES if case[0] == role):
        ledger = shelf(environment, state, ROLES[role].id if own else "U1000")
        allowed = attempt(ledger, role, action, environment)
        expected = may(role, action, environment, state, own=own)
        if allowed != expected:
            wrong.append((action, environment, state, own, allowed))
        kinds = [entry.kind.partition(".")[2] for entry in ledger.entries]
        assert kinds, "no decision without an audit entry"
        assert (kinds == ["refused"]) == (not allowed)
        assert allowed or not ledger.saved
    assert wrong == []


def test_the_oracle_and_the_code_agree_that_nobody_approves_their_own_in_a_protected_environment() -> (
    None
):
    """Said once more on its own, because it is the rule that matters most."""
    for role, person in ROLES.items():
        ledger = shelf("protected", "pending", person.id)
        assert not attempt(ledger, role, "approve", "protected")
        assert not ledger.saved
