"""Where things are on the axes of a chart over days: pure arithmetic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Final

from bot.core.trend_reports import TrendPoint

_DAY: Final = timedelta(days=1)
_TICKS: Final = 5


def stretches(points: Sequence[TrendPoint]) -> Iterator[list[TrendPoint]]:
    """The points in stretches of days that follow each other."""
    stretch: list[TrendPoint] = []
    for point in points:
        if stretch and point.day - stretch[-1].day != _DAY:
            yield stretch
            stretch = []
        stretch.append(point)
    if stretch:
        yield stretch


def ranges(days: Sequence[date]) -> Iterator[tuple[int, int]]:
    """The days as (first, last) of those that follow each other, as ordinals."""
    numbers = [day.toordinal() for day in days]
    start = 0
    for index in range(1, len(numbers) + 1):
        if index == len(numbers) or numbers[index] != numbers[index - 1] + 1:
            yield numbers[start], numbers[index - 1]
            start = index


def place_of(moment: datetime) -> float:
    """Where a moment is on the axis: a day reaches from half before its number to half behind it."""
    seconds = moment.hour * 3600 + moment.minute * 60 + moment.second
    return moment.toordinal() - 0.5 + seconds / 86_400


def percent_scale(values: Sequence[float]) -> tuple[float, float, float]:
    """Lowest and highest value of the axis of percentages, and the step of its ticks: 20 points at least."""
    low = max(0.0, (min(values, default=0.0) - 2) // 10 * 10)
    high = min(100.0, -(-(max(values, default=100.0) + 2) // 10) * 10)
    if high - low < 20:
        low = max(0.0, high - 20)
        high = low + 20
    return low, high, next(step for step in (5.0, 10.0, 20.0, 25.0) if (high - low) / step <= 5)


def nice_step(step: float) -> int:
    """The next of 1, 2, 5, 10, 20, 50, … that is not smaller."""
    size = 1
    while True:
        for factor in (1, 2, 5):
            if factor * size >= step:
                return factor * size
        size *= 10


def day_ticks(days: Sequence[date]) -> list[date]:
    """At most five days to name: every day, every Monday, or the first of a month, as many as fit."""
    for every in (1, 2):
        if len(days) / every <= _TICKS:
            return list(days[::every])
    mondays = [day for day in days if day.weekday() == 0]
    for every in (1, 2):
        if len(mondays) / every <= _TICKS:
            return mondays[::every]
    firsts = [day for day in days if day.day == 1]
    return next(firsts[::every] for every in (1, 2, 3, 6) if len(firsts) / every <= _TICKS)
