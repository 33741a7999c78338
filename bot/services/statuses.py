"""The status of one environment, and of all at once: one that cannot be read does not hide the others."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from bot.core.errors import AwsError
from bot.core.figures import status_report
from bot.core.ports import Progress
from bot.core.readings import Gap, Reading, failed
from bot.core.reports import FleetReport, StatusReport
from bot.services.compliance import Compliance

ENVIRONMENTS_AT_ONCE = 8


def status_of(
    compliance: Compliance,
    name: str,
    *,
    now: datetime,
    by: str | None = None,
    refresh: bool = False,
    progress: Progress | None = None,
) -> StatusReport:
    """One environment, by the clock of `now`. Raises NotFound, and AwsError when nothing of it could be read."""
    reading = compliance.read(name, refresh=refresh, progress=progress)
    return status_report(reading, now, compliance.environment(name).stale_after, by=by)


def fleet_status(
    compliance: Compliance,
    *,
    now: datetime,
    refresh: bool = False,
    progress: Progress | None = None,
) -> FleetReport:
    """Every environment in the order of the configuration. Raises AwsError when none could be read.

    One of which nothing could be read is there with every target as a gap.
    """

    def tried(name: str) -> tuple[StatusReport, AwsError | None]:
        try:
            found = status_of(compliance, name, now=now, refresh=refresh, progress=progress)
        except AwsError as error:
            return _nothing_read(compliance, name, now, error), error
        return found, None

    names = compliance.environments
    with ThreadPoolExecutor(min(ENVIRONMENTS_AT_ONCE, len(names))) as pool:
        answers = list(pool.map(tried, names))
    reports = tuple(report for report, _ in answers)
    errors = [error for _, error in answers if error is not None]
    if len(errors) == len(answers):
        raise errors[0]
    return FleetReport(as_of=min(report.as_of for report in reports), environments=reports)


def _nothing_read(
    compliance: Compliance, name: str, now: datetime, error: AwsError
) -> StatusReport:
    environment = compliance.environment(name)
    targets = tuple(
        failed(target, None, Gap(target.account.id, target.region, error.message, hint=error.hint))
        for target in environment.targets
    )
    return status_report(Reading(name, now, targets), now, environment.stale_after)
