"""What stands in the tables must have been written down: the audit log is the witness of every decision and send.

Whoever owns the file can put a vote into it, or make a send look as if it had never gone out. To get past this they
must forge the audit log as well, and that the heads show.
"""

from __future__ import annotations

import sqlite3

_ENDS = "('request.approved', 'request.glass_broken', 'request.denied', 'request.expired', 'request.cancelled')"
_SENDS = "('dispatch.intended', 'dispatch.found_unrecorded', 'dispatch.accepted')"
_ABOUT_REQUEST = "SELECT 1 FROM audit WHERE subject = 'request/' || request.id"
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
)


def unwitnessed(connection: sqlite3.Connection) -> str:
    """The first thing in the tables that the audit log contradicts; "" when there is none."""
    for query, problem in _CHECKS:
        row = connection.execute(f"{query} LIMIT 1").fetchone()
        if row is not None:
            name = row[0].decode("utf-8", "replace") if isinstance(row[0], bytes) else row[0]
            return problem.format(name)
    return ""
