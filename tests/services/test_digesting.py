"""A digest is made of the fleet now, the history and the ledger; what is missing of them is said, never left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.core import digest_words
from bot.core.causes import Cause, Remedy
from bot.core.digest_reports import DigestReport, DueRow, FailedInstall, Part, Ready
from bot.core.digest_tasks import still_open, to_do, unchanged_line
from bot.core.digests import standing
from bot.core.errors import NotFound, StorageError
from bot.core.figures import judge_all
from bot.core.history import Exposure, Snapshot, SnapshotKind
from bot.core.nodes import Observation, Patch
from bot.core.readings import Reading, TargetReading
from bot.core.reports import Attention, PatchCounts
from bot.core.runs import NodeOutcome, RunState
from bot.core.trend_reports import DeadlineRow
from bot.services.digesting import Digesting, present
from bot.store.ledger import SqliteLedger
from tests.commands import fleet
from tests.commands.change_world import Stage, rehearsing
from tests.fakes.history import HistoryFake
from tests.services.changes import RULES, nodes

WEEK = timedelta(days=7)
YESTERDAY = fleet.ago(days=1)
GOOD, BAD = (NodeOutcome.SUCCESS, "", True), (NodeOutcome.FAILED, "no space left", None)
PLACE = ("prod", "eu-central-1")


def patch(name: str, severity: str = "Critical") -> Patch:
    return Patch(f"{name}:1", name, "Security", severity, "Missing")


@dataclass(frozen=True)
class Due:
    severity: str
    at: datetime


class WeekOrMonth:
    """Critical patches may stay open for a week, others for 30 days; KB9 is waived."""

    def due(self, environment: str, exposure: Exposure) -> Due | None:
        assert environment == "prod"
        if exposure.patch.kb_id == "KB9":
            return None
        if exposure.patch.severity == "Critical":
            return Due("critical", exposure.first_seen + WEEK)
        return Due("important", exposure.first_seen + timedelta(days=30))

    def rows(
        self, environment: str, exposures: Sequence[Exposure], now: datetime
    ) -> tuple[DeadlineRow, ...]:
        assert all(one.is_open for one in exposures)
        return (DeadlineRow(severity="critical", days=7, open=len(exposures)),)


class Site(Stage):
    """prod with its ledger and its history. `fleet` are the nodes of yesterday: eight that miss patches."""

    def __init__(self, folder: Path, **more: Any) -> None:
        super().__init__(folder, **more)
        self.history = HistoryFake()
        self.fleet = list(nodes(8, operation_end_time=YESTERDAY - timedelta(hours=3)))
        self.owners = {"web": "C0000WEB1"}
        self.silence: dict[str, str] = {}
        self.reads(*self.fleet)

    def reads(self, *found: Observation) -> None:
        """What AWS says from now on."""
        reading = TargetReading(fleet.FRANKFURT, fleet.ACCOUNT, self.now, found)
        self.gateway.readings = {PLACE: reading}

    def snapshot(
        self, at: datetime, *found: Observation, kind: SnapshotKind = SnapshotKind.DAILY
    ) -> None:
        """What history kept of these at that time."""
        target = TargetReading(fleet.FRANKFURT, fleet.ACCOUNT, at, found)
        reading = Reading("prod", at, (target,))
        view = present(reading, judge_all(reading, at, WEEK))
        told = standing(view)
        kept = Snapshot(
            environment="prod",
            day=at.date(),
            at=at,
            kind=kind,
            run="",
            nodes=told.nodes,
            unknown_reasons=told.unknown_reasons,
            attention=Attention(),
            patches=PatchCounts(),
            oldest_operation_end_time=told.oldest_operation_end_time,
            complete=view.complete,
        )
        assert self.history.record(kept, view.nodes)

    def opens(self, one: Observation, at: datetime, *found: Patch, run: str = "") -> None:
        """What is open on a node after its scan of then."""
        self.history.record_patches("prod", one.node.key, found, at=at, baseline_id="pb-1", run=run)

    def digest(self, since: datetime | None = YESTERDAY, **more: bool) -> DigestReport:
        history = None if more.get("without_history") else self.history
        ledger = None if more.get("without_ledger") else self.ledger
        digesting = Digesting(
            self.compliance,
            history,
            ledger,
            deadlines=WeekOrMonth(),
            owners=self.owners,
            silence=lambda name: self.silence.get(name, ""),
        )
        return digesting.compose("prod", since, self.now)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.close()


def scan(one: Observation, at: datetime, **more: object) -> Observation:
    """The node by a scan that ended then; nothing is open on it but what is said."""
    assert one.state is not None
    clean: dict[str, object] = dict.fromkeys(
        ("missing", "failed", "critical_non_compliant", "security_non_compliant"), 0
    )
    state = replace(one.state, operation_end_time=at, **{**clean, **more})  # type: ignore[arg-type]
    return replace(one, state=state)


def told(part: Part) -> list[tuple[str, str, int, int]]:
    return [
        (one.why.value, one.about, one.nodes, one.non_compliant)
        for one in (*part.worse, *part.better)
    ]


def row(part: Part, severity: str) -> DueRow:
    return next(one for one in part.due if one.severity == severity)


def test_the_first_digest_says_how_things_stand_and_compares_nothing(site: Site) -> None:
    report = site.digest(None)
    assert report.fleet.before is None
    assert (report.unchanged, report.fleet.worse, report.fleet.better) == (False, (), ())
    assert report.fleet.now.nodes.non_compliant == 8
    assert report.fleet.now.compliance_percent == 0.0
    assert report.head == site.ledger.head().code


def test_what_changed_since_yesterday(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run fixed five nodes and failed on one, one was found fixed, one is stopped; and a node is new."""
    site.now = YESTERDAY
    site.snapshot(YESTERDAY - timedelta(hours=1), *site.fleet)
    for one in site.fleet:
        site.opens(one, one.state.operation_end_time, patch("KB1"))  # type: ignore[union-attr,arg-type]
    run = site.start(site.approved())
    plan = site.ledger.plan(run.digest)
    assert plan is not None
    order = [key for wave in plan.waves for key in wave]
    site.result(run, [GOOD] * 5 + [BAD] + [(NodeOutcome.SKIPPED, "gone", None)] * 2)
    ended = site.finish(run, RunState.PARTIAL, clean=5, why="5 of 8 nodes have nothing left")
    assert ended.ended_at is not None
    by_key = {one.node.key: one for one in site.fleet}
    fixed, failed, found, stopped = order[:5], order[5], order[6], order[7]
    after = ended.ended_at
    now = [scan(by_key[key], after) for key in (*fixed, found)]
    for key in fixed[:4]:  # of the fifth the patches are not read yet
        site.opens(by_key[key], after, run="X-1")
    site.opens(by_key[found], after)
    halted = by_key[stopped]
    now += [
        scan(by_key[failed], after, missing=3),
        replace(halted, node=replace(halted.node, instance_state="stopped")),
        fleet.scanned(fleet.managed(99, "prod-new"), missing=2, operation_end_time=after),
    ]
    site.now = fleet.NOW
    site.reads(*now)
    site.request()
    mine = site.ledger.requests()
    theirs = replace(mine[0], id="R-9", environment="staging")
    waiting_now = (mine[0], theirs)
    monkeypatch.setattr(SqliteLedger, "requests", lambda *_, **__: waiting_now)
    report = site.digest()
    assert told(report.fleet) == [
        (Cause.FAILED_INSTALL, "X-1", 1, 0),
        (Cause.NEW_NODE, "", 1, 1),
        (Remedy.RUN, "X-1", 5, -5),
        (Remedy.SCAN, "", 1, -1),
        (Remedy.STOPPED, "", 1, -1),
    ]
    before = report.fleet.before
    assert before is not None
    assert report.fleet.now.nodes.non_compliant - before.nodes.non_compliant == 1 - 7
    assert (report.fleet.joined, report.fleet.left) == (1, 1)
    (line,) = report.ended_runs
    assert (line.id, line.state, line.clean, line.nodes) == ("X-1", RunState.PARTIAL, 5, 8)
    (waiting,) = report.approvals
    assert (waiting.id, waiting.nodes, waiting.lacking) == ("R-2", 2, 2)
    assert waiting.code == mine[0].code
    assert report.attention.stopped == 1
    assert report.head == site.ledger.head().code


