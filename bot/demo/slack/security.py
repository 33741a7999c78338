"""Who may talk to the local Slack: this machine's page and this run's app, nobody's other page.

A web page elsewhere in the same browser could otherwise click Approve: it can send requests to
loopback, and by DNS rebinding even read the answers. Hence Host, Origin and a header that needs
permission to be sent across origins.
"""

from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
PAGE_HEADER = "X-Local-Slack"
_PORTLESS = {"127.0.0.1", "localhost"}


class Guard:
    """Refuses foreign hosts and origins with 403, and adds the security headers to every answer."""

    def __init__(self, app: ASGIApp, *, port: int) -> None:
        self._app = app
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self._origins = {f"http://{host}" for host in self._hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what may pass."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if scope["type"] == "websocket":
            if refusal:
                await receive()
                await send({"type": "websocket.close", "code": 1008})
            else:
                await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(MutableHeaders(scope=message), scope["path"])
            await send(message)

        app = PlainTextResponse(refusal, status_code=403) if refusal else self._app
        await app(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        # slack_sdk's own WebSocket client leaves the port out; there the ticket is the key.
        hosts = self._hosts | (_PORTLESS if scope["type"] == "websocket" else set())
        if headers.getlist("host") not in ([host] for host in hosts):
            return "This address answers only on 127.0.0.1 and localhost."
        origin = headers.get("origin")
        if origin is not None and origin not in self._origins:
            return "Other origins may not talk to the local Slack."
        if not scope["path"].startswith("/page/"):
            return None
        if headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            return "Other sites may not read the page's data."
        if scope.get("method") != "GET":
            return _page_refusal(origin, headers.getlist(PAGE_HEADER))
        return None


def _page_refusal(origin: str | None, page_header: Iterable[str]) -> str | None:
    if origin is None:
        return "A request of the page names its origin."
    if list(page_header) != ["page"]:
        return f"A request of the page carries {PAGE_HEADER}: page."
    return None


def _add_headers(headers: MutableHeaders, path: str) -> None:
    headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["Cache-Control"] = "no-cache" if path.startswith("/static/") else "no-store"
