"""The pace, in virtual time against a token bucket as AWS keeps them."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass

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


def read(pace: Pace, calls: int, aws: Aws, *, now: float = 0.0) -> tuple[float, int]:
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


def test_calls_under_way_at_a_cut_cut_no_further() -> None:
    """Sixteen refusals of one wave are one cut."""
    pace = Pace()
    for _ in range(20):
        pace.accepted(0.9)
    pace.refused(1.0, sent_at=0.95)
    rate = pace.rate
    for _ in range(15):
        pace.refused(1.01, sent_at=0.96)
    assert pace.rate == rate
    pace.refused(3.0, sent_at=2.5)
    assert pace.rate < rate


def test_after_a_cut_nothing_is_sent_for_a_moment_and_longer_each_time() -> None:
    """A service that lets nothing through is asked less and less often, and still asked."""
    pace, now, rests = Pace(), 0.0, []
    for _ in range(8):
        pace.refused(now, sent_at=now)
        rests.append(pace.wait(now))
        now += pace.wait(now) + 0.01
    assert rests == sorted(rests)
    assert 0 < rests[0] < rests[-1] <= 8
    assert pace.rate > 0
