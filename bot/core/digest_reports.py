"""The digest as data: how an environment stands, what changed since the last one, and what is to be done."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from bot.core.causes import Cause, Remedy
from bot.core.judgement import Reason
from bot.core.plans import Operation
from bot.core.reports import Attention, GapRow, NodeCounts, Report, UnknownReasons
from bot.core.runs import RunState
from bot.core.trend_reports import DeadlineRow


class Standing(Report):
    """How things stood at a moment. `complete` is False where a part could not be read.

    `compliance_percent` is compliant of total, one decimal, None without nodes; `fresh` of the total have a result
    that counts. `failed` and `pending_reboot` nodes have such patches, whatever their status.
    """

    at: datetime
    nodes: NodeCounts
    unknown_reasons: UnknownReasons
    failed: int
    pending_reboot: int
    compliance_percent: float | None
    fresh: int
    oldest_operation_end_time: datetime | None
    complete: bool


class NamedNode(Report):
    """A node by its names. `reason` and `operation_end_time` are those of a node without data."""

    instance_id: str
    name: str
    account: str
    region: str
    owner: str
    reason: Reason | None = None
    operation_end_time: datetime | None = None


class PatchTally(Report):
    """A patch and on how many nodes it was opened or closed."""

    id: str
    nodes: int


class ChangeGroup(Report):
    """Nodes that changed for one reason. `about` is the run, baseline, or account/Region behind it.

    `non_compliant` and `unknown` are what they add to those counts (less than nothing where they got better); over all
    groups of a part they are its differences. `named` are the worst nodes, `more` the others; so with `patches`.
    """

    why: Cause | Remedy
    about: str
    nodes: int
    non_compliant: int
    unknown: int
    named: tuple[NamedNode, ...]
    more: int = 0
    patches: tuple[PatchTally, ...] = ()
    more_patches: int = 0


class Ready(Report):
    """What an Install can bring of what is past its deadline (`breached`) or due within 24 hours; patches on nodes."""

    breached: int = 0
    breached_nodes: int = 0
    due_today: int = 0


class Hindered(Report):
    """Patches past their deadline or due within 24 hours that no Install can bring at present, and why.

    "not_approved": the node's baseline does not approve it; "rejected": it is installed, and the baseline rejects it;
    "offline": the node's agent does not answer; "no_data": the node has to be scanned first; "reboot": the patch
    waits for one.
    """

    why: Literal["offline", "not_approved", "rejected", "no_data", "reboot"]
    patches: int
    nodes: int


class DueRow(Report):
    """The open patches of one class that are past their deadline, or will be within a week; waived ones left out.

    `breached`, `due` (the next seven days) and `due_today` (24 hours of those) count patches on nodes, the others nodes
    and patches by id. `newly_breached` are those whose deadline passed since the last digest. `urgent` are the ids of
    what an Install can bring of what is past its deadline or due within 24 hours.
    """

    severity: Literal["critical", "important", "other"]
    breached: int = 0
    newly_breached: int = 0
    breached_nodes: int = 0
    due: int = 0
    due_today: int = 0
    due_nodes: int = 0
    next_due: datetime | None = None
    patches: tuple[PatchTally, ...] = ()
    more_patches: int = 0
    urgent: tuple[str, ...] = ()
    more_urgent: int = 0
    ready: Ready = Ready()
    hindered: tuple[Hindered, ...] = ()


class FailedInstall(Report):
    """Nodes on which the last Install failed, and that are non-compliant. `run` is ours, empty where it was none."""

    run: str
    nodes: int


class Part(Report):
    """A part of the fleet (all of it, or an owner's nodes), compared with the last digest.

    `before` is None where there is nothing to compare with. `joined` are counted and were not (new or started), `left`
    the other way round (gone or stopped). `unchanged` says that no node got better or worse and nothing became due. Of
    `details_missing` non-compliant nodes the patches are not read yet, so what is due there is not known.
    """

    now: Standing
    before: Standing | None = None
    worse: tuple[ChangeGroup, ...] = ()
    better: tuple[ChangeGroup, ...] = ()
    joined: int = 0
    left: int = 0
    due: tuple[DueRow, ...] = ()
    failing: tuple[FailedInstall, ...] = ()
    without_data: tuple[NamedNode, ...] = ()
    without_data_more: int = 0
    details_missing: int = 0
    unchanged: bool = False


class OwnerPart(Report):
    """The nodes of one owner, for the channel that is configured for it."""

    owner: str
    channel: str
    part: Part


class ApprovalLine(Report):
    """A request that waits for its approvals."""

    id: str
    code: str
    operation: Operation
    nodes: int
    lacking: int
    created_at: datetime
    expires_at: datetime


class RunLine(Report):
    """A run under way, or one that ended since. The last four are its receipt's, None where there is none yet."""

    id: str
    state: RunState
    operation: Operation
    nodes: int
    why: str
    rehearsal: bool
    started_at: datetime | None
    ended_at: datetime | None
    clean: int | None = None
    closed: int | None = None
    still_open: int | None = None
    not_back: int | None = None


class WaiverLine(Report):
    """A waiver that ends soon."""

    id: str
    what: str
    nodes: int
    until: datetime


class DigestReport(Report):
    """`patchbot.digest/1`: one environment since the last digest, for the people who look after it.

    `as_of` is when AWS was read, `since` the last digest. `head` is the audit log's head: whoever keeps the digest is a
    witness of it. `read_only` says why nothing can be changed at present. `missed` are digests that were not posted, in
    words. Of `details_missing` non-compliant nodes the patches are not read yet, so what is due there is not known.
    """

    schema_name: Literal["patchbot.digest/1"] = Field("patchbot.digest/1", alias="schema")
    environment: str
    as_of: datetime
    composed_at: datetime
    since: datetime | None
    unchanged: bool
    fleet: Part
    attention: Attention = Attention()
    deadlines: tuple[DeadlineRow, ...] = ()
    details_missing: int = 0
    gaps: tuple[GapRow, ...] = ()
    approvals: tuple[ApprovalLine, ...] = ()
    runs: tuple[RunLine, ...] = ()
    ended_runs: tuple[RunLine, ...] = ()
    waivers_ending: tuple[WaiverLine, ...] = ()
    missed: tuple[str, ...] = ()
    head: str = ""
    read_only: str = ""
    notices: tuple[str, ...] = ()
    owners: tuple[OwnerPart, ...] = ()
