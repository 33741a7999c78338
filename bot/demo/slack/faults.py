"""Faults on demand: what Slack does on a bad day, method by method."""

import threading
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Literal

FaultKind = Literal["rate_limit", "server_error", "reset_before", "reset_after", "refuse"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one call instead of, or after, its usual treatment."""

    kind: FaultKind
    retry_after: int = 1
    status: int = 500
    error: str = ""


class Faults:
    """Faults waiting for their calls; thread-safe, so tests may add them while the app runs.

    `method` is a Web API method, or "response_url" or "upload".
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: defaultdict[str, deque[Fault]] = defaultdict(deque)

    def rate_limit(self, method: str, *, times: int = 1, retry_after: int = 1) -> None:
        """Answer the next `times` calls with HTTP 429 and Retry-After (seconds)."""
        self._add(method, Fault("rate_limit", retry_after=retry_after), times)

    def server_error(self, method: str, *, times: int = 1, status: int = 500) -> None:
        """Answer the next `times` calls with an HTTP 5xx, doing nothing."""
        self._add(method, Fault("server_error", status=status), times)

    def reset(self, method: str, *, times: int = 1, after_accepting: bool = True) -> None:
        """Cut the connection of the next `times` calls: after doing the work, or before it."""
        self._add(method, Fault("reset_after" if after_accepting else "reset_before"), times)

    def refuse(self, method: str, error: str, *, times: int = 1) -> None:
        """Answer the next `times` calls with `ok: false` and `error`."""
        self._add(method, Fault("refuse", error=error), times)

    def clear(self) -> None:
        """Forget all faults that still wait."""
        with self._lock:
            self._waiting.clear()

    def take(self, method: str) -> Fault | None:
        """Return the next fault for `method`, once."""
        with self._lock:
            waiting = self._waiting.get(method)
            return waiting.popleft() if waiting else None

    def _add(self, method: str, fault: Fault, times: int) -> None:
        with self._lock:
            self._waiting[method].extend([fault] * times)
