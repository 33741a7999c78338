"""People, Slack, AWS and the configuration do anything in any order; what must hold holds at every send and at the end.

The oracle of four eyes is written from the rules and not from the code: it knows who clicked what, who people are at
this moment and what is configured at this moment.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bot.core.commands import Order
from bot.core.errors import SlackError
from bot.core.identity import Kind, Members
from bot.core.ledger import InboxItem, NoticeState
from bot.core.plans import Limits, Operation, RebootOption
from bot.core.requests import Rules, opened
from bot.core.rules import ChangeRules
from bot.services import noticing
from bot.services.decisions import Decisions
from bot.services.intake import Intake
from tests.worker.aws import DENIED, DROPPED, LOST, OK, THROTTLED
from tests.worker.site import ASKER, FIRST, RULES, SECOND, Site, a_plan, a_request

PEOPLE = (ASKER, FIRST, SECOND)
ALL = Members(users=frozenset(PEOPLE))
LOOSE = replace(RULES, approvers=ALL, approvals=1, protected=False, break_glass=ALL)
TIGHTER: dict[str, Callable[[ChangeRules], ChangeRules]] = {
    "protected": lambda rules: replace(rules, protected=True),
    "two approvals": lambda rules: replace(rules, approvals=2),
    "scans too": lambda rules: replace(rules, scan_approval=True),
    "no asker": lambda rules: replace(rules, approvers=Members(users=frozenset({FIRST, SECOND}))),
    "no glass": lambda rules: replace(rules, break_glass=Members()),
    "rehearsals": lambda rules: replace(rules, rehearsal=True),
    "as before": lambda _: LOOSE,
}
ENDS = {"request.approved", "request.denied", "request.expired", "request.cancelled"}
NODES = 6


@dataclass
class Asked:
    """What the oracle knows of a request."""

    operation: Operation
    ids: frozenset[str]
    rules: Rules
    votes: set[str] = field(default_factory=set)
    glass: str = ""


class Changes(RuleBasedStateMachine):
    """A site and everything that may happen to it."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.site = Site(Path(self._folder.name))
        self.site.rules["prod"] = LOOSE
        self.keys = self.site.aws.add(*range(1, NODES + 1))
        self.site.aws.on_accept = self._accepted
        self.asked: dict[str, Asked] = {}
        self.clicks = 0
        self.wrong: list[str] = []

    # What people do

    @precondition(lambda self: len(self.asked) < 4)
    @rule(
        first=st.integers(0, NODES - 1),
        number=st.integers(1, NODES),
        cut=st.integers(0, NODES),
        scan=st.booleans(),
    )
    def ask(self, first: int, number: int, cut: int, scan: bool) -> None:
        keys = (self.keys * 2)[first : first + number]
        plan = a_plan(
            self.site.aws,
            keys,
            operation=Operation.SCAN if scan else Operation.INSTALL,
            reboot_option=RebootOption.NO_REBOOT if scan else RebootOption.REBOOT_IF_NEEDED,
            waves=tuple(wave for wave in (keys[:cut], keys[cut:]) if wave),
            limits=Limits("100%", f"{len(self.asked) + 1}", 90),
            rehearsal=self.today.rehearsal,
        )
        rules = self.today.for_request(plan.operation)
        with self.site.ledger.change() as change:
            name = change.next_id("R")
            request = replace(a_request(name, plan, self.site.aws.now()), rules=rules)
            move = opened(request, plan)
            change.add_request(move.request, plan, move.entries)
        ids = frozenset(key.instance_id for key in keys)
        self.asked[name] = Asked(plan.operation, ids, rules)

    @precondition(lambda self: self.asked)
    @rule(who=st.sampled_from(PEOPLE), which=st.integers(0, 3))
    def approve(self, who: str, which: int) -> None:
        name = self._one(which)
        if self._click("request.approve", who, name):
            self.asked[name].votes.add(who)

    @precondition(lambda self: self.asked)
    @rule(who=st.sampled_from(PEOPLE), which=st.integers(0, 3))
    def break_glass(self, who: str, which: int) -> None:
        name = self._one(which)
        if self._click("break_glass", who, name):
            self.asked[name].glass = who
            self._tell_everybody()

    def _tell_everybody(self) -> None:
        """What the noticeboard does: nothing is sent before somebody has heard of a broken glass."""
        with self.site.ledger.change() as change:
            for notice in self.site.ledger.notices():
                if notice.kind == noticing.BREAK_GLASS:
                    change.move_notice(replace(notice, state=NoticeState.POSTED))

    @precondition(lambda self: self.asked)
    @rule(
        kind=st.sampled_from(["request.deny", "request.cancel", "run.cancel", "run.continue"]),
        who=st.sampled_from(PEOPLE),
        which=st.integers(0, 3),
        wave=st.integers(1, 2),
    )
    def decide(self, kind: str, who: str, which: int, wave: int) -> None:
        self._click(kind, who, self._one(which), wave=wave)

    # What the world does

    @rule(seconds=st.sampled_from([1, 1, 5, 20, 20, 100, 1000]), times=st.integers(1, 8))
    def tick(self, seconds: float, times: int) -> None:
        for _ in range(times):
            self.site.tick(seconds)

    @rule()
    def restart(self) -> None:
        self.site.restart()

    @rule(answers=st.lists(st.sampled_from([OK, LOST, DROPPED, THROTTLED, DENIED]), max_size=3))
    def aws_answers(self, answers: list[str]) -> None:
        self.site.aws.answers = list(answers)

    @rule(node=st.integers(0, NODES - 1), fails=st.booleans())
    def a_node_fails(self, node: int, fails: bool) -> None:
        name = self.keys[node].instance_id
        self.site.aws.endings[name] = ("Failed", 1) if fails else ("Success", 0)

    @rule(who=st.sampled_from(PEOPLE), kind=st.sampled_from([Kind.MEMBER, Kind.GUEST]))
    def somebody_becomes(self, who: str, kind: Kind) -> None:
        self.site.slack.kinds[who] = kind

    @rule(down=st.booleans())
    def slack_is(self, down: bool) -> None:
        self.site.slack.error = SlackError("Slack is away.") if down else None

    @rule(how=st.sampled_from(sorted(TIGHTER)))
    def the_configuration_is(self, how: str) -> None:
        self.site.rules["prod"] = TIGHTER[how](self.today)

    @rule(node=st.integers(0, NODES - 1))
    def a_node_is_never_a_target(self, node: int) -> None:
        never = frozenset({self.keys[node].instance_id})
        self.site.rules["prod"] = replace(self.today, never=never)

    # What must hold

    @invariant()
    def nothing_was_sent_that_must_not_be(self) -> None:
        assert self.wrong == []

    def _accepted(self, order: Order) -> None:
        """AWS takes a command. What is wrong is only noted: the worker would take an error for one of AWS."""
        _, run, name, _ = order.mark.split(":")
        asked = self.asked[f"R-{run.partition('-')[2]}"]
        marks = [one.order.mark for one in self.site.aws.accepted]
        intended = self.site.ledger.audit(kind="dispatch.intended", limit=1000)
        found = {
            "sent twice": order.mark in marks,
            "no intent": not any(order.mark in link.body for link in intended),
            "not of the sealed plan": not set(order.instance_ids) <= asked.ids,
            "never a target": bool(self.today.never & set(order.instance_ids)),
        }
        if name.startswith("run"):
            found |= {
                "another operation": order.operation is not asked.operation,
                "for rehearsals only": self.today.rehearsal,
                "nobody agreed to it": not self._may(asked),
            }
        self.wrong += [f"{order.mark}: {what}" for what, is_so in found.items() if is_so]

    def _may(self, asked: Asked) -> bool:
        """The rules in one place: enough people who are approvers by then and by now, the asker not among them."""
        rules = self.today

        def is_member(who: str) -> bool:
            return self.site.slack.kinds.get(who, Kind.MEMBER) is Kind.MEMBER

        if asked.glass:
            return is_member(asked.glass) and asked.glass in rules.break_glass.users
        free = asked.operation is Operation.SCAN and not rules.scan_approval
        needed = max(asked.rules.needed, 0 if free else rules.approvals)
        agreed = {
            who
            for who in asked.votes
            if is_member(who)
            and who in asked.rules.approvers.users
            and who in rules.approvers.users
            and not ((asked.rules.four_eyes or rules.protected) and who == ASKER)
        }
        return len(agreed) >= needed

    def teardown(self) -> None:
        """Everything comes to its end, each in one way, and the chain is whole."""
        try:
            self.site.slack.error = None
            for _ in range(300):
                if not self._under_way():
                    break
                self.site.tick(600)
            assert not self._under_way(), self._under_way()
            for name in self.asked:
                kinds = Counter(link.kind for link in self.site.links(f"request/{name}"))
                ends = sum(kinds[kind] for kind in ENDS) + kinds["request.glass_broken"]
                assert ends == 1, (name, kinds)
            for run in self.site.ledger.runs():
                assert self.site.ledger.receipt(run.id) is not None
            assert self.site.ledger.verify().sound
            assert self.wrong == []
        finally:
            self.site.ledger.close()
            self._folder.cleanup()

    def _under_way(self) -> list[str]:
        ledger = self.site.ledger
        requests = ledger.requests()
        waiting = [one.id for one in requests if one.is_open]
        runs = {run.request: run for run in ledger.runs()}
        waiting += [run.id for run in runs.values() if run.is_open]
        approved = [one.id for one in requests if one.state.value == "approved"]
        return waiting + [one for one in approved if one not in runs]

    # How it is done

    @property
    def today(self) -> ChangeRules:
        return self.site.rules["prod"]

    def _one(self, which: int) -> str:
        return list(self.asked)[which % len(self.asked)]

    def _click(self, kind: str, who: str, name: str, **more: Any) -> bool:
        """A click through the inbox; whether it was allowed."""
        ledger, clock = self.site.ledger, self.site.aws.now
        request = ledger.request(name)
        assert request is not None
        self.clicks += 1
        body = {
            "request": name,
            "run": f"X-{name.partition('-')[2]}",
            "digest": request.digest,
            "typed": len(self.asked[name].ids),
            "reason": "so it is",
            "channel": "",
            **more,
        }
        item = InboxItem(f"click/{self.clicks}", kind, who, "T1", body, clock())
        assert ledger.put_inbox(item)
        decisions = Decisions(ledger, self.site.rules, clock=clock)
        reply = Intake(ledger, self.site.slack, decisions.handlers(), clock=clock).take(item)
        assert reply is not None
        return reply.allowed


def _for(examples: int, steps: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        suppress_health_check=list(HealthCheck),
    )


def test_whatever_happens_in_whatever_order() -> None:
    run_state_machine_as_test(Changes, settings=_for(6, 25))


@pytest.mark.slow
def test_whatever_happens_in_whatever_order_for_longer() -> None:
    run_state_machine_as_test(Changes, settings=_for(300, 60))
