"""Tells somebody who waits, once, that there is work under way; never after the answer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Patience:
    """Calls `tell` after `seconds`, unless the block ended before. `tell` must not raise."""

    def __init__(self, seconds: float, tell: Callable[[], None]) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._over = False
        self._timer = threading.Timer(seconds, self._due)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        """Start waiting."""
        self._timer.start()
        return self

    def end(self) -> None:
        """Tell nothing from now on; waits for a telling that has begun, so that the answer comes after it."""
        self._timer.cancel()
        with self._lock:
            self._over = True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop waiting."""
        self.end()

    def _due(self) -> None:
        with self._lock:
            if not self._over:
                self._tell()
