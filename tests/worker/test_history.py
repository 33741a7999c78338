"""The jobs that keep history: when a snapshot is taken, and that no run waits for one."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest

from bot.core.environments import Environment, Target
from bot.core.errors import Unreachable
from bot.core.history import SnapshotKind
from bot.core.ports import ComplianceGateway, Progress
from bot.core.readings import TargetReading
from bot.services.compliance import Compliance
from bot.services.history import History
from bot.store.cache import ReadingCache
from bot.store.history import HistoryDatabase
from tests.worker.aws import SimulatedAws
from tests.worker.site import PROD, Site, a_plan


def keep(site: Site, directory: Path, gateway: ComplianceGateway) -> History:
    """A history in that directory, read through `gateway`."""
    compliance = Compliance(
        {"prod": PROD},
        gateway,
        ReadingCache(directory / "cache.db"),
        clock=site.aws.now,
        time_to_live=timedelta(minutes=10),
    )
    return History(
        HistoryDatabase(directory / "history.db"),
        compliance,
        deadlines={},
        clock=site.aws.now,
        ledger=site.ledger,
    )


@pytest.fixture
def history(site: Site, tmp_path: Path) -> History:
    found = keep(site, tmp_path, site.aws)
    site.worker = site.new_worker(history=found)
    return found


def dailies(history: History, site: Site) -> list[str]:
    found = history.store.snapshots("prod", since=site.aws.now() - timedelta(days=30))
    return [one.day.isoformat() for one in found if one.kind is SnapshotKind.DAILY]


def reads(site: Site) -> list[str]:
    called: list[str] = []
    site.aws.on_call = called.append
    return called


def test_each_day_has_one_snapshot_and_days_without_patchbot_stay_missing(
    history: History, site: Site
) -> None:
    site.aws.add(1)
    called = reads(site)
    for _ in range(20):
        site.tick(60)
    assert dailies(history, site) == ["2026-03-02"]
    assert called.count("read_target") == 1
    assert called.count("patches") == 1
    site.tick(3 * 24 * 3600)
    site.worker = site.new_worker(history=history)
    site.tick()
    assert dailies(history, site) == ["2026-03-02", "2026-03-05"]


def test_one_that_fails_is_tried_again_after_a_pause(history: History, site: Site) -> None:
    site.aws.failing["read_target"] = Unreachable("No route.")
    called = reads(site)
    for _ in range(10):
        site.tick(20)
    assert dailies(history, site) == []
    tried = called.count("read_target")
    assert 1 <= tried <= 6
    assert any(failure.job == "daily snapshot" for failure in site.worker.troubles)
    site.aws.failing.clear()
    site.tick(300)
    assert dailies(history, site) == ["2026-03-02"]


def test_after_a_run_there_is_a_snapshot_and_what_it_closed_is_its_own(
    history: History, site: Site
) -> None:
    keys = site.aws.add(1, 2)
    site.tick()
    assert len(history.store.exposures("prod")) == 4
    site.approved(a_plan(site.aws, keys))
    run = site.finish()
    assert run.ended_at is not None
    for _ in range(4):
        site.tick(20)
    assert history.has_run("prod", "X-1", since=run.ended_at)
    closed = history.store.exposures("prod", closed_since=site.aws.now() - timedelta(days=1))
    assert [(one.is_open, one.closed_by) for one in closed] == [(False, "X-1")] * 4
    called = reads(site)
    for _ in range(5):
        site.tick(20)
    assert called == []


def test_a_run_that_ended_long_ago_gets_none(history: History, site: Site) -> None:
    site.worker = site.new_worker()
    site.approved(a_plan(site.aws, site.aws.add(1)))
    run = site.finish()
    assert run.ended_at is not None
    site.aws.advance(25 * 3600)
    site.worker = site.new_worker(history=history)
    for _ in range(4):
        site.tick(20)
    assert not history.has_run("prod", "X-1", since=run.ended_at)


def test_a_reading_for_history_holds_up_no_run_and_no_end(site: Site, tmp_path: Path) -> None:
    """It hangs in AWS on its own thread; the run starts, and stopping does not wait for it."""
    hanging = Hanging(site.aws)
    slow = keep(site, tmp_path / "slow", hanging)
    site.approved(a_plan(site.aws, site.aws.add(1)))
    started = threading.Event()
    site.aws.on_accept = lambda _order: started.set()
    worker = site.new_worker(history=slow)
    worker.start()
    try:
        assert hanging.hangs.wait(10)
        assert started.wait(10)
        worker.stop(0.1)
    finally:
        hanging.release.set()
    assert not any("job_failed" in kind for kind in site.kinds())


class Hanging:
    """An AWS that answers no reading until it is released."""

    def __init__(self, aws: SimulatedAws) -> None:
        self._aws = aws
        self.hangs, self.release = threading.Event(), threading.Event()
        self.patches, self.baseline = aws.patches, aws.baseline

    def read_target(
        self, environment: Environment, target: Target, *, progress: Progress | None = None
    ) -> TargetReading:
        """See the port."""
        self.hangs.set()
        self.release.wait(30)
        return self._aws.read_target(environment, target)
