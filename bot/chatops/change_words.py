"""Changes in words: what a plan does, where a request or run stands: the same in cards, modals and terminals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from bot.core.change_reports import LimitRow, PlanReport, RequestRow, ResultRow, RunRow, SendRow
from bot.core.plans import Limits, Operation, PlannedNode, RebootOption
from bot.core.receipts import UNPROVEN
from bot.core.requests import Request, RequestState
from bot.core.running import BOT
from bot.core.runs import RUN_ENDS, VERIFY, NodeOutcome, Run, RunState
from bot.core.wording import counted, listed

PATCHES_SHOWN: Final = 5
NODES_SHOWN: Final = 3
RUN_STATES: Final = {
    RunState.WAITING: "waiting to start",
    RunState.RUNNING: "running",
    RunState.PAUSED: "paused, a person decides",
    RunState.CANCELLING: "stopping",
    RunState.VERIFYING: "verifying by a scan",
    RunState.VERIFIED: "verified",
    RunState.PARTIAL: "ended in part",
    RunState.FAILED: "failed",
    RunState.CANCELLED: "stopped",
    RunState.ABANDONED: "abandoned, nothing was sent",
    RunState.LOST_TRACK: "out of time, with nodes unaccounted for",
}
UNTOUCHED: Final = "Nothing was sent, nothing changed on any node"
_NOT_SENT: Final = frozenset({NodeOutcome.PENDING, NodeOutcome.SKIPPED})
_ENDED_EARLY: Final = frozenset({RunState.CANCELLED, RunState.ABANDONED})
OUTCOMES: Final = {
    NodeOutcome.SUCCESS: "succeeded",
    NodeOutcome.RUNNING: "at work",
    NodeOutcome.PENDING: "to come",
    NodeOutcome.FAILED: "failed",
    NodeOutcome.TIMED_OUT: "timed out",
    NodeOutcome.UNDELIVERABLE: "not reached",
    NodeOutcome.CANCELLED: "cancelled",
    NodeOutcome.SKIPPED: "skipped",
    NodeOutcome.UNKNOWN: "unknown",
}


def outcome(row: ResultRow) -> str:
    """What became of a node: how its command ended, and why, where that is known."""
    words = OUTCOMES[row.outcome]
    if row.back_online is False:
        words = "not back after its reboot"
    if row.reason.startswith(f"it {words} "):
        return row.reason.removeprefix("it ")
    return f"{words}: {row.reason}" if row.reason else words


def send(row: SendRow, run: RunRow) -> str:
    """What a send is for, and its number: "Install, send 1"."""
    what = "Verifying scan" if row.purpose == VERIFY else run.operation.value
    return f"{what}, send {row.batch}"


def run_state(row: RunRow | Run) -> str:
    """Where a run stands. A rehearsal sends nothing, and that is how it should end."""
    if is_rehearsed(row):
        return "done, nothing was sent"
    if row.state is RunState.PARTIAL and UNPROVEN in row.why:
        return "ended, not verified"
    return RUN_STATES.get(row.state, row.state.value.replace("_", " "))


def request_state(request: Request, run: Run | None) -> str:
    """Where a request stands, or its run once it has one: "waits for approval", "is denied"."""
    if run is None:
        if request.state is RequestState.PENDING:
            return "waits for approval"
        return f"is {request.state.value}"
    if run.state is RunState.WAITING:
        return "is approved and waits to start"
    if run.is_open:
        return f"is approved, and its run {run.id} is under way"
    return f"has had its run {run.id}: {run_state(run)}"


def what(operation: Operation, nodes: int, environment: str, *, rehearsal: bool) -> str:
    """ "Install on 48 nodes of prod", with a mark in front when nothing will really be sent."""
    told = f"{operation.value} on {counted(nodes, 'node')} of {environment}"
    if not nodes:
        told = f"{operation.value} in {environment}"
    return f"Rehearsal: {told}" if rehearsal else told


def reboots(number: int, operation: Operation, option: RebootOption) -> str:
    """Whether and how many nodes reboot."""
    if operation is Operation.SCAN:
        return "none, a scan changes nothing"
    if option is RebootOption.NO_REBOOT:
        return "none (NoReboot): some patches count only after a reboot"
    return f"up to {number:,} (RebootIfNeeded)"


def of_request(row: RequestRow) -> str:
    """What a request is for."""
    return what(row.operation, row.nodes, row.environment, rehearsal=row.rehearsal)


def of_run(row: RunRow) -> str:
    """What a run does."""
    return what(row.operation, row.nodes, row.environment, rehearsal=row.rehearsal)


def waves(sizes: Sequence[int], operation: Operation) -> str:
    """ "1 node first (canary), then 3 waves of up to 10 nodes"; of an Install that has no canary, that it has none."""
    if has_canary(sizes):
        rest = sizes[1:]
        first = f"{counted(sizes[0], 'node')} first (canary)"
        return f"{first}, then {counted(len(rest), 'wave')} of up to {counted(max(rest), 'node')}"
    told = f"one wave of {counted(sum(sizes), 'node')}"
    if len(sizes) > 1:
        told = f"{counted(len(sizes), 'wave')} of up to {counted(max(sizes), 'node')}"
    return f"{told}, no canary" if operation is Operation.INSTALL and sum(sizes) > 1 else told


def has_canary(sizes: Sequence[int]) -> bool:
    """Whether the first wave is there to try it out: smaller than those after it, or a single node."""
    return len(sizes) > 1 and (sizes[0] == 1 or sizes[0] < max(sizes[1:]))


def lacking(row: RequestRow) -> str:
    """Which rule still lacks how many votes."""
    whose = "" if row.requester == BOT else _whose(row.approvals_needed, four_eyes=row.four_eyes)
    told = needs(row.environment, row.approvals_needed)
    return f"{told}{whose}. {len(row.approved_by)} given, {row.lacking} to come."


def needs(environment: str, number: int) -> str:
    """How many approvals, and by whom."""
    if number == 1:
        return f"Needs 1 approval, by an approver of {environment}"
    return f"Needs {number} approvals, by different approvers of {environment}"


def needs_of_plan(report: PlanReport) -> str:
    """The same before it is asked for, and what follows."""
    after = "This is a rehearsal: nothing is sent to AWS." if report.rehearsal else ""
    if not report.approvals_needed:
        return f"Needs no approval. {after or 'It is sent as soon as it is asked for.'}"
    whose = _whose(report.approvals_needed, four_eyes=report.four_eyes)
    told = f"{needs(report.environment, report.approvals_needed)}{whose}"
    return f"{told}. {after or 'Nothing is sent before.'}"


def _whose(number: int, *, four_eyes: bool) -> str:
    """Whether the requester counts among the approvers."""
    if four_eyes:
        return "; not by the requester"
    return f"; a requester who is an approver may give {'it' if number == 1 else 'one'}"


def worst_patches(nodes: Sequence[PlannedNode]) -> str:
    """The patches that most nodes of a plan lack, or its only node; empty where they were not read."""
    single = len(nodes) == 1
    tally = Counter(patch for node in nodes for patch in node.patches)
    if not tally:
        return ""
    ranked = sorted(tally.items(), key=lambda pair: (-pair[1], pair[0]))
    shown = [
        name if single else f"{name} ({counted(number, 'node')})"
        for name, number in ranked[:PATCHES_SHOWN]
    ]
    more = [f"{len(ranked) - PATCHES_SHOWN:,} more"] if len(ranked) > PATCHES_SHOWN else []
    return listed([*shown, *more])


def severity(nodes: Sequence[PlannedNode]) -> str:
    """How bad it is, in the baseline's words."""
    critical = sum(node.critical > 0 for node in nodes)
    security = sum(node.security > 0 for node in nodes)
    missing = sum(node.missing + node.failed for node in nodes)
    only_wait = sum(node.pending_reboot > 0 and not node.missing + node.failed for node in nodes)
    parts = [
        f"{counted(missing, 'patch', 'patches')} missing or failed on"
        f" {counted(sum(node.missing + node.failed > 0 for node in nodes), 'node')}"
        if missing
        else "",
        f"critical-level on {counted(critical, 'node')}" if critical else "",
        f"security on {counted(security, 'node')}" if security else "",
        f"{counted(only_wait, 'node')} only {'waits' if only_wait == 1 else 'wait'} for a reboot"
        if only_wait
        else "",
    ]
    return " · ".join(part for part in parts if part) or "no patch is known to be missing"


