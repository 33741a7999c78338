"""Counts, lists and ages as people say them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.core.wording import ago, counted, listed, span

NOW = datetime(2026, 11, 23, 14, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(seconds=59), "less than a minute"),
        (timedelta(seconds=60), "1 min"),
        (timedelta(minutes=119), "119 min"),
        (timedelta(hours=2), "2 hours"),
        (timedelta(hours=47, minutes=59), "47 hours"),
        (timedelta(days=2), "2 days"),
        (timedelta(days=1200), "1,200 days"),
    ],
)
def test_a_length_of_time_in_its_largest_sensible_unit(length: timedelta, words: str) -> None:
    """Rounded down: nothing seems older than it is."""
    assert span(length) == words


@pytest.mark.parametrize(
    ("then", "words"),
    [
        (None, "never"),
        (NOW, "just now"),
        (NOW + timedelta(minutes=4), "just now"),
        (NOW + timedelta(hours=3), "in 3 hours"),
        (NOW - timedelta(minutes=3), "3 min ago"),
    ],
)
def test_how_long_ago(then: datetime | None, words: str) -> None:
    """A clock that is slightly ahead is forgiven, a far one is shown."""
    assert ago(then, NOW) == words


def test_counts_and_lists() -> None:
    """Singular, plural, thousands; the last two joined by a word."""
    assert [counted(1, "node"), counted(0, "node"), counted(10_000, "patch", "patches")] == [
        "1 node",
        "0 nodes",
        "10,000 patches",
    ]
    assert [listed([]), listed(["a"]), listed(["a", "b"]), listed(["a", "", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
