"""Whether the wall clock can be believed: it must go as fast as the monotonic one.

Expiry, freezes and planned starts are judged by the wall clock. While it jumps about, nothing is sent. A jump while
patchbot was not running shows when the clock is behind what the ledger knows already.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from bot.core.ports import Clock
from bot.core.wording import in_utc


class ClockWatch:
    """Compares the two clocks at every look.

    A jump of more than `jump` makes the wall clock doubtful until both have gone together for `trust_again` seconds.
    So does a start more than `jump` before `newest`, the newest moment that was written down, until it has passed.
    """

    def __init__(
        self,
        clock: Clock,
        monotonic: Callable[[], float],
        *,
        jump: timedelta,
        trust_again: float,
        newest: datetime | None = None,
    ) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._jump = jump
        self._trust_again = trust_again
        self._start: tuple[datetime, float] = (clock(), monotonic())
        self._doubtful_since: float | None = None
        self._behind: datetime | None = None
        if newest is not None and newest - self._start[0] > jump:
            self._behind, self._doubtful_since = newest, self._start[1]

    def doubt(self) -> str:
        """Why the wall clock cannot be believed now; empty when it can."""
        now, ticks = self._clock(), self._monotonic()
        began, from_ticks = self._start
        if abs((now - began) - timedelta(seconds=ticks - from_ticks)) > self._jump:
            self._start = (now, ticks)
            self._doubtful_since, self._behind = ticks, None
        if self._behind is not None and now >= self._behind:
            self._doubtful_since = self._behind = None
        if self._doubtful_since is None:
            return ""
        if ticks - self._doubtful_since >= self._trust_again:
            self._doubtful_since = self._behind = None
            return ""
        if self._behind is not None:
            return (
                "the clock of this machine is behind the newest entry of the ledger"
                f" ({in_utc(self._behind)});"
                " nothing is sent until it has passed that or been steady for a while"
            )
        return (
            "the clock of this machine jumped; nothing is sent until it has been steady for a while"
        )
