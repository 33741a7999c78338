"""Whether the wall clock can be believed: it must go as fast as the monotonic one.

Expiry, freezes and planned starts are judged by the wall clock. While it jumps about, nothing is sent.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from bot.core.ports import Clock


class ClockWatch:
    """Compares the two clocks at every look.

    A jump of more than `jump` makes the wall clock doubtful until both have gone together for `trust_again` seconds.
    """

    def __init__(
        self,
        clock: Clock,
        monotonic: Callable[[], float],
        *,
        jump: timedelta,
        trust_again: float,
    ) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._jump = jump
        self._trust_again = trust_again
        self._start: tuple[datetime, float] = (clock(), monotonic())
        self._doubtful_since: float | None = None

    def doubt(self) -> str:
        """Why the wall clock cannot be believed now; empty when it can."""
        now, ticks = self._clock(), self._monotonic()
        began, from_ticks = self._start
        if abs((now - began) - timedelta(seconds=ticks - from_ticks)) > self._jump:
            self._start = (now, ticks)
            self._doubtful_since = ticks
        if self._doubtful_since is None:
            return ""
        if ticks - self._doubtful_since >= self._trust_again:
            self._doubtful_since = None
            return ""
        return (
            "the clock of this machine jumped; nothing is sent until it has been steady for a while"
        )
