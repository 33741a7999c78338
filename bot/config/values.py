"""The kinds of value in patchbot.toml: lengths of time, moments, ids of AWS and of Slack. Refusals carry an example."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BeforeValidator

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_PART = re.compile(r"(\d{1,5})\s*([smhdw])\s*")


def duration(text: Any) -> timedelta:
    """A length of time as people write it: "7d", "36h", "1d 12h". Raises ValueError."""
    if isinstance(text, timedelta):
        return text
    parts = _PART.findall(text) if isinstance(text, str) else []
    length = timedelta(**{_UNITS[unit]: int(number) for number, unit in reversed(parts)})
    if not length or _PART.sub("", text).strip():
        raise ValueError(
            f"{text!r} is not a length of time. Write a number and s, m, h, d or w, in quotes:"
            ' "90m", "36h", "7d"'
        )
    return length


def written(length: timedelta) -> str:
    """A length of time as it would stand in the file, in its largest unit that fits."""
    for unit in ("d", "h", "m"):
        number, rest = divmod(length, timedelta(**{_UNITS[unit]: 1}))
        if number and not rest:
            return f"{number}{unit}"
    return f"{length // timedelta(seconds=1)}s"


def moment(given: Any) -> datetime:
    """A moment with its zone, as TOML writes it. Raises ValueError."""
    if isinstance(given, datetime) and given.tzinfo is not None:
        return given
    raise ValueError(
        f"{given!s} is not a moment with a zone. Write it without quotes: 2026-12-24T18:00:00+01:00"
    )


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(
            f"“{text}” is not a regular expression: {error}. Single quotes keep backslashes: '[A-Z]+-\\d+'"
        ) from None
    return text


def _matching(pattern: str, what: str) -> AfterValidator:
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError(f"“{text}” is not {what}")
        return text

    return AfterValidator(check)


Duration: TypeAlias = Annotated[timedelta, BeforeValidator(duration)]
Region: TypeAlias = Annotated[
    str, _matching(r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}", 'a Region. They look like "eu-central-1"')
]
AccountId: TypeAlias = Annotated[
    str, _matching(r"\d{12}", 'an AWS account id: 12 digits in quotes, like "111122223333"')
]
RoleName: TypeAlias = Annotated[
    str,
    _matching(
        r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+|[\w+=,.@-]+",
        'a role: give its name ("PatchBotReader") or its ARN ("arn:aws:iam::111122223333:role/PatchBotReader")',
    ),
]
ExternalId: TypeAlias = Annotated[
    str,
    _matching(
        r"[A-Za-z0-9_+=,.@:/-]{2,1224}",
        "an external id: AWS takes 2 to 1224 letters, digits and _+=,.@:/-",
    ),
]
UserId: TypeAlias = Annotated[
    str,
    _matching(
        r"[UW][A-Z0-9]{6,}",
        "the id of a Slack user. It starts with U or W and stands in the profile under ⋮, “Copy member ID”",
    ),
]
UserGroupId: TypeAlias = Annotated[
    str,
    _matching(
        r"S[A-Z0-9]{6,}",
        "the id of a Slack user group. It starts with S and stands in the group's ⋯ menu, “Copy group ID”",
    ),
]
TeamId: TypeAlias = Annotated[
    str,
    _matching(
        r"T[A-Z0-9]{6,}",
        "the id of a Slack workspace. It starts with T and stands in the address of Slack in a browser",
    ),
]
ChannelId: TypeAlias = Annotated[
    str,
    _matching(
        r"[CG][A-Z0-9]{6,}",
        "the id of a Slack channel. It starts with C (or G) and stands at the end of the channel's details",
    ),
]
QueueUrl: TypeAlias = Annotated[
    str,
    _matching(
        r"https://sqs\.[a-z]{2,4}(-[a-z]+)+-\d{1,2}\.amazonaws\.com(\.cn)?/\d{12}/[A-Za-z0-9_-]{1,80}",
        'the URL of an SQS queue. They look like "https://sqs.eu-central-1.amazonaws.com/111122223333/patchbot-events"',
    ),
]
InstanceId: TypeAlias = Annotated[
    str,
    _matching(r"m?i-[0-9a-f]{8,17}", 'the id of a node. They look like "i-0123456789abcdef0"'),
]
S3Url: TypeAlias = Annotated[
    str,
    _matching(
        r"(s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[\w!.*'()/-]*)?)?",
        'a place in S3. They look like "s3://bucket/prefix"',
    ),
]
Pattern: TypeAlias = Annotated[str, AfterValidator(_pattern)]
Moment: TypeAlias = Annotated[datetime, BeforeValidator(moment)]
EnvironmentName: TypeAlias = Annotated[
    str,
    _matching(
        r"[a-z][a-z0-9_-]{0,30}",
        "a name for an environment: a lower-case letter, then up to 30 lower-case letters, digits, “-” and “_”",
    ),
]
Text: TypeAlias = Annotated[
    str, _matching(r"(?s)\S(.*\S)?", "a text: it is empty or has blanks around it")
]
