"""Whether nodes answer again after their reboot: asked before the gate of a wave, and before the scan of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.core.errors import AwsError, ConfigurationError
from bot.core.nodes import NodeKey
from bot.core.runs import RUN, Dispatch, NodeOutcome, NodeResult, Run
from bot.worker.context import Context
from bot.worker.ending import show_run


def all_back(ctx: Context, run: Run, sends: Sequence[Dispatch]) -> bool:
    """Whether it is known of each node that succeeded if it answers again after its reboot."""
    results = {one.key: one for one in ctx.ledger.results(run.id, RUN)}
    begun = ("back", run.id, *(one.batch.number for one in sends))
    patience_over = ctx.memory.since(begun) >= ctx.timing.reboot_grace
    found: list[NodeResult] = []
    waiting = False
    for one in sends:
        place = (one.batch.account, one.batch.region)
        asked = [
            each for each in one.sent_ids if _may_have_rebooted(results.get(NodeKey(*place, each)))
        ]
        online = _online(ctx, run, one, asked, patience_over=patience_over)
        for each in asked:
            result = results[NodeKey(*place, each)]
            if each in online or patience_over:
                found.append(replace(result, back_online=each in online))
            else:
                waiting = True
    if found:
        with ctx.ledger.change() as change:
            change.save_results(run.id, RUN, found)
            show_run(ctx, change, run)
    return not waiting


def _may_have_rebooted(result: NodeResult | None) -> bool:
    return (
        result is not None and result.outcome is NodeOutcome.SUCCESS and result.back_online is None
    )


def _online(
    ctx: Context, run: Run, one: Dispatch, asked: Sequence[str], *, patience_over: bool
) -> frozenset[str]:
    """Which of them answer. Who cannot be asked for is not back, once patience is over."""
    if not asked:
        return frozenset()
    try:
        nodes = ctx.commands.nodes_now(ctx.target_of(run, one), asked)
    except (AwsError, ConfigurationError):
        if not patience_over:
            raise
        nodes = ()
    return frozenset(node.instance_id for node in nodes if node.online)
