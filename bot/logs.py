"""How patchbot logs: one event a line on stderr, as JSON unless somebody is looking, and never a secret.

The events of libraries (through `logging`) go the same way as our own (through structlog).
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Final, TextIO
from urllib.parse import quote

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from bot.chatops import inert

REDACTED: Final = "[redacted]"
_SHORTEST_SECRET: Final = 8
_SECRETS: Final = re.compile(
    r"xox[a-z](?:\.xox[a-z])?-[\w.-]+|(?:xapp|xwfp)-[\w-]+"  # tokens of Slack
    # where to answer to somebody, also with its slashes escaped as in JSON or in a query
    r"|hooks\.slack(?:-gov)?\.com[/\\%][^\s\"'<>]*"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"  # access key ids of AWS
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"  # JSON Web Tokens
    r"|(?<=Bearer )[\w.~+/=-]+"
)
_TRACEBACK: Final = "exception"
# Below warning they tell what they received.
_CHATTY: Final = ("slack_bolt", "slack_sdk", "botocore", "urllib3", "uvicorn")


def configure(
    level: int = logging.INFO,
    *,
    secrets: Iterable[str] = (),
    stream: TextIO | None = None,
) -> None:
    """Send the events of structlog and of everybody's `logging` through one formatter to `stream` (else stderr).

    `secrets` are blotted out wherever they stand; what looks like a token is in any case.
    """
    stream = stream or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            Redactor(secrets),
            *_renderers(looked_at=stream.isatty()),
        ],
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    _quieten(level)


def ensure() -> None:
    """Where nobody configured logging: let warnings through to stderr, for stdout may be somebody's JSON."""
    if not structlog.is_configured():
        structlog.configure(
            processors=[
                structlog.stdlib.filter_by_level,
                structlog.processors.format_exc_info,
                Redactor(),
                structlog.processors.KeyValueRenderer(key_order=["event"]),
            ],
            logger_factory=structlog.stdlib.LoggerFactory(),
            wrapper_class=structlog.stdlib.BoundLogger,
        )
    _quieten(logging.WARNING)


def _quieten(level: int) -> None:
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    logging.getLogger("slack_bolt.App").addFilter(_worth_telling)


def _worth_telling(record: logging.LogRecord) -> bool:
    """Bolt reads SLACK_BOT_TOKEN by itself, and then warns that it does not use it."""
    return "`token` will be unused" not in record.getMessage()


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger for events: `log.info("serving", transport="socket")`."""
    found: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return found


class Redactor:
    """A processor that blots out `secrets`, and everything that looks like one, tracebacks included."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # The longest first: a secret may be the beginning of another one.
        known = sorted({each for each in secrets if len(each) >= _SHORTEST_SECRET}, key=len)
        self._known = re.compile("|".join(map(_pattern, reversed(known)))) if known else None

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """The event without secrets."""
        return {key: self._blotted(value) for key, value in event.items()}

    def _blotted(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {self._text(str(key)): self._blotted(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._blotted(inner) for inner in value]
        if isinstance(value, bool | int | float | None):
            return value
        return self._text(str(value))

    def _text(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub(REDACTED, text)
        return _SECRETS.sub(REDACTED, text)


def _pattern(secret: str) -> str:
    """Finds the secret as it is, in JSON that escapes slashes, and in an address: keys of AWS hold “/” and “+”."""
    return "".join(
        char if char.isalnum() else rf"(?:\\*{re.escape(char)}|(?i:{quote(char, safe='')}))"
        for char in secret
    )


def _renderers(*, looked_at: bool) -> list[Processor]:
    """For people or as JSON. Nobody's text can make a line of its own either way."""
    if not looked_at:
        return [structlog.processors.JSONRenderer(ensure_ascii=True)]
    # The console renderer would print tracebacks with all their variables.
    plainly = structlog.dev.plain_traceback
    return [_in_one_line, structlog.dev.ConsoleRenderer(exception_formatter=plainly)]


def _in_one_line(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The event without line breaks and control characters; a traceback keeps its lines, and only those."""
    return {
        key: "\n".join(map(inert.log, str(value).split("\n")))
        if key == _TRACEBACK
        else _line(value)
        for key, value in event.items()
    }


def _line(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | None) else inert.log(str(value))
