"""Rules that were tightened after the request count at the start and at every send, whatever was asked under."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.chatops.notices import draw
from bot.core.errors import SlackError
from bot.core.identity import Kind, Members, Person
from bot.core.ledger import Notice, NoticeState
from bot.core.plans import Operation, Plan
from bot.core.requests import Request, Rules, approve, break_glass, opened
from bot.core.rules import ChangeRules
from bot.core.runs import RunState
from bot.services import noticing
from tests.worker.site import APPROVERS, ASKER, FIRST, RULES, SECOND, Site, a_plan, a_request

LOOSE = Members(users=frozenset({ASKER, FIRST, SECOND}))


def asked(site: Site, plan: Plan, rules: Rules) -> Request:
    """A request of ASKER that was made under those rules."""
    with site.ledger.change() as change:
        request = replace(a_request(change.next_id("R"), plan, site.aws.now()), rules=rules)
        move = opened(request, plan)
        change.add_request(move.request, plan, move.entries)
    return move.request


def alone(site: Site, plan: Plan) -> None:
    """ASKER approves their own request, as an unprotected environment with one approval allows."""
    request = asked(site, plan, Rules(LOOSE, 1, four_eyes=False))
    move = approve(request, Person(ASKER), request.digest, site.aws.now())
    assert move.changed
    with site.ledger.change() as change:
        change.save_request(move.request, move.entries)


def glass(site: Site, plan: Plan) -> None:
    """ASKER breaks the glass."""
    request = asked(site, plan, Rules(APPROVERS, 2, four_eyes=True))
    members = Members(users=frozenset({ASKER}))
    move = break_glass(request, Person(ASKER), "outage", site.aws.now(), allowed=members)
    assert move.changed
    with site.ledger.change() as change:
        change.save_request(move.request, move.entries)


TIGHTER: dict[str, tuple[ChangeRules, str]] = {
    "protected": (replace(RULES, approvers=LOOSE, approvals=1), "0 of 1 approvals"),
    "two approvals": (
        replace(RULES, approvers=LOOSE, protected=False),
        "1 of 2 approvals still count: the rules are stricter now",
    ),
    "other approvers": (
        replace(RULES, approvers=Members(users=frozenset({FIRST})), approvals=1, protected=False),
        "0 of 1 approvals still count: an approver lost the role",
    ),
    "rehearsals only": (
        replace(RULES, approvers=LOOSE, approvals=1, protected=False, rehearsal=True),
        "for rehearsals only",
    ),
    "smaller": (
        replace(RULES, approvers=LOOSE, approvals=1, protected=False, max_targets=1),
        "allows 1 nodes in a plan by now",
    ),
}


@pytest.mark.parametrize("name", TIGHTER)
def test_an_approval_that_would_not_do_today_starts_nothing(site: Site, name: str) -> None:
    alone(site, a_plan(site.aws, site.aws.add(1, 2)))
    site.rules["prod"], why = TIGHTER[name]
    run = site.finish()
    assert (run.state, why in run.why) == (RunState.ABANDONED, True), run.why
    assert site.aws.attempts == []


@pytest.mark.parametrize("name", TIGHTER)
def test_nor_does_it_go_on_after_the_first_wave(site: Site, name: str) -> None:
    site.rules["prod"] = replace(RULES, approvers=LOOSE, approvals=1, protected=False)
    alone(site, a_plan(site.aws, site.aws.add(1, 2)))
    site.until(lambda: len(site.aws.accepted) == 1)
    site.rules["prod"], why = TIGHTER[name]
    run = site.finish()
    assert (run.state, why in run.why) == (RunState.PARTIAL, True), run.why
    installs = [one for one in site.aws.attempts if one.operation is Operation.INSTALL]
    assert len(installs) == 1


def test_a_scan_that_needed_no_approval_needs_one_where_scans_do_by_now(site: Site) -> None:
    site.ask(a_plan(site.aws, site.aws.add(1), operation=Operation.SCAN), needed=0)
    site.rules["prod"] = replace(RULES, scan_approval=True)
    run = site.finish()
    assert "0 of 2 approvals" in run.why
    assert site.aws.attempts == []


def test_an_approval_under_stricter_rules_than_those_of_today_keeps_them(site: Site) -> None:
    """Looser rules of today lower nothing."""
    name = site.approved(a_plan(site.aws, site.aws.add(1)))
    site.rules["prod"] = replace(RULES, approvals=1, protected=False)
    site.slack.kinds[SECOND] = Kind.DEACTIVATED
    assert "1 of 2 approvals" in site.finish(name).why
    assert site.aws.attempts == []


def _deactivated(site: Site) -> None:
    site.slack.kinds[ASKER] = Kind.DEACTIVATED


def _guest(site: Site) -> None:
    site.slack.kinds[ASKER] = Kind.GUEST


def _unnamed(site: Site) -> None:
    site.rules["prod"] = RULES


@pytest.mark.parametrize("lost", [_deactivated, _guest, _unnamed])
@pytest.mark.parametrize("sent", [0, 1])
def test_whoever_broke_the_glass_must_still_be_allowed_to(
    site: Site, lost: Callable[[Site], None], sent: int
) -> None:
    site.rules["prod"] = replace(RULES, break_glass=Members(users=frozenset({ASKER})))
    glass(site, a_plan(site.aws, site.aws.add(1, 2)))
    site.until(lambda: len(site.aws.accepted) == sent)
    lost(site)
    run = site.finish()
    assert "whoever broke the glass" in run.why
    installs = [one for one in site.aws.attempts if one.operation is Operation.INSTALL]
    assert len(installs) == sent


def test_a_broken_glass_runs_while_they_may_and_waits_while_nobody_can_tell(site: Site) -> None:
    site.rules["prod"] = replace(RULES, break_glass=Members(users=frozenset({ASKER})))
    glass(site, a_plan(site.aws, site.aws.add(1)))
    site.slack.error = SlackError("Slack does not answer.")
    for _ in range(30):
        site.tick(5)
    assert site.aws.attempts == []
    site.slack.error = None
    assert site.finish().state is RunState.VERIFIED


def test_after_a_broken_glass_nothing_is_sent_before_somebody_was_told(site: Site) -> None:
    """Where nobody can be told for as long as the approval lasts, nothing is sent at all."""
    site.rules["prod"] = replace(RULES, break_glass=Members(users=frozenset({ASKER})))
    glass(site, a_plan(site.aws, site.aws.add(1)))
    notice = Notice("break_glass/R-1/C0OPS", noticing.BREAK_GLASS, "R-1", "C0OPS")
    with site.ledger.change() as change:
        change.show(notice)
    for _ in range(30):
        site.tick(5)
    assert site.aws.attempts == []
    assert "nobody could be told" in site.run().why
    posted(site, notice)
    assert site.finish().state is RunState.VERIFIED


def posted(site: Site, notice: Notice, **changes: Any) -> None:
    """The message is there."""
    with site.ledger.change() as change:
        change.show(notice)
        change.move_notice(replace(notice, **{"state": NoticeState.POSTED, "ts": "1.1", **changes}))


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("S0APPROVE", {"ts": ""}),
        ("C0OPS", {"channel": "D1", "reason": "instead of C0OPS (is_archived)"}),
        (ASKER, {"channel": "D1"}),
    ],
    ids=["to a group whose members have nothing yet", "in place of a channel", "to themselves"],
)
def test_whoever_broke_the_glass_is_not_who_was_to_hear_of_it(
    site: Site, place: str, message: dict[str, Any]
) -> None:
    site.rules["prod"] = replace(RULES, break_glass=Members(users=frozenset({ASKER})))
    glass(site, a_plan(site.aws, site.aws.add(1)))
    posted(site, Notice(f"break_glass/R-1/{place}", noticing.BREAK_GLASS, "R-1", place), **message)
    for _ in range(5):
        site.tick(5)
    assert site.aws.attempts == []
    assert "nobody could be told" in site.run().why
    member = Notice("break_glass/R-1/S0APPROVE/UFIRST", noticing.BREAK_GLASS, "R-1", FIRST)
    posted(site, member)
    site.until(lambda: len(site.aws.accepted) == 1)


def test_who_was_told_of_a_broken_glass_stays_told(site: Site) -> None:
    """The channel is archived after the first wave: that holds up no second one."""
    site.rules["prod"] = replace(RULES, break_glass=Members(users=frozenset({ASKER})))
    glass(site, a_plan(site.aws, site.aws.add(1, 2)))
    notice = Notice("break_glass/R-1/C0OPS", noticing.BREAK_GLASS, "R-1", "C0OPS")
    posted(site, notice)
    site.until(lambda: len(site.aws.accepted) == 1)
    posted(site, notice, state=NoticeState.LOST, reason="is_archived")
    assert site.finish().state is RunState.VERIFIED


@pytest.mark.parametrize("sent", [0, 1])
def test_an_environment_that_left_the_configuration_ends_the_run_with_the_reason(
    site: Site, sent: int
) -> None:
    """Its time limit ends what can be verified no more."""
    site.approved(a_plan(site.aws, site.aws.add(1, 2)))
    site.until(lambda: len(site.aws.accepted) == sent)
    del site.rules["prod"]
    run = site.finish(seconds=120)
    assert run.state is (RunState.LOST_TRACK if sent else RunState.ABANDONED)
    dropped = site.ledger.audit(kind="dispatch.dropped")
    assert all("not configured any more" in link.body for link in dropped)
    assert len(dropped) == 2 - sent
    assert len(site.aws.attempts) == sent


def test_what_ends_in_an_environment_that_left_the_configuration_is_told_all_the_same(
    site: Site,
) -> None:
    """The live card and the card with the Approve button are drawn anew, and there is a receipt."""
    site.approved(a_plan(site.aws, site.aws.add(1, 2)))
    waiting = site.ask(a_plan(site.aws, site.aws.add(3)))
    with site.ledger.change() as change:
        noticing.show(change, noticing.about_request(waiting, RULES))
    site.until(lambda: len(site.aws.accepted) == 1)
    before = {one.key: one for one in site.ledger.notices()}
    del site.rules["prod"]
    site.finish(seconds=120)
    site.until(lambda: not site.request(waiting.id).is_open, seconds=120)
    after = {one.key: one for one in site.ledger.notices()}
    for key in ("run/X-1", f"approval/{waiting.id}", f"requester/{waiting.id}"):
        assert after[key].wanted > before[key].wanted
        assert after[key].channel == before[key].channel
    assert after["receipt/X-1"].thread_of == "run/X-1"
    for one in after.values():
        assert draw(one, site.ledger, site.aws.now(), rules=site.rules).text


def test_a_node_that_is_never_a_target_by_now_is_left_out_and_named(site: Site) -> None:
    """One of six; at the next send."""
    keys = site.aws.add(*range(1, 7))
    site.approved(a_plan(site.aws, keys))
    site.until(lambda: len(site.aws.accepted) == 1)
    bot = keys[3].instance_id
    site.rules["prod"] = replace(RULES, never=frozenset({bot}))
    assert site.finish().state is RunState.PARTIAL
    assert all(bot not in one.instance_ids for one in site.aws.attempts)
    results = {one.key.instance_id: one for one in site.ledger.results("X-1", "run")}
    assert "never a target" in results[bot].reason


def test_a_plan_whose_only_node_is_never_a_target_by_now_is_void(site: Site) -> None:
    keys = site.aws.add(1)
    site.approved(a_plan(site.aws, keys))
    site.rules["prod"] = replace(RULES, never=frozenset({keys[0].instance_id}))
    assert site.finish().state is RunState.ABANDONED
    assert site.aws.attempts == []


def test_whether_it_is_a_rehearsal_is_what_the_sealed_plan_says(site: Site) -> None:
    """A flipped column of the run sends nothing."""
    plan = a_plan(site.aws, site.aws.add(1), rehearsal=True)
    site.approved(replace(plan, not_before=site.aws.now() + timedelta(minutes=5)))
    site.until(lambda: site.ledger.run("X-1") is not None)
    with closing(sqlite3.connect(site.directory / "ledger.db", isolation_level=None)) as file:
        find = "SELECT name, sql FROM sqlite_schema WHERE name IN ('run_frozen', 'run_next')"
        triggers = file.execute(find).fetchall()
        for name, _ in triggers:
            file.execute(f"DROP TRIGGER {name}")
        file.execute("UPDATE run SET rehearsal = 0")
        for _, sql in triggers:
            file.execute(sql)
    for _ in range(60):
        site.tick(10)
    assert site.aws.attempts == []
    assert site.kinds().count("dispatch.rehearsed") == 1
