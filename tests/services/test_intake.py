"""From a click to what the ledger says: requests, votes, refusals, each exactly once and never without an audit row."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.chatops.notices import draw
from bot.core.errors import StorageError
from bot.core.identity import Kind, Members, Person
from bot.core.ledger import InboxItem
from bot.core.plans import Operation
from bot.core.requests import RequestState
from bot.core.rules import Freeze
from bot.services import noticing
from tests.commands import fleet
from tests.services.changes import (
    ADA,
    ANA,
    BEN,
    CAT,
    DAN,
    EVE,
    HOME,
    QUIET,
    RULES,
    SHARED,
    World,
    nodes,
    proposal,
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def state(world: World, request: str) -> RequestState:
    found = world.ledger.request(request)
    assert found is not None
    return found.state


def test_a_submission_becomes_a_sealed_request_that_everybody_concerned_sees(world: World) -> None:
    """With its plan, its audit entry, the card for the approvers and a message to the requester."""
    reply = world.submit()
    assert reply.allowed
    assert reply.text.startswith("R-1 (")
    (request,) = world.ledger.requests()
    plan = world.ledger.plan(request.digest)
    assert plan is not None
    assert len(plan.nodes) == 8
    assert plan.nodes[0].patches
    assert plan.nodes[0].cves
    assert request.expires_at == world.now + timedelta(minutes=60)
    assert {(one.kind, one.channel) for one in world.ledger.notices()} == {
        ("approval", QUIET),
        ("requester", ANA),
        ("answer", ANA),
    }
    assert world.kinds(subject="request/R-1") == ["request.requested"]
    assert world.ledger.inbox() == ()


def test_two_different_approvers_are_needed_and_one_counts_once(world: World) -> None:
    request = world.request()
    first = world.click("request.approve", BEN, **world.ids(request))
    assert "1 more is needed" in first.text
    again = world.click("request.approve", BEN, **world.ids(request))
    assert (again.allowed, "already" in again.text) == (False, True)
    assert state(world, request) is RequestState.PENDING
    second = world.click("request.approve", DAN, **world.ids(request))
    assert "is approved" in second.text
    assert state(world, request) is RequestState.APPROVED
    assert world.kinds(subject=f"request/{request}") == [
        "request.requested",
        "request.voted",
        "request.refused",
        "request.voted",
        "request.approved",
    ]
    cards = [one for one in world.ledger.notices() if one.kind != noticing.ANSWER]
    assert [one.wanted for one in cards] == [3, 3]


def test_the_requester_never_approves_in_a_protected_environment(world: World) -> None:
    """Also not as an admin or as an approver."""
    for person in (BEN, ADA):
        world.submit(
            person, filter=replace(proposal().filter, owner="web" if person == BEN else "db")
        )
        request = world.ledger.requests()[0]
        reply = world.click("request.approve", person, **world.ids(request.id))
        assert "somebody else must approve it" in reply.text
        assert state(world, request.id) is RequestState.PENDING


def test_a_vote_is_for_the_digest_that_was_seen(world: World) -> None:
    request = world.request()
    reply = world.click("request.approve", BEN, **{**world.ids(request), "digest": "00" * 32})
    assert "the plan has changed since you looked at it" in reply.text
    assert world.ledger.requests()[0].votes == ()


@pytest.mark.parametrize("typed", [None, 7, 9, 80, "8", True])
def test_the_count_must_be_typed_right(world: World, typed: object) -> None:
    """In a protected environment always; a text is not a number."""
    request = world.request()
    reply = world.click("request.approve", BEN, **{**world.ids(request), "typed": typed})
    assert (reply.allowed, "the plan has 8 nodes" in reply.text) == (False, True)
    assert world.ledger.requests()[0].votes == ()
    assert world.kinds(subject=f"request/{request}")[-1] == "request.refused"


def test_an_approver_who_lost_the_role_since_is_none(world: World) -> None:
    """By the rules of today, though the request was made under those of yesterday."""
    request = world.request()
    world.rules["prod"] = replace(RULES, approvers=Members(users=frozenset({CAT})))
    world.rebuild()
    reply = world.click("request.approve", BEN, **world.ids(request))
    assert "not an approver of prod any more" in reply.text
    world.people.known[DAN] = Person(DAN, HOME)  # he left the group
    assert not world.click("request.approve", DAN, **world.ids(request)).allowed
    assert world.ledger.requests()[0].votes == ()


def test_when_slack_cannot_tell_who_it_is_nothing_happens(world: World) -> None:
    request = world.request()
    world.people.down = True
    reply = world.click("request.approve", BEN, **world.ids(request))
    assert "I could not check who you are" in reply.text
    assert world.ledger.requests()[0].votes == ()
    assert world.kinds(subject=f"request/{request}")[-1] == "request.refused"


@pytest.mark.parametrize(
    "kind", [Kind.GUEST, Kind.BOT, Kind.DEACTIVATED, Kind.STRANGER, Kind.OPERATOR]
)
def test_who_is_no_full_member_decides_nothing(world: World, kind: Kind) -> None:
    """Even where the configuration names them, and a Slack click is never the local operator's."""
    request = world.request()
    world.people.known[BEN] = Person(BEN, HOME, kind=kind)
    assert not world.click("request.approve", BEN, **world.ids(request)).allowed
    assert not world.click("request.deny", BEN, request=request, reason="no").allowed
    assert state(world, request) is RequestState.PENDING


