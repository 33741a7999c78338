"""What is recorded when, how often AWS is asked for it, and what a trend is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.core.deadlines import LOOKS_BACK
from bot.core.environments import Account, Environment, Selector, Target
from bot.core.errors import AccessDenied, NotFound, Throttled, Unreachable
from bot.core.history import Exposure, SnapshotKind
from bot.core.nodes import Baseline, ManagedNode, NodeKey, Patch, PatchState
from bot.core.runs import VERIFY, DispatchState, RunState
from bot.services.compliance import Compliance
from bot.services.history import NODE_PAUSE, PLACE_PAUSE, READ_EVERY, History
from bot.services.statuses import status_of
from bot.store.cache import ReadingCache
from bot.store.history import HistoryDatabase
from bot.store.ledger import SqliteLedger
from tests.core.histories import package
from tests.fakes.aws import FakeAws, FakeNode
from tests.store import ledgers

ACCOUNT, REGION = "111122223333", "eu-central-1"
TARGET = Target(Account(ACCOUNT), REGION)
PROD = Environment("prod", (TARGET,), Selector({"Environment": ("prod",)}))
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OPENSSL, KERNEL = package("openssl"), package("kernel", severity="Critical")


class CountingAws(FakeAws):
    """Counts what it is asked about single nodes."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(clock=clock, account=ACCOUNT)
        self.asked: list[str] = []
        self.refused: dict[str, Exception] = {}

    def patches(self, key: NodeKey, target: Target) -> tuple[Patch, ...]:
        """See the port."""
        self.asked.append(key.instance_id)
        if key.instance_id in self.refused:
            raise self.refused[key.instance_id]
        return super().patches(key, target)


class World:
    """A fleet, a clock that only the test moves, and a history of it."""

    def __init__(self, directory: Path) -> None:
        self.now = START
        self.directory = directory
        self.aws = CountingAws(lambda: self.now)
        self.store = HistoryDatabase(directory / "history.db")
        self.history = self.new_history()

    def new_history(self, ledger: SqliteLedger | None = None) -> History:
        """As after a start of the process."""
        self.compliance = Compliance(
            {"prod": PROD},
            self.aws,
            ReadingCache(self.directory / "cache.db"),
            clock=lambda: self.now,
            time_to_live=timedelta(minutes=10),
            refresh_after=timedelta(seconds=30),
        )
        return History(
            self.store,
            self.compliance,
            deadlines={},
            clock=lambda: self.now,
            ledger=ledger,
            waived=lambda _name, one: one.key.instance_id == "i-waived",
        )

    def scanned(self, name: str, *patches: Patch, **changes: object) -> None:
        """A node has just been scanned, and these are open on it."""
        counts = {
            "missing": sum(one.state == "Missing" for one in patches),
            "failed": sum(one.state == "Failed" for one in patches),
        }
        given = {"operation": "Scan", "baseline_id": "pb-1", **counts, **changes}
        state = PatchState(name, operation_end_time=self.now, **given)  # type: ignore[arg-type]
        node = ManagedNode(name, ACCOUNT, REGION, name=f"the {name}")
        self.aws.put(FakeNode(node, state, {"Environment": "prod"}, patches))

    def read_again(self) -> None:
        """Somebody asks."""
        self.now += timedelta(minutes=1)
        self.compliance.read("prod", refresh=True)

    def exposures(self) -> dict[tuple[str, str], Exposure]:
        """By node and package."""
        found = self.store.exposures("prod", closed_since=START)
        return {(one.key.instance_id, one.patch.kb_id.split(".")[0]): one for one in found}


@pytest.fixture
def world(tmp_path: Path) -> World:
    found = World(tmp_path)
    found.scanned("i-1", OPENSSL)
    found.scanned("i-2")
    return found


def test_a_daily_snapshot_uses_the_reading_of_the_day(world: World) -> None:
    world.now = START.replace(hour=23, minute=58)
    world.read_again()
    world.now += timedelta(minutes=2)  # the next day; the reading still answers people
    assert world.history.today("prod") is None
    assert world.history.record("prod")
    assert len(world.aws.reads) == 2
    found = world.history.today("prod")
    assert found is not None
    assert (found.day.isoformat(), found.nodes.total, found.complete) == ("2026-03-03", 2, True)
    world.now += HOUR
    assert not world.new_history().record("prod")  # the same reading is no later
    assert len(world.aws.reads) == 2


def test_what_could_not_be_read_at_all_is_no_snapshot(world: World) -> None:
    world.aws.fail(TARGET, Unreachable("No route."))
    with pytest.raises(Unreachable):
        world.history.record("prod")
    assert world.history.today("prod") is None
    world.aws.recover()
    assert world.history.record("prod")


