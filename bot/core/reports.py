"""The answers of the read commands, as data. `--json` prints exactly these, under a versioned schema name.

A field is added freely within a version; renaming or removing one makes a new version.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from bot.core.judgement import Reason, Status


class Report(BaseModel):
    """Base of every report: frozen, no unknown fields, `schema` first."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class NodeCounts(Report):
    """Nodes by status; compliant + non_compliant + unknown = total. Stopped nodes are not in it."""

    total: int = 0
    compliant: int = 0
    non_compliant: int = 0
    unknown: int = 0


class UnknownReasons(Report):
    """Why nodes are unknown; the three add up to `NodeCounts.unknown`."""

    never_scanned: int = 0
    stale: int = 0
    unreadable: int = 0


class Attention(Report):
    """Nodes that want a look, whatever their status; these overlap."""

    connection_lost: int = 0
    stopped: int = 0
    pending_reboot: int = 0
    failed: int = 0


class PatchCounts(Report):
    """Sums over the nodes in `total` that have a patch state, old ones included."""

    missing: int = 0
    failed: int = 0
    installed_pending_reboot: int = 0
    installed_rejected: int = 0


class NodesWith(Report):
    """How many nodes have at least one such patch. Levels are the baseline's, not the vendor's; they overlap.

    `critical_by_old_scan` are those of `critical_non_compliant` that count as unknown, their patch state being old.
    """

    critical_non_compliant: int = 0
    security_non_compliant: int = 0
    other_non_compliant: int = 0
    critical_by_old_scan: int = 0


class GapRow(Report):
    """An account and Region that could not be read, and how old what is known of it is.

    `partial` is true where the rest of it was read.
    """

    account: str
    region: str
    reason: str
    nodes: int = 0
    last_read_at: datetime | None = None
    hint: str = ""
    partial: bool = False


class NodeRow(Report):
    """One node of a list. `patch_group` is empty outside every group, and where it is not known."""

    instance_id: str
    name: str
    account: str
    region: str
    platform: str
    platform_type: str = ""
    owner: str = ""
    patch_group: str
    patch_group_known: bool = True
    baseline_id: str
    status: Status
    reasons: tuple[Reason, ...]
    missing: int
    failed: int
    installed_pending_reboot: int
    installed_rejected: int
    critical_non_compliant: int
    security_non_compliant: int
    other_non_compliant: int = 0
    operation: str
    operation_end_time: datetime | None
    ping_status: str


class Group(Report):
    """One row of a breakdown (`by:os`)."""

    key: str
    nodes: NodeCounts
    compliance_percent: float | None


class StatusReport(Report):
    """`patchbot.status/1`: one environment."""

    schema_name: Literal["patchbot.status/1"] = Field("patchbot.status/1", alias="schema")
    environment: str
    as_of: datetime
    source: Literal["aws", "cache"]
    nodes: NodeCounts
    unknown_reasons: UnknownReasons
    attention: Attention
    compliance_percent: float | None
    patches: PatchCounts
    nodes_with: NodesWith
    worst_nodes: tuple[NodeRow, ...]
    gaps: tuple[GapRow, ...]
    notices: tuple[str, ...] = ()
    oldest_operation_end_time: datetime | None
    by: str | None = None
    groups: tuple[Group, ...] = ()


class FleetReport(Report):
    """`patchbot.fleet/1`: `status` without an environment, one status each."""

    schema_name: Literal["patchbot.fleet/1"] = Field("patchbot.fleet/1", alias="schema")
    as_of: datetime
    environments: tuple[StatusReport, ...]


class NodesReport(Report):
    """`patchbot.nodes/1`: the nodes that matched, all of them, in one order; `counts` are those of the environment.

    `unknown_not_listed` are the unknown nodes that all filters match but the state and the severity. `unmatched` are
    the filters whose value no node has at all, with the values that there are, in words; `meant` the nearest of those.
    `of_state` are the nodes that the state alone matches.
    """

    schema_name: Literal["patchbot.nodes/1"] = Field("patchbot.nodes/1", alias="schema")
    environment: str
    as_of: datetime
    source: Literal["aws", "cache"]
    total: int
    filters: dict[str, str] = {}
    sort: str = "worst"
    counts: NodeCounts = NodeCounts()
    of_state: int = 0
    unknown_not_listed: int = 0
    unmatched: dict[str, str] = {}
    meant: dict[str, str] = {}
    nodes: tuple[NodeRow, ...]
    gaps: tuple[GapRow, ...] = ()
    notices: tuple[str, ...] = ()


class PatchRow(Report):
    """One patch on one node. `severity` is the vendor's word."""

    title: str
    kb_id: str
    classification: str
    severity: str
    state: str
    cve_ids: tuple[str, ...] = ()
    installed_time: datetime | None = None


class BaselineRow(Report):
    """The baseline that judged the node; only the id is known where it could not be read."""

    baseline_id: str
    name: str = ""
    operating_system: str = ""
    description: str = ""
    default: bool = False
    compliance_levels: tuple[str, ...] = ()
    approve_after_days: tuple[int, ...] = ()


class NodeReport(Report):
    """`patchbot.node/1`: one node, why it is as it is, and what to do next."""

    schema_name: Literal["patchbot.node/1"] = Field("patchbot.node/1", alias="schema")
    environment: str
    environments: tuple[str, ...]
    as_of: datetime
    source: Literal["aws", "cache"]
    node: NodeRow
    agent_version: str = ""
    last_ping: datetime | None = None
    instance_state: str = ""
    ip_address: str = ""
    reboot_option: str = ""
    last_no_reboot_install: datetime | None = None
    available_security_updates: int = 0
    why: tuple[str, ...]
    next_steps: tuple[str, ...]
    patches: tuple[PatchRow, ...] = ()
    patches_as_of: datetime | None = None
    baseline: BaselineRow | None = None
    gaps: tuple[GapRow, ...] = ()
    notices: tuple[str, ...] = ()
