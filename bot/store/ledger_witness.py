"""What stands in the tables must have been written down: the audit log is the witness of every decision and send.

Whoever owns the file can put a vote into it, or make a send look as if it had never gone out. To get past this they
must forge the audit log as well, and that the heads show. A plan is its own witness: its digest is what was approved.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from bot.store.rows import to_time

_ENDS = "('request.approved', 'request.glass_broken', 'request.denied', 'request.expired', 'request.cancelled')"
_SENDS = "('dispatch.intended', 'dispatch.found_unrecorded', 'dispatch.accepted')"
_ABOUT_REQUEST = "SELECT 1 FROM audit WHERE subject = 'request/' || request.id"
_REQUESTED = (
    "(SELECT body FROM audit WHERE subject = 'request/' || request.id"
    " AND kind = 'request.requested' ORDER BY seq)"
)
_ABOUT_VOTE = "SELECT 1 FROM audit WHERE subject = 'request/' || vote.request"
_ABOUT_SEND = (
    "SELECT 1 FROM audit WHERE subject = 'dispatch/' || run || '/' || purpose || '-' || batch"
)
_ABOUT_SUBSCRIPTION = "SELECT 1 FROM audit WHERE subject = 'digest/' || id"
_ABOUT_SLOT = (
    "SELECT 1 FROM audit WHERE subject = 'digest/' || subscription || '/' || local_date"
    " AND kind = 'digest.posted'"
)

_CHECKS = (
    (
        f"SELECT id FROM request WHERE NOT EXISTS ({_ABOUT_REQUEST} AND kind = 'request.requested'"
        " AND actor = request.requester AND instr(body, request.digest))",
        "nobody asked for {}, or for another plan",
    ),
    (
        f"SELECT id FROM request WHERE state != 'pending' AND NOT EXISTS ({_ABOUT_REQUEST}"
        " AND kind IN ('request.' || state, iif(state = 'approved', 'request.glass_broken', NULL)))",
        "{} did not end as it says",
    ),
    (
        f"SELECT id FROM request WHERE state = 'pending' AND EXISTS ({_ABOUT_REQUEST} AND kind IN {_ENDS})",
        "{} is open, but it has ended",
    ),
    (
        f"SELECT request FROM vote WHERE NOT EXISTS ({_ABOUT_VOTE} AND kind = 'request.voted'"
        " AND actor = vote.person AND instr(body, vote.digest))",
        "a vote on {} was not cast",
    ),
    (
        f"SELECT run || '/' || purpose || '-' || batch FROM dispatch WHERE state = 'planned'"
        f" AND EXISTS ({_ABOUT_SEND} AND kind IN {_SENDS})",
        "the send {} is planned, but it went out",
    ),
    (
        f"SELECT id FROM subscription WHERE NOT EXISTS ({_ABOUT_SUBSCRIPTION} AND kind = 'digest.subscribed')",
        "nobody asked for the digest {}",
    ),
    (
        "SELECT subscription || '/' || local_date FROM slot"
        f" WHERE (state = 'posted') != EXISTS ({_ABOUT_SLOT})",
        "the digest {} was posted, or was not",
    ),
    (
        f"SELECT run || '/' || purpose || '-' || batch FROM dispatch WHERE command_id IS NOT NULL"
        f" AND NOT EXISTS ({_ABOUT_SEND} AND kind IN ('dispatch.accepted', 'dispatch.adopted')"
        " AND instr(body, json_quote(dispatch.command_id)))",
        "the command of the send {} is not the one AWS gave",
    ),
    (
        "SELECT run.id FROM run JOIN request ON request.id = run.request WHERE run.digest != request.digest",
        "{} is of another plan than its request",
    ),
)


def unwitnessed(connection: sqlite3.Connection) -> str:
    """The first thing in the tables that the audit log, or a plan's digest, contradicts; "" when there is none."""
    for query, problem in _CHECKS:
        row = connection.execute(f"{query} LIMIT 1").fetchone()
        if row is not None:
            name = row[0].decode("utf-8", "replace") if isinstance(row[0], bytes) else row[0]
            return problem.format(name)
    return _other_plan(connection) or _other_terms(connection)


def _other_plan(connection: sqlite3.Connection) -> str:
    for digest, body in connection.execute("SELECT digest, CAST(body AS BLOB) FROM plan"):
        if hashlib.sha256(body).hexdigest() != digest:
            return f"the plan {str(digest)[:8]} is not what was sealed"
    return ""


def _other_terms(connection: sqlite3.Connection) -> str:
    """Who may approve, how many must, until when, and whether anything is sent: as it was when it was asked for."""
    found = connection.execute(
        "SELECT request.id, request.rules, request.expires_at, request.environment, request.operation,"
        f" run.rehearsal, {_REQUESTED} FROM request LEFT JOIN run ON run.request = request.id"
    )
    for name, rules, expires_at, environment, operation, rehearsal, requested in found:
        try:
            written = json.loads(requested)
            now = {
                **_terms(json.loads(rules)),
                "expires_at": to_time(expires_at),
                "environment": environment,
                "operation": operation,
            }
            then = {**written, "expires_at": to_time(written.get("expires_at"))}
        except (ValueError, TypeError, AttributeError):
            return f"the rules of {name} are damaged"
        if any(then[part] != value for part, value in now.items() if part in then):
            return f"the rules of {name} are not those it was asked under"
        if rehearsal is not None and bool(rehearsal) != bool(then.get("rehearsal", rehearsal)):
            return f"the run of {name} is not the rehearsal, or the real thing, that was asked for"
    return ""


def _terms(rules: Mapping[str, Any]) -> Mapping[str, Any]:
    """The rules in a row of `request` as the audit log writes them; older entries have some of them only."""
    return {
        "approvals_needed": rules.get("needed"),
        "four_eyes": rules.get("four_eyes"),
        "approvers": {name: rules.get(name) for name in ("everyone", "users", "usergroups")},
    }
