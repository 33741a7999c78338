"""What the ledger says for a digest: what waits, what runs, what ended, and which nodes the runs touched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.core.causes import RunOnNodes
from bot.core.digest_reports import ApprovalLine, RunLine
from bot.core.ledger import Ledger, why_frozen
from bot.core.plans import Operation
from bot.core.runs import RUN, NodeOutcome, Run

UNTOUCHED: Final = frozenset(
    {NodeOutcome.PENDING, NodeOutcome.RUNNING, NodeOutcome.SKIPPED, NodeOutcome.CANCELLED}
)


@dataclass(frozen=True, slots=True)
class Written:
    """What the ledger says. `evidence` are the runs since the last digest, `installs` those of a longer time."""

    approvals: tuple[ApprovalLine, ...] = ()
    runs: tuple[RunLine, ...] = ()
    ended: tuple[RunLine, ...] = ()
    evidence: tuple[RunOnNodes, ...] = ()
    installs: tuple[RunOnNodes, ...] = ()
    head: str = ""
    read_only: str = ""


def written(
    ledger: Ledger,
    environment: str,
    started: datetime | None,
    since: datetime | None,
    now: datetime,
    *,
    installs_since: datetime,
) -> Written:
    """What it says of an environment at `now`. `started` is the moment that is compared with, `since` the last digest;
    None for either is the beginning. Raises StorageError.
    """
    runs = ledger.runs(environment=environment)
    oldest = min(started, installs_since) if started is not None else None
    touched = {
        run.id: found
        for run in runs
        if run.is_open or _ended_after(run, oldest)
        if (found := _evidence(ledger, run, now)) is not None
    }
    recent = [run.id for run in runs if run.is_open or _ended_after(run, started)]
    return Written(
        tuple(_approvals(ledger, environment)),
        tuple(_run_line(ledger, run) for run in runs if run.is_open),
        tuple(_run_line(ledger, run) for run in runs if _ended_after(run, since)),
        tuple(touched[name] for name in recent if name in touched),
        tuple(one for one in touched.values() if one.installs and one.ended_at > installs_since),
        ledger.head().code,
        why_frozen(ledger),
    )


def _ended_after(run: Run, moment: datetime | None) -> bool:
    return run.ended_at is not None and (moment is None or run.ended_at > moment)


def _approvals(ledger: Ledger, environment: str) -> Iterator[ApprovalLine]:
    """The requests that wait, the next to expire first."""
    waiting = [one for one in ledger.requests(only_open=True) if one.environment == environment]
    for one in sorted(waiting, key=lambda request: (request.expires_at, request.id)):
        plan = ledger.plan(one.digest)
        yield ApprovalLine(
            id=one.id,
            code=one.code,
            operation=one.operation,
            nodes=len(plan.nodes) if plan is not None else 0,
            lacking=one.lacking,
            created_at=one.created_at,
            expires_at=one.expires_at,
        )


def _run_line(ledger: Ledger, run: Run) -> RunLine:
    plan, receipt = ledger.plan(run.digest), ledger.receipt(run.id) or {}
    nodes, patches = receipt.get("nodes", {}), receipt.get("patches", {})
    return RunLine(
        id=run.id,
        state=run.state,
        operation=plan.operation if plan is not None else Operation.INSTALL,
        nodes=len(plan.nodes) if plan is not None else 0,
        why=run.why,
        rehearsal=run.rehearsal,
        started_at=run.started_at,
        ended_at=run.ended_at,
        clean=nodes.get("clean"),
        closed=patches.get("closed"),
        still_open=patches.get("open"),
        not_back=nodes.get("not_back"),
    )


def _evidence(ledger: Ledger, run: Run, now: datetime) -> RunOnNodes | None:
    """What a run did to which nodes, up to now where it is under way; None for one that touched none."""
    plan = ledger.plan(run.digest)
    if plan is None or run.started_at is None or run.rehearsal:
        return None
    results = [one for one in ledger.results(run.id, RUN) if one.outcome not in UNTOUCHED]
    return RunOnNodes(
        run.id,
        run.started_at,
        run.ended_at or now,
        plan.operation is Operation.INSTALL,
        frozenset(one.key for one in results),
        frozenset(one.key for one in results if one.outcome is not NodeOutcome.SUCCESS),
    )
