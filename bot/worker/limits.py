"""The time limit of a run: what is missing then is named. What was sent gets the time of a scan, then the run ends.

Whatever AWS or Slack say: the second limit, of the scan, is the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.core.ledger import Change
from bot.core.receipts import ending
from bot.core.running import UNDECIDED, about_dispatch
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
from bot.worker import verify as proof
from bot.worker.context import Context
from bot.worker.ending import end, verify
from bot.worker.sends import drop_planned

LATE = "AWS had no outcome of it before the time limit of the run"


def enforce(ctx: Context, run: Run) -> None:
    """End the run when its time limit has passed, or have it scanned. Asks nobody: it works when nothing else does."""
    if ctx.clock() < run.deadline or ctx.clock_watch.doubt():
        return
    _, plan, unread = ctx.known(run)
    sends = ctx.ledger.dispatches(run.id)
    rescans, because = proof.last_read(ctx, run), proof.missing(ctx, run, sends)
    with ctx.ledger.change() as change:
        dropped, skipped = drop_planned(change, run, sends, why="the time limit passed")
        given_up = _give_up(change, sends)
        lost = _lost(ctx, run)
        change.save_results(run.id, RUN, lost)
        results = {one.key: one for one in (*ctx.ledger.results(run.id, RUN), *skipped, *lost)}
        if all(one.sending_at is None for one in sends):
            state, why = RunState.ABANDONED, "its time limit passed before anything was sent"
        elif (
            proof.may_be_scanned(ctx, run, plan, sends)
            and not unread
            and ctx.knows(run.environment)
        ):
            why = _over(run)
            body = {"why": why, "dropped": len(skipped), "lost": len(lost)}
            verify(ctx, change, run, proof.TIME_PASSED, body, why=why)
            return
        else:
            state, why = ending(run, plan, results, rescans, in_time=False, because=because)
        if unread and state is not RunState.ABANDONED:
            state = RunState.LOST_TRACK
        why = f"{why} ({run.why})" if run.why else why
        end(
            ctx,
            change,
            run,
            state=state,
            why=why if unread in why else f"{why}; {unread}",
            rescans=rescans,
            dispatches=(*dropped, *given_up),
            results=(*skipped, *lost),
            because=because,
        )


def _over(run: Run) -> str:
    if run.state is RunState.PAUSED:
        return f"{UNDECIDED}: {run.why}"
    if run.cancelled_by:
        return "the time limit passed while it was stopping"
    return f"the time limit passed: {run.why}" if run.why else "the time limit passed"


def _give_up(change: Change, sends: Sequence[Dispatch]) -> list[Dispatch]:
    """Sends under way: nobody waits for them any more, but AWS is still asked, so that late news is heard.

    What AWS has stays `sent`; what has no answer is still looked for, as `unknown`.
    """
    moved = []
    for one in sends:
        if one.state is DispatchState.SENT:
            change.audit(about_dispatch(one, "given_up", {"why": LATE, "state": one.state.value}))
        elif one.state is DispatchState.SENDING:
            over = replace(one, state=DispatchState.UNKNOWN, reason=LATE)
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
