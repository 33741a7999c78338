"""Asking for a run: the proposal is read anew, checked, sealed and stored as a request, or refused with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from bot.core.audit import Entry
from bot.core.identity import Kind, Person
from bot.core.ledger import Change, Ledger
from bot.core.nodes import NodeKey
from bot.core.plans import Operation, Plan
from bot.core.ports import Clock
from bot.core.proposals import Proposal, proposal_from
from bot.core.receipts import again
from bot.core.requests import Request, RequestState, Rules, opened
from bot.core.rules import ChangeRules
from bot.core.running import BOT
from bot.core.runs import RUN, NodeOutcome
from bot.core.selection import EVERY_STATE, Filter
from bot.core.wording import counted, span
from bot.services import noticing
from bot.services.alert_log import REQUESTED, alerts_behind
from bot.services.intake import Effect, Handler, Refusal
from bot.services.preflight import Excluded
from bot.services.surveying import AHEAD, Surveyor

ITSELF: Final = Person(BOT, kind=Kind.BOT, name=BOT)
"""Who asks where an environment says `auto_request`. No payload of Slack's becomes this person."""

EYES: Final = 2
"""How many people look where none of them has asked."""

LEFT_OUT: Final = 200
"""Nodes that were left out and are listed in the audit; how many more there are is said."""


class _Ended(NamedTuple):
    account: str
    region: str
    instance_id: str
    outcome: NodeOutcome


class Asking:
    """The handlers of everything that makes a new request."""

    def __init__(self, ledger: Ledger, surveyor: Surveyor, *, clock: Clock) -> None:
        self._ledger = ledger
        self._surveyor = surveyor
        self._clock = clock

    def handlers(self) -> dict[str, Handler]:
        """Each kind of inbox item with what takes it up."""
        return {"request.submit": self.submit, "run.retry_failed": self.retry_failed}

    def submit(self, person: Person, body: Mapping[str, Any]) -> Effect:
        """A filled-in modal."""
        return self._ask(person, proposal_from(body["proposal"]))

    def retry_failed(self, person: Person, body: Mapping[str, Any]) -> Effect:
        """The nodes of an ended run that surely did not get what it was for, as a request of its own.

        Unknown ones are not retried.
        """
        run = self._ledger.run(str(body["run"]))
        if run is None:
            raise Refusal("there is no such run")
        subject = f"run/{run.id}"
        plan, before = self._ledger.plan(run.digest), self._ledger.request(run.request)
        if run.is_open:
            raise Refusal("the run is still under way", subject=subject)
        if plan is None or before is None:
            raise Refusal("its plan cannot be found", subject=subject)
        failed = self._failed(run.id)
        if not failed:
            raise Refusal(
                "no node of it surely failed, was left out or is known not to be clean, so there is nothing to retry",
                subject=subject,
            )
        proposal = Proposal(
            environment=plan.environment,
            operation=plan.operation,
            filter=Filter(state=EVERY_STATE),
            only_nodes=failed,
            named=",".join(alerts_behind(self._ledger, before.id)),
            only_patches=plan.only_patches,
            reboot_option=plan.reboot_option,
            reason=f"Again for {counted(len(failed), 'node')} of {run.id}: {before.reason}"[:500],
            ticket=before.ticket,
            seen=len(failed),
        )
        return self._ask(person, proposal)

    def _failed(self, run_id: str) -> tuple[NodeKey, ...]:
        ended = (_Ended(*one.key, one.outcome) for one in self._ledger.results(run_id, RUN))
        return tuple(sorted(again(ended, self._ledger.receipt(run_id))))

    def by_itself(self, proposal: Proposal) -> Effect:
        """What patchbot asks for where an environment says `auto_request`: a request that people approve, like any.

        Raises Refusal, and what reading AWS raises.
        """
        return self._ask(ITSELF, proposal)

    def _ask(self, person: Person, proposal: Proposal) -> Effect:
        subject = f"environment/{proposal.environment}"
        rules = self._surveyor.rules(proposal.environment)
        for reason in _objections(person, proposal, rules):
            raise Refusal(reason, subject=subject)
        now = self._clock()
        if proposal.not_before is not None and not now <= proposal.not_before <= now + AHEAD:
            raise Refusal(f"the start must be within the next {span(AHEAD)}", subject=subject)
        draft = self._surveyor.draft(proposal, refresh=True)
        if draft.plan is None:
            raise Refusal(" ".join(draft.preflight.refusals).rstrip("."), subject=subject)
        plan = draft.plan
        for open_request in self._ledger.requests(only_open=True):
            if open_request.digest == plan.digest:
                raise Refusal(f"the same plan waits already as {open_request.id}", subject=subject)
        left_out = draft.preflight.excluded
        return Effect(lambda change: self._store(change, person, proposal, plan, rules, left_out))

    def _store(
        self,
        change: Change,
        person: Person,
        proposal: Proposal,
        plan: Plan,
        rules: ChangeRules,
        left_out: Sequence[Excluded],
    ) -> str:
        now = self._clock()
        request = Request(
            id=change.next_id("R"),
            version=1,
            state=RequestState.PENDING,
            environment=plan.environment,
            operation=plan.operation,
            digest=plan.digest,
            requester=person.id,
            reason=proposal.reason.strip(),
            ticket=proposal.ticket.strip(),
            created_at=now,
            expires_at=now + rules.expires_after,
            rules=_needs(person, plan.operation, rules),
        )
        move = opened(request, plan)
        entries = [*move.entries, *_left_out(move.request, left_out)]
        change.add_request(move.request, plan, entries)
        noticing.show(change, noticing.about_request(move.request, rules))
        for alert_id in proposal.alerts:
            change.audit(Entry(REQUESTED, person.id, f"alert/{alert_id}", {"request": request.id}))
            noticing.show(change, noticing.about_alert(alert_id, rules))
        return _told(move.request, plan, proposal, rules)


