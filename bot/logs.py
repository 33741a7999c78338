"""Log records as JSON lines or for a console; no secret leaves, and no record can fake another one.

Records of libraries (through `logging`) go the same way as our own (through structlog).
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, Final, Literal, TextIO, TypeAlias

import structlog
from structlog.typing import Processor

from bot.chatops import inert

Record: TypeAlias = MutableMapping[str, Any]
REDACTED: Final = "[redacted]"
_SHORTEST_SECRET: Final = 8
_TRACEBACK: Final = "exception"
_PATTERNS: Final = re.compile(
    r"xox[a-z](?:\.[a-z]+)?-[\w.-]+"  # Slack tokens
    r"|xapp-[\w-]+"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"  # AWS access key ids
    r"|https://hooks\.slack(?:-gov)?\.com/[^\s\"'<>]*"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"  # JSON Web Tokens
    r"|(?<=Bearer )[\w.~+/=-]+"
)
# Chatty, and below warning they log what was received.
_QUIET: Final = ("slack_bolt", "slack_sdk", "botocore", "boto3", "urllib3", "uvicorn", "asyncio")


def configure_logging(
    *,
    secrets: Iterable[str] = (),
    style: Literal["json", "console"] = "json",
    level: str = "INFO",
    stream: TextIO | None = None,
) -> None:
    """Log from now on to `stream` (standard error by default). `secrets` are shown nowhere, whatever logs them."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        Redactor(secrets),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(style),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


class Redactor:
    """A structlog processor that blacks out secrets by their value and by what tokens look like."""

    def __init__(self, secrets: Iterable[str]) -> None:
        # The longest first: a secret may be the beginning of another one.
        known = sorted({s for s in secrets if len(s) >= _SHORTEST_SECRET}, key=len, reverse=True)
        self._values = re.compile("|".join(map(re.escape, known))) if known else None

    def __call__(self, _logger: Any, _method: str, record: Record) -> Record:
        """The record without secrets."""
        return {key: self._clean(value) for key, value in record.items()}

    def text(self, text: str) -> str:
        """The text without secrets."""
        if self._values is not None:
            text = self._values.sub(REDACTED, text)
        return _PATTERNS.sub(REDACTED, text)

    def _clean(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, Mapping):
            return {self.text(str(key)): self._clean(each) for key, each in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._clean(each) for each in value]
        return value if _is_structlogs(value) else self.text(str(value))


def _is_structlogs(value: Any) -> bool:
    """What structlog carries along for its own use in a record of a library."""
    return isinstance(value, logging.LogRecord)


def _renderers(style: Literal["json", "console"]) -> list[Processor]:
    if style == "json":
        return [structlog.processors.JSONRenderer(ensure_ascii=False)]
    # Without "exception" in it, ConsoleRenderer would print tracebacks with their local variables.
    plain = structlog.dev.plain_traceback
    return [_one_line_each, structlog.dev.ConsoleRenderer(exception_formatter=plain)]


def _one_line_each(_logger: Any, _method: str, record: Record) -> Record:
    """No value starts a line of its own or moves the cursor; a traceback keeps its lines, and only those."""
    return {
        key: (
            "\n".join(map(inert.log, value.split("\n"))) if key == _TRACEBACK else inert.log(value)
        )
        if isinstance(value, str)
        else value
        for key, value in record.items()
    }
