"""Maintenance windows: moto keeps them, the next time they open is worked out here."""

from datetime import UTC, datetime, timedelta
from typing import Any

from bot.demo.aws.exceptions import InvalidFilter
from bot.demo.aws.pages import Pager, answer
from bot.demo.aws.schedules import next_opening
from bot.demo.aws.state import RegionState

_KEYS = ("Name", "Enabled")
_DEFAULT_PAGE = 50
_TEXTS = {
    "Description": "description",
    "ScheduleTimezone": "schedule_timezone",
    "ScheduleOffset": "schedule_offset",
    "StartDate": "start_date",
    "EndDate": "end_date",
}


def describe_maintenance_windows(region: RegionState, parameters: dict[str, Any]) -> dict[str, Any]:
    """The windows, each with its next execution as text without seconds."""
    filters = parameters.get("Filters", [])
    for each in filters:
        if each.get("Key") not in _KEYS:
            raise InvalidFilter(f"The filter key {each.get('Key')} is not valid.")
    pager = Pager(
        "DescribeMaintenanceWindows", parameters, secret=region.secret, default_size=_DEFAULT_PAGE
    )
    rows, token = pager.cut(
        (row["WindowId"], row)
        for row in sorted(
            (_row(each, region.behaviour.clock()) for each in region.ssm.windows.values()),
            key=lambda row: str(row["WindowId"]),
        )
        if all(_fits(row, each["Key"], each.get("Values", [])) for each in filters)
    )
    return answer("WindowIdentities", rows, token)


def _fits(row: dict[str, Any], key: str, values: list[str]) -> bool:
    return str(row[key]).lower() in [value.lower() for value in values]


def _row(window: Any, now: datetime) -> dict[str, Any]:
    row = {
        "WindowId": window.id,
        "Name": window.name,
        "Enabled": True,  # no call that moto knows disables one
        "Duration": window.duration,
        "Cutoff": window.cutoff,
        "Schedule": window.schedule,
    }
    row |= {
        member: value for member, name in _TEXTS.items() if (value := getattr(window, name, None))
    }
    opens = _opens(window, now)
    return row | ({"NextExecutionTime": opens.strftime("%Y-%m-%dT%H:%MZ")} if opens else {})


def _opens(window: Any, now: datetime) -> datetime | None:
    first = _moment(window.start_date) or datetime.min.replace(tzinfo=UTC)
    # A rate is counted from the window's creation, which moto does not keep: from midnight then.
    created = _moment(window.start_date) or now.replace(hour=0, minute=0, second=0, microsecond=0)
    zone = window.schedule_timezone or ""
    opens = next_opening(window.schedule, zone=zone, created=created, now=max(now, first))
    last = _moment(window.end_date)
    if opens is None or (last is not None and opens > last):
        return None
    return opens + timedelta(days=window.schedule_offset or 0)


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


OPERATIONS = (describe_maintenance_windows,)
