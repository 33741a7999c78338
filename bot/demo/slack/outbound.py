"""The way out to the app: the transport in use, the ack deadline, and the log of refused acks."""

from bot.demo.slack.calls import CallLog
from bot.demo.slack.delivery import (
    NOT_INTERACTIVE,
    UNREACHABLE,
    DeliveryFailed,
    Envelope,
    Transport,
)
from bot.demo.slack.errors import Json
from bot.demo.slack.live import LiveWorkspace
from bot.demo.slack.payloads import Payloads

ACK_SECONDS = 3.0


class Outbound:
    """Sends envelopes to the app over whichever transport is connected now."""

    def __init__(
        self,
        live: LiveWorkspace,
        *,
        payloads: Payloads,
        calls: CallLog,
        ack_seconds: float,
    ) -> None:
        self.live = live
        self.payloads = payloads
        self.calls = calls
        self.transport: Transport | None = None
        self._ack_seconds = ack_seconds

    async def send(self, envelope: Envelope) -> Json:
        """Return the body of the ack; raises DeliveryFailed after the deadline or a refusal."""
        if envelope.kind == "interactive" and not self.live.manifest.interactivity:
            raise DeliveryFailed(*NOT_INTERACTIVE)
        if self.transport is None:
            raise DeliveryFailed(*UNREACHABLE)
        return await self.transport.deliver(envelope, timeout=self._ack_seconds)
