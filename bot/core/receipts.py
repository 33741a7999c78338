"""The receipt of a run: what it closed, what is still open, who asked and who approved.

Proved by the scan after it, not by exit codes: of a node that was sent to and not scanned again nothing is known, and
its patches count as unknown, neither as closed nor as open. Pure; plain data without floats under the schema
"patchbot.receipt/1".
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bot.core.audit import canonical
from bot.core.judgement import causes
from bot.core.nodes import NodeKey, Patch, PatchState
from bot.core.plans import Operation, Plan, PlannedNode, RebootOption
from bot.core.requests import Request
from bot.core.runs import SETTLED, Dispatch, NodeOutcome, NodeResult, Run, RunState
from bot.core.wording import counted

SCHEMA = "patchbot.receipt/1"
LISTED = 200
"""Ids that are listed; how many more there are is always said."""


UNPROVEN = "not verified: no scan after it"
_NOT_SENT = frozenset({NodeOutcome.PENDING, NodeOutcome.SKIPPED})
_SURELY_FAILED = frozenset(
    {
        NodeOutcome.FAILED,
        NodeOutcome.TIMED_OUT,
        NodeOutcome.UNDELIVERABLE,
        NodeOutcome.CANCELLED,
    }
)


@dataclass(frozen=True, slots=True)
class Rescan:
    """The patch state that a scan after the run wrote. `open_patches` are its open ones, None where not read."""

    state: PatchState
    open_patches: tuple[Patch, ...] | None = None


def is_clean(plan: Plan, rescan: Rescan | None) -> bool:
    """Whether the run reached on a node what it was for: for a scan a result, for an Install nothing left to install.

    Without a reboot, patches that wait for one are as they should be; the receipt still counts them.
    """
    if rescan is None:
        return False
    if plan.operation is Operation.SCAN:
        return True
    pending = rescan.state.installed_pending_reboot
    waits = pending > 0 and plan.reboot_option is not RebootOption.NO_REBOOT
    return not (rescan.state.missing or rescan.state.failed or waits)


def verdict(
    plan: Plan,
    results: Mapping[NodeKey, NodeResult],
    rescans: Mapping[NodeKey, Rescan],
    *,
    in_time: bool,
) -> tuple[RunState, str]:
    """How the run ended, and why in a sentence. The scan decides, not the exit code."""
    outcomes = [_outcome(results, one.key) for one in plan.nodes]
    lost = sum(one is NodeOutcome.UNKNOWN or one not in SETTLED for one in outcomes)
    clean = sum(is_clean(plan, rescans.get(one.key)) for one in plan.nodes)
    if lost and not in_time:
        return (
            RunState.LOST_TRACK,
            f"the time limit passed; {_lost_words(plan, results)}",
        )
    if clean == len(plan.nodes):
        return RunState.VERIFIED, ""
    late = "" if in_time else "the time limit passed; "
    why = f"{late}{_told(plan, results, rescans)}"
    closed = sum(_closed(one, rescans.get(one.key)) for one in plan.nodes)
    return (RunState.PARTIAL if clean or closed else RunState.FAILED), why


def _told(
    plan: Plan, results: Mapping[NodeKey, NodeResult], rescans: Mapping[NodeKey, Rescan]
) -> str:
    """What became of the nodes: "7 nodes have nothing left to install, 1 still misses patches, 1 was not touched"."""
    tally = Counter(_became(plan, one.key, results, rescans.get(one.key)) for one in plan.nodes)
    parts: list[str] = []
    for became, (one, many) in _BECAME.items():
        if number := tally[became]:
            noun = "" if parts else " node" if number == 1 else " nodes"
            parts.append(f"{number:,}{noun} {one if number == 1 else many}")
    return ", ".join(parts)


_BECAME = {
    "clean": ("has nothing left to install", "have nothing left to install"),
    "new": ("has a new result", "have a new result"),
    "open": ("still misses patches", "still miss patches"),
    "waits": ("still waits for a reboot", "still wait for a reboot"),
    "untouched": ("was not touched", "were not touched"),
    "unseen": ("was not scanned again", "were not scanned again"),
    "none": ("has no new result", "have no new result"),
}


def _became(
    plan: Plan, key: NodeKey, results: Mapping[NodeKey, NodeResult], rescan: Rescan | None
) -> str:
    scan = plan.operation is Operation.SCAN
    if is_clean(plan, rescan):
        return "new" if scan else "clean"
    if rescan is not None:
        return "open" if rescan.state.missing or rescan.state.failed else "waits"
    if _outcome(results, key) in {NodeOutcome.SKIPPED, NodeOutcome.PENDING}:
        return "untouched"
    return "none" if scan else "unseen"


def ending(
    run: Run,
    plan: Plan,
    results: Mapping[NodeKey, NodeResult],
    rescans: Mapping[NodeKey, Rescan],
    *,
    in_time: bool,
    because: str = "",
) -> tuple[RunState, str]:
    """How the run ends, and why in a sentence: as the scan says, unless somebody stopped it.

    `because` says why there is no scan. Without one nothing is known, which is neither success nor failure.
    """
    if run.cancelled_by:
        return RunState.CANCELLED, "; ".join(
            part
            for part in (_lost_words(plan, results), unproven(plan, results, rescans, because))
            if part
        )
    state, why = verdict(plan, results, rescans, in_time=in_time)
    if told := unproven(plan, results, rescans, because):
        if any(one.key in rescans for one in plan.nodes):
            why = f"{why}; not scanned because {because}" if because else why
        else:
            why = f"{why}; {told}" if state is RunState.LOST_TRACK else told
        may_have_worked = any(
            _is_unproven(one.key, results, rescans)
            and _outcome(results, one.key) not in _SURELY_FAILED
            for one in plan.nodes
        )
        if state is RunState.FAILED and may_have_worked:
            state = RunState.PARTIAL
    return state, why


_ASKED_AGAIN = frozenset(
    {
        NodeOutcome.FAILED,
        NodeOutcome.TIMED_OUT,
        NodeOutcome.UNDELIVERABLE,
        NodeOutcome.SKIPPED,
    }
)


_ENDED = frozenset({NodeOutcome.SUCCESS.value, NodeOutcome.CANCELLED.value})


class _Ended(Protocol):
    @property
    def account(self) -> str: ...
    @property
    def region(self) -> str: ...
    @property
    def instance_id(self) -> str: ...
    @property
    def outcome(self) -> NodeOutcome: ...


def again(ended: Iterable[_Ended], receipt: Mapping[str, Any] | None) -> frozenset[NodeKey]:
    """The nodes that surely did not get what the run was for: they failed, were never sent to, or the scan after it
    found them not clean. None of a rehearsal, which was for nothing else.

    What is not known of is not among them, and never asked for again by itself.
    """
    if receipt is not None and receipt["rehearsal"]:
        return frozenset()
    failed = {
        NodeKey(one.account, one.region, one.instance_id)
        for one in ended
        if one.outcome in _ASKED_AGAIN
    }
    scanned = {
        NodeKey(one["account"], one["region"], one["instance_id"])
        for one in (receipt or {}).get("open_nodes", ())
        if one["rescanned"] and one["outcome"] in _ENDED
    }
    return frozenset(failed | scanned)


def unproven(
    plan: Plan,
    results: Mapping[NodeKey, NodeResult],
    rescans: Mapping[NodeKey, Rescan],
    because: str,
) -> str:
    """That nothing was scanned after an Install, or what was not, in words; empty where all is proved."""
    open_to_doubt = sum(_is_unproven(one.key, results, rescans) for one in plan.nodes)
    if plan.operation is Operation.SCAN or not open_to_doubt:
        return ""
    why = f", because {because}" if because else ""
    if not any(one.key in rescans for one in plan.nodes):
        return f"{UNPROVEN}{why}"
    return f"{counted(open_to_doubt, 'node')} not scanned again{why}"


def _lost_words(plan: Plan, results: Mapping[NodeKey, NodeResult]) -> str:
    lost = sum(_outcome(results, one.key) is NodeOutcome.UNKNOWN for one in plan.nodes)
    return f"the outcome of {counted(lost, 'node')} is not known" if lost else ""


def _is_unproven(
    key: NodeKey, results: Mapping[NodeKey, NodeResult], rescans: Mapping[NodeKey, Rescan]
) -> bool:
    """Whether it was, or may have been, sent to and nobody has looked since."""
    return key not in rescans and _outcome(results, key) not in _NOT_SENT


def receipt(
    run: Run,
    request: Request,
    plan: Plan,
    *,
    dispatches: Sequence[Dispatch],
    results: Mapping[NodeKey, NodeResult],
    rescans: Mapping[NodeKey, Rescan],
    because: str = "",
) -> Mapping[str, Any]:
    """The receipt of a run that has ended. `because` says why nodes were not scanned again.

    `nodes` counts planned nodes by outcome, and how many were rescanned, clean and not back after their reboot;
    `patches` and `cves` tell what was closed, what is open and what nobody knows; `open_nodes` lists every node that
    is not clean.
    """
    started, ended = run.started_at, run.ended_at
    nodes = _counts(plan, results, rescans)
    scan = plan.operation is Operation.SCAN  # is its own proof: its outcomes tell the reason
    return {
        "schema": SCHEMA,
        "run": run.id,
        "request": request.id,
        "environment": run.environment,
        "operation": plan.operation.value,
        "reboot_option": plan.reboot_option.value,
        "digest": run.digest,
        "code": request.code,
        "state": run.state.value,
        "why": run.why,
        "rehearsal": plan.rehearsal,
        "requester": request.requester,
        "reason": request.reason,
        "ticket": request.ticket,
        "approvers": [vote.person for vote in request.approvals],
        "break_glass_by": request.ended_by if request.break_glass else "",
        "cancelled_by": run.cancelled_by,
        "started_at": started.isoformat() if started else None,
        "ended_at": ended.isoformat() if ended else None,
        "duration_seconds": int((ended - started).total_seconds()) if started and ended else None,
        "not_scanned_because": because if nodes["unproven"] and not scan else "",
        "nodes": nodes,
        "patches": _patches(plan, results, rescans),
        "cves": _cves(plan, results, rescans),
        "open_nodes": [
            _open_node(one, results.get(one.key), rescans.get(one.key))
            for one in plan.nodes
            if not is_clean(plan, rescans.get(one.key))
        ],
        "commands": [_command(one) for one in dispatches],
    }


def summary(receipt: Mapping[str, Any]) -> Mapping[str, Any]:
    """The receipt in numbers, for the audit."""
    numbers = ("state", "why", "nodes", "duration_seconds", "cancelled_by", "rehearsal")
    patches = {name: value for name, value in receipt["patches"].items() if isinstance(value, int)}
    return {name: receipt[name] for name in numbers} | {"patches": patches}


def seal(receipt: Mapping[str, Any]) -> Mapping[str, Any]:
    """What ties the audit to the whole receipt."""
    return {"sha256": hashlib.sha256(canonical(receipt).encode()).hexdigest()}


def _outcome(results: Mapping[NodeKey, NodeResult], key: NodeKey) -> NodeOutcome:
    found = results.get(key)
    return found.outcome if found else NodeOutcome.PENDING


def _counts(
    plan: Plan, results: Mapping[NodeKey, NodeResult], rescans: Mapping[NodeKey, Rescan]
) -> Mapping[str, int]:
    outcomes = Counter(_outcome(results, one.key).value for one in plan.nodes)
    return {
        "planned": len(plan.nodes),
        **{outcome.value: outcomes[outcome.value] for outcome in NodeOutcome},
        "not_back": sum(one.back_online is False for one in results.values()),
        "rescanned": sum(one.key in rescans for one in plan.nodes),
        "clean": sum(is_clean(plan, rescans.get(one.key)) for one in plan.nodes),
        "compliant": sum(
            one.key in rescans and not causes(rescans[one.key].state, False) for one in plan.nodes
        ),
        "unproven": sum(_is_unproven(one.key, results, rescans) for one in plan.nodes),
    }


def _closed(node: PlannedNode, rescan: Rescan | None) -> int:
    if rescan is None:
        return 0
    return max(0, node.missing + node.failed - rescan.state.missing - rescan.state.failed)


def _still_open(node: PlannedNode, rescan: Rescan | None) -> int:
    if rescan is None:
        return node.missing + node.failed
    return rescan.state.missing + rescan.state.failed


def _patches(
    plan: Plan, results: Mapping[NodeKey, NodeResult], rescans: Mapping[NodeKey, Rescan]
) -> Mapping[str, Any]:
    dark = {one.key for one in plan.nodes if _is_unproven(one.key, results, rescans)}
    return {
        "before": sum(node.missing + node.failed for node in plan.nodes),
        "closed": sum(_closed(node, rescans.get(node.key)) for node in plan.nodes),
        "open": sum(
            _still_open(node, rescans.get(node.key)) for node in plan.nodes if node.key not in dark
        ),
        "unknown": sum(node.missing + node.failed for node in plan.nodes if node.key in dark),
        "pending_reboot": sum(one.state.installed_pending_reboot for one in rescans.values()),
        **_sorted_out(plan, dark, rescans, lambda node: node.patches, _ids),
    }


def _cves(
    plan: Plan, results: Mapping[NodeKey, NodeResult], rescans: Mapping[NodeKey, Rescan]
) -> Mapping[str, Any]:
    dark = {one.key for one in plan.nodes if _is_unproven(one.key, results, rescans)}
    found = _sorted_out(plan, dark, rescans, lambda node: node.cves, _cve_ids)
    counts = {
        name: len(found[f"{name}_ids"]) + found[f"{name}_more"]
        for name in ("closed", "open", "unknown")
    }
    return {**counts, **found}


def _sorted_out(
    plan: Plan,
    dark: Collection[NodeKey],
    rescans: Mapping[NodeKey, Rescan],
    before: Callable[[PlannedNode], Iterable[str]],
    of: Callable[[Iterable[Patch]], Iterable[str]],
) -> Mapping[str, Any]:
    """The ids that are closed on every node, those that are open on one, and those that may be either."""
    closed: set[str] = set()
    still: set[str] = set()
    unknown: set[str] = set()
    for node in plan.nodes:
        if node.key in dark:
            unknown |= set(before(node))
            continue
        gone, left = _difference(before(node), rescans.get(node.key), of)
        closed |= gone
        still |= left
    unknown -= still
    return {
        **_listed("closed", closed - still - unknown),
        **_listed("open", still),
        **_listed("unknown", unknown),
    }


def _difference(
    before: Iterable[str],
    rescan: Rescan | None,
    of: Callable[[Iterable[Patch]], Iterable[str]],
) -> tuple[set[str], set[str]]:
    """What is gone from a node and what is open on it. What was not touched or read again is as open as before."""
    known = set(before)
    if rescan is None:
        return set(), known
    if not (rescan.state.missing or rescan.state.failed):
        return known, set()
    if rescan.open_patches is None:
        return set(), known
    left = set(of(rescan.open_patches))
    return known - left, left


def _ids(patches: Iterable[Patch]) -> Iterable[str]:
    return (one.kb_id for one in patches if one.state in {"Missing", "Failed"})


def _cve_ids(patches: Iterable[Patch]) -> Iterable[str]:
    return (cve for one in patches if one.state in {"Missing", "Failed"} for cve in one.cve_ids)


def _listed(name: str, ids: Iterable[str]) -> Mapping[str, Any]:
    every = sorted(ids)
    return {f"{name}_ids": every[:LISTED], f"{name}_more": max(0, len(every) - LISTED)}


def _open_node(
    node: PlannedNode, result: NodeResult | None, rescan: Rescan | None
) -> Mapping[str, Any]:
    return {
        "account": node.key.account,
        "region": node.key.region,
        "instance_id": node.key.instance_id,
        "name": node.name,
        "outcome": (result.outcome if result else NodeOutcome.PENDING).value,
        "reason": result.reason if result else "",
        "back_online": result.back_online if result else None,
        "rescanned": rescan is not None,
        "missing": rescan.state.missing if rescan else None,
        "failed": rescan.state.failed if rescan else None,
        "pending_reboot": rescan.state.installed_pending_reboot if rescan else None,
    }


def _command(one: Dispatch) -> Mapping[str, Any]:
    return {
        "purpose": one.purpose,
        "batch": one.batch.number,
        "wave": one.batch.wave,
        "account": one.batch.account,
        "region": one.batch.region,
        "state": one.state.value,
        "command_id": one.command_id,
        "nodes": len(one.sent_ids),
        "reason": one.reason,
    }
