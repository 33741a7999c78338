"""The local Slack as one thing to start and stop."""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

from bot.demo.slack.admin import Admin
from bot.demo.slack.calls import CallLog
from bot.demo.slack.demo_workspace import demo_workspace
from bot.demo.slack.events import RETRY_SECONDS, Events
from bot.demo.slack.faults import Faults
from bot.demo.slack.http_mode import HttpMode
from bot.demo.slack.interactions import Interactions
from bot.demo.slack.live import LiveWorkspace
from bot.demo.slack.manifest import read_manifest
from bot.demo.slack.outbound import ACK_SECONDS, Outbound
from bot.demo.slack.page_api import PageApi
from bot.demo.slack.page_posts import PagePosts
from bot.demo.slack.payloads import Payloads
from bot.demo.slack.person import Person
from bot.demo.slack.security import Guard
from bot.demo.slack.serving import BackgroundServer, loopback_socket
from bot.demo.slack.socket_mode import SocketMode
from bot.demo.slack.submissions import Submissions
from bot.demo.slack.web_api import WebApi
from bot.demo.slack.workspace import Suggestion, Workspace

PAGE = Path(__file__).parent.parent / "page"


class LocalSlack:
    """A Slack workspace on 127.0.0.1 for the length of a `with` block.

    `manifest` is the app's manifest.yml; without `workspace` it is the demo's. `clock` rules
    timestamps, trigger ids and response_urls; `ack_seconds` is Slack's deadline. Raises OSError
    when the port is taken.
    """

    def __init__(
        self,
        manifest: Path,
        *,
        workspace: Workspace | None = None,
        port: int = 0,
        clock: Callable[[], float] = time.time,
        ack_seconds: float = ACK_SECONDS,
        event_retry_seconds: Sequence[float] = RETRY_SECONDS,
        suggestions: Mapping[str, Sequence[Suggestion]] | None = None,
        page: Path = PAGE,
    ) -> None:
        self.bot_token = f"xoxb-local-{secrets.token_hex(24)}"
        self.app_token = f"xapp-local-{secrets.token_hex(24)}"
        self.signing_secret = secrets.token_hex(16)
        self.faults = Faults()
        self.calls = CallLog()
        listening = loopback_socket(port)
        self._port: int = listening.getsockname()[1]
        self._server = BackgroundServer(listening)
        self.live = LiveWorkspace(
            workspace or demo_workspace(),
            read_manifest(manifest),
            base_url=f"http://127.0.0.1:{self._port}",
            clock=clock,
        )
        self.admin = Admin(self.live, self._server)
        self._socket_mode = SocketMode(
            app_id=self.live.app.id, address=f"ws://127.0.0.1:{self._port}"
        )
        self._outbound = Outbound(
            self.live,
            payloads=Payloads(self.live, verification_token=secrets.token_hex(12)),
            calls=self.calls,
            ack_seconds=ack_seconds,
        )
        self._outbound.transport = self._socket_mode
        self._events = Events(self._outbound, retry_seconds=event_retry_seconds)
        self._page = PageApi(
            self.live,
            posts=PagePosts(
                self.live,
                interactions=Interactions(self._outbound),
                submissions=Submissions(self._outbound),
                events=self._events,
            ),
            files=page,
            suggestions=suggestions or {},
        )

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"{self.live.base_url}/"

    @property
    def api_url(self) -> str:
        """What to give to `WebClient(base_url=...)`."""
        return f"{self.live.base_url}/api/"

    @property
    def connections(self) -> int:
        """How many Socket Mode connections the app holds open."""
        return self._socket_mode.connections

    def connect_http(self, request_url: str) -> None:
        """Send payloads as signed requests to the app's request URL from now on."""
        self._outbound.transport = HttpMode(request_url, signing_secret=self.signing_secret)

    def connect_socket_mode(self) -> None:
        """Send payloads to the app's Socket Mode connections from now on (the default)."""
        self._outbound.transport = self._socket_mode

    def disconnect_sockets(self, reason: str = "refresh_requested") -> None:
        """Ask the app's connections to go, as Slack does from time to time."""
        self._server.run(lambda: self._socket_mode.disconnect(reason))

    def drop_sockets(self) -> None:
        """Close the app's connections without asking first; an app that runs connects again."""
        self._server.run(self._socket_mode.drop)

    def person(self, user_id: str) -> Person:
        """Return somebody to act as, over the page's own HTTP interface."""
        return Person(self.live.base_url, user_id)

    def __enter__(self) -> Self:
        """Start serving."""
        api = WebApi(
            self.live,
            socket_mode=self._socket_mode,
            faults=self.faults,
            calls=self.calls,
            bot_token=self.bot_token,
            app_token=self.app_token,
        )
        routes = [
            *api.routes(),
            WebSocketRoute("/link/", self._socket_mode.serve),
            *self._page.routes(),
        ]
        self._server.start(Guard(Starlette(routes=routes), port=self._port))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop: end the pages' streams, the sockets and the thread."""
        try:
            self._server.run(self._farewell)
        finally:
            self._server.stop()

    async def _farewell(self) -> None:
        self._events.cancel()
        self.live.feed.close()
        await self._socket_mode.disconnect("link_disabled")
