"""history.db gives back what it was given, whole or not at all, and loses no first-seen date."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.errors import StorageError
from bot.core.exposures import after
from bot.core.history import Exposure, Patched, SnapshotKind
from bot.core.judgement import Status
from bot.core.nodes import Patch
from bot.store.history import DIGESTS_KEPT, KEPT, HistoryDatabase
from tests.core.histories import DAY, NOW, key, node, package, rollup, snapshot

OPENSSL, KERNEL = package("openssl"), package("kernel", cve_ids=("CVE-2026-1", "CVE-2026-2"))
HOUR = timedelta(hours=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "history.db"


@pytest.fixture
def history(path: Path) -> HistoryDatabase:
    return HistoryDatabase(path)


def reported(
    history: HistoryDatabase, *patches: Patch, at: datetime = NOW, number: int = 1, **more: str
) -> None:
    given = {"baseline_id": "pb-1", **more}
    history.record_patches("prod", key(number), patches, at=at, **given)


def test_before_the_first_record_there_is_no_history_and_no_file(
    history: HistoryDatabase, path: Path
) -> None:
    assert history.snapshots("prod", since=NOW) == ()
    assert history.nodes_at("prod", NOW) == ()
    assert history.exposures("prod", closed_since=NOW) == ()
    assert history.patched("prod", since=NOW) == Patched()
    assert history.patches_known_at("prod") == {}
    assert not path.exists()


def test_gives_back_what_was_recorded_to_another_process(
    history: HistoryDatabase, path: Path
) -> None:
    other = replace(snapshot(NOW + HOUR), kind=SnapshotKind.RUN, run="X-1", complete=False)
    nodes = (node(1), node(2, status=Status.COMPLIANT, reasons=(), operation_end_time=None))
    assert history.record(snapshot(), nodes)
    assert history.record(other, nodes[:1])
    again = HistoryDatabase(path, read_only=True)
    assert again.snapshots("prod", since=NOW) == (snapshot(), other)
    assert again.snapshots("prod", since=NOW, until=NOW) == (snapshot(),)
    assert again.snapshots("prod", since=NOW + HOUR) == (other,)
    assert again.nodes_at("prod", NOW) == nodes
    assert again.nodes_at("prod", NOW + DAY) == nodes[:1]
    assert again.nodes_at("prod", NOW - HOUR) == ()
    assert again.snapshots("staging", since=NOW) == ()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(StorageError, match="only looked at"):
        again.record(snapshot(NOW + DAY), ())


def test_each_snapshot_has_its_nodes_as_they_were(history: HistoryDatabase) -> None:
    """Spans are cut where something changed, and the end of the last operation is that of the day."""
    days = [
        (node(1), node(2)),
        (node(1, operation_end_time=NOW + DAY - HOUR), node(2, missing=4)),
        (node(1, operation_end_time=NOW + 2 * DAY - HOUR), node(3)),
        (node(2), node(3, status=Status.UNKNOWN, operation_end_time=NOW + 4 * DAY)),
    ]
    for number, nodes in enumerate(days):
        history.record(snapshot(NOW + number * DAY), nodes)
    for number, nodes in enumerate(days):
        assert history.nodes_at("prod", NOW + number * DAY + HOUR) == nodes


def test_an_unchanged_node_costs_one_row_for_as_long_as_it_stays_so(
    history: HistoryDatabase, path: Path
) -> None:
    for day in range(30):
        end = NOW + day * DAY - HOUR
        history.record(snapshot(NOW + day * DAY), (node(1, operation_end_time=end),))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT COUNT(*) FROM span").fetchone() == (1,)


def test_a_daily_snapshot_is_replaced_by_a_later_one_that_is_as_whole(
    history: HistoryDatabase,
) -> None:
    half, whole = snapshot(complete=False), snapshot(NOW + HOUR)
    worse = snapshot(NOW + 2 * HOUR, complete=False)
    assert history.record(half, (node(1),))
    assert history.record(whole, (node(2),))
    assert not history.record(worse, (node(3),))
    assert not history.record(snapshot(NOW + HOUR / 2), (node(3),))
    assert history.snapshots("prod", since=NOW) == (whole,)
    assert history.nodes_at("prod", NOW + DAY) == (node(2),)
    assert history.record(snapshot(NOW + 3 * HOUR, environment="dev"), ())


def test_a_run_has_one_snapshot(history: HistoryDatabase) -> None:
    after_run = replace(snapshot(), kind=SnapshotKind.RUN, run="X-1")
    assert history.record(after_run, ())
    assert not history.record(replace(after_run, at=NOW + HOUR), ())


def test_what_a_digest_was_made_from_is_kept_beside_the_others(history: HistoryDatabase) -> None:
    """Of the same reading or another one; only who asks for it gets it, and it goes after 35 days."""
    told = replace(snapshot(complete=False), kind=SnapshotKind.DIGEST)
    half, whole = snapshot(complete=False), snapshot(NOW + HOUR)
    assert history.record(told, (node(1),))
    assert not history.record(told, (node(1),))
    assert history.record(half, (node(1),))
    assert history.record(whole, (node(2),))
    assert not history.record(replace(told, at=NOW + HOUR / 2), (node(3),))
    assert history.record(replace(told, at=NOW + HOUR), (node(2),))
    assert history.snapshots("prod", since=NOW) == (whole,)
    kept = history.snapshots("prod", since=NOW, digests=True)
    assert {(one.at, one.kind.value) for one in kept} == {
        (NOW, "digest"),
        (NOW + HOUR, "daily"),
        (NOW + HOUR, "digest"),
    }
    assert history.nodes_at("prod", NOW) == (node(1),)
    assert history.nodes_at("prod", NOW + HOUR) == (node(2),)
    later = snapshot(NOW + DIGESTS_KEPT + HOUR / 2)
    assert history.record(later, ())
    kept = history.snapshots("prod", since=NOW, digests=True)
    assert {(one.at, one.kind.value) for one in kept} == {
        (NOW + HOUR, "daily"),
        (NOW + HOUR, "digest"),
        (later.at, "daily"),
    }


def test_a_record_that_fails_leaves_nothing(history: HistoryDatabase) -> None:
    history.record(snapshot(), (node(1),))
    broken = node(2, name="half of a character: \ud800")
    with pytest.raises(StorageError):
        history.record(snapshot(NOW + DAY), (node(1, missing=9), broken))
    assert history.nodes_at("prod", NOW + DAY) == (node(1),)
    with pytest.raises(StorageError):
        reported(history, OPENSSL, replace(KERNEL, title="\ud800"))
    assert history.exposures("prod") == ()
    assert history.patches_known_at("prod") == {}


def test_what_is_recorded_together_is_there_together(history: HistoryDatabase) -> None:
    def half_of_it() -> None:
        with history.together():
            reported(history, OPENSSL)
            assert len(history.exposures("prod")) == 1
            raise KeyError

    with pytest.raises(KeyError):
        half_of_it()
    assert history.exposures("prod") == ()
    with history.together():
        reported(history, OPENSSL)
        with pytest.raises(StorageError):
            reported(history, replace(KERNEL, title="\ud800"), at=NOW + HOUR)
        history.record(snapshot(), (node(1),))
    assert len(history.exposures("prod")) == 1


def test_an_exposure_comes_back_in_every_field(history: HistoryDatabase) -> None:
    """Seen by two baselines, graver from the second on, closed by a run."""
    reported(history, package("openssl", "1", "Important"))
    worse = package("openssl", "2", "Critical", cve_ids=("CVE-2026-9",))
    reported(history, worse, KERNEL, at=NOW + DAY, baseline_id="pb-2")
    opened = Exposure(
        key(),
        worse,
        NOW,
        NOW + DAY,
        first_baseline_id="pb-1",
        baseline_id="pb-2",
        critical_since=NOW + DAY,
        important_since=NOW,
    )
    kernel = Exposure(
        key(),
        KERNEL,
        NOW + DAY,
        NOW + DAY,
        first_baseline_id="pb-2",
        baseline_id="pb-2",
        important_since=NOW + DAY,
    )
    assert history.exposures("prod") == (opened, kernel)
    reported(history, KERNEL, at=NOW + 3 * DAY, baseline_id="pb-2", run="X-1")
    closed = replace(opened, closed_at=NOW + 3 * DAY, closed_by="X-1", closing_baseline_id="pb-2")
    kernel = replace(kernel, last_seen=NOW + 3 * DAY)
    assert history.exposures("prod") == (kernel,)
    assert history.exposures("prod", closed_since=NOW + 3 * DAY) == (closed, kernel)
    assert history.exposures("prod", closed_since=NOW + 3 * DAY + HOUR) == (kernel,)
    assert history.patches_known_at("prod") == {key(): NOW + 3 * DAY}


def test_what_only_another_baseline_is_silent_about_is_closed_but_not_forgotten(
    history: HistoryDatabase,
) -> None:
    reported(history, OPENSSL)
    reported(history, at=NOW + DAY, baseline_id="pb-2")
    assert history.exposures("prod") == ()
    (closed,) = history.exposures("prod", closed_since=NOW)
    assert (closed.closed_at, closed.last_seen, closed.was_patched) == (NOW + DAY, NOW, False)
    assert (closed.baseline_id, closed.closing_baseline_id) == ("pb-1", "pb-2")
    reported(history, OPENSSL, at=NOW + 2 * DAY)
    (again,) = history.exposures("prod", closed_since=NOW)
    assert (again.first_seen, again.is_open) == (NOW, True)


def test_after_an_install_what_was_missing_was_last_seen_before_it(
    history: HistoryDatabase,
) -> None:
    reported(history, OPENSSL)
    reported(history, at=NOW + DAY, operation="Install", baseline_id="pb-2")
    (one,) = history.exposures("prod")
    assert (one.last_seen, one.baseline_id) == (NOW, "pb-1")


def test_first_seen_survives_a_rename_another_baseline_a_newer_version_and_a_restart(
    history: HistoryDatabase, path: Path
) -> None:
    history.record(snapshot(), (node(1, name="old"),))
    reported(history, package("kernel", "6.1"), rollup("2026-02", 1))
    history.record(snapshot(NOW + DAY), (node(1, name="new", baseline_id="pb-2"),))
    restarted = HistoryDatabase(path)
    newer = (package("kernel", "6.2"), rollup("2026-03", 2))
    reported(restarted, *newer, at=NOW + DAY, baseline_id="pb-2")
    found = HistoryDatabase(path, read_only=True).exposures("prod")
    assert [(one.first_seen, one.first_baseline_id) for one in found] == [(NOW, "pb-1")] * 2
    assert {one.patch for one in found} == {*newer}


def test_a_node_that_left_or_stopped_counts_again_with_its_old_age_when_it_is_back(
    history: HistoryDatabase,
) -> None:
    history.record(snapshot(), (node(1), node(2)))
    reported(history, OPENSSL)
    history.record(snapshot(NOW + DAY, complete=False), (node(2),))
    assert len(history.exposures("prod")) == 1  # nobody knows that it is gone
    history.record(snapshot(NOW + 2 * DAY), (node(2),))
    assert history.exposures("prod") == ()
    history.record(snapshot(NOW + 3 * DAY), (node(1), node(2)))
    assert [one.first_seen for one in history.exposures("prod")] == [NOW]
    history.record(snapshot(NOW + 4 * DAY), (node(2),))
    reported(history, OPENSSL, at=NOW + 5 * DAY)
    assert [one.first_seen for one in history.exposures("prod")] == [NOW]


def test_what_is_older_than_is_kept_goes(history: HistoryDatabase, path: Path) -> None:
    history.record(snapshot(), (node(1), node(2)))
    reported(history, OPENSSL)
    reported(history, at=NOW + HOUR)
    reported(history, OPENSSL, number=2)
    reported(history, OPENSSL, number=3, at=NOW + HOUR)
    history.record(snapshot(NOW + DAY), (node(1, missing=1), node(3)))
    late = NOW + KEPT + 2 * DAY
    history.record(snapshot(late), (node(1, missing=1), node(3)))
    with closing(sqlite3.connect(path)) as connection:
        for table, count in (("snapshot", 1), ("closed", 0), ("span", 2), ("exposure", 1)):
            assert connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone() == (count,), table
    assert [one.key for one in history.exposures("prod")] == [key(3)]


def test_what_was_patched_is_summed_over_the_nodes_of_the_environment(
    history: HistoryDatabase,
) -> None:
    """Neither what is open, nor what another baseline is silent about, nor what was closed before."""
    reported(history, OPENSSL, KERNEL, rollup("2026-02", 1))
    reported(history, KERNEL, rollup("2026-02", 1), at=NOW + DAY)
    reported(history, rollup("2026-02", 1), at=NOW + 3 * DAY)
    reported(history, at=NOW + 4 * DAY, baseline_id="pb-2")
    reported(history, OPENSSL, KERNEL, number=2, at=NOW + DAY)
    reported(history, KERNEL, number=2, at=NOW + 3 * DAY)
    history.record_patches("dev", key(3), (OPENSSL,), at=NOW, baseline_id="pb-1")
    history.record_patches("dev", key(3), (), at=NOW + 3 * DAY, baseline_id="pb-1")
    assert history.patched("prod", since=NOW) == Patched(3, 6 * DAY)
    assert history.patched("prod", since=NOW + 3 * DAY) == Patched(2, 5 * DAY)
    assert history.patched("prod", since=NOW + 3 * DAY + HOUR / 7200) == Patched()
    assert history.patched("dev", since=NOW) == Patched(1, 3 * DAY)
    assert history.patched("staging", since=NOW) == Patched()
    dev = history.exposures("dev", closed_since=NOW)
    assert [one.key for one in dev] == [key(3)]


def test_environments_are_kept_apart(history: HistoryDatabase) -> None:
    reported(history, OPENSSL)
    history.record_patches("dev", key(), (KERNEL,), at=NOW, baseline_id="pb-1")
    assert [one.patch for one in history.exposures("prod")] == [OPENSSL]
    assert [one.patch for one in history.exposures("dev")] == [KERNEL]


@pytest.mark.parametrize("pragma", ["application_id = 7", "user_version = 99"])
def test_a_foreign_or_newer_file_is_left_alone(
    history: HistoryDatabase, path: Path, pragma: str
) -> None:
    history.record(snapshot(), ())
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA {pragma}")
    content = path.read_bytes()
    with pytest.raises(StorageError):
        history.record(snapshot(NOW + DAY), ())
    with pytest.raises(StorageError):
        history.snapshots("prod", since=NOW)
    assert path.read_bytes() == content


def test_a_damaged_file_is_told_and_never_started_anew(
    history: HistoryDatabase, path: Path
) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(StorageError, match="backup"):
        history.record(snapshot(), ())
    assert path.read_bytes() == b"no database" * 1000


reports = st.lists(
    st.tuples(st.integers(0, 12), st.frozensets(st.sampled_from("abcd"))), max_size=12
)


@settings(max_examples=60)
@given(reports)
def test_in_any_order_of_times_the_exposures_are_those_of_a_simple_model(
    tmp_path_factory: pytest.TempPathFactory, told: Sequence[tuple[int, frozenset[str]]]
) -> None:
    """The model: of the reports only those count that are newer than all before; each unbroken stretch is one."""
    history = HistoryDatabase(tmp_path_factory.mktemp("history") / "history.db")
    start = datetime(2026, 1, 1, tzinfo=UTC)
    with history.together():
        for hour, names in told:
            patches = tuple(package(name) for name in sorted(names))
            at = start + hour * HOUR
            history.record_patches("prod", key(), patches, at=at, baseline_id="pb-1")
    found = {
        (one.patch.kb_id[0], one.first_seen, one.last_seen, one.closed_at)
        for one in history.exposures("prod", closed_since=start)
    }
    assert found == _model(start, told)


some_patches = st.frozensets(
    st.sampled_from(
        (
            package("kernel", "1"),
            package("kernel", "2"),
            rollup("2026-02", 501),
            rollup("2026-03", 601),
            rollup("2026-03", 501),
        )
    ),
    max_size=2,
)
by_baselines = st.lists(
    st.tuples(
        some_patches,
        st.sampled_from(("pb-1", "pb-2", "pb-3")),
        st.sampled_from(("Scan", "Scan", "Install")),
        st.sampled_from((1, 1, 20)),
    ),
    max_size=10,
)


@settings(max_examples=200)
@given(by_baselines)
def test_whatever_baselines_list_the_store_keeps_what_the_rules_say(
    tmp_path_factory: pytest.TempPathFactory,
    told: Sequence[tuple[frozenset[Patch], str, str, int]],
) -> None:
    """And of no patch two that are open, or that could be opened again."""
    history = HistoryDatabase(tmp_path_factory.mktemp("history") / "history.db")
    known: tuple[Exposure, ...] = ()
    done: list[Exposure] = []
    at = NOW
    with history.together():
        for listed, baseline_id, operation, days in told:
            at += days * DAY
            patches = tuple(sorted(listed, key=lambda one: one.title))
            reported(history, *patches, at=at, baseline_id=baseline_id, operation=operation)
            found = after(
                key(), known, patches, at=at, baseline_id=baseline_id, operation=operation
            )
            done += [one for one in found if one.was_patched]
            known = tuple(one for one in found if not one.was_patched)
            names = [one.patch.kb_id for one in known]
            assert len(names) == len(set(names))
    kept = history.exposures("prod", closed_since=NOW)
    assert len(kept) == len(done) + len(known)
    assert {*kept} == {*done, *known}


def _model(
    start: datetime, told: Sequence[tuple[int, frozenset[str]]]
) -> set[tuple[str, datetime, datetime, datetime | None]]:
    counted: list[tuple[int, frozenset[str]]] = []
    for hour, names in told:
        if not counted or hour > counted[-1][0]:
            counted.append((hour, names))
    stretches = set()
    for name in "abcd":
        seen: list[int] = []
        for hour, names in [*counted, (-1, frozenset[str]())]:
            if name in names:
                seen.append(hour)
            elif seen:
                end = None if hour < 0 else start + hour * HOUR
                stretches.add((name, start + seen[0] * HOUR, start + seen[-1] * HOUR, end))
                seen = []
    return stretches