def test_what_a_run_under_way_has_done_is_its_work(site: Site) -> None:
    """Three nodes have been installed, five are to come; nobody else is to be looked for."""
    site.now = YESTERDAY
    site.snapshot(YESTERDAY, *site.fleet)
    site.now = fleet.ago(hours=1)
    run = site.start(site.approved())
    plan = site.ledger.plan(run.digest)
    assert plan is not None
    order = [key for wave in plan.waves for key in wave]
    site.result(run, [GOOD] * 3 + [(NodeOutcome.RUNNING, "", None)] * 5)
    by_key = {one.node.key: one for one in site.fleet}
    site.now = fleet.NOW
    done = [scan(by_key[key], fleet.ago(minutes=30), operation="Install") for key in order[:3]]
    site.reads(*done, *(by_key[key] for key in order[3:]))
    report = site.digest()
    assert told(report.fleet) == [(Remedy.RUN, "X-1", 3, -3)]
    assert [line.id for line in report.runs] == ["X-1"]
    assert report.ended_runs == ()


@pytest.mark.parametrize("rehearsal", [True, False])
def test_a_run_that_touched_nothing_is_no_evidence(tmp_path: Path, *, rehearsal: bool) -> None:
    """It was a rehearsal, or stopped before its sends; what a scan found fixed then is not its work."""
    site = Site(tmp_path, rules=rehearsing() if rehearsal else RULES)
    site.now = YESTERDAY
    site.snapshot(YESTERDAY, *site.fleet)
    run = site.start(site.approved())
    site.result(run, [GOOD if rehearsal else (NodeOutcome.CANCELLED, "", None)] * 8)
    site.finish(run, RunState.CANCELLED, clean=0)
    site.now = fleet.NOW
    site.reads(*site.fleet)
    assert told(site.digest().fleet) == []
    assert not site.digest().unchanged, "that it ended is news"
    site.now += timedelta(hours=1)
    site.reads(*(scan(one, fleet.ago(hours=2)) for one in site.fleet))
    assert told(site.digest().fleet) == [(Remedy.SCAN, "", 8, -8)]
    site.close()


