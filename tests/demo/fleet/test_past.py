"""The past of the demo's fleet ends in its present."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.core.deadlines import Deadlines, trend_report
from bot.core.environments import Account, Environment, Target
from bot.core.history import Snapshot
from bot.demo.fleet.demo import demo_fleet
from bot.demo.fleet.model import Fleet
from bot.demo.fleet.past import DAYS, write_past
from bot.store.history import HistoryDatabase

NOW = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
ENVIRONMENTS = {
    name: Environment(name, tuple(Target(Account(), one) for one in ("eu-central-1", "us-east-1")))
    for name in ("prod", "staging", "dev")
}


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return demo_fleet(NOW)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory, fleet: Fleet) -> HistoryDatabase:
    found = HistoryDatabase(tmp_path_factory.mktemp("past") / "history.db")
    with found.together():
        for environment in ENVIRONMENTS.values():
            write_past(found, fleet, environment)
    return found


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_what_is_open_at_the_end_is_what_the_fleet_has_open(
    history: HistoryDatabase, fleet: Fleet, name: str
) -> None:
    """Every patch in its state, and no node that a reading of now would find anything new about."""
    known = history.patches_known_at(name)
    opened = history.exposures(name)
    for node in fleet.of(name):
        if node.state == "terminated" or node.run is None:
            continue
        key = (node.account, node.region, node.instance_id)
        assert known[key] == node.run.ended  # type: ignore[index]
        if node.state == "stopped":
            continue
        found = {(one.patch.title, one.patch.state) for one in opened if one.key == key}
        expected = {(one.package.title, one.state.value) for one in node.run.non_compliant}
        assert found == expected, node.name


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_last_day_is_like_today(history: HistoryDatabase, fleet: Fleet, name: str) -> None:
    """Yesterday had the nodes of today, and nearly as many of them compliant."""
    days = history.snapshots(name, since=NOW - timedelta(days=DAYS + 2))
    assert len(days) == DAYS
    assert days[-1].day == (NOW - timedelta(days=1)).date()
    running = [node for node in fleet.of(name) if node.state in {"running", ""}]
    compliant = sum(_is_fresh_and_clean(fleet, node) for node in running)
    assert days[-1].nodes.total == len(running)
    assert abs(days[-1].nodes.compliant - compliant) <= 6


def _is_fresh_and_clean(fleet: Fleet, node) -> bool:  # type: ignore[no-untyped-def]
    run = node.run
    fresh = run is not None and fleet.now - run.ended < timedelta(days=7)
    return bool(fresh and node.is_compliant)


def test_there_is_a_trend_to_show(history: HistoryDatabase) -> None:
    days = history.snapshots("prod", since=NOW - timedelta(days=DAYS + 2))
    shares = [one.nodes.compliant / one.nodes.total for one in days]
    assert shares[-1] > shares[4] + 0.1
    assert len({round(share, 2) for share in shares}) > 10
    report = _trend(history, days)
    assert report.closed > 100
    assert report.days_to_patch_mean is not None
    assert sum(row.breached for row in report.deadlines) > 0
    assert sum(row.within for row in report.deadlines) > 0


def _trend(history: HistoryDatabase, days: tuple[Snapshot, ...]):  # type: ignore[no-untyped-def]
    since = NOW - timedelta(days=30)
    return trend_report(
        "prod",
        now=NOW,
        days=30,
        snapshots=days,
        exposures=history.exposures("prod", closed_since=since),
        patched=history.patched("prod", since=since),
        deadlines=Deadlines(),
        known_since=days[0].at,
    )
