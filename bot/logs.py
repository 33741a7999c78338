"""How patchbot logs: one event a line on stderr, as JSON unless somebody is looking, and never a token."""

from __future__ import annotations

import logging
import re
import sys
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_TOKEN = re.compile(r"(xox[a-z]|xapp|xwfp)-[A-Za-z0-9-]+")
_CHATTY = ("slack_bolt", "slack_sdk", "botocore", "urllib3", "uvicorn")


def configure(level: int = logging.INFO) -> None:
    """Send the events of structlog and of everybody's `logging` through one formatter."""
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
    # Both renderers escape line breaks: nobody's text can make a line of its own.
    renderer: Processor = (
        structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"])
        if sys.stderr.isatty()
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            without_tokens,
            renderer,
        ],
    )
    handler = logging.StreamHandler()
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
                without_tokens,
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


def without_tokens(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The event with everything that looks like a token of Slack blotted out, tracebacks included."""
    return {key: _blotted(value) for key, value in event.items()}


def _blotted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _blotted(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_blotted(inner) for inner in value]
    if isinstance(value, bool | int | float | None):
        return value
    return _TOKEN.sub(r"\1-…", str(value))
