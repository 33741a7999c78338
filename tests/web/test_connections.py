"""What strangers can do to the HTTP side without a signature: keep connections open. It costs them, not us."""

from __future__ import annotations

import asyncio
import errno
import http.client
import logging
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import structlog

from bot.web import connections
from bot.web.app import create_web_app
from bot.web.server import HttpServer, LoopErrors, serve_http

HALF_A_HEADER = b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Slow: "
WHOLE = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"


class Readiness:
    """Holds whoever asks until it is opened."""

    def __init__(self) -> None:
        self.asked = threading.Semaphore(0)
        self.opened = threading.Event()

    def __call__(self) -> bool:
        self.asked.release()
        return self.opened.wait(20)


@pytest.fixture
def readiness() -> Readiness:
    return Readiness()


@pytest.fixture
def server(readiness: Readiness) -> Iterator[HttpServer]:
    running = serve_http(create_web_app(ready=readiness), host="127.0.0.1", port=0)
    yield running
    readiness.opened.set()
    running.stop()


@pytest.fixture
def connect(server: HttpServer) -> Iterator[Callable[[bytes], socket.socket]]:
    port = int(server.address.rpartition(":")[2])
    with ExitStack() as stack:

        def connected(first: bytes) -> socket.socket:
            made = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
            made.sendall(first)
            return made

        yield connected


def is_closed(connection: socket.socket) -> bool:
    """Waits until the other side closes; anything it says instead is no closing."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def alive(server: HttpServer) -> int:
    port = int(server.address.rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", "/health/live")
        return connection.getresponse().status
    finally:
        connection.close()


Connect = Callable[[bytes], socket.socket]


@pytest.mark.parametrize("sent", [b"", HALF_A_HEADER])
def test_headers_that_do_not_come_are_not_waited_for(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.05)
    assert is_closed(connect(sent))


def test_headers_that_come_byte_by_byte_are_not_waited_for(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.1)
    slow = connect(HALF_A_HEADER)
    slow.settimeout(0.01)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and _is_open(slow):
        pass
    assert time.monotonic() < deadline


def _is_open(connection: socket.socket) -> bool:
    """Whether one more byte of a header is taken."""
    try:
        connection.sendall(b"x")
        return connection.recv(1) != b""
    except TimeoutError:
        return True
    except OSError:
        return False


def test_the_second_request_of_a_connection_has_a_deadline_too(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = connect(WHOLE)
    assert connection.recv(4096).startswith(b"HTTP/1.1 200")
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.05)
    connection.sendall(HALF_A_HEADER)
    while rest := _read(connection):
        assert rest.endswith(b"}")


def _read(connection: socket.socket) -> bytes:
    try:
        return connection.recv(4096)
    except ConnectionResetError:
        return b""


def test_an_answer_may_take_longer_than_headers(
    connect: Connect, readiness: Readiness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.05)
    asking = connect(b"GET /health/ready HTTP/1.1\r\nHost: x\r\n\r\n")
    assert readiness.asked.acquire(timeout=20)
    assert is_closed(connect(b""))  # a deadline that began later is over
    readiness.opened.set()
    assert asking.recv(4096).startswith(b"HTTP/1.1 200")


def test_many_silent_connections_keep_nobody_out(
    server: HttpServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 5)
    silent = [connect(HALF_A_HEADER) for _ in range(20)]
    assert alive(server) == 200
    assert all(is_closed(each) for each in silent[:15])


def test_idle_connections_make_room_and_those_being_answered_do_not(
    server: HttpServer, connect: Connect, readiness: Readiness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 3)
    answered = [connect(b"GET /health/ready HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(2)]
    for _ in answered:
        assert readiness.asked.acquire(timeout=20)
    idle = connect(WHOLE)
    assert idle.recv(4096).startswith(b"HTTP/1.1 200")
    assert alive(server) == 200
    while _read(idle):
        pass
    readiness.opened.set()
    for each in answered:
        assert each.recv(4096).startswith(b"HTTP/1.1 200")


def test_as_many_files_may_be_open_as_the_hard_limit_allows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Noted, not done: a lowered limit would be that of the whole test run."""
    set_to: list[tuple[int, int]] = []
    for soft, hard in ((256, 4096), (4096, 4096), (1024, resource.RLIM_INFINITY)):
        monkeypatch.setattr(resource, "getrlimit", lambda _what, now=(soft, hard): now)
        monkeypatch.setattr(resource, "setrlimit", lambda _what, limits: set_to.append(limits))
        connections.raise_file_limit()
    assert set_to == [(4096, 4096), (65_536, resource.RLIM_INFINITY)]


def test_connections_take_half_of_the_files_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (256, 256))
    assert connections.most_connections() == 128
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (100_000, 100_000))
    assert connections.most_connections() == connections.MOST_CONNECTIONS


def test_that_no_connection_can_be_accepted_is_told_once_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """asyncio reports it for every place in the backlog, once a second."""
    loop = asyncio.new_event_loop()
    report = LoopErrors()
    error = OSError(errno.EMFILE, "Too many open files")
    full = {"message": "socket.accept() out of system resource", "exception": error}
    with structlog.testing.capture_logs() as records, caplog.at_level(logging.ERROR):
        for _ in range(1000):
            report(loop, full)
        assert [record["reason"] for record in records] == ["EMFILE"]
        assert caplog.records == []
        report(loop, {"message": "something else", "exception": RuntimeError("odd")})
        assert [record.message.splitlines()[0] for record in caplog.records] == ["something else"]
    loop.close()
