"""A small language to say what a JSON value must look like.

Each function makes a `Check`: it takes a value and the JSON pointer where it stands, and yields what is
wrong with it. Checks are put together into tables (`limits.py` holds Slack's); none of them ever raises.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where (JSON pointer), which rule (`code`), and in words what is allowed."""

    pointer: str
    code: str
    message: str


Check = Callable[[Any, str], Iterator[Problem]]


def length(text: str) -> int:
    """The length of a text in UTF-16 units: what a JavaScript client counts, and never less than Slack does."""
    return len(text) if text.isascii() else len(text) + sum(char > "\uffff" for char in text)


def below(pointer: str, key: object) -> str:
    """The pointer of a member (RFC 6901)."""
    return f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"


def text(
    limit: int, *, minimum: int = 1, blank: bool = False, like: str | None = None, such_as: str = ""
) -> Check:
    """A string of `minimum` to `limit` characters; only spaces pass where `blank`; `like` is a pattern."""
    pattern = re.compile(like) if like else None

    def check(value: Any, at: str) -> Iterator[Problem]:
        if not isinstance(value, str):
            yield Problem(at, "wrong_type", f"must be a string, not {_kind(value)}")
            return
        size = length(value)
        if size > limit:
            yield Problem(at, "too_long", f"has {size:,} characters; at most {limit:,} are allowed")
        elif size < minimum or (minimum and not blank and not value.strip()):
            yield Problem(at, "empty", "must not be empty")
        elif pattern and not pattern.fullmatch(value):
            yield Problem(at, "wrong_format", f"must look like {such_as}")
        if any("\ud800" <= char <= "\udfff" for char in value):
            yield Problem(at, "wrong_format", "holds half of a character (a lone surrogate)")

    return check


def integer(low: int, high: int) -> Check:
    """A whole number between two bounds, both included."""

    def check(value: Any, at: str) -> Iterator[Problem]:
        if not isinstance(value, int) or isinstance(value, bool):
            yield Problem(at, "wrong_type", f"must be a whole number, not {_kind(value)}")
        elif not low <= value <= high:
            yield Problem(at, "out_of_range", f"is {value}; {low} to {high} are allowed")

    return check


def number(value: Any, at: str) -> Iterator[Problem]:
    """A finite number."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        yield Problem(at, "wrong_type", f"must be a number, not {_kind(value)}")
    elif not math.isfinite(value):
        yield Problem(at, "out_of_range", "must be a finite number")


def flag(value: Any, at: str) -> Iterator[Problem]:
    """True or false."""
    if not isinstance(value, bool):
        yield Problem(at, "wrong_type", f"must be true or false, not {_kind(value)}")


def choice(*allowed: str) -> Check:
    """One of a few words."""

    def check(value: Any, at: str) -> Iterator[Problem]:
        if value not in allowed:
            yield Problem(at, "wrong_choice", f"must be one of {', '.join(allowed)}")

    return check


def array(each: Check, low: int, high: int) -> Check:
    """A list of `low` to `high` items, every one of which passes `each`."""

    def check(value: Any, at: str) -> Iterator[Problem]:
        if not isinstance(value, list | tuple):
            yield Problem(at, "wrong_type", f"must be a list, not {_kind(value)}")
            return
        if len(value) > high:
            yield Problem(at, "too_many", f"has {len(value)} items; at most {high} are allowed")
        elif len(value) < low:
            yield Problem(at, "too_few", f"has {len(value)} items; at least {low} must be there")
        for index, item in enumerate(value):
            yield from each(item, below(at, index))

    return check


def record(
    required: Mapping[str, Check], optional: Mapping[str, Check] | None = None, *rules: Check
) -> Check:
    """An object with these keys and no others; `rules` look at the object as a whole, once its keys are sound."""
    known = {**required, **(optional or {})}

    def check(value: Any, at: str) -> Iterator[Problem]:
        if not isinstance(value, dict):
            yield Problem(at, "wrong_type", f"must be an object, not {_kind(value)}")
            return
        found = [
            Problem(at, "missing_key", f"needs “{key}”") for key in required if key not in value
        ]
        for key, member in value.items():
            if key in known:
                found.extend(known[key](member, below(at, key)))
            else:
                found.append(
                    Problem(below(at, key), "unknown_key", "is not a key that Slack knows here")
                )
        yield from found
        if not found:
            for rule in rules:
                yield from rule(value, at)

    return check


def variant(shapes: Mapping[str, Check], what: str) -> Check:
    """An object whose `type` says which of the shapes holds for the rest of it."""

    def check(value: Any, at: str) -> Iterator[Problem]:
        if not isinstance(value, dict):
            yield Problem(at, "wrong_type", f"must be an object, not {_kind(value)}")
            return
        kind = value.get("type")
        if not isinstance(kind, str) or kind not in shapes:
            yield Problem(
                below(at, "type"),
                "unknown_type",
                f"is no {what} allowed here; allowed: {', '.join(sorted(shapes))}",
            )
            return
        yield from shapes[kind]({key: item for key, item in value.items() if key != "type"}, at)

    return check


def exactly_one(*keys: str) -> Check:
    """A rule: exactly one of these keys is there."""

    def check(value: Any, at: str) -> Iterator[Problem]:
        if sum(key in value for key in keys) != 1:
            yield Problem(at, "wrong_keys", f"needs exactly one of {' and '.join(keys)}")

    return check


def at_least_one(*keys: str) -> Check:
    """A rule: one or more of these keys are there."""

    def check(value: Any, at: str) -> Iterator[Problem]:
        if not any(key in value for key in keys):
            yield Problem(at, "missing_key", f"needs one of {', '.join(keys)}")

    return check


def _kind(value: object) -> str:
    names = {
        dict: "an object",
        list: "a list",
        str: "a string",
        bool: "true or false",
        type(None): "null",
    }
    return names.get(
        type(value), "a number" if isinstance(value, int | float) else "something else"
    )
