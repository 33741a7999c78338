"""The log: no secret in it, no record that is two, whatever is logged and by whom."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any, Literal
from urllib.parse import quote

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.logs import REDACTED, configure

CANARIES = {
    "bot token": "xoxb-123-456-canaryCANARY",
    "rotated token": "xoxe.xoxp-1-canaryCANARY",
    "app token": "xapp-1-A1-2-canaryCANARY",
    "access key": "AKIAIOSFODNN7CANARY1",
    "session key": "ASIAIOSFODNN7CANARY1",
    "response_url": "https://hooks.slack.com/commands/T1/2/canaryCANARY",
    "response_url in JSON": r"https:\/\/hooks.slack.com\/commands\/T1\/2\/canaryCANARY",
    "response_url in a query": "https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1%2F2%2FcanaryCANARY",
    "web token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.canaryCANARY",
}
KNOWN = "s3cret-without-a-shape"
AWS_KEY = "wJalr/K7MDENG+bPxRfi/CANARY"
Style = Literal["json", "console"]


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


class Screen(io.StringIO):
    """A terminal that somebody looks at."""

    def isatty(self) -> bool:
        return True


def logging_to(style: Style = "json", level: int = logging.INFO) -> io.StringIO:
    stream = io.StringIO() if style == "json" else Screen()
    configure(level, secrets=[KNOWN, AWS_KEY, "", "short"], stream=stream)
    return stream


def raised(text: str) -> RuntimeError:
    """An exception with a traceback, and a variable in it."""
    hidden = "variable-canary"
    try:
        [][len(hidden)]
    except IndexError as error:
        return RuntimeError(text).with_traceback(error.__traceback__)
    raise AssertionError


def last(stream: io.StringIO) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(stream.getvalue().splitlines()[-1])
    return record


def test_a_record_is_one_line_of_json_with_event_level_and_time() -> None:
    stream = logging_to()
    structlog.get_logger("bot.slack").info("question.answered", command="status", milliseconds=12)
    record = last(stream)
    assert record["event"] == "question.answered"
    assert (record["level"], record["logger"]) == ("info", "bot.slack")
    assert (record["command"], record["milliseconds"]) == ("status", 12)
    assert record["timestamp"].endswith("Z")


def test_what_the_standard_log_is_given_beside_its_text_is_written_too() -> None:
    stream = logging_to()
    logging.getLogger("patchbot.aws").info("target read", extra={"nodes": 3, "gaps": [AWS_KEY]})
    record = last(stream)
    assert (record["event"], record["level"], record["nodes"]) == ("target read", "info", 3)
    assert record["gaps"] == [REDACTED]


@pytest.mark.parametrize(
    "secret",
    [*CANARIES.values(), KNOWN, AWS_KEY, AWS_KEY.replace("/", "\\/"), quote(AWS_KEY, safe="")],
)
@pytest.mark.parametrize("style", ["json", "console"])
def test_no_secret_is_written_wherever_it_stands(style: Style, secret: str) -> None:
    stream = logging_to(style)
    log = structlog.get_logger("bot")
    log.info(f"event with {secret} in it")
    log.info("event", value=secret, nested={"deep": [{"er": (secret,)}], secret: 1})
    log.info("event", thing=ValueError(secret), raw=secret.encode())
    log.error("failed", exc_info=raised(f"token {secret} refused"))
    logging.getLogger("some.library").warning("said %s and %r", secret, {"token": secret})
    logging.getLogger("some.library").error("broke", exc_info=RuntimeError(secret))
    with structlog.contextvars.bound_contextvars(bound=secret):
        log.info("event")
    written = stream.getvalue()
    assert secret not in written
    assert "canary" not in written.lower()
    assert written.count(REDACTED) >= 8


@pytest.mark.parametrize("style", ["json", "console"])
def test_tracebacks_are_written_without_variables(style: Style) -> None:
    stream = logging_to(style)
    structlog.get_logger("bot").error("failed", exc_info=raised("broke"))
    written = stream.getvalue()
    assert "Traceback" in written
    assert "RuntimeError: broke" in written
    assert "variable-canary" not in written


def test_libraries_are_quiet_about_what_they_receive() -> None:
    stream = logging_to(level=logging.DEBUG)
    for name in ("slack_bolt.App", "slack_sdk.web.base_client", "botocore.parsers"):
        logging.getLogger(name).info("body: everything")
    assert stream.getvalue() == ""


HOSTILE = [
    "two\nlines",
    '{"event": "forged", "level": "info"}\n{"event": "forged"}',
    "\r\n2026-01-01 [info] forged",
    "\x1b[2J\x1b[31mred",
    "\u2028\u2029\x85",
    "\u202eright to left",
    "\x00\x07\x08",
    '"quotes" \\ and \\n',
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_is_logged_can_fake_another_record(text: str) -> None:
    stream = logging_to()
    structlog.get_logger("bot").info("node.read", name=text)
    logging.getLogger("library").warning("saw %s", text)
    assert stream.getvalue().replace("\n", "").isprintable()
    assert stream.getvalue().isascii()
    lines = stream.getvalue().splitlines()
    assert [json.loads(line)["logger"] for line in lines if line] == ["bot", "library"]


def on_a_console(text: str) -> str:
    stream = logging_to("console")
    structlog.get_logger("bot").info("node.read", name=text, inner=[text])
    return stream.getvalue()


@pytest.mark.parametrize("text", HOSTILE)
def test_on_a_console_it_stays_in_its_line_and_moves_no_cursor(text: str) -> None:
    written = on_a_console(text)
    assert written.count("\n") == 1
    assert written.count("\x1b") == on_a_console("harmless").count("\x1b")
    assert re.sub(r"\x1b\[[0-9;]*m", "", written).rstrip("\n").isprintable()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text(min_size=1, max_size=10).filter(str.isidentifier), st.text()))
def test_every_record_can_be_read_again(values: dict[str, str]) -> None:
    stream = logging_to()
    values = {f"x_{key}": value for key, value in values.items()}
    structlog.get_logger("bot").info("any", **values)
    (line,) = [line for line in stream.getvalue().split("\n") if line]
    record = json.loads(line)
    assert record["event"] == "any"
    assert set(values) <= set(record)
