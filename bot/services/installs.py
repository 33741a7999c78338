"""What people look at about changes: a plan before it is asked for, what waits, what runs and what ran."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from bot.core.change_reports import (
    ApprovalsReport,
    ExcludedRow,
    LimitRow,
    PlanReport,
    RequestReport,
    RequestRow,
    ResultRow,
    RunReport,
    RunRow,
    RunsReport,
    SendRow,
    TargetRow,
    WindowRow,
)
from bot.core.errors import NotAllowed, NotFound, StorageError
from bot.core.ledger import Ledger, why_frozen
from bot.core.nodes import NodeKey
from bot.core.plans import Plan, PlannedNode
from bot.core.ports import Clock, Progress
from bot.core.proposals import Proposal
from bot.core.requests import Request
from bot.core.rules import ChangeRules
from bot.core.running import remnant
from bot.core.runs import RUN, NodeOutcome, NodeResult, Run, RunState
from bot.services.alert_standing import look_up
from bot.services.planning import planned
from bot.services.surveying import Draft, Surveyor

RUNS = 50
MEND = "After a restored backup: `patchbot ledger accept-restore`. Otherwise docs/operations.md says what to do."


class Installs:
    """The read side of changes. It only looks: what changes something goes through the inbox."""

    def __init__(self, ledger: Ledger | None, surveyor: Surveyor, *, clock: Clock) -> None:
        self._ledger = ledger
        self._surveyor = surveyor
        self._clock = clock

    def rules(self, environment: str) -> ChangeRules:
        """The rules for changes there. Raises NotFound."""
        return self._surveyor.rules(environment)

    def preview(
        self, proposal: Proposal, *, refresh: bool = False, progress: Progress | None = None
    ) -> PlanReport:
        """What `proposal` would become now. Raises what drafting raises."""
        if self._ledger is not None and (reason := why_frozen(self._ledger)):
            raise NotAllowed(f"Nothing can be changed now: {reason}.", hint=MEND)
        draft = self._surveyor.draft(proposal, refresh=refresh, progress=progress)
        report = plan_report(draft, self.rules(proposal.environment))
        seen_to = self._seen_to(proposal.alerts)
        return report.model_copy(update={"remarks": (*seen_to, *report.remarks)})

    def _seen_to(self, alert_ids: Iterable[str]) -> Iterator[str]:
        """Of the alerts from which somebody else has opened a request already: the button was older than that."""
        if self._ledger is not None:
            for alert_id in alert_ids:
                _, found = look_up(self._ledger, alert_id)
                if found.in_hand is not None:
                    name = found.in_hand.request.id
                    yield f"{name} was opened from {alert_id} already and is not over: `/patch run {name}`."

    def approvals(self) -> ApprovalsReport:
        """The open requests, the next to expire first, and what is approved and has not started."""
        ledger = self._open_ledger()
        waiting = sorted(ledger.requests(only_open=True), key=lambda one: (one.expires_at, one.id))
        now = self._clock()
        rows = tuple(
            request_row(one, _plan(ledger, one), self._rules(one.environment)) for one in waiting
        )
        held: dict[RunState, list[RunRow]] = {RunState.WAITING: [], RunState.PAUSED: []}
        for run in reversed(ledger.runs(only_open=True)):
            if run.state in held:
                held[run.state].append(run_report(ledger, run, now).run)
        return ApprovalsReport(
            as_of=now,
            total=len(rows),
            requests=rows,
            waiting=tuple(held[RunState.WAITING]),
            paused=tuple(held[RunState.PAUSED]),
            notices=_notices(ledger),
        )

    def runs(self, environment: str | None = None) -> RunsReport:
        """The latest runs, those under way included."""
        ledger = self._open_ledger()
        runs = ledger.runs(environment=environment or "")
        rows = tuple(run_report(ledger, run, self._clock()).run for run in runs[:RUNS])
        return RunsReport(
            as_of=self._clock(),
            environment=environment,
            total=len(runs),
            runs=rows,
            notices=_notices(ledger),
        )

    def run(self, run_id: str) -> RunReport | RequestReport:
        """One run by its id, or by that of its request; of a request that has no run, the request. Raises NotFound."""
        ledger = self._open_ledger()
        wanted = run_id.strip().upper()
        run = ledger.run(wanted)
        if run is None:
            run = next((one for one in ledger.runs() if one.request == wanted), None)
        if run is None and (request := ledger.request(wanted)) is not None:
            return request_report(ledger, request, self._clock())
        if run is None:
            raise NotFound(f"There is no run “{run_id}”.", hint="`/patch runs` lists them.")
        return run_report(ledger, run, self._clock())

    def _rules(self, environment: str) -> ChangeRules | None:
        try:
            return self.rules(environment)
        except NotFound:
            return None

    def _open_ledger(self) -> Ledger:
        if self._ledger is None:
            raise StorageError(
                "There is no ledger here yet.",
                hint="`patchbot serve` makes one when it first starts.",
            )
        return self._ledger


def plan_report(draft: Draft, rules: ChangeRules) -> PlanReport:
    """A draft as data."""
    proposal, preflight, plan = draft.proposal, draft.preflight, draft.plan
    chosen = plan.nodes if plan else tuple(planned(one, ()) for one in preflight.ready)
    needs = rules.for_request(proposal.operation)
    return PlanReport(
        environment=proposal.environment,
        as_of=draft.as_of,
        operation=proposal.operation,
        reboot_option=plan.reboot_option if plan else proposal.reboot_option,
        filters=_filters(proposal),
        patches=proposal.only_patches,
        matched=preflight.matched,
        nodes=tuple(_target(node) for node in chosen),
        excluded=tuple(
            ExcludedRow(
                **_place(one.judged.seen.node.key),
                name=one.judged.seen.node.name,
                obstacle=one.obstacle,
                why=one.why,
            )
            for one in preflight.excluded
        ),
        refusals=preflight.refusals,
        remarks=preflight.remarks,
        windows=tuple(
            WindowRow(place=one.place, name=one.name, start=one.start) for one in preflight.windows
        ),
        waves=tuple(len(wave) for wave in plan.waves) if plan else (),
        limits=LimitRow(
            max_concurrency=plan.limits.max_concurrency,
            max_errors=plan.limits.max_errors,
            success_percent=plan.limits.success_percent,
        )
        if plan
        else None,
        reboots=plan.reboots if plan else 0,
        document=f"{plan.document.name} version {plan.document.version}" if plan else "",
        digest=plan.digest if plan else "",
        code=plan.code if plan else "",
        rehearsal=rules.rehearsal,
        approvals_needed=needs.needed,
        four_eyes=needs.four_eyes,
        ticket_pattern=rules.ticket_pattern,
    )


def request_row(request: Request, plan: Plan, rules: ChangeRules | None = None) -> RequestRow:
    """A request with what its plan holds. While it is open it needs what `rules`, those of today, ask for if that is
    more than those it was made under.
    """
    today = rules.for_request(request.operation) if rules and request.is_open else None
    needs = request.rules.stricter(today)
    return RequestRow(
        id=request.id,
        state=request.state,
        environment=request.environment,
        operation=request.operation,
        reboot_option=plan.reboot_option,
        nodes=len(plan.nodes),
        reboots=plan.reboots,
        digest=request.digest,
        code=request.code,
        requester=request.requester,
        reason=request.reason,
        ticket=request.ticket,
        created_at=request.created_at,
        expires_at=request.expires_at,
        not_before=plan.not_before,
        approvals_needed=needs.needed,
        approved_by=tuple(vote.person for vote in request.approvals),
        lacking=request.lacking_by(today),
        four_eyes=needs.four_eyes,
        break_glass=request.break_glass,
        rehearsal=plan.rehearsal,
        ended_at=request.ended_at,
        ended_by=request.ended_by,
        ended_why=request.ended_why,
    )


def request_report(ledger: Ledger, request: Request, now: datetime) -> RequestReport:
    """A request without a run. Raises StorageError when its plan is not there."""
    plan = _plan(ledger, request)
    subject = f"request/{request.id}"
    links = ledger.audit(subject=subject, kind="request.left_out", limit=20)
    body: Mapping[str, Any] = next(
        (json.loads(one.body) for one in links if one.subject == subject), {}
    )
    return RequestReport(
        as_of=now,
        request=request_row(request, plan),
        nodes=tuple(_target(node) for node in plan.nodes),
        excluded=tuple(ExcludedRow(**one) for one in body.get("nodes", ())),
        left_out_more=int(body.get("more", 0)),
    )


def run_report(ledger: Ledger, run: Run, now: datetime) -> RunReport:
    """A run as the ledger has it. Raises StorageError when its request or plan is not there."""
    request = ledger.request(run.request)
    if request is None:
        raise StorageError(f"The request {run.request} of {run.id} is not in the ledger.")
    plan, unread = _plan_of(ledger, run, request)
    results = {one.key: one for one in ledger.results(run.id, RUN)}
    rows = tuple(_results(plan, results))
    counts = Counter(row.outcome for row in rows)
    row = RunRow(
        id=run.id,
        state=run.state,
        request=run.request,
        environment=run.environment,
        operation=plan.operation,
        nodes=len(plan.nodes),
        reboots=plan.reboots,
        reboot_option=plan.reboot_option,
        wave=run.wave,
        waves=len(plan.waves),
        outcomes={outcome: counts[outcome] for outcome in NodeOutcome if counts[outcome]},
        why=run.why if not unread or unread in run.why else f"{run.why}; {unread}".lstrip("; "),
        cancelled_by=run.cancelled_by,
        rehearsal=plan.rehearsal,
        created_at=run.created_at,
        started_at=run.started_at,
        ended_at=run.ended_at,
    )
    return RunReport(
        as_of=now,
        run=row,
        request=request_row(request, plan),
        deadline=run.deadline,
        results=rows,
        sends=tuple(_sends(ledger, run)),
        receipt=ledger.receipt(run.id),
    )


def _notices(ledger: Ledger) -> tuple[str, ...]:
    reason = why_frozen(ledger)
    return (f"Nothing can be changed now, and nothing goes on: {reason}. {MEND}",) if reason else ()


def _plan_of(ledger: Ledger, run: Run, request: Request) -> tuple[Plan, str]:
    """The plan of a run; where it cannot be read, what its sends tell of it, with the reason."""
    try:
        return _plan(ledger, request), ""
    except StorageError as error:
        left = remnant(request, ledger.dispatches(run.id))
        return replace(left, rehearsal=run.rehearsal), error.message.rstrip(".")


def _results(plan: Plan, results: Mapping[NodeKey, NodeResult]) -> list[ResultRow]:
    names = {node.key: node.name for node in plan.nodes}
    return [
        ResultRow(
            **_place(key),
            name=names[key],
            wave=number,
            outcome=found.outcome,
            reason=found.reason,
            back_online=found.back_online,
        )
        for number, wave in enumerate(plan.waves, start=1)
        for key in wave
        for found in (results.get(key, NodeResult(key, NodeOutcome.PENDING)),)
    ]


def _sends(ledger: Ledger, run: Run) -> list[SendRow]:
    return [
        SendRow(
            purpose=one.purpose,
            batch=one.batch.number,
            wave=one.batch.wave,
            account=one.batch.account,
            region=one.batch.region,
            nodes=len(one.sent_ids or one.batch.instance_ids),
            state=one.state,
            command_id=one.command_id,
            reason=one.reason,
        )
        for one in ledger.dispatches(run.id)
    ]


def _plan(ledger: Ledger, request: Request) -> Plan:
    plan = ledger.plan(request.digest)
    if plan is None:
        raise StorageError(f"The plan of {request.id} is not in the ledger.")
    return plan


def _filters(proposal: Proposal) -> dict[str, str]:
    names = ("state", "severity", "os", "owner", "group", "region", "account", "name")
    found = {name: value for name in names if (value := str(getattr(proposal.filter, name)))}
    if proposal.named:
        found.pop("state", "")
        return {"nodes": proposal.named, **found}
    return found


def _target(node: PlannedNode) -> TargetRow:
    return TargetRow(
        **_place(node.key),
        name=node.name,
        platform=node.platform,
        owner=node.owner,
        missing=node.missing,
        failed=node.failed,
        installed_pending_reboot=node.pending_reboot,
        critical_non_compliant=node.critical,
        security_non_compliant=node.security,
        patches=node.patches,
    )


def _place(key: NodeKey) -> dict[str, str]:
    return {"instance_id": key.instance_id, "account": key.account, "region": key.region}
