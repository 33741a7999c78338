"""The log of everything the app said to Slack, for tests and for finding out why."""

import threading
from dataclasses import dataclass

from bot.demo.slack.errors import Json


@dataclass(frozen=True, slots=True)
class Call:
    """One call: `method` is a Web API method, "response_url", "upload" or "ack <payload type>"."""

    method: str
    args: Json
    answer: Json
    at: float

    @property
    def ok(self) -> bool:
        """Whether Slack did it."""
        return bool(self.answer.get("ok"))


class CallLog:
    """Calls in the order in which they were answered; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: list[Call] = []

    def record(self, call: Call) -> None:
        """Add a call."""
        with self._lock:
            self._calls.append(call)

    def all(self) -> list[Call]:
        """Return every call so far."""
        with self._lock:
            return list(self._calls)

    def of(self, method: str) -> list[Call]:
        """Return the calls of one method."""
        return [call for call in self.all() if call.method == method]

    def refused(self) -> list[Call]:
        """Return the calls that were answered with an error."""
        return [call for call in self.all() if not call.ok]

    def clear(self) -> None:
        """Forget every call so far."""
        with self._lock:
            self._calls.clear()
