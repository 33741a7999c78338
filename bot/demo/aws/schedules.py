"""When a maintenance window next opens: at(), rate() and cron().

As "Reference: Cron and rate expressions for Systems Manager" (User Guide) has them.
"""

from calendar import monthrange
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")  # numbered from 1
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_UNITS = {"minute": 1, "hour": 60, "day": 1440}
_FAR = 366 * 5  # days looked ahead


def next_opening(schedule: str, *, zone: str, created: datetime, now: datetime) -> datetime | None:
    """The first moment after `now`; None when there is none, or the expression is not understood."""
    kind, _, rest = schedule.partition("(")
    words = rest.rstrip(")").split()
    where: tzinfo = ZoneInfo(zone) if zone else UTC
    if kind == "at" and words:
        moment = datetime.fromisoformat(words[0]).replace(tzinfo=where).astimezone(UTC)
        return moment if moment > now else None
    if kind == "rate" and len(words) == 2:
        every = timedelta(minutes=int(words[0]) * _UNITS[words[1].rstrip("s")])
        return created + every * ((now - created) // every + 1)
    if kind == "cron" and len(words) in (6, 7):
        return _next_by_cron(words[-6:], where, now)  # seconds in front are AWS's older form
    return None


def _next_by_cron(words: list[str], where: tzinfo, now: datetime) -> datetime | None:
    minutes, hours, days, months, weekdays, years = words
    here = now.astimezone(where)
    times = sorted(
        time(hour, minute) for hour in _numbers(hours, 0, 23) for minute in _numbers(minutes, 0, 59)
    )
    for ahead in range(_FAR):
        day = here.date() + timedelta(days=ahead)
        if not _fits(day, days, months, weekdays, years):
            continue
        for each in times:
            moment = datetime.combine(day, each, where).astimezone(UTC)
            if moment > now:
                return moment
    return None


def _fits(day: date, days: str, months: str, weekdays: str, years: str) -> bool:
    return (
        day.year in _numbers(years, 1970, 2199)
        and day.month in _numbers(months, 1, 12, _MONTHS)
        and _fits_days(day, days)
        and _fits_weekdays(day, weekdays)
    )


def _fits_days(day: date, text: str) -> bool:
    if text == "L":
        return day.day == monthrange(day.year, day.month)[1]
    return day.day in _numbers(text, 1, 31)


def _fits_weekdays(day: date, text: str) -> bool:
    number = day.isoweekday() % 7 + 1
    if "#" in text:
        name, _, nth = text.partition("#")
        return number in _numbers(name, 1, 7, _DAYS) and (day.day - 1) // 7 + 1 == int(nth)
    if text.endswith("L") and len(text) > 1:
        last = day.day + 7 > monthrange(day.year, day.month)[1]
        return last and number in _numbers(text[:-1], 1, 7, _DAYS)
    return number in _numbers(text, 1, 7, _DAYS)


def _numbers(text: str, first: int, last: int, names: Iterable[str] = ()) -> set[int]:
    """What a field of an expression stands for: *, ?, lists, ranges and steps."""
    for number, name in enumerate(names, start=first):
        text = text.replace(name, str(number))
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        low, _, high = span.partition("-")
        if span in ("*", "?"):
            begin, end = first, last
        else:
            begin = int(low)
            end = int(high) if high else (last if step else begin)
        found.update(range(begin, end + 1, int(step or 1)))
    return found