def test_nothing_is_decided_from_another_team_or_in_a_channel_with_outsiders(world: World) -> None:
    request = world.request()
    assert not world.click("request.approve", BEN, team="T9", **world.ids(request)).allowed
    outside = {**world.ids(request), "channel": SHARED}
    assert "other companies" in world.click("request.approve", BEN, **outside).text
    assert world.ledger.requests()[0].votes == ()


def test_a_denial_has_a_reason_and_ends_it(world: World) -> None:
    request = world.request()
    assert not world.click("request.deny", CAT, request=request, reason="  ").allowed
    assert world.click("request.deny", CAT, request=request, reason="not today").allowed
    assert state(world, request) is RequestState.DENIED
    late = world.click("request.approve", BEN, **world.ids(request))
    assert "it is denied already" in late.text


def test_the_requester_or_an_admin_takes_it_back(world: World) -> None:
    request = world.request()
    assert not world.click("request.cancel", CAT, request=request).allowed
    assert world.click("request.cancel", ADA, request=request).allowed
    assert state(world, request) is RequestState.CANCELLED


def test_after_its_time_nothing_counts_any_more(world: World) -> None:
    request = world.request()
    world.now += timedelta(minutes=60)
    assert "its time has passed" in world.click("request.approve", BEN, **world.ids(request)).text


def test_a_broken_glass_is_told_to_everybody_and_reviewed_by_somebody_else(world: World) -> None:
    request = world.request()
    ids = world.ids(request)
    assert not world.click("break_glass", BEN, reason="outage", **ids).allowed
    assert not world.click("break_glass", EVE, reason=" ", **ids).allowed
    assert not world.click("break_glass", EVE, reason="outage", **{**ids, "typed": 1}).allowed
    assert world.click("break_glass", EVE, reason="outage", **ids).allowed
    assert state(world, request) is RequestState.APPROVED
    told = {one.channel for one in world.ledger.notices() if one.kind == "break_glass"}
    assert {QUIET, BEN, CAT, ADA} <= told
    for person in (ANA, EVE):
        assert not world.click("reviewed", person, request=request, note="fine").allowed
    assert world.click("reviewed", CAT, request=request, note="fine").allowed
    assert "reviewed already" in world.click("reviewed", BEN, request=request, note="me too").text