def unnamed(nodes: Sequence[PlannedNode]) -> str:
    """Of how many nodes the plan holds no patch by its id; empty when it names all of them."""
    number = sum(bool(node.missing + node.failed) and not node.patches for node in nodes)
    if not number:
        return ""
    which = "any node" if number == len(nodes) else counted(number, "node")
    return f"The patches of {which} are not named in the plan: it holds only how many are missing."


def worst_nodes(nodes: Sequence[PlannedNode]) -> str:
    """The first nodes of the plan: they are sealed worst first."""
    shown = [node.name or node.key.instance_id for node in nodes[:NODES_SHOWN]]
    more = [f"{len(nodes) - NODES_SHOWN:,} more"] if len(nodes) > NODES_SHOWN else []
    return listed([*shown, *more])


def limits(found: Limits | LimitRow) -> str:
    """How carefully a run goes, as it is: a number at a time holds for the whole run, a percentage for each send."""
    at_once = found.max_concurrency
    per_send = at_once.endswith("%")
    pace = f"{at_once} of a send at a time" if per_send else f"{at_once} at a time"
    return (
        f"{pace}; {errors(found.max_errors)}; {found.success_percent} % of each wave must succeed"
    )


def errors(max_errors: str) -> str:
    """When AWS stops a send: it allows so many errors and stops at the next one."""
    if max_errors == "0":
        return "AWS stops a send at its first error"
    number = max_errors if max_errors.endswith("%") else f"{int(max_errors):,}"
    noun = "error" if number == "1" else "errors"
    return f"{number} {noun} allowed in a send, AWS stops it at the next one"


