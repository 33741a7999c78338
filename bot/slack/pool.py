"""A bounded pool for what takes longer than an ack. What it took on is done, or its `on_failure` is told."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeAlias

Work: TypeAlias = Callable[[], None]
OnFailure: TypeAlias = Callable[[BaseException | None], None]
"""Told the exception that ended a piece of work; None when it was never begun, because the pool stopped."""


class Pool:
    """At most `workers` pieces of work at a time and `queue_limit` waiting."""

    def __init__(self, workers: int, queue_limit: int, *, name: str = "patchbot") -> None:
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix=name)
        self._capacity = workers + queue_limit
        self._changed = threading.Condition()
        self._held = 0
        self._open = True

    @property
    def held(self) -> int:
        """How much is being done or waits."""
        with self._changed:
            return self._held

    @property
    def is_open(self) -> bool:
        """Whether it takes work."""
        with self._changed:
            return self._open

    def submit(self, work: Work, on_failure: OnFailure) -> bool:
        """Take `work` on; False, at once, when there is no room for it. `on_failure` must not raise."""
        with self._changed:
            if not self._open or self._held >= self._capacity:
                return False
            self._held += 1
            future = self._executor.submit(work)
        future.add_done_callback(lambda done: self._finished(done, on_failure))
        return True

    def stop(self, timeout: float) -> bool:
        """Take nothing more, finish what is held; after `timeout` seconds give up what has not begun.

        Returns whether all of it was finished.
        """
        with self._changed:
            self._open = False
            finished = self._changed.wait_for(lambda: self._held == 0, timeout)
        self._executor.shutdown(wait=False, cancel_futures=True)
        return finished

    def _finished(self, done: Future[None], on_failure: OnFailure) -> None:
        try:
            if done.cancelled():
                on_failure(None)
            elif (error := done.exception()) is not None:
                on_failure(error)
        finally:
            with self._changed:
                self._held -= 1
                self._changed.notify_all()
