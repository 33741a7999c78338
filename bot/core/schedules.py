"""Digests on local days: which instant a slot is, which slots are due, late or missed, and how far each has got.

A slot is one subscription on one local date. Its instant follows from the zone: a time that a change of the clocks
leaves out is the first instant after the gap, one that comes twice is the first of the two. So every day has exactly
one slot, whatever the offset does, and the key of a slot never depends on an offset.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from bot.core.audit import Entry

GRACE: Final = timedelta(hours=6)
"""How long after its instant a slot may still be posted."""
LATE: Final = timedelta(minutes=10)
REPEATS: Final = 1
"""How often a digest is posted again whose answer was lost and that is not in the channel."""

DAY_NAMES: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONG: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAILY: Final = frozenset(range(7))
WEEKDAYS: Final = frozenset(range(5))
_SETS: Final[Mapping[str, frozenset[int]]] = {
    "daily": DAILY,
    "weekdays": WEEKDAYS,
    "weekends": DAILY - WEEKDAYS,
}
DAY_WORDS: Final = (*_SETS, *DAY_NAMES)
_BOT: Final = "patchbot"


@dataclass(frozen=True, slots=True)
class Subscription:
    """A digest of an environment in a channel, on those days (0 is Monday) at that local time.

    There is one for an environment and channel, on or off. `created_by` is who set it up last, and hears of what goes
    wrong. `since` is when it was last changed: slots before that are not its own. `version` grows by one each time.
    """

    id: str
    environment: str
    channel: str
    at: time
    zone: str
    days: frozenset[int]
    created_by: str
    created_at: datetime
    since: datetime
    active: bool = True
    version: int = 1

    @property
    def subject(self) -> str:
        """Its name in the audit log."""
        return f"digest/{self.id}"

    def in_words(self) -> str:
        """When it comes, as people type it: "09:00 Europe/Berlin weekdays"."""
        return f"{self.at:%H:%M} {self.zone} {days_in_words(self.days)}"


class SlotState(StrEnum):
    """Where a slot stands. The last four are ends, but an unknown one may still be found."""

    CLAIMED = "claimed"
    POSTING = "posting"  # the intent is on disk; the message may be there
    POSTED = "posted"
    SKIPPED = "skipped"
    FAILED = "failed"
    UNKNOWN = "unknown"  # nobody can tell whether it is there: looked for, never posted again


SLOT_MOVES: Final[Mapping[SlotState, frozenset[SlotState]]] = {
    SlotState.CLAIMED: frozenset(
        {SlotState.POSTING, SlotState.SKIPPED, SlotState.FAILED, SlotState.UNKNOWN}
    ),
    SlotState.POSTING: frozenset(
        {SlotState.POSTED, SlotState.CLAIMED, SlotState.FAILED, SlotState.UNKNOWN}
    ),
    SlotState.UNKNOWN: frozenset({SlotState.POSTED}),
    SlotState.POSTED: frozenset(),
    SlotState.SKIPPED: frozenset(),
    SlotState.FAILED: frozenset(),
}
"""Allowed moves. Back to CLAIMED goes only what is surely not in the channel."""

OPEN_SLOTS: Final = frozenset({SlotState.CLAIMED, SlotState.POSTING})
SETTLED: Final = frozenset(state for state, moves in SLOT_MOVES.items() if not moves)
"""What stays as it is; an unknown slot may still be found."""
MISSED: Final = frozenset({SlotState.SKIPPED, SlotState.FAILED, SlotState.UNKNOWN})
"""What the next digest mentions."""

_KINDS: Final[Mapping[SlotState, str]] = {
    SlotState.CLAIMED: "digest.reclaimed",
    SlotState.POSTING: "digest.intended",
    SlotState.POSTED: "digest.posted",
    SlotState.SKIPPED: "digest.skipped",
    SlotState.FAILED: "digest.failed",
    SlotState.UNKNOWN: "digest.lost_track",
}


@dataclass(frozen=True, slots=True)
class Slot:
    """A subscription on a local date. `since` is when the digest before it was posted: what it compares with.

    `repeats` counts how often it was posted again after a lost answer.
    """

    subscription: str
    day: date
    instant: datetime
    state: SlotState
    claimed_at: datetime
    since: datetime | None = None
    posting_at: datetime | None = None
    channel: str = ""
    ts: str = ""
    reason: str = ""
    repeats: int = 0

    @property
    def key(self) -> str:
        """By which its message is known: the subscription and the date."""
        return f"{self.subscription}/{self.day.isoformat()}"

    @property
    def subject(self) -> str:
        """Its name in the audit log."""
        return f"digest/{self.key}"

    @property
    def late(self) -> bool:
        """Whether it came, or comes, later than its time."""
        return (self.posting_at or self.claimed_at) - self.instant > LATE


def parse_days(words: str) -> frozenset[int]:
    """The days in "daily", "weekdays", "weekends" or "mon,wed,fri". Raises ValueError that names the wrong word."""
    days: set[int] = set()
    for word in words.casefold().split(","):
        named = [
            number
            for number, name in enumerate(DAY_NAMES)
            if word in {name, _LONG[number], f"{_LONG[number]}s"}
        ]
        found = _SETS.get(word, frozenset(named))
        if not found:
            raise ValueError(word)
        days |= found
    return frozenset(days)


def days_in_words(days: frozenset[int]) -> str:
    """The days as `parse_days` takes them."""
    for name, those in _SETS.items():
        if days == those:
            return name
    return ",".join(DAY_NAMES[number] for number in sorted(days))


def instant(subscription: Subscription, day: date) -> datetime:
    """When the slot of that local date is, in UTC. Raises ZoneInfoNotFoundError for a zone that is unknown here."""
    return _instant(ZoneInfo(subscription.zone), datetime.combine(day, subscription.at))


def _instant(zone: ZoneInfo, wall: datetime) -> datetime:
    # With fold=0 a wall time in a gap is read with the offset before it, and lands after the gap.
    moment = wall.replace(tzinfo=zone).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == wall:
        return moment
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    old = before.astimezone(zone).utcoffset()
    while moment - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(moment - before) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            moment = middle
    return moment


def next_instant(
    subscription: Subscription, now: datetime, *, after: date | None = None
) -> datetime:
    """The first slot to come; `after` is the last date that has its slot already."""
    start = max(now, subscription.since)
    first = _local(subscription, start) - timedelta(days=1)
    days = _days(subscription, max(first, after + timedelta(days=1)) if after else first)
    return next(moment for _, moment in days if moment > start)


def due(
    subscription: Subscription,
    now: datetime,
    *,
    known: Slot | None,
    since: datetime | None,
    awake: datetime,
    grace: timedelta = GRACE,
) -> tuple[Slot, ...]:
    """The slots to be stored now, oldest first: the newest claimed if it is within `grace`, all others skipped.

    `known` is the newest slot that is stored, `since` what a new digest compares with. `awake` is the last moment at
    which patchbot surely ran: the reason of what was missed.
    """
    first = _local(subscription, subscription.since) - timedelta(days=1)
    if known is not None:
        first = max(first, known.day + timedelta(days=1))
    last = _local(subscription, now)
    slots = []
    for day, moment in _days(subscription, first):
        if day > last or moment > now:
            break
        if moment > subscription.since:
            slots.append(_missed(subscription, day, moment, now, min(awake, moment)))
    if slots and now - slots[-1].instant <= grace:
        slots[-1] = replace(slots[-1], state=SlotState.CLAIMED, reason="", since=since)
    return tuple(slots)


def _missed(
    subscription: Subscription, day: date, moment: datetime, now: datetime, since: datetime
) -> Slot:
    reason = f"down from {since:%Y-%m-%d %H:%M} to {now:%Y-%m-%d %H:%M} UTC"
    return Slot(subscription.id, day, moment, SlotState.SKIPPED, now, reason=reason)


def _days(subscription: Subscription, first: date) -> Iterator[tuple[date, datetime]]:
    zone = ZoneInfo(subscription.zone)
    day = first
    while True:
        if day.weekday() in subscription.days:
            yield day, _instant(zone, datetime.combine(day, subscription.at))
        day += timedelta(days=1)


def _local(subscription: Subscription, moment: datetime) -> date:
    return moment.astimezone(ZoneInfo(subscription.zone)).date()


def overdue(slot: Slot, now: datetime, *, grace: timedelta = GRACE) -> bool:
    """Whether it is too late to post it."""
    return now - slot.instant > grace


def missed(slots: Sequence[Slot], slot: Slot) -> tuple[Slot, ...]:
    """What became of the days between the last posted digest and `slot`, oldest first; `slots` are newest first."""
    found: list[Slot] = []
    for one in slots:
        if one.day >= slot.day:
            continue
        if one.state is SlotState.POSTED:
            break
        if one.state in MISSED:
            found.append(one)
    return tuple(reversed(found))


def last_posted(slots: Sequence[Slot]) -> datetime | None:
    """When the newest posted digest of `slots`, newest first, was made; None where there is none."""
    posted = (one.posting_at or one.instant for one in slots if one.state is SlotState.POSTED)
    return next(posted, None)


def stored(slot: Slot) -> Entry:
    """The audit entry of a new slot."""
    kind = "digest.claimed" if slot.state is SlotState.CLAIMED else _KINDS[slot.state]
    return Entry(kind, _BOT, slot.subject, _body(slot, instant=slot.instant.isoformat()))


def moved(
    slot: Slot, state: SlotState, *, why: str = "", actor: str = _BOT, **changes: Any
) -> tuple[Slot, Entry]:
    """The slot one move on, with its audit entry. Raises ValueError for a move that there is not."""
    if state not in SLOT_MOVES[slot.state]:
        raise ValueError(f"a slot cannot go from {slot.state} to {state}")
    after = replace(slot, state=state, reason=why, **changes)
    told = {"channel": after.channel, "ts": after.ts} if state is SlotState.POSTED else {}
    return after, Entry(_KINDS[state], actor, slot.subject, _body(after, **told))


def _body(slot: Slot, **more: str) -> Mapping[str, str]:
    return {**more, **({"reason": slot.reason} if slot.reason else {})}
