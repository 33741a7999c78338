"""How long a patch may stay open: its class by the vendor's severity, its due date, and what that says of a fleet.

The clock starts with the first operation that reported the patch missing, not with the vendor's release. It also runs
for what is waived.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache

from bot.core.figures import percent
from bot.core.history import Exposure, Patched, Snapshot
from bot.core.nodes import Patch
from bot.core.trend_reports import DeadlineRow, TrendPoint, TrendReport, TrendRun
from bot.core.wording import counted

DAY = timedelta(days=1)
LOOKS_BACK = timedelta(days=28)
"""What "the present rate" is: the net change of the last four weeks."""
LEAST_HISTORY = timedelta(days=7)
FARTHEST = timedelta(days=730)


class SeverityClass(StrEnum):
    """How urgent a patch is, the most urgent first."""

    CRITICAL = "critical"
    IMPORTANT = "important"
    OTHER = "other"


class Standing(StrEnum):
    """Where an open patch stands in its time: approaching is the last quarter of it, and at least its last day."""

    WITHIN = "within"
    APPROACHING = "approaching"
    BREACHED = "breached"


_SECURITY = frozenset({"security", "securityupdates"})
_UNGRADED = frozenset({"", "unspecified", "none"})
_PRIORITIES = frozenset({"required", "standard", "optional", "extra"})


def severity_class(patch: Patch) -> SeverityClass:
    """The class of a patch by its vendor's words, never by a baseline's compliance level.

    Critical is critical; important and high are important; moderate, medium, low and the rest are other. Debian's and
    Ubuntu's words (required, important, standard, optional, extra) are priorities of packages: there a security fix is
    important and all else, which comes without a classification, other. So is a security fix without any grade.
    """
    return _class_of(patch.severity, patch.classification)


@lru_cache(maxsize=1024)  # there are few pairs of words, and trends ask half a million times
def _class_of(severity: str, kind: str) -> SeverityClass:
    severity, kind = severity.strip().casefold(), kind.strip().casefold()
    if severity == "critical":
        return SeverityClass.CRITICAL
    if severity in {"important", "high"} and kind:
        return SeverityClass.IMPORTANT
    if kind in _SECURITY and severity in _UNGRADED | _PRIORITIES:
        return SeverityClass.IMPORTANT
    return SeverityClass.OTHER


@dataclass(frozen=True, slots=True)
class Deadlines:
    """For how long patches of each class may stay open."""

    critical: timedelta = timedelta(days=7)
    important: timedelta = timedelta(days=30)
    other: timedelta = timedelta(days=90)

    def allowed(self, which: SeverityClass) -> timedelta:
        """The time of a class."""
        if which is SeverityClass.CRITICAL:
            return self.critical
        return self.important if which is SeverityClass.IMPORTANT else self.other


@dataclass(frozen=True, slots=True)
class Due:
    """What holds for an exposure: its class, the time that class allows, and the first moment that is too late."""

    severity: SeverityClass
    allowed: timedelta
    at: datetime

    def standing(self, now: datetime) -> Standing:
        """Where it stands at `now`."""
        left = self.at - now
        if left <= timedelta(0):
            return Standing.BREACHED
        return Standing.APPROACHING if left <= max(self.allowed / 4, DAY) else Standing.WITHIN


def due(exposure: Exposure, deadlines: Deadlines) -> Due:
    """When an exposure must be closed.

    Its class is the gravest that any version of it had while it was open. Each class counts from its own first version,
    and the earliest date holds: a critical version after a long minor one has its whole time, and the minor one keeps
    its date.
    """
    which, since = severity_class(exposure.patch), exposure.first_seen
    critical = exposure.critical_since or (since if which is SeverityClass.CRITICAL else None)
    important = exposure.important_since or (since if which is SeverityClass.IMPORTANT else None)
    gravest, at = SeverityClass.OTHER, since + deadlines.other
    if important is not None:
        gravest, at = SeverityClass.IMPORTANT, min(at, important + deadlines.important)
    if critical is not None:
        gravest, at = SeverityClass.CRITICAL, min(at, critical + deadlines.critical)
    return Due(gravest, deadlines.allowed(gravest), at)


def nothing_waived(_exposure: Exposure) -> bool:
    """What holds where there are no waivers."""
    return False


def deadline_rows(
    exposures: Iterable[Exposure],
    deadlines: Deadlines,
    now: datetime,
    *,
    waived: Callable[[Exposure], bool] = nothing_waived,
) -> tuple[DeadlineRow, ...]:
    """The open ones of `exposures` by class, the most urgent first. Waived ones are counted apart."""
    return _rows(((one, due(one, deadlines)) for one in exposures), deadlines, now, waived)


def _rows(
    dated: Iterable[tuple[Exposure, Due]],
    deadlines: Deadlines,
    now: datetime,
    waived: Callable[[Exposure], bool],
) -> tuple[DeadlineRow, ...]:
    tally = {which: dict.fromkeys(("open", "waived", *Standing), 0) for which in SeverityClass}
    oldest: dict[SeverityClass, datetime] = {}
    for exposure, found in dated:
        if not exposure.is_open:
            continue
        counts = tally[found.severity]
        if waived(exposure):
            counts["waived"] += 1
            continue
        counts["open"] += 1
        counts[found.standing(now)] += 1
        first = oldest.get(found.severity, exposure.first_seen)
        oldest[found.severity] = min(first, exposure.first_seen)
    return tuple(
        DeadlineRow(
            severity=which.value,
            days=deadlines.allowed(which) // DAY,
            open=counts["open"],
            within=counts[Standing.WITHIN],
            approaching=counts[Standing.APPROACHING],
            breached=counts[Standing.BREACHED],
            waived=counts["waived"],
            oldest_first_seen=oldest.get(which),
        )
        for which, counts in tally.items()
    )


def forecast(
    exposures: Iterable[Exposure],
    deadlines: Deadlines,
    now: datetime,
    *,
    known_since: datetime | None,
    waived: Callable[[Exposure], bool] = nothing_waived,
) -> tuple[date | None, str]:
    """The day on which nothing is breached any more, and what that rests on; or None, and why there is none.

    The rate is that of the last LOOKS_BACK, or of as much as is known: breached patches that were patched, less those
    that became breached. What only another baseline is silent about counts as neither. `exposures` must hold all that
    were closed in that time.
    """
    dated = ((one, due(one, deadlines)) for one in exposures)
    return _forecast(dated, now, known_since, waived)


def _forecast(
    dated: Iterable[tuple[Exposure, Due]],
    now: datetime,
    known_since: datetime | None,
    waived: Callable[[Exposure], bool],
) -> tuple[date | None, str]:
    length = min(LOOKS_BACK, now - known_since) if known_since else timedelta(0)
    since = now - length
    breached = closed = became = 0
    for exposure, found in dated:
        at = found.at
        if at > now or waived(exposure) or not (exposure.is_open or exposure.was_patched):
            continue
        if exposure.closed_at is None:
            breached += 1
            became += at > since
        elif exposure.closed_at > since and at < exposure.closed_at:
            closed += 1
            became += at > since
    if not breached and known_since is not None:
        return now.date(), "nothing is past its deadline"
    days = length // DAY
    if length < LEAST_HISTORY:
        return None, f"too little data: {counted(days, 'day')} of history, 7 are needed"
    fixed = counted(closed, "overdue patch was", "overdue patches were")
    told = f"in {days} days {fixed} closed and {became:,} became overdue"
    if closed <= became:
        return None, f"not converging: {told}"
    left = breached * length / (closed - became)
    if left > FARTHEST:
        return None, f"more than two years away at the present rate: {told}"
    return (now + left).date(), f"at the present rate: {told}"


def trend_report(
    environment: str,
    *,
    now: datetime,
    days: int,
    snapshots: Sequence[Snapshot],
    exposures: Sequence[Exposure],
    patched: Patched,
    runs: Sequence[TrendRun] = (),
    deadlines: Deadlines,
    known_since: datetime | None,
    details_missing: int = 0,
    unclear: int = 0,
    waived: Callable[[Exposure], bool] = nothing_waived,
) -> TrendReport:
    """`patchbot.trend/1` of the last `days` days.

    `exposures` are those that are open and those closed in LOOKS_BACK; `patched` is the sum of the last `days` days;
    `known_since` is when the history of the environment begins. `unclear` nodes are unknown or without details: while
    there are any, nobody can say that nothing is past its deadline.
    """
    since = now - timedelta(days=days)
    dated = [(one, due(one, deadlines)) for one in exposures]
    day, why = _forecast(dated, now, known_since, waived)
    points = _points(snapshots, since)
    doubt = _doubt(points[-1] if points else None, max(unclear, details_missing))
    if doubt and day == now.date():
        day, why = None, doubt
    return TrendReport(
        environment=environment,
        as_of=now,
        days=days,
        points=points,
        runs=tuple(run for run in runs if run.ended_at >= since),
        deadlines=_rows(dated, deadlines, now, waived),
        days_to_patch_mean=patched.mean_days,
        closed=patched.count,
        forecast=day,
        forecast_why=why,
        details_missing=details_missing,
    )


def _doubt(last: TrendPoint | None, unclear: int) -> str:
    """Why nobody knows what is past its deadline now; empty when all of the fleet is known."""
    nodes = max(unclear, last.nodes.unknown if last is not None else 0)
    if nodes:
        return f"what {counted(nodes, 'node')} {'misses' if nodes == 1 else 'miss'} is not known"
    if last is not None and not last.complete:
        return "what a part of the fleet misses is not known"
    return ""


def _points(snapshots: Iterable[Snapshot], since: datetime) -> tuple[TrendPoint, ...]:
    """The last whole snapshot of each day; where none was whole, the last."""
    best: dict[date, Snapshot] = {}
    for one in snapshots:
        other = best.get(one.day)
        if one.at >= since and (
            other is None or (one.complete, one.at) >= (other.complete, other.at)
        ):
            best[one.day] = one
    return tuple(_point(best[day]) for day in sorted(best))


def _point(one: Snapshot) -> TrendPoint:
    return TrendPoint(
        day=one.day,
        at=one.at,
        nodes=one.nodes,
        patches=one.patches,
        compliance_percent=percent(one.nodes),
        complete=one.complete,
    )


def trend_run(receipt: Mapping[str, object]) -> TrendRun | None:
    """A run to be marked, by its receipt; None for one that installed nothing."""
    ended, nodes, patches = receipt.get("ended_at"), receipt.get("nodes"), receipt.get("patches")
    real = receipt.get("operation") == "Install" and not receipt.get("rehearsal")
    if not (real and receipt.get("started_at") and isinstance(ended, str)):
        return None
    if not (isinstance(nodes, Mapping) and isinstance(patches, Mapping)):
        return None
    return TrendRun(
        id=str(receipt.get("run")),
        ended_at=datetime.fromisoformat(ended),
        nodes=int(nodes.get("planned", 0)),
        closed=int(patches.get("closed", 0)),
    )
