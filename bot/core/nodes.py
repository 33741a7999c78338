"""A managed node and its patch state, as Systems Manager last reported them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

LOST = frozenset({"ConnectionLost", "Inactive"})
"""Ping statuses of an agent that does not answer any more: the second is the older word for the first."""


class NodeKey(NamedTuple):
    """What identifies a node everywhere: an instance id alone may exist once per account and Region."""

    account: str
    region: str
    instance_id: str


@dataclass(frozen=True, slots=True)
class ManagedNode:
    """A managed node (DescribeInstanceProperties, DescribeInstanceInformation, EC2 tags).

    Texts are as AWS gave them and therefore untrusted: `name`, `owner` and the platform are written by people.
    `instance_state` is EC2's ("running", "stopped", …), lower case, empty where AWS did not say.
    `ping_status` is "Online", "ConnectionLost", "Inactive" or empty.
    `patch_group_tag` is read for nodes without a patch state, which would tell it: empty where the tag is missing,
    None where it was not read.
    """

    instance_id: str
    account: str
    region: str
    name: str = ""
    platform_type: str = ""
    platform_name: str = ""
    platform_version: str = ""
    ping_status: str = ""
    last_ping: datetime | None = None
    agent_version: str = ""
    instance_state: str = ""
    resource_type: str = ""
    ip_address: str = ""
    owner: str = ""
    patch_group_tag: str | None = None

    @property
    def key(self) -> NodeKey:
        return NodeKey(self.account, self.region, self.instance_id)

    @property
    def stopped(self) -> bool:
        """Stopped nodes are outside every total: they cannot be scanned and are not exposed."""
        return self.instance_state in {"stopped", "stopping"}

    @property
    def terminated(self) -> bool:
        """Terminated nodes are nowhere."""
        return self.instance_state in {"terminated", "shutting-down"}

    @property
    def online(self) -> bool:
        """The agent answers, so something can be sent to the node."""
        return self.ping_status == "Online"

    @property
    def connection_lost(self) -> bool:
        """The agent does not answer any more."""
        return self.ping_status in LOST


@dataclass(frozen=True, slots=True)
class PatchState:
    """The patch state of one node (InstancePatchState of DescribeInstancePatchStates).

    The three …_non_compliant counters overlap: one item may count in two. They speak of the compliance level
    written in the baseline (critical) and of the class (security), never of the vendor's severity.
    Times are None where AWS gave the epoch, the year 1 or nothing.
    """

    instance_id: str
    patch_group: str = ""
    baseline_id: str = ""
    snapshot_id: str = ""
    operation: str = ""
    operation_start_time: datetime | None = None
    operation_end_time: datetime | None = None
    reboot_option: str = ""
    last_no_reboot_install: datetime | None = None
    installed: int = 0
    installed_other: int = 0
    installed_pending_reboot: int = 0
    installed_rejected: int = 0
    missing: int = 0
    failed: int = 0
    not_applicable: int = 0
    available_security_updates: int = 0
    critical_non_compliant: int = 0
    security_non_compliant: int = 0
    other_non_compliant: int = 0


@dataclass(frozen=True, slots=True)
class Observation:
    """A node with its patch state: `state` is None when it was never scanned, or could not be read.

    `unread` says why the state could not be read (AWS's words, shortened), empty when it was read.
    `counts_available_security_updates` is True when the Windows baseline that judged the node counts security
    updates that are available but not approved as non-compliant (AvailableSecurityUpdatesComplianceStatus).
    `undecided` is True where the node has such updates and that baseline could not be read.
    """

    node: ManagedNode
    state: PatchState | None = None
    unread: str = ""
    counts_available_security_updates: bool = False
    undecided: bool = False


@dataclass(frozen=True, slots=True)
class Patch:
    """One patch on one node (PatchComplianceData of DescribeInstancePatches).

    `state` is one of PATCH_STATES. `severity` is the vendor's word, not a baseline level; on Debian and Ubuntu it
    is the package priority. `kb_id` is the KB number on Windows, `name.arch` on Linux.
    """

    title: str
    kb_id: str
    classification: str
    severity: str
    state: str
    installed_time: datetime | None = None
    cve_ids: tuple[str, ...] = ()


PATCH_STATES = (
    "Missing",
    "Failed",
    "InstalledPendingReboot",
    "InstalledRejected",
    "AvailableSecurityUpdate",
    "Installed",
    "InstalledOther",
    "NotApplicable",
)

_BY_FOLDED_STATE = {state.casefold(): state for state in PATCH_STATES}


def patch_state(text: str) -> str:
    """The state as we spell it. AWS declares UPPER_SNAKE and sends CamelCase; both are understood.

    An unknown word is kept as it came: it is shown, and counts as nothing.
    """
    return _BY_FOLDED_STATE.get(text.replace("_", "").casefold(), text)


@dataclass(frozen=True, slots=True)
class Baseline:
    """A patch baseline (GetPatchBaseline): the rules that judge a node."""

    baseline_id: str
    name: str = ""
    operating_system: str = ""
    description: str = ""
    default: bool = False
    compliance_levels: tuple[str, ...] = ()
    approve_after_days: tuple[int, ...] = ()
    counts_available_security_updates: bool = False
