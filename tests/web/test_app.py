"""The HTTP side over real HTTP: what is not signed by Slack reaches nothing, and leaves no trace of its body."""

from __future__ import annotations

import http.client
import random
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import structlog
from prometheus_client import CollectorRegistry

from bot.core.errors import ConfigurationError
from bot.web.app import MOST_BYTES, SLACK_PATH, create_web_app
from bot.web.server import HttpServer, serve_http
from tests.web.signing import NOW, SECRET, sign

BODY = b"command=%2Fpatch&text=status+prod"
CANARY = b"canary-in-the-body"


@dataclass(frozen=True, slots=True)
class Answered:
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    body: bytes = b'{"ok": true}'


@dataclass
class Slack:
    """Stands for the Slack side; notes what was let in."""

    bodies: list[bytes] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    ready: bool = True
    fails: bool = False

    def handle(self, body: bytes, headers: Mapping[str, str]) -> Answered:
        if self.fails:
            raise RuntimeError("a fault of ours")
        self.bodies.append(body)
        self.headers.append(headers)
        return Answered()


@pytest.fixture
def slack() -> Slack:
    return Slack()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def records() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as captured:
        yield captured


@pytest.fixture
def server(slack: Slack, registry: CollectorRegistry, records: list[Any]) -> Iterator[HttpServer]:
    app = create_web_app(
        ready=lambda: slack.ready,
        slack=slack.handle,
        signing_secrets=[SECRET, ""],
        metrics=registry,
        clock=lambda: NOW,
    )
    running = serve_http(app, host="127.0.0.1", port=0)
    yield running
    running.stop()


