"""The answers of `audit`, as data, like those of `reports.py`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import Field

from bot.core.audit import Finding, Link
from bot.core.reports import Report

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class EntryRow(Report):
    """An entry of the audit log. `body` is what was written down of it, by kind."""

    seq: int
    at: datetime
    kind: str
    actor: str
    subject: str
    body: dict[str, Any]
    hash: str


class VerificationRow(Report):
    """What a check of the whole chain found; `bad_seq` is the first row that is wrong."""

    sound: bool
    checked: int
    bad_seq: int | None
    problem: str
    against: str


class AuditReport(Report):
    """`patchbot.audit/1`: entries, newest first, or the result of a check. `head` is the code of the log's end."""

    schema_name: Literal["patchbot.audit/1"] = Field("patchbot.audit/1", alias="schema")
    as_of: datetime
    ledger: str
    head: str
    read_only_reason: str
    entries: tuple[EntryRow, ...] = ()
    more: bool = False
    further: int = 0
    """How many entries more there are; where `further_is_least`, at least so many."""
    further_is_least: bool = False
    verified: VerificationRow | None = None


def entry_row(link: Link) -> EntryRow:
    """A link as people read it."""
    try:
        at = _EPOCH + timedelta(microseconds=link.at_us)
    except OverflowError:  # a damaged row is shown, too
        at = _EPOCH
    return EntryRow(
        seq=link.seq,
        at=at,
        kind=link.kind,
        actor=link.actor,
        subject=link.subject,
        body=_body(link.body),
        hash=link.hash.hex(),
    )


def _body(text: str) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    return body if isinstance(body, dict) else {"damaged": text}


def verification_row(found: Finding, *, against: str = "") -> VerificationRow:
    """A finding as people read it; `against` is the code of the head it was compared with."""
    return VerificationRow(
        sound=found.sound,
        checked=found.checked,
        bad_seq=found.bad_seq,
        problem=found.problem,
        against=against,
    )
