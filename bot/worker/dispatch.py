"""The only path on which a command leaves: intent on disk, one send, result on disk.

SendCommand has no client token. So whatever is not surely refused stays `sending` and is looked for by the reconciler;
nothing here ever sends a batch a second time after AWS may have taken it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bot.core.audit import Entry
from bot.core.commands import NotSent, Order, OutcomeUnknown
from bot.core.environments import Target
from bot.core.errors import ConfigurationError, NotAllowed, SlackError
from bot.core.ledger import Change
from bot.core.marks import is_ours
from bot.core.plans import Operation, Plan, RebootOption
from bot.core.requests import Request
from bot.core.running import about_dispatch, about_run, moved
from bot.core.runs import RUN, Dispatch, DispatchState, NodeOutcome, Run, RunState
from bot.worker.context import Context
from bot.worker.ending import give_up, show_run
from bot.worker.roll import Roll, call
from bot.worker.sends import drop_planned, results_of
from bot.worker.standing import Word, hindrance, standing


def dispatch(ctx: Context, run: Run, one: Dispatch) -> None:
    """Send one planned batch, or find that it must not be sent. Raises AwsError, SlackError, StorageError: not sent.

    Everything that is read from outside is read before the intent; within its transaction only the ledger is.
    """
    request, plan = ctx.sealed(run)
    if one.purpose == RUN and (lost := _place_lost(ctx, run, one)):
        _give_up(ctx, run, plan, why=lost)
        return
    environment, target = ctx.environment(run.environment), ctx.target_of(run, one)
    if _is_there_already(ctx, target, one, request, plan):
        _remember(ctx, one, request)
        return
    wave = f"{one.purpose} {run.id}/{run.wave}"
    roll = call(ctx, environment, target, one.batch.instance_ids, during=wave)
    backers = _backers(ctx, one, request)
    began = ctx.monotonic()
    intent = _intend(ctx, one, plan, roll=roll, backers=backers)
    if intent is not None:
        _send(ctx, target, intent, request, plan, began=began)


def order(one: Dispatch, plan: Plan) -> Order:
    """What is sent: the sealed parameters, and for a verification their Scan."""
    operation = operation_of(one, plan)
    scan = operation is Operation.SCAN
    return Order(
        instance_ids=one.sent_ids,
        operation=operation,
        reboot_option=RebootOption.NO_REBOOT if scan else plan.reboot_option,
        document=plan.document,
        snapshot_id=one.snapshot_id,
        mark=one.mark,
        max_concurrency="50" if one.purpose != RUN else plan.limits.max_concurrency,
        max_errors="100%" if one.purpose != RUN else plan.limits.max_errors,
    )


def operation_of(one: Dispatch, plan: Plan) -> Operation:
    """What a send of the plan does."""
    return plan.operation if one.purpose == RUN else Operation.SCAN


def _place_lost(ctx: Context, run: Run, one: Dispatch) -> str:
    """Why there is nowhere to send to any more; empty while the configuration has the place."""
    try:
        ctx.target_of(run, one)
    except ConfigurationError as error:
        return error.message.rstrip(".")
    return ""


def _give_up(ctx: Context, run: Run, plan: Plan, *, why: str) -> None:
    with ctx.ledger.change() as change:
        found = ctx.ledger.run(run.id)
        if found is not None and found.state is RunState.RUNNING:
            give_up(ctx, change, found, plan, why=why)


def _is_there_already(
    ctx: Context, target: Target, one: Dispatch, request: Request, plan: Plan
) -> bool:
    """Whether AWS has a command with this mark, which only a ledger restored from a backup does not know of."""
    since = request.created_at - ctx.timing.looks_back
    return any(
        is_ours(found, one, document=plan.document, operation=operation_of(one, plan))
        for found in ctx.commands.find(target, since=since)
    )


def _remember(ctx: Context, one: Dispatch, request: Request) -> None:
    """Take it for sent at an unknown moment; the reconciler finds which command it is."""
    with ctx.ledger.change() as change:
        sending = replace(one, state=DispatchState.SENDING, sending_at=request.created_at)
        why = "AWS has a command with this mark already: the ledger was restored from a backup"
        entry = about_dispatch(sending, "found_unrecorded", {"why": why, "mark": one.mark})
        change.move_dispatch(sending, was=DispatchState.PLANNED, entries=[entry])


def _intend(
    ctx: Context, one: Dispatch, plan: Plan, *, roll: Roll, backers: frozenset[str]
) -> Dispatch | None:
    """Commit the intent. None when nothing may be sent; then the same transaction says why."""
    with ctx.ledger.change() as change:
        run = ctx.ledger.run(one.run)
        if run is None:
            return None
        found = standing(ctx, run, one, plan, roll=roll, backers=backers)
        if found.word is Word.VOID:
            give_up(ctx, change, run, plan, why=found.why)
        elif found.word is Word.HOLD:
            hold(ctx, change, run, why=found.why)
        elif found.word is Word.GO:
            return _commit(ctx, change, run, one, plan, roll=roll, backers=backers)
    return None


def _commit(
    ctx: Context,
    change: Change,
    run: Run,
    one: Dispatch,
    plan: Plan,
    *,
    roll: Roll,
    backers: frozenset[str],
) -> Dispatch | None:
    if not roll.present:
        drop_planned(change, run, [one], why="none of its nodes is left to send to")
        _note_dropped(change, one, roll)
        return None
    _note_dropped(change, one, roll)
    if plan.rehearsal:
        _rehearse(change, one, plan, roll)
        return None
    intent = replace(
        one, state=DispatchState.SENDING, sent_ids=roll.present, sending_at=ctx.clock()
    )
    change.move_dispatch(
        intent, was=DispatchState.PLANNED, entries=[_intended(intent, plan, backers)]
    )
    pending = results_of(intent, intent.sent_ids, NodeOutcome.PENDING)
    change.save_results(run.id, intent.purpose, pending)
    if run.why and one.purpose == RUN:
        resumed = moved(run, run.state, ctx.clock())
        change.save_run(resumed, [about_run(resumed, "resumed", {"was_held_by": run.why})])
    show_run(ctx, change, run)
    return intent


def hold(ctx: Context, change: Change, run: Run, *, why: str) -> None:
    """Write down what a run waits for, once."""
    if run.why != why:
        held = moved(run, run.state, ctx.clock(), why=why)
        change.save_run(held, [about_run(held, "held", {"why": why})])
        show_run(ctx, change, held)


def _note_dropped(change: Change, one: Dispatch, roll: Roll) -> None:
    for instance_id, why in roll.dropped.items():
        change.audit(about_dispatch(one, "node_dropped", {"node": instance_id, "why": why}))
        change.save_results(
            one.run, one.purpose, results_of(one, [instance_id], NodeOutcome.SKIPPED, why)
        )


def _rehearse(change: Change, one: Dispatch, plan: Plan, roll: Roll) -> None:
    dropped = replace(
        one,
        state=DispatchState.DROPPED,
        sent_ids=roll.present,
        reason="a rehearsal: it would have been sent",
    )
    entry = about_dispatch(dropped, "rehearsed", _body(dropped, plan))
    change.move_dispatch(dropped, was=DispatchState.PLANNED, entries=[entry])
    change.save_results(
        one.run,
        one.purpose,
        results_of(one, roll.present, NodeOutcome.SKIPPED, "a rehearsal: it was not sent"),
    )


def _intended(one: Dispatch, plan: Plan, backers: frozenset[str]) -> Entry:
    return about_dispatch(one, "intended", {**_body(one, plan), "approvers": sorted(backers)})


def _body(one: Dispatch, plan: Plan) -> dict[str, object]:
    sent = order(one, plan)
    return {
        "digest": plan.digest,
        "wave": one.batch.wave,
        "account": one.batch.account,
        "region": one.batch.region,
        "instance_ids": list(sent.instance_ids),
        "operation": sent.operation.value,
        "reboot_option": sent.reboot_option.value,
        "document": f"{sent.document.name}:{sent.document.version}",
        "snapshot_id": sent.snapshot_id,
        "mark": sent.mark,
    }


def _send(
    ctx: Context, target: Target, one: Dispatch, request: Request, plan: Plan, *, began: float
) -> None:
    what, intended = order(one, plan), one.sending_at or ctx.clock()
    guard = timedelta(seconds=ctx.timing.guard)
    for attempt in range(1, ctx.timing.attempts + 1):
        try:
            command_id = ctx.commands.send(
                target,
                what,
                not_after=began + ctx.timing.guard,
                between=(intended, intended + guard),
            )
        except NotSent as refusal:
            if not refusal.may_retry or attempt == ctx.timing.attempts:
                _refused(ctx, one, refusal.message, code=refusal.code)
                return
            ctx.pause(ctx.timing.first_pause * 2 ** (attempt - 1) * (0.5 + ctx.jitter()))
            backers, unchecked = _backers_again(ctx, one, request)
            began, intended = ctx.monotonic(), ctx.clock()
            body = {"why": refusal.message, "code": refusal.code, "attempt": attempt}
            with ctx.ledger.change() as change:
                change.audit(about_dispatch(one, "throttled", body))
                why = unchecked or hindrance(ctx, one, plan, backers=backers)
                if why:
                    _refuse(change, one, why)
                    return
        except OutcomeUnknown as doubt:
            _unanswered(ctx, one, doubt)
            return
        else:
            _accepted(ctx, one, command_id)
            return


def _backers_again(ctx: Context, one: Dispatch, request: Request) -> tuple[frozenset[str], str]:
    """Who backs the send by now, or why that cannot be told: the intent is on disk, so it cannot wait for it."""
    try:
        return _backers(ctx, one, request), ""
    except (NotAllowed, SlackError) as error:
        return frozenset(), f"its approvers could not be checked again: {error.message.rstrip('.')}"


def _backers(ctx: Context, one: Dispatch, request: Request) -> frozenset[str]:
    return ctx.backers_now(request) if one.purpose == RUN else frozenset()


def _accepted(ctx: Context, one: Dispatch, command_id: str) -> None:
    with ctx.ledger.change() as change:
        sent = replace(one, state=DispatchState.SENT, command_id=command_id)
        entry = about_dispatch(sent, "accepted", {"command_id": command_id})
        change.move_dispatch(sent, was=DispatchState.SENDING, entries=[entry])


def _refused(ctx: Context, one: Dispatch, why: str, *, code: str = "") -> None:
    with ctx.ledger.change() as change:
        _refuse(change, one, why, code=code)


def _refuse(change: Change, one: Dispatch, why: str, *, code: str = "") -> None:
    refused = replace(one, state=DispatchState.REFUSED, reason=why)
    entry = about_dispatch(refused, "refused", {"why": why, "code": code})
    change.move_dispatch(refused, was=DispatchState.SENDING, entries=[entry])
    results = results_of(one, one.sent_ids, NodeOutcome.FAILED, f"it was not sent: {why}")
    change.save_results(one.run, one.purpose, results)


def _unanswered(ctx: Context, one: Dispatch, doubt: OutcomeUnknown) -> None:
    """It stays `sending`: the reconciler looks for it."""
    with ctx.ledger.change() as change:
        change.audit(about_dispatch(one, "unanswered", {"why": doubt.message, "code": doubt.code}))