def test_the_plan_for_what_is_late_leaves_out_what_is_due_later(site: Site) -> None:
    """One patch is past its deadline, another is due in five days: only the first one is asked for."""
    first, second = site.fleet[:2]
    site.snapshot(YESTERDAY, *site.fleet)
    site.reads(*site.fleet)
    site.opens(first, fleet.NOW - WEEK - timedelta(hours=3), patch("KB1"))
    site.opens(second, fleet.NOW - timedelta(days=2), patch("KB2"))
    critical = row(site.digest().fleet, "critical")
    assert [one.id for one in critical.patches] == ["KB1", "KB2"]
    assert critical.urgent == ("KB1",)


def test_what_no_install_can_bring_is_no_install_to_do(site: Site) -> None:
    """As pre-flight judges: offline, without fresh data, not approved, rejected, waiting for a reboot."""
    late = fleet.NOW - WEEK - timedelta(hours=3)
    away, stale, *others = site.fleet[:6]
    site.snapshot(YESTERDAY, *site.fleet)
    site.reads(
        replace(away, node=replace(away.node, ping_status="ConnectionLost")),
        scan(stale, fleet.ago(days=30)),
        *site.fleet[2:],
    )
    site.opens(away, late, patch("KB1"))
    site.opens(stale, late, patch("KB1"))
    states = ("AvailableSecurityUpdate", "InstalledRejected", "InstalledPendingReboot", "Missing")
    for one, state in zip(others, states, strict=True):
        site.opens(one, late, replace(patch("KB2" if state == "Missing" else "KB1"), state=state))
    digest = site.digest()
    critical = row(digest.fleet, "critical")
    assert (critical.breached, critical.urgent) == (6, ("KB2",))
    assert critical.ready == Ready(breached=1, breached_nodes=1)
    assert {one.why: (one.patches, one.nodes) for one in critical.hindered} == dict.fromkeys(
        ("offline", "no_data", "not_approved", "rejected", "reboot"), (1, 1)
    )
    tasks = to_do(digest)
    assert (
        "Install now: 1 critical patch past the deadline on 1 node: `/patch install prod patches:KB2`."
        in tasks
    )
    assert [task.split(": ")[0] for task in tasks if " due" in task] == [
        "Bring back 1 node without an answer of the agent, 1 critical patch due there",
        "Approve 1 critical patch due in the baseline of 1 node, which no Install brings before",
        "Remove 1 critical patch that the baseline of 1 node rejects, due as well",
    ]


def test_nothing_is_due_is_not_said_of_what_waits_for_something_else(site: Site) -> None:
    first = site.fleet[0]
    site.snapshot(YESTERDAY, *site.fleet)
    site.reads(*site.fleet)
    late = fleet.NOW - WEEK - timedelta(hours=3)
    site.opens(first, late, replace(patch("KB1"), state="InstalledPendingReboot"))
    assert not any("Nothing is due" in task or "Install" in task for task in to_do(site.digest()))


