"""Socket Mode: the app holds WebSockets open and every payload goes to one of them.

Source: api.slack.com, "Using Socket Mode".
"""

import asyncio
import contextlib
import itertools
import json
import secrets
import uuid
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from bot.demo.slack.delivery import TIMED_OUT, UNREACHABLE, DeliveryFailed, Envelope
from bot.demo.slack.errors import Json

MOST_CONNECTIONS = 10
_REFRESH_SECONDS = 3600


class SocketMode:
    """The app's open connections and the envelopes that wait for their ack."""

    def __init__(self, *, app_id: str, address: str) -> None:
        self._app_id = app_id
        self._address = address
        self._tickets: set[str] = set()
        self._connections: list[WebSocket] = []
        self._turn = itertools.count()
        self._waiting: dict[str, asyncio.Future[Json]] = {}

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    def new_address(self) -> str:
        """Return a WebSocket address that can be connected to once (apps.connections.open)."""
        ticket = secrets.token_hex(16)
        self._tickets.add(ticket)
        return f"{self._address}/link/?ticket={ticket}&app_id={self._app_id}"

    async def serve(self, websocket: WebSocket) -> None:
        """Hold one connection until either side ends it."""
        ticket = websocket.query_params.get("ticket", "")
        if ticket not in self._tickets:
            await websocket.close(1008)
            return
        self._tickets.remove(ticket)
        await websocket.accept()
        if len(self._connections) >= MOST_CONNECTIONS:
            await websocket.send_json({"type": "disconnect", "reason": "too_many_websockets"})
            await websocket.close()
            return
        self._connections.append(websocket)
        try:
            await websocket.send_json(self._hello())
            while True:
                self._take_ack(await websocket.receive_text())
        except WebSocketDisconnect:
            pass
        finally:
            if websocket in self._connections:
                self._connections.remove(websocket)

    async def deliver(self, envelope: Envelope, *, timeout: float) -> Json:
        """Send the envelope over one connection, in turn, and wait for its ack."""
        if not self._connections:
            raise DeliveryFailed(*UNREACHABLE)
        websocket = self._connections[next(self._turn) % len(self._connections)]
        envelope_id = str(uuid.uuid4())
        acked: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._waiting[envelope_id] = acked
        try:
            async with asyncio.timeout(timeout):
                await websocket.send_json(_framed(envelope, envelope_id))
                return await acked
        except TimeoutError:
            raise DeliveryFailed(*TIMED_OUT) from None
        except (WebSocketDisconnect, RuntimeError):
            raise DeliveryFailed(*UNREACHABLE) from None
        finally:
            del self._waiting[envelope_id]

    async def disconnect(self, reason: str = "refresh_requested") -> None:
        """Ask every connection to go, as Slack does before it closes one, and close it."""
        await self._end_all({"type": "disconnect", "reason": reason})

    async def drop(self) -> None:
        """Close every connection without asking first."""
        await self._end_all(None)

    async def _end_all(self, farewell: Json | None) -> None:
        for websocket in list(self._connections):
            self._connections.remove(websocket)
            # The app may have gone first; then there is nobody to say it to.
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):
                if farewell:
                    await websocket.send_json(farewell)
                await websocket.close(1000 if farewell else 1012)

    def _hello(self) -> Json:
        return {
            "type": "hello",
            "num_connections": len(self._connections),
            "connection_info": {"app_id": self._app_id},
            "debug_info": {
                "host": "local-slack",
                "approximate_connection_time": _REFRESH_SECONDS,
            },
        }

    def _take_ack(self, text: str) -> None:
        try:
            ack: Any = json.loads(text)
        except ValueError:
            return
        waiting = self._waiting.get(ack.get("envelope_id", "")) if isinstance(ack, dict) else None
        if waiting is not None and not waiting.done():
            payload = ack.get("payload") or {}
            waiting.set_result(payload if isinstance(payload, dict) else {"text": str(payload)})


def _framed(envelope: Envelope, envelope_id: str) -> Json:
    frame: Json = {
        "envelope_id": envelope_id,
        "type": envelope.kind,
        "payload": envelope.payload,
        "accepts_response_payload": envelope.kind != "events_api",
    }
    if envelope.kind == "events_api":
        frame |= {"retry_attempt": envelope.retry_num, "retry_reason": envelope.retry_reason}
    return frame
