"""What the nodes make of the commands that were sent, until each one's outcome is known or its time is over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from bot.core import exits
from bot.core.commands import Invocation
from bot.core.environments import Target
from bot.core.errors import AwsError, ConfigurationError, PatchbotError
from bot.core.nodes import NodeKey
from bot.core.running import about_dispatch
from bot.core.runs import SETTLED, Dispatch, DispatchState, NodeOutcome, NodeResult, Run, outcome
from bot.worker.context import Context
from bot.worker.ending import show_run
from bot.worker.sends import results_of

_NOWHERE = {"rateexceeded", "noinstancesintag", "accessdenied", "undeliverable", "cancelled"}
"""StatusDetails of a whole command that ran on no node (User Guide, "Understanding command statuses")."""


def poll(ctx: Context, run: Run) -> None:
    """Ask AWS about every command of the run that is under way.

    One that cannot be read does not hide the others: they are asked about first, then it raises AwsError, or
    ConfigurationError for a place that is gone. The time limit of a command counts without AWS, too.
    """
    troubles: list[PatchbotError] = []
    for one in ctx.ledger.dispatches(run.id):
        if one.state is DispatchState.SENT and _is_due(ctx, one):
            try:
                _poll_one(ctx, run, one)
            except (AwsError, ConfigurationError) as error:
                troubles.append(error)
                if _is_over(ctx, one):
                    record(ctx, run, one, _known(ctx, one))
    if troubles:
        raise troubles[0]


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
    record(ctx, run, one, results)


def _is_over(ctx: Context, one: Dispatch) -> bool:
    if one.sending_at is None or ctx.clock_watch.doubt():
        return False
    return ctx.clock() - one.sending_at > ctx.timing.command_limit


def _known(ctx: Context, one: Dispatch) -> tuple[NodeResult, ...]:
    """What the ledger has of it, when AWS cannot be asked."""
    known = {each.key: each for each in ctx.ledger.results(one.run, one.purpose)}
    pending = results_of(one, one.sent_ids, NodeOutcome.PENDING)
    return tuple(known.get(each.key, each) for each in pending)


def record(ctx: Context, run: Run, one: Dispatch, told: Sequence[NodeResult]) -> None:
    """Store what changed; the send is done once AWS has told of every node.

    A node that was waited for long enough is unknown until then; nothing goes back from that to “at work”.
    """
    known = {each.key: each for each in ctx.ledger.results(run.id, one.purpose)}
    over = _is_over(ctx, one)
    results = [
        _too_late(each, known.get(each.key)) if over or _is_unknown(known.get(each.key)) else each
        for each in (_with_return(each, known.get(each.key)) for each in told)
    ]
    changed = [each for each in results if known.get(each.key) != each]
    finished = all(
        each.outcome in SETTLED and each.outcome is not NodeOutcome.UNKNOWN for each in told
    )
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


def _with_return(result: NodeResult, known: NodeResult | None) -> NodeResult:
    """With what was found out after its reboot: AWS does not tell that."""
    if known is None or known.outcome is not result.outcome:
        return result
    return replace(result, back_online=known.back_online)


def _is_unknown(result: NodeResult | None) -> bool:
    return result is not None and result.outcome is NodeOutcome.UNKNOWN


def _too_late(result: NodeResult, known: NodeResult | None) -> NodeResult:
    if result.outcome in SETTLED:
        return result
    if known is not None and _is_unknown(known):
        return known
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
