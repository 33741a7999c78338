"""Acks commands while 40 slow ones are in flight: p50, p99 and the worst; the target is 100 ms at p99.

Signed requests over HTTP through the signature check and Bolt, as Slack sends them; then the same without HTTP. First
as the bot is set up: eight of the slow commands are worked on, like readings of AWS (30 ms of waiting for each 2 ms of
parsing), the others wait for their turn. Then with a worker for each of them, all waiting for eight seconds. Nothing is
asked of Slack: the acks come first, and the slow commands end before they would answer.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import http.client
import json
import statistics
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final, NoReturn, TypeAlias
from urllib.parse import urlencode, urlsplit

import structlog

from bot.slack.answering import Answering
from bot.slack.api import SLACK
from bot.slack.bolt import HttpResponse, bolt_app, dispatch
from bot.slack.incoming import Question
from bot.slack.listeners import Listeners
from bot.slack.pool import Pool
from bot.web.app import SLACK_PATH, create_web_app
from bot.web.server import serve_http

SECRET: Final = "benchmark-signing-secret"
SLOW_SECONDS: Final = 8.0
WAIT_SECONDS: Final = 0.03
PARSE_SECONDS: Final = 0.002
CALLERS: Final = 4
TARGET_MS: Final = 100.0
PAGE: Final = json.dumps([{"InstanceId": f"i-{n:017x}", "MissingCount": n} for n in range(200)])

Send: TypeAlias = Callable[[bytes, dict[str, str]], int]


class SlowAnswering(Answering):
    """Stands for what the pool does with a question."""

    def __init__(self, *, parses: bool) -> None:
        self._parses = parses
        self.over = threading.Event()
        self.begun = 0

    def answer(self, question: Question) -> None:
        """Work like a reading until eight seconds or the benchmark are over; quick for all but the slow ones."""
        if question.text != "slow" or self.over.is_set():
            return
        self.begun += 1
        until = time.monotonic() + SLOW_SECONDS
        while time.monotonic() < until and not self.over.wait(WAIT_SECONDS):
            parsed_until = time.perf_counter() + PARSE_SECONDS
            while self._parses and time.perf_counter() < parsed_until:
                json.loads(PAGE)

    def failed(self, *_args: Any, **_rest: Any) -> NoReturn:
        """There is nothing that could fail."""
        raise AssertionError("a question failed in the benchmark")


def main(arguments: list[str]) -> int:
    """Measure and print. Returns 1 when p99 over HTTP is above the target."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks ack", description=__doc__)
    parser.add_argument("--slow", type=int, default=40, help="slow commands in flight")
    parser.add_argument("--workers", type=int, default=8, help="workers of the pool")
    parser.add_argument("--samples", type=int, default=2000, help="acks to measure")
    given = parser.parse_args(arguments)
    structlog.configure(processors=[], logger_factory=structlog.ReturnLoggerFactory())
    print(
        f"{given.slow} slow commands in flight, {given.samples} acks, {CALLERS} callers at a time"
    )
    worst = 0.0
    for workers, parses in ((given.workers, True), (given.slow, False)):
        answering = SlowAnswering(parses=parses)
        with _loaded(answering, slow=given.slow, workers=workers, samples=given.samples) as callers:
            over_http, direct = (_measured(caller, given.samples) for caller in callers)
        what = f"{workers} workers {'parsing' if parses else 'waiting'}"
        _tell(f"{what}, over HTTP", over_http)
        _tell(f"{what}, without HTTP", direct)
        worst = max(worst, _p99(over_http))
    print(f"target: p99 {TARGET_MS:.0f} ms - {'held' if worst <= TARGET_MS else 'MISSED'}")
    return 0 if worst <= TARGET_MS else 1


@contextmanager
def _loaded(
    answering: SlowAnswering, *, slow: int, workers: int, samples: int
) -> Iterator[tuple[Callable[[], Send], Callable[[], Send]]]:
    """A server with `slow` commands in flight; yields what makes a caller over HTTP, and one without."""
    pool = Pool(workers, slow + 4 * samples)
    app = bolt_app([SECRET], api_url=SLACK)
    Listeners(answering, pool=pool, notices=Pool(1, 1), clock=time.monotonic).register(app)

    def handle(body: bytes, headers: Mapping[str, str]) -> HttpResponse:
        return dispatch(app, body, headers)

    web = create_web_app(ready=lambda: True, slack=handle, signing_secrets=[SECRET])
    server = serve_http(web, host="127.0.0.1", port=0)
    try:
        send = _in_process(handle)()
        for number in range(slow):
            _ack(send, f"slow{number}", "slow")
        while answering.begun < min(slow, workers):
            time.sleep(0.01)
        yield _over_http(server.address), _in_process(handle)
    finally:
        answering.over.set()
        pool.stop(30)
        server.stop()


def _measured(new_caller: Callable[[], Send], samples: int) -> list[float]:
    """The milliseconds of each ack. Every command comes from somebody else, for each may only ask so often."""

    def call(caller: int) -> list[float]:
        send = new_caller()
        users = range(caller, samples, CALLERS)
        return [_ack(send, f"{uuid.uuid4().hex[:8]}{user}", "status prod") for user in users]

    with ThreadPoolExecutor(CALLERS) as callers:
        return [took for part in callers.map(call, range(CALLERS)) for took in part]


def _ack(send: Send, user: str, text: str) -> float:
    fields = {
        "command": "/patch",
        "text": text,
        "user_id": f"U{user}",
        "team_id": "T1",
        "channel_id": "C1",
        "trigger_id": f"t-{user}",
    }
    body = urlencode(fields).encode()
    timestamp = str(int(time.time()))
    signed = hmac.new(SECRET.encode(), f"v0:{timestamp}:".encode() + body, hashlib.sha256)
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": timestamp,
        "X-Slack-Signature": f"v0={signed.hexdigest()}",
    }
    began = time.perf_counter()
    status = send(body, headers)
    took = (time.perf_counter() - began) * 1000
    assert status == 200, status
    return took


def _over_http(address: str) -> Callable[[], Send]:
    def new_caller() -> Send:
        connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)

        def send(body: bytes, headers: dict[str, str]) -> int:
            connection.request("POST", SLACK_PATH, body, headers)
            with connection.getresponse() as answer:
                assert answer.read() == b"", "not taken on"
                return answer.status

        return send

    return new_caller


def _in_process(handle: Callable[[bytes, Mapping[str, str]], HttpResponse]) -> Callable[[], Send]:
    return lambda: lambda body, headers: handle(body, headers).status


def _p99(took: list[float]) -> float:
    return statistics.quantiles(took, n=100)[98]


def _tell(what: str, took: list[float]) -> None:
    middle = statistics.median(took)
    print(
        f"  {what:<32} p50 {middle:7.2f} ms   p99 {_p99(took):7.2f} ms   worst {max(took):7.2f} ms"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
