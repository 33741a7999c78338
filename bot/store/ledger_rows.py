"""Requests, runs, sends, results, notices, clicks and links as rows of ledger.db, and back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, TypeAlias, TypeVar

from pydantic import TypeAdapter

from bot.core.audit import Link
from bot.core.identity import Members
from bot.core.ledger import InboxItem, Notice, NoticeState
from bot.core.nodes import NodeKey
from bot.core.plans import Batch, Operation
from bot.core.requests import Request, RequestState, Rules, Vote
from bot.core.runs import Dispatch, NodeOutcome, NodeResult, Run
from bot.store.rows import from_time, to_time

Row: TypeAlias = tuple[Any, ...]
Values: TypeAlias = Mapping[str, Any]
T = TypeVar("T")

LINK_COLUMNS = ("seq", "at_us", "boot", "kind", "actor", "subject", "body", "prev", "hash")
_LINK_TYPES = (int, int, bytes, bytes, bytes, bytes, bytes, bytes, bytes)


def link(row: Row, *, errors: str = "surrogateescape") -> Link:
    """The link in a row of LINK_COLUMNS whose texts were read as bytes.

    Bytes that are not UTF-8 are kept as they are, so that their hash shows the damage; `errors="replace"` is for
    people. Raises ValueError where a value is of another type than its column.
    """
    for name, value, wanted in zip(LINK_COLUMNS, row, _LINK_TYPES, strict=True):
        if type(value) is not wanted:
            raise ValueError(f"its {name} is damaged")
    boot, kind, actor, subject, body = (value.decode("utf-8", errors) for value in row[2:7])
    return Link(row[0], row[1], boot, kind, actor, subject, body, row[7], row[8])


def inbox_row(item: InboxItem) -> Values:
    return {
        "key": item.key,
        "kind": item.kind,
        "person": item.person,
        "team": item.team,
        "body": as_json(item.body),
        "received_at": from_time(item.received_at),
    }


def inbox_item(row: Values) -> InboxItem:
    return InboxItem(
        key=row["key"],
        kind=row["kind"],
        person=row["person"],
        team=row["team"],
        body=json.loads(row["body"]),
        received_at=_time(row["received_at"]),
    )


def request_row(request: Request) -> Values:
    return {
        "id": request.id,
        "version": request.version,
        "state": request.state.value,
        "environment": request.environment,
        "operation": request.operation.value,
        "digest": request.digest,
        "requester": request.requester,
        "reason": request.reason,
        "ticket": request.ticket,
        "created_at": from_time(request.created_at),
        "expires_at": from_time(request.expires_at),
        "rules": as_json(_rules_body(request.rules)),
        "break_glass": int(request.break_glass),
        "ended_at": from_time(request.ended_at),
        "ended_by": request.ended_by,
        "ended_why": request.ended_why,
    }


def request(row: Values, votes: Iterable[Values]) -> Request:
    return Request(
        id=row["id"],
        version=row["version"],
        state=RequestState(row["state"]),
        environment=row["environment"],
        operation=Operation(row["operation"]),
        digest=row["digest"],
        requester=row["requester"],
        reason=row["reason"],
        ticket=row["ticket"],
        created_at=_time(row["created_at"]),
        expires_at=_time(row["expires_at"]),
        rules=_rules(json.loads(row["rules"])),
        votes=tuple(Vote(vote["person"], vote["digest"], _time(vote["at"])) for vote in votes),
        break_glass=bool(row["break_glass"]),
        ended_at=to_time(row["ended_at"]),
        ended_by=row["ended_by"],
        ended_why=row["ended_why"],
    )


def _rules_body(rules: Rules) -> Mapping[str, Any]:
    return {
        "everyone": rules.approvers.everyone,
        "users": sorted(rules.approvers.users),
        "usergroups": sorted(rules.approvers.usergroups),
        "needed": rules.needed,
        "four_eyes": rules.four_eyes,
    }


def _rules(body: Mapping[str, Any]) -> Rules:
    members = Members(body["everyone"], frozenset(body["users"]), frozenset(body["usergroups"]))
    return Rules(members, body["needed"], body["four_eyes"])


def run_row(run: Run) -> Values:
    columns = {
        "id": run.id,
        "version": run.version,
        "state": run.state.value,
        "request": run.request,
        "digest": run.digest,
        "environment": run.environment,
        "created_at": from_time(run.created_at),
        "rehearsal": int(run.rehearsal),
    }
    return {**columns, "more": _more(_runs(), run, without=set(columns))}


def run(row: Values) -> Run:
    return _runs().validate_python(_joined(row))


def dispatch_row(dispatch: Dispatch) -> Values:
    batch = dispatch.batch
    columns = {
        "run": dispatch.run,
        "purpose": str(dispatch.purpose),
        "batch": batch.number,
        "wave": batch.wave,
        "account": batch.account,
        "region": batch.region,
        "instance_ids": as_json(batch.instance_ids),
        "state": dispatch.state.value,
        "mark": dispatch.mark,
        "snapshot_id": dispatch.snapshot_id,
        "command_id": dispatch.command_id or None,
        "sent_ids": as_json(dispatch.sent_ids),
        "sending_at": from_time(dispatch.sending_at),
    }
    return {**columns, "more": _more(_dispatches(), dispatch, without=set(columns))}


def dispatch(row: Values) -> Dispatch:
    joined = _joined(row)
    account, region = joined.pop("account"), joined.pop("region")
    ids = tuple(json.loads(joined.pop("instance_ids")))
    fields = {
        **joined,
        "batch": Batch(joined["batch"], joined.pop("wave"), account, region, ids),
        "command_id": joined["command_id"] or "",
        "sent_ids": json.loads(joined["sent_ids"]),
    }
    return _dispatches().validate_python(fields)


def _more(adapter: TypeAdapter[T], value: T, *, without: set[str]) -> str:
    return as_json(adapter.dump_python(value, mode="json", exclude=without))


def _joined(row: Values) -> dict[str, Any]:
    columns = dict(row)
    return {**json.loads(columns.pop("more")), **columns}


@cache  # making one takes milliseconds, and imports take none
def _runs() -> TypeAdapter[Run]:
    return TypeAdapter(Run)


@cache
def _dispatches() -> TypeAdapter[Dispatch]:
    return TypeAdapter(Dispatch)


def result_row(result: NodeResult, *, run: str, purpose: str) -> Values:
    return {
        "run": run,
        "purpose": purpose,
        "account": result.key.account,
        "region": result.key.region,
        "instance_id": result.key.instance_id,
        "outcome": result.outcome.value,
        "reason": result.reason,
        "back_online": None if result.back_online is None else int(result.back_online),
    }


def result(row: Values) -> NodeResult:
    back = row["back_online"]
    return NodeResult(
        key=NodeKey(row["account"], row["region"], row["instance_id"]),
        outcome=NodeOutcome(row["outcome"]),
        reason=row["reason"],
        back_online=None if back is None else bool(back),
    )


def notice_row(notice: Notice) -> Values:
    return {
        "key": notice.key,
        "kind": notice.kind,
        "subject": notice.subject,
        "channel": notice.channel,
        "thread_of": notice.thread_of,
        "state": notice.state.value,
        "ts": notice.ts,
        "wanted": notice.wanted,
        "shown": notice.shown,
        "reason": notice.reason,
        "changed_at": from_time(notice.changed_at),
    }


def notice(row: Values) -> Notice:
    return Notice(
        key=row["key"],
        kind=row["kind"],
        subject=row["subject"],
        channel=row["channel"],
        thread_of=row["thread_of"],
        state=NoticeState(row["state"]),
        ts=row["ts"],
        wanted=row["wanted"],
        shown=row["shown"],
        reason=row["reason"],
        changed_at=to_time(row["changed_at"]),
    )


def as_json(value: Any) -> str:
    """A body as it is stored. Escaped throughout, so that nothing people type cannot be stored."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def bound(values: Values) -> Values:
    """Values that can be bound: half a surrogate pair, which JSON may carry and UTF-8 cannot, becomes "?"."""
    return {
        name: value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
        for name, value in values.items()
    }


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
