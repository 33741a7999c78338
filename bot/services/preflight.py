"""Pre-flight: which of the wanted nodes a run may touch, why each other one is left out, and what forbids it all.

Pure: it judges what `surveying` has read. Nothing is guessed: what could not be read is a refusal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.core.figures import Judged
from bot.core.judgement import Reason, Status
from bot.core.nodes import NodeKey
from bot.core.plans import Operation, RebootOption
from bot.core.proposals import Proposal
from bot.core.readings import Gap
from bot.core.rules import ChangeRules
from bot.core.wording import ago, counted, in_utc, listed

NAMED = 5
NOTHING = "an Install would bring nothing there"


class Obstacle(StrEnum):
    """Why a node is left out."""

    NEVER = "never"
    STOPPED = "stopped"
    OFFLINE = "offline"
    UNREADABLE = "unreadable"
    NEVER_SCANNED = "never_scanned"
    STALE = "stale"
    NOTHING_TO_INSTALL = "nothing_to_install"
    ONLY_REBOOT = "only_reboot"
    AT_WORK = "at_work"
    IN_RUN = "in_run"
    SCANNED_LATELY = "scanned_lately"


@dataclass(frozen=True, slots=True)
class Excluded:
    """A wanted node that is left out, and the reason in words."""

    judged: Judged
    obstacle: Obstacle
    why: str


@dataclass(frozen=True, slots=True)
class Window:
    """The next maintenance window of an account and Region: it may run on the same nodes."""

    place: str
    name: str
    start: datetime


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What else is known at this moment: patch operations under way, open runs by node, scans of ours, windows."""

    at_work: Mapping[NodeKey, str]
    in_runs: Mapping[NodeKey, str]
    last_scans: Mapping[NodeKey, datetime]
    windows: tuple[Window, ...] = ()


@dataclass(frozen=True, slots=True)
class Preflight:
    """The outcome. With `refusals` nothing can be asked for; `ready` are then those that had passed."""

    ready: tuple[Judged, ...]
    excluded: tuple[Excluded, ...]
    refusals: tuple[str, ...]
    remarks: tuple[str, ...]
    windows: tuple[Window, ...]

    @property
    def matched(self) -> int:
        return len(self.ready) + len(self.excluded)


def check(
    proposal: Proposal,
    wanted: Sequence[Judged],
    around: Surroundings,
    rules: ChangeRules,
    *,
    gaps: Sequence[Gap],
    now: datetime,
) -> Preflight:
    """Judge every wanted node and the whole. `gaps` are those where a wanted node may hide."""
    ready: list[Judged] = []
    excluded: list[Excluded] = []
    for one in wanted:
        found = _obstacle(one, proposal, around, rules, now)
        if found is None:
            ready.append(one)
        else:
            excluded.append(Excluded(one, *found))
    busy = _busy(ready, excluded)
    refusals = (
        *_gaps(gaps),
        *_freeze(proposal, rules, now),
        *busy,
        *(_size(ready, proposal, rules) if ready or busy else _nobody(excluded, proposal)),
    )
    return Preflight(
        tuple(ready),
        tuple(excluded),
        refusals,
        tuple(_remarks(ready, proposal)),
        around.windows,
    )


def _obstacle(
    one: Judged, proposal: Proposal, around: Surroundings, rules: ChangeRules, now: datetime
) -> tuple[Obstacle, str] | None:
    node = one.seen.node
    if node.instance_id in rules.never:
        return Obstacle.NEVER, "the configuration says it is never a target ([installs] never)"
    if one.verdict.status is Status.STOPPED:
        return Obstacle.STOPPED, "it is stopped"
    if not node.online:
        return Obstacle.OFFLINE, f"its agent does not answer (last seen {ago(node.last_ping, now)})"
    if node.key in around.in_runs:
        return Obstacle.IN_RUN, f"it is in the open run {around.in_runs[node.key]}"
    if node.key in around.at_work:
        return (
            Obstacle.AT_WORK,
            f"another patch operation is under way ({around.at_work[node.key]})",
        )
    if proposal.operation is Operation.SCAN:
        return _scanned_lately(one, around, rules, now)
    return _nothing_known(one, now) or _nothing_to_do(one, proposal)


