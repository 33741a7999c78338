"""Nothing that carries a token follows a redirect, whoever answers at Slack's address."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from bot.core.errors import SlackError
from bot.slack.api import SlackApi


@dataclass
class Redirecting:
    """A server that sends every request elsewhere, and notes who came there with what."""

    status: int = 302
    arrived: list[tuple[str, str]] = field(default_factory=list)
    address: str = ""


@pytest.fixture
def server() -> Iterator[Redirecting]:
    told = Redirecting()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            told.arrived.append((self.path, self.headers.get("Authorization", "")))
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            stolen = self.path == "/stolen"
            self.send_response(200 if stolen else told.status)
            self.send_header("Location", f"{told.address}/stolen")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "11")
            self.end_headers()
            self.wfile.write(b'{"ok":true}')

        do_GET = do_POST = answer  # noqa: N815 - the names of http.server

        def log_message(self, *_args: object) -> None:
            pass

    listening = HTTPServer(("127.0.0.1", 0), Handler)
    told.address = f"http://127.0.0.1:{listening.server_address[1]}"
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    yield told
    listening.shutdown()
    thread.join()
    listening.server_close()


CALLS: list[Callable[[SlackApi], object]] = [
    lambda api: api.identify(),
    lambda api: api.user("U1"),
    lambda api: api.post("C1", {"text": "x"}),
    lambda api: api.open_connection("xapp-token"),
]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("call", CALLS)
def test_a_token_does_not_follow_a_redirect(
    server: Redirecting, status: int, call: Callable[[SlackApi], object]
) -> None:
    server.status = status
    with pytest.raises(SlackError):
        call(SlackApi("xoxb-token", base_url=f"{server.address}/api/"))
    (only,) = server.arrived
    assert only[0].startswith("/api/")
    assert only[1].startswith("Bearer x")
