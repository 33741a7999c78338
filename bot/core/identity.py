"""Who asks, what they may do, and why not.

People come from Slack (or are the local operator of a terminal). Whatever cannot be checked is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What kind of account stands behind a request."""

    MEMBER = "member"
    GUEST = "guest"
    BOT = "bot"
    DEACTIVATED = "deactivated"
    STRANGER = "stranger"
    OPERATOR = "operator"  # somebody with a shell on the host and AWS credentials of their own


class Role(StrEnum):
    """What a person may do."""

    VIEWER = "viewer"
    REQUESTER = "requester"
    APPROVER = "approver"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who asks. `groups` are ids of Slack user groups; `timezone` is an IANA name."""

    id: str
    team_id: str = ""
    kind: Kind = Kind.MEMBER
    name: str = ""
    timezone: str = "UTC"
    groups: frozenset[str] = frozenset()


OPERATOR = Person(id="operator", kind=Kind.OPERATOR, name="local operator")


@dataclass(frozen=True, slots=True)
class Decision:
    """An answer that carries its reason."""

    allowed: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Members:
    """Whom a role is given to: everyone of the home team, or users and user groups by their Slack ids."""

    everyone: bool = False
    users: frozenset[str] = frozenset()
    usergroups: frozenset[str] = frozenset()

    @property
    def anybody(self) -> bool:
        """Whether it is given to anybody at all."""
        return self.everyone or bool(self.users or self.usergroups)

    def contains(self, person: Person) -> bool:
        """Whether `person` is one of them (by the user groups that were looked up for the person)."""
        return self.everyone or person.id in self.users or bool(self.usergroups & person.groups)


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """Who holds which role. An admin holds every role; who may request or approve may also look."""

    viewers: Members = Members(everyone=True)
    requesters: Members = Members()
    approvers: Members = Members()
    admins: Members = Members()

    def decide(self, person: Person, role: Role) -> Decision:
        """Whether `person` holds `role`. Fails closed for every account that is not a full member."""
        if person.kind is Kind.OPERATOR:
            return Decision(True)
        refusal = _REFUSED_KINDS.get(person.kind)
        if refusal:
            return Decision(False, refusal)
        if any(members.contains(person) for members in self._holders(role)):
            return Decision(True)
        return Decision(False, f"this needs the role “{role}”, which you do not have here")

    def _holders(self, role: Role) -> tuple[Members, ...]:
        match role:
            case Role.VIEWER:
                return (self.viewers, self.requesters, self.approvers, self.admins)
            case Role.REQUESTER:
                return (self.requesters, self.admins)
            case Role.APPROVER:
                return (self.approvers, self.admins)
            case Role.ADMIN:
                return (self.admins,)


_REFUSED_KINDS = {
    Kind.GUEST: "guests cannot use patchbot",
    Kind.BOT: "bots and workflows cannot use patchbot",
    Kind.DEACTIVATED: "this account is deactivated",
    Kind.STRANGER: "only members of the workspace patchbot is installed in can use it",
}