def _scanned_lately(
    one: Judged, around: Surroundings, rules: ChangeRules, now: datetime
) -> tuple[Obstacle, str] | None:
    last = around.last_scans.get(one.seen.node.key)
    if last is None or now - last >= rules.between_scans:
        return None
    minutes = int(rules.between_scans.total_seconds() // 60)
    return (
        Obstacle.SCANNED_LATELY,
        f"patchbot had it scanned {ago(last, now)}; once in {minutes} min is enough",
    )


def _nothing_known(one: Judged, now: datetime) -> tuple[Obstacle, str] | None:
    reasons = one.verdict.reasons
    if Reason.UNREADABLE in reasons:
        return Obstacle.UNREADABLE, f"its patch state could not be read: {one.seen.unread}"
    if Reason.NEVER_SCANNED in reasons:
        return Obstacle.NEVER_SCANNED, "it was never scanned; scan it first"
    if Reason.STALE in reasons:
        end = one.seen.state.operation_end_time if one.seen.state else None
        return Obstacle.STALE, f"its last scan is too old ({ago(end, now)}); scan it first"
    return None


def _nothing_to_do(one: Judged, proposal: Proposal) -> tuple[Obstacle, str] | None:
    state = one.seen.state
    if state is None or state.missing or state.failed:
        return None
    if not state.installed_pending_reboot and state.available_security_updates:
        return (
            Obstacle.NOTHING_TO_INSTALL,
            "its open security updates are not approved by its baseline, so an Install would bring none of them",
        )
    if not state.installed_pending_reboot:
        return Obstacle.NOTHING_TO_INSTALL, NOTHING
    if proposal.reboot_option is RebootOption.NO_REBOOT:
        return Obstacle.ONLY_REBOOT, "it only waits for a reboot, and you asked for none"
    return None


def _gaps(gaps: Sequence[Gap]) -> tuple[str, ...]:
    if not gaps:
        return ()
    where = listed(dict.fromkeys(f"{gap.account}/{gap.region}".strip("/") for gap in gaps))
    return (
        f"Not everything could be read ({where}: {gaps[0].reason}), so the plan would be a partial one."
        " Ask again when it can be read, or narrow it down with `region:` or `account:`.",
    )


def _freeze(proposal: Proposal, rules: ChangeRules, now: datetime) -> tuple[str, ...]:
    start = max(proposal.not_before or now, now)
    freeze = rules.frozen_at(start)
    if freeze is None or proposal.operation is Operation.SCAN:
        return ()
    return (
        f"{proposal.environment} is frozen until {in_utc(freeze.until)}: {freeze.reason}."
        " Choose a start after that.",
    )


def _busy(ready: Sequence[Judged], excluded: Sequence[Excluded]) -> tuple[str, ...]:
    busy = [one for one in excluded if one.obstacle is Obstacle.IN_RUN]
    if not busy or not (ready or len(busy) == len(excluded)):
        return ()
    names = [one.judged.seen.node.name or one.judged.seen.node.instance_id for one in busy[:NAMED]]
    more = [f"{len(busy) - NAMED:,} more"] if len(busy) > NAMED else []
    runs = listed(dict.fromkeys(one.why.rsplit(" ", 1)[-1] for one in busy))
    return (
        f"{counted(len(busy), 'node')} of it {'is' if len(busy) == 1 else 'are'} in another open run ({runs}):"
        f" {listed([*names, *more])}. Wait for it to end{', or leave those nodes out' if ready else ''}.",
    )


def _nobody(excluded: Sequence[Excluded], proposal: Proposal) -> tuple[str, ...]:
    if not excluded:
        return (f"No node of {proposal.environment} matches: there is nothing to do.",)
    if all(one.why == NOTHING for one in excluded):
        nodes = f"{counted(len(excluded), 'node')} of {proposal.environment}"
        verb = "matches and has" if len(excluded) == 1 else "match and have"
        return (f"{nodes} {verb} nothing to install.",)
    tally = listed(f"{number:,} {WORDS[what]}" for what, number in tallied(excluded))
    return (f"No node that matches can be a target: {tally}.",)


def _size(ready: Sequence[Judged], proposal: Proposal, rules: ChangeRules) -> tuple[str, ...]:
    if len(ready) > rules.max_targets:
        return (
            f"{counted(len(ready), 'node')} are more than the {rules.max_targets:,} that one plan may have in"
            f" {proposal.environment}. Narrow it down, for example with `owner:` or `os:`.",
        )
    return ()


def _remarks(ready: Sequence[Judged], proposal: Proposal) -> list[str]:
    remarks = []
    waiting = [
        one.seen.state
        for one in ready
        if one.seen.state is not None and one.seen.state.installed_pending_reboot > 0
    ]
    if waiting and proposal.operation is Operation.INSTALL:
        only = sum(not (state.missing or state.failed) for state in waiting)
        stays = proposal.reboot_option is RebootOption.NO_REBOOT
        them = "it" if len(waiting) == 1 else "them"
        what = f"the Install does not reboot {them}" if stays else f"the Install reboots {them}"
        verb = "waits" if len(waiting) == 1 else "wait"
        every = only == len(waiting)
        but = f", {only:,} of them only for that" if only and not every else ""
        remarks.append(
            f"{counted(len(waiting), 'node')} {verb}{' only' if every else ''} for a reboot{but}: {what}."
        )
    if proposal.only_patches and proposal.operation is Operation.INSTALL:
        remarks.append(
            f"Only nodes that miss {listed(proposal.only_patches, 'or')} are in it. The Install brings them everything"
            " their baseline approves, not only that: AWS can be narrowed only by an override list, which patchbot"
            " never uses."
        )
    return remarks


def tallied(excluded: Sequence[Excluded]) -> list[tuple[Obstacle, int]]:
    """How many nodes each obstacle holds back, the most first."""
    counts = {what: sum(one.obstacle is what for one in excluded) for what in Obstacle}
    return sorted(
        ((what, n) for what, n in counts.items() if n), key=lambda pair: (-pair[1], pair[0])
    )


WORDS: Mapping[Obstacle, str] = {
    Obstacle.NEVER: "on the never-list",
    Obstacle.STOPPED: "stopped",
    Obstacle.OFFLINE: "offline",
    Obstacle.UNREADABLE: "unreadable",
    Obstacle.NEVER_SCANNED: "never scanned",
    Obstacle.STALE: "scanned too long ago",
    Obstacle.NOTHING_TO_INSTALL: "with nothing to install",
    Obstacle.ONLY_REBOOT: "only waiting for a reboot",
    Obstacle.AT_WORK: "with another operation under way",
    Obstacle.IN_RUN: "in another open run",
    Obstacle.SCANNED_LATELY: "scanned just now",
}
"""Each obstacle in words, to stand behind a number."""
