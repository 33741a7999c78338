"""A bounded pool for what takes longer than an ack. What it took on is done, or its `on_failure` is told."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeAlias

Work: TypeAlias = Callable[[], None]
OnFailure: TypeAlias = Callable[[BaseException | None], None]
"""Told the exception that ended a piece of work; None when it was never begun, because the pool stopped."""


class Pool:
    """At most `workers` pieces of work at a time and `queue_limit` waiting, of each owner no more than `share`."""

    def __init__(
        self,
        workers: int,
        queue_limit: int,
        *,
        share: int | None = None,
        name: str = "patchbot",
    ) -> None:
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix=name)
        self._capacity = workers + queue_limit
        self._share = self._capacity if share is None else share
        self._changed = threading.Condition()
        self._held = 0
        self._owned: Counter[str] = Counter()
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

    def has_enough(self, owner: str) -> bool:
        """Whether all that is taken on for `owner` at a time is under way."""
        with self._changed:
            return self._owned[owner] >= self._share

    def submit(self, work: Work, on_failure: OnFailure, *, owner: str = "") -> bool:
        """Take `work` on; False, at once, when there is no room for it (of the `owner`'s, if one is named).

        `on_failure` must not raise.
        """
        with self._changed:
            full = self._held >= self._capacity
            if not self._open or full or (owner and self._owned[owner] >= self._share):
                return False
            self._held += 1
            self._owned[owner] += 1
            future = self._executor.submit(work)
        future.add_done_callback(lambda done: self._finished(done, on_failure, owner))
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

    def _finished(self, done: Future[None], on_failure: OnFailure, owner: str) -> None:
        try:
            if done.cancelled():
                on_failure(None)
            elif (error := done.exception()) is not None:
                on_failure(error)
        finally:
            with self._changed:
                self._held -= 1
                self._owned[owner] -= 1
                if not self._owned[owner]:
                    del self._owned[owner]
                self._changed.notify_all()
