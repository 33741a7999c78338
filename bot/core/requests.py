"""A request for a run and the votes on it: which moves there are, who may make them, and what is written down.

Pure: every move returns the new request with its audit entries, and the store takes both, so that no state can change
without an audit row. A refusal is audited too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from bot.core.audit import Entry
from bot.core.identity import Decision, Members, Person
from bot.core.plans import Operation, Plan, short_code


class RequestState(StrEnum):
    """Where a request stands. All but PENDING are ends: they never change again."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Vote:
    """A person's approval of one digest. One person counts once."""

    person: str
    digest: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Rules:
    """What an approval needs, as configured when the request was made.

    `needed` distinct approvers, 0 for none. With `four_eyes` the requester never counts.
    """

    approvers: Members
    needed: int
    four_eyes: bool

    def stricter(self, today: Rules | None) -> Rules:
        """The stricter of these and those of today. Whoever approves must be an approver by both, so that is asked
        of each apart.
        """
        if today is None:
            return self
        return replace(
            self,
            needed=max(self.needed, today.needed),
            four_eyes=self.four_eyes or today.four_eyes,
        )


@dataclass(frozen=True, slots=True)
class Request:
    """Somebody's wish to run a plan. `version` grows by one with every move and guards against two moves at once."""

    id: str
    version: int
    state: RequestState
    environment: str
    operation: Operation
    digest: str
    requester: str
    reason: str
    ticket: str
    created_at: datetime
    expires_at: datetime
    rules: Rules
    votes: tuple[Vote, ...] = ()
    break_glass: bool = False
    ended_at: datetime | None = None
    ended_by: str = ""
    ended_why: str = ""

    @property
    def code(self) -> str:
        """What people compare: of the plan and the request, so that two requests for one plan differ in it."""
        return short_code(hashlib.sha256(f"{self.id}:{self.digest}".encode()).hexdigest())

    @property
    def is_open(self) -> bool:
        return self.state is RequestState.PENDING

    @property
    def approvals(self) -> tuple[Vote, ...]:
        """The votes that are for the present plan."""
        return tuple(vote for vote in self.votes if vote.digest == self.digest)

    @property
    def lacking(self) -> int:
        """How many approvals are still missing."""
        return self.lacking_by(None)

    def lacking_by(self, today: Rules | None) -> int:
        """How many are missing by the stricter of its own rules and those of today."""
        rules = self.rules.stricter(today)
        counted = {
            vote.person
            for vote in self.approvals
            if not (rules.four_eyes and vote.person == self.requester)
        }
        return max(0, rules.needed - len(counted))


@dataclass(frozen=True, slots=True)
class Move:
    """The outcome of a try: the request as it is now, what to write down, and whether it was allowed."""

    request: Request
    decision: Decision
    entries: tuple[Entry, ...]

    @property
    def changed(self) -> bool:
        return self.decision.allowed


def opened(request: Request, plan: Plan) -> Move:
    """A new request. Without needed approvals it is approved at once."""
    body = {
        "environment": request.environment,
        "operation": request.operation.value,
        "digest": request.digest,
        "nodes": len(plan.nodes),
        "reboots": plan.reboots,
        "reason": request.reason,
        "ticket": request.ticket,
        **_terms(request.rules),
        "expires_at": request.expires_at.isoformat(),
        "rehearsal": plan.rehearsal,
    }
    entries = [_entry(request, "requested", request.requester, body)]
    if request.rules.needed == 0:
        request = _ended(
            request,
            RequestState.APPROVED,
            request.created_at,
            by="patchbot",
            why="no approval is needed",
        )
        entries.append(_entry(request, "approved", "patchbot", {"why": request.ended_why}))
    return Move(request, Decision(True), tuple(entries))


def _terms(rules: Rules) -> Mapping[str, Any]:
    """What an approval needs, as the log keeps it: whoever edits the request contradicts it."""
    return {
        "approvals_needed": rules.needed,
        "four_eyes": rules.four_eyes,
        "approvers": {
            "everyone": rules.approvers.everyone,
            "users": sorted(rules.approvers.users),
            "usergroups": sorted(rules.approvers.usergroups),
        },
    }


def approve(
    request: Request, person: Person, digest: str, now: datetime, *, today: Rules | None = None
) -> Move:
    """`person` approves the plan with `digest`. `person.groups` must have been looked up just now.

    `today` is what a new request would need now; where it is stricter than what the request was made under, it counts.
    """
    decision = _may_approve(request, person, digest, now, today)
    if not decision.allowed:
        return _refused(request, person, "approve", decision)
    voted = replace(
        request, version=request.version + 1, votes=(*request.votes, Vote(person.id, digest, now))
    )
    lacking = voted.lacking_by(today)
    entries = [_entry(voted, "voted", person.id, {"digest": digest, "lacking": lacking})]
    if lacking == 0:
        voted = replace(voted, state=RequestState.APPROVED, ended_at=now, ended_by=person.id)
        approvers = [vote.person for vote in voted.approvals]
        entries.append(
            _entry(voted, "approved", person.id, {"digest": digest, "approvers": approvers})
        )
    return Move(voted, decision, tuple(entries))


