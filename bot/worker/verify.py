"""The proof after the last wave: a scan of every node that was touched, and a receipt made of what it found."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from bot.core.environments import Target
from bot.core.errors import AwsError, ConfigurationError, PatchbotError
from bot.core.nodes import NodeKey, Patch, PatchState
from bot.core.plans import BATCH, Batch, Operation, Plan
from bot.core.receipts import Rescan, ending
from bot.core.running import about_run, is_stuck, moved
from bot.core.runs import RUN, VERIFY, Dispatch, DispatchState, NodeOutcome, Run, RunState
from bot.worker.context import Context
from bot.worker.dispatch import dispatch
from bot.worker.ending import end, show_run
from bot.worker.reboots import all_back
from bot.worker.sends import awaited, cancel_sent, drop_planned, of_purpose, planned_sends

_TOUCHED = {DispatchState.SENT, DispatchState.DONE, DispatchState.UNKNOWN}
TIME_PASSED = "time_passed"
"""What the audit calls it when the time limit of a run passed and only its scan is left."""
DETAILED = 500
"""Nodes whose open patches are read one by one for the receipt; the rest is told in numbers."""
CALLS_AT_ONCE = 8


def step(ctx: Context, run: Run) -> None:
    """Bring the proof one step on. Raises AwsError and SlackError: it is tried again until the time limit."""
    _, plan = ctx.sealed(run)
    every = ctx.ledger.dispatches(run.id)
    sends, scans = of_purpose(every, RUN), of_purpose(every, VERIFY)
    if run.cancelled_by and (trouble := cancel_sent(ctx, run, sends)) is not None:
        raise trouble
    if any(one.state is DispatchState.PLANNED for one in sends):
        with ctx.ledger.change() as change:
            drop_planned(change, run, sends, why=run.why or "its wave was left by hand")
    elif awaited(ctx, sends):
        return
    elif plan.operation is Operation.SCAN:
        _finish(ctx, run, plan, sends)
    elif not scans and plan.reboots and not all_back(ctx, run, sends):
        return
    elif not scans and (batches := tuple(_batches(sends))):
        _plan_scans(ctx, run, batches)
    else:
        _scan(ctx, run, plan, scans)


def _plan_scans(ctx: Context, run: Run, batches: Sequence[Batch]) -> None:
    """Plan them, with time for them also where little is left: somebody may have decided late about the last gate."""
    scans = planned_sends(ctx, run, batches, VERIFY)
    entry = about_run(run, "verification_planned", {"sends": len(scans)})
    until = ctx.clock() + ctx.timing.verify_limit
    with ctx.ledger.change() as change:
        change.add_dispatches(scans, [entry])
        if run.deadline < until:
            run = moved(run, run.state, ctx.clock(), why=run.why, deadline=until)
            change.save_run(run, [about_run(run, "prolonged", {"until": until.isoformat()})])
        show_run(ctx, change, run)


def _batches(sends: Sequence[Dispatch]) -> list[Batch]:
    """Every node that AWS was, or may have been, given; one wave."""
    places: dict[tuple[str, str], list[str]] = {}
    for one in sends:
        if one.state in _TOUCHED:
            place = places.setdefault((one.batch.account, one.batch.region), [])
            place += one.sent_ids
    chunks = [
        (place, ids[start : start + BATCH])
        for place, ids in sorted(places.items())
        for start in range(0, len(ids), BATCH)
    ]
    return [
        Batch(number, 1, account, region, tuple(ids))
        for number, ((account, region), ids) in enumerate(chunks, start=1)
    ]


def _scan(ctx: Context, run: Run, plan: Plan, scans: Sequence[Dispatch]) -> None:
    planned = [one for one in scans if one.state is DispatchState.PLANNED]
    if planned:
        dispatch(ctx, run, planned[0])
    elif not awaited(ctx, scans):
        _finish(ctx, run, plan, scans)


def _finish(ctx: Context, run: Run, plan: Plan, scans: Sequence[Dispatch]) -> None:
    """End the run once the patch states of all scanned nodes are there, or have been waited for."""
    if not ctx.memory.due(("report", "read", run.id), ctx.timing.report_every):
        return
    try:
        rescans = read(ctx, run, scans)
    except (AwsError, ConfigurationError) as error:
        ctx.memory.keep(("unread", run.id), error.message)
        raise
    scanned = {
        one.key
        for one in ctx.ledger.results(run.id, scans[0].purpose if scans else VERIFY)
        if one.outcome is NodeOutcome.SUCCESS
    }
    late = ctx.memory.since(("report", run.id)) >= ctx.timing.report_grace
    if scanned - rescans.keys() and not late:
        return
    results = {one.key: one for one in ctx.ledger.results(run.id, RUN)}
    because = missing(ctx, run, scans)
    late = time_passed(ctx, run)
    state, why = ending(run, plan, results, rescans, in_time=not late, because=because)
    held = "" if is_stuck(run.why) else run.why
    told = _both(held, why.removeprefix("the time limit passed; ") if late else why)
    back = [
        replace(one, back_online=True)
        for one in results.values()
        if one.back_online is False and one.key in rescans
    ]
    with ctx.ledger.change() as change:
        change.save_results(run.id, RUN, back)
        end(ctx, change, run, state=state, why=told, rescans=rescans, results=back, because=because)


def time_passed(ctx: Context, run: Run) -> bool:
    """Whether its time limit passed, so that only its scan was left."""
    return bool(ctx.ledger.audit(subject=f"run/{run.id}", kind=f"run.{TIME_PASSED}", limit=1))


def may_be_scanned(ctx: Context, run: Run, plan: Plan, sends: Sequence[Dispatch]) -> bool:
    """Whether the time of a scan is still to come, now that the limit passed: each run has it once."""
    if run.state is not RunState.VERIFYING:
        return True
    scanned = plan.operation is Operation.SCAN or bool(of_purpose(sends, VERIFY))
    return not (scanned or time_passed(ctx, run))


def last_read(ctx: Context, run: Run) -> Mapping[NodeKey, Rescan]:
    """What this process last read of the scan after the run."""
    kept = ctx.memory.kept(("rescans", run.id), for_at_most=math.inf)
    return kept if isinstance(kept, Mapping) else {}


def missing(ctx: Context, run: Run, every: Sequence[Dispatch]) -> str:
    """Why nodes of the run were not scanned again, or what the scan found is not known; empty when all is well."""
    scans = of_purpose(every, VERIFY)
    kept = ctx.memory.kept(("unread", run.id), for_at_most=math.inf)
    if isinstance(kept, str) and kept:
        return f"what the scan found cannot be read: {kept.rstrip('.')}"
    for one in scans:
        if one.state is DispatchState.REFUSED:
            return f"AWS refused the scan: {one.reason.rstrip('.')}"
        if one.state is DispatchState.UNKNOWN:
            return "AWS gave no answer to the scan"
        if one.state is DispatchState.PLANNED:
            return "the scan could not be sent in time"
        if one.state is DispatchState.DROPPED:
            return "none of its nodes could be reached for a scan"
    results = ctx.ledger.results(run.id, VERIFY)
    reason = next((one.reason for one in results if one.reason), "")
    if reason:
        return f"the scan failed on a node: {reason}"
    if any(one.outcome is not NodeOutcome.SUCCESS for one in results):
        return "the scan had no outcome in time"
    return "" if scans else "no scan could be sent in time"


def read(ctx: Context, run: Run, scans: Sequence[Dispatch]) -> Mapping[NodeKey, Rescan]:
    """The patch states that these scans, or later ones, have written.

    What could be read is kept, then it raises AwsError or ConfigurationError for the place that could not.
    """
    states: dict[NodeKey, tuple[Target, PatchState]] = {}
    troubles: list[PatchbotError] = []
    environment = ctx.environment(run.environment)
    for target, sends in _by_target(ctx, run, scans).items():
        by_node = {
            NodeKey(one.batch.account, one.batch.region, each): one
            for one in sends
            for each in one.sent_ids
        }
        try:
            for seen in ctx.compliance.read_target(environment, target).observations:
                scan = by_node.get(seen.node.key)
                if scan is None or seen.state is None or not _is_newer(seen.state, scan):
                    continue
                states[seen.node.key] = (target, seen.state)
        except AwsError as error:
            troubles.append(error)
    ctx.memory.keep(("unread", run.id), "")
    ctx.memory.keep(("rescans", run.id), {key: Rescan(one) for key, (_, one) in states.items()})
    open_ones = [key for key, (_, state) in states.items() if state.missing or state.failed]
    patches: dict[NodeKey, tuple[Patch, ...]] = {}
    if detailed := open_ones[:DETAILED]:
        with ThreadPoolExecutor(CALLS_AT_ONCE) as pool:
            lists = pool.map(lambda key: ctx.compliance.patches(key, states[key][0]), detailed)
            patches = dict(zip(detailed, lists, strict=True))
    found = {key: Rescan(state, patches.get(key)) for key, (_, state) in states.items()}
    ctx.memory.keep(("rescans", run.id), found)
    if troubles:
        raise troubles[0]
    return found


def _by_target(ctx: Context, run: Run, scans: Sequence[Dispatch]) -> dict[Target, list[Dispatch]]:
    targets: dict[Target, list[Dispatch]] = {}
    for one in scans:
        if one.sent_ids:
            targets.setdefault(ctx.target_of(run, one), []).append(one)
    return targets


def _is_newer(state: PatchState, scan: Dispatch) -> bool:
    """Whether the state was written by our scan, which its snapshot tells, or by a later one."""
    if state.operation != Operation.SCAN.value:
        return False
    began = state.operation_start_time
    later = began is not None and scan.sending_at is not None and began > scan.sending_at
    return state.snapshot_id == scan.snapshot_id or later


def _both(first: str, second: str) -> str:
    return "; ".join(part for part in (first, second) if part)
