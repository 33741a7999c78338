"""Why a node is compliant or not, and what to do about it, in words.

Pure texts over AWS's counters: the words of "Patch compliance state values" and "About the AWS-RunPatchBaseline SSM
document" (Systems Manager User Guide), said so that somebody who has never read those pages knows what to do next.
Commands to copy stand between backticks. Names of baselines come from people: show all of it as untrusted text.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from bot.core.figures import Judged
from bot.core.judgement import Reason, Status
from bot.core.nodes import Baseline, PatchState
from bot.core.wording import ago, counted, listed, span

AFTER_INSTALL = "The last operation was an Install. An Install does not report what is still missing; only a Scan does."

INSTALL_HELPS = frozenset({Reason.MISSING, Reason.FAILED})
SCAN_HELPS = frozenset({Reason.NEVER_SCANNED, Reason.STALE, Reason.INSTALLED_PENDING_REBOOT})

_COPYABLE = re.compile(r"[A-Za-z0-9-]+")


def why(
    one: Judged,
    now: datetime,
    *,
    stale_after: timedelta,
    baseline: Baseline | None = None,
) -> tuple[str, ...]:
    """Why the node has its status, the most important first; one sentence each."""
    state, node = one.seen.state, one.seen.node
    match one.verdict.status:
        case Status.STOPPED:
            reasons = ["The instance is stopped: it is left out of every total."]
        case Status.UNKNOWN:
            reasons = _why_unknown(one, now, stale_after)
        case Status.COMPLIANT:
            reasons = _why_compliant(state or PatchState(node.instance_id), now)
        case Status.NON_COMPLIANT:
            reasons = _why_non_compliant(one, now, baseline)
    if node.connection_lost and one.verdict.status is not Status.STOPPED:
        since = f", last heard of {ago(node.last_ping, now)}" if node.last_ping else ""
        reasons.append(
            f"Its connection is lost{since}: nothing can be scanned or installed on it now."
        )
    return tuple(reasons)


def _why_unknown(one: Judged, now: datetime, stale_after: timedelta) -> list[str]:
    state = one.seen.state
    if Reason.UNREADABLE in one.verdict.reasons:
        return [
            f"Its patch state could not be read: {one.seen.unread.rstrip('.')}.",
            *_last_known(state, now),
        ]
    if state is None:
        return [
            "AWS has no patch state of it: it was never scanned, or the scan is so old that AWS dropped it"
            " (after 30 days)."
        ]
    if state.operation_end_time is None:
        return [
            "Its last operation has no valid date, so nobody can say how old its patch state is."
        ]
    when = ago(state.operation_end_time, now)
    return [
        f"Its last {state.operation or 'operation'} ended {when}: older than {span(stale_after)} is not trusted here.",
        *_last_known(state, now),
    ]


def _last_known(state: PatchState | None, now: datetime) -> list[str]:
    if state is None:
        return []
    counts = (
        f"{number:,} {word}"
        for number, word in (
            (state.missing, "missing"),
            (state.failed, "failed"),
            (state.installed_rejected, "rejected"),
            (state.installed_pending_reboot, "pending reboot"),
        )
        if number
    )
    said = listed(counts) or "nothing missing or failed"
    return [f"The last that is known, from {ago(state.operation_end_time, now)}: {said}."]


def _why_compliant(state: PatchState, now: datetime) -> list[str]:
    when = ago(state.operation_end_time, now)
    reasons = [
        f"Nothing missing, failed, rejected or waiting for a reboot after the last {state.operation or 'operation'},"
        f" {when}."
    ]
    if state.operation == "Install":
        reasons.append(AFTER_INSTALL)
    if state.available_security_updates:
        found = counted(state.available_security_updates, "security update")
        reasons.append(
            f"{found} available that the baseline neither approves nor counts against it."
        )
    return reasons


def _why_non_compliant(one: Judged, now: datetime, baseline: Baseline | None) -> list[str]:
    state = one.seen.state or PatchState(one.seen.node.instance_id)
    sentences = {
        Reason.MISSING: f"{counted(state.missing, 'patch', 'patches')} missing: approved by the baseline, needed,"
        " not installed.",
        Reason.FAILED: _failed(state, now),
        Reason.INSTALLED_REJECTED: f"{counted(state.installed_rejected, 'patch', 'patches')} installed that the"
        " baseline rejects.",
        Reason.INSTALLED_PENDING_REBOOT: _pending_reboot(state, now),
        Reason.AVAILABLE_SECURITY_UPDATE: (
            f"{counted(state.available_security_updates, 'security update')} available but not approved; the baseline"
            " counts them as non-compliant."
        ),
    }
    reasons = [sentences[reason] for reason in one.verdict.reasons]
    levels = _levels(state, baseline)
    if levels:
        reasons.append(levels)
    if state.operation == "Install":
        reasons.append(AFTER_INSTALL)
    return reasons


def _failed(state: PatchState, now: datetime) -> str:
    found = counted(state.failed, "patch", "patches")
    if state.operation == "Install":
        return f"{found} failed in the last Install, {ago(state.operation_end_time, now)}."
    return f"{found} failed when installed, and the last {state.operation or 'operation'} still says so."


def _pending_reboot(state: PatchState, now: datetime) -> str:
    found = counted(state.installed_pending_reboot, "patch", "patches")
    text = f"{found} installed that only work after a reboot"
    if state.last_no_reboot_install is not None:
        text += f"; installed with NoReboot {ago(state.last_no_reboot_install, now)}"
    return f"{text}."


def _levels(state: PatchState, baseline: Baseline | None) -> str:
    parts = []
    if state.critical_non_compliant:
        parts.append(f"{state.critical_non_compliant:,} at the level CRITICAL of its baseline")
    if state.security_non_compliant:
        parts.append(f"{state.security_non_compliant:,} of the class Security")
    if not parts:
        return ""
    named = (
        f" ({baseline_name(baseline)})"
        if baseline is not None and parts[0].endswith("baseline")
        else ""
    )
    return f"Of what is non-compliant: {listed([parts[0] + named, *parts[1:]])}."


def baseline_name(baseline: Baseline) -> str:
    """ "prod-linux, pb-0123…", or the id alone where the name is not known."""
    return f"{baseline.name}, {baseline.baseline_id}" if baseline.name else baseline.baseline_id


def next_steps(one: Judged, environment: str) -> tuple[str, ...]:
    """What to do about the node of `environment`, in the order in which to do it."""
    if one.verdict.status is Status.STOPPED:
        return ("Start it and scan it if it is still needed; terminate it if not.",)
    reasons = set(one.verdict.reasons)
    scan = f"scan it: {_asked_for('scan', one, environment)}"
    steps = list(_reconnect(one))
    if Reason.UNREADABLE in reasons:
        steps.append("Close the gap first (`/patch doctor` checks the rights), then refresh.")
    if reasons & {Reason.NEVER_SCANNED, Reason.STALE}:
        steps.append(f"S{scan[1:]}")
    if Reason.NEVER_SCANNED in reasons:
        steps.append(
            "If it is scanned and still not here: Quick Setup's host management (AWS-RunPatchBaselineAssociation)"
            " keeps its results elsewhere; scan with AWS-RunPatchBaseline."
        )
    steps += _repair(one, reasons, environment)
    state = one.seen.state
    if not reasons and state is not None and state.operation == "Install":
        steps.append(f"To prove it, {scan}")
    return tuple(steps) or ("Nothing to do.",)


def _reconnect(one: Judged) -> tuple[str, ...]:
    if not one.seen.node.connection_lost:
        return ()
    return (
        "Bring it back first: is the machine running, is the SSM Agent started, may its role talk to Systems Manager,"
        " does it reach the ssm, ssmmessages and ec2messages endpoints?",
    )


def _repair(one: Judged, reasons: set[Reason], environment: str) -> list[str]:
    steps = []
    if Reason.FAILED in reasons:
        steps.append(f"See why it failed, in the output of the last command: {_last_command(one)}")
    if reasons & INSTALL_HELPS:
        steps.append(
            f"Plan an Install of what is approved (it reboots where needed): {_asked_for('install', one, environment)}"
        )
    if Reason.INSTALLED_PENDING_REBOOT in reasons:
        steps.append(
            "Reboot it, then scan it, because the state only changes when a scan reports it:"
            f" {_asked_for('scan', one, environment)}"
        )
    if Reason.INSTALLED_REJECTED in reasons:
        steps.append(
            "Remove the rejected patches by hand, or take them off the baseline's rejected list: an Install does"
            " neither."
        )
    if Reason.AVAILABLE_SECURITY_UPDATE in reasons:
        steps.append(
            "Approve the available security updates in the baseline and install them, or set"
            " AvailableSecurityUpdatesComplianceStatus to COMPLIANT."
        )
    return steps


def _asked_for(command: str, one: Judged, environment: str) -> str:
    """The command with which patchbot is asked for it, so that it is planned, approved and proved."""
    node = one.seen.node.instance_id
    return (
        f"`/patch {command} {environment}{f' nodes:{node}' if _COPYABLE.fullmatch(node) else ''}`"
    )


def _last_command(one: Judged) -> str:
    where = _where(one)
    return (
        f"`aws ssm list-command-invocations --details --max-items 1 {where}`"
        if where
        else "Run Command, Command history."
    )


def _where(one: Judged) -> str:
    """The node as CLI options; empty where its id or Region is no word that is safe to paste into a shell."""
    node = one.seen.node
    if not all(_COPYABLE.fullmatch(word) for word in (node.instance_id, node.region)):
        return ""
    return f"--instance-id {node.instance_id} --region {node.region}"
