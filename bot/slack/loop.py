"""A thread that does the same work again and again: when it is woken, and every few seconds by itself."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

import structlog

from bot.core.errors import PatchbotError
from bot.slack.answering import new_incident

IDLE_SECONDS: Final = 2.0
_log: Final = structlog.get_logger("bot.slack.loop")


class Loop:
    """Calls `work` until it is stopped. No exception ends it: what was not done is tried again the next time."""

    def __init__(
        self, work: Callable[[], None], *, name: str, idle_seconds: float = IDLE_SECONDS
    ) -> None:
        self._work = work
        self._name = name
        self._idle = idle_seconds
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def stopping(self) -> bool:
        """Whether it is to end: work in several parts looks at it between them."""
        return self._stop.is_set()

    def start(self) -> None:
        """Begin, once."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """End after the piece of work under way."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout)

    def wake(self) -> None:
        """Something changed: look at once."""
        self._wake.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            try:
                self._work()
            except PatchbotError as error:
                _log.warning("loop.held", loop=self._name, reason=str(error))
            except Exception as error:  # noqa: BLE001 - the thread's boundary: without it nothing is done ever again
                _log.error("loop.failed", loop=self._name, error_id=new_incident(), exc_info=error)
            self._wake.wait(self._idle)
