"""How fast one operation may be called in one account and Region, learned from AWS's own refusals.

AWS publishes no rate for the calls we make, and plain retries collapse under throttling. So a pace starts without a
limit, is cut once per wave of refusals, rests a moment, and creeps up again. A refusal among many calls let through
is no wave: other programs' calls cause such, and slowing down would not end them. It knows no clock: whoever uses it
says what time it is.
"""

from __future__ import annotations

import math
from collections import deque

MEASURED_OVER = 1.0  # seconds: the rate that AWS let through is measured over this long
FIRST_CUT = 0.5  # the first measure includes AWS's burst, so it is worth less
NEXT_CUT = 0.75
SLOWEST = 0.2  # calls a second; below this nobody waits for an answer
REST = 1.0  # seconds without a call after a wave, doubled while nothing is let through
LONGEST_REST = 8.0
BREATH = 0.1  # seconds without a call after any other refusal
SEARCH = 0.5  # calls a second gained with every call let through, until the second cut
CREEP = 0.05  # the same afterwards, more the longer nothing was refused
WEIGHT = 0.2  # of the latest call in the share of refused ones, from which older calls fade
SATURATED = 0.84  # the share from which refusals are a wave: nine in a row, or nearly all of many
USELESS_CUTS = 3  # in a row, with refusals going on as before: they do not come from our pace
HELPED = 8  # calls let through in a row after a cut, by which it has helped


class Pace:
    """The pace of one operation. Not thread-safe: its owner holds a lock around every call."""

    def __init__(self) -> None:
        self.rate = math.inf
        self._free_at = -math.inf
        self._cut_at = -math.inf
        self._cuts = 0
        self._useless = 0
        self._in_a_row = 0
        self._rest = REST
        self._refused_share = 0.0
        self._accepted: deque[float] = deque(maxlen=4096)

    @property
    def limited(self) -> bool:
        """AWS has refused the pace, and does not do so at random."""
        return math.isfinite(self.rate)

    def wait(self, now: float) -> float:
        """Seconds until the next call may start; 0 when it may start now."""
        return max(0.0, self._free_at - now)

    def take(self, now: float) -> None:
        """A call starts now."""
        if self.limited:
            self._free_at = max(now, self._free_at) + 1 / self.rate

    def accepted(self, now: float) -> None:
        """AWS let a call through: creep up, slowly at first and faster the longer nothing is refused.

        Growing with time lets a pace that was cut for a passing reason (another program's calls) find back.
        """
        self._accepted.append(now)
        self._refused_share *= 1 - WEIGHT
        self._in_a_row += 1
        if self._in_a_row >= HELPED:
            self._useless = 0
        if self.limited:
            undisturbed = now - self._cut_at
            self.rate += SEARCH if self._cuts == 1 else CREEP * (1 + undisturbed / 10)
            self._rest = REST

    def refused(self, now: float, *, sent_at: float) -> None:
        """AWS refused the pace. Calls already under way at the last cut belong to that cut and cut no further."""
        if sent_at <= self._cut_at:
            return
        self._refused_share += WEIGHT * (1 - self._refused_share)
        helped, self._in_a_row = self._in_a_row >= HELPED, 0
        if self._refused_share >= SATURATED:
            self._cut(now, self._rest)
            self._rest = min(self._rest * 2, LONGEST_REST)
        elif not self.limited:
            self._free_at = max(self._free_at, now + BREATH)
        else:
            self._useless = 0 if helped else self._useless + 1
            if self._useless < USELESS_CUTS:
                self._cut(now, BREATH)
            else:
                self._forget(now)

    def _cut(self, now: float, rest: float) -> None:
        let_through = sum(1 for at in self._accepted if at > now - MEASURED_OVER) / MEASURED_OVER
        share = NEXT_CUT if self.limited else FIRST_CUT
        self.rate = max(SLOWEST, share * min(self.rate, max(let_through, 1.0)))
        self._cut_at, self._free_at = now, now + rest
        self._cuts += 1

    def _forget(self, now: float) -> None:
        self.rate, self._cuts, self._useless, self._rest = math.inf, 0, 0, REST
        self._free_at = now + BREATH
