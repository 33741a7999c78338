"""What the log says of a reading: one line per target."""

from __future__ import annotations

import logging

from bot.aws.calls import Round
from bot.core.environments import Environment
from bot.core.errors import AwsError, Stopping
from bot.core.readings import TargetReading

_log = logging.getLogger("patchbot.aws")
_log.addHandler(
    logging.NullHandler()
)  # in a terminal, where nobody configured a log, the answer says it all


def tell_read(
    environment: Environment, around: Round, reading: TargetReading, *, seconds: float
) -> None:
    """A target was read: a warning where it has gaps."""
    _log.log(
        logging.WARNING if reading.gaps else logging.INFO,
        "target read",
        extra={
            **_figures(environment, around, seconds),
            "account": reading.account,
            "nodes": len(reading.observations),
            "gaps": [gap.reason for gap in reading.gaps],
        },
    )


def tell_failed(
    environment: Environment, around: Round, error: AwsError, *, seconds: float
) -> None:
    """A target could not be read at all."""
    _log.log(
        logging.INFO if isinstance(error, Stopping) else logging.WARNING,
        "target not read",
        extra={
            **_figures(environment, around, seconds),
            "account": error.account,
            "why": error.message,
            "hint": error.hint,
        },
    )


def _figures(environment: Environment, around: Round, seconds: float) -> dict[str, object]:
    return {
        "environment": environment.name,
        "target": str(around.target),
        "milliseconds": round(seconds * 1000),
        "calls": around.calls,
        "throttled": around.throttled,
    }