def is_rehearsed(row: RunRow | Run) -> bool:
    """Whether a rehearsal ran to its end. One whose approval expired is abandoned for another reason."""
    return row.rehearsal and row.state is RunState.ABANDONED and row.why.startswith("a rehearsal")


def is_untouched(row: RunRow) -> bool:
    """Whether the run was ended by somebody, or given up, before anything was sent."""
    over = row.state in _ENDED_EARLY or (row.state is RunState.WAITING and row.cancelled_by)
    return bool(over) and not row.rehearsal and set(row.outcomes) <= _NOT_SENT


def stopping(row: RunRow) -> str:
    """What a Stop does to a run as it stands."""
    if row.state is RunState.WAITING:
        return f"It has not started. {UNTOUCHED}."
    if row.rehearsal:
        return "It is a rehearsal: AWS got nothing."
    if row.operation is Operation.SCAN:
        return "Nothing more is sent. AWS is asked to cancel what it has; what was scanned counts."
    return (
        "Nothing more is sent. AWS is asked to cancel what it has; a node in the middle may be left half patched."
        " What was sent to is scanned afterwards."
    )


def stopped(row: RunRow) -> str:
    """What became of a run that somebody stopped; nothing where its outcomes say it."""
    if is_untouched(row):
        return ""
    if row.state in RUN_ENDS and not row.rehearsal:
        return "Nothing more was sent. The receipt says what is known of the nodes it was sent to."
    return stopping(row)


def outcomes(row: RunRow) -> str:
    """ "31 succeeded · 2 failed · 15 to come"; in a rehearsal how many would have been sent to."""
    if is_untouched(row):
        return UNTOUCHED
    if row.rehearsal and (number := row.outcomes.get(NodeOutcome.SKIPPED)):
        others = row.outcomes.get(NodeOutcome.PENDING, 0)
        return f"{number:,} would have been sent to" + (f" · {others:,} to come" if others else "")
    return " · ".join(
        f"{row.outcomes[one]:,} {words}" for one, words in OUTCOMES.items() if row.outcomes.get(one)
    )


def scope(report: PlanReport) -> str:
    """What was filtered by, in words."""
    filters = [f"{name}:{value}" for name, value in report.filters.items()]
    return " ".join(
        [*filters, *(f"patches:{','.join(report.patches)}" for _ in report.patches[:1])]
    )


def left_out(report: PlanReport) -> str:
    """ "4 left out: 3 offline, 1 stopped"; empty when nothing is."""
    if not report.excluded:
        return ""
    tally = Counter(row.obstacle.replace("_", " ") for row in report.excluded)
    told = listed(f"{number:,} {name}" for name, number in tally.most_common())
    return f"{counted(len(report.excluded), 'node')} left out: {told}"
