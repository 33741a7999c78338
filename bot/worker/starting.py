"""From an approved request to a run under way: what it waits for, and when it is too late."""

from __future__ import annotations

from datetime import datetime

from bot.core.errors import Conflict
from bot.core.plans import Plan
from bot.core.requests import Request, RequestState, still_approved
from bot.core.running import about_run, moved, planned, run_id, start_by
from bot.core.runs import RUN, Run, RunState
from bot.worker.context import Context
from bot.worker.dispatch import hold
from bot.worker.ending import end, give_up, show_run
from bot.worker.roll import call, too_many
from bot.worker.sends import planned_sends

_AT_WORK = {RunState.RUNNING, RunState.PAUSED, RunState.CANCELLING, RunState.VERIFYING}
_RECHECK_SECONDS = 5.0


def without_run(ctx: Context) -> tuple[str, ...]:
    """Ids of approved requests that have no run yet, oldest first."""
    if not ctx.memory.due(("approved", ctx.ledger.head().seq), _RECHECK_SECONDS):
        return ()
    approved = (one.id for one in ctx.ledger.requests() if one.state is RequestState.APPROVED)
    return tuple(one for one in approved if ctx.ledger.run(run_id(one)) is None)[::-1]


def create(ctx: Context, request_id: str) -> None:
    """Give the request its run, with every send it will make. While a node is in another run it waits, without one."""
    request = ctx.ledger.request(request_id)
    plan = None if request is None else ctx.ledger.plan(request.digest)
    if request is None or plan is None:
        return
    ctx.environment(request.environment)
    run = planned(request, plan, ctx.clock(), limit=ctx.rules[request.environment].time_limit)
    sends = planned_sends(ctx, run, plan.batches(), RUN)
    entry = about_run(run, "planned", {"request": request.id, "digest": run.digest})
    try:
        with ctx.ledger.change() as change:
            change.add_run(run, sends, [entry])
            show_run(ctx, change, run, request)
    except Conflict as conflict:
        if ctx.clock() < start_by(request, plan) or ctx.ledger.run(run.id) is not None:
            return
        why = f"its approval expired while it waited: {conflict.message}"
        with ctx.ledger.change() as change:
            change.add_run(run, (), [entry])
            end(ctx, change, run, state=RunState.ABANDONED, why=why)


def start(ctx: Context, run: Run) -> None:
    """Start a waiting run, or say what holds it, or abandon it. Raises AwsError or SlackError: it is tried again."""
    request, plan = ctx.sealed(run)
    now = ctx.clock()
    too_late = now >= start_by(request, plan)
    waits = _what_holds(ctx, run, plan, now)
    if waits and not too_late:
        with ctx.ledger.change() as change:
            hold(ctx, change, run, why=waits)
        return
    why = (
        "its approval expired before it could start" if too_late else _objection(ctx, request, plan)
    )
    with ctx.ledger.change() as change:
        if why:
            give_up(ctx, change, run, plan, why=f"{why} ({waits})" if waits else why)
            return
        limit = ctx.rules[run.environment].time_limit
        started = moved(run, RunState.RUNNING, now, started_at=now, deadline=now + limit)
        body = {"nodes": len(plan.nodes), "waves": len(plan.waves), "digest": run.digest}
        change.save_run(started, [about_run(started, "started", body)])
        show_run(ctx, change, started, request)


def _what_holds(ctx: Context, run: Run, plan: Plan, now: datetime) -> str:
    """What a run waits for: its start time, the end of a freeze, another run of its environment."""
    if plan.not_before is not None and now < plan.not_before:
        return f"starts at {plan.not_before:%Y-%m-%d %H:%M %Z}"
    if doubt := ctx.clock_watch.doubt():
        return doubt
    if frozen := ctx.frozen(run, plan):
        return frozen
    others = ctx.ledger.runs(only_open=True, environment=run.environment)
    busy = next((one for one in others if one.id != run.id and one.state in _AT_WORK), None)
    return f"{busy.id} is at work in {run.environment}" if busy else ""


def _objection(ctx: Context, request: Request, plan: Plan) -> str:
    """Why the approval does not stand any more; empty when it does."""
    decision = still_approved(request, plan.digest, ctx.voters_now(request))
    if not decision.allowed:
        return decision.reason
    environment = ctx.environment(request.environment)
    gone = 0
    places: dict[tuple[str, str], list[str]] = {}
    for node in plan.nodes:
        places.setdefault((node.key.account, node.key.region), []).append(node.key.instance_id)
    for (account, region), instance_ids in places.items():
        target = ctx.target(environment.name, account, region)
        gone += len(
            call(ctx, environment, target, instance_ids, during=f"start {request.id}").dropped
        )
    if too_many(plan, gone):
        return f"{gone} of {len(plan.nodes)} nodes are gone: the approval was for another fleet"
    return ""
