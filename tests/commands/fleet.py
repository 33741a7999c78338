"""A small fixed fleet with one node for every state there is, and the doubles that serve it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bot.core.environments import Account, Environment, Target
from bot.core.errors import AccessDenied, AwsError
from bot.core.nodes import Baseline, ManagedNode, NodeKey, Observation, Patch, PatchState
from bot.core.ports import Progress
from bot.core.readings import Reading, TargetReading

NOW = datetime(2026, 11, 23, 14, 5, tzinfo=UTC)
ACCOUNT = "111122223333"
FRANKFURT = Target(Account(ACCOUNT, role="PatchBotReader"), "eu-central-1")
VIRGINIA = Target(Account(ACCOUNT, role="PatchBotReader"), "us-east-1")
BASELINE = Baseline(
    "pb-0c10e65780f6b2a41",
    name="prod-linux",
    operating_system="AMAZON_LINUX_2023",
    compliance_levels=("CRITICAL", "HIGH"),
    approve_after_days=(7,),
)


@dataclass
class FakeGateway:
    """Serves what it is given; a target without a reading is denied."""

    readings: Mapping[tuple[str, str], TargetReading | AwsError]
    patch_lists: Mapping[str, tuple[Patch, ...]] = field(default_factory=dict)
    baselines: Mapping[str, Baseline] = field(default_factory=dict)
    reads: int = 0

    def read_target(
        self, environment: Environment, target: Target, *, progress: Progress | None = None
    ) -> TargetReading:
        self.reads += 1
        found = self.readings.get((environment.name, target.region), DENIED)
        if isinstance(found, AwsError):
            raise found
        if progress is not None:
            progress(str(target), len(found.observations), len(found.observations))
        return found

    def patches(self, key: NodeKey, target: Target) -> tuple[Patch, ...]:
        if key.instance_id not in self.patch_lists:
            raise DENIED
        return self.patch_lists[key.instance_id]

    def baseline(self, baseline_id: str, target: Target) -> Baseline:
        if baseline_id not in self.baselines:
            raise DENIED
        return self.baselines[baseline_id]


class FakeStore:
    """A cache in memory."""

    def __init__(self, readings: Iterable[Reading] = ()) -> None:
        self.readings = {reading.environment: reading for reading in readings}
        self.details: dict[tuple[NodeKey, datetime | None], tuple[datetime, tuple[Patch, ...]]] = {}

    def load(self, environment: Environment) -> Reading | None:
        return self.readings.get(environment.name)

    def save(self, environment: Environment, reading: Reading) -> None:
        self.readings[environment.name] = reading

    def load_patches(
        self, key: NodeKey, operation_end_time: datetime | None
    ) -> tuple[datetime, tuple[Patch, ...]] | None:
        return self.details.get((key, operation_end_time))

    def save_patches(
        self,
        key: NodeKey,
        operation_end_time: datetime | None,
        patches: tuple[Patch, ...],
        *,
        read_at: datetime,
    ) -> None:
        self.details[key, operation_end_time] = (read_at, patches)


DENIED = AccessDenied(
    "AccessDenied: the role PatchBotReader may not call ssm:DescribeInstanceProperties.",
    code="AccessDeniedException",
    operation="DescribeInstanceProperties",
    hint="Give it the policy in deploy/reader-policy.json.",
)


def ago(**length: float) -> datetime:
    """A moment before NOW."""
    return NOW - timedelta(**length)


def managed(number: int, name: str, **more: object) -> ManagedNode:
    """A managed node as most are: Amazon Linux in Frankfurt, online, owned by payments."""
    given: dict[str, object] = {
        "instance_id": f"i-0{number:016x}",
        "account": ACCOUNT,
        "region": "eu-central-1",
        "name": name,
        "platform_type": "Linux",
        "platform_name": "Amazon Linux",
        "platform_version": "2023",
        "ping_status": "Online",
        "last_ping": ago(minutes=2),
        "agent_version": "3.3.987.0",
        "instance_state": "running",
        "resource_type": "EC2Instance",
        "ip_address": "10.0.0.7",
        "owner": "payments",
        **more,
    }
    return ManagedNode(**given)  # type: ignore[arg-type]


def scanned(node: ManagedNode, **more: object) -> Observation:
    """That node with a Scan of three hours ago, in the patch group prod-linux."""
    given: dict[str, object] = {
        "instance_id": node.instance_id,
        "patch_group": "prod-linux",
        "baseline_id": BASELINE.baseline_id,
        "operation": "Scan",
        "operation_end_time": ago(hours=3),
        "installed": 212,
        **more,
    }
    return Observation(node, PatchState(**given))  # type: ignore[arg-type]


WINDOWS = {
    "platform_type": "Windows",
    "platform_name": "Microsoft Windows Server 2022 Datacenter",
    "platform_version": "10.0.20348",
    "owner": "identity",
}
UBUNTU = {"platform_name": "Ubuntu", "platform_version": "24.04", "owner": ""}

FRANKFURT_NODES = (
    scanned(managed(1, "prod-web-01"), missing=3, failed=1, critical_non_compliant=2, security_non_compliant=3),
    scanned(managed(2, "prod-web-02")),
    scanned(managed(3, "prod-web-03")),
    scanned(managed(4, "prod-api-01")),
    scanned(managed(5, "prod-api-02"), operation="Install", operation_end_time=ago(days=2)),
    scanned(
        managed(6, "prod-ad-01", **WINDOWS),
        patch_group="prod-windows",
        baseline_id="pb-09ca3fb51f0412ec3",
        operation="Install",
        operation_end_time=ago(days=2),
        reboot_option="NoReboot",
        last_no_reboot_install=ago(days=2),
        installed_pending_reboot=4,
        security_non_compliant=2,
    ),
    scanned(managed(7, "prod-ad-02", **WINDOWS), patch_group="prod-windows", available_security_updates=5),
    Observation(managed(8, "prod-batch-01", **UBUNTU)),
    scanned(
        managed(9, "prod-batch-02", ping_status="ConnectionLost", last_ping=ago(days=12), **UBUNTU),
        patch_group="",
        operation_end_time=ago(days=12),
        missing=41,
        other_non_compliant=41,
    ),
    scanned(managed(10, "prod-old-01", instance_state="stopped"), missing=7),
    scanned(managed(11, "prod-old-02", instance_state="terminated"), missing=9),
    scanned(managed(12, "<!channel> & *prod*", **UBUNTU), installed_rejected=1, other_non_compliant=1),
)  # fmt: skip
VIRGINIA_NODES = (
    scanned(managed(33, "prod-us-01", region="us-east-1")),
    scanned(managed(34, "prod-us-02", region="us-east-1"), missing=1, other_non_compliant=1),
    scanned(managed(35, "prod-web-01", region="us-east-1")),
)
STAGING_NODES = (
    scanned(managed(65, "staging-web-01"), missing=2, other_non_compliant=2),
    scanned(managed(66, "staging-web-02")),
)

PATCHES = (
    Patch("openssl.x86_64:1:3.0.8-1.amzn2023.0.16", "openssl.x86_64", "Security", "Critical", "Missing",
          cve_ids=("CVE-2026-1111", "CVE-2026-1112", "CVE-2026-1113", "CVE-2026-1114")),
    Patch("kernel.x86_64:0:6.1.119-129.201.amzn2023", "kernel.x86_64", "Security", "Important", "Missing",
          cve_ids=("CVE-2026-2001",)),
    Patch("bash.x86_64:0:5.2.15-2.amzn2023.0.3", "bash.x86_64", "Bugfix", "Low", "Missing"),
    Patch("curl-minimal.x86_64:0:8.5.0-1.amzn2023.0.5", "curl-minimal.x86_64", "Security", "Medium", "Failed",
          cve_ids=("CVE-2026-3001",)),
)  # fmt: skip

PROD = Environment("prod", (FRANKFURT, VIRGINIA), protected=True)
STAGING = Environment("staging", (FRANKFURT,), stale_after=timedelta(days=14))
DEV = Environment("dev", (FRANKFURT,))
ENVIRONMENTS = {one.name: one for one in (PROD, STAGING, DEV)}


def gateway() -> FakeGateway:
    """AWS as it is for the fixed fleet: Virginia denied today, dev without a node."""
    return FakeGateway(
        {
            ("prod", "eu-central-1"): TargetReading(FRANKFURT, ACCOUNT, NOW, FRANKFURT_NODES),
            ("prod", "us-east-1"): DENIED,
            ("staging", "eu-central-1"): TargetReading(FRANKFURT, ACCOUNT, NOW, STAGING_NODES),
            ("dev", "eu-central-1"): TargetReading(FRANKFURT, ACCOUNT, NOW),
        },
        patch_lists={managed(1, "").instance_id: PATCHES},
        baselines={BASELINE.baseline_id: BASELINE},
    )


def store() -> FakeStore:
    """The cache as yesterday's reading left it."""
    yesterday = ago(days=1)
    return FakeStore(
        [
            Reading(
                "prod",
                yesterday,
                (
                    TargetReading(FRANKFURT, ACCOUNT, yesterday, FRANKFURT_NODES),
                    TargetReading(VIRGINIA, ACCOUNT, yesterday, VIRGINIA_NODES),
                ),
                source="cache",
            )
        ]
    )
