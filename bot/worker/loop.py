"""One thread that does small jobs over and over, level-triggered: what is to do stands in the ledger, not in here.

A job that fails is logged, recorded and tried again later; it never stops the others.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from bot.core.errors import Conflict, PatchbotError, Stopping

_log = logging.getLogger(__name__)

_FIRST_BACK_OFF, _LONGEST_BACK_OFF = 1.0, 60.0
_AT_ONCE = 0.05

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do with each of its subjects (ids of requests or runs), one at a time.

    `state` is where a subject stands: once it has moved there is another thing to do, and nothing waits for a back-off.
    """

    name: str
    subjects: Callable[[], Iterable[str]]
    act: Callable[[str], None]
    state: Callable[[str], object] | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """A job that fails on a subject: how often in a row, since when, why, and when it is tried again.

    `since` and `not_before` are times of the monotonic clock; `error` has the name of the exception, `told` is its
    message for people, empty where it was none of ours.
    """

    job: str
    subject: str
    times: int
    since: float
    error: str
    told: str
    not_before: float
    state: object = None


class Loop:
    """Runs the jobs until it is stopped; `name` is its thread's.

    `progress` changes whenever the ledger does: then the next round comes at once, else after `interval` seconds.
    `record` is told of the first failure in a row; it must not raise.
    """

    def __init__(
        self,
        name: str,
        jobs: Sequence[Job],
        *,
        monotonic: Callable[[], float],
        progress: Callable[[], object],
        interval: Callable[[], float],
        record: Callable[[Failure], None],
    ) -> None:
        self._name = name
        self._jobs = tuple(jobs)
        self._monotonic = monotonic
        self._progress = progress
        self._interval = interval
        self._record = record
        self._failures: dict[tuple[str, str], Failure] = {}
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def failures(self) -> tuple[Failure, ...]:
        """The jobs that fail at present."""
        return tuple(self._failures.values())

    @property
    def is_alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def stop(self, timeout: float = 30.0) -> None:
        """End after the job under way. What it was about stands in the ledger and goes on at the next start."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout)

    def wake(self) -> None:
        """There is something to do: do not wait for the next round. Callable from any thread."""
        self._wake.set()

    def run_once(self) -> bool:
        """Every job once. True when anything in the ledger moved."""
        before = self._attempt("progress", "", self._progress)
        for job in self._jobs:
            subjects = self._attempt(job.name, "", partial(_listed, job))
            for subject in subjects or ():
                if self._stop.is_set():
                    return False
                self._forgive(job, subject)
                self._attempt(job.name, subject, partial(job.act, subject))
        return before != self._attempt("progress", "", self._progress)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            moved = self.run_once()
            seconds = _AT_ONCE if moved else self._attempt("interval", "", self._interval)
            self._wake.wait(_LONGEST_BACK_OFF if seconds is None else seconds)

    def _attempt(self, job: str, subject: str, act: Callable[[], T]) -> T | None:
        """What `act` returns; None when it fails, and while it waits to be tried again."""
        key = (job, subject)
        failed = self._failures.get(key)
        if failed is not None and self._monotonic() < failed.not_before:
            return None
        try:
            result = act()
        except Conflict as conflict:
            _log.info("%s %s: somebody else was first: %s", job, subject, conflict)
            return None
        except Stopping:
            return None  # no news of AWS: patchbot itself ends
        except Exception as error:  # noqa: BLE001  # a job that fails must not stop the others
            self._fail(job, subject, error)
            return None
        self._failures.pop(key, None)
        return result

    def _forgive(self, job: Job, subject: str) -> None:
        """Let a job that failed try at once when its subject has moved since."""
        failed = self._failures.get((job.name, subject))
        if failed is None or job.state is None:
            return
        now = self._attempt(f"{job.name}: state", subject, partial(job.state, subject))
        if now is None or now == failed.state:
            return
        if failed.state is not None:
            failed = replace(failed, times=1, not_before=-math.inf)
        self._failures[(job.name, subject)] = replace(failed, state=now)

    def _fail(self, job: str, subject: str, error: Exception) -> None:
        before = self._failures.get((job, subject))
        times = before.times + 1 if before else 1
        seconds = min(_FIRST_BACK_OFF * 2.0 ** (min(times, 10) - 1), _LONGEST_BACK_OFF)
        said = f"{type(error).__name__}: {error}"
        now = self._monotonic()
        known = isinstance(error, PatchbotError)
        failure = Failure(
            job,
            subject,
            times,
            since=before.since if before else now,
            error=said,
            told=f"{error}" if known else "",
            not_before=now + seconds,
            state=before.state if before else None,
        )
        self._failures[(job, subject)] = failure
        _log.warning(
            "%s %s failed (%d in a row): %s", job, subject, times, said, exc_info=not known
        )
        if before is None:
            self._record(failure)


def _listed(job: Job) -> tuple[str, ...]:
    return tuple(job.subjects())
