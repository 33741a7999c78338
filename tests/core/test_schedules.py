"""Digests on local days: every day one slot, whatever the clocks do, and a reason for each that was missed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.schedules import (
    DAILY,
    DAY_WORDS,
    GRACE,
    SLOT_MOVES,
    WEEKDAYS,
    Slot,
    SlotState,
    Subscription,
    days_in_words,
    due,
    instant,
    last_posted,
    missed,
    moved,
    next_instant,
    parse_days,
)
from tests.core.schedules import START, a_slot, a_subscription

YEAR = [date(2026, 1, 1) + timedelta(days=number) for number in range(365)]
ZONES = sorted(available_timezones())
TIMES = [time(0), time(0, 30), time(1), time(1, 30), time(2), time(2, 1), time(2, 30), time(2, 59)]
TIMES += [time(3), time(3, 30), time(4), time(9), time(12), time(18), time(23, 30), time(23, 59)]
HOUR = timedelta(hours=1)


def changes_of_clocks() -> Iterator[tuple[str, date]]:
    """Every zone and local date of 2026 on which its clocks change."""
    for name in ZONES:
        zone = ZoneInfo(name)
        noons = [datetime(d.year, d.month, d.day, 12, tzinfo=zone) for d in YEAR]
        for before, after in pairwise(noons):
            if before.utcoffset() != after.utcoffset():
                yield name, after.date()


CHANGES = list(changes_of_clocks())


def first_at_or_after(zone: ZoneInfo, wall: datetime, found: datetime) -> bool:
    """Whether `found` is the first instant whose local time is not before `wall`: in a gap, the end of the gap."""

    def reached(moment: datetime) -> bool:
        return moment.astimezone(zone).replace(tzinfo=None) >= wall

    steps = (timedelta(seconds=1), timedelta(minutes=1), HOUR / 2, HOUR, 2 * HOUR, 26 * HOUR)
    return reached(found) and not any(reached(found - step) for step in steps)


def test_on_every_day_on_which_clocks_change_each_time_of_day_is_one_instant() -> None:
    """The rule for gaps and overlaps, in all zones: the first instant at which the time has come."""
    assert len(CHANGES) > 300
    for name, day in CHANGES:
        zone = ZoneInfo(name)
        for at in TIMES:
            found = instant(a_subscription(zone=name, at=at), day)
            assert first_at_or_after(zone, datetime.combine(day, at), found), (name, day, at)


@pytest.mark.parametrize(
    ("zone", "at", "day", "expected"),
    [
        ("Europe/Berlin", time(2, 30), date(2026, 3, 29), "2026-03-29T01:00+00:00"),  # gap
        ("Europe/Berlin", time(2, 30), date(2026, 10, 25), "2026-10-25T00:30+00:00"),  # twice
        ("Europe/Berlin", time(9), date(2026, 3, 29), "2026-03-29T07:00+00:00"),
        ("Australia/Lord_Howe", time(2, 10), date(2026, 10, 4), "2026-10-03T15:30+00:00"),
        ("Pacific/Apia", time(9), date(2011, 12, 30), "2011-12-30T10:00+00:00"),  # no such day
        ("Asia/Kathmandu", time(9), date(2026, 1, 1), "2026-01-01T03:15+00:00"),
    ],
)
def test_instants_somebody_worked_out(zone: str, at: time, day: date, expected: str) -> None:
    found = instant(a_subscription(zone=zone, at=at), day)
    assert found.isoformat(timespec="minutes") == expected


def a_year(subscription: Subscription, step: timedelta) -> list[Slot]:
    """The slots of a year in which somebody looks every `step`."""
    stored: list[Slot] = []
    now = subscription.since
    while now < subscription.since + timedelta(days=365):
        known = stored[-1] if stored else None
        stored += due(subscription, now, known=known, since=None, awake=now)
        now += step
    return stored


@pytest.mark.parametrize(
    "name", [*ZONES[:: max(1, len(ZONES) // 24)], "Europe/Berlin", "America/Santiago"]
)
@pytest.mark.parametrize("at", [time(0), time(2, 30)])
def test_each_local_day_of_a_year_has_exactly_one_slot(name: str, at: time) -> None:
    start = datetime(2026, 1, 1, tzinfo=ZoneInfo(name)) - timedelta(seconds=1)
    slots = a_year(a_subscription(zone=name, at=at, since=start), timedelta(hours=5))
    assert [slot.day for slot in slots] == YEAR[: len(slots)]
    assert len(slots) >= 364
    assert {slot.state for slot in slots} == {SlotState.CLAIMED}


@given(
    looks=st.lists(st.integers(min_value=-48 * 60, max_value=240 * 60), min_size=1, max_size=20),
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
    days=st.sets(st.integers(0, 6), min_size=1),
)
def test_however_the_clock_jumps_each_day_is_stored_once(
    looks: list[int], zone: str, days: set[int]
) -> None:
    """Minutes by which the clock moves between two looks: back, or forward over days of downtime."""
    since = datetime(2026, 3, 20, 6, 0, tzinfo=UTC)
    subscription = a_subscription(zone=zone, days=frozenset(days), since=since, at=time(2, 30))
    stored: list[Slot] = []
    now = latest = since
    for minutes in looks:
        now += timedelta(minutes=minutes)
        latest = max(latest, now)
        found = due(
            subscription, now, known=stored[-1] if stored else None, since=None, awake=since
        )
        assert all(slot.state is SlotState.SKIPPED for slot in found[:-1])
        assert all(slot.reason for slot in found if slot.state is SlotState.SKIPPED)
        if found and found[-1].state is SlotState.CLAIMED:
            assert now - found[-1].instant <= GRACE
        stored += found
    wanted = {
        day
        for day in (date(2026, 3, 19) + timedelta(days=number) for number in range(400))
        if day.weekday() in days and since < instant(subscription, day) <= latest
    }
    assert [slot.day for slot in stored] == sorted(wanted)


def test_after_days_of_downtime_only_the_newest_comes_late() -> None:
    now = datetime(2026, 3, 5, 11, 30, tzinfo=UTC)
    *older, newest = due(
        a_subscription(), now, known=None, since=START, awake=datetime(2026, 3, 2, 7, tzinfo=UTC)
    )
    assert [slot.day.day for slot in older] == [2, 3, 4]
    assert {slot.reason for slot in older} == {"down from 2026-03-02 07:00 to 2026-03-05 11:30 UTC"}
    assert (newest.state, newest.late, newest.since) == (SlotState.CLAIMED, True, START)


def test_after_the_grace_even_the_newest_is_skipped() -> None:
    now = datetime(2026, 3, 2, 14, 1, tzinfo=UTC)
    (slot,) = due(a_subscription(), now, known=None, since=None, awake=now)
    assert slot.state is SlotState.SKIPPED
    (slot,) = due(a_subscription(), now - timedelta(minutes=1), known=None, since=None, awake=START)
    assert slot.state is SlotState.CLAIMED


def test_a_change_of_the_time_counts_from_then_on() -> None:
    """What was before the change is not missed, and a date that has its slot gets no second one."""
    noon = datetime(2026, 3, 2, 11, 0, tzinfo=UTC)
    earlier = a_subscription(at=time(7), since=noon)
    assert due(earlier, noon + HOUR, known=None, since=None, awake=noon) == ()
    later = a_subscription(at=time(18), since=noon)
    evening = noon + timedelta(hours=8)
    assert due(later, evening, known=a_slot(), since=None, awake=noon) == ()
    assert len(due(later, evening, known=None, since=None, awake=noon)) == 1
    assert next_instant(later, noon, after=a_slot().day).day == 3


def test_the_next_one() -> None:
    friday = datetime(2026, 3, 6, 8, 0, tzinfo=UTC)
    found = next_instant(a_subscription(days=WEEKDAYS), friday)
    assert found == datetime(2026, 3, 9, 8, 0, tzinfo=UTC)
    before = next_instant(a_subscription(days=WEEKDAYS), friday - timedelta(seconds=1))
    assert before == friday


@given(st.frozensets(st.integers(0, 6), min_size=1))
def test_days_are_understood_as_they_are_written(days: frozenset[int]) -> None:
    assert parse_days(days_in_words(days)) == days


def test_days_in_people_s_words() -> None:
    assert parse_days("Mon,wednesday,FRI") == frozenset({0, 2, 4})
    assert parse_days("daily") == DAILY
    assert all(parse_days(word) for word in DAY_WORDS)
    for wrong in ("", "mon,", "someday", "mon,wen"):
        with pytest.raises(ValueError, match=wrong.rpartition(",")[2] or "^$"):
            parse_days(wrong)


@pytest.mark.parametrize("state", sorted(SlotState))
@pytest.mark.parametrize("wanted", sorted(SlotState))
def test_only_allowed_moves_are_made(state: SlotState, wanted: SlotState) -> None:
    slot = a_slot(state=state)
    if wanted not in SLOT_MOVES[state]:
        with pytest.raises(ValueError, match="cannot go"):
            moved(slot, wanted)
        return
    after, entry = moved(slot, wanted, why="why")
    assert (after.state, after.reason) == (wanted, "why")
    assert (entry.subject, entry.body["reason"]) == ("digest/D-1/2026-03-02", "why")


def test_what_was_posted_skipped_or_failed_stays_so() -> None:
    """Only what is unknown may still be found; nothing leads from an end back to a post."""
    for state in (SlotState.POSTED, SlotState.SKIPPED, SlotState.FAILED):
        assert not SLOT_MOVES[state]
    assert SLOT_MOVES[SlotState.UNKNOWN] == {SlotState.POSTED}


def test_the_next_digest_names_what_was_missed_since_the_last() -> None:
    states = ["posted", "failed", "posted", "skipped", "unknown", "failed", "claimed"]
    slots = [
        a_slot(date(2026, 3, number), state=SlotState(state))
        for number, state in enumerate(states, 1)
    ]
    newest_first = slots[::-1]
    assert [slot.day.day for slot in missed(newest_first, slots[-1])] == [4, 5, 6]
    assert last_posted(newest_first) == slots[2].instant
    assert last_posted(newest_first[:4]) is None
