"""The keys of patchbot.toml as a table for people: docs/configuration.md is written from it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from bot.config.members import EVERYONE, Members
from bot.config.tables import Settings
from bot.config.values import written


def reference() -> Iterator[tuple[str, str, str]]:
    """Every key with its default, as it would be written, and its meaning."""
    return _rows(Settings, "")


def _rows(table: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, str]]:
    for name, field in table.model_fields.items():
        if field.exclude:
            continue
        inner = _table_in(field.annotation)
        if inner is None or issubclass(inner, Members):
            yield f"{prefix}{field.alias or name}", _default(field), field.description or ""
        else:
            yield from _rows(inner, f"{prefix}{name}{_mark(field.annotation)}.")


def _table_in(annotation: Any) -> type[BaseModel] | None:
    """The table behind a key: itself, by name, or in a list."""
    for one in (annotation, *get_args(annotation)):
        if isinstance(one, type) and issubclass(one, BaseModel):
            return one
    return None


def _mark(annotation: Any) -> str:
    names = [getattr(one, "__name__", "") for one in (annotation, *get_args(annotation))]
    return ".<name>" if "dict" in names else "[]" if "tuple" in names else ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "*needed*"
    match field.default:
        case timedelta() as length:
            return f'`"{written(length)}"`'
        case None if _table_in(field.annotation) is Members:
            return "as in `[access]`"
        case Members() as members:
            return '`"everyone"`' if members == EVERYONE else "nobody"
        case bool() | int() as value:
            return f"`{json.dumps(value)}`"
        case str() | Path() as text if str(text):
            return f'`"{text}"`'
    return ""
