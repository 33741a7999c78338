"""How a run ends: its last state, its receipt, the line in the audit and the messages, all in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.core import receipts
from bot.core.ledger import Change
from bot.core.nodes import NodeKey
from bot.core.plans import Plan
from bot.core.receipts import Rescan
from bot.core.requests import Request
from bot.core.running import about_run, moved
from bot.core.runs import RUN, Dispatch, NodeResult, Run, RunState
from bot.services import noticing
from bot.worker.context import Context
from bot.worker.sends import drop_planned


def end(
    ctx: Context,
    change: Change,
    run: Run,
    *,
    state: RunState,
    why: str,
    told_as: str = "",
    rescans: Mapping[NodeKey, Rescan] | None = None,
    dispatches: Sequence[Dispatch] = (),
    results: Sequence[NodeResult] = (),
    because: str = "",
) -> None:
    """End the run; the audit names it by its last state or `told_as`, `because` says why nodes were not scanned again.

    `dispatches` and `results` are those that the same transaction changed.
    """
    sends = _with(ctx.ledger.dispatches(run.id), dispatches)
    request, plan, _ = ctx.known(run)
    ended = moved(run, state, ctx.clock(), why=why)
    known = {one.key: one for one in ctx.ledger.results(run.id, RUN)}
    known |= {one.key: one for one in results}
    receipt = receipts.receipt(
        ended,
        request,
        plan,
        dispatches=sends,
        results=known,
        rescans=rescans or {},
        because=because,
    )
    change.save_run(ended, [about_run(ended, told_as or state.value, receipts.summary(receipt))])
    change.save_receipt(
        run.id, receipt, [about_run(ended, "receipt_written", receipts.seal(receipt))]
    )
    show_run(ctx, change, ended, request)
    rules = ctx.rules_for_messages(run.environment)
    noticing.show(change, noticing.receipt(ended, request, rules))
    noticing.show(change, noticing.gates(ctx.ledger.notices(), run))
    ctx.ended(run.environment)


def give_up(ctx: Context, change: Change, run: Run, plan: Plan, *, why: str) -> None:
    """Nothing more may be sent: what was sent is verified, a run that sent nothing is abandoned."""
    sends = ctx.ledger.dispatches(run.id)
    dropped, results = drop_planned(change, run, sends, why=why)
    if all(one.sending_at is None for one in sends):
        end(
            ctx,
            change,
            run,
            state=RunState.ABANDONED,
            why=why,
            dispatches=dropped,
            results=results,
        )
        return
    body = {"why": why, "dropped": len(results), "nodes": len(plan.nodes)}
    verify(ctx, change, run, "given_up", body, why=why)


def verify(
    ctx: Context, change: Change, run: Run, what: str, body: Mapping[str, object], *, why: str = ""
) -> Run:
    """Nothing more is installed: a scan shows what was. It gets its own time, however late it is.

    It has what is left of the run's time, too, for sends may still be at work. A run that was stopped has waited for
    them, and of an environment that left the configuration nothing can be heard: these do not wait for that.
    """
    now = ctx.clock()
    until = now + ctx.timing.verify_limit
    if not run.cancelled_by and ctx.knows(run.environment):
        until = max(run.deadline, until)
    going = moved(run, RunState.VERIFYING, now, why=why, deadline=until)
    change.save_run(going, [about_run(going, what, body)])
    show_run(ctx, change, going)
    noticing.show(change, noticing.gates(ctx.ledger.notices(), run))
    return going


def show_run(ctx: Context, change: Change, run: Run, request: Request | None = None) -> None:
    """Have the live card drawn anew."""
    request = request or ctx.ledger.request(run.request)
    if request is not None:
        rules = ctx.rules_for_messages(run.environment)
        noticing.show(change, noticing.about_run(run, request, rules))


def _with(sends: Sequence[Dispatch], changed: Sequence[Dispatch]) -> tuple[Dispatch, ...]:
    newer = {one.subject: one for one in changed}
    return tuple(newer.get(one.subject, one) for one in sends)