def _objections(person: Person, proposal: Proposal, rules: ChangeRules) -> tuple[str, ...]:
    """What speaks against asking at all, before AWS is read."""
    needs = rules.for_request(proposal.operation)
    nobody = not needs.approvers.anybody
    install = proposal.operation is Operation.INSTALL
    itself = person is ITSELF
    may_ask = rules.auto_request if itself else rules.requesters.contains(person)
    found = (
        (not may_ask, f"you may not ask for changes in {rules.environment}"),
        (itself and needs.needed < 1, "what patchbot asks for itself is never without approval"),
        (needs.needed > 0 and nobody, f"nobody is configured to approve in {rules.environment}"),
        (needs.needed > 0 and not rules.asks_in, f"no channel is configured for approvals in {rules.environment}"),
        (install and not proposal.reason.strip(), "an Install needs a reason"),
        (install and not rules.ticket_is_fine(proposal.ticket.strip()), "the ticket is not of the form asked for"),
    )  # fmt: skip
    return tuple(reason for wrong, reason in found if wrong)


def _needs(person: Person, operation: Operation, rules: ChangeRules) -> Rules:
    """What the request needs. Nobody is left out of the approvers of what patchbot asks for itself: so that four eyes
    are not two, it needs two of them.
    """
    needs = rules.for_request(operation)
    if person is ITSELF and needs.four_eyes:
        return replace(needs, needed=max(needs.needed, EYES))
    return needs


def _left_out(request: Request, left_out: Sequence[Excluded]) -> list[Entry]:
    """Which nodes were asked for and are not in the plan, and why: approvers can look at it."""
    if not left_out:
        return []
    nodes = [
        {
            **one.judged.seen.node.key._asdict(),
            "name": one.judged.seen.node.name,
            "obstacle": one.obstacle.value,
            "why": one.why,
        }
        for one in left_out[:LEFT_OUT]
    ]
    body = {"nodes": nodes, "more": len(left_out) - len(nodes)}
    return [Entry("request.left_out", request.requester, f"request/{request.id}", body)]


def _told(request: Request, plan: Plan, proposal: Proposal, rules: ChangeRules) -> str:
    """What the requester reads: with a word when the fleet changed while the modal was open."""
    nodes = f"{counted(len(plan.nodes), 'node')} of {plan.environment}"
    drift = ""
    if proposal.seen is not None and proposal.seen != len(plan.nodes):
        drift = f" You saw {counted(proposal.seen, 'node')}; the fleet has changed meanwhile."
    what = f"the {plan.operation.value} of {nodes}"
    if plan.rehearsal:
        what, drift = f"the rehearsal of {what}", f"{drift} Nothing is sent to AWS."
    if request.state is RequestState.APPROVED:
        return f"{request.id}: {what} needs no approval and starts soon.{drift}"
    where = "the channel for approvals" if rules.approval_channel else "the channel of its runs"
    return (
        f"{request.id} ({request.code}): {what} waits for approval in {where}, for at most"
        f" {span(rules.expires_after)}.{drift}"
    )
