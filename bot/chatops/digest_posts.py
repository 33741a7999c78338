"""The message of a slot: the digest, and what its reader must know of its own time and of those before it."""

from __future__ import annotations

from collections.abc import Sequence

from bot.chatops.blocks import Block, context
from bot.chatops.digest_card import digest_card
from bot.chatops.markup import date, in_utc, markup
from bot.chatops.reply import Card
from bot.core.digest_reports import DigestReport
from bot.core.schedules import Slot, Subscription


def slot_card(
    _subscription: Subscription,
    slot: Slot,
    report: DigestReport,
    missed: Sequence[Slot],
    *,
    picture: Block | None = None,
) -> Card:
    """The card of a slot; `missed` are those since the last digest that was posted, oldest first."""
    told = [in_words(one) for one in missed]
    card = digest_card(report, missed=told, picture=picture, slot=slot.key)
    if not slot.late:
        return card
    late = context(markup("Late: this was {when}.", when=date(slot.instant, lead="due ")))
    return Card(f"Late, due {in_utc(slot.instant)}. {card.text}", (late, *card.blocks))


def in_words(slot: Slot) -> str:
    """What became of a slot that was missed: "Wed 2026-11-18, skipped: down from …"."""
    return f"{slot.day:%a %Y-%m-%d}, {slot.state.value}: {slot.reason}"