def test_a_snapshot_with_a_gap_gives_way_to_a_whole_one(world: World) -> None:
    world.history.record("prod")
    world.now += DAY
    world.aws.fail(TARGET, AccessDenied("ssm may not be asked."))
    assert world.history.record("prod")
    half = world.history.today("prod")
    assert half is not None
    assert (half.complete, half.nodes.unknown) == (False, 2)
    world.aws.recover()
    world.now += HOUR
    assert world.history.record("prod")
    whole = world.history.today("prod")
    assert whole is not None
    assert whole.complete


def test_after_a_run_aws_is_read_anew(world: World) -> None:
    ended = world.now
    world.history.record("prod")
    world.now += timedelta(seconds=10)  # within 30 s a reading is not repeated: it is from before
    assert not world.history.record("prod", run="X-1", not_before=ended + timedelta(seconds=5))
    world.now += timedelta(seconds=30)
    assert world.history.record("prod", run="X-1", not_before=ended + timedelta(seconds=5))
    found = world.store.snapshots("prod", since=START)
    assert [(one.kind, one.run) for one in found][1] == (SnapshotKind.RUN, "X-1")
    assert world.history.has_run("prod", "X-1", since=ended)


def test_while_the_clock_is_behind_nothing_is_read_or_kept(world: World) -> None:
    world.history.record("prod")
    world.now -= DAY
    assert not world.history.record("prod")
    assert len(world.aws.reads) == 1


def test_details_are_asked_once_for_an_operation_and_only_of_who_has_some(world: World) -> None:
    assert world.history.collect("prod") == 2
    assert world.aws.asked == ["i-1"]
    assert world.exposures()["i-1", "openssl"].first_seen == START
    assert world.history.collect("prod") == 0
    world.now += HOUR
    world.scanned("i-1", OPENSSL, KERNEL)
    assert world.history.collect("prod") == 0  # nobody has read since
    world.read_again()
    assert world.history.collect("prod") == 1
    assert world.aws.asked == ["i-1", "i-1"]
    assert {name for _, name in world.exposures()} == {"openssl", "kernel"}
    assert world.new_history().collect("prod") == 0
    assert len(world.aws.asked) == 2


def test_a_compliant_scan_closes_without_a_call(world: World) -> None:
    world.history.collect("prod")
    world.now += HOUR
    world.scanned("i-1")
    world.read_again()
    assert world.history.collect("prod") == 1
    assert world.aws.asked == ["i-1"]
    assert world.exposures()["i-1", "openssl"].closed_at == START + HOUR


def test_a_clean_install_closes_nothing_that_only_a_scan_lists(world: World) -> None:
    world.history.collect("prod")
    world.now += HOUR
    world.scanned("i-1", operation="Install")
    world.read_again()
    world.history.collect("prod")
    assert world.exposures()["i-1", "openssl"].is_open


def test_the_list_of_a_later_install_says_nothing_about_the_scan_before_it(world: World) -> None:
    """AWS has the latest list only. Between reading and listing somebody installs: no hole was patched by that scan."""
    world.read_again()
    world.history.collect("prod")
    opened = world.exposures()["i-1", "openssl"].first_seen
    world.now += DAY
    world.scanned("i-1", OPENSSL)
    world.read_again()
    world.scanned("i-1", operation="Install")
    world.aws.asked.clear()
    world.history.collect("prod")
    world.history.collect("prod")
    assert world.exposures()["i-1", "openssl"].is_open
    assert world.aws.asked == ["i-1"]
    world.now += HOUR
    world.scanned("i-1", OPENSSL)
    world.read_again()
    world.history.collect("prod")
    still_open = world.exposures()["i-1", "openssl"]
    assert (still_open.first_seen, still_open.last_seen) == (
        opened,
        world.now - timedelta(minutes=1),
    )


def test_a_baseline_that_cannot_be_read_closes_no_available_update(world: World) -> None:
    """Whether they are open is not known then; when it can be read again they have their old date."""
    counting = Baseline("pb-1", counts_available_security_updates=True)
    update = Patch("Update", "KB9", "SecurityUpdates", "Critical", "AvailableSecurityUpdate")
    for known in (True, False, True):
        world.now += DAY
        world.aws.put_baseline(TARGET, counting)
        if not known:
            world.aws.forget_baselines()
        world.scanned("i-1", OPENSSL, update, available_security_updates=1)
        world.read_again()
        world.history.collect("prod")
        found = world.exposures()["i-1", "KB9"]
        assert found.is_open
        assert found.first_seen == START + DAY


