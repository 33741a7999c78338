"""A run that does not go on because a job of it keeps failing: its card says so, and why, until it goes on again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.core.running import STUCK, about_run, is_stuck, moved
from bot.worker.context import Context
from bot.worker.ending import show_run
from bot.worker.loop import Failure

_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Stuck:
    """Tells of runs whose jobs fail, `failures` being those of the worker at present."""

    context: Context
    failures: Callable[[], Sequence[Failure]]

    def tell(self, run_id: str) -> None:
        """Write down what holds the run, once it has for `Timing.tell_stuck` seconds; and take it back afterwards."""
        ctx = self.context
        run = ctx.ledger.run(run_id)
        if run is None or not run.is_open or (run.why and not is_stuck(run.why)):
            return
        why = self._why(run_id)
        if why == run.why:
            return
        told = moved(run, run.state, ctx.clock(), why=why)
        entry = about_run(told, "stuck" if why else "going_on", {"why": why or run.why})
        with ctx.ledger.change() as change:
            change.save_run(told, [entry])
            show_run(ctx, change, told)

    def _why(self, run_id: str) -> str:
        ctx = self.context
        long = [
            one
            for one in self.failures()
            if one.subject == run_id and ctx.monotonic() - one.since >= ctx.timing.tell_stuck
        ]
        if not long:
            return ""
        first = min(long, key=lambda one: one.since)
        said = first.told or "something went wrong on patchbot's side; its log has it"
        return f"{STUCK}{said}"[:_LONGEST]
