"""What Slack told, kept for a few minutes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from bot.slack.pacing import Seconds

KEPT_SECONDS: Final = 300
_REMEMBERED: Final = 10_000

K = TypeVar("K")
V = TypeVar("V")


class Kept(Generic[K, V]):
    """What `read` returned, for five minutes. Failures are not kept; two threads may read the same at once."""

    def __init__(self, read: Callable[[K], V], clock: Seconds) -> None:
        self._read = read
        self._clock = clock
        self._lock = threading.Lock()
        self._values: dict[K, tuple[float, V]] = {}

    def get(self, key: K) -> V:
        with self._lock:
            kept = self._values.get(key)
        if kept is not None and kept[0] > self._clock():
            return kept[1]
        value = self._read(key)
        with self._lock:
            if len(self._values) >= _REMEMBERED:
                self._values.clear()
            self._values[key] = (self._clock() + KEPT_SECONDS, value)
        return value