def test_details_come_in_bites_the_worst_first(world: World) -> None:
    for number in range(3, 9):
        world.scanned(f"i-{number}", OPENSSL, critical_non_compliant=number)
    world.history.collect("prod", 2)
    assert world.aws.asked == ["i-8", "i-7"]
    world.history.collect("prod", 2)
    assert world.aws.asked == ["i-8", "i-7", "i-6", "i-5"]


def test_a_refusal_is_tried_again_later_and_stops_nobody_else(world: World) -> None:
    world.scanned("i-3", OPENSSL, KERNEL)
    world.aws.refused["i-3"] = Throttled("Too fast.")
    assert world.history.collect("prod") == 1  # i-2, which costs no call
    assert world.aws.asked == ["i-3"]
    world.now += PLACE_PAUSE
    assert world.history.collect("prod") == 1
    assert world.aws.asked == ["i-3", "i-1"]
    assert world.history.collect("prod") == 0
    world.aws.refused.clear()
    world.now += NODE_PAUSE
    assert world.history.collect("prod") == 1
    assert set(world.exposures()) == {("i-1", "openssl"), ("i-3", "openssl"), ("i-3", "kernel")}


def test_an_old_reading_is_made_anew_and_what_could_not_be_read_is_left_alone(
    world: World,
) -> None:
    world.history.collect("prod")
    world.now += READ_EVERY
    world.scanned("i-1")
    world.aws.fail_states(TARGET, AccessDenied("no"), ids=["i-1"])
    assert world.history.collect("prod") == 0
    assert len(world.aws.reads) == 2
    assert world.exposures()["i-1", "openssl"].is_open


def test_a_node_that_could_not_be_read_is_not_asked_about(world: World) -> None:
    """Its patch state is that of the last reading; what is open on it now nobody knows."""
    world.read_again()
    world.aws.fail_states(TARGET, AccessDenied("no"), ids=["i-1"])
    world.read_again()
    assert world.history.collect("prod") == 1
    assert world.aws.asked == []


def test_what_a_verifying_scan_closed_is_the_runs(world: World, tmp_path: Path) -> None:
    ledger = ledgers.open_ledger(tmp_path)
    world.now = ledgers.NOW
    world.scanned("i-1", OPENSSL)
    world.scanned("i-3", KERNEL)
    world.history = world.new_history(ledger)
    world.history.collect("prod")
    run = ledgers.begin(ledger, ledgers.approved(ledger))
    scan = replace(ledgers.dispatches(run, ledgers.a_plan(), purpose=VERIFY)[0], snapshot_id="ours")
    with ledger.change() as change:
        change.add_dispatches((scan,), [ledgers.about(f"run/{run.id}", "run.verifying")])
    world.now += HOUR
    world.scanned("i-0", KERNEL, critical_non_compliant=9)
    world.scanned("i-4", OPENSSL, snapshot_id="ours")
    world.scanned("i-1", snapshot_id="ours")
    world.scanned("i-3", snapshot_id="somebody else's")
    world.read_again()
    world.aws.asked.clear()
    assert world.history.collect("prod", 1) == 3
    assert world.aws.asked == ["i-4"]  # before the worst of all
    found = world.exposures()
    assert found["i-1", "openssl"].closed_by == run.id
    assert found["i-3", "kernel"].closed_by == ""
    ledger.close()


