"""Requests and votes, held to a small oracle that was written from the rules and not from the code."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.identity import Members, Person
from bot.core.requests import (
    Move,
    Request,
    RequestState,
    Rules,
    approve,
    break_glass,
    cancel,
    deny,
    expire,
    opened,
    still_approved,
    void,
)
from tests.store.ledgers import a_plan, a_request

START = datetime(2026, 3, 4, 5, 0, tzinfo=UTC)
LATE = START + timedelta(hours=1)
PEOPLE = {
    "asker": Person("UASKER"),
    "one": Person("UONE"),
    "two": Person("UTWO", groups=frozenset({"SOPS"})),
    "three": Person("UTHREE"),
    "nobody": Person("UNOBODY", groups=frozenset({"SOTHER"})),
}
APPROVERS = Members(users=frozenset({"UASKER", "UONE", "UTHREE"}), usergroups=frozenset({"SOPS"}))
ALLOWED = {"asker", "one", "two", "three"}
GLASS = Members(users=frozenset({"UONE"}))


def request(*, needed: int = 2, four_eyes: bool = True) -> Request:
    return replace(
        a_request("R-1", a_plan()),
        requester="UASKER",
        created_at=START,
        expires_at=LATE,
        rules=Rules(APPROVERS, needed, four_eyes),
    )


class Oracle:
    """What becomes of a request, by the rules, in sets and words."""

    def __init__(self, needed: int, *, four_eyes: bool) -> None:
        self.needed, self.four_eyes = needed, four_eyes
        self.end, self.yes = "", set[str]()

    def tried(self, what: str, who: str, *, late: bool, digest: str) -> bool:
        """Whether it counts."""
        if what == "expire":
            return self._ends("expired", late)
        in_time = not late
        if what == "approve":
            new = who in ALLOWED - self.yes and not (self.four_eyes and who == "asker")
            if self.end or not in_time or not new or digest != "right":
                return False
            self.yes.add(who)
            return len(self.yes) < self.needed or self._ends("approved", True)
        return {
            "deny": lambda: self._ends("denied", in_time and who in ALLOWED),
            "cancel": lambda: self._ends("cancelled", in_time and who == "asker"),
            "glass": lambda: self._ends("approved", in_time and who == "one"),
        }[what]()

    def _ends(self, end: str, may: bool) -> bool:
        counts = may and not self.end
        self.end = end if counts else self.end
        return counts


def act(found: Request, what: str, who: str, *, late: bool, digest: str) -> Move | None:
    now = LATE if late else LATE - timedelta(microseconds=1)
    person = PEOPLE[who]
    match what:
        case "approve":
            return approve(found, person, found.digest if digest == "right" else "0" * 64, now)
        case "deny":
            return deny(found, person, "not today", now)
        case "cancel":
            return cancel(found, person, now)
        case "glass":
            return break_glass(found, person, "it burns", now, allowed=GLASS)
        case _:
            return expire(found, now)


WHATS = ("approve", "deny", "cancel", "glass", "expire")
steps = st.tuples(
    st.sampled_from(("approve", *WHATS)),
    st.sampled_from(tuple(PEOPLE)),
    st.sampled_from((False, False, False, True)),
    st.sampled_from(("right", "right", "right", "wrong")),
)


def compare(story: list[tuple[str, str, bool, str]], *, needed: int, four_eyes: bool) -> None:
    found, oracle = request(needed=needed, four_eyes=four_eyes), Oracle(needed, four_eyes=four_eyes)
    for what, who, late, digest in story:
        move = act(found, what, who, late=late, digest=digest)
        counts = oracle.tried(what, who, late=late, digest=digest)
        if move is None:
            assert not counts
            continue
        assert move.changed is counts, (what, who, move.decision.reason)
        assert move.entries
        if counts:
            assert move.request.version == found.version + 1
        else:
            assert move.request is found
            assert move.decision.reason
            assert [entry.kind for entry in move.entries] == ["request.refused"]
            assert move.entries[0].body["reason"] == move.decision.reason
            assert move.entries[0].actor == PEOPLE[who].id
        found = move.request
        assert found.state.value == (oracle.end or "pending")
        assert (found.ended_at is None) is found.is_open
        if found.state is RequestState.APPROVED and not found.break_glass:
            voters = {vote.person for vote in found.approvals}
            assert len(voters) == needed
            assert not (four_eyes and "UASKER" in voters)
        else:
            assert found.break_glass or found.lacking == needed - len(oracle.yes)


@settings(max_examples=400)
@given(st.lists(steps, max_size=12), st.integers(1, 3), st.booleans())
def test_every_story_ends_as_the_rules_say(
    story: list[tuple[str, str, bool, str]], needed: int, four_eyes: bool
) -> None:
    compare(story, needed=needed, four_eyes=four_eyes)


@pytest.mark.parametrize("needed", [1, 2])
@pytest.mark.parametrize("four_eyes", [False, True])
def test_every_pair_of_tries(needed: int, four_eyes: bool) -> None:
    """Who, what, in time or late, for the right plan or not: each pair, in this order."""
    every = list(product(WHATS, ("asker", "one", "nobody"), (False, True), ("right", "wrong")))
    for pair in product(every, repeat=2):
        compare(list(pair), needed=needed, four_eyes=four_eyes)


def test_without_needed_approvals_it_is_approved_by_patchbot() -> None:
    move = opened(request(needed=0, four_eyes=False), a_plan())
    assert move.request.state is RequestState.APPROVED
    assert move.request.ended_by == "patchbot"
    assert [entry.kind for entry in move.entries] == ["request.requested", "request.approved"]
    assert still_approved(move.request, move.request.digest, frozenset()).allowed


def test_a_new_request_waits_and_says_what_was_asked() -> None:
    plan = a_plan()
    move = opened(request(), plan)
    assert move.request.is_open
    (entry,) = move.entries
    assert (entry.kind, entry.actor, entry.subject) == (
        "request.requested",
        "UASKER",
        "request/R-1",
    )
    assert entry.body["digest"] == plan.digest
    assert (entry.body["nodes"], entry.body["reboots"]) == (3, 3)


def test_a_denial_and_a_broken_glass_need_a_reason() -> None:
    for reason in ("", "  \n"):
        assert not deny(request(), PEOPLE["one"], reason, START).changed
        assert not break_glass(request(), PEOPLE["one"], reason, START, allowed=GLASS).changed


def test_an_admin_may_cancel_for_others() -> None:
    assert cancel(request(), PEOPLE["nobody"], START, is_admin=True).request.ended_by == "UNOBODY"


def test_a_void_request_has_ended() -> None:
    move = void(request(), START, why="restored")
    assert (move.request.state, move.request.ended_why) == (RequestState.EXPIRED, "restored")
    with pytest.raises(ValueError, match="ended already"):
        void(move.request, START, why="again")


def _approved(*who: str, four_eyes: bool = True) -> Request:
    found = request(needed=len(who), four_eyes=four_eyes)
    for name in who:
        found = approve(found, PEOPLE[name], found.digest, START).request
    assert found.state is RequestState.APPROVED
    return found


def test_an_approval_falls_with_an_approver_who_lost_the_role() -> None:
    found = _approved("one", "two")
    assert still_approved(found, found.digest, frozenset({"UONE", "UTWO", "UTHREE"})).allowed
    for left in ({"UONE"}, {"UTWO", "UTHREE"}, set[str]()):
        decision = still_approved(found, found.digest, frozenset(left))
        assert not decision.allowed
        assert "approvals still count" in decision.reason


def test_an_approval_is_for_one_plan_only() -> None:
    found = _approved("one")
    everybody = frozenset(person.id for person in PEOPLE.values())
    assert not still_approved(found, "0" * 64, everybody).allowed
    other = replace(found, digest="0" * 64)
    assert not still_approved(other, "0" * 64, everybody).allowed


def test_the_requester_does_not_count_even_if_the_vote_is_there() -> None:
    """A vote that was cast while four eyes were not asked for."""
    found = _approved("asker", four_eyes=False)
    strict = replace(found, rules=replace(found.rules, four_eyes=True))
    everybody = frozenset({"UASKER"})
    assert still_approved(found, found.digest, everybody).allowed
    assert not still_approved(strict, found.digest, everybody).allowed


@pytest.mark.parametrize("state", sorted(set(RequestState) - {RequestState.APPROVED}))
def test_nothing_but_an_approval_stands(state: RequestState) -> None:
    found = replace(_approved("one"), state=state)
    assert not still_approved(found, found.digest, frozenset({"UONE"})).allowed
