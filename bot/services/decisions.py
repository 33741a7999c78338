"""The decisions that people take: ask, approve, deny, cancel, break the glass, review, stop a run, let it go on.

Every one is checked against the request as it was made and against the rules of today: whoever lost a role since
then has lost it here, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.core import requests, steering
from bot.core.audit import Entry
from bot.core.identity import Decision, Person
from bot.core.ledger import Change, Ledger
from bot.core.plans import Operation, Plan
from bot.core.ports import Clock
from bot.core.requests import Move, Request, RequestState
from bot.core.rules import ChangeRules
from bot.core.running import run_id
from bot.core.runs import Run, RunState
from bot.core.wording import counted, listed
from bot.services import noticing
from bot.services.intake import Effect, Handler, Refusal, refused, write

REASON = 500


class Decisions:
    """The handlers of everything that is decided about a request or a run that exists."""

    def __init__(self, ledger: Ledger, rules: Mapping[str, ChangeRules], *, clock: Clock) -> None:
        self._ledger = ledger
        self._rules = dict(rules)
        self._clock = clock

    def handlers(self) -> dict[str, Handler]:
        """Each kind of inbox item with what takes it up."""
        return {
            "request.approve": self.approve,
            "request.deny": self.deny,
            "request.cancel": self.cancel,
            "break_glass": self.break_glass,
            "reviewed": self.reviewed,
            "run.cancel": self.stop_run,
            "run.continue": self.continue_run,
        }

    def objection(self, kind: str, request: Request, plan: Plan, person: Person) -> str:
        """Why `person` may not decide that about the request, as far as it shows before they fill in the form.

        `kind` is that of the inbox item; empty where nothing speaks against it.
        """
        body: dict[str, Any] = {
            "request": request.id,
            "digest": request.digest,
            "typed": len(plan.nodes),
        }
        for name in ("reason", "note"):
            body[name] = "not written yet"
        try:
            return self.handlers()[kind](person, body).why
        except Refusal as refusal:
            return refusal.reason

    def approve(self, person: Person, body: Mapping[str, Any]) -> Effect:
        """A vote for exactly the plan whose digest the person saw."""
        request, rules, plan = self._request(body)
        today = rules.for_request(request.operation)
        move = requests.approve(request, person, str(body["digest"]), self._clock(), today=today)
        if move.changed and (wrong := _wrong_count(body, plan, rules)):
            return _no(request, person, "approve", wrong)
        lacking = move.request.lacking_by(today)
        when = "as soon as nothing holds it" if plan.not_before is None else "at the time it names"
        text = (
            f"Your approval of {request.id} counts; {counted(lacking, 'more is', 'more are')} needed."
            if lacking
            else f"{request.id} is approved; its run starts {when}."
        )
        return self._moved(move, rules, text)

    def deny(self, person: Person, body: Mapping[str, Any]) -> Effect:
        """One denial ends the request."""
        request, rules, _ = self._request(body)
        move = requests.deny(request, person, _said(body, "reason"), self._clock())
        if move.changed and not rules.approvers.contains(person):
            return _no(
                request,
                person,
                "deny",
                f"you are not an approver of {request.environment} any more",
            )
        return self._moved(move, rules, f"{request.id} is denied.")

    def cancel(self, person: Person, body: Mapping[str, Any]) -> Effect:
        """The requester takes the request back; an admin may, too."""
        request, rules, _ = self._request(body)
        if request.state is RequestState.APPROVED:
            run = run_id(request.id)
            return _no(
                request, person, "cancel", f"it is approved already; stop its run {run} instead"
            )
        is_admin = rules.admins.contains(person)
        move = requests.cancel(request, person, self._clock(), is_admin=is_admin)
        return self._moved(move, rules, f"{request.id} is cancelled.")

    def break_glass(self, person: Person, body: Mapping[str, Any]) -> Effect:
        """Start without the approvals. Everybody is told, and it waits for a review."""
        request, rules, plan = self._request(body)
        if body.get("digest") != request.digest:
            return _no(
                request, person, "break_glass", "the plan has changed since you looked at it"
            )
        if plan.not_before is not None:
            return _no(
                request,
                person,
                "break_glass",
                "it is planned for later, and breaking the glass is for what cannot wait",
            )
        move = requests.break_glass(
            request, person, _said(body, "reason"), self._clock(), allowed=rules.break_glass
        )
        if move.changed and (wrong := _wrong_count(body, plan, rules)):
            return _no(request, person, "break_glass", wrong)
        text = f"{request.id} starts without approval. Everybody is told, and it will be reviewed."
        return self._moved(move, rules, text)

    def reviewed(self, person: Person, body: Mapping[str, Any]) -> Effect:
        """Somebody else looked at a broken glass afterwards."""
        request, rules, _ = self._request(body)
        subject = f"request/{request.id}"
        before = self._ledger.audit(subject=subject, kind="request.reviewed", limit=1)
        decision = Decision(True)
        if not request.break_glass:
            decision = Decision(False, "no glass was broken for it")
        elif not rules.approvers.contains(person):
            decision = Decision(False, f"only approvers of {request.environment} review it")
        elif person.id in {request.requester, request.ended_by}:
            decision = Decision(False, "somebody who had no part in it must review it")
        elif any(link.subject == subject for link in before):
            decision = Decision(False, "it is reviewed already")
        if not decision.allowed:
            return _no(request, person, "review", decision.reason)

        def apply(change: Change) -> str:
            note = {"note": _said(body, "note")}
            change.audit(Entry("request.reviewed", person.id, subject, note))
            noticing.show(change, noticing.about_broken_glass(request, rules))
            return f"Thank you: {request.id} is marked as reviewed."

        return Effect(apply)

    def stop_run(self, person: Person, body: Mapping[str, Any]) -> Effect:
        """Nothing more is sent, and our own commands are asked to stop."""
        run, request, rules, plan = self._run(body)
        move = steering.stop(run, person, requester=request.requester, allowed=rules.approvers)
        text = f"{run.id} is stopping: nothing more is sent. AWS is asked to cancel what it has"
        if run.state is RunState.WAITING:
            text = f"{run.id} is stopped: it had not started, nothing was sent, nothing changed on any node."
        elif plan.operation is Operation.SCAN:
            text = f"{text}; a scan changes nothing on a node."
        else:
            text = (
                f"{text}; a node in the middle may be left half patched. What was sent to is scanned afterwards, and"
                " the receipt says what it found."
            )
        return self._moved_run(move, request, rules, text)

    def continue_run(self, person: Person, body: Mapping[str, Any]) -> Effect:
        """Open the gate that the person saw closed, and no other."""
        run, request, rules, plan = self._run(body)
        four_eyes = request.rules.four_eyes or rules.protected
        move = steering.proceed(
            run,
            person,
            self._clock(),
            wave=int(body["wave"]),
            waves=len(plan.waves),
            allowed=rules.approvers,
            barred=request.requester if four_eyes else "",
        )
        return self._moved_run(move, request, rules, f"{run.id} goes on after wave {run.wave}.")

    def _request(self, body: Mapping[str, Any]) -> tuple[Request, ChangeRules, Plan]:
        """The request that is meant, the rules of today and the sealed plan. Raises Refusal."""
        request = self._ledger.request(str(body["request"]))
        if request is None:
            raise Refusal("there is no such request")
        plan = self._ledger.plan(request.digest)
        rules = self._rules.get(request.environment)
        subject = f"request/{request.id}"
        if rules is None:
            raise Refusal(f"{request.environment} is not configured any more", subject=subject)
        if plan is None or plan.digest != request.digest:
            raise Refusal("its sealed plan cannot be found", subject=subject)
        return request, rules, plan

    def _run(self, body: Mapping[str, Any]) -> tuple[Run, Request, ChangeRules, Plan]:
        run = self._ledger.run(str(body["run"]))
        if run is None:
            raise Refusal("there is no such run")
        return run, *self._request({"request": run.request})

    def _moved(self, move: Move, rules: ChangeRules, text: str) -> Effect:
        if not move.changed:
            return Effect(lambda change: _refused_move(change, move), why=move.decision.reason)

        def apply(change: Change) -> str:
            change.save_request(move.request, move.entries)
            noticing.show(change, noticing.about_request(move.request, rules))
            if move.request.break_glass:
                noticing.show(change, noticing.about_broken_glass(move.request, rules))
            return text

        return Effect(apply)

    def _moved_run(
        self, move: steering.Steered, request: Request, rules: ChangeRules, text: str
    ) -> Effect:
        def apply(change: Change) -> str:
            if not move.decision.allowed:
                write(change, move.entries)
                return refused(move.decision.reason)
            change.save_run(move.run, move.entries)
            noticing.show(change, noticing.about_run(move.run, request, rules))
            noticing.show(change, noticing.gates(self._ledger.notices(), move.run))
            return text

        return Effect(apply, why=move.decision.reason)


def _refused_move(change: Change, move: Move) -> str:
    write(change, move.entries)
    return refused(move.decision.reason)


def _no(request: Request, person: Person, tried: str, reason: str) -> Effect:
    body = {"tried": tried, "reason": reason, "state": request.state.value}
    entry = Entry("request.refused", person.id, f"request/{request.id}", body)

    def apply(change: Change) -> str:
        change.audit(entry)
        return refused(reason)

    return Effect(apply, why=reason)


def _wrong_count(body: Mapping[str, Any], plan: Plan, rules: ChangeRules) -> str:
    """Why what was typed does not fit the plan; empty when it does, or nothing need be typed."""
    if not rules.count_must_be_typed(len(plan.nodes)):
        return ""
    typed = body.get("typed")
    if typed == len(plan.nodes):
        return ""
    told = f"you typed {typed}" if isinstance(typed, int) else "the number of nodes was not typed"
    return listed([told, f"the plan has {counted(len(plan.nodes), 'node')}"])


def _said(body: Mapping[str, Any], name: str) -> str:
    return str(body.get(name) or "").strip()[:REASON]
