"""What a trend says in words: for the card, the terminal, the picture and those who cannot see it.

A day is a day in UTC. A day without a snapshot is said to be missing; nothing is put in its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from bot.core.trend_reports import DeadlineRow, TrendPoint, TrendReport
from bot.core.wording import counted, listed

ALT_TEXT = 2000
DETAILED_MISSING = 5
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def short_day(day: date) -> str:
    """ "28 Oct"."""
    return f"{day.day} {MONTHS[day.month - 1]}"


def long_day(day: date) -> str:
    """ "28 Oct 2026"."""
    return f"{short_day(day)} {day.year}"


def on(report: TrendReport, day: date) -> str:
    """A day of the report, with its year where that is not the present one."""
    return short_day(day) if day.year == report.as_of.year else long_day(day)


def period(report: TrendReport) -> str:
    """ "28 Oct to 27 Nov 2026": from the first point to the last day that is over, or has a point."""
    days = expected_days(report)
    if not days:
        return f"the last {counted(report.days, 'day')}"
    first, last = days[0], days[-1]
    if first == last:
        return long_day(first)
    return f"{long_day(first) if first.year != last.year else short_day(first)} to {long_day(last)}"


def expected_days(report: TrendReport) -> tuple[date, ...]:
    """Every day that could have a point: from the first one on, today only where it has one already."""
    if not report.points:
        return ()
    first = report.points[0].day
    last = max(report.points[-1].day, report.as_of.date() - timedelta(days=1))
    return tuple(first + timedelta(days=number) for number in range((last - first).days + 1))


def missing_days(report: TrendReport) -> tuple[date, ...]:
    """The days without a snapshot."""
    there = {point.day for point in report.points}
    return tuple(day for day in expected_days(report) if day not in there)


def share(point: TrendPoint) -> str:
    """ "81.2 % (812 of 1,000 nodes)"."""
    nodes = point.nodes
    if point.compliance_percent is None:
        return "no nodes"
    return f"{point.compliance_percent} % ({nodes.compliant:,} of {counted(nodes.total, 'node')})"


def judged(report: TrendReport) -> tuple[TrendPoint, ...]:
    """The points with a percentage: days on which there were nodes."""
    return tuple(point for point in report.points if point.compliance_percent is not None)


def lowest(report: TrendReport) -> TrendPoint | None:
    """The day with the lowest percentage, the latest of them; None without any."""
    points = judged(report)
    return min(reversed(points), key=lambda one: one.compliance_percent or 0.0, default=None)


def difference(report: TrendReport) -> float | None:
    """Percentage points from the first to the last point; None with less than two."""
    points = judged(report)
    if len(points) < 2:
        return None
    first, last = points[0].compliance_percent or 0.0, points[-1].compliance_percent or 0.0
    return round(last - first, 1)


def change(report: TrendReport) -> str:
    """ "up 4.3 points since 28 Oct"; empty with less than two points."""
    moved = difference(report)
    if moved is None:
        return ""
    since = on(report, judged(report)[0].day)
    if not moved:
        return f"as on {since}"
    return f"{'up' if moved > 0 else 'down'} {abs(moved)} points since {since}"


def standing(report: TrendReport) -> str:
    """ "prod: 81.2 % of 1,000 nodes compliant", with its day where that is neither today nor yesterday."""
    if not report.points:
        return f"{report.environment}: no history yet"
    last = report.points[-1]
    if last.compliance_percent is None:
        return f"{report.environment}: no nodes on {on(report, last.day)}"
    told = f"{last.compliance_percent} % of {counted(last.nodes.total, 'node')} compliant"
    if last.day < report.as_of.date() - timedelta(days=1):
        told += f" on {on(report, last.day)}"
    return f"{report.environment}: {told}"


def headline(report: TrendReport) -> str:
    """ "prod: 81.2 % of 1,000 nodes compliant, up 4.3 points since 28 Oct"."""
    return ", ".join(part for part in (standing(report), change(report)) if part)


def breached(report: TrendReport) -> str:
    """ "3 critical and 12 important patches are past their deadline"; empty without deadlines."""
    if not report.deadlines:
        return ""
    parts = [f"{row.breached:,} {row.severity}" for row in report.deadlines if row.breached]
    if not parts:
        return f"no{'' if _all_known(report) else ' known'} patch is past its deadline"
    late = sum(row.breached for row in report.deadlines)
    return f"{listed(parts)} {'patch is' if late == 1 else 'patches are'} past the deadline"


def _all_known(report: TrendReport) -> bool:
    last = report.points[-1] if report.points else None
    whole = last is None or (last.complete and not last.nodes.unknown)
    return whole and not report.details_missing


def caveats(report: TrendReport) -> Iterator[str]:
    """What the figures do not know, a sentence each: missing days, days half read, patches not read."""
    missing = missing_days(report)
    if missing:
        days = [on(report, day) for day in missing[:DETAILED_MISSING]]
        if len(missing) > len(days):
            days.append(f"{len(missing) - len(days)} more")
        yield f"No snapshot on {counted(len(missing), 'day')}: {listed(days)}."
    incomplete = sum(not point.complete for point in report.points)
    if incomplete:
        yield (
            f"On {counted(incomplete, 'day')} a part of the fleet could not be read; its nodes count as unknown."
        )
    if report.details_missing:
        nodes = counted(report.details_missing, "node")
        yield f"The patches of {nodes} are not read yet: their deadlines count nowhere."


def outlook(report: TrendReport) -> str:
    """When nothing will be past its deadline, or why nobody can tell: "14 Dec 2026, at the present rate: …"."""
    why = report.forecast_why.strip()
    if report.forecast is None:
        return _sentence(why) or "Not known"
    when = "Now" if report.forecast <= report.as_of.date() else long_day(report.forecast)
    return ", ".join(part for part in (when, why) if part)


def mean_time(report: TrendReport) -> str:
    """ "11.4 days (602 closed)"; what was closed, as a mean over it."""
    if report.days_to_patch_mean is None:
        return "Nothing was closed"
    days = report.days_to_patch_mean
    return f"{days:,} {'day' if days == 1 else 'days'} ({report.closed:,} closed)"


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}"


def deadline(row: DeadlineRow) -> str:
    """ "critical (7 days)"."""
    return f"{row.severity} ({counted(row.days, 'day')})"


def oldest(row: DeadlineRow, report: TrendReport) -> str:
    """For how long the oldest of a class is open; empty where none is."""
    first = row.oldest_first_seen
    return counted((report.as_of - first).days, "day") if first is not None else ""


def trend_alt_text(report: TrendReport) -> str:
    """What the picture shows, for those who do not see it: at most 2,000 characters."""
    if not report.points:
        return f"{report.environment}: there is no snapshot of {period(report)} yet."
    first, last, low = report.points[0], report.points[-1], lowest(report)
    nodes = last.nodes
    parts = [
        f"Patch compliance of {report.environment} by day, {period(report)}.",
        f"Last, on {on(report, last.day)}: {share(last)}, "
        f"{nodes.non_compliant:,} non-compliant, {nodes.unknown:,} unknown.",
        f"First, on {on(report, first.day)}: {share(first)}." if len(report.points) > 1 else "",
        f"Lowest, on {on(report, low.day)}: {share(low)}." if low not in (None, first) else "",
        f"Change: {change(report)}." if change(report) else "",
        f"Install runs: {len(report.runs)}, the last on {on(report, max(one.ended_at for one in report.runs).date())}."
        if report.runs
        else "",
        f"Deadlines: {breached(report)}." if report.deadlines else "",
        *caveats(report),
    ]
    return " ".join(part for part in parts if part)[:ALT_TEXT]
