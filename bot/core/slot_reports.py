"""The answer of `digest list` as data, like those of `reports.py`."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from bot.core.reports import Report
from bot.core.schedules import Slot, SlotState, Subscription, days_in_words


class SlotRow(Report):
    """A digest of one local date. `late` is told of those that were claimed or posted after their time."""

    day: date
    instant: datetime
    state: SlotState
    late: bool
    reason: str


class SubscriptionRow(Report):
    """Who gets which digest when. `next` is the next slot, `slots` the last ones, newest first."""

    id: str
    environment: str
    channel: str
    at: str
    zone: str
    days: str
    created_by: str
    next: datetime
    slots: tuple[SlotRow, ...]


class DigestsReport(Report):
    """`patchbot.digests/1`: the digests that are on."""

    schema_name: Literal["patchbot.digests/1"] = Field("patchbot.digests/1", alias="schema")
    environment: str
    as_of: datetime
    subscriptions: tuple[SubscriptionRow, ...]


def slot_row(slot: Slot) -> SlotRow:
    """A slot as people read it."""
    return SlotRow(
        day=slot.day, instant=slot.instant, state=slot.state, late=slot.late, reason=slot.reason
    )


def subscription_row(
    subscription: Subscription, slots: tuple[Slot, ...], following: datetime
) -> SubscriptionRow:
    """A subscription as people read it."""
    return SubscriptionRow(
        id=subscription.id,
        environment=subscription.environment,
        channel=subscription.channel,
        at=f"{subscription.at:%H:%M}",
        zone=subscription.zone,
        days=days_in_words(subscription.days),
        created_by=subscription.created_by,
        next=following,
        slots=tuple(slot_row(one) for one in slots),
    )
