"""When maintenance windows open, by AWS's own expressions."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.demo.aws.schedules import next_opening

# A Monday.
NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "zone", "opens"),
    [
        ("at(2026-11-24T02:00:00)", "", "2026-11-24T02:00"),
        ("at(2026-11-24T02:00:00)", "Europe/Berlin", "2026-11-24T01:00"),
        ("at(2026-11-23T12:00:00)", "", None),
        ("rate(30 minutes)", "", "2026-11-23T13:00"),
        ("rate(7 days)", "", "2026-11-30T00:00"),
        ("cron(0 2 ? * SUN *)", "", "2026-11-29T02:00"),
        ("cron(0 2 ? * SUN *)", "Europe/Berlin", "2026-11-29T01:00"),
        ("cron(0 0 12 ? * MON-FRI *)", "", "2026-11-24T12:00"),
        ("cron(0/30 * * * ? *)", "", "2026-11-23T13:00"),
        ("cron(15 10 ? * TUE#2 *)", "", "2026-12-08T10:15"),
        ("cron(0 4 ? * 7L *)", "", "2026-11-28T04:00"),
        ("cron(0 4 L * ? *)", "", "2026-11-30T04:00"),
        ("cron(0 4 29 FEB ? *)", "", "2028-02-29T04:00"),
        ("cron(0 4 1 JAN ? 2020)", "", None),
        ("whenever", "", None),
    ],
)
def test_the_next_opening(schedule: str, zone: str, opens: str | None) -> None:
    """In UTC, after now; nothing for what is past or not understood."""
    created = NOW.replace(hour=0, minute=0)
    found = next_opening(schedule, zone=zone, created=created, now=NOW)
    assert (found and found.strftime("%Y-%m-%dT%H:%M")) == opens