def test_the_same_as_yesterday(site: Site) -> None:
    """A later scan that says the same is no change; a patch whose deadline has passed since is one."""
    site.snapshot(YESTERDAY, *site.fleet)
    site.reads(*site.fleet)
    assert site.digest().unchanged
    first = site.fleet[0]
    site.opens(first, fleet.NOW - WEEK - timedelta(hours=3), patch("KB1"))
    late = site.digest()
    assert not late.unchanged
    assert row(late.fleet, "critical").newly_breached == 1
    assert site.digest(fleet.ago(hours=1)).fleet.due[0].newly_breached == 0
    assert site.digest(fleet.ago(hours=1)).unchanged


def test_a_failed_install_stays_to_be_done_and_a_day_without_changes_stays_one_line(
    site: Site,
) -> None:
    """It was told as a change yesterday; nobody has installed on that node since."""
    site.now = YESTERDAY - timedelta(hours=2)
    run = site.start(site.approved())
    site.result(run, [GOOD] * 7 + [BAD])
    site.finish(run, RunState.PARTIAL, clean=7)
    site.now = fleet.NOW
    site.snapshot(YESTERDAY, *site.fleet)
    report = site.digest()
    assert (report.unchanged, report.fleet.worse) == (True, ())
    assert report.fleet.failing == (FailedInstall(run="X-1", nodes=1),)
    assert still_open(report) == ()
    line = unchanged_line(report, report.fleet, "prod")
    assert line.endswith("An Install failed on 1 node of these: `/patch run X-1`.")
    assert "See why the Install failed on 1 node: `/patch run X-1`." in to_do(report)
    plan = site.ledger.plan(run.digest)
    assert plan is not None
    owner = next(one.owner for one in plan.nodes if one.key == plan.waves[-1][-1])
    (mine,) = report.owners
    assert bool(mine.part.failing) is (owner == mine.owner)


def test_that_no_alert_can_come_is_said_also_on_a_quiet_day(site: Site) -> None:
    site.snapshot(YESTERDAY, *site.fleet)
    site.silence = {"prod": "There is no queue 1/eu-central-1/q"}
    report = site.digest()
    (line,) = report.notices
    assert line.startswith("No alert comes at present")
    assert "There is no queue 1/eu-central-1/q. See `/patch doctor`." in line
    assert report.unchanged
    assert still_open(report) == (line,)
    site.silence = {}
    assert site.digest().notices == ()


def test_another_reason_for_knowing_nothing_is_a_change(site: Site) -> None:
    """The counts are the same, and somebody has to look all the same."""
    first = site.fleet[0]
    site.snapshot(YESTERDAY, scan(first, YESTERDAY - timedelta(days=30)))
    site.reads(replace(scan(first, YESTERDAY - timedelta(days=30)), unread="Throttled"))
    assert not site.digest().unchanged


def test_what_is_due(site: Site) -> None:
    """Past the deadline, today, this week, later, and waived; nodes and patches are counted apart."""
    first, second, third, stopped, *_ = site.fleet
    halted = replace(stopped, node=replace(stopped.node, instance_state="stopped"))
    site.reads(first, second, third, halted)
    ages = {
        first: (("KB1", 9), ("KB2", 6.5), ("KB3", 2)),
        second: (("KB2", 6.5), ("KB4", 0.5)),
        third: (("KB9", 30),),
        stopped: (("KB1", 30),),
    }
    for one, found in ages.items():
        for name, days in sorted(found, key=lambda pair: -pair[1]):
            known = site.history.patches.get(("prod", one.node.key), (None, []))[1]
            open_now = [each.patch for each in known]
            site.opens(one, fleet.ago(days=days), *open_now, patch(name))
    site.opens(second, fleet.NOW, patch("KB2"), patch("KB4"), patch("KB5", "Important"))
    critical = row(site.digest().fleet, "critical")
    assert (critical.breached, critical.breached_nodes, critical.newly_breached) == (1, 1, 0)
    assert (critical.due, critical.due_today, critical.due_nodes) == (4, 2, 2)
    assert critical.next_due == fleet.NOW + timedelta(days=0.5)
    assert [(one.id, one.nodes) for one in critical.patches] == [
        ("KB2", 2), ("KB1", 1), ("KB3", 1), ("KB4", 1),
    ]  # fmt: skip
    assert [one.severity for one in site.digest().fleet.due] == ["critical"]


