"""Who may do what: held against a table written by hand."""

from __future__ import annotations

import itertools

import pytest

from bot.core.identity import OPERATOR, AccessPolicy, Kind, Members, Person, Role

POLICY = AccessPolicy(
    viewers=Members(users=frozenset({"U-viewer"})),
    requesters=Members(usergroups=frozenset({"S-requesters"})),
    approvers=Members(users=frozenset({"U-approver"})),
    admins=Members(users=frozenset({"U-admin"})),
)
PEOPLE = {
    "viewer": Person("U-viewer"),
    "requester": Person("U-other", groups=frozenset({"S-requesters", "S-more"})),
    "approver": Person("U-approver"),
    "admin": Person("U-admin"),
    "nobody": Person("U-nobody", groups=frozenset({"S-more"})),
    "operator": OPERATOR,
}
MAY = {
    "viewer": {Role.VIEWER},
    "requester": {Role.VIEWER, Role.REQUESTER},
    "approver": {Role.VIEWER, Role.APPROVER},
    "admin": set(Role),
    "nobody": set[Role](),
    "operator": set(Role),
}


@pytest.mark.parametrize(("who", "role"), list(itertools.product(PEOPLE, Role)))
def test_roles(who: str, role: Role) -> None:
    decision = POLICY.decide(PEOPLE[who], role)
    assert decision.allowed is (role in MAY[who])
    assert bool(decision.reason) is not decision.allowed


@pytest.mark.parametrize(
    ("kind", "role"),
    list(itertools.product((Kind.GUEST, Kind.BOT, Kind.DEACTIVATED, Kind.STRANGER), Role)),
)
def test_whoever_is_not_a_full_member_may_nothing(kind: Kind, role: Role) -> None:
    """Not even an admin by id, and not where everyone may."""
    everyone = Members(everyone=True, users=frozenset({"U-admin"}))
    policy = AccessPolicy(everyone, everyone, everyone, everyone)
    decision = policy.decide(Person("U-admin", kind=kind), role)
    assert not decision.allowed
    assert decision.reason


def test_by_default_members_may_look_and_nothing_else() -> None:
    someone = Person("U-someone")
    assert [role for role in Role if AccessPolicy().decide(someone, role).allowed] == [Role.VIEWER]
