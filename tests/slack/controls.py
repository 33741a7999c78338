"""What a test holds in its hand while sample commands run: a gate they wait at, and how many stand there."""

from __future__ import annotations

import threading


class Gate:
    """Closed until opened; counts who arrived."""

    def __init__(self) -> None:
        self._opened = threading.Event()
        self._lock = threading.Lock()
        self._arrived = 0

    @property
    def arrived(self) -> int:
        with self._lock:
            return self._arrived

    def wait(self) -> None:
        with self._lock:
            self._arrived += 1
        assert self._opened.wait(30), "nobody opened the gate"

    def open(self) -> None:
        self._opened.set()

    def reset(self) -> None:
        self._opened = threading.Event()
        self._arrived = 0


GATE = Gate()
