"""The fleet as plain data: what the simulated AWS is seeded with, and tests count by themselves."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class PatchState(StrEnum):
    """Patch Manager's states, spelled as on the wire."""

    INSTALLED = "Installed"
    INSTALLED_OTHER = "InstalledOther"
    INSTALLED_PENDING_REBOOT = "InstalledPendingReboot"
    INSTALLED_REJECTED = "InstalledRejected"
    MISSING = "Missing"
    NOT_APPLICABLE = "NotApplicable"
    FAILED = "Failed"
    AVAILABLE_SECURITY_UPDATE = "AvailableSecurityUpdate"


NON_COMPLIANT_STATES = (
    PatchState.MISSING,
    PatchState.FAILED,
    PatchState.INSTALLED_REJECTED,
    PatchState.INSTALLED_PENDING_REBOOT,
)


@dataclass(frozen=True, slots=True)
class Platform:
    """An operating system as the agent and the baselines name it."""

    operating_system: str
    kind: str
    name: str
    version: str
    reports_cves: bool

    @property
    def is_windows(self) -> bool:
        """Whether patches are named by KB number."""
        return self.kind == "Windows"


@dataclass(frozen=True, slots=True)
class Package:
    """A patch as its vendor publishes it."""

    title: str
    kb_id: str
    classification: str = ""
    severity: str = ""
    cves: tuple[str, ...] = ()

    @property
    def is_security(self) -> bool:
        """Whether Patch Manager counts it as Security (SecurityUpdates on Windows)."""
        return self.classification in ("Security", "SecurityUpdates")


@dataclass(frozen=True, slots=True)
class Rule:
    """An approval rule: the patches it fits, the compliance level it gives, after how many days."""

    level: str
    after_days: int
    classifications: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()

    def fits(self, package: Package) -> bool:
        """Whether the rule speaks about the package."""
        return (not self.classifications or package.classification in self.classifications) and (
            not self.severities or package.severity in self.severities
        )


@dataclass(frozen=True, slots=True)
class Baseline:
    """An own patch baseline in one Region."""

    baseline_id: str
    account: str
    region: str
    name: str
    operating_system: str
    description: str
    rules: tuple[Rule, ...]
    patch_groups: tuple[str, ...]
    rejected: tuple[str, ...] = ()
    available_updates_are_compliant: bool = True

    def level_of(self, package: Package) -> str:
        """The compliance level that the first fitting rule gives."""
        return next((rule.level for rule in self.rules if rule.fits(package)), "UNSPECIFIED")


@dataclass(frozen=True, slots=True)
class Patch:
    """A package on one node: its state and the level its baseline gave it."""

    package: Package
    state: PatchState
    level: str
    is_compliant: bool | None
    installed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """The last Scan or Install of a node and what it found."""

    operation: str
    started: datetime
    ended: datetime
    baseline_id: str
    patch_group: str
    snapshot_id: str
    command_id: str
    patches: tuple[Patch, ...]
    reboot_option: str = "NoReboot"
    not_applicable: int = 0
    last_no_reboot_install: datetime | None = None

    def count(self, state: PatchState) -> int:
        """How many patches are in a state."""
        return sum(patch.state is state for patch in self.patches)

    @property
    def non_compliant(self) -> tuple[Patch, ...]:
        """The patches that make the node non-compliant."""
        return tuple(patch for patch in self.patches if patch.is_compliant is False)

    @property
    def critical_count(self) -> int:
        """Non-compliant patches whose baseline level is CRITICAL."""
        return sum(patch.level == "CRITICAL" for patch in self.non_compliant)

    @property
    def security_count(self) -> int:
        """Non-compliant patches of class Security; some of them are counted as critical too."""
        return sum(patch.package.is_security for patch in self.non_compliant)

    @property
    def other_count(self) -> int:
        """Non-compliant patches that are neither."""
        return sum(
            patch.level != "CRITICAL" and not patch.package.is_security
            for patch in self.non_compliant
        )


@dataclass(frozen=True, slots=True)
class Node:
    """A managed node. `state` is EC2's (running, stopped, terminated) and empty for hybrid ones."""

    instance_id: str
    account: str
    region: str
    platform: Platform
    tags: Mapping[str, str]
    last_ping: datetime
    computer_name: str
    ip_address: str
    instance_type: str = "t3.large"
    state: str = "running"
    connection_lost: bool = False
    run: Run | None = None

    @property
    def is_hybrid(self) -> bool:
        """A machine outside EC2."""
        return self.instance_id.startswith("mi-")

    @property
    def name(self) -> str:
        """The Name tag."""
        return self.tags.get("Name", "")

    @property
    def environment(self) -> str:
        """The Environment tag."""
        return self.tags.get("Environment", "")

    @property
    def patch_group(self) -> str:
        """The Patch Group tag; empty when it has none."""
        return self.tags.get("Patch Group", "")

    @property
    def is_compliant(self) -> bool | None:
        """By its last run, however old; None when there was none."""
        return None if self.run is None else not self.run.non_compliant


@dataclass(frozen=True, slots=True)
class Fleet:
    """Nodes and own baselines at one moment."""

    now: datetime
    nodes: tuple[Node, ...]
    baselines: tuple[Baseline, ...] = field(default=())

    def of(self, environment: str) -> tuple[Node, ...]:
        """The nodes tagged with an environment, terminated ones too."""
        return tuple(node for node in self.nodes if node.environment == environment)

    def named(self, name: str) -> tuple[Node, ...]:
        """The nodes that carry a Name."""
        return tuple(node for node in self.nodes if node.name == name)

    @property
    def names(self) -> Counter[str]:
        """How many nodes carry each Name."""
        return Counter(node.name for node in self.nodes)
