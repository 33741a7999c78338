"""What AWS sends as a time, and what is none."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.aws.clients import timestamp

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        NOON.timestamp(),
        int(NOON.timestamp()),
        str(NOON.timestamp()),
        "2026-11-23T12:00:00Z",
        "2026-11-23T14:00:00+02:00",
        "2026-11-23T12:00:00",
    ],
)
def test_a_time_is_aware_and_in_utc(value: object) -> None:
    """Numbers, numbers in a text, and ISO 8601 as STS and EC2 send it."""
    assert timestamp(value) == NOON
    assert getattr(timestamp(value), "tzinfo", None) is UTC


@pytest.mark.parametrize(
    "value",
    [
        0, 0.0, "0", -62135596800, "-62135596800", -1, 1e300, float("nan"), float("inf"), "nan",
        "0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "", "soon", None, [], {},
    ],
)  # fmt: skip
def test_what_is_no_time_is_none(value: object) -> None:
    """The epoch, the year 1 and garbage; never an exception, which would lose the page."""
    assert timestamp(value) is None