def test_a_trend_has_points_runs_deadlines_and_says_what_is_missing(
    world: World, tmp_path: Path
) -> None:
    world.scanned("i-waived", KERNEL)
    world.history.record("prod")
    assert world.history.trend("prod", 30).details_missing == 2
    world.history.collect("prod")
    ledger = ledgers.open_ledger(tmp_path)
    run = ledgers.begin(ledger, ledgers.approved(ledger))
    receipt = {
        "run": run.id,
        "operation": "Install",
        "rehearsal": False,
        "started_at": START.isoformat(),
        "ended_at": (START + HOUR).isoformat(),
        "nodes": {"planned": 2},
        "patches": {"closed": 5},
    }
    with ledger.change() as change:
        ended = replace(
            run, version=2, state=RunState.VERIFIED, started_at=START, ended_at=START + HOUR
        )
        for one in ledger.dispatches(run.id):
            change.move_dispatch(
                replace(one, state=DispatchState.DROPPED),
                was=one.state,
                entries=[ledgers.about(one.subject, "dispatch.dropped")],
            )
        change.save_run(ended, [ledgers.about(f"run/{run.id}", "run.verified")])
        change.save_receipt(run.id, receipt, [ledgers.about(f"run/{run.id}", "run.receipt")])
    world.now += 8 * DAY
    asked = len(world.aws.asked), len(world.aws.reads)
    found = world.new_history(ledger).trend("prod", 30)
    assert [point.day.isoformat() for point in found.points] == ["2026-03-02"]
    assert [(one.id, one.nodes, one.closed) for one in found.runs] == [(run.id, 2, 5)]
    critical, important, _ = found.deadlines
    assert (critical.open, critical.waived) == (0, 1)
    assert (important.open, important.within) == (1, 1)
    assert (found.details_missing, found.forecast) == (0, world.now.date())
    by_node = {one.key.instance_id: one for one in world.store.exposures("prod")}
    assert world.history.due("prod", by_node["i-waived"]) is None
    date = world.history.due("prod", by_node["i-1"])
    assert date is not None
    assert (date.severity, date.at) == ("important", START + 30 * DAY)
    rows = world.history.rows("prod", [*by_node.values()], world.now)
    assert rows == found.deadlines
    assert (len(world.aws.asked), len(world.aws.reads)) == asked
    assert world.new_history().trend("prod", 3).runs == ()
    with pytest.raises(NotFound):
        world.history.trend("nowhere", 30)
    ledger.close()


class WatchedStore(HistoryDatabase):
    """Remembers the exposures it gave away."""

    given: tuple[Exposure, ...] = ()

    def exposures(
        self, environment: str, *, closed_since: datetime | None = None
    ) -> tuple[Exposure, ...]:
        """See the port."""
        self.given = super().exposures(environment, closed_since=closed_since)
        return self.given


def test_a_trend_of_400_days_loads_what_the_forecast_looks_at_and_sums_up_the_rest(
    world: World,
) -> None:
    """Patches that were open for a day, and one of four days just now."""
    key = NodeKey(ACCOUNT, REGION, "i-1")
    world.now = START + 400 * DAY
    for age in (401, 390, 350, 310, 30, 28):
        for patches, at in (((OPENSSL,), age + 1), ((), age)):
            world.store.record_patches(
                "prod", key, patches, at=world.now - at * DAY, baseline_id="pb-1"
            )
    for patches, at in (((KERNEL,), 5), ((), 1)):
        world.store.record_patches(
            "prod", key, patches, at=world.now - at * DAY, baseline_id="pb-1"
        )
    watched = WatchedStore(world.store.path)
    world.store = watched
    found = world.new_history().trend("prod", 400)
    assert [one.closed_at for one in watched.given] == [world.now - LOOKS_BACK, world.now - DAY]
    every = watched.exposures("prod", closed_since=world.now - 400 * DAY)
    ages = [one.age(world.now) / DAY for one in every]
    assert (found.closed, found.days_to_patch_mean) == (6, 1.5) == (len(ages), sum(ages) / 6)
    short = world.new_history().trend("prod", 7)
    assert (short.closed, short.days_to_patch_mean) == (1, 4.0)


def test_a_trend_ends_with_the_last_reading_and_keeps_nothing(world: World) -> None:
    """What status says now is what the trend ends with, though no snapshot was taken since."""
    world.scanned("i-1")
    world.history.record("prod")
    kept = world.store.snapshots("prod", since=START)
    before = world.history.trend("prod", 30).points[-1]
    world.now += HOUR
    world.scanned("i-1", OPENSSL)
    report = status_of(world.compliance, "prod", now=world.now, refresh=True)
    after = world.history.trend("prod", 30).points[-1]
    assert (after.nodes, after.at) == (report.nodes, report.as_of)
    assert after.nodes.non_compliant == before.nodes.non_compliant + 1
    assert world.store.snapshots("prod", since=START) == kept


def test_a_trend_names_each_node_once_whose_patches_nobody_knows(world: World) -> None:
    """i-1 is not read yet, i-3 was never scanned, and i-4 is both: its scan is old, and was not read."""
    world.scanned("i-4", OPENSSL)
    world.now += 20 * DAY
    world.scanned("i-1", OPENSSL)
    world.scanned("i-2")
    node = ManagedNode("i-3", ACCOUNT, REGION)
    world.aws.put(FakeNode(node, None, {"Environment": "prod"}))
    world.history.record("prod")
    found = world.history.trend("prod", 30)
    assert found.points[-1].nodes.unknown == 2
    assert (found.details_missing, found.forecast) == (2, None)
    assert found.forecast_why == "what 3 nodes miss is not known"
