"""Sends of ended runs whose outcome was never learnt: still looked for, and noted when they turn up.

The run and its receipt do not change any more. A command of a cancelled run that turns up is cancelled.
"""

from __future__ import annotations

from bot.core.errors import AwsError, ConfigurationError, PatchbotError
from bot.core.runs import RUN, RUN_ENDS, DispatchState, Run, RunState
from bot.worker.context import Context
from bot.worker.poll import poll
from bot.worker.reconcile import reconcile
from bot.worker.sends import cancel_sent, of_purpose

_UNSETTLED = {DispatchState.UNKNOWN, DispatchState.SENT}


def unsettled(ctx: Context) -> tuple[str, ...]:
    """Ids of ended runs with sends that AWS may still tell something about."""
    if not ctx.memory.due("late", ctx.timing.late_looks):
        return ()
    return tuple(run.id for run in ctx.ledger.runs() if _may_be_heard_of(ctx, run))


def _may_be_heard_of(ctx: Context, run: Run) -> bool:
    if run.state not in RUN_ENDS or run.started_at is None:
        return False
    if ctx.clock() - run.started_at > 2 * ctx.timing.history:
        return False
    return any(one.state in _UNSETTLED for one in ctx.ledger.dispatches(run.id))


def look(ctx: Context, run_id: str) -> None:
    """Look for them once more. Raises AwsError: then later."""
    run = ctx.ledger.run(run_id)
    if run is None:
        return
    troubles: list[PatchbotError] = []
    for look_for in (reconcile, _cancel, poll):
        try:
            look_for(ctx, run)
        except (AwsError, ConfigurationError) as error:
            troubles.append(error)
    if troubles:
        raise troubles[0]


def _cancel(ctx: Context, run: Run) -> None:
    if run.state is RunState.CANCELLED:
        trouble = cancel_sent(ctx, run, of_purpose(ctx.ledger.dispatches(run.id), RUN))
        if trouble is not None:
            raise trouble
