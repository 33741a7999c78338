"""How a run comes to be and moves on: its id, its time limits, its next version, and what is written down of it.

Pure. What people may do to a run is in steering.py; this is what the worker does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from bot.core.audit import Entry
from bot.core.nodes import NodeKey
from bot.core.plans import Document, Limits, Plan, PlannedNode, RebootOption
from bot.core.requests import Request
from bot.core.runs import RUN, RUN_ENDS, Dispatch, Run, RunState

BOT = "patchbot"


def run_id(request_id: str) -> str:
    """The id of a request's run: "X-12" for "R-12".

    A request has one run. After a restored backup it gets the same name again, and with it the same marks, by which
    what was sent before is found.
    """
    return f"X-{request_id.partition('-')[2] or request_id}"


def start_by(request: Request, plan: Plan) -> datetime:
    """Until when an approved request may start: its own lifetime, counted from the planned start where there is one."""
    if plan.not_before is None:
        return request.expires_at
    return max(request.expires_at, plan.not_before + (request.expires_at - request.created_at))


def planned(request: Request, plan: Plan, now: datetime, *, limit: timedelta) -> Run:
    """The run of an approved request. `limit` is how long it may take once it has started."""
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


UNDECIDED = "nobody decided about the closed gate before the time limit of the run"
STUCK = "it does not go on at present: "


def is_stuck(why: str) -> bool:
    """Whether that is no reason of the run's own, but what keeps it from going on for the moment."""
    return why.startswith(STUCK)


def remnant(request: Request, sends: Iterable[Dispatch]) -> Plan:
    """What its sends tell of a plan that cannot be read: for a card and a receipt, never to send by."""
    batches = [one.batch for one in sends if one.purpose == RUN]
    keys = {
        wave: tuple(
            NodeKey(batch.account, batch.region, each)
            for batch in batches
            if batch.wave == wave
            for each in batch.instance_ids
        )
        for wave in sorted({batch.wave for batch in batches})
    }
    nodes = (
        PlannedNode(
            key, "", "", "", "", missing=0, failed=0, pending_reboot=0, critical=0, security=0
        )
        for wave in keys.values()
        for key in wave
    )
    return Plan(
        environment=request.environment,
        operation=request.operation,
        reboot_option=RebootOption.REBOOT_IF_NEEDED,
        nodes=tuple(nodes),
        waves=tuple(keys.values()),
        limits=Limits("", "", 100),
        document=Document("", "", ""),
    )


def moved(run: Run, state: RunState, now: datetime, *, why: str = "", **changes: Any) -> Run:
    """The run one version on. An end gets its time."""
    ended = now if state in RUN_ENDS else None
    return replace(run, version=run.version + 1, state=state, why=why, ended_at=ended, **changes)


def about_run(run: Run, what: str, body: Mapping[str, Any]) -> Entry:
    """An audit entry of the worker about a run."""
    return Entry(f"run.{what}", BOT, f"run/{run.id}", body)


def about_dispatch(dispatch: Dispatch, what: str, body: Mapping[str, Any]) -> Entry:
    """An audit entry of the worker about a send."""
    return Entry(f"dispatch.{what}", BOT, dispatch.subject, body)
