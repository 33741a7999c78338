"""Times of day, time zones and days as people type them. What is wrong is said with what is allowed."""

from __future__ import annotations

import re
from datetime import time
from functools import cache
from typing import Final
from zoneinfo import available_timezones

from bot.chatops.suggest import closest, did_you_mean
from bot.core.errors import UsageError
from bot.core.schedules import DAY_WORDS, days_in_words, parse_days

_TIME: Final = re.compile(r"(\d{1,2})(?:[:.](\d{2}))?(am|pm)?", re.IGNORECASE)
DAYS_POSSIBLE: Final = "daily, weekdays, weekends, or like mon,wed,fri"
_NO_PLACE: Final = frozenset({"localtime", "posixrules", "Factory"})


def looks_like_time(word: str) -> bool:
    """Whether somebody meant a time of day, right or wrong."""
    return word[:1].isdigit()


def looks_like_days(word: str) -> bool:
    """Whether the word names days, all of them right."""
    try:
        return bool(parse_days(word))
    except ValueError:
        return False


def looks_like_zone(word: str) -> bool:
    """Whether the word is a zone and nothing else: with a slash, or UTC."""
    return "/" in word or word.casefold() in {"utc", "gmt"}


def time_of(word: str) -> time:
    """ "09:00", "9.30", "6pm". Raises UsageError."""
    match = _TIME.fullmatch(word)
    hour, minute = (int(match[1]), int(match[2] or 0)) if match else (24, 0)
    half = (match[3] or "").casefold() if match else ""
    if half:
        hour = hour % 12 + 12 * (half == "pm") if 1 <= hour <= 12 else 24
    if match is None or not (match[2] or half) or hour > 23 or minute > 59:
        raise UsageError(f"“{word}” is not a time of day.", hint="Say it like 09:00, 17:30 or 6pm.")
    return time(hour, minute)


def zone_of(word: str) -> str:
    """The zone of that IANA name, whatever the case. Raises UsageError with the nearest name."""
    folded = word.casefold()
    found = _zones().get(folded)
    if found is None:
        near = _cities().get(folded) or closest(folded, _zones().values())
        near = near or _cities().get(closest(folded, _cities()) or "")
        hint = f"Did you mean “{near}”? " if near else ""
        raise UsageError(
            f"“{word}” is neither a time zone nor days that I know.",
            hint=f"{hint}Zones have names like Europe/Berlin, America/New_York or UTC; days are {DAYS_POSSIBLE}.",
        )
    return found


def days_of(words: str) -> str:
    """The days in the one way they are written. Raises UsageError that names the wrong word."""
    try:
        return days_in_words(parse_days(words))
    except ValueError as error:
        wrong = str(error)
        hint = f"{did_you_mean(wrong, DAY_WORDS)} Possible: {', '.join(DAY_WORDS)}; several with commas."
        raise UsageError(f"“{wrong}” names no days.", hint=hint.strip()) from None


@cache
def _zones() -> dict[str, str]:
    return {name.casefold(): name for name in sorted(available_timezones() - _NO_PLACE)}


@cache
def _cities() -> dict[str, str]:
    """Zones by the last part of their name, for people who only say the city."""
    return {name.rpartition("/")[2].casefold(): name for name in _zones().values() if "/" in name}
