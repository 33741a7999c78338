"""A run under way: the sends of its wave, the gate after it, and what a cancel makes of it.

Unknown stops: while an answer is missing nothing else of the run is sent, and a person decides when it stays missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from bot.core.identity import Decision
from bot.core.nodes import NodeKey
from bot.core.plans import Operation, Plan
from bot.core.running import about_run, moved
from bot.core.runs import (
    RUN,
    Dispatch,
    DispatchState,
    NodeResult,
    Run,
    RunState,
    gate,
)
from bot.services import noticing
from bot.worker.context import Context
from bot.worker.dispatch import dispatch
from bot.worker.ending import end, give_up, show_run, verify
from bot.worker.reboots import all_back
from bot.worker.sends import awaited, cancel_sent, drop_planned, of_purpose

_DOUBTFUL = {DispatchState.UNKNOWN, DispatchState.REFUSED}


def step(ctx: Context, run: Run) -> None:
    """Send what the wave still has to send, or judge it when it is over. Raises AwsError, SlackError: later again."""
    _, plan = ctx.sealed(run)
    if not ctx.knows(run.environment):
        with ctx.ledger.change() as change:
            give_up(ctx, change, run, plan, why=f"{run.environment} is not configured any more")
        return
    sends = of_purpose(ctx.ledger.dispatches(run.id), RUN)
    if any(one.state is DispatchState.SENDING for one in sends):
        return
    begun = [one for one in sends if one.batch.wave <= run.wave]
    open_to_doubt = [one for one in begun if one.batch.number not in run.continued]
    doubtful = [one for one in open_to_doubt if one.state in _DOUBTFUL]
    if doubtful and plan.operation is Operation.INSTALL:
        _pause(ctx, run, why=_doubt(doubtful), about=doubtful)
        return
    planned = [one for one in begun if one.state is DispatchState.PLANNED]
    if planned and _is_absolute(plan) and awaited(ctx, sends):
        return  # "1 at a time" is for the run: AWS only keeps it within a send
    if planned:
        before = [one for one in open_to_doubt if one.batch.wave < planned[0].batch.wave]
        if not _may_follow(ctx, run, plan, before):
            return
        if not run.why or ctx.memory.due(("held", run.id), ctx.timing.look_again):
            dispatch(ctx, run, planned[0])
    elif not awaited(ctx, begun):
        _judge(ctx, run, plan, open_to_doubt)


def _is_absolute(plan: Plan) -> bool:
    """Whether the sealed concurrency is a number of nodes of the run, and not a share of each send."""
    return plan.operation is Operation.INSTALL and not plan.limits.max_concurrency.endswith("%")


def stop(ctx: Context, run: Run) -> None:
    """Somebody cancelled the run: nothing more is sent, our own commands are cancelled, what was touched is scanned."""
    sends = ctx.ledger.dispatches(run.id)
    if any(one.state is DispatchState.PLANNED for one in sends):
        with ctx.ledger.change() as change:
            drop_planned(change, run, sends, why="the run was cancelled before it was sent")
        return
    trouble = cancel_sent(ctx, run, sends)
    if not awaited(ctx, sends):
        with ctx.ledger.change() as change:
            if all(one.sending_at is None for one in sends):
                why = "stopped by a person before anything was sent"
                end(ctx, change, run, state=RunState.CANCELLED, why=why)
            else:
                verify(ctx, change, run, "cancelled_sends_over", {}, why="stopped by a person")
    elif trouble is not None:
        raise trouble


def _doubt(doubtful: Sequence[Dispatch]) -> str:
    first = doubtful[0]
    more = f", and {len(doubtful) - 1} more sends" if len(doubtful) > 1 else ""
    word = "was refused" if first.state is DispatchState.REFUSED else "has no known outcome"
    told = f"send {first.batch.number} {word}: {first.reason}{more}"
    if first.state is not DispatchState.UNKNOWN:
        return told
    place = f"{first.batch.account}/{first.batch.region}".strip("/")
    return (
        f"{told}. Look in Run Command of {place} for a command with the comment {first.mark}."
        " Continue skips these nodes and never sends to them again"
    )


def _pause(
    ctx: Context,
    run: Run,
    *,
    why: str,
    about: Sequence[Dispatch],
    counts: Mapping[str, int] | None = None,
) -> None:
    """Ask a person about these sends."""
    held = tuple(one.batch.number for one in about)
    paused = moved(run, RunState.PAUSED, ctx.clock(), why=why, held=held)
    body = {"wave": run.wave, "why": why, "nodes": dict(counts or {}), "batches": list(held)}
    with ctx.ledger.change() as change:
        change.save_run(paused, [about_run(paused, "paused", body)])
        show_run(ctx, change, paused)
        request = ctx.ledger.request(run.request)
        if request is not None:
            rules = ctx.rules[run.environment]
            noticing.show(change, noticing.closed_gate(paused, request, rules))


def _may_follow(ctx: Context, run: Run, plan: Plan, before: Sequence[Dispatch]) -> bool:
    """Whether the sends before a wave have passed; pauses when they have not.

    After a wave that ran through its gate they have. What was left of one that a person went past is judged here.
    """
    if plan.rehearsal or plan.operation is Operation.SCAN:
        return True
    if awaited(ctx, before):
        return False
    for wave in _by_wave(before):
        decision = _decision(ctx, run, plan, wave)
        if decision is None:
            return False
        if not decision.allowed:
            _pause(ctx, run, why=decision.reason, about=wave, counts=_counts(ctx, run, wave))
            return False
    return True


def _judge(ctx: Context, run: Run, plan: Plan, sends: Sequence[Dispatch]) -> None:
    """The gate after the wave, over each wave by itself, so that a bad one is not hidden among good ones."""
    if plan.rehearsal:
        _go_on(ctx, run, plan, {})
        return
    counts: Mapping[str, int] = {}
    last = run.wave >= len(plan.waves)
    for wave in _by_wave(sends):
        decision = _decision(ctx, run, plan, wave)
        if decision is None:
            return
        counts = _counts(ctx, run, wave)
        if not (decision.allowed or last or plan.operation is Operation.SCAN):
            _pause(ctx, run, why=decision.reason, about=wave, counts=counts)
            return
    _go_on(ctx, run, plan, counts)


def _by_wave(sends: Sequence[Dispatch]) -> list[list[Dispatch]]:
    waves = sorted({one.batch.wave for one in sends})
    return [[one for one in sends if one.batch.wave == wave] for wave in waves]


def _decision(ctx: Context, run: Run, plan: Plan, wave: Sequence[Dispatch]) -> Decision | None:
    """The verdict of the gate on these sends of one wave; None while their nodes are still coming back."""
    if plan.reboots and not all_back(ctx, run, wave):
        return None
    return gate(_results_of_wave(ctx, run, wave).values(), plan.limits.success_percent)


def _counts(ctx: Context, run: Run, wave: Sequence[Dispatch]) -> Mapping[str, int]:
    return Counter(one.outcome.value for one in _results_of_wave(ctx, run, wave).values())


def _results_of_wave(ctx: Context, run: Run, wave: Sequence[Dispatch]) -> dict[NodeKey, NodeResult]:
    keys = {
        NodeKey(one.batch.account, one.batch.region, each)
        for one in wave
        for each in one.batch.instance_ids
    }
    return {one.key: one for one in ctx.ledger.results(run.id, RUN) if one.key in keys}


def _go_on(ctx: Context, run: Run, plan: Plan, counts: Mapping[str, int]) -> None:
    """The next wave, or after the last one the proof. A rehearsal is over then."""
    now = ctx.clock()
    body = {"wave": run.wave, "nodes": dict(counts)}
    with ctx.ledger.change() as change:
        if run.wave < len(plan.waves):
            going = moved(run, RunState.RUNNING, now, wave=run.wave + 1)
            change.save_run(going, [about_run(going, "wave_passed", body)])
        elif plan.rehearsal:
            why = "a rehearsal: everything was recorded, nothing was sent"
            end(ctx, change, run, state=RunState.ABANDONED, why=why, told_as="rehearsed")
            return
        else:
            verify(ctx, change, run, "waves_over", body)
            return
        show_run(ctx, change, going)
