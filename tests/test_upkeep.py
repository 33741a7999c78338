"""What the doctor and /metrics say of the ledger, the worker and the messages, over a real ledger."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from bot.core.errors import AwsError
from bot.core.ledger import Notice, NoticeState
from bot.metrics import Metrics
from bot.services.compliance import Compliance
from bot.services.doctor import Finding, Outcome
from bot.services.history import History
from bot.store.history import HistoryDatabase
from bot.upkeep import Upkeep, measured
from tests.commands import fleet
from tests.worker.site import Site, a_plan


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    found = Site(tmp_path)
    yield found
    found.ledger.close()


def upkeep(site: Site, *, alive: bool = True) -> Upkeep:
    return Upkeep(site.ledger, lambda: site.worker.troubles, lambda: alive, site.aws.now)


def found(site: Site, **more: bool) -> dict[str, Finding]:
    return {one.subject: one for one in upkeep(site, **more).findings()}


def test_all_is_well(site: Site) -> None:
    site.approved(a_plan(site.aws, site.aws.add(1)))
    site.until(lambda: len(site.aws.accepted) == 1)
    told = found(site)
    assert {one.outcome for one in told.values()} == {Outcome.OK}
    assert told["worker"].detail == "works; 1 open run"
    assert site.ledger.head().code in told["ledger"].detail


def test_a_ledger_nobody_may_change_comes_first(site: Site) -> None:
    site.ledger._file.read_only_reason = "it is older than its head"
    told = found(site)["ledger"]
    assert (told.outcome, "older than its head" in told.detail) == (Outcome.FAILED, True)
    assert "accept-restore" in told.hint
    assert upkeep(site).frozen() == 1


def test_a_worker_that_ended_and_jobs_that_fail(site: Site) -> None:
    assert found(site, alive=False)["worker"].outcome is Outcome.FAILED
    site.approved(a_plan(site.aws, site.aws.add(1)))
    site.until(lambda: len(site.aws.accepted) == 1)
    site.aws.failing["invocations"] = AwsError("AWS is down.", code="500")
    site.tick(60)
    told = found(site)["worker"]
    assert told.outcome is Outcome.WARNING
    assert "AWS is down." in told.detail
    assert upkeep(site).failing() == 1


def test_messages_that_nobody_sees(site: Site) -> None:
    """Those that could not be posted, and one that has waited for long."""
    with site.ledger.change() as change:
        change.show(Notice("run/X-1", "run", "X-1", "C0OPS"))
        change.show(Notice("run/X-2", "run", "X-2", "C0OPS"))
    with site.ledger.change() as change:
        lost = Notice("run/X-1", "run", "X-1", "C0OPS", reason="is_archived")
        change.move_notice(replace(lost, state=NoticeState.FAILED))
    told = found(site)["messages"]
    assert told.detail == "1 message could not be posted: run/X-1 (is_archived)"
    site.aws.jump = timedelta(minutes=20)
    assert upkeep(site).oldest_due() == 1200
    assert "waiting to be posted for 20 min" in found(site)["messages"].detail


def test_the_figures_are_in_the_metrics(site: Site) -> None:
    """Also while the ledger cannot be read: then they are not numbers, and the others still are."""
    ttl = timedelta(minutes=10)
    compliance = Compliance(
        fleet.ENVIRONMENTS, fleet.gateway(), fleet.store(), clock=site.aws.now, time_to_live=ttl
    )
    metrics = Metrics(compliance, clock=site.aws.now)
    metrics.watch_changes(upkeep(site))
    site.approved(a_plan(site.aws, site.aws.add(1)))
    site.until(lambda: len(site.aws.accepted) == 1)
    text = generate_latest(metrics.registry).decode()
    assert 'patchbot_runs_open{state="running"} 1.0' in text
    assert "patchbot_ledger_read_only 0.0" in text
    assert "patchbot_worker_jobs_failing 0.0" in text
    (site.directory / "ledger.db").unlink()
    assert math.isnan(measured(upkeep(site).unseen)())


def test_a_history_that_cannot_be_read_is_told(site: Site) -> None:
    """Without it nobody knows what is due; a digest alone would look as if nothing were."""
    compliance = Compliance(
        fleet.ENVIRONMENTS,
        fleet.gateway(),
        fleet.store(),
        clock=site.aws.now,
        time_to_live=timedelta(minutes=10),
    )
    path = site.directory / "history.db"
    history = History(HistoryDatabase(path), compliance, deadlines={}, clock=site.aws.now)
    kept = replace(upkeep(site), history=history)
    found = [one for one in kept.findings() if one.subject == "history"]
    assert {one.outcome for one in found} == {Outcome.WARNING}, "there is no snapshot yet"
    assert kept.history_broken() == 0
    path.write_bytes(b"no database " * 1000)
    broken = replace(
        kept, history=History(HistoryDatabase(path), compliance, deadlines={}, clock=site.aws.now)
    )
    (told,) = [one for one in broken.findings() if one.subject == "history"]
    assert told.outcome is Outcome.FAILED
    assert "history-" in told.hint
    assert broken.history_broken() == 1
