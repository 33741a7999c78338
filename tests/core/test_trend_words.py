"""What a trend says in words."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from bot.core.trend_reports import TrendReport
from bot.core.trend_words import (
    breached,
    caveats,
    expected_days,
    headline,
    missing_days,
    outlook,
    period,
    trend_alt_text,
)
from tests.charts.reports import DEADLINES, NOW, point, trend

TODAY = NOW.date()


def of(*points: tuple[int, int, int, int]) -> TrendReport:
    """A report of (days ago, compliant, non-compliant, unknown)."""
    days = tuple(point(TODAY - timedelta(days=ago), a, b, c) for ago, a, b, c in points)
    return trend(30, points=days, runs=(), deadlines=())


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (of(), "prod: no history yet"),
        (of((0, 9, 1, 0)), "prod: 90.0 % of 10 nodes compliant"),
        (of((5, 7, 3, 0), (0, 9, 1, 0)), "prod: 90.0 % of 10 nodes compliant, up 20.0 points since 22 Nov"),
        (of((5, 9, 1, 0), (1, 7, 3, 0)), "prod: 70.0 % of 10 nodes compliant, down 20.0 points since 22 Nov"),
        (of((5, 9, 1, 0), (0, 9, 1, 0)), "prod: 90.0 % of 10 nodes compliant, as on 22 Nov"),
        (of((9, 9, 1, 0), (4, 9, 1, 0)), "prod: 90.0 % of 10 nodes compliant on 23 Nov, as on 18 Nov"),
        (of((360, 9, 1, 0), (0, 1, 0, 0)), "prod: 100.0 % of 1 node compliant, up 10.0 points since 2 Dec 2025"),
        (of((0, 0, 0, 0)), "prod: no nodes on 27 Nov"),
    ],
)  # fmt: skip
def test_the_headline_says_of_how_many_and_since_when(report: TrendReport, said: str) -> None:
    assert headline(report) == said


def test_today_is_only_missed_when_it_is_over() -> None:
    """A day counts as missing between the first snapshot and yesterday; nothing is expected before the first."""
    report = of((6, 9, 1, 0), (5, 9, 1, 0), (2, 9, 1, 0))
    assert [TODAY - day for day in missing_days(report)] == [timedelta(days=n) for n in (4, 3, 1)]
    assert expected_days(report)[-1] == TODAY - timedelta(days=1)
    assert expected_days(of((3, 1, 0, 0), (0, 1, 0, 0)))[-1] == TODAY
    assert missing_days(of()) == ()


def test_a_period_names_its_years() -> None:
    assert period(of((3, 1, 0, 0), (0, 1, 0, 0))) == "24 Nov to 27 Nov 2026"
    assert period(of((360, 1, 0, 0), (0, 1, 0, 0))) == "2 Dec 2025 to 27 Nov 2026"
    assert period(of()) == "the last 30 days"


def test_what_the_figures_do_not_know_is_said() -> None:
    report = trend(30, missing=range(5, 14), incomplete=(1, 2), details_missing=1)
    assert list(caveats(report)) == [
        "No snapshot on 9 days: 14 Nov, 15 Nov, 16 Nov, 17 Nov, 18 Nov and 4 more.",
        "On 2 days a part of the fleet could not be read; its nodes count as unknown.",
        "The patches of 1 node are not read yet: their deadlines count nowhere.",
    ]
    assert list(caveats(trend(30))) == []


def test_what_is_past_its_deadline_and_until_when() -> None:
    assert breached(trend()) == "3 critical and 12 important patches are past the deadline"
    one = DEADLINES[0].model_copy(update={"breached": 1})
    assert breached(trend(deadlines=(one,))) == "1 critical patch is past the deadline"
    none = trend(deadlines=(DEADLINES[2],))
    assert breached(none) == "no known patch is past its deadline"  # nodes are unknown
    known = none.points[-1].nodes.model_copy(update={"unknown": 0})
    last = none.points[-1].model_copy(update={"nodes": known})
    whole = none.model_copy(update={"points": (last,)})
    assert breached(whole) == "no patch is past its deadline"
    for changes in (
        {"details_missing": 1},
        {"points": (last.model_copy(update={"complete": False}),)},
    ):
        assert breached(whole.model_copy(update=changes)) == "no known patch is past its deadline"
    assert outlook(trend(forecast_why="at 2 a day")) == "14 Dec 2026, at 2 a day"
    assert outlook(trend(forecast=None, forecast_why="not converging")) == "Not converging"
    assert outlook(trend(forecast=TODAY, forecast_why="nothing is late")) == "Now, nothing is late"
    assert outlook(trend(forecast=None, forecast_why="")) == "Not known"


def test_who_does_not_see_the_picture_hears_its_figures() -> None:
    """First, last, lowest, change, what is breached and what is missing; never more than Slack takes."""
    said = trend_alt_text(trend(30, missing=(12, 11), incomplete=(5,)))
    for figure in (
        "29 Oct to 27 Nov 2026",
        "on 27 Nov: 83.1 % (831 of 1,000 nodes), 134 non-compliant, 35 unknown",
        "First, on 29 Oct: 78.7 % (787 of 1,000 nodes)",
        "Lowest, on 4 Nov: 72.9 % (729 of 1,000 nodes)",
        "up 4.4 points since 29 Oct",
        "Install runs: 2, the last on 19 Nov",
        "3 critical and 12 important patches are past the deadline",
        "No snapshot on 2 days: 15 Nov and 16 Nov",
        "On 1 day a part of the fleet could not be read",
    ):
        assert figure in said, said
    assert trend_alt_text(of()) == "prod: there is no snapshot of the last 30 days yet."
    assert len(trend_alt_text(trend(400, missing=range(3, 200), environment="x" * 3000))) == 2000


def test_a_forecast_names_its_day() -> None:
    assert outlook(trend(forecast=date(2027, 1, 3), forecast_why="")) == "3 Jan 2027"
