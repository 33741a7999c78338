"""A failed Install stays to be done: not for a day, and not for ever either."""

from __future__ import annotations

from dataclasses import replace

from bot.core.causes import RunOnNodes
from bot.core.failing import failing
from bot.core.history import Exposure, NodeState
from tests.core.test_comparing import broken, key, node, opened, run, scanned

BAD = run("X-12", 3, failed=(1,))


def found(
    now: NodeState, *exposures: Exposure, runs: tuple[RunOnNodes, ...] = (BAD,)
) -> str | None:
    return failing([now], runs, exposures).get(key(1))


def test_it_stays_while_nobody_has_installed_since() -> None:
    """Whether the patches of the node are read or not."""
    now = scanned(broken(1), 17, missing=1)
    assert found(now) == "X-12"
    assert found(now, opened(1, hour=-100)) == "X-12"


def test_a_node_that_is_compliant_is_nothing_to_do() -> None:
    assert found(scanned(node(1), 17)) is None


def test_it_is_over_after_a_good_run() -> None:
    good = run("X-13", 6, 1)
    assert found(scanned(broken(1), 17, missing=1), runs=(good, BAD)) is None


def test_it_is_over_after_somebody_elses_install() -> None:
    """Also when a scan came after that: then all that is open on the node came later than the run."""
    now = scanned(broken(1), 15, operation="Install", missing=1)
    assert found(now) is None
    assert found(scanned(now, 17, missing=1), opened(1, hour=16)) is None


def test_a_failed_patch_is_to_be_looked_at_whoever_tried() -> None:
    now = scanned(broken(1), 15, operation="Install", failed=1)
    assert found(now) == ""
    assert found(now, runs=()) == ""
    assert found(now, runs=(run("X-13", 6, 1),)) == ""


def test_a_scan_fails_nothing() -> None:
    scan = replace(BAD, installs=False)
    assert found(scanned(broken(1), 17, missing=1), runs=(scan,)) is None
