"""A year of digests, killed at one step in twenty, with a Slack that loses answers: each day once, or with its reason.

In one process, at a time that is moved by hand. A kill is an exception that nothing catches: what was not committed is
gone, and the next life knows only what is in the file.
"""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.chatops.reply import Card
from bot.core.audit import Entry
from bot.core.errors import AwsError
from bot.core.schedules import (
    DAILY,
    OPEN_SLOTS,
    Slot,
    SlotState,
    Subscription,
    next_instant,
)
from bot.slack.api import NO_ANSWER, SlackApi, slack_error
from bot.slack.digest_poster import DigestParts, DigestPoster
from bot.slack.messages import says
from bot.slack.noticeboard import SETTLE
from bot.store import ledger_file
from bot.store.ledger import SqliteLedger
from bot.store.ledger_change import SqliteChange
from tests.core.schedules import a_subscription

START = datetime(2026, 1, 1, 0, 0, tzinfo=UTC)
KILLED = 0.05


class Killed(BaseException):
    """The process is gone."""


class Year:
    """The time, the fates, and what Slack has: they outlive every life."""

    def __init__(self, seed: int) -> None:
        self.now = START
        self.fate = random.Random(seed)
        self.said: list[tuple[float, str]] = []
        self.named: dict[str, tuple[Slot, ...]] = {}
        self.kills: Counter[str] = Counter()

    def clock(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return self.now.timestamp()

    def step(self, name: str) -> None:
        if self.fate.random() < KILLED:
            self.kills[name] += 1
            raise Killed(name)

    def compose(self, environment: str, _since: datetime | None, _now: datetime) -> str:
        self.step("compose")
        if self.fate.random() < 0.05:
            raise AwsError("AWS did not answer.")
        return environment

    def draw(self, _: Subscription, slot: Slot, report: str, before: tuple[Slot, ...]) -> Card:
        self.named[slot.key] = before
        return says(f"{report} {slot.key}")


class KillableLedger(SqliteLedger):
    """The ledger with a step before and after each commit."""

    year: Year

    @contextmanager
    def change(self, *, taking: str = "") -> Iterator[SqliteChange]:
        with super().change(taking=taking) as change:
            yield change
            self.year.step("before a commit")
        self.year.step("after a commit")


class LossySlack(SlackApi):
    """Keeps what is posted, and answers as it likes."""

    def __init__(self, year: Year) -> None:
        self._year = year

    def say(self, channel: str, message: Mapping[str, Any]) -> tuple[str, str]:
        year = self._year
        year.step("before the post")
        luck = year.fate.random()
        if luck < 0.05:
            raise slack_error("ratelimited", method="chat.postMessage")
        if luck < 0.15:
            raise slack_error(NO_ANSWER, method="chat.postMessage")
        ts = year.now.timestamp()
        year.said.append((ts, message["metadata"]["event_payload"]["key"]))
        year.step("after the post")
        if luck < 0.25:
            raise slack_error(NO_ANSWER, method="chat.postMessage")
        return channel, f"{ts:.6f}"

    def said_since(self, channel: str, oldest: float) -> Sequence[Mapping[str, Any]]:
        year = self._year
        luck = year.fate.random()
        if luck < 0.1:
            raise slack_error("ratelimited", method="conversations.history")
        if luck < 0.13:
            raise slack_error("not_in_channel", method="conversations.history")
        return [
            {
                "ts": f"{ts:.6f}",
                "metadata": {"event_type": "patchbot_digest", "event_payload": {"key": key}},
            }
            for ts, key in reversed(year.said)
            if ts >= oldest
        ]


SUBSCRIPTIONS = (
    a_subscription(since=START, created_at=START, at=time(2, 30), days=DAILY),
    a_subscription(
        id="D-2",
        environment="staging",
        since=START,
        created_at=START,
        zone="America/New_York",
        days=frozenset({0, 3}),
    ),
)


def opened(year: Year, path: Path) -> KillableLedger:
    """The ledger, checked as at every start."""
    ledger = KillableLedger.open(path, clock=year.clock, key=b"k" * 32, allow_network=True)
    assert isinstance(ledger, KillableLedger)
    assert ledger.read_only_reason == ""
    ledger.year = year
    return ledger


def life(year: Year, ledger: SqliteLedger, until: datetime) -> None:
    """One life of the process, which ends with the year or with a kill."""
    parts = DigestParts(year.compose, year.draw)
    poster = DigestPoster(
        ledger,
        LossySlack(year),
        parts,
        lambda _channel: "",
        clock=year.clock,
        monotonic=year.monotonic,
    )
    while year.now < until:
        poster.post_due()
        newest = [ledger.slots(one.id, limit=1) for one in SUBSCRIPTIONS]
        following = min(next_instant(one, year.now) for one in SUBSCRIPTIONS)
        waiting = any(slot.state in OPEN_SLOTS for slots in newest for slot in slots)
        year.now = min(year.now + SETTLE / 2, following) if waiting else following


def live(year: Year, path: Path, days: int) -> None:
    """Lives, one after the other: most come back at once, some after hours or days.

    Each tenth opens the file anew, with all its checks; the others start with what an undone transaction left.
    """
    until = START + timedelta(days=days)
    ledger = opened(year, path)
    for number in count(1):
        if number % 10 == 0:
            ledger.close()
            ledger = opened(year, path)
        try:
            life(year, ledger, until)
        except Killed:
            year.now += (
                timedelta(seconds=year.fate.randint(1, 120))
                if year.fate.random() < 0.9
                else timedelta(hours=year.fate.randint(1, 80))
            )
        else:
            break
    ledger.close()


@pytest.fixture(autouse=True)
def _no_syncs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only processes die here, no machine loses its power; waiting for the disk would take most of the time."""
    opened = ledger_file.open_writer

    def open_writer(path: Path) -> sqlite3.Connection:
        connection = opened(path)
        connection.execute("PRAGMA synchronous = 0")
        return connection

    monkeypatch.setattr(ledger_file, "open_writer", open_writer)


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_each_day_of_a_year_is_posted_once_or_has_its_reason(tmp_path: Path, seed: int) -> None:
    year = Year(seed)
    path = tmp_path / "ledger.db"
    ledger = SqliteLedger.open(path, clock=year.clock, key=b"k" * 32, allow_network=True)
    with ledger.change() as change:
        for one in SUBSCRIPTIONS:
            change.add_subscription(one, [Entry("digest.subscribed", "U1", one.subject, {})])
    ledger.close()
    live(year, path, days=365)
    ledger = SqliteLedger.open(path, clock=year.clock, key=b"k" * 32, allow_network=True)
    assert ledger.verify().sound
    posts = Counter(key for _, key in year.said)
    states: Counter[SlotState] = Counter()
    for subscription in SUBSCRIPTIONS:
        slots = ledger.slots(subscription.id, limit=1000)
        local = year.now.astimezone(ZoneInfo(subscription.zone)).date()
        _every_day_has_one(subscription, slots, local)
        for slot in slots:
            states[slot.state] += 1
            _posted_once_or_with_its_reason(slot, posts[slot.key])
        _every_missed_one_was_named(slots, year.named)
    ledger.close()
    assert len(year.kills) == 5, "a step at which nothing was killed proves nothing"
    assert sum(year.kills.values()) > 100
    assert min(states[one] for one in (SlotState.SKIPPED, SlotState.POSTED)) > 10
    assert states[SlotState.POSTED] > 350


def _every_day_has_one(subscription: Subscription, slots: Sequence[Slot], today: date) -> None:
    wanted = [
        day
        for day in (date(2026, 1, 1) + timedelta(days=number) for number in range(370))
        if day.weekday() in subscription.days and day < today
    ]
    days = [slot.day for slot in reversed(slots) if slot.day < today]
    assert [day for day in days if day >= date(2026, 1, 1)] == wanted


def _posted_once_or_with_its_reason(slot: Slot, posts: int) -> None:
    match slot.state:
        case SlotState.POSTED:
            assert posts == 1, slot
        case SlotState.UNKNOWN:
            assert posts <= 1, slot
            assert slot.reason
        case SlotState.SKIPPED | SlotState.FAILED:
            assert posts == 0, slot
            assert slot.reason
        case _:
            assert slot.day >= START.date() + timedelta(days=364), slot


def _every_missed_one_was_named(
    slots: Sequence[Slot], named: Mapping[str, tuple[Slot, ...]]
) -> None:
    """In the digest that was posted next."""
    waiting: set[date] = set()
    for slot in reversed(slots):
        if slot.state is SlotState.POSTED:
            assert waiting <= {one.day for one in named[slot.key]}, slot
            waiting.clear()
        elif slot.state not in OPEN_SLOTS:
            waiting.add(slot.day)
