"""The moves of a run: who asked to stop it or to go on, and what is written down.

Pure, like requests.py: every move returns the new run with its audit entries, and the store takes both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from bot.core.audit import Entry
from bot.core.identity import Decision, Person
from bot.core.plans import Plan
from bot.core.requests import Request
from bot.core.runs import RUN_ENDS, Run, RunState

BOT = "patchbot"


@dataclass(frozen=True, slots=True)
class RunMove:
    """The outcome of a try: the run as it is now, what to write down, and whether it was allowed."""

    run: Run
    decision: Decision
    entries: tuple[Entry, ...]

    @property
    def changed(self) -> bool:
        return self.decision.allowed


def run_id(request_id: str) -> str:
    """The id of a request's run: "X-12" for "R-12". A request has one run, also after a backup was restored."""
    return f"X-{request_id.partition('-')[2] or request_id}"


def start_by(request: Request, plan: Plan) -> datetime:
    """Until when an approved request may start: its own lifetime, from the planned start where there is one."""
    if plan.not_before is None:
        return request.expires_at
    return max(request.expires_at, plan.not_before + (request.expires_at - request.created_at))


def planned(request: Request, plan: Plan, now: datetime, *, limit: timedelta) -> Run:
    """The run of an approved request. `limit` is how long it may take once it started."""
    return Run(
        id=run_id(request.id),
        version=1,
        state=RunState.WAITING,
        request=request.id,
        digest=request.digest,
        environment=request.environment,
        created_at=now,
        deadline=max(now, start_by(request, plan)) + limit,
        rehearsal=plan.rehearsal,
    )


def moved(run: Run, state: RunState, now: datetime, *, why: str = "", **changes: Any) -> Run:
    """The run one version on. An end gets its time."""
    ended = now if state in RUN_ENDS else None
    return replace(run, version=run.version + 1, state=state, why=why, ended_at=ended, **changes)


def cancel(run: Run, person: Person, now: datetime, *, may: Decision) -> RunMove:
    """`person` stops the run: nothing more is sent, and AWS is asked to stop what was. `may` is the policy's word."""
    decision = may
    if not run.is_open or run.state is RunState.CANCELLING:
        decision = Decision(False, f"it is {run.state.value.replace('_', ' ')} already")
    if not decision.allowed:
        return _refused(run, person, "cancel", decision)
    stopped = moved(run, RunState.CANCELLING, now, why="cancelled", cancelled_by=person.id)
    return RunMove(
        stopped, decision, (entry(run, "cancel_requested", person.id, {"state": run.state.value}),)
    )


def go_on(run: Run, person: Person, now: datetime, *, may: Decision) -> RunMove:
    """`person` opens the closed gate of the present wave: the run goes on in spite of it."""
    decision = may
    if run.state is not RunState.PAUSED:
        decision = Decision(False, f"it is {run.state.value.replace('_', ' ')}, not paused")
    if not decision.allowed:
        return _refused(run, person, "continue", decision)
    going = moved(run, RunState.RUNNING, now, cleared=run.wave)
    body = {"wave": run.wave, "why_paused": run.why}
    return RunMove(going, decision, (entry(run, "continued", person.id, body),))


def entry(run: Run, what: str, actor: str, body: Mapping[str, Any]) -> Entry:
    """An audit entry about the run."""
    return Entry(f"run.{what}", actor, f"run/{run.id}", body)


def _refused(run: Run, person: Person, tried: str, decision: Decision) -> RunMove:
    body = {"tried": tried, "reason": decision.reason, "state": run.state.value}
    return RunMove(run, decision, (entry(run, "refused", person.id, body),))
