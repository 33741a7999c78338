"""Trends to draw: what a fleet may look like over time."""

from __future__ import annotations

import math
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta

from bot.core.reports import NodeCounts, PatchCounts
from bot.core.trend_reports import DeadlineRow, TrendPoint, TrendReport, TrendRun

NOW = datetime(2026, 11, 27, 7, 30, tzinfo=UTC)


def point(
    day: date, compliant: int, broken: int, unknown: int, *, complete: bool = True
) -> TrendPoint:
    """A day with these counts."""
    total = compliant + broken + unknown
    return TrendPoint(
        day=day,
        at=datetime(day.year, day.month, day.day, 3, 5, tzinfo=UTC),
        nodes=NodeCounts(total=total, compliant=compliant, non_compliant=broken, unknown=unknown),
        patches=PatchCounts(missing=3 * broken),
        compliance_percent=round(100 * compliant / total, 1) if total else None,
        complete=complete,
    )


DEADLINES = (
    DeadlineRow(severity="critical", days=7, open=21, within=14, approaching=3, breached=3, waived=1,
                oldest_first_seen=NOW - timedelta(days=19)),
    DeadlineRow(severity="important", days=30, open=140, within=110, approaching=18, breached=12,
                oldest_first_seen=NOW - timedelta(days=64)),
    DeadlineRow(severity="other", days=90, open=388, within=380, approaching=8, breached=0, waived=4,
                oldest_first_seen=NOW - timedelta(days=85)),
)  # fmt: skip


def trend(
    days: int = 30,
    *,
    missing: Collection[int] = (),
    incomplete: Collection[int] = (),
    nodes: int = 1000,
    **more: object,
) -> TrendReport:
    """A fleet that gets worse when patches come out and better after its runs; `missing` are days ago."""
    points = []
    for ago in range(days - 1, -1, -1):
        if ago in missing:
            continue
        age = days - ago
        open_share = 0.16 + 0.09 * math.sin(age / 4.5) - 0.06 * age / days
        unknown = round(nodes * (0.12 if ago in incomplete else 0.035))
        broken = round(nodes * max(open_share, 0.02))
        points.append(
            point(
                NOW.date() - timedelta(days=ago),
                nodes - unknown - broken,
                broken,
                unknown,
                complete=ago not in incomplete,
            )
        )
    given: dict[str, object] = {
        "environment": "prod",
        "as_of": NOW,
        "days": days,
        "points": tuple(points),
        "runs": tuple(
            TrendRun(id=f"R-{n}", ended_at=NOW - timedelta(days=ago), nodes=120, closed=closed)
            for n, (ago, closed) in enumerate(
                ((round(days * 0.7), 214), (round(days * 0.25), 388)), 11
            )
        ),
        "deadlines": DEADLINES,
        "days_to_patch_mean": 11.4,
        "closed": 602,
        "forecast": date(2026, 12, 14),
        "forecast_why": "15 are past their deadline and 1 a day is closed",
        **more,
    }
    return TrendReport(**given)