def deny(request: Request, person: Person, reason: str, now: datetime) -> Move:
    """`person` denies the request. Whoever may approve may deny; the requester withdraws by cancelling."""
    decision = _is_open(request, now)
    if decision.allowed and not request.rules.approvers.contains(person):
        decision = Decision(False, f"you are not an approver of {request.environment}")
    if decision.allowed and not reason.strip():
        decision = Decision(False, "a denial needs a reason")
    if not decision.allowed:
        return _refused(request, person, "deny", decision)
    denied = _ended(request, RequestState.DENIED, now, by=person.id, why=reason)
    return Move(denied, decision, (_entry(denied, "denied", person.id, {"reason": reason}),))


def cancel(request: Request, person: Person, now: datetime, *, is_admin: bool = False) -> Move:
    """The requester (or an admin) takes the request back."""
    decision = _is_open(request, now)
    if decision.allowed and person.id != request.requester and not is_admin:
        decision = Decision(False, "only the requester or an admin can cancel a request")
    if not decision.allowed:
        return _refused(request, person, "cancel", decision)
    cancelled = _ended(request, RequestState.CANCELLED, now, by=person.id, why="taken back")
    return Move(cancelled, decision, (_entry(cancelled, "cancelled", person.id, {}),))


def expire(request: Request, now: datetime) -> Move | None:
    """The end of a request whose time has passed; None while it has not, or when it has ended already."""
    if not request.is_open or now < request.expires_at:
        return None
    expired = _ended(
        request, RequestState.EXPIRED, now, by="patchbot", why="nobody decided in time"
    )
    return Move(
        expired,
        Decision(True),
        (_entry(expired, "expired", "patchbot", {"lacking": request.lacking}),),
    )


def void(request: Request, now: datetime, *, why: str) -> Move:
    """The end of an open request that may not be decided any more. Raises ValueError when it has ended already."""
    if not request.is_open:
        raise ValueError(f"{request.id} has ended already")
    ended = _ended(request, RequestState.EXPIRED, now, by="patchbot", why=why)
    body = {"why": why, "lacking": request.lacking}
    return Move(ended, Decision(True), (_entry(ended, "expired", "patchbot", body),))


def break_glass(
    request: Request, person: Person, reason: str, now: datetime, *, allowed: Members
) -> Move:
    """The requester, or whoever the configuration names, starts without approvals; marked for a later review."""
    decision = _is_open(request, now)
    if decision.allowed and not allowed.contains(person):
        decision = Decision(False, "you may not break the glass here")
    if decision.allowed and not reason.strip():
        decision = Decision(False, "breaking the glass needs a reason")
    if not decision.allowed:
        return _refused(request, person, "break_glass", decision)
    broken = replace(
        _ended(request, RequestState.APPROVED, now, by=person.id, why=reason), break_glass=True
    )
    body = {"reason": reason, "lacking": request.lacking, "digest": request.digest}
    return Move(broken, decision, (_entry(broken, "glass_broken", person.id, body),))


def still_approved(
    request: Request, digest: str, backers: frozenset[str], *, today: Rules | None = None
) -> Decision:
    """Whether the approval still stands at the moment of sending.

    `backers` are those of its voters who are approvers at this moment, or whoever broke the glass and still may, by a
    look-up that did not fail. `today` is what a new request would need now: the stricter counts.
    """
    if request.state is not RequestState.APPROVED:
        return Decision(False, f"the request is {request.state.value}")
    if request.digest != digest:
        return Decision(False, "the plan is not the one that was approved")
    if request.break_glass:
        if request.ended_by in backers:
            return Decision(True)
        return Decision(False, "whoever broke the glass may not break it any more")
    rules = request.rules.stricter(today)
    counted = {
        vote.person
        for vote in request.approvals
        if vote.person in backers and not (rules.four_eyes and vote.person == request.requester)
    }
    if len(counted) >= rules.needed:
        return Decision(True)
    tightened = request.lacking_by(today) > 0
    why = "the rules are stricter now" if tightened else "an approver lost the role"
    return Decision(False, f"only {len(counted)} of {rules.needed} approvals still count: {why}")


def _may_approve(
    request: Request, person: Person, digest: str, now: datetime, today: Rules | None
) -> Decision:
    decision = _is_open(request, now)
    if not decision.allowed:
        return decision
    if digest != request.digest:
        return Decision(False, "the plan has changed since you looked at it")
    if request.rules.stricter(today).four_eyes and person.id == request.requester:
        return Decision(False, "you asked for it, so somebody else must approve it")
    if not request.rules.approvers.contains(person):
        return Decision(False, f"you are not an approver of {request.environment}")
    if today is not None and not today.approvers.contains(person):
        return Decision(False, f"you are not an approver of {request.environment} any more")
    if any(vote.person == person.id for vote in request.approvals):
        return Decision(False, "you have approved it already")
    return Decision(True)


def _is_open(request: Request, now: datetime) -> Decision:
    if not request.is_open:
        return Decision(False, f"it is {request.state.value} already")
    if now >= request.expires_at:
        return Decision(False, "its time has passed")
    return Decision(True)


def _ended(request: Request, state: RequestState, now: datetime, *, by: str, why: str) -> Request:
    return replace(
        request,
        version=request.version + 1,
        state=state,
        ended_at=now,
        ended_by=by,
        ended_why=why,
    )


def _refused(request: Request, person: Person, tried: str, decision: Decision) -> Move:
    body = {"tried": tried, "reason": decision.reason, "state": request.state.value}
    return Move(request, decision, (_entry(request, "refused", person.id, body),))


def _entry(request: Request, what: str, actor: str, body: Mapping[str, Any]) -> Entry:
    return Entry(f"request.{what}", actor, f"request/{request.id}", body)
