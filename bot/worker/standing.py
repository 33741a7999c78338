"""Whether a send may happen now, by what the ledger says at this very moment.

Asked within the transaction of the intent, so that nothing can come between the answer and the send.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.core.plans import Plan
from bot.core.requests import Request
from bot.core.running import start_by
from bot.core.runs import RUN, Dispatch, DispatchState, Run, RunState
from bot.services import noticing
from bot.worker.context import Context
from bot.worker.roll import Roll, another_fleet, too_many
from bot.worker.sends import purpose_of

_AT_WORK = {RunState.RUNNING, RunState.VERIFYING}


class Word(StrEnum):
    """What may become of a planned send."""

    GO = "go"
    HOLD = "hold"  # later, perhaps
    VOID = "void"  # never: the approval does not stand any more
    PAST = "past"  # somebody else moved it, or its time is over: others see to that


@dataclass(frozen=True, slots=True)
class Standing:
    """The word on a send, and its reason."""

    word: Word
    why: str = ""


_GO, _PAST = Standing(Word.GO), Standing(Word.PAST)


def standing(
    ctx: Context,
    run: Run,
    one: Dispatch,
    plan: Plan,
    *,
    roll: Roll,
    backers: frozenset[str],
) -> Standing:
    """Whether this send may happen now, by what the ledger says at this very moment."""
    now, request, known = ctx.clock(), ctx.ledger.request(run.request), ctx.dispatch(one)
    if known is None or known != one or one.state is not DispatchState.PLANNED:
        return _PAST
    if run.state not in _AT_WORK or purpose_of(run) != one.purpose or now >= run.deadline:
        return _PAST
    if request is None or one.purpose != RUN:
        return _GO if request is not None else _PAST
    if doubt := ctx.clock_watch.doubt():
        return Standing(Word.HOLD, doubt)
    if one.batch not in plan.batches():
        return Standing(Word.VOID, "a batch is not of the plan that was approved")
    if objection := ctx.objection(request, plan, backers):
        return Standing(Word.VOID, objection)
    nothing_sent = all(each.sending_at is None for each in ctx.ledger.dispatches(run.id))
    if nothing_sent and request.break_glass and _is_untold(ctx, request):
        return Standing(Word.HOLD, "nobody could be told yet that the glass was broken")
    if nothing_sent and now >= start_by(request, plan):
        return Standing(Word.VOID, "its approval expired before anything was sent")
    gone = len(roll.dropped) + _left_out(ctx, run)
    if too_many(plan, gone):
        return Standing(Word.VOID, another_fleet(plan, gone))
    frozen = ctx.frozen(run, plan)
    return Standing(Word.HOLD, frozen) if frozen else _GO


def _is_untold(ctx: Context, request: Request) -> bool:
    """Whether not one of those who are to hear of a broken glass has."""
    notices = [
        one
        for one in ctx.ledger.notices()
        if one.kind == noticing.BREAK_GLASS and one.subject == request.id
    ]
    return bool(notices) and not any(noticing.has_told_of_glass(one, request) for one in notices)


def _left_out(ctx: Context, run: Run) -> int:
    """How many nodes were gone at the sends before this one."""
    return sum(
        len(one.batch.instance_ids) - len(one.sent_ids)
        for one in ctx.ledger.dispatches(run.id)
        if one.purpose == RUN and (one.sent_ids or one.state is DispatchState.DROPPED)
    )


def hindrance(ctx: Context, one: Dispatch, plan: Plan, *, backers: frozenset[str]) -> str:
    """What came between two tries; empty when nothing did. `backers` must have been looked up since the first."""
    run = ctx.ledger.run(one.run)
    request = ctx.ledger.request(run.request) if run is not None else None
    if (
        run is None
        or request is None
        or run.state not in _AT_WORK
        or purpose_of(run) != one.purpose
    ):
        return "the run was stopped while AWS refused the pace"
    if ctx.clock() >= run.deadline:
        return "the time limit passed while AWS refused the pace"
    if one.purpose != RUN:
        return ""
    return ctx.clock_watch.doubt() or ctx.objection(request, plan, backers) or ctx.frozen(run, plan)
