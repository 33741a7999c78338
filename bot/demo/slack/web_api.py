"""The app's side over HTTP: `/api/<method>`, response_urls and upload addresses."""

import asyncio
import hmac
import socket
import struct
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bot.demo.slack.answers import use_response_url
from bot.demo.slack.arguments import Arguments, parse_body, parse_form
from bot.demo.slack.calls import Call, CallLog
from bot.demo.slack.errors import Json, SlackError
from bot.demo.slack.faults import Fault, Faults
from bot.demo.slack.live import LiveWorkspace
from bot.demo.slack.methods import METHODS
from bot.demo.slack.scopes import require_scopes
from bot.demo.slack.socket_mode import SocketMode

_NOT_KNOWN = frozenset({"not_authed", "invalid_auth", "not_allowed_token_type"})
_GONE = frozenset({"invalid_url", "expired_url", "used_url"})


class WebApi:
    """Answers the app's HTTP calls, faults and all, and logs each."""

    def __init__(
        self,
        live: LiveWorkspace,
        *,
        socket_mode: SocketMode,
        faults: Faults,
        calls: CallLog,
        bot_token: str,
        app_token: str,
    ) -> None:
        self._live = live
        self._socket_mode = socket_mode
        self._faults = faults
        self._calls = calls
        self._bot_token = bot_token
        self._app_token = app_token

    def routes(self) -> list[Route]:
        """Return the routes of the app's side."""
        return [
            Route("/api/{method}", self.call, methods=["GET", "POST"]),
            Route("/commands/{team}/{number}/{secret}", self.response_url, methods=["POST"]),
            Route("/actions/{team}/{number}/{secret}", self.response_url, methods=["POST"]),
            Route("/upload/v1/{ticket}", self.upload, methods=["POST"]),
        ]

    async def call(self, request: Request) -> Response:
        """Answer one Web API method; refusals are HTTP 200 with `ok: false`, as in Slack."""
        method = request.path_params["method"]
        body = await request.body()
        arguments: Json = {}

        def work() -> Json:
            arguments.update(parse_form(request.url.query.encode()))
            arguments.update(parse_body(request.headers.get("content-type", ""), body))
            token = _bearer(request) or str(arguments.pop("token", ""))
            return self._answer(method, token, Arguments(arguments))

        return await self._through_faults(request, method, arguments, work, self._as_json)

    async def response_url(self, request: Request) -> Response:
        """Take a message for a response_url: HTTP 404 where it is used up, expired or unknown."""
        body = await request.body()
        message: Json = {}

        def work() -> Json:
            message.update(parse_body(request.headers.get("content-type", ""), body))
            use_response_url(self._live, request.url.path, message)
            return {"ok": True}

        return await self._through_faults(request, "response_url", message, work, _as_webhook)

    async def upload(self, request: Request) -> Response:
        """Take the raw bytes of a file that was announced."""
        content = await request.body()

        def work() -> Json:
            file = self._live.files.receive(request.path_params["ticket"], content)
            return {"ok": True, "size": file.length}

        arguments = {"length": len(content)}
        return await self._through_faults(request, "upload", arguments, work, _as_upload)

    def _answer(self, method: str, token: str, arguments: Arguments) -> Json:
        self._authenticate(method, token)
        if method == "apps.connections.open":
            return {"ok": True, "url": self._socket_mode.new_address()}
        known = METHODS.get(method)
        if known is None:
            raise SlackError("unknown_method", req_method=method)
        require_scopes(self._live.manifest, method)
        return {"ok": True, **known(self._live, arguments)}

    def _authenticate(self, method: str, token: str) -> None:
        if not token:
            raise SlackError("not_authed")
        is_bot = hmac.compare_digest(token.encode(), self._bot_token.encode())
        is_app = hmac.compare_digest(token.encode(), self._app_token.encode())
        if not (is_bot or is_app):
            raise SlackError("invalid_auth")
        if is_app != (method == "apps.connections.open"):
            raise SlackError("not_allowed_token_type")

    def _as_json(self, answer: Json) -> Response:
        """An answer says what the token may, once it is known whose token it is."""
        if answer.get("error") in _NOT_KNOWN:
            return JSONResponse(answer)
        scopes = ",".join(sorted(self._live.manifest.scopes))
        return JSONResponse(answer, headers={"X-OAuth-Scopes": scopes})

    async def _through_faults(
        self,
        request: Request,
        method: str,
        arguments: Json,
        work: Callable[[], Json],
        shape: Callable[[Json], Response],
    ) -> Response:
        fault = self._faults.take(method)
        if fault is not None and fault.kind != "reset_after":
            answer, response = _faulty(fault, shape)
        else:
            try:
                answer = work()
            except SlackError as refusal:
                answer = refusal.body()
            response = shape(answer)
        logged = {name: value for name, value in arguments.items() if name != "token"}
        self._calls.record(Call(method, logged, answer, self._live.clock()))
        if fault is not None and fault.kind in ("reset_before", "reset_after"):
            await _cut(request)
        return response


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _faulty(fault: Fault, shape: Callable[[Json], Response]) -> tuple[Json, Response]:
    if fault.kind == "rate_limit":
        answer: Json = {"ok": False, "error": "ratelimited"}
        headers = {"Retry-After": str(fault.retry_after)}
        return answer, JSONResponse(answer, status_code=429, headers=headers)
    if fault.kind == "server_error":
        answer = {"ok": False, "error": "internal_error"}
        return answer, PlainTextResponse("Server Error", status_code=fault.status)
    answer = {"ok": False, "error": fault.error or "connection_reset"}
    return answer, shape(answer)


async def _cut(request: Request) -> None:
    """Reset the connection under the request: the caller cannot know whether it was done."""
    transport: Any = request.state.transport
    connection: socket.socket = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    await asyncio.sleep(0)


def _as_webhook(answer: Json) -> Response:
    if answer["ok"]:
        return PlainTextResponse("ok")
    return JSONResponse(answer, status_code=404 if answer["error"] in _GONE else 400)


def _as_upload(answer: Json) -> Response:
    if answer["ok"]:
        return PlainTextResponse(f"OK - {answer['size']}")
    return PlainTextResponse(answer["error"], status_code=400)
