"""What a digest leaves in its channel: the metadata by which it is found again, also by a ledger that was restored."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from bot.core.ledger import Ledger
from bot.core.schedules import Slot, Subscription
from bot.slack.api import SlackApi
from bot.slack.noticeboard import key_of

EVENT_TYPE: Final = "patchbot_digest"
AROUND: Final = timedelta(hours=1)
"""How far before the intent a message is looked for: Slack's clock and ours differ."""


def metadata(slot: Slot) -> Mapping[str, Any]:
    """What the message of a slot carries."""
    return {"event_type": EVENT_TYPE, "event_payload": {"key": slot.key}}


def find(api: SlackApi, subscription: Subscription, slot: Slot, now: datetime) -> str:
    """The ts of the slot's message, "" where the channel has none. Raises SlackError where it cannot be read.

    Slack stamps messages with its own time: a clock that was ahead when the intent was written must not hide it.
    """
    oldest = min(slot.posting_at or slot.instant, slot.instant, now) - AROUND
    said = api.said_since(slot.channel or subscription.channel, oldest.timestamp())
    return next((str(one["ts"]) for one in said if key_of(one, EVENT_TYPE) == slot.key), "")


def forgotten(ledger: Ledger, slot: Slot) -> bool:
    """Whether its time was before a restore: the ledger that was lost may have posted it."""
    accepted = ledger.audit(kind="ledger.restore_accepted", limit=1)
    return bool(accepted) and accepted[0].at_us >= slot.instant.timestamp() * 1_000_000
