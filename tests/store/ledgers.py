"""What the tests of the ledger write into it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.core.audit import Entry
from bot.core.identity import Members, Person
from bot.core.ledger import InboxItem
from bot.core.nodes import NodeKey
from bot.core.plans import (
    Document,
    Limits,
    Operation,
    Plan,
    PlannedNode,
    RebootOption,
)
from bot.core.requests import Request, RequestState, Rules, approve, opened
from bot.core.runs import Dispatch, DispatchState, Run, RunState
from bot.store.ledger import SqliteLedger

NOW = datetime(2026, 3, 4, 5, 6, 7, 890123, tzinfo=UTC)
KEY = b"a key of thirty-two bytes or so."
ALICE, BOB, CAROL = Person("UALICE"), Person("UBOB"), Person("UCAROL")
ENTRY = Entry("test.happened", "patchbot", "test/1", {"note": "–"})


class StillClock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def open_ledger(directory: Path, **options: object) -> SqliteLedger:
    """The ledger in `directory`."""
    given = {"clock": StillClock(), "key": KEY, "boot": "boot-1", **options}
    return SqliteLedger.open(directory / "ledger.db", **given)  # type: ignore[arg-type]


def key(number: int) -> NodeKey:
    return NodeKey("111122223333", "eu-central-1", f"i-{number:017x}")


def a_plan(*numbers: int, environment: str = "prod") -> Plan:
    """A plan for the nodes of these numbers, the first in a canary wave."""
    keys = [key(number) for number in numbers or (1, 2, 3)]
    nodes = [
        PlannedNode(one, f"web-{one.instance_id[-2:]} „ü“", "Linux", "team", "pb-1", 3, 0, 0, 1, 1)
        for one in keys
    ]
    waves = [tuple(keys[:1]), tuple(keys[1:])]
    return Plan(
        environment=environment,
        operation=Operation.INSTALL,
        reboot_option=RebootOption.REBOOT_IF_NEEDED,
        nodes=tuple(nodes),
        waves=tuple(wave for wave in waves if wave),
        limits=Limits("10%", "1", 90),
        document=Document("AWS-RunPatchBaseline", "1", "f" * 64),
    )


def a_request(name: str, plan: Plan, *, needed: int = 2) -> Request:
    """A pending request of Alice for `plan`."""
    return Request(
        id=name,
        version=1,
        state=RequestState.PENDING,
        environment=plan.environment,
        operation=plan.operation,
        digest=plan.digest,
        requester=ALICE.id,
        reason="monthly patches",
        ticket="CHG-1",
        created_at=NOW,
        expires_at=NOW + timedelta(hours=1),
        rules=Rules(Members(users=frozenset({ALICE.id, BOB.id, CAROL.id})), needed, four_eyes=True),
    )


def a_run(name: str, request: Request, *, state: RunState = RunState.RUNNING) -> Run:
    """The run of `request`."""
    return Run(
        id=name,
        version=1,
        state=state,
        request=request.id,
        digest=request.digest,
        environment=request.environment,
        created_at=NOW,
        deadline=NOW + timedelta(hours=4),
    )


def dispatches(run: Run, plan: Plan, *, purpose: str = "run") -> tuple[Dispatch, ...]:
    """The planned sends of `run`."""
    return tuple(
        Dispatch(
            run=run.id,
            batch=batch,
            purpose=purpose,
            state=DispatchState.PLANNED,
            mark=f"patchbot:{run.id}:{purpose}-{batch.number}:0123456789",
            snapshot_id="00000000-0000-0000-0000-000000000001",
        )
        for batch in plan.batches()
    )


def click(number: int) -> InboxItem:
    """A click."""
    return InboxItem(f"action/{number}", "approve", BOB.id, "T1", {"request": "R-1"}, NOW)


def ask(ledger: SqliteLedger, plan: Plan | None = None, *, needed: int = 2) -> Request:
    """Store a new request for `plan`."""
    plan = plan or a_plan()
    with ledger.change() as change:
        move = opened(a_request(change.next_id("R"), plan, needed=needed), plan)
        change.add_request(move.request, plan, move.entries)
    return move.request


def vote(ledger: SqliteLedger, request: Request, person: Person) -> Request:
    """Store the approval of `person`."""
    move = approve(request, person, request.digest, NOW + timedelta(minutes=1))
    assert move.changed, move.decision.reason
    with ledger.change() as change:
        change.save_request(move.request, move.entries)
    return move.request


def approved(ledger: SqliteLedger, plan: Plan | None = None) -> Request:
    """Store a request with its two approvals."""
    return vote(ledger, vote(ledger, ask(ledger, plan), BOB), CAROL)


def begin(ledger: SqliteLedger, request: Request, plan: Plan | None = None) -> Run:
    """Store the run of an approved request with its sends."""
    plan = plan or a_plan()
    with ledger.change() as change:
        run = a_run(change.next_id("X"), request)
        change.add_run(run, dispatches(run, plan), [about(f"run/{run.id}", "run.started")])
    return run


def move(
    ledger: SqliteLedger, dispatch: Dispatch, state: DispatchState, **more: object
) -> Dispatch:
    """Store a move of a send."""
    moved = replace(dispatch, state=state, **more)  # type: ignore[arg-type]
    kind = {DispatchState.SENDING: "intended", DispatchState.SENT: "accepted"}.get(state, state)
    with ledger.change() as change:
        body = {"command_id": moved.command_id} if moved.command_id else {}
        entry = Entry(f"dispatch.{kind}", "patchbot", dispatch.subject, body)
        change.move_dispatch(moved, was=dispatch.state, entries=[entry])
    return moved


def about(subject: str, kind: str = "test.happened") -> Entry:
    return Entry(kind, "patchbot", subject, {})
