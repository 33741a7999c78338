"""The table of patchbot.toml about events: which queues are listened to, and how alerts are kept from being noise."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from bot.config.members import Table
from bot.config.values import Duration, QueueUrl


def as_list(given: Any) -> Any:
    """One text stands for a list of one."""
    return (given,) if isinstance(given, str) else given


class EventsTable(Table):
    """How patchbot hears of changes between two readings."""

    queue_url: Annotated[tuple[QueueUrl, ...], BeforeValidator(as_list)] = Field(
        (),
        description="the SQS queue of deploy/events.yaml, or a list of them; none: nothing is listened to",
    )
    gather: Duration = Field(
        timedelta(minutes=5), description="news of one cause is gathered so long before it is told"
    )
    cool_down: Duration = Field(
        timedelta(hours=6),
        description="so long more of the same goes into the alert that is there, in its place",
    )
    settle: Duration = Field(
        timedelta(minutes=3),
        description="so long a command may be one of ours that is not recorded yet",
    )
    auto_request_every: Duration = Field(
        timedelta(hours=24),
        description="how often at most `auto_request` asks for an Install in an environment",
    )
