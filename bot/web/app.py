"""The HTTP side: health, metrics and, in HTTP mode, the one address that Slack sends everything to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol, TypeAlias

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, generate_latest
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.web.verify import Refusal, verify

_log: Final = structlog.get_logger("bot.web")
SLACK_PATH: Final = "/slack/events"
MOST_BYTES: Final = 1024 * 1024
"""Slack names no limit. A command is about 1 KB; a click carries its card (13 KB) or its view (250 KB), and in a form
every quote and brace of them takes three characters.
"""
_BODY_SECONDS: Final = 5.0
_TIMESTAMP: Final = "x-slack-request-timestamp"
_SIGNATURE: Final = "x-slack-signature"

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


class SlackAnswer(Protocol):
    """What the Slack side answers to a request."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers."""
        ...

    @property
    def body(self) -> bytes:
        """The body."""
        ...


class SlackHandler(Protocol):
    """The Slack side. It gets only what was signed, and runs in a thread."""

    def __call__(self, body: bytes, headers: Mapping[str, str]) -> SlackAnswer:
        """Answer one request."""
        ...


def create_web_app(
    *,
    ready: Callable[[], bool],
    slack: SlackHandler | None = None,
    signing_secrets: Sequence[str] = (),
    metrics: CollectorRegistry | None = None,
    clock: Callable[[], float] = time.time,
) -> Starlette:
    """Put the app together; without `slack` (Socket Mode) there is no address for Slack.

    Raises ValueError for a `slack` without a secret to check its requests by. `clock` is the time of day.
    """
    registry = metrics or CollectorRegistry()
    routes = [
        Route("/health/live", _live),
        Route("/health/ready", _readiness(ready)),
        Route("/metrics", _metrics(registry)),
    ]
    if slack is not None:
        secrets = tuple(secret for secret in signing_secrets if secret)
        if not secrets:
            raise ValueError("HTTP mode needs a signing secret")
        door = _Door(slack, secrets=secrets, registry=registry, clock=clock)
        routes.append(Route(SLACK_PATH, door.enter, methods=["POST"]))
    return Starlette(routes=routes)


class _Door:
    """Lets in what Slack signed. Everything else is counted and refused without a word about it."""

    def __init__(
        self,
        slack: SlackHandler,
        *,
        secrets: Sequence[str],
        registry: CollectorRegistry,
        clock: Callable[[], float],
    ) -> None:
        self._slack = slack
        self._secrets = secrets
        self._clock = clock
        self._refused = Counter(
            "patchbot_slack_requests_refused",
            "HTTP requests refused before anything read them",
            ["reason"],
            registry=registry,
        )

    async def enter(self, request: Request) -> Response:
        """401 for what is not signed, 413 for what is too large, 408 for what is too slow."""
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                body = await _body(request)
        except (TimeoutError, ClientDisconnect):
            return self._refuse("slow", 408)
        if body is None:
            return self._refuse("size", 413)
        refusal = self._refusal(request, body)
        if refusal is not None:
            return self._refuse(refusal, 401)
        answer = await run_in_threadpool(self._slack, body, dict(request.headers))
        return Response(answer.body, answer.status, dict(answer.headers))

    def _refusal(self, request: Request, body: bytes) -> Refusal | None:
        timestamps = request.headers.getlist(_TIMESTAMP)
        signatures = request.headers.getlist(_SIGNATURE)
        if len(timestamps) != 1 or len(signatures) != 1:
            return Refusal.HEADERS
        return verify(
            body,
            timestamp=timestamps[0],
            signature=signatures[0],
            secrets=self._secrets,
            now=self._clock(),
        )

    def _refuse(self, reason: str, status: int) -> Response:
        self._refused.labels(reason).inc()
        _log.warning("request.refused", reason=str(reason))
        return Response(status_code=status)


async def _body(request: Request) -> bytes | None:
    """The body as it came; None as soon as it is larger than any that Slack sends."""
    declared = request.headers.get("content-length", "0")
    if not (declared.isascii() and declared.isdecimal()) or int(declared[:12]) > MOST_BYTES:
        return None
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MOST_BYTES:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


async def _live(_request: Request) -> Response:
    """The process answers."""
    return JSONResponse({"status": "ok"})


def _readiness(ready: Callable[[], bool]) -> Endpoint:
    async def endpoint(_request: Request) -> Response:
        if await run_in_threadpool(ready):
            return JSONResponse({"status": "ok"})
        return JSONResponse({"status": "not ready"}, 503)

    return endpoint


def _metrics(registry: CollectorRegistry) -> Endpoint:
    async def endpoint(_request: Request) -> Response:
        return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return endpoint
