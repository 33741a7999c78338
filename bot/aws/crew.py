"""Makes the calls of all readings: a bounded crew of threads, paced per account, Region and operation.

No thread sleeps inside a call that must wait for its turn, so a throttled target never holds up another one.
"""

from __future__ import annotations

import random
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from bot.aws import failures
from bot.aws.calls import Answer, Call, Round, Steps, stopping
from bot.aws.clients import Clients
from bot.aws.pace import Pace
from bot.core.environments import Account
from bot.core.errors import AwsError, Throttled

T = TypeVar("T")

TRIES = 4  # of a call that met a passing trouble; a refused pace: until the time limit
TRIES_ASIDE = 2
REFUSALS_ASIDE = 6  # of the pace, after which a call on the side is given up
FIRST_BACKOFF = 0.25
IDLE = 5.0  # seconds after which a thread without work ends
FAREWELL = 1.0  # seconds that calls on the wire are waited for when the crew is closed


class LaneKey(NamedTuple):
    """What AWS counts calls by."""

    account: Account
    region: str
    service: str
    operation: str


@dataclass(slots=True, eq=False)
class _Job(Generic[T]):
    """Steps under way: the call to make next and what became of it so far."""

    steps: Steps[T]
    round: Round
    result: Future[T]
    call: Call = field(init=False)
    tries: int = 0
    refusals: int = 0
    not_before: float = 0.0


@dataclass(slots=True)
class _Lane:
    """The calls that wait for one pace, first come, first served."""

    pace: Pace = field(default_factory=Pace)
    waiting: deque[_Job[Any]] = field(default_factory=deque)


