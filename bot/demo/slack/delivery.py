"""What goes to the app, and the two ways it can go: the port that both transports fill."""

from dataclasses import dataclass
from typing import Literal, Protocol

from bot.demo.slack.errors import Json


@dataclass(frozen=True, slots=True)
class Envelope:
    """One payload for the app; retries are of events only."""

    kind: Literal["slash_commands", "interactive", "events_api"]
    payload: Json
    retry_num: int = 0
    retry_reason: str = ""


class DeliveryFailed(Exception):
    """The app did not take a payload; `error` is what Slack would show, `reason` is for retries."""

    def __init__(self, error: str, reason: str) -> None:
        super().__init__(error)
        self.error = error
        self.reason = reason


class Transport(Protocol):
    """A way to the app."""

    async def deliver(self, envelope: Envelope, *, timeout: float) -> Json:
        """Return the body of the app's ack ({} for an empty one); raises DeliveryFailed."""
        ...


TIMED_OUT = ("operation_timeout", "http_timeout")
UNREACHABLE = ("dispatch_failed", "connection_failed")
NOT_INTERACTIVE = ("interactivity_not_enabled", "")
REFUSED = ("dispatch_failed", "http_error")
