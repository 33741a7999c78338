"""Requests and runs in every state, in a real ledger, and the desk that shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from bot.chatops.context import Services
from bot.chatops.desk import Desk
from bot.chatops.registry import Registry
from bot.core.identity import AccessPolicy, Members
from bot.core.ledger import Notice
from bot.core.nodes import Observation, PatchState
from bot.core.receipts import Rescan, receipt
from bot.core.rules import ChangeRules
from bot.core.running import about_run, moved, planned
from bot.core.runs import NodeOutcome, NodeResult, Run, RunState
from bot.services import noticing
from bot.services.doctor import Doctor
from tests.services.changes import BEN, CAT, RULES, World

FAILURES = (
    (NodeOutcome.FAILED, "it failed with exit code 1: “Error: rpmdb is locked”", None),
    (NodeOutcome.SUCCESS, "", False),
    (NodeOutcome.TIMED_OUT, "it took longer than the document allows", None),
)


class Stage(World):
    """The world with a run that can be put into any state."""

    def __init__(
        self,
        folder: Path,
        *,
        rules: ChangeRules = RULES,
        observations: Sequence[Observation] = (),
        **more: Any,
    ) -> None:
        super().__init__(folder, rules=rules, observations=observations, **more)
        access = AccessPolicy(requesters=Members(everyone=True))
        services = Services(
            self.compliance, access, Doctor(list), Registry("commands"), self.installs
        )
        self.desk = Desk(services, clock=self.clock)

    def approved(self, **changes: Any) -> str:
        """A request with both approvals."""
        request = self.request(**changes)
        for person in (BEN, CAT):
            self.click("request.approve", person, **self.ids(request))
        return request

    def start(self, request_id: str) -> Run:
        """Its run in its first wave, as the worker makes it."""
        run = self.waiting(request_id)
        return self.move(run, RunState.RUNNING, started_at=self.now)

    def waiting(self, request_id: str) -> Run:
        """Its run, before it starts."""
        request, plan = self._sealed(request_id)
        run = planned(request, plan, self.now, limit=timedelta(hours=4))
        with self.ledger.change() as change:
            change.add_run(run, [], [about_run(run, "planned", {})])
        return run

    def move(self, run: Run, state: RunState, *, why: str = "", **changes: Any) -> Run:
        """The run one move on."""
        after = moved(run, state, self.now, why=why, **changes)
        with self.ledger.change() as change:
            change.save_run(after, [about_run(after, state.value, {})])
        return after

    def result(self, run: Run, outcomes: Sequence[tuple[NodeOutcome, str, bool | None]]) -> None:
        """Results of the first nodes in the order of the waves."""
        _, plan = self._sealed(run.request)
        keys = [key for wave in plan.waves for key in wave]
        results = [
            NodeResult(key, outcome, reason, back)
            for key, (outcome, reason, back) in zip(keys, outcomes, strict=False)
        ]
        with self.ledger.change() as change:
            change.save_results(run.id, "run", results)

    def finish(self, run: Run, state: RunState, *, clean: int, why: str = "") -> Run:
        """The end of the run with its receipt: the first `clean` nodes have nothing left to install."""
        request, plan = self._sealed(run.request)
        self.now += timedelta(minutes=42)
        rescans = {
            node.key: Rescan(
                PatchState(node.key.instance_id, missing=0 if index < clean else node.missing)
            )
            for index, node in enumerate(plan.nodes)
        }
        results = {one.key: one for one in self.ledger.results(run.id, "run")}
        ended = moved(run, state, self.now, why=why)
        body = receipt(ended, request, plan, dispatches=(), results=results, rescans=rescans)
        with self.ledger.change() as change:
            change.save_run(ended, [about_run(ended, state.value, {})])
            change.save_receipt(run.id, body, [about_run(ended, "receipt_written", {})])
        return ended

    def notice(self, kind: str, subject: str) -> Notice:
        return Notice(f"{kind}/{subject}", kind, subject, "C0000OPS1")

    def every_notice(self) -> Mapping[str, Notice]:
        """Each kind there is about the first request and its run."""
        about = dict.fromkeys((noticing.APPROVAL, noticing.REQUESTER, noticing.REMINDER), "R-1")
        if (request := self.ledger.request("R-1")) and request.break_glass:
            about[noticing.BREAK_GLASS] = "R-1"
        if self.ledger.run("X-1") is not None:
            about |= {noticing.RUN: "X-1", noticing.GATE: "X-1/1", noticing.RECEIPT: "X-1"}
        return {kind: self.notice(kind, subject) for kind, subject in about.items()}

    def _sealed(self, request_id: str) -> Any:
        request = self.ledger.request(request_id)
        assert request is not None
        return request, self.ledger.plan(request.digest)


def rehearsing() -> ChangeRules:
    return replace(RULES, rehearsal=True)