def test_a_click_is_taken_up_once(world: World) -> None:
    """Whoever is second gets no answer, and nothing happens again."""
    request = world.request()
    item = InboxItem("action/x", "request.approve", BEN, HOME, world.ids(request), world.now)
    assert world.ledger.put_inbox(item)
    assert not world.ledger.put_inbox(item)
    assert world.intake.take(item) is not None
    assert world.intake.take(item) is None
    assert len(world.ledger.requests()[0].votes) == 1


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("request.explode", {}),
        ("request.approve", {}),
        ("request.approve", {"request": "R-99", "digest": ""}),
        ("request.submit", {"proposal": {"environment": "prod"}}),
        ("request.submit", {"proposal": {**proposal().body(), "operation": "Reboot"}}),
        ("request.submit", {"proposal": {**proposal().body(), "max_errors": "lots"}}),
        ("request.submit", {"proposal": {**proposal().body(), "wave_size": 0}}),
        ("request.submit", {"proposal": {**proposal().body(), "environment": "mars"}}),
        ("run.cancel", {"run": "X-1"}),
        ("run.continue", {"run": "X-1", "wave": "x"}),
        ("reviewed", {"request": ["R-1"], "note": 3}),
    ],
)
def test_what_cannot_be_understood_is_refused_and_audited(
    world: World, kind: str, body: dict[str, Any]
) -> None:
    reply = world.click(kind, ANA, **body)
    assert not reply.allowed
    assert reply.text.startswith("That was not done: ")
    assert world.ledger.inbox() == ()
    assert world.kinds()[-1].endswith(".refused")


