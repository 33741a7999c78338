"""The answer of `trend` as data: how an environment stood over time, and what is due by when."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from bot.core.reports import NodeCounts, PatchCounts, Report


class TrendPoint(Report):
    """One day. `compliance_percent` is compliant of total, one decimal, None without nodes."""

    day: date
    at: datetime
    nodes: NodeCounts
    patches: PatchCounts
    compliance_percent: float | None
    complete: bool


class TrendRun(Report):
    """An Install that ended in that time, to be marked on the chart."""

    id: str
    ended_at: datetime
    nodes: int
    closed: int


class DeadlineRow(Report):
    """The open patches of one class of severity on all nodes; the four add up to `open`.

    `days` is how long they may stay open. `waived` are shown apart and count in none of the others; their clock runs.
    """

    severity: Literal["critical", "important", "other"]
    days: int
    open: int = 0
    within: int = 0
    approaching: int = 0
    breached: int = 0
    waived: int = 0
    oldest_first_seen: datetime | None = None


class TrendReport(Report):
    """`patchbot.trend/1`: one point a day, oldest first; days without a snapshot have none.

    `days_to_patch_mean` is the mean time from first seen to closed, in days, over what was closed in that time (None:
    nothing was). `forecast` is the day on which nothing is breached any more at the present rate; None when there is
    none, and `forecast_why` says why, or what it rests on; it is never today while what a node misses is not known. Of
    `details_missing` nodes the patches are not read yet.
    """

    schema_name: Literal["patchbot.trend/1"] = Field("patchbot.trend/1", alias="schema")
    environment: str
    as_of: datetime
    days: int
    points: tuple[TrendPoint, ...]
    runs: tuple[TrendRun, ...] = ()
    deadlines: tuple[DeadlineRow, ...] = ()
    days_to_patch_mean: float | None = None
    closed: int = 0
    forecast: date | None = None
    forecast_why: str = ""
    details_missing: int = 0