def test_patches_that_are_not_read_yet_are_counted(site: Site) -> None:
    """Of seven nodes nothing was read, of one an older operation."""
    first, second, *_ = site.fleet
    assert first.state is not None
    end = first.state.operation_end_time
    assert end is not None
    assert site.digest().details_missing == 8
    site.opens(first, end, patch("KB1"))
    site.opens(second, end - timedelta(hours=1), patch("KB1"))
    report = site.digest()
    assert (report.details_missing, report.fleet.details_missing) == (7, 7)


def test_patches_that_are_not_read_yet_are_counted_for_each_owner(site: Site) -> None:
    mine, other = site.fleet[0], site.fleet[1]
    assert mine.state is not None
    end = mine.state.operation_end_time
    assert end is not None
    site.reads(
        *(replace(one, node=replace(one.node, owner="web")) for one in (mine, other)),
        *(replace(one, node=replace(one.node, owner="db")) for one in site.fleet[2:]),
    )
    site.opens(mine, end, patch("KB1"))
    report = site.digest()
    (part,) = report.owners
    assert (report.details_missing, part.part.details_missing) == (7, 1)


def test_it_is_compared_with_the_last_snapshot_before_the_last_digest(site: Site) -> None:
    """Not with a later one; where history is younger, with its first, unless that is minutes old."""
    site.snapshot(fleet.ago(minutes=20), *site.fleet[:3])
    assert site.digest().fleet.before is None
    site.snapshot(fleet.ago(hours=20), *site.fleet[:5])
    before = site.digest().fleet.before
    assert before is not None
    assert before.nodes.total == 5
    site.snapshot(fleet.ago(days=3), *site.fleet[:6])
    site.snapshot(fleet.ago(days=2), *site.fleet[:7])
    before = site.digest().fleet.before
    assert before is not None
    assert (before.nodes.total, before.at) == (7, fleet.ago(days=2))


def test_without_history_or_ledger_there_is_a_digest_still(site: Site) -> None:
    """It knows no deadlines then, and does not say that none is missed."""
    report = site.digest(without_history=True, without_ledger=True)
    assert report.fleet.now.nodes.total == 8
    assert (report.fleet.before, report.head, report.deadlines) == (
        None,
        "",
        (),
    )
    assert "not known" in digest_words.nothing_due(report, report.fleet)
    assert report.details_missing == 0


def test_what_cannot_be_read_is_said(site: Site) -> None:
    """The history is broken, the ledger is broken, and a Region is denied: three words, and the rest is told."""
    assert site.digest().deadlines != ()
    site.history.broken = True
    site.now += timedelta(hours=1)
    site.gateway.readings = {PLACE: fleet.DENIED}
    ledger = site.ledger

    class Broken:
        def __getattr__(self, name: str) -> object:
            raise StorageError("ledger.db is gone.")

    site.ledger = Broken()  # type: ignore[assignment]
    report = site.digest()
    site.ledger = ledger
    assert [one.region for one in report.gaps] == ["eu-central-1"]
    assert report.fleet.now.unknown_reasons.unreadable == 8
    assert [word.split()[1] for word in report.notices] == ["history", "ledger"]
    with pytest.raises(NotFound):
        Digesting(site.compliance, None, None).compose("prdo", None, site.now)


def test_an_owner_gets_the_same_figures_of_its_own_nodes(site: Site) -> None:
    """A node that changed hands belongs to whom its tag names now, so that nothing seems new or gone."""
    site.snapshot(YESTERDAY, *site.fleet)
    first, second, third, *_ = site.fleet
    assert [one.node.owner for one in (first, second, third)] == ["db", "api", "web"]
    moved = replace(second, node=replace(second.node, owner="WEB"))
    now = fleet.ago(hours=2)
    site.reads(scan(first, now), scan(moved, now, missing=9), *site.fleet[2:])
    site.opens(third, fleet.ago(days=8), patch("KB1"))
    site.opens(first, fleet.ago(days=8), patch("KB1"))
    (one,) = site.digest().owners
    assert (one.owner, one.channel) == ("web", "C0000WEB1")
    assert one.part.before is not None
    assert one.part.now.nodes.total == one.part.before.nodes.total == 3
    assert told(one.part) == [(Cause.NOT_KNOWN, "", 1, 0)]
    assert row(one.part, "critical").breached_nodes == 1
