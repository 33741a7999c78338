"""Checks a request against Systems Manager's own service model, as the real front end does.

botocore sends too long lists and too large numbers without a word, so the limits must be held
here. Where the live service is stricter than its model, `STRICTER` says so.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ServiceModel, Shape

from bot.demo.aws.exceptions import SerializationError, ValidationError

# The model says 100; the live service answers ValidationException above 50.
STRICTER = {
    ("DescribeInstancePatchStates", "MaxResults"): 50,
    ("DescribeInstancePatchStatesForPatchGroup", "MaxResults"): 50,
    ("DescribeInstancePatches", "MaxResults"): 50,
}

_JSON_TYPES: dict[str, Any] = {
    "string": str,
    "integer": int,
    "long": int,
    "boolean": bool,
    "timestamp": (int, float, str),
    "list": list,
    "map": dict,
    "structure": dict,
}


@cache
def ssm_model() -> ServiceModel:
    """The service model of Systems Manager that botocore carries."""
    return botocore.session.get_session().get_service_model("ssm")


def check_request(operation: str, parameters: Mapping[str, Any]) -> None:
    """Hold a request against the model.

    Raises ValidationError that names every broken constraint, SerializationError when a member
    has the wrong JSON type.
    """
    shape = ssm_model().operation_model(operation).input_shape
    broken = list(_structure(shape, parameters, ""))
    for (where, member), most in STRICTER.items():
        value = parameters.get(member)
        if where == operation and isinstance(value, int) and value > most:
            broken = [line for line in broken if f"'{_lower(member)}'" not in line]
            broken.append(_too_large(value, _lower(member), most))
    if broken:
        noun = "error" if len(broken) == 1 else "errors"
        raise ValidationError(f"{len(broken)} validation {noun} detected: {'; '.join(broken)}")


def _structure(shape: Shape, value: Mapping[str, Any], path: str) -> Iterator[str]:
    for name in shape.required_members:
        if value.get(name) is None:
            where = f"{path}{_lower(name)}"
            yield f"Value null at '{where}' failed to satisfy constraint: Member must not be null"
    for name, member in shape.members.items():
        if value.get(name) is not None:
            yield from _member(member, value[name], f"{path}{_lower(name)}")


def _member(shape: Shape, value: Any, path: str) -> Iterator[str]:
    expected = _JSON_TYPES.get(shape.type_name, object)
    if not isinstance(value, expected) or (expected is int and isinstance(value, bool)):
        raise SerializationError(path)
    yield from _size(shape, value, path)
    match shape.type_name:
        case "structure":
            yield from _structure(shape, value, f"{path}.")
        case "list":
            for number, each in enumerate(value, start=1):
                yield from _member(shape.member, each, f"{path}.{number}.member")
        case "map":
            for key, each in value.items():
                yield from _member(shape.value, each, f"{path}.{key}.member")
        case "string":
            yield from _text(shape, value, path)


def _size(shape: Shape, value: Any, path: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if shape.type_name in ("integer", "long"):
        if least is not None and value < least:
            yield _failed(value, path, f"Member must have value greater than or equal to {least}")
        if most is not None and value > most:
            yield _too_large(value, path, most)
    elif shape.type_name in ("string", "list", "map"):
        if least is not None and len(value) < least:
            yield _failed(value, path, f"Member must have length greater than or equal to {least}")
        if most is not None and len(value) > most:
            yield _failed(value, path, f"Member must have length less than or equal to {most}")


def _text(shape: Shape, value: str, path: str) -> Iterator[str]:
    allowed = getattr(shape, "enum", None)
    if allowed and value not in allowed:
        yield _failed(
            value, path, f"Member must satisfy enum value set: [{', '.join(sorted(allowed))}]"
        )
    pattern = shape.metadata.get("pattern")
    # Unicode classes (\p{L}) are Java's; Python's re has none.
    if pattern and r"\p" not in pattern and not re.search(pattern, value):
        yield _failed(value, path, f"Member must satisfy regular expression pattern: {pattern}")


def _too_large(value: int, path: str, most: int) -> str:
    return _failed(value, path, f"Member must have value less than or equal to {most}")


def _failed(value: Any, path: str, constraint: str) -> str:
    return f"Value '{value}' at '{path}' failed to satisfy constraint: {constraint}"


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]
