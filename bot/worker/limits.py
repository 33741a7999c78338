"""The time limit of a run: what is missing then is named, and the run ends, whatever AWS or Slack say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.core.ledger import Change
from bot.core.receipts import verdict
from bot.core.running import about_dispatch
from bot.core.runs import (
    RUN,
    SETTLED,
    Dispatch,
    DispatchState,
    NodeOutcome,
    NodeResult,
    Run,
    RunState,
)
from bot.worker.context import Context
from bot.worker.ending import end
from bot.worker.sends import drop_planned

LATE = "AWS had no outcome of it before the time limit of the run"


def enforce(ctx: Context, run: Run) -> None:
    """End the run when its time limit has passed. Asks nobody: this is what works when nothing else does."""
    if ctx.clock() < run.deadline or ctx.clock_watch.doubt():
        return
    _, plan, unread = ctx.known(run)
    sends = ctx.ledger.dispatches(run.id)
    with ctx.ledger.change() as change:
        dropped, skipped = drop_planned(change, run, sends, why="the time limit passed")
        given_up = _give_up(change, sends)
        lost = _lost(ctx, run)
        change.save_results(run.id, RUN, lost)
        results = {one.key: one for one in (*ctx.ledger.results(run.id, RUN), *skipped, *lost)}
        if all(one.sending_at is None for one in sends):
            state, why = RunState.ABANDONED, "its time limit passed before anything was sent"
        else:
            state, why = verdict(plan, results, {}, in_time=False)
        if unread and state is not RunState.ABANDONED:
            state = RunState.LOST_TRACK
        why = f"{why} ({run.why})" if run.why else why
        end(
            ctx,
            change,
            run,
            state=state,
            why=why if unread in why else f"{why}; {unread}",
            dispatches=(*dropped, *given_up),
            results=(*skipped, *lost),
        )


def _give_up(change: Change, sends: Sequence[Dispatch]) -> list[Dispatch]:
    """Sends under way: nobody waits for them any more. What has no answer is still looked for, as `unknown`."""
    moved = []
    for one in sends:
        if one.state is DispatchState.SENT:
            over = replace(one, state=DispatchState.DONE, reason=LATE)
        elif one.state is DispatchState.SENDING:
            over = replace(one, state=DispatchState.UNKNOWN, reason=LATE)
        else:
            continue
        entry = about_dispatch(over, "given_up", {"why": LATE, "state": over.state.value})
        change.move_dispatch(over, was=one.state, entries=[entry])
        moved.append(over)
    return moved


def _lost(ctx: Context, run: Run) -> list[NodeResult]:
    return [
        replace(one, outcome=NodeOutcome.UNKNOWN, reason=LATE)
        for one in ctx.ledger.results(run.id, RUN)
        if one.outcome not in SETTLED
    ]
