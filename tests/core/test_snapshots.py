"""A snapshot says what status says, and keeps every node but the stopped ones."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given

from bot.core.figures import judge_all, node_row, status_report
from bot.core.history import SnapshotKind
from bot.core.judgement import Status
from bot.core.nodes import ManagedNode, Observation, Patch, PatchState
from bot.core.readings import Gap, Reading, TargetReading
from bot.core.snapshots import may_have_open_patches, open_patches, snapshot_of
from tests.core.fleets import NOW, STALE, TARGET, readings


@given(readings)
def test_its_figures_are_those_of_status(reading: Reading) -> None:
    judged = judge_all(reading, NOW, STALE)
    status = status_report(reading, NOW, STALE)
    snapshot, nodes = snapshot_of(reading, judged, kind=SnapshotKind.DAILY)
    for name in (
        "nodes",
        "unknown_reasons",
        "attention",
        "patches",
        "oldest_operation_end_time",
    ):
        assert getattr(snapshot, name) == getattr(status, name), name
    assert snapshot.complete == (not status.gaps)
    assert len(nodes) == snapshot.nodes.total
    rows = {(row.account, row.region, row.instance_id): row for row in map(node_row, judged)}
    for state in nodes:
        row = rows[state.key]
        assert state.status is not Status.STOPPED
        for name in ("name", "owner", "platform", "status", "reasons", "missing", "baseline_id"):
            assert getattr(state, name) == getattr(row, name), name


def test_the_day_is_that_of_the_reading_in_utc() -> None:
    reading = Reading("prod", NOW - timedelta(hours=13), ())
    snapshot, nodes = snapshot_of(reading, (), kind=SnapshotKind.RUN, run="X-1")
    assert (snapshot.day.isoformat(), snapshot.at, nodes) == ("2026-02-28", reading.as_of, ())
    assert (snapshot.kind, snapshot.run) == (SnapshotKind.RUN, "X-1")


def test_what_could_not_be_read_stays_unknown() -> None:
    unread = Observation(ManagedNode("i-1", "1", "r"), PatchState("i-1", missing=3), "denied")
    target = TargetReading(TARGET, "1", NOW, (unread,), (Gap("1", "r", "denied"),))
    reading = Reading("prod", NOW, (target,))
    snapshot, (state,) = snapshot_of(
        reading, judge_all(reading, NOW, STALE), kind=SnapshotKind.DAILY
    )
    assert not snapshot.complete
    assert (state.status, state.missing) == (Status.UNKNOWN, 3)


def test_an_available_security_update_is_open_where_its_baseline_says_so() -> None:
    missing = Patch("a", "KB1", "", "", "Missing")
    available = Patch("b", "KB2", "", "", "AvailableSecurityUpdate")
    installed = Patch("c", "KB3", "", "", "Installed")
    for counts in (False, True):
        state = PatchState("i-1", available_security_updates=1)
        seen = Observation(
            ManagedNode("i-1", "1", "r"), state, counts_available_security_updates=counts
        )
        reading = Reading("prod", NOW, (TargetReading(TARGET, "1", NOW, (seen,)),))
        (one,) = judge_all(reading, NOW, STALE)
        found = open_patches(one, (missing, available, installed))
        assert found == ((missing, available) if counts else (missing,))
        assert may_have_open_patches(one) is counts
