"""How fast one operation may be called in one account and Region, learned from AWS's own refusals.

AWS publishes no rate for the calls we make, and plain retries collapse under throttling. So a pace starts without a
limit, is cut once per wave of refusals, rests a moment, and creeps up again. It knows no clock: whoever uses it says
what time it is.
"""

from __future__ import annotations

import math
from collections import deque

MEASURED_OVER = 1.0  # seconds: the rate that AWS let through is measured over this long
FIRST_CUT = 0.5  # the first measure includes AWS's burst, so it is worth less
NEXT_CUT = 0.75
SLOWEST = 0.2  # calls a second; below this nobody waits for an answer
REST = 1.0  # seconds without a call after a cut, doubled while nothing is let through
LONGEST_REST = 8.0
SEARCH = 0.5  # calls a second gained with every call let through, until the second cut
CREEP = 0.05  # the same afterwards, more the longer nothing was refused


class Pace:
    """The pace of one operation. Not thread-safe: its owner holds a lock around every call."""

    def __init__(self) -> None:
        self.rate = math.inf
        self._free_at = -math.inf
        self._cut_at = -math.inf
        self._cuts = 0
        self._rest = REST
        self._accepted: deque[float] = deque(maxlen=4096)

    @property
    def limited(self) -> bool:
        """AWS has refused the pace at least once."""
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
        if self.limited:
            undisturbed = now - self._cut_at
            self.rate += SEARCH if self._cuts == 1 else CREEP * (1 + undisturbed / 10)
            self._rest = REST

    def refused(self, now: float, *, sent_at: float) -> None:
        """AWS refused the pace. Calls already under way at the last cut belong to that cut and cut no further."""
        if sent_at <= self._cut_at:
            return
        let_through = sum(1 for at in self._accepted if at > now - MEASURED_OVER) / MEASURED_OVER
        share = NEXT_CUT if self.limited else FIRST_CUT
        self.rate = max(SLOWEST, share * min(self.rate, max(let_through, 1.0)))
        self._cut_at = now
        self._cuts += 1
        self._free_at = now + self._rest
        self._rest = min(self._rest * 2, LONGEST_REST)
