"""Says what is wrong in a configuration file, in the words of the file: the table, the key, what may stand there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bot.chatops.suggest import did_you_mean
from bot.config.tables import Settings, keys

Place = tuple[int | str, ...]

_SECRET_KEY = re.compile(r"token|secret|password|passwd|private_key|access_key", re.IGNORECASE)
_NAMES = frozenset({"tags", "owners"})  # tables whose keys people have chosen
_SECRET_VALUE = re.compile(r"xox[a-z]-|xapp-|xwfp-|(AKIA|ASIA)[A-Z0-9]{16}")
_VARIABLES = {
    "xoxb-": "SLACK_BOT_TOKEN",
    "xapp-": "SLACK_APP_TOKEN",
    "bot_token": "SLACK_BOT_TOKEN",
    "app_token": "SLACK_APP_TOKEN",
    "signing": "SLACK_SIGNING_SECRET",
}


@dataclass(frozen=True, slots=True)
class Mistake:
    """`text` says where and what, `hint` what to write instead."""

    text: str
    hint: str = ""


def forbidden_secrets(document: Mapping[str, Any]) -> Iterator[Mistake]:
    """What looks like a secret in the file. The value itself is never repeated."""
    for place, value in _leaves(document, ()):
        key = str(place[-1])
        named_by_people = not _NAMES.isdisjoint(place[:-1])
        suspicious = bool(_SECRET_KEY.search(key)) and not named_by_people
        if suspicious or (isinstance(value, str) and _SECRET_VALUE.match(value)):
            told = f"{key} {value}".casefold()
            variable = next((name for sign, name in _VARIABLES.items() if sign in told), "")
            where = variable or "an environment variable"
            yield Mistake(
                f"{_where(place)} holds a secret, and this file is not for secrets.",
                f"Remove it there, and set {where} (or {variable or 'NAME'}_FILE, the path of a file that holds it)."
                " If others could read it, make a new one.",
            )


def _leaves(value: Any, place: Place) -> Iterator[tuple[Place, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, (*place, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves(inner, (*place, index))
    else:
        yield place, value


def mistakes(error: ValidationError) -> list[Mistake]:
    """Everything that is wrong, in the order of the file's tables."""
    return [_mistake(one) for one in error.errors(include_url=False)]


def _mistake(error: ErrorDetails) -> Mistake:
    place, kind = error["loc"], error["type"]
    if not place:  # the file as a whole: the message names the place itself
        return Mistake(f"{_message(error)}.")
    if place[-1] == "[key]":
        return Mistake(f"{_where((*place[:-2], ''))}: {_message(error)}.")
    if kind == "extra_forbidden":
        key, known = str(place[-1]), _keys_at(place[:-1])
        return Mistake(
            f"Unknown key “{key}” {_table(place[:-1])}.",
            f"{did_you_mean(key, known)} Known keys there: {', '.join(known)}.".strip(),
        )
    if kind == "missing":
        return Mistake(f"{_where(place)} is missing.", _example(place))
    if kind == "too_short":
        return Mistake(f"{_where(place)} is empty.", _example(place))
    if kind == "value_error":
        return Mistake(f"{_where(place)}: {_message(error)}.")
    return Mistake(f"{_where(place)}: {error['input']!r} {_expected(error)}.")


def _message(error: ErrorDetails) -> str:
    return error["msg"].removeprefix("Value error, ")


def _expected(error: ErrorDetails) -> str:
    limits = error.get("ctx", {})
    match error["type"]:
        case "string_type":
            return "is not a text. Texts stand in quotes"
        case "bool_type":
            return "is neither true nor false, written without quotes"
        case "int_type":
            return "is not a whole number, written without quotes"
        case "tuple_type":
            return 'is not a list. Lists stand in brackets: ["one", "two"]'
        case "greater_than_equal":
            return f"is too small. The least is {limits['ge']}"
        case "less_than_equal":
            return f"is too large. The most is {limits['le']}"
        case "literal_error":
            return f"is not possible. Possible: {limits['expected']}"
        case "dict_type" | "model_type" | "model_attributes_type":
            return (
                'is not a table. Tables are written as { key = "value" } or under a heading in [ ]'
            )
    return f"is not possible: {error['msg'].lower()}"


def _example(place: Sequence[int | str]) -> str:
    match place[-1]:
        case "regions":
            return 'Name the Regions to read, like this: regions = ["eu-central-1"].'
        case "environments":
            return (
                "Describe at least one environment, like this:"
                ' [environments.prod] and below it regions = ["eu-central-1"].'
            )
        case "id":
            return 'Give the 12 digits in quotes: id = "111122223333".'
    return "Give it a value, or leave it out."


def _where(place: Sequence[int | str]) -> str:
    """ "[environments.prod] accounts[0].role" """
    parents = [str(part) for part in place[:-1] if isinstance(part, str)]
    depth = 2 if parents[:1] == ["environments"] else 1
    heading = ".".join(parents[:depth])
    rest = ""
    for part in place[len(parents[:depth]) :]:
        rest += f"[{part + 1}]" if isinstance(part, int) else f".{part}"
    return f"[{heading}] {rest.lstrip('.')}".strip() if heading else rest.lstrip(".")


def _table(place: Sequence[int | str]) -> str:
    return f"in {_where((*place, '')).rstrip(' .')}" if place else "at the top of the file"


def _keys_at(place: Sequence[int | str]) -> tuple[str, ...]:
    """The keys of the table at `place`, found by walking down the models."""
    at: Any = Settings
    for part in place:
        if isinstance(at, type) and issubclass(at, BaseModel):
            at = at.model_fields[str(part)].annotation
        else:  # a list of tables, or tables by name
            at = next(one for one in reversed(get_args(at)) if one is not Ellipsis)
    return keys(at)
