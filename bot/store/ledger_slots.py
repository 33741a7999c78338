"""Subscriptions and slots of digests as rows of ledger.db, and back."""

from __future__ import annotations

import sqlite3
from datetime import date, datetime, time

from bot.core.schedules import Slot, SlotState, Subscription, days_in_words, parse_days
from bot.store.ledger_rows import Values
from bot.store.rows import from_time, to_time


def subscription_row(subscription: Subscription) -> Values:
    return {
        "id": subscription.id,
        "version": subscription.version,
        "environment": subscription.environment,
        "channel": subscription.channel,
        "local_time": subscription.at.isoformat("minutes"),
        "zone": subscription.zone,
        "days": days_in_words(subscription.days),
        "created_by": subscription.created_by,
        "created_at": from_time(subscription.created_at),
        "since": from_time(subscription.since),
        "active": int(subscription.active),
    }


def slot_row(slot: Slot) -> Values:
    return {
        "subscription": slot.subscription,
        "local_date": slot.day.isoformat(),
        "instant": from_time(slot.instant),
        "state": slot.state.value,
        "claimed_at": from_time(slot.claimed_at),
        "since": from_time(slot.since),
        "posting_at": from_time(slot.posting_at),
        "channel": slot.channel,
        "ts": slot.ts,
        "reason": slot.reason,
        "repeats": slot.repeats,
    }


def subscriptions(connection: sqlite3.Connection) -> tuple[Subscription, ...]:
    """All of them, oldest first."""
    found = connection.execute("SELECT * FROM subscription ORDER BY rowid")
    return tuple(_subscription(row) for row in found)


def slots(connection: sqlite3.Connection, subscription: str, limit: int) -> tuple[Slot, ...]:
    """The newest slots of a subscription, newest first."""
    found = connection.execute(
        "SELECT * FROM slot WHERE subscription = ? ORDER BY local_date DESC LIMIT ?",
        (subscription, limit),
    )
    return tuple(_slot(row) for row in found)


def _subscription(row: Values) -> Subscription:
    return Subscription(
        id=row["id"],
        environment=row["environment"],
        channel=row["channel"],
        at=time.fromisoformat(row["local_time"]),
        zone=row["zone"],
        days=parse_days(row["days"]),
        created_by=row["created_by"],
        created_at=datetime.fromisoformat(row["created_at"]),
        since=datetime.fromisoformat(row["since"]),
        active=bool(row["active"]),
        version=row["version"],
    )


def _slot(row: Values) -> Slot:
    return Slot(
        subscription=row["subscription"],
        day=date.fromisoformat(row["local_date"]),
        instant=datetime.fromisoformat(row["instant"]),
        state=SlotState(row["state"]),
        claimed_at=datetime.fromisoformat(row["claimed_at"]),
        since=to_time(row["since"]),
        posting_at=to_time(row["posting_at"]),
        channel=row["channel"],
        ts=row["ts"],
        reason=row["reason"],
        repeats=row["repeats"],
    )