def ask(
    server: HttpServer,
    method: str = "POST",
    path: str = SLACK_PATH,
    body: bytes = BODY,
    headers: list[tuple[str, str]] | None = None,
) -> tuple[int, bytes]:
    """One request, its headers as given, even doubled ones."""
    port = int(server.address.rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.putrequest(method, path)
        for name, value in signed(body) if headers is None else headers:
            connection.putheader(name, value.encode("utf-8"))
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def signed(body: bytes, timestamp: str = "1700000000") -> list[tuple[str, str]]:
    return [
        ("X-Slack-Request-Timestamp", timestamp),
        ("X-Slack-Signature", sign(body, timestamp)),
    ]


def test_what_slack_signed_is_handed_over_as_it_came(server: HttpServer, slack: Slack) -> None:
    assert ask(server) == (200, b'{"ok": true}')
    assert slack.bodies == [BODY]
    assert slack.headers[0]["x-slack-request-timestamp"] == "1700000000"


def test_a_large_view_is_let_in_and_what_is_larger_than_any_is_not(
    server: HttpServer, slack: Slack
) -> None:
    largest = b"x" * MOST_BYTES
    assert ask(server, body=largest)[0] == 200
    assert ask(server, body=largest + b"x") == (413, b"")
    assert [len(body) for body in slack.bodies] == [MOST_BYTES]


def test_a_body_without_end_is_cut_off(server: HttpServer, slack: Slack) -> None:
    """Chunked, so that no length is announced."""
    port = int(server.address.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(
            f"POST {SLACK_PATH} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        try:
            for _ in range(400):
                connection.sendall(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
        except OSError:
            pass
        else:
            connection.sendall(b"0\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        received = b"".join(iter(lambda: _read(connection), b""))
    assert received == b"" or received.startswith(b"HTTP/1.1 413")
    assert slack.bodies == []


def _read(connection: socket.socket) -> bytes:
    try:
        return connection.recv(4096)
    except OSError:
        return b""


BAD = [
    [],
    [("X-Slack-Request-Timestamp", "1700000000")],
    [("X-Slack-Signature", sign(BODY))],
    [*signed(BODY), *signed(BODY)],
    [*signed(BODY), ("x-slack-signature", "v0=" + "0" * 64)],
    signed(BODY + b"x"),
    signed(BODY, "1699999699"),
    signed(BODY, "1700000301"),
    signed(BODY, "abc"),
    signed(BODY, "9" * 5000),
    [("X-Slack-Request-Timestamp", "1700000000"), ("X-Slack-Signature", "v0=é")],
    [("X-Slack-Request-Timestamp", "１７００００００００"), ("X-Slack-Signature", sign(BODY))],
    [("X-Slack-Request-Timestamp", ""), ("X-Slack-Signature", "")],
]


@pytest.mark.parametrize("headers", BAD)
def test_what_is_not_signed_is_refused_without_a_word(
    server: HttpServer, slack: Slack, headers: list[tuple[str, str]]
) -> None:
    assert ask(server, headers=headers) == (401, b"")
    assert slack.bodies == []


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"null",
        b"payload=null",
        b"payload=[]",
        b"\x00\xff\xfe",
        b"",
        b"ssl_check=1&token=x",
        b'{"type": "url_verification", "challenge": "x"}',
        b"%",
        b"a" * 70_000,
    ],
)
def test_what_breaks_parsers_is_refused_before_any_parser(
    server: HttpServer, slack: Slack, body: bytes
) -> None:
    forged = [("X-Slack-Request-Timestamp", "1700000000"), ("X-Slack-Signature", "v0=" + "0" * 64)]
    assert ask(server, body=body, headers=forged) == (401, b"")
    assert slack.bodies == []


def test_a_sample_of_flipped_bits_is_refused_and_leaves_no_trace(
    server: HttpServer, slack: Slack, records: list[Any], registry: CollectorRegistry
) -> None:
    source = random.Random(3)
    body = BODY + b"&text=" + CANARY
    signature = sign(body)
    tried = 400
    for _ in range(tried):
        changed = bytearray(body)
        forged = signature
        if source.random() < 0.5:
            changed[source.randrange(len(changed))] ^= 1 << source.randrange(8)
        else:
            at = source.randrange(3, len(forged))
            other = source.choice([digit for digit in "0123456789abcdef" if digit != forged[at]])
            forged = forged[:at] + other + forged[at + 1 :]
        headers = [("X-Slack-Request-Timestamp", "1700000000"), ("X-Slack-Signature", forged)]
        assert ask(server, body=bytes(changed), headers=headers) == (401, b"")
    assert slack.bodies == []
    assert len(records) == tried
    assert CANARY.decode() not in str(records)
    assert "patch" not in str([record for record in records if record.pop("event")])
    assert registry.get_sample_value(
        "patchbot_slack_requests_refused_total", {"reason": "signature"}
    ) == float(tried)


def test_a_fault_of_ours_is_a_500_without_details(server: HttpServer, slack: Slack) -> None:
    slack.fails = True
    status, body = ask(server)
    assert status == 500
    assert b"fault of ours" not in body
    slack.fails = False
    assert ask(server)[0] == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
def test_slacks_address_takes_posts_only(server: HttpServer, method: str) -> None:
    assert ask(server, method)[0] == 405


def test_health_says_whether_it_lives_and_whether_it_is_ready(
    server: HttpServer, slack: Slack
) -> None:
    assert ask(server, "GET", "/health/live", b"", []) == (200, b'{"status":"ok"}')
    assert ask(server, "GET", "/health/ready", b"", []) == (200, b'{"status":"ok"}')
    slack.ready = False
    assert ask(server, "GET", "/health/live", b"", [])[0] == 200
    assert ask(server, "GET", "/health/ready", b"", [])[0] == 503


def test_metrics_count_refusals(server: HttpServer) -> None:
    ask(server, headers=[])
    status, text = ask(server, "GET", "/metrics", b"", [])
    assert status == 200
    assert b'patchbot_slack_requests_refused_total{reason="headers"} 1.0' in text


def test_in_socket_mode_there_is_no_address_for_slack() -> None:
    running = serve_http(create_web_app(ready=lambda: True), host="127.0.0.1", port=0)
    try:
        assert ask(running)[0] == 404
        assert ask(running, "GET", "/health/live", b"", [])[0] == 200
    finally:
        running.stop()


@pytest.mark.parametrize("secrets", [[], [""]])
def test_http_mode_without_a_secret_does_not_start(slack: Slack, secrets: list[str]) -> None:
    with pytest.raises(ValueError, match="signing secret"):
        create_web_app(ready=lambda: True, slack=slack.handle, signing_secrets=secrets)


def test_a_port_that_is_taken_is_told(server: HttpServer) -> None:
    port = int(server.address.rpartition(":")[2])
    with pytest.raises(ConfigurationError, match=f"127.0.0.1:{port}") as caught:
        serve_http(create_web_app(ready=lambda: True), host="127.0.0.1", port=port)
    assert "another port" in caught.value.hint


def test_a_stopped_server_is_gone() -> None:
    running = serve_http(create_web_app(ready=lambda: True), host="127.0.0.1", port=0)
    port = int(running.address.rpartition(":")[2])
    running.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
