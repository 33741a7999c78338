"""What the nodes make of the commands that were sent, until each one's outcome is known or its time is over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from bot.core import exits
from bot.core.commands import Invocation
from bot.core.environments import Target
from bot.core.nodes import NodeKey
from bot.core.running import about_dispatch
from bot.core.runs import SETTLED, Dispatch, DispatchState, NodeOutcome, NodeResult, Run, outcome
from bot.worker.context import Context
from bot.worker.ending import show_run
from bot.worker.sends import results_of

_NOWHERE = {"rateexceeded", "noinstancesintag", "accessdenied", "undeliverable", "cancelled"}
"""StatusDetails of a whole command that ran on no node (User Guide, "Understanding command statuses")."""


def poll(ctx: Context, run: Run) -> None:
    """Ask AWS about every command of the run that is under way. Raises AwsError: then it is asked later."""
    for one in ctx.ledger.dispatches(run.id):
        if one.state is DispatchState.SENT and _is_due(ctx, one):
            _poll_one(ctx, run, one)


def _is_due(ctx: Context, one: Dispatch) -> bool:
    """A young command is looked at often, an old one now and then."""
    age = ctx.memory.since(("sent", one.subject))
    return ctx.memory.due(("poll", one.subject), min(age / 20, ctx.timing.poll_at_most))


def _poll_one(ctx: Context, run: Run, one: Dispatch) -> None:
    target = ctx.target_of(run, one)
    seen = ctx.commands.invocations(target, one.command_id)
    results = _results(one, seen)
    if not seen:
        results = _nowhere(ctx, target, one) or results
    over = one.sending_at is not None and ctx.clock() - one.sending_at > ctx.timing.command_limit
    if over:
        results = tuple(_too_late(each) for each in results)
    record(ctx, run, one, results)


def record(ctx: Context, run: Run, one: Dispatch, results: Sequence[NodeResult]) -> None:
    """Store what changed; the send is done once every node's outcome is known."""
    known = {each.key: each for each in ctx.ledger.results(run.id, one.purpose)}
    changed = [each for each in results if known.get(each.key) != each]
    finished = all(each.outcome in SETTLED for each in results)
    if not changed and not finished:
        return
    with ctx.ledger.change() as change:
        change.save_results(run.id, one.purpose, changed)
        if finished:
            done = replace(one, state=DispatchState.DONE)
            body = dict(Counter(each.outcome.value for each in results))
            change.move_dispatch(
                done, was=one.state, entries=[about_dispatch(done, "finished", body)]
            )
        show_run(ctx, change, run)


def _results(one: Dispatch, seen: Iterable[Invocation]) -> tuple[NodeResult, ...]:
    """A result for each node that was sent to. One that AWS does not name yet is pending, never a success."""
    by_id = {each.instance_id: each for each in seen}
    return tuple(_result(one, each, by_id.get(each)) for each in one.sent_ids)


def _result(one: Dispatch, instance_id: str, seen: Invocation | None) -> NodeResult:
    key = NodeKey(one.batch.account, one.batch.region, instance_id)
    if seen is None:
        return NodeResult(key, NodeOutcome.PENDING)
    return NodeResult(key, outcome(seen.status_details or seen.status), exits.reason(seen))


def _too_late(result: NodeResult) -> NodeResult:
    if result.outcome in SETTLED:
        return result
    return replace(
        result, outcome=NodeOutcome.UNKNOWN, reason="AWS had no outcome of it before the time limit"
    )


def _nowhere(ctx: Context, target: Target, one: Dispatch) -> tuple[NodeResult, ...]:
    """The results of a command that AWS accepted and then ran on no node; empty when it may still start."""
    if one.sending_at is None or ctx.clock() - one.sending_at < ctx.timing.settle:
        return ()
    for command in ctx.commands.find(target, since=one.sending_at - ctx.timing.looks_back):
        detail = command.status_details.replace(" ", "").casefold()
        if command.command_id == one.command_id and detail in _NOWHERE:
            why = f"AWS ran the command on no node: {command.status_details}"
            return tuple(results_of(one, one.sent_ids, NodeOutcome.FAILED, why))
    return ()
