"""The demo's fleet as data: deterministic, consistent, and with every trap in it."""

import re
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from bot.demo.fleet.demo import (
    FORMULA_NAME,
    HOSTILE_NAME,
    LONG_NAME,
    SHARED_NAME,
    demo_fleet,
)
from bot.demo.fleet.large import large_fleet
from bot.demo.fleet.model import Fleet, Node, PatchState, Platform
from bot.demo.fleet.packages import PLATFORMS, others, settled, updates

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
WEEK = timedelta(days=7)


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    """The demo's fleet."""
    return demo_fleet(NOW)


def age(node: Node) -> timedelta | None:
    """How long ago the node's last run ended."""
    return NOW - node.run.ended if node.run else None


def test_the_same_seed_gives_the_same_fleet() -> None:
    """Another now shifts its times only, another seed makes another fleet."""
    assert demo_fleet(NOW) == demo_fleet(NOW)
    later = demo_fleet(NOW + timedelta(days=1))
    assert [n.instance_id for n in later.nodes] == [n.instance_id for n in demo_fleet(NOW).nodes]
    assert later.nodes[0].last_ping - demo_fleet(NOW).nodes[0].last_ping == timedelta(days=1)
    assert demo_fleet(NOW, seed=3) != demo_fleet(NOW)


def test_it_has_the_size_and_spread_of_a_real_one(fleet: Fleet) -> None:
    """About 150 nodes, 80 of them in prod, in two Regions, on seven platforms."""
    assert 140 <= len(fleet.nodes) <= 160
    assert 75 <= len(fleet.of("prod")) <= 85
    assert {node.environment for node in fleet.nodes} == {"prod", "staging", "dev"}
    for environment in ("prod", "staging", "dev"):
        assert {n.region for n in fleet.of(environment)} == {"eu-central-1", "us-east-1"}
    assert {node.platform for node in fleet.nodes} == set(PLATFORMS)
    assert len({node.instance_id for node in fleet.nodes}) == len(fleet.nodes)
    assert all(re.fullmatch(r"m?i-[0-9a-f]{17}", node.instance_id) for node in fleet.nodes)


def test_prod_is_mostly_compliant(fleet: Fleet) -> None:
    """Between 75 and 85 per cent of what runs."""
    running = [n for n in fleet.of("prod") if n.state in ("running", "")]
    good = [n for n in running if n.is_compliant and (age(n) or timedelta.max) < timedelta(days=7)]
    assert 0.75 <= len(good) / len(running) <= 0.85


@pytest.mark.parametrize("environment", ["prod", "staging", "dev"])
def test_every_environment_has_its_troubles(fleet: Fleet, environment: str) -> None:
    """Missing, failed, never scanned, nine days old and stopped nodes everywhere."""
    nodes = fleet.of(environment)
    assert any(n.run is None for n in nodes)
    assert any(n.state == "stopped" for n in nodes)
    assert any(a and timedelta(days=9) < a < timedelta(days=10) for a in map(age, nodes))
    for state in (PatchState.MISSING, PatchState.FAILED):
        assert any(n.run and n.run.count(state) for n in nodes)


def test_prod_has_every_trap(fleet: Fleet) -> None:
    """What a reading gets wrong when it knows only Missing."""
    nodes = fleet.of("prod")
    assert any(n.state == "terminated" for n in nodes)
    assert any(n.connection_lost and (age(n) or WEEK) < WEEK for n in nodes)
    assert any((age(n) or timedelta()) >= timedelta(days=20) for n in nodes)
    assert any(n.is_hybrid for n in nodes)
    for state in (PatchState.INSTALLED_REJECTED, PatchState.INSTALLED_PENDING_REBOOT):
        assert any(
            n.run and n.run.count(state) and not n.run.count(PatchState.MISSING) for n in nodes
        )
    available = [n for n in nodes if n.run and n.run.count(PatchState.AVAILABLE_SECURITY_UPDATE)]
    assert available
    assert not any(n.is_compliant for n in available)
    assert any(n.run and n.run.operation == "Install" and n.is_compliant for n in nodes)
    assert {n.run.baseline_id[:3] for n in nodes if n.run} == {"arn", "pb-"}
    assert any(n.run and n.run.critical_count for n in nodes)


def test_the_same_update_is_compliant_under_another_baseline(fleet: Fleet) -> None:
    """AWS's default does not hold an unapproved Windows update against the node."""
    available = [
        n
        for n in fleet.of("staging")
        if n.run and n.run.count(PatchState.AVAILABLE_SECURITY_UPDATE)
    ]
    assert available
    assert all(n.is_compliant for n in available)


def test_names_are_unique_but_for_the_one_that_is_not(fleet: Fleet) -> None:
    """Two nodes share a Name; a hostile, a very long and a formula one are there."""
    assert [name for name, count in fleet.names.items() if count > 1] == [SHARED_NAME]
    first, second = fleet.named(SHARED_NAME)
    assert first.region != second.region
    for name in (HOSTILE_NAME, LONG_NAME, FORMULA_NAME):
        [node] = fleet.named(name)
        assert node.is_compliant is False
    assert 250 <= len(LONG_NAME) <= 255


def test_an_install_reports_nothing_missing(fleet: Fleet) -> None:
    """As on AWS: after an Install what is not there has failed."""
    installs = [n for n in fleet.nodes if n.run and n.run.operation == "Install"]
    assert installs
    assert not any(n.run and n.run.count(PatchState.MISSING) for n in installs)
    for node in fleet.nodes:
        if node.run and node.run.count(PatchState.INSTALLED_PENDING_REBOOT):
            assert node.run.reboot_option == "NoReboot"
            assert node.run.last_no_reboot_install is not None


def test_runs_lie_in_the_past_and_patches_before_them(fleet: Fleet) -> None:
    """No node reports from the future."""
    for node in fleet.nodes:
        assert node.last_ping <= NOW
        if node.run:
            assert node.run.started < node.run.ended <= NOW
            for patch in node.run.patches:
                assert (patch.installed_at is not None) == patch.state.startswith("Installed")
                assert patch.installed_at is None or patch.installed_at <= node.run.ended


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda p: f"{p.name} {p.version}")
def test_patches_are_named_as_the_platform_names_them(platform: Platform) -> None:
    """name.arch:epoch:version-release, name.arch:version, or an update title with its KB."""
    catalogue = [*updates(platform), *settled(platform), *others(platform)]
    assert len({package.title for package in catalogue}) == len(catalogue)
    for package in catalogue:
        if platform.is_windows:
            assert re.fullmatch(r"KB\d{6,7}", package.kb_id)
            assert package.kb_id in package.title
        else:
            assert package.title.startswith(f"{package.kb_id}:")
            assert re.fullmatch(r"[\w.+-]+\.(x86_64|noarch|amd64|all)", package.kb_id)
        if not platform.reports_cves:
            assert package.cves == ()
        assert all(re.fullmatch(r"CVE-20\d\d-\d{4,5}", cve) for cve in package.cves)
    if platform.reports_cves:
        assert any(package.cves for package in catalogue)


def test_a_large_fleet_has_the_same_mixture_at_any_size() -> None:
    """A thousand nodes: unique ids and names, mostly compliant, some without data."""
    fleet = large_fleet(1000, NOW)
    assert len({n.instance_id for n in fleet.nodes}) == 1000
    assert max(fleet.names.values()) == 1
    mixture = Counter(node.is_compliant for node in fleet.nodes)
    assert mixture[True] > 700
    assert mixture[False] > 100
    assert mixture[None] > 10
