"""The worker, put together: which jobs there are, and in which order."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial

from bot.core.audit import Entry
from bot.core.environments import Environment
from bot.core.errors import StorageError
from bot.core.ledger import Ledger
from bot.core.ports import Clock, CommandGateway, ComplianceGateway
from bot.core.rules import ChangeRules
from bot.core.running import BOT
from bot.core.runs import Run, RunState
from bot.services.history import History
from bot.services.people import PersonLookup
from bot.worker import gates, late, limits, poll, reconcile, requests, starting, verify, waves
from bot.worker import history as keeping
from bot.worker.clockwatch import ClockWatch
from bot.worker.context import Context, Memory
from bot.worker.ending import show_run
from bot.worker.loop import Failure, Job, Loop
from bot.worker.stuck import Stuck
from bot.worker.timing import Timing

HISTORY_PATIENCE_S = 1.0
"""A reading for history is not waited for at the end: what it was for is done at the next start."""

_STEPS: Mapping[RunState, Callable[[Context, Run], None]] = {
    RunState.WAITING: starting.start,
    RunState.RUNNING: waves.step,
    RunState.CANCELLING: waves.stop,
    RunState.VERIFYING: verify.step,
}
"""What brings a run on. One that is paused waits for a person."""


class Worker:
    """Brings requests and runs on from what stands in the ledger; the only user of what changes AWS.

    `key` seals marks; `team` is the home team of approvers. `history` has a thread of its own: it reads whole fleets
    and holds up no run. `pause` waits within a job; by default less when it is to stop. `ended` is told the environment
    of a run that has ended.
    """

    def __init__(
        self,
        ledger: Ledger,
        commands: CommandGateway,
        compliance: ComplianceGateway,
        environments: Mapping[str, Environment],
        people: PersonLookup,
        *,
        rules: Mapping[str, ChangeRules],
        key: bytes,
        clock: Clock,
        team: str = "",
        monotonic: Callable[[], float] = time.monotonic,
        pause: Callable[[float], object] | None = None,
        jitter: Callable[[], float] = random.random,
        timing: Timing | None = None,
        history: History | None = None,
        ended: Callable[[str], object] | None = None,
    ) -> None:
        timing = timing or Timing()
        self._stopping = threading.Event()
        self._context = Context(
            ledger=ledger,
            commands=commands,
            compliance=compliance,
            environments=environments,
            rules=rules,
            people=people,
            clock=clock,
            monotonic=monotonic,
            pause=pause or self._pause,
            jitter=jitter,
            key=key,
            team=team,
            timing=timing,
            clock_watch=ClockWatch(
                clock,
                monotonic,
                jump=timing.clock_jump,
                trust_again=timing.trust_again,
                newest=ledger.newest_at(),
            ),
            memory=Memory(monotonic),
            ended=ended or (lambda _environment: None),
        )
        self._stuck = Stuck(self._context, lambda: self.troubles)
        self._runs = Loop(
            "worker",
            self._jobs(),
            monotonic=monotonic,
            progress=lambda: ledger.head().seq,
            interval=self._interval,
            record=self._record,
        )
        self._history = None if history is None else self._history_loop(history)

    def _history_loop(self, history: History) -> Loop:
        timing = self._context.timing
        return Loop(
            "history",
            keeping.jobs(
                history,
                self._context.ledger,
                clock=self._context.clock,
                memory=Memory(self._context.monotonic),
                timing=timing,
            ),
            monotonic=self._context.monotonic,
            progress=lambda: None,
            interval=lambda: timing.history_every,
            record=self._record,
        )

    def start(self) -> None:
        """Begin, in threads of its own."""
        for loop in self._every_loop:
            loop.start()

    def stop(self, timeout: float = 30.0) -> None:
        """End after the jobs under way. What they were about goes on at the next start."""
        self._stopping.set()
        self._runs.stop(timeout)
        if self._history is not None:
            self._history.stop(min(timeout, HISTORY_PATIENCE_S))

    def wake(self) -> None:
        """Somebody clicked, or something was decided: look at once. Callable from any thread."""
        self._runs.wake()

    def run_once(self) -> bool:
        """Every job once, in the caller's thread. True when anything moved."""
        moved = [loop.run_once() for loop in self._every_loop]
        return any(moved)

    @property
    def troubles(self) -> tuple[Failure, ...]:
        """The jobs that fail at present, for the doctor and for health."""
        return tuple(failure for loop in self._every_loop for failure in loop.failures)

    def doubt(self) -> str:
        """Why the wall clock cannot be believed now; empty when it can."""
        return self._context.clock_watch.doubt()

    @property
    def is_alive(self) -> bool:
        """Whether its threads are at work."""
        return all(loop.is_alive for loop in self._every_loop)

    @property
    def _every_loop(self) -> tuple[Loop, ...]:
        return (self._runs,) if self._history is None else (self._runs, self._history)

    def _jobs(self) -> tuple[Job, ...]:
        ctx = self._context
        return (
            Job("expire", partial(requests.open_requests, ctx), partial(requests.attend, ctx)),
            Job("plan a run", partial(starting.without_run, ctx), partial(starting.create, ctx)),
            self._for_runs("time limit", limits.enforce),
            self._for_runs("reconcile", reconcile.reconcile),
            self._for_runs("poll", poll.poll),
            self._for_runs("advance", _advance),
            self._for_runs("closed gates", gates.remind),
            Job("late news", partial(late.unsettled, ctx), partial(late.look, ctx)),
            Job("stuck", self._open_runs, self._stuck.tell),
            self._for_runs("redraw", _redraw),
        )

    def _open_runs(self) -> tuple[str, ...]:
        return tuple(run.id for run in reversed(self._context.ledger.runs(only_open=True)))

    def _for_runs(self, name: str, act: Callable[[Context, Run], None]) -> Job:
        ledger = self._context.ledger

        def on(run_id: str) -> None:
            run = ledger.run(run_id)
            if run is not None and run.is_open:
                act(self._context, run)

        def state(run_id: str) -> object:
            run = ledger.run(run_id)
            return None if run is None else (run.state, run.cancelled_by)

        return Job(name, self._open_runs, on, state)

    def _interval(self) -> float:
        timing = self._context.timing
        return timing.active if self._open_runs() else timing.idle

    def _pause(self, seconds: float) -> object:
        return self._stopping.wait(seconds)

    def _record(self, failure: Failure) -> None:
        """Once per row of failures; when even that cannot be written, the log has it."""
        if self._stopping.is_set():
            return  # the ledger may be closed already, and what ends now failed for that alone
        body = {"job": failure.job, "error": failure.error[:500]}
        subject = f"run/{failure.subject}" if failure.subject.startswith("X-") else "worker"
        try:
            with self._context.ledger.change() as change:
                change.audit(Entry("worker.job_failed", BOT, subject, body))
        except StorageError:
            return


def _redraw(ctx: Context, run: Run) -> None:
    """A live card says how old it is; one that nothing moves is drawn anew now and then."""
    if ctx.memory.due(("redraw", run.id), ctx.timing.redraw):
        with ctx.ledger.change() as change:
            show_run(ctx, change, run)


def _advance(ctx: Context, run: Run) -> None:
    step = _STEPS.get(run.state)
    if step is not None:
        step(ctx, run)
