"""What keeps one person or a repeated request from taking the bot away from everybody else. In memory only."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from typing import TypeAlias

Seconds: TypeAlias = Callable[[], float]
"""A clock that never goes back, such as `time.monotonic`."""


class Allowance:
    """At most `most` uses within `seconds` per key, by a sliding window."""

    def __init__(
        self, most: int, seconds: float, *, clock: Seconds, remembered: int = 10_000
    ) -> None:
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._remembered = remembered
        self._lock = threading.Lock()
        self._uses: OrderedDict[Hashable, deque[float]] = OrderedDict()

    def take(self, key: Hashable) -> float:
        """Use it once: 0 when that is allowed, else the seconds until it will be (and nothing is used)."""
        now = self._clock()
        with self._lock:
            uses = self._uses.setdefault(key, deque())
            self._uses.move_to_end(key)
            while uses and uses[0] <= now - self._seconds:
                uses.popleft()
            if len(uses) >= self._most:
                return uses[0] + self._seconds - now
            uses.append(now)
            if len(self._uses) > self._remembered:
                self._uses.popitem(last=False)
            return 0.0


class Seen:
    """Remembers keys for `seconds`, at most `remembered` of them."""

    def __init__(self, seconds: float, *, clock: Seconds, remembered: int = 10_000) -> None:
        self._seconds = seconds
        self._clock = clock
        self._remembered = remembered
        self._lock = threading.Lock()
        self._first_seen: OrderedDict[Hashable, float] = OrderedDict()

    def is_new(self, key: Hashable) -> bool:
        """Whether `key` was not given within that time; remembers it."""
        now = self._clock()
        with self._lock:
            while self._first_seen:
                oldest, since = next(iter(self._first_seen.items()))
                if since > now - self._seconds and len(self._first_seen) <= self._remembered:
                    break
                del self._first_seen[oldest]
            if key in self._first_seen:
                return False
            self._first_seen[key] = now
            return True
