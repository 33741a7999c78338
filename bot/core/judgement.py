"""The rule that says whether a node is compliant.

Source: "Patch compliance state values" in the Systems Manager User Guide: a node is non-compliant when the sum of its
missing, failed, rejected and pending-reboot patches is above zero. "Unknown" is ours: AWS leaves such nodes out in
silence, and an answer that leaves them out lets a hole stay open.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.core.nodes import Observation, PatchState


class Status(StrEnum):
    """What a node counts as. Stopped nodes are outside every total."""

    COMPLIANT = "compliant"
    NON_COMPLIANT = "non_compliant"
    UNKNOWN = "unknown"
    STOPPED = "stopped"


class Reason(StrEnum):
    """Why a node is not compliant. The first five are causes of non-compliance, the last three of not knowing."""

    MISSING = "missing"
    FAILED = "failed"
    INSTALLED_REJECTED = "installed_rejected"
    INSTALLED_PENDING_REBOOT = "installed_pending_reboot"
    AVAILABLE_SECURITY_UPDATE = "available_security_update"
    NEVER_SCANNED = "never_scanned"
    STALE = "stale"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A status with its reasons, worst first; empty for a compliant or a stopped node."""

    status: Status
    reasons: tuple[Reason, ...] = ()


FUTURE = timedelta(days=1)  # how far ahead of our clock a time may be and still be believed

_COMPLIANT = Verdict(Status.COMPLIANT)
_STOPPED = Verdict(Status.STOPPED)
_NEVER_SCANNED = Verdict(Status.UNKNOWN, (Reason.NEVER_SCANNED,))
_STALE = Verdict(Status.UNKNOWN, (Reason.STALE,))
_UNREADABLE = Verdict(Status.UNKNOWN, (Reason.UNREADABLE,))


def judge(observation: Observation, now: datetime, stale_after: timedelta) -> Verdict:
    """The verdict on one node at `now`.

    A patch state younger than `stale_after` judges the node, also while its connection is lost. A state whose
    operation has no valid end time (or one in the far future) has no age that could be trusted and counts as stale.
    """
    if observation.node.stopped:
        return _STOPPED
    if observation.unread:
        return _UNREADABLE
    state = observation.state
    if state is None:
        return _NEVER_SCANNED
    end = state.operation_end_time
    if end is None or end - now > FUTURE or now - end >= stale_after:
        return _STALE
    reasons = causes(state, observation.counts_available_security_updates)
    return Verdict(Status.NON_COMPLIANT, reasons) if reasons else _COMPLIANT


def causes(state: PatchState, counts_available_security_updates: bool) -> tuple[Reason, ...]:
    """What makes this patch state non-compliant; empty when nothing does."""
    counted = (
        (state.missing, Reason.MISSING),
        (state.failed, Reason.FAILED),
        (state.installed_rejected, Reason.INSTALLED_REJECTED),
        (state.installed_pending_reboot, Reason.INSTALLED_PENDING_REBOOT),
        (
            state.available_security_updates if counts_available_security_updates else 0,
            Reason.AVAILABLE_SECURITY_UPDATE,
        ),
    )
    return tuple(reason for count, reason in counted if count > 0)
