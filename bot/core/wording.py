"""Counts, lists and ages as people say them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

_STEPS = (
    (timedelta(days=2), timedelta(days=1), "day"),
    (timedelta(hours=2), timedelta(hours=1), "hour"),
    (timedelta(minutes=1), timedelta(minutes=1), "min"),
)


def counted(number: int, noun: str, plural: str = "") -> str:
    """ "1 node", "2 nodes", "10,000 nodes", "2 patches" (with `plural` given)."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def span(length: timedelta) -> str:
    """A length of time in its largest sensible unit, rounded down: "12 days", "47 hours", "3 min"."""
    for at_least, unit, name in _STEPS:
        if length >= at_least:
            number = length // unit
            return f"{number:,} min" if name == "min" else counted(number, name)
    return "less than a minute"


def in_utc(moment: datetime) -> str:
    """`2026-11-23 14:05 UTC`: the one way in which our sentences name a moment, by which cards find it again."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def ago(then: datetime | None, now: datetime) -> str:
    """How long before `now` something was: "3 min ago", "just now"; "never" for None.

    A moment slightly ahead of our clock is "just now"; anything later is said as it is.
    """
    if then is None:
        return "never"
    length = now - then
    if length < -timedelta(minutes=5):
        return f"in {span(-length)}"
    return "just now" if length < timedelta(minutes=1) else f"{span(length)} ago"


def listed(parts: Iterable[str], joint: str = "and") -> str:
    """ "a", "a and b", "a, b and c"."""
    items = [part for part in parts if part]
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {joint} {items[-1]}"
