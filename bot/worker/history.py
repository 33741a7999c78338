"""Jobs that keep history: a snapshot of each environment a day and after each run, and the patches of its nodes.

What is to do stands in history.db and in the ledger. Days on which patchbot did not run stay missing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from bot.core.errors import Stopping
from bot.core.ledger import Ledger
from bot.core.ports import Clock
from bot.core.runs import Run
from bot.services.history import History
from bot.worker.context import Memory
from bot.worker.loop import Job
from bot.worker.timing import Timing

AFTER_RUN = timedelta(days=1)
"""Later than this after its end a snapshot would say nothing of a run."""


def jobs(
    history: History, ledger: Ledger, *, clock: Clock, memory: Memory, timing: Timing
) -> tuple[Job, ...]:
    """Snapshots first: what they read is what details are collected by."""

    def without_daily() -> tuple[str, ...]:
        return tuple(
            name
            for name in history.environments
            if memory.due(("daily", name), timing.history_retry) and wants_daily(name)
        )

    def wants_daily(name: str) -> bool:
        today = history.today(name)
        if today is None:
            return True
        return not today.complete and memory.due(("again", name), timing.history_again)

    def without_snapshot() -> tuple[str, ...]:
        if not memory.due("runs", timing.history_every):
            return ()
        return tuple(run.id for run in ledger.runs() if wants_snapshot(run))

    def wants_snapshot(run: Run) -> bool:
        ended = run.ended_at
        if ended is None or run.started_at is None or run.rehearsal:
            return False
        if clock() - ended > AFTER_RUN or run.environment not in history.environments:
            return False
        return not history.has_run(run.environment, run.id, since=ended)

    def after_run(run_id: str) -> None:
        run = ledger.run(run_id)
        if run is not None:
            history.record(run.environment, run=run.id, not_before=run.ended_at)

    def uncollected() -> tuple[str, ...]:
        names = history.environments
        return tuple(name for name in names if memory.due(("bite", name), timing.history_every))

    return (
        Job("daily snapshot", without_daily, _until_stopped(history.record)),
        Job("snapshot after a run", without_snapshot, _until_stopped(after_run)),
        Job("patch details", uncollected, _until_stopped(history.collect)),
    )


def _until_stopped(act: Callable[[str], object]) -> Callable[[str], None]:
    def on(subject: str) -> None:
        try:
            act(subject)
        except Stopping:
            return  # the next start does it

    return on
