"""The pace, in virtual time against a token bucket as AWS keeps them."""

from __future__ import annotations

import heapq
import math
import random
from dataclasses import dataclass, field
from typing import Protocol

import pytest

from bot.aws.pace import Pace

WORKERS, LATENCY = 16, 0.03


@dataclass
class Aws:
    """A rate with a burst."""

    rate: float
    burst: float
    tokens: float = math.nan
    at: float = 0.0

    def takes(self, now: float) -> bool:
        if math.isnan(self.tokens):
            self.tokens = self.burst
        self.tokens = min(self.burst, self.tokens + (now - self.at) * self.rate)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@dataclass
class Moody:
    """Refuses a share of the calls, at whatever pace they come."""

    share: float
    chance: random.Random = field(default_factory=lambda: random.Random(1))

    def takes(self, _: float) -> bool:
        return self.chance.random() >= self.share


class Taking(Protocol):
    """Whether a call at that time is let through."""

    def takes(self, now: float, /) -> bool: ...


def read(pace: Pace, calls: int, aws: Taking, *, now: float = 0.0) -> tuple[float, int]:
    """Make so many calls on WORKERS threads. Returns the seconds that took, and how many were refused."""
    began, refused, left = now, 0, calls
    wire: list[tuple[float, float, bool]] = []
    while left or wire:
        while wire and wire[0][0] <= now + 1e-9:
            _, sent_at, let_through = heapq.heappop(wire)
            if let_through:
                pace.accepted(now)
            else:
                pace.refused(now, sent_at=sent_at)
                refused, left = refused + 1, left + 1
        free = left and len(wire) < WORKERS
        if free and pace.wait(now) <= 0:
            pace.take(now)
            left -= 1
            heapq.heappush(wire, (now + LATENCY, now, aws.takes(now + LATENCY / 2)))
            continue
        events = ([wire[0][0]] if wire else []) + ([now + pace.wait(now)] if free else [])
        now = min(events, default=now) + 1e-6
    return now - began, refused


def test_an_unlimited_service_is_not_held_up() -> None:
    """Two hundred calls take what sixteen threads need for them."""
    seconds, refused = read(Pace(), 200, Aws(rate=1e9, burst=1e9))
    assert seconds == pytest.approx(math.ceil(200 / WORKERS) * LATENCY, abs=0.01)
    assert refused == 0


@pytest.mark.parametrize(
    ("rate", "burst", "slowest"),
    [(10, 20, 1.3), (20, 40, 1.3), (5, 50, 1.3), (40, 100, 1.5), (5, 5, 1.3), (3, 3, 1.3)],
)
def test_a_rate_is_found_with_few_refusals(rate: float, burst: float, slowest: float) -> None:
    """Ten thousand nodes: fewer than 15 % of the calls refused, the time near what the rate allows."""
    seconds, refused = read(Pace(), 200, Aws(rate, burst))
    assert refused / (200 + refused) < 0.15
    assert seconds <= slowest * (200 - burst) / rate


def test_what_was_learned_is_kept_for_the_next_reading() -> None:
    """The second reading meets far fewer refusals than the first."""
    pace, aws = Pace(), Aws(10, 20)
    seconds, first = read(pace, 200, aws)
    _, second = read(pace, 200, aws, now=seconds + 60)
    assert second <= first / 2


def test_a_pace_cut_for_a_passing_reason_finds_back() -> None:
    """Another program used up the rate for a while; later there is plenty."""
    pace = Pace()
    seconds, _ = read(pace, 100, Aws(2, 2))
    assert pace.rate < 5
    read(pace, 1500, Aws(1e9, 1e9), now=seconds)
    assert pace.rate > 50


@pytest.mark.parametrize(("share", "longest"), [(0.05, 0.5), (0.1, 1.0), (0.3, 1.5)])
def test_refusals_at_random_hold_up_little(share: float, longest: float) -> None:
    """A thousand nodes: slowing down would not end them. Nineteen of twenty readings are quick."""
    times = sorted(read(Pace(), 21, Moody(share, random.Random(seed)))[0] for seed in range(100))
    assert times[94] <= longest
    assert sum(times) / len(times) <= 3 * longest


def test_a_cut_that_changes_nothing_is_taken_back() -> None:
    """A rate that was learned is forgotten when refusals come at random afterwards."""
    pace, moody = Pace(), Moody(0.3)
    seconds, _ = read(pace, 60, Aws(2, 2))
    assert pace.limited
    later, _ = read(pace, 200, moody, now=seconds)
    assert not pace.limited or later < 100
    assert read(pace, 200, moody, now=seconds + later)[0] < 60


def wave(pace: Pace, now: float, *, sent_at: float) -> None:
    """Refusals, until they are a wave."""
    cut = pace.rate
    for _ in range(50):
        pace.refused(now, sent_at=sent_at)
        if pace.rate != cut:
            return
    raise AssertionError("no wave")


def test_calls_under_way_at_a_cut_cut_no_further() -> None:
    """What else is refused of one wave is one cut."""
    pace = Pace()
    for _ in range(20):
        pace.accepted(0.9)
    wave(pace, 1.0, sent_at=0.95)
    rate = pace.rate
    assert 5 < rate < 20
    for _ in range(15):
        pace.refused(1.01, sent_at=0.96)
    assert pace.rate == rate
    pace.refused(3.0, sent_at=2.5)
    assert pace.rate < rate


def test_one_refusal_among_many_cuts_nothing() -> None:
    """The next call goes out a breath later."""
    pace = Pace()
    for _ in range(20):
        pace.accepted(0.9)
    pace.refused(1.0, sent_at=0.95)
    assert not pace.limited
    assert 0 < pace.wait(1.0) <= 0.2


def test_after_waves_nothing_is_sent_for_a_moment_and_longer_each_time() -> None:
    """A service that lets nothing through is asked less and less often, and still asked."""
    pace, now, rests = Pace(), 0.0, []
    for _ in range(60):
        pace.refused(now, sent_at=now)
        rests.append(pace.wait(now))
        now += pace.wait(now) + 0.01
    assert sorted(rests)[-10:] == rests[-10:] == [8.0] * 10
    assert 0 < rests[0] <= 0.2
    assert pace.rate > 0
