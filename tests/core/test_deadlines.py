"""When a patch must be gone, and what that says of a fleet."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.deadlines import (
    Deadlines,
    SeverityClass,
    Standing,
    deadline_rows,
    due,
    severity_class,
    trend_report,
    trend_run,
)
from bot.core.history import Exposure, Patched, Snapshot
from bot.core.nodes import Patch
from bot.core.reports import NodeCounts
from tests.core.histories import DAY, NOW, key, package, snapshot

DEADLINES = Deadlines()
HOUR = timedelta(hours=1)
CRITICAL, IMPORTANT, OTHER = SeverityClass


def exposure(
    days: float, severity: str = "Critical", *, closed: float | None = None, number: int = 1
) -> Exposure:
    """Open for that many days, or until that many days ago."""
    since = NOW - days * DAY
    one = Exposure(key(number), package("openssl", severity=severity), since, NOW)
    if closed is None:
        return one
    at = NOW - closed * DAY
    return Exposure(one.key, one.patch, since, at - DAY, closed_at=at)


@pytest.mark.parametrize(
    ("classification", "severity", "expected"),
    [
        ("Security", "Critical", CRITICAL),
        ("SecurityUpdates", "Critical", CRITICAL),
        ("Bugfix", "Critical", CRITICAL),
        ("Security", "IMPORTANT ", IMPORTANT),
        ("Security", "High", IMPORTANT),
        ("Security", "Moderate", OTHER),
        ("Security", "Medium", OTHER),
        ("SecurityUpdates", "Low", OTHER),
        ("SecurityUpdates", "Unspecified", IMPORTANT),
        ("Security", "", IMPORTANT),
        ("Updates", "Unspecified", OTHER),
        ("CriticalUpdates", "Unspecified", OTHER),
        ("Security", "Optional", IMPORTANT),  # Ubuntu's and Debian's words are priorities
        ("Security", "Required", IMPORTANT),
        ("", "Required", OTHER),
        ("", "Important", OTHER),
        ("", "", OTHER),
        ("Security", "a word nobody knows", OTHER),
    ],
)
def test_the_class_follows_the_vendors_words(
    classification: str, severity: str, expected: SeverityClass
) -> None:
    assert severity_class(Patch("p", "p", classification, severity, "Missing")) is expected


@pytest.mark.parametrize(
    ("days", "standing"),
    [
        (0, Standing.WITHIN),
        (5.2, Standing.WITHIN),
        (5.25, Standing.APPROACHING),
        (6.99, Standing.APPROACHING),
        (7, Standing.BREACHED),
    ],
)
def test_approaching_is_the_last_quarter(days: float, standing: Standing) -> None:
    assert due(exposure(days), DEADLINES).standing(NOW) is standing


def test_approaching_is_at_least_the_last_day() -> None:
    short = Deadlines(critical=2 * DAY)
    assert due(exposure(0.9), short).standing(NOW) is Standing.WITHIN
    assert due(exposure(1.1), short).standing(NOW) is Standing.APPROACHING


def test_a_graver_version_has_its_own_time_and_the_older_one_keeps_its_date() -> None:
    """80 days of a minor one, then a critical one: seven days for it; with 88 days the minor one's date is first."""
    for days, left in ((80, 7), (88, 2)):
        one = Exposure(
            key(),
            package("openssl"),
            NOW - days * DAY,
            NOW,
            critical_since=NOW,
            important_since=NOW,
        )
        found = due(one, DEADLINES)
        assert (found.severity, found.at) == (CRITICAL, NOW + left * DAY)


def test_the_rows_add_up_and_the_waived_stand_apart_with_their_clock_running() -> None:
    found = [exposure(days) for days in (1, 6, 8, 9)]
    waived = exposure(20, number=2)
    rows = deadline_rows(
        [*found, waived, exposure(1, "Low"), exposure(30, closed=2)],
        DEADLINES,
        NOW,
        waived=lambda one: one.key == key(2),
    )
    first = rows[0]
    assert [row.severity for row in rows] == ["critical", "important", "other"]
    assert [row.days for row in rows] == [7, 30, 90]
    assert (first.open, first.within, first.approaching, first.breached) == (4, 1, 1, 2)
    assert (first.waived, first.oldest_first_seen) == (1, NOW - 9 * DAY)
    assert (rows[1].open, rows[1].oldest_first_seen) == (0, None)
    again = deadline_rows([waived], DEADLINES, NOW)[0]
    assert (again.breached, again.oldest_first_seen) == (1, NOW - 20 * DAY)


def report(  # type: ignore[no-untyped-def]
    *exposures: Exposure,
    days: int = 30,
    history: float = 60,
    missing: int = 0,
    unclear: int = 0,
    snapshots: tuple[Snapshot, ...] = (),
):
    return trend_report(
        "prod",
        now=NOW,
        days=days,
        snapshots=snapshots,
        exposures=exposures,
        patched=Patched(),
        deadlines=DEADLINES,
        known_since=NOW - history * DAY,
        details_missing=missing,
        unclear=unclear,
    )


def test_the_mean_time_to_patch_has_one_decimal_and_none_is_no_mean() -> None:
    assert Patched(2, 15 * DAY).mean_days == 7.5
    assert Patched(3, 10 * DAY).mean_days == 3.3
    assert Patched().mean_days is None


def test_the_forecast_goes_on_at_the_net_rate_of_the_last_four_weeks() -> None:
    """Sixteen overdue ones closed, two new ones: a half each day; three are left."""
    closed = [exposure(60, closed=day) for day in range(1, 17)]
    became = [exposure(20), exposure(10)]
    found = report(*closed, *became, exposure(50))
    assert found.forecast == (NOW + 6 * DAY).date()
    assert "16 overdue patches were closed and 2 became overdue" in found.forecast_why