class Crew:
    """The threads that make the calls. They start when there is work and end when there is none for a while."""

    def __init__(
        self,
        clients: Clients,
        *,
        size: int,
        monotonic: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._clients = clients
        self._size = size
        self.monotonic = monotonic
        self._jitter = jitter
        self._changed = threading.Condition()
        self._lanes: OrderedDict[LaneKey, _Lane] = OrderedDict()
        self.threads: set[threading.Thread] = set()
        self.closed = False
        self._performing: set[_Job[Any]] = set()
        self._idle = 0
        self._queued = 0

    def pace(self, key: LaneKey) -> Pace:
        """What has been learned about that operation; kept for the next reading."""
        with self._changed:
            return self._lane(key).pace

    def start(self, steps: Steps[T], around: Round) -> Future[T]:
        """Begin the steps on a thread of the crew; the future ends with what they return or raise."""
        job = _Job(steps, around, Future())
        self._advance(job, None, None)
        return job.result

    def abandon(self, around: Round) -> None:
        """Take the round's waiting calls off the lanes and fail their steps."""
        with self._changed:
            left = []
            for lane in self._lanes.values():
                mine = [job for job in lane.waiting if job.round is around]
                if mine:
                    lane.waiting = deque(job for job in lane.waiting if job.round is not around)
                    self._queued -= len(mine)
                    left += mine
        for job in left:
            self._advance(job, None, around.why_over())

    def close(self) -> None:
        """End the threads. Whoever waits for a call is told at once; one on the wire is waited for a moment."""
        with self._changed:
            self.closed = True
            threads, given_up = list(self.threads), list(self._performing)
            for lane in self._lanes.values():
                given_up += lane.waiting
                self._queued -= len(lane.waiting)
                lane.waiting.clear()
            self._changed.notify_all()
        for job in given_up:
            with suppress(InvalidStateError):
                job.result.set_exception(stopping())
        until = time.monotonic() + FAREWELL
        for thread in threads:
            thread.join(timeout=max(0.0, until - time.monotonic()))

    def _advance(self, job: _Job[Any], answer: Answer | None, error: Exception | None) -> None:
        """Give the steps their answer; queue the call they ask for next, or end their future."""
        try:
            if error is not None:
                job.call = job.steps.throw(error)
            elif answer is not None:
                job.call = job.steps.send(answer)
            else:
                job.call = next(job.steps)
        except StopIteration as end:
            with suppress(InvalidStateError):  # already told that patchbot is stopping
                job.result.set_result(end.value)
        except BaseException as raised:  # noqa: BLE001 - whoever waits for the future is told
            with suppress(InvalidStateError):
                job.result.set_exception(raised)
        else:
            job.tries, job.refusals, job.not_before = 0, 0, 0.0
            self._queue(job)

    def _queue(self, job: _Job[Any], *, first: bool = False) -> None:
        with self._changed:
            over = job.round.over or self.closed
            if not over:
                waiting = self._lane(_key(job)).waiting
                waiting.appendleft(job) if first else waiting.append(job)
                self._queued += 1
                if self._idle < self._queued and len(self.threads) < self._size:
                    self._hire()
                self._changed.notify()
        if over:
            self._advance(job, None, job.round.why_over())

    def _hire(self) -> None:
        thread = threading.Thread(target=self._work, name="patchbot-aws", daemon=True)
        self.threads.add(thread)
        thread.start()

    def _lane(self, key: LaneKey) -> _Lane:
        return self._lanes.setdefault(key, _Lane())

    def _work(self) -> None:
        while (job := self._next()) is not None:
            self._perform(job)

    def _next(self) -> _Job[Any] | None:
        """The next job whose call may be made now; None when there was nothing to do for IDLE seconds."""
        with self._changed:
            idle_until = self.monotonic() + IDLE
            while True:
                now = self.monotonic()
                job, wait = self._due(now)
                if job is not None:
                    self._queued -= 1
                    self._performing.add(job)
                    return job
                if self.closed or (not self._queued and now >= idle_until):
                    self.threads.discard(threading.current_thread())
                    return None
                self._idle += 1
                self._changed.wait(min(wait, max(idle_until - now, 0.01)))
                self._idle -= 1

    def _due(self, now: float) -> tuple[_Job[Any] | None, float]:
        """A job that may start now, lanes in turn; else None and how long until one may."""
        soonest = IDLE
        for key, lane in self._lanes.items():
            if not lane.waiting:
                continue
            wait = max(lane.pace.wait(now), lane.waiting[0].not_before - now)
            if wait <= 0:
                lane.pace.take(now)
                self._lanes.move_to_end(key)
                return lane.waiting.popleft(), 0.0
            soonest = min(soonest, wait)
        return None, soonest

    def _perform(self, job: _Job[Any]) -> None:
        call, key = job.call, _key(job)
        sent_at = self.monotonic()
        answer: Answer | None = None
        error: Exception | None = None
        try:
            client = self._clients.client(key.account, key.region, call.service)
            answer = getattr(client, _method(call.operation))(**call.arguments)
        except Exception as raised:  # noqa: BLE001 - told apart by failures.explain
            error = failures.explain(
                raised,
                service=call.service,
                operation=call.operation,
                account=key.account,
                region=key.region,
            )
            error = error or raised
        self._note(job, error, sent_at)
        if error is None or not self._try_again(job, error):
            self._advance(job, answer, error)

    def _note(self, job: _Job[Any], error: Exception | None, sent_at: float) -> None:
        """Count the call and let the pace learn from it."""
        with self._changed:
            self._performing.discard(job)
            pace, now = self._lane(_key(job)).pace, self.monotonic()
            job.round.calls += 1
            if error is None:
                pace.accepted(now)
            elif isinstance(error, Throttled):
                job.round.throttled += 1
                pace.refused(now, sent_at=sent_at)
                if not job.call.aside:
                    job.round.refusal = job.round.refusal or error

    def _try_again(self, job: _Job[Any], error: Exception) -> bool:
        """Queue the call once more if that may help."""
        aside = job.call.aside
        if isinstance(error, Throttled):
            job.refusals += 1
            again = not aside or job.refusals < REFUSALS_ASIDE
            if again:
                self._queue(job, first=True)
            return again
        job.tries += 1
        if (
            isinstance(error, AwsError)
            and failures.is_transient(error)
            and job.tries < (TRIES_ASIDE if aside else TRIES)
            and not (aside and error.code == failures.TIMED_OUT)
        ):
            backoff = FIRST_BACKOFF * 2 ** (job.tries - 1) * (0.5 + self._jitter())
            job.not_before = self.monotonic() + backoff
            self._queue(job)
            return True
        return False


def _key(job: _Job[Any]) -> LaneKey:
    target = job.round.target
    return LaneKey(target.account, target.region, job.call.service, job.call.operation)


_METHODS: dict[str, str] = {}


def _method(operation: str) -> str:
    from botocore import xform_name

    return _METHODS.setdefault(operation, xform_name(operation))
