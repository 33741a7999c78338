"""A real Bolt app that uses everything the local Slack offers, and how to run it on either transport."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any, Literal

from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_bolt.adapter.starlette import SlackRequestHandler
from slack_sdk import WebClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.demo.slack.server import LocalSlack
from bot.demo.slack.serving import BackgroundServer, loopback_socket

TransportName = Literal["socket", "http"]
Json = dict[str, Any]


def until(condition: Callable[[], bool], *, seconds: float = 10.0) -> None:
    """Wait until `condition` holds; fails after the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.01)


def new_app(slack: LocalSlack) -> App:
    """Return a Bolt app of this local Slack without listeners; its client retries nothing."""
    client = WebClient(slack.bot_token, base_url=slack.api_url, retry_handlers=[])
    return App(client=client, signing_secret=slack.signing_secret)


@contextlib.contextmanager
def running(app: App, slack: LocalSlack, transport: TransportName) -> Iterator[None]:
    """Run `app` against `slack` until the block ends."""
    with _over_http(app, slack) if transport == "http" else _over_sockets(app, slack):
        yield


@contextlib.contextmanager
def _over_http(app: App, slack: LocalSlack) -> Iterator[None]:
    handler = SlackRequestHandler(app)

    async def endpoint(request: Request) -> Response:
        return await handler.handle(request)

    listening = loopback_socket()
    port = listening.getsockname()[1]
    server = BackgroundServer(listening)
    server.start(Starlette(routes=[Route("/slack/events", endpoint, methods=["POST"])]))
    slack.connect_http(f"http://127.0.0.1:{port}/slack/events")
    try:
        yield
    finally:
        server.stop()
        app.listener_runner.listener_executor.shutdown()


@contextlib.contextmanager
def _over_sockets(app: App, slack: LocalSlack) -> Iterator[None]:
    handler = SocketModeHandler(app, slack.app_token, ping_interval=1)
    slack.connect_socket_mode()
    handler.connect()  # type: ignore[no-untyped-call]
    try:
        until(lambda: slack.connections == 1)
        yield
    finally:
        # The SDK's close() waits for its own read to time out (3 s) unless the socket ended before.
        handler.client.auto_reconnect_enabled = False
        slack.drop_sockets()
        until(lambda: not handler.client.is_connected())
        handler.close()  # type: ignore[no-untyped-call]
        app.listener_runner.listener_executor.shutdown()
