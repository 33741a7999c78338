"""Nodes, gaps and patches as rows, and back. Columns carry the names and the order of the dataclasses' fields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, TypeAlias

from bot.core.nodes import ManagedNode, Observation, Patch, PatchState
from bot.core.readings import Gap

Row: TypeAlias = tuple[Any, ...]

_OF_TARGET = {"account", "region"}  # the same for all nodes of a target, and not repeated on each
_NODE = tuple(field.name for field in fields(ManagedNode) if field.name not in _OF_TARGET)
_STATE = tuple(field.name for field in fields(PatchState))[1:]  # the instance id is the node's

OBSERVATION_COLUMNS = (*_NODE, "unread", "counts_available_security_updates", "undecided", *_STATE)
GAP_COLUMNS = tuple(field.name for field in fields(Gap))
PATCH_COLUMNS = tuple(field.name for field in fields(Patch))

_TIMES = frozenset(
    {
        "last_ping",
        "operation_start_time",
        "operation_end_time",
        "last_no_reboot_install",
        "installed_time",
        "last_read_at",
    }
)
_TIME_INDEXES = tuple(index for index, name in enumerate(OBSERVATION_COLUMNS) if name in _TIMES)
_FIRST_OF_STATE = len(_NODE) + 3
_OPERATION = OBSERVATION_COLUMNS.index("operation")
_NO_STATE = (None,) * len(_STATE)

_node_values = attrgetter(*_NODE)
_state_values = attrgetter(*_STATE)


def from_time(moment: datetime | None) -> str | None:
    """A moment as text in UTC; equal moments give equal texts."""
    return None if moment is None else moment.astimezone(UTC).isoformat()


def to_time(text: str | None) -> datetime | None:
    """The moment that `from_time` wrote."""
    return None if text is None else datetime.fromisoformat(text)


def observation_row(seen: Observation) -> Row:
    """The values of OBSERVATION_COLUMNS; those of the patch state are NULL where there is none."""
    state = _NO_STATE if seen.state is None else _state_values(seen.state)
    values = [
        *_node_values(seen.node),
        seen.unread,
        seen.counts_available_security_updates,
        seen.undecided,
        *state,
    ]
    for index in _TIME_INDEXES:
        values[index] = from_time(values[index])
    return tuple(values)


def observations(found: Iterable[Row], account: str, region: str) -> Iterator[Observation]:
    """The observations in rows of OBSERVATION_COLUMNS. Kept lean: people wait for ten thousand of them."""
    parse = datetime.fromisoformat
    width = len(_NODE)
    for row in found:
        values: Any = row
        for index in _TIME_INDEXES:
            if row[index] is not None:
                values = list(values) if values is row else values
                values[index] = parse(row[index])
        node = ManagedNode(values[0], account, region, *values[1:width])
        state = None
        if row[_OPERATION] is not None:
            state = PatchState(row[0], *values[_FIRST_OF_STATE:])
        yield Observation(node, state, row[width], bool(row[width + 1]), bool(row[width + 2]))


def gap_row(gap: Gap) -> Row:
    """The values of GAP_COLUMNS."""
    return tuple(
        from_time(getattr(gap, name)) if name in _TIMES else getattr(gap, name)
        for name in GAP_COLUMNS
    )


def gap(row: Row) -> Gap:
    """The gap in a row of GAP_COLUMNS."""
    named = dict(zip(GAP_COLUMNS, row, strict=True))
    named["last_read_at"] = to_time(named["last_read_at"])
    for name in ("passing", "partial"):
        named[name] = bool(named[name])
    return Gap(**named)


def patch_row(patch: Patch) -> Row:
    """The values of PATCH_COLUMNS; the CVE ids, which hold no blanks, stand in one text."""
    named = {name: getattr(patch, name) for name in PATCH_COLUMNS}
    named["installed_time"] = from_time(patch.installed_time)
    named["cve_ids"] = " ".join(patch.cve_ids)
    return tuple(named.values())


def patch(row: Row) -> Patch:
    """The patch in a row of PATCH_COLUMNS."""
    named = dict(zip(PATCH_COLUMNS, row, strict=True))
    named["installed_time"] = to_time(named["installed_time"])
    named["cve_ids"] = tuple(named["cve_ids"].split())
    return Patch(**named)
