"""The sends of a run as they are planned, given up, and turned into node results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from bot.core.errors import AwsError, ConfigurationError, PatchbotError
from bot.core.ledger import Change
from bot.core.marks import mark, snapshot_id
from bot.core.nodes import NodeKey
from bot.core.plans import Batch
from bot.core.running import about_dispatch
from bot.core.runs import (
    RUN,
    SETTLED,
    VERIFY,
    Dispatch,
    DispatchState,
    NodeOutcome,
    NodeResult,
    Run,
    RunState,
)
from bot.worker.context import Context


def planned_sends(
    ctx: Context, run: Run, batches: Iterable[Batch], purpose: str
) -> tuple[Dispatch, ...]:
    """The sends of these batches, each with the mark that it will carry."""
    ledger = ctx.ledger.head().ledger
    snapshot = snapshot_id(ledger, run.id)
    return tuple(
        Dispatch(
            run=run.id,
            batch=batch,
            purpose=purpose,
            state=DispatchState.PLANNED,
            mark=mark(
                ctx.key,
                ledger=ledger,
                run=run.id,
                purpose=purpose,
                batch=batch.number,
                digest=run.digest,
            ),
            snapshot_id=snapshot,
        )
        for batch in batches
    )


def of_purpose(sends: Iterable[Dispatch], purpose: str) -> tuple[Dispatch, ...]:
    """Those sends that are for that."""
    return tuple(one for one in sends if one.purpose == purpose)


def purpose_of(run: Run) -> str:
    """What a run in its present state may send."""
    return VERIFY if run.state is RunState.VERIFYING else RUN


def awaited(ctx: Context, sends: Iterable[Dispatch]) -> tuple[Dispatch, ...]:
    """Those sends whose outcome is still waited for.

    One that AWS has, and on each node of which somebody has given up, is still asked for but holds nothing up.
    """
    known: dict[str, dict[NodeKey, NodeResult]] = {}
    found = []
    for one in sends:
        if one.state is DispatchState.SENT:
            if one.purpose not in known:
                results = ctx.ledger.results(one.run, one.purpose)
                known[one.purpose] = {each.key: each for each in results}
            if not is_given_up(one, known[one.purpose]):
                found.append(one)
        elif one.state is DispatchState.SENDING:
            found.append(one)
    return tuple(found)


def cancel_sent(ctx: Context, run: Run, sends: Iterable[Dispatch]) -> PatchbotError | None:
    """Ask AWS to cancel what it has of these. Returns the first that could not be asked for.

    It may be repeated; that it was asked for is in the audit since the click.
    """
    trouble: PatchbotError | None = None
    for one in sends:
        sent = one.state is DispatchState.SENT
        if sent and ctx.memory.due(("cancel", one.command_id), ctx.timing.look_again):
            try:
                ctx.commands.cancel(ctx.target_of(run, one), one.command_id)
            except (AwsError, ConfigurationError) as error:
                trouble = trouble or error
    return trouble


def is_given_up(one: Dispatch, results: Mapping[NodeKey, NodeResult]) -> bool:
    """Whether nobody waits for a node of it any more, though AWS has not told of each."""
    place = (one.batch.account, one.batch.region)
    found = [results.get(NodeKey(*place, each)) for each in one.sent_ids]
    return all(each is not None and each.outcome in SETTLED for each in found)


def drop_planned(
    change: Change, run: Run, sends: Sequence[Dispatch], *, why: str
) -> tuple[tuple[Dispatch, ...], tuple[NodeResult, ...]]:
    """Give up what was never sent. Returns the sends and node results that became of it."""
    dropped = tuple(
        replace(one, state=DispatchState.DROPPED, reason=why)
        for one in sends
        if one.state is DispatchState.PLANNED
    )
    results: list[NodeResult] = []
    for one in dropped:
        entry = about_dispatch(one, "dropped", {"why": why, "nodes": len(one.batch.instance_ids)})
        change.move_dispatch(one, was=DispatchState.PLANNED, entries=[entry])
        if one.purpose == RUN:
            results += results_of(one, one.batch.instance_ids, NodeOutcome.SKIPPED, why)
    change.save_results(run.id, RUN, results)
    return dropped, tuple(results)


def results_of(
    one: Dispatch, instance_ids: Sequence[str], outcome: NodeOutcome, reason: str = ""
) -> list[NodeResult]:
    """The same result for these nodes of a send."""
    place = (one.batch.account, one.batch.region)
    return [NodeResult(NodeKey(*place, each), outcome, reason) for each in instance_ids]
