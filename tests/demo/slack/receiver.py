"""The app's end of signed HTTP mode without Bolt: records what Slack sends, answers as told."""

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.demo.slack.serving import BackgroundServer, loopback_socket

Json = dict[str, Any]


@dataclass
class Receiver:
    """What came (`payloads`, `headers`, `bodies`), and the answers still to give, first to last."""

    payloads: list[Json] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    answers: list[Response] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    hangs: bool = False

    def answer(self, body: Json) -> None:
        """Answer the next payload with `body`."""
        self.answers.append(JSONResponse(body))

    @property
    def last(self) -> Json:
        """The newest payload."""
        return self.payloads[-1]

    def take(self, request: Request, body: bytes) -> Response:
        """Record one request and return the answer to it."""
        self.headers.append(dict(request.headers))
        self.bodies.append(body)
        self.payloads.append(_decoded(request.headers["content-type"], body))
        return self.answers.pop(0) if self.answers else Response()


def _decoded(content_type: str, body: bytes) -> Json:
    if content_type == "application/json":
        event: Json = json.loads(body)
        return event
    form = dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True))
    payload: Json = json.loads(form["payload"]) if "payload" in form else form
    return payload


@contextlib.contextmanager
def receiving() -> Iterator[tuple[Receiver, str]]:
    """Run a receiver; yields it with its request URL."""
    receiver = Receiver()

    async def endpoint(request: Request) -> Response:
        body = await request.body()
        if receiver.hangs:
            await run_in_threadpool(receiver.released.wait, 10)
        return receiver.take(request, body)

    listening = loopback_socket()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/slack/events"
    server = BackgroundServer(listening)
    server.start(Starlette(routes=[Route("/slack/events", endpoint, methods=["POST"])]))
    try:
        yield receiver, url
    finally:
        receiver.released.set()
        server.stop()