def test_a_ledger_that_cannot_be_changed_keeps_the_click(world: World, tmp_path: Path) -> None:
    """Nothing is answered as if it were done."""
    request = world.request()
    item = InboxItem("action/y", "request.approve", BEN, HOME, world.ids(request), world.now)
    assert world.ledger.put_inbox(item)
    world.ledger.close()
    with pytest.raises(StorageError):
        world.intake.take(item)
    world.ledger = World(tmp_path).ledger
    assert [one.key for one in world.ledger.inbox()] == ["action/y"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"reason": " "}, "needs a reason"),
        ({"ticket": "later"}, "the ticket is not of the form"),
        ({"not_before": fleet.NOW - timedelta(hours=1)}, "within the next"),
        ({"not_before": fleet.NOW + timedelta(days=15)}, "within the next"),
        ({"filter": replace(proposal().filter, owner="nobody")}, "there is nothing to do"),
        ({"environment": "mars"}, "There is no environment"),
    ],
)
def test_what_cannot_be_asked_for(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    world = World(tmp_path, rules=replace(RULES, ticket_pattern=r"[A-Z]+-\d+"))
    reply = world.submit(**changes)
    assert (reply.allowed, told in reply.text) == (False, True), reply.text
    assert world.ledger.requests() == ()
    world.close()


def test_only_requesters_ask_and_only_where_somebody_can_approve(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert "may not ask" in world.submit(CAT).text
    world.rules["prod"] = replace(RULES, approvers=Members())
    world.rebuild()
    assert "nobody is configured to approve" in world.submit().text
    world.rules["prod"] = replace(RULES, channel="", approval_channel="")
    world.rebuild()
    assert "no channel" in world.submit().text
    world.close()


def test_the_same_plan_waits_only_once(world: World) -> None:
    world.request()
    assert "waits already as R-1" in world.submit().text
    assert len(world.ledger.requests()) == 1


def test_a_frozen_environment_and_a_start_after_it(tmp_path: Path) -> None:
    """A scan changes nothing and may go on."""
    end = fleet.NOW + timedelta(days=2)
    freeze = Freeze((), fleet.NOW - timedelta(days=1), end, "holidays")
    world = World(tmp_path, rules=replace(RULES, freezes=(freeze,)))
    assert "frozen until 2026-11-25 14:05 UTC: holidays" in world.submit().text
    assert world.submit(not_before=end).allowed
    assert world.submit(operation=Operation.SCAN).allowed
    world.close()


def test_a_scan_needs_no_approval_unless_configured(tmp_path: Path) -> None:
    world = World(tmp_path)
    reply = world.submit(operation=Operation.SCAN, reason="", ticket="")
    assert "needs no approval" in reply.text
    assert world.ledger.requests()[0].state is RequestState.APPROVED
    world.rules["prod"] = replace(RULES, scan_approval=True)
    world.rebuild()
    narrowed = replace(proposal().filter, owner="web")
    assert "waits for approval" in world.submit(operation=Operation.SCAN, filter=narrowed).text
    world.close()


def test_whoever_saw_another_number_is_told(world: World) -> None:
    assert "You saw 7 nodes" in world.submit(seen=7).text


def test_more_nodes_than_a_plan_may_have(tmp_path: Path) -> None:
    world = World(tmp_path, observations=nodes(12), rules=replace(RULES, max_targets=11))
    assert "12 nodes are more than the 11" in world.submit().text
    world.close()


LOOSE = replace(
    RULES,
    approvers=Members(users=frozenset({ANA, BEN, CAT})),
    approvals=1,
    protected=False,
    count_confirmation_over=500,
)


def test_rules_that_were_tightened_since_count_at_the_click(tmp_path: Path) -> None:
    """Nobody approves alone in an environment that is protected by now; the card says what is needed now."""
    world = World(tmp_path, rules=LOOSE)
    request = world.request()
    world.rules["prod"] = replace(LOOSE, approvals=2, protected=True)
    world.rebuild()
    alone = world.click("request.approve", ANA, **world.ids(request))
    assert "somebody else must approve it" in alone.text
    first = world.click("request.approve", BEN, **world.ids(request))
    assert "1 more is needed" in first.text
    assert state(world, request) is RequestState.PENDING
    (row,) = world.installs.approvals().requests
    assert (row.approvals_needed, row.lacking, row.four_eyes) == (2, 1, True)
    notice = next(one for one in world.ledger.notices() if one.kind == "approval")
    card = draw(notice, world.ledger, world.now, rules=world.rules)
    assert "Needs 2 approvals, by different approvers of prod" in card.text
    assert "not by the requester. 1 given, 1 to come" in card.text
    assert "is approved" in world.click("request.approve", CAT, **world.ids(request)).text
    world.close()


def test_a_vote_of_the_requester_counts_no_more_once_four_eyes_are_asked_for(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, rules=replace(LOOSE, approvals=2))
    request = world.request()
    assert world.click("request.approve", ANA, **world.ids(request)).allowed
    world.rules["prod"] = replace(LOOSE, approvals=2, protected=True)
    world.rebuild()
    assert "1 more is needed" in world.click("request.approve", BEN, **world.ids(request)).text
    assert state(world, request) is RequestState.PENDING
    world.close()


def test_no_glass_is_broken_for_what_is_planned_for_later(world: World) -> None:
    request = world.request(not_before=world.now + timedelta(hours=2))
    reply = world.click("break_glass", EVE, reason="outage", **world.ids(request))
    assert (reply.allowed, "planned for later" in reply.text) == (False, True)
    assert state(world, request) is RequestState.PENDING
    notice = next(one for one in world.ledger.notices() if one.kind == "approval")
    card = draw(notice, world.ledger, world.now, rules=world.rules)
    assert "break_glass" not in str(card.blocks)


def test_a_plan_that_cannot_be_read_refuses_the_click_and_holds_nothing(tmp_path: Path) -> None:
    """Whoever clicked hears why, and those behind them are served."""
    world = World(tmp_path)
    request = world.request()
    ids = world.ids(request)
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as file:
        find = "SELECT sql FROM sqlite_schema WHERE name = 'plan_no_update'"
        (sql,) = file.execute(find).fetchone()
        file.execute("DROP TRIGGER plan_no_update")
        file.execute("UPDATE plan SET body = replace(body, 'prod-001', 'prod-999')")
        file.execute(sql)
    for kind in ("request.cancel", "request.approve", "request.deny"):
        reply = world.click(kind, BEN, **ids, reason="no")
        assert (reply.allowed, "is not what was sealed" in reply.text) == (False, True)
    assert world.ledger.inbox() == ()
    assert world.kinds(subject=f"request/{request}").count("request.refused") == 3
    world.ledger.close()
