"""What became of sends without an answer: looked for among AWS's commands, adopted when found. Never sends.

Lists of AWS lag behind, so nothing is looked for before it has settled, and a send that is not found is `unknown`,
not unsent: it is looked for until AWS forgets commands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.core.audit import canonical
from bot.core.commands import SentCommand
from bot.core.errors import AwsError, ConfigurationError, PatchbotError
from bot.core.marks import is_ours
from bot.core.plans import Plan
from bot.core.running import about_dispatch
from bot.core.runs import Dispatch, DispatchState, NodeOutcome, Run
from bot.worker.context import Context
from bot.worker.dispatch import operation_of
from bot.worker.ending import show_run
from bot.worker.sends import results_of


def reconcile(ctx: Context, run: Run) -> None:
    """Look for every send of the run whose answer is missing.

    A place that cannot be read does not hide the others: they are looked at first, then it raises AwsError, or
    ConfigurationError for a place that is gone.
    """
    due = [one for one in ctx.ledger.dispatches(run.id) if _is_due(ctx, one)]
    if not due:
        return
    _, plan = ctx.sealed(run)
    troubles: list[PatchbotError] = []
    for one in due:
        try:
            _look_for(ctx, run, one, plan)
        except (AwsError, ConfigurationError) as error:
            troubles.append(error)
    if troubles:
        raise troubles[0]


def _is_due(ctx: Context, one: Dispatch) -> bool:
    if one.sending_at is None:
        return False
    if one.state is DispatchState.SENDING:
        return ctx.clock() - one.sending_at >= ctx.timing.settle
    if one.state is DispatchState.UNKNOWN:
        return ctx.memory.due(("look", one.subject), ctx.timing.look_again)
    return False


def _look_for(ctx: Context, run: Run, one: Dispatch, plan: Plan) -> None:
    if one.sending_at is None:
        return
    if ctx.clock() - one.sending_at > ctx.timing.history and not ctx.clock_watch.doubt():
        _history_is_over(ctx, run, one)
        return
    target = ctx.target_of(run, one)
    since = one.sending_at - ctx.timing.looks_back
    operation = operation_of(one, plan)
    found = {
        command.command_id: command
        for command in ctx.commands.find(target, since=since)
        if is_ours(command, one, document=plan.document, operation=operation)
    }
    if len(found) == 1:
        _adopt(ctx, run, one, *found.values())
    elif found:
        _alarm(ctx, run, one, sorted(found))
    else:
        _not_found(ctx, run, one, f"AWS gave no answer, and has no command {one.mark}")


def _adopt(ctx: Context, run: Run, one: Dispatch, command: SentCommand) -> None:
    ids = one.sent_ids or command.instance_ids
    sent = replace(
        one, state=DispatchState.SENT, command_id=command.command_id, sent_ids=ids, reason=""
    )
    with ctx.ledger.change() as change:
        entry = about_dispatch(
            sent, "adopted", {"command_id": command.command_id, "mark": one.mark}
        )
        change.move_dispatch(sent, was=one.state, entries=[entry])
        pending = results_of(sent, ids, NodeOutcome.PENDING)
        change.save_results(one.run, one.purpose, pending)
        show_run(ctx, change, run)


def _alarm(ctx: Context, run: Run, one: Dispatch, command_ids: Sequence[str]) -> None:
    """Two commands with our mark: somebody has the key, or a rule of ours was broken. Nothing is adopted."""
    why = f"AWS has {len(command_ids)} commands with this mark: {', '.join(command_ids)}"
    alarm = about_dispatch(one, "duplicated", {"command_ids": list(command_ids), "mark": one.mark})
    told = ctx.ledger.audit(subject=alarm.subject, kind=alarm.kind, limit=1)
    if not any(link.body == canonical(alarm.body) for link in told):
        with ctx.ledger.change() as change:
            change.audit(alarm)
    _not_found(ctx, run, one, why)


def _not_found(ctx: Context, run: Run, one: Dispatch, why: str) -> None:
    if one.state is not DispatchState.SENDING:
        return
    unknown = replace(one, state=DispatchState.UNKNOWN, reason=why)
    with ctx.ledger.change() as change:
        change.move_dispatch(
            unknown, was=one.state, entries=[about_dispatch(unknown, "unknown", {"why": why})]
        )
        ids = one.sent_ids or one.batch.instance_ids
        results = results_of(one, ids, NodeOutcome.UNKNOWN, "AWS gave no answer to the send")
        change.save_results(one.run, one.purpose, results)
        show_run(ctx, change, run)


def _history_is_over(ctx: Context, run: Run, one: Dispatch) -> None:
    """AWS has forgotten whether it ran; so nobody can tell any more."""
    why = "AWS keeps commands for 30 days; nobody can tell any more whether it ran"
    if one.state is DispatchState.SENDING:
        _not_found(ctx, run, one, why)
        return
    done = replace(one, state=DispatchState.DONE, reason=why)
    with ctx.ledger.change() as change:
        change.move_dispatch(
            done, was=one.state, entries=[about_dispatch(done, "history_expired", {"why": why})]
        )
        show_run(ctx, change, run)
