"""A response_url comes in with a request: only Slack's own is ever called, and nothing it redirects to."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from bot.core.errors import SlackError
from bot.demo.slack.demo_workspace import MAYA
from bot.slack.api import NO_ANSWER, SLACK
from bot.slack.response_urls import NOT_SLACKS, ResponseUrls
from tests.slack import signed
from tests.slack.conftest import World, until

GOOD = "https://hooks.slack.com/commands/T1/2/secret"
HOSTILE = (
    "",
    "hooks.slack.com/commands/T1/2/x",
    "//hooks.slack.com/commands/T1/2/x",
    "http://hooks.slack.com/commands/T1/2/x",
    "HTTPS://hooks.slack.com/commands/T1/2/x",
    "https://HOOKS.slack.com/commands/T1/2/x",
    "https:/hooks.slack.com/commands/T1/2/x",
    "https:///hooks.slack.com/commands/T1/2/x",
    "https://hooks.slack.com",
    "https://hooks.slack.com:443/commands/T1/2/x",
    "https://hooks.slack.com:80/commands/T1/2/x",
    "https://hooks.slack.com:443@evil.example/x",
    "https://hooks.slack.com@evil.example/x",
    "https://hooks.slack.com%40evil.example/x",
    "https://hooks.slack.com\\@evil.example/x",
    "https://hooks.slack.com\\.evil.example/x",
    "https://user:pass@hooks.slack.com/x",
    "https://evil.example@hooks.slack.com/x",
    "https://hooks.slack.com.evil.example/x",
    "https://hooks.slack.com./commands/x",
    "https://hooks.slack.computer/x",
    "https://hooks-slack.com/x",
    "https://xhooks.slack.com/x",
    "https://a.hooks.slack.com/x",
    "https://slack.com/x",
    "https://evil.example/hooks.slack.com/x",
    "https://evil.example/?https://hooks.slack.com/x",
    "https://evil.example#https://hooks.slack.com/x",
    "https://hooks.slack.com\t/x",
    "https://hooks.slack.com/x\r\nHost: evil.example",
    "https://hooks.slack.com/x\nX: y",
    "https://hooks.slack.com/x y",
    "https://hooks.slack.com/\x00",
    "https://hooks.slack.com/é",
    "https://hооks.slack.com/x",  # Cyrillic
    "https://hooks。slack。com/x",
    " https://hooks.slack.com/x",
    "https://127.0.0.1/x",
    "https://127.1/x",
    "https://2130706433/x",
    "https://0x7f000001/x",
    "https://[::1]/x",
    "https://[::ffff:127.0.0.1]/x",
    "http://169.254.169.254/latest/meta-data/",
    "https://localhost/x",
    "https://metadata.google.internal/x",
    "file:///etc/passwd",
    "ftp://hooks.slack.com/x",
    "gopher://hooks.slack.com/x",
    "data:text/plain,x",
    "javascript:alert(1)",
    "https://hooks.slack-gov.com/x",
    "https://hooks.slack.com/" + "x" * 3000,
)


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Every address that anything in this process tries to reach."""
    tried: list[object] = []

    def connect(_self: socket.socket, address: object) -> None:
        tried.append(address)
        raise OSError("no network in this test")

    monkeypatch.setattr(socket.socket, "connect", connect)
    return tried


def test_no_hostile_address_is_ever_connected_to(connections: list[object]) -> None:
    urls = ResponseUrls(SLACK)
    for url in HOSTILE:
        assert not urls.allows(url), url
        with pytest.raises(SlackError) as caught:
            urls.post(url, {"text": "x"})
        assert caught.value.code == NOT_SLACKS
    assert connections == []


def test_slacks_own_address_is_used_and_not_told_in_the_error(connections: list[object]) -> None:
    with pytest.raises(SlackError) as caught:
        ResponseUrls(SLACK).post(GOOD, {"text": "x"})
    assert caught.value.code == NO_ANSWER
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_each_slack_has_its_own_addresses() -> None:
    assert ResponseUrls("https://slack-gov.com/api/").allows("https://hooks.slack-gov.com/x")
    assert not ResponseUrls("https://slack-gov.com/api/").allows(GOOD)
    local = ResponseUrls("http://127.0.0.1:8111/api/")
    assert local.allows("http://127.0.0.1:8111/commands/x")
    for url in (
        GOOD,
        "http://127.0.0.1:8112/x",
        "http://127.0.0.1:81110/x",
        "https://127.0.0.1:8111/x",
    ):
        assert not local.allows(url)


def test_a_command_with_a_hostile_address_is_answered_another_way(world: World) -> None:
    signed.command(world, MAYA, "echo hello", response_url="http://169.254.169.254/latest")
    until(lambda: len(world.slack.calls.of("chat.postEphemeral")) == 1)
    assert signed.replies(world) == []


class _Hook(BaseHTTPRequestHandler):
    """Answers as told by the path: /<status>/<rest>."""

    def do_POST(self) -> None:
        self.server.seen.append((self.path, self.rfile.read(int(self.headers["content-length"]))))  # type: ignore[attr-defined]
        status = int(self.path.split("/")[1])
        body = {200: b'{"ok": false, "error": "no_text"}', 404: b"used_url"}.get(status, b"<html>")
        self.send_response(status)
        self.send_header("Location", "/307/elsewhere")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        return


@pytest.fixture
def hook() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), _Hook)
    server.seen = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (200, "no_text"),
        (404, "used_url"),
        (500, "http_500"),
        (301, "http_301"),
        (307, "http_307"),
        (308, "http_308"),
    ],
)
def test_a_refusal_has_slacks_name_and_a_redirect_is_not_followed(
    hook: HTTPServer, status: int, code: str
) -> None:
    origin = f"http://127.0.0.1:{hook.server_port}"
    with pytest.raises(SlackError) as caught:
        ResponseUrls(f"{origin}/api/").post(f"{origin}/{status}/x", {"text": "x"})
    assert caught.value.code == code
    ((path, body),) = hook.seen  # type: ignore[attr-defined]
    assert path == f"/{status}/x"
    assert json.loads(body) == {"text": "x"}
