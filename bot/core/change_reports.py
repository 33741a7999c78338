"""The answers of `install`, `scan`, `approvals`, `runs` and `run`, as data, like those of `reports.py`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from bot.core.plans import Operation, RebootOption
from bot.core.reports import Report
from bot.core.requests import RequestState
from bot.core.runs import DispatchState, NodeOutcome, RunState


class TargetRow(Report):
    """A node of a plan, as it was known when the plan was made."""

    instance_id: str
    name: str
    account: str
    region: str
    platform: str
    owner: str
    missing: int
    failed: int
    installed_pending_reboot: int
    critical_non_compliant: int
    security_non_compliant: int
    patches: tuple[str, ...] = ()


class ExcludedRow(Report):
    """A node that was asked for and left out."""

    instance_id: str
    name: str
    account: str
    region: str
    obstacle: str
    why: str


class WindowRow(Report):
    """The next maintenance window of an account and Region."""

    place: str
    name: str
    start: datetime


class LimitRow(Report):
    """How carefully a plan runs."""

    max_concurrency: str
    max_errors: str
    success_percent: int


class PlanReport(Report):
    """`patchbot.plan/1`: what an Install or Scan would do. Nothing is asked for by it.

    With `refusals` there is no plan: `digest` and `code` are empty then.
    """

    schema_name: Literal["patchbot.plan/1"] = Field("patchbot.plan/1", alias="schema")
    environment: str
    as_of: datetime
    operation: Operation
    reboot_option: RebootOption
    filters: dict[str, str]
    patches: tuple[str, ...] = ()
    matched: int
    nodes: tuple[TargetRow, ...]
    excluded: tuple[ExcludedRow, ...]
    refusals: tuple[str, ...]
    remarks: tuple[str, ...]
    windows: tuple[WindowRow, ...]
    waves: tuple[int, ...] = ()
    limits: LimitRow | None = None
    reboots: int = 0
    document: str = ""
    digest: str = ""
    code: str = ""
    rehearsal: bool = False
    approvals_needed: int = 0
    four_eyes: bool = False
    ticket_pattern: str = ""


class RequestRow(Report):
    """A request with what its plan holds. `lacking` is how many approvals are still missing."""

    id: str
    state: RequestState
    environment: str
    operation: Operation
    reboot_option: RebootOption
    nodes: int
    reboots: int
    digest: str
    code: str
    requester: str
    reason: str
    ticket: str
    created_at: datetime
    expires_at: datetime
    not_before: datetime | None
    approvals_needed: int
    approved_by: tuple[str, ...]
    lacking: int
    four_eyes: bool
    break_glass: bool
    rehearsal: bool
    ended_at: datetime | None
    ended_by: str
    ended_why: str


class RequestReport(Report):
    """`patchbot.request/1`: a request that has no run (yet): its nodes, and those that were left out and why.

    `left_out_more` counts those that are not listed.
    """

    schema_name: Literal["patchbot.request/1"] = Field("patchbot.request/1", alias="schema")
    as_of: datetime
    request: RequestRow
    nodes: tuple[TargetRow, ...]
    excluded: tuple[ExcludedRow, ...] = ()
    left_out_more: int = 0


class RunRow(Report):
    """A run in a list. `outcomes` counts nodes; those of no send yet are pending."""

    id: str
    state: RunState
    request: str
    environment: str
    operation: Operation
    nodes: int
    reboots: int
    reboot_option: RebootOption
    wave: int
    waves: int
    outcomes: dict[NodeOutcome, int]
    why: str
    cancelled_by: str = ""
    rehearsal: bool
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class ApprovalsReport(Report):
    """`patchbot.approvals/1`: the requests that wait for a decision, the next to expire first.

    `waiting` are the runs of those that are approved and have not started, with what holds each of them; `paused` are
    runs whose gate is closed: a person decides about them, too.
    """

    schema_name: Literal["patchbot.approvals/1"] = Field("patchbot.approvals/1", alias="schema")
    as_of: datetime
    total: int
    requests: tuple[RequestRow, ...]
    waiting: tuple[RunRow, ...] = ()
    paused: tuple[RunRow, ...] = ()
    notices: tuple[str, ...] = ()


class RunsReport(Report):
    """`patchbot.runs/1`: runs, newest first; `total` counts those that are left out here, too."""

    schema_name: Literal["patchbot.runs/1"] = Field("patchbot.runs/1", alias="schema")
    as_of: datetime
    environment: str | None
    total: int
    runs: tuple[RunRow, ...]
    notices: tuple[str, ...] = ()


class ResultRow(Report):
    """What became of one node in a run."""

    instance_id: str
    name: str
    account: str
    region: str
    wave: int
    outcome: NodeOutcome
    reason: str = ""
    back_online: bool | None = None


class SendRow(Report):
    """One SendCommand of a run."""

    purpose: str
    batch: int
    wave: int
    account: str
    region: str
    nodes: int
    state: DispatchState
    command_id: str
    reason: str


class RunReport(Report):
    """`patchbot.run/1`: one run with its request, the results of its nodes, its sends and, at its end, its receipt."""

    schema_name: Literal["patchbot.run/1"] = Field("patchbot.run/1", alias="schema")
    as_of: datetime
    run: RunRow
    request: RequestRow
    deadline: datetime
    results: tuple[ResultRow, ...]
    sends: tuple[SendRow, ...]
    receipt: Mapping[str, Any] | None = None
