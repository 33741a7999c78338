"""From an approved request to a run under way: what it waits for, and when it is too late."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.core.errors import StorageError
from bot.core.nodes import NodeKey
from bot.core.plans import Operation, Plan
from bot.core.requests import Request, RequestState
from bot.core.running import about_run, moved, planned, remnant, run_id, start_by
from bot.core.runs import RUN, Run, RunState
from bot.core.wording import in_utc
from bot.worker.context import Context
from bot.worker.dispatch import hold
from bot.worker.ending import end, give_up, show_run
from bot.worker.readiness import at_work, objection, stale
from bot.worker.sends import planned_sends
from bot.worker.waves import stop

_AT_WORK = {RunState.RUNNING, RunState.PAUSED, RunState.CANCELLING, RunState.VERIFYING}
_RECHECK_SECONDS = 5.0


def without_run(ctx: Context) -> tuple[str, ...]:
    """Ids of approved requests that have no run yet, oldest first."""
    if not ctx.memory.due(("approved", ctx.ledger.head().seq), _RECHECK_SECONDS):
        return ()
    approved = (one.id for one in ctx.ledger.requests() if one.state is RequestState.APPROVED)
    return tuple(one for one in approved if ctx.ledger.run(run_id(one)) is None)[::-1]


def create(ctx: Context, request_id: str) -> None:
    """Give the request its run, with every send it will make. Its nodes are its own only once it starts.

    Raises StorageError while its plan cannot be read; once its time has passed it gets a run that ended unsent.
    """
    request = ctx.ledger.request(request_id)
    if request is None:
        return
    try:
        plan, unread = ctx.ledger.plan(request.digest), ""
    except StorageError as error:
        if ctx.clock() < request.expires_at or ctx.clock_watch.doubt():
            raise
        plan, unread = None, error.message.rstrip(".")
    if plan is None:
        _bury(ctx, request, why=unread or "its plan is not in the ledger")
        return
    rules = ctx.rules.get(request.environment)
    limit = rules.time_limit if rules is not None else timedelta(0)
    run = planned(request, plan, ctx.clock(), limit=limit)
    sends = planned_sends(ctx, run, plan.batches(), RUN)
    entry = about_run(run, "planned", {"request": request.id, "digest": run.digest})
    with ctx.ledger.change() as change:
        change.add_run(run, sends, [entry])
        show_run(ctx, change, run, request)


def _bury(ctx: Context, request: Request, *, why: str) -> None:
    """A run that ends as it begins: nothing can be sent for a plan that cannot be read."""
    run = planned(request, remnant(request, ()), ctx.clock(), limit=timedelta(0))
    with ctx.ledger.change() as change:
        entry = about_run(run, "planned", {"request": request.id, "digest": run.digest})
        change.add_run(run, (), [entry])
        end(ctx, change, run, state=RunState.ABANDONED, why=why)


def start(ctx: Context, run: Run) -> None:
    """Start a waiting run, or say what holds it, or abandon it. Raises AwsError or SlackError: it is tried again."""
    if run.cancelled_by:
        stop(ctx, run)
        return
    request, plan = ctx.sealed(run)
    now = ctx.clock()
    too_late = now >= start_by(request, plan) and not ctx.clock_watch.doubt()
    waits = _what_holds(ctx, run, request, plan, now) or _held_before(ctx, run)
    why = "its approval expired before it could start" if too_late else ""
    if not waits and not why:
        why = objection(ctx, request, plan)
    if not waits and not why:
        waits = _second_look(ctx, run, plan)
    with ctx.ledger.change() as change:
        if why:
            waits = waits or run.why
            give_up(ctx, change, run, plan, why=f"{why} ({waits})" if waits else why)
        elif waits:
            hold(ctx, change, run, why=waits)
        else:
            limit = ctx.rules[run.environment].time_limit
            started = moved(run, RunState.RUNNING, now, started_at=now, deadline=now + limit)
            body = {"nodes": len(plan.nodes), "waves": len(plan.waves), "digest": run.digest}
            change.save_run(started, [about_run(started, "started", body)])
            show_run(ctx, change, started, request)


def _what_holds(ctx: Context, run: Run, request: Request, plan: Plan, now: datetime) -> str:
    """What a run waits for: its start time, the end of a freeze, another run. Empty for one that nothing may start."""
    if plan.not_before is not None and now < plan.not_before:
        return f"it starts at {in_utc(plan.not_before)}"
    if run.environment not in ctx.rules:
        return ""
    if doubt := ctx.clock_watch.doubt():
        return doubt
    if frozen := ctx.frozen(run, plan):
        return frozen
    others = [one for one in ctx.ledger.runs(only_open=True) if one.id != run.id]
    for one in others:
        if one.environment == run.environment and one.state in _AT_WORK:
            return f"{one.id}{_HAS_THE_PLACE} {run.environment}"
    if shared := _shared_node(ctx, plan, others):
        return shared
    if request.rules.needed or plan.operation is Operation.INSTALL:
        return ""
    return next((f"{one.id} goes first" for one in others if _goes_first(ctx, one, run)), "")


_HAS_THE_PLACE = " is at work in"


def _shared_node(ctx: Context, plan: Plan, others: list[Run]) -> str:
    """The run of another environment that works on a node of this one."""
    keys = {node.key for node in plan.nodes}
    for one in others:
        if one.state in _AT_WORK:
            for send in ctx.ledger.dispatches(one.id):
                place = (send.batch.account, send.batch.region)
                for each in send.batch.instance_ids:
                    if NodeKey(*place, each) in keys:
                        return f"{one.id} is at work on {each}"
    return ""


def _goes_first(ctx: Context, other: Run, run: Run) -> bool:
    """Whether `other` is an Install that people approved, and that waits for nothing but its place."""
    if other.state is not RunState.WAITING or other.environment != run.environment:
        return False
    if other.cancelled_by:
        return False
    request = ctx.ledger.request(other.request)
    if request is None or request.operation is not Operation.INSTALL:
        return False
    return not other.why or _HAS_THE_PLACE in other.why


def _held_before(ctx: Context, run: Run) -> str:
    """What the second look found a moment ago: AWS is not asked again at once."""
    kept = ctx.memory.kept(("second look", run.id), for_at_most=ctx.timing.look_again)
    return kept if isinstance(kept, str) else ""


def _second_look(ctx: Context, run: Run, plan: Plan) -> str:
    """The pre-flight once more: days may have passed since the first. What it finds holds the run until it is over."""
    found = at_work(ctx, plan)
    if not found and plan.operation is Operation.INSTALL:
        found = stale(ctx, run, plan)
    ctx.memory.keep(("second look", run.id), found)
    return found