def test_what_became_overdue_and_was_closed_since_counts_for_both() -> None:
    found = report(exposure(20, closed=1), exposure(50))
    assert found.forecast is None
    assert "not converging: in 28 days 1 overdue patch was closed and 1 became" in (
        found.forecast_why
    )


def test_what_was_closed_in_time_does_not_help_the_overdue() -> None:
    found = report(*[exposure(10, closed=5)] * 20, exposure(50))
    assert "0 overdue patches were closed" in found.forecast_why


def test_what_only_another_baseline_is_silent_about_was_not_fixed() -> None:
    """A change of baseline that drops twenty overdue patches is no rate to go on at."""
    dropped = replace(exposure(60, closed=5), baseline_id="pb-1", closing_baseline_id="pb-2")
    lately = replace(exposure(10, closed=1), baseline_id="pb-1", closing_baseline_id="pb-2")
    found = report(*[dropped] * 20, lately, exposure(60, closed=2), exposure(50))
    assert "1 overdue patch was closed and 0 became overdue" in found.forecast_why
    assert found.forecast == (NOW + 28 * DAY).date()


def test_a_forecast_needs_a_week_of_history() -> None:
    found = report(exposure(50), exposure(60, closed=1), history=6)
    assert (found.forecast, found.forecast_why) == (
        None,
        "too little data: 6 days of history, 7 are needed",
    )
    short = report(exposure(50), exposure(60, closed=1), exposure(60, closed=2), history=10)
    assert short.forecast == (NOW + 5 * DAY).date()


def test_with_nothing_overdue_it_is_today_unless_patches_are_not_read_yet() -> None:
    assert report(exposure(1)).forecast == NOW.date()
    found = report(exposure(1), missing=3)
    assert (found.forecast, found.details_missing) == (None, 3)
    assert found.forecast_why == "what 3 nodes miss is not known"
    assert report(exposure(1), missing=1).forecast_why == "what 1 node misses is not known"


KNOWN = NodeCounts(total=9, compliant=9)
UNKNOWN = NodeCounts(total=10, compliant=8, unknown=2)


@pytest.mark.parametrize(
    ("last", "unclear", "why"),
    [
        (snapshot(NOW - HOUR, nodes=KNOWN), 0, "nothing is past its deadline"),
        (snapshot(NOW - HOUR, nodes=UNKNOWN), 0, "what 2 nodes miss is not known"),
        (snapshot(NOW - HOUR, nodes=UNKNOWN), 3, "what 3 nodes miss is not known"),
        (
            snapshot(NOW - HOUR, nodes=KNOWN, complete=False),
            0,
            "what a part of the fleet misses is not known",
        ),
    ],
)
def test_nothing_is_past_its_deadline_only_when_all_of_the_fleet_is_known(
    last: Snapshot, unclear: int, why: str
) -> None:
    """An outage of yesterday is no doubt of today."""
    before = snapshot(NOW - DAY - HOUR, nodes=UNKNOWN, complete=False)
    found = report(exposure(1), unclear=unclear, snapshots=(before, last))
    known = why.startswith("nothing")
    assert (found.forecast, found.forecast_why) == (NOW.date() if known else None, why)


def test_a_later_day_is_forecast_whatever_is_not_known() -> None:
    """It is of what is known to be overdue; the caveats say what is not."""
    last = snapshot(NOW - HOUR, nodes=UNKNOWN, complete=False)
    closed = [exposure(60, closed=1), exposure(60, closed=2)]
    found = report(exposure(50), *closed, unclear=2, snapshots=(last,))
    assert found.forecast == (NOW + 14 * DAY).date()


def test_without_any_history_nothing_is_forecast() -> None:
    found = trend_report(
        "prod",
        now=NOW,
        days=30,
        snapshots=(),
        exposures=(),
        patched=Patched(),
        deadlines=DEADLINES,
        known_since=None,
    )
    assert found.forecast is None
    assert found.forecast_why == "too little data: 0 days of history, 7 are needed"


def test_what_is_years_away_is_no_date() -> None:
    many = [exposure(50, number=number) for number in range(40)]
    assert report(*many, exposure(60, closed=1)).forecast is None


def test_the_points_are_the_last_whole_snapshot_of_each_day() -> None:
    morning, noon = snapshot(NOW - 3 * DAY), snapshot(NOW - 3 * DAY + timedelta(hours=9))
    half = snapshot(NOW - 3 * DAY + timedelta(hours=10), complete=False)
    alone = snapshot(NOW - DAY, complete=False, nodes=NodeCounts())
    found = trend_report(
        "prod",
        now=NOW,
        days=5,
        snapshots=[snapshot(NOW - 6 * DAY), morning, noon, half, alone],
        exposures=(),
        patched=Patched(3, 10 * DAY),
        deadlines=DEADLINES,
        known_since=None,
    )
    assert [(one.at, one.compliance_percent) for one in found.points] == [
        (noon.at, 60.0),
        (alone.at, None),
    ]
    assert (found.closed, found.days_to_patch_mean) == (3, 3.3)


def test_only_an_install_that_happened_is_marked() -> None:
    receipt = {
        "run": "X-1",
        "operation": "Install",
        "rehearsal": False,
        "started_at": NOW.isoformat(),
        "ended_at": NOW.isoformat(),
        "nodes": {"planned": 7},
        "patches": {"closed": 30},
    }
    found = trend_run(receipt)
    assert found is not None
    assert (found.id, found.ended_at, found.nodes, found.closed) == ("X-1", NOW, 7, 30)
    for change in ({"operation": "Scan"}, {"rehearsal": True}, {"started_at": None}):
        assert trend_run(receipt | change) is None
