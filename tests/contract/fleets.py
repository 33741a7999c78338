"""What a plain fleet must look like through the gateway: worked out from its data, not from AWS's answers."""

from __future__ import annotations

from datetime import UTC

from bot.core.environments import Account, Target
from bot.core.nodes import Baseline, ManagedNode, Patch, PatchState
from bot.demo.fleet import model
from tests.fakes.aws import FakeAws, FakeNode

AGENT = "3.3.2746.0"
TELLING = (
    "Missing",
    "Failed",
    "InstalledPendingReboot",
    "InstalledRejected",
    "AvailableSecurityUpdate",
)


def fake_of(fleet: model.Fleet, *, account: str) -> FakeAws:
    """The fleet in a fake."""
    fake = FakeAws(clock=lambda: fleet.now, account=account)
    fake.put(*(as_known(node) for node in fleet.nodes))
    for baseline in fleet.baselines:
        target = Target(Account(id=baseline.account), baseline.region)
        fake.put_baseline(target, as_baseline(baseline))
    return fake


def as_known(node: model.Node) -> FakeNode:
    """A node of the fleet as AWS knows it."""
    off = node.state in ("stopped", "terminated")
    seen = ManagedNode(
        instance_id=node.instance_id,
        account=node.account,
        region=node.region,
        name=node.name,
        platform_type=node.platform.kind,
        platform_name=node.platform.name,
        platform_version=node.platform.version,
        ping_status="ConnectionLost" if node.connection_lost or off else "Online",
        last_ping=node.last_ping.astimezone(UTC).replace(microsecond=0),
        agent_version=AGENT,
        instance_state="" if node.is_hybrid else node.state,
        resource_type="ManagedInstance" if node.is_hybrid else "EC2Instance",
        ip_address=node.ip_address,
    )
    patches = as_patches(node)
    return FakeNode(seen, as_state(node), node.tags, patches)


def as_state(node: model.Node) -> PatchState | None:
    """The node's last run as a patch state."""
    run = node.run
    if run is None:
        return None
    of = model.PatchState
    return PatchState(
        instance_id=node.instance_id,
        patch_group=run.patch_group,
        baseline_id=run.baseline_id,
        snapshot_id=run.snapshot_id,
        operation=run.operation,
        operation_start_time=run.started.replace(microsecond=0),
        operation_end_time=run.ended.replace(microsecond=0),
        reboot_option=run.reboot_option,
        last_no_reboot_install=run.last_no_reboot_install,
        installed=run.count(of.INSTALLED),
        installed_other=run.count(of.INSTALLED_OTHER),
        installed_pending_reboot=run.count(of.INSTALLED_PENDING_REBOOT),
        installed_rejected=run.count(of.INSTALLED_REJECTED),
        missing=run.count(of.MISSING),
        failed=run.count(of.FAILED),
        not_applicable=run.not_applicable + run.count(of.NOT_APPLICABLE),
        available_security_updates=run.count(of.AVAILABLE_SECURITY_UPDATE),
        critical_non_compliant=run.critical_count,
        security_non_compliant=run.security_count,
        other_non_compliant=run.other_count,
    )


def as_patches(node: model.Node) -> tuple[Patch, ...]:
    """The patches of the last run that tell something, in the order of the states, then by title."""
    if node.run is None:
        return ()
    found = [
        Patch(
            title=patch.package.title,
            kb_id=patch.package.kb_id,
            classification=patch.package.classification,
            severity=patch.package.severity,
            state=patch.state.value,
            installed_time=patch.installed_at,
            cve_ids=patch.package.cves
            if node.platform.reports_cves and patch.state.value in ("Missing", "Failed")
            else (),
        )
        for patch in node.run.patches
        if patch.state.value in TELLING
    ]
    return tuple(sorted(found, key=lambda one: (TELLING.index(one.state), one.title, one.kb_id)))


def as_baseline(baseline: model.Baseline) -> Baseline:
    """An own baseline of the fleet."""
    levels = dict.fromkeys(rule.level for rule in baseline.rules)
    windows = baseline.operating_system == "WINDOWS"
    return Baseline(
        baseline_id=baseline.baseline_id,
        name=baseline.name,
        operating_system=baseline.operating_system,
        description=baseline.description,
        compliance_levels=tuple(levels),
        approve_after_days=tuple(rule.after_days for rule in baseline.rules),
        counts_available_security_updates=windows and not baseline.available_updates_are_compliant,
    )
