"""Subscriptions and slots for the tests of digests."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any

from bot.core.schedules import DAILY, Slot, SlotState, Subscription

START = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)  # a Monday


def a_subscription(**changes: Any) -> Subscription:
    """A digest of prod at nine in Berlin, daily."""
    made = Subscription(
        id="D-1",
        environment="prod",
        channel="C0000OPS1",
        at=time(9),
        zone="Europe/Berlin",
        days=DAILY,
        created_by="U0000ANA1",
        created_at=START,
        since=START,
    )
    return replace(made, **changes)


def a_slot(day: date = date(2026, 3, 2), **changes: Any) -> Slot:
    """A slot of it that is claimed at its time."""
    moment = datetime(day.year, day.month, day.day, 8, tzinfo=UTC)
    return replace(Slot("D-1", day, moment, SlotState.CLAIMED, moment), **changes)
