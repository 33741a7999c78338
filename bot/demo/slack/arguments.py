"""The arguments of a Web API call: JSON or form, with JSON strings inside forms, as the SDK sends."""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from bot.demo.slack.errors import Json, SlackError, missing_field

_Item = TypeVar("_Item")


class Arguments:
    """Named arguments, read by type; what does not fit raises SlackError."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values

    def __contains__(self, name: str) -> bool:
        return self.values.get(name) is not None

    def string(self, name: str) -> str:
        """Return a text, empty when it was not given."""
        value = self.values.get(name)
        if value is None:
            return ""
        if isinstance(value, dict | list | bool):
            raise SlackError(
                "invalid_arguments", messages=[f"[ERROR] must be a string [json-pointer:/{name}]"]
            )
        return str(value)

    def required(self, name: str) -> str:
        """Return a text; raises SlackError invalid_arguments when it is missing or empty."""
        value = self.string(name)
        if not value:
            raise missing_field(name)
        return value

    def flag(self, name: str) -> bool:
        """Return a boolean, False when it was not given; forms write 1 or true."""
        return self.values.get(name) in (True, 1, "1", "true", "True")

    def structured(self, name: str, *, error: str = "invalid_arguments") -> Any:
        """Return a list or object, decoded where it came as a JSON string; None when not given."""
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            return json.loads(value)
        except ValueError:
            raise SlackError(error) from None

    def names(self, name: str) -> list[str]:
        """Return a comma-separated list (or a JSON array) of ids or names."""
        value = self.values.get(name)
        if isinstance(value, list):
            return [str(each) for each in value]
        return [each.strip() for each in self.string(name).split(",") if each.strip()]

    def page(self, items: Sequence[_Item], *, default: int, most: int) -> tuple[list[_Item], Json]:
        """Return one page of `items` by `limit` and `cursor`, and its response_metadata.

        Raises SlackError invalid_limit or invalid_cursor.
        """
        start = self._start(len(items))
        limit = self.string("limit") or str(default)
        if not limit.isdecimal() or not 0 < int(limit) <= most:
            raise SlackError("invalid_limit")
        end = start + int(limit)
        cursor = base64.b64encode(f"next:{end}".encode()).decode() if end < len(items) else ""
        return list(items[start:end]), {"next_cursor": cursor}

    def _start(self, total: int) -> int:
        cursor = self.string("cursor")
        if not cursor:
            return 0
        try:
            start = int(base64.b64decode(cursor, validate=True).removeprefix(b"next:"))
        except (ValueError, binascii.Error):
            raise SlackError("invalid_cursor") from None
        if not 0 < start < total:
            raise SlackError("invalid_cursor")
        return start


def parse_body(content_type: str, body: bytes) -> Json:
    """Decode a request body by its content type (api.slack.com, "Using the Slack Web API").

    Raises SlackError invalid_json, json_not_object or invalid_post_type.
    """
    if not body.strip():
        return {}
    kind = content_type.split(";")[0].strip().lower()
    if kind == "application/json":
        try:
            values = json.loads(body)
        except ValueError:
            raise SlackError("invalid_json") from None
        if not isinstance(values, dict):
            raise SlackError("json_not_object")
        return values
    if kind in ("application/x-www-form-urlencoded", ""):
        return parse_form(body)
    raise SlackError("invalid_post_type")


def parse_form(body: bytes) -> Json:
    """Decode `a=1&b=2`; a name that comes twice keeps its last value."""
    return dict(parse_qsl(body.decode("utf-8", errors="replace"), keep_blank_values=True))
