"""The cache gives back exactly what it was given, and no state of its file is worse than an empty one."""

from __future__ import annotations

import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.core.environments import Account, Environment, Selector, Target
from bot.core.errors import StorageError
from bot.core.nodes import ManagedNode, NodeKey, Observation, Patch, PatchState
from bot.core.readings import Gap, Reading, TargetReading
from bot.store.cache import ReadingCache

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
FRANKFURT = Target(Account("111122223333", role="Reader"), "eu-central-1")
VIRGINIA = Target(Account("111122223333", role="Reader"), "us-east-1")
PROD = Environment("prod", (FRANKFURT, VIRGINIA), Selector({"Environment": ("prod",)}))
KEY = NodeKey("111122223333", "eu-central-1", "i-1")


def node(number: int, region: str = "eu-central-1") -> ManagedNode:
    return ManagedNode(
        f"i-{number}",
        "111122223333",
        region,
        name="wéb 'one'; --",
        platform_type="Linux",
        ping_status="Online",
        last_ping=NOW,
        owner="Zoë",
    )


STATE = PatchState("i-1", "web", "pb-1", operation="Scan", operation_end_time=NOW, missing=3)
READING = Reading(
    "prod",
    NOW,
    (
        TargetReading(
            FRANKFURT,
            "111122223333",
            NOW,
            (
                Observation(node(1), STATE, counts_available_security_updates=True),
                Observation(node(4), replace(STATE, instance_id="i-4"), undecided=True),
                Observation(node(2)),
                Observation(node(3), unread="AccessDenied"),
            ),
            notices=("Tags could not be read.", "Tags could not be read."),
        ),
        TargetReading(
            VIRGINIA,
            "111122223333",
            None,
            gaps=(Gap("111122223333", "us-east-1", "no route", 4, NOW, "ask", True, True),),
        ),
    ),
)
PATCH = Patch(
    "Security Update", "KB1", "Security", "Critical", "Missing", NOW, ("CVE-2026-1", "CVE-2026-2")
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "cache.db"


@pytest.fixture
def cache(path: Path) -> ReadingCache:
    return ReadingCache(path)


def test_gives_back_what_was_saved_in_another_process(cache: ReadingCache, path: Path) -> None:
    """A reading comes back equal in every field, apart from saying that it comes from the cache."""
    cache.save(PROD, READING)
    assert ReadingCache(path).load(PROD) == replace(READING, source="cache")


def test_an_empty_cache_has_no_reading(cache: ReadingCache) -> None:
    assert cache.load(PROD) is None
    assert cache.load_patches(KEY, NOW) is None


def test_a_new_reading_replaces_the_old_one_and_no_other(cache: ReadingCache) -> None:
    staging = replace(PROD, name="staging")
    cache.save(staging, replace(READING, environment="staging"))
    cache.save(PROD, READING)
    smaller = Reading("prod", NOW + timedelta(hours=1), (TargetReading(FRANKFURT, "1", NOW),))
    cache.save(PROD, smaller)
    assert cache.load(PROD) == replace(smaller, source="cache")
    assert cache.load(staging) == replace(READING, environment="staging", source="cache")


@pytest.mark.parametrize(
    "changed",
    [
        replace(PROD, targets=(FRANKFURT,)),
        replace(PROD, targets=(replace(FRANKFURT, account=Account("444455556666")), VIRGINIA)),
        replace(PROD, targets=(replace(FRANKFURT, account=Account("111122223333")), VIRGINIA)),
        replace(PROD, selector=Selector({"Environment": ("prod", "live")})),
        replace(PROD, selector=Selector(patch_groups=("web",))),
        replace(PROD, owner_tag="Team"),
    ],
)
def test_a_changed_environment_has_no_reading(cache: ReadingCache, changed: Environment) -> None:
    """A reading of other nodes is not shown as one of this environment."""
    cache.save(PROD, READING)
    assert cache.load(changed) is None


def test_what_other_credentials_or_another_endpoint_saw_is_no_answer(path: Path) -> None:
    """A reading is for those who made it: a key of another account starts with an empty cache."""
    ReadingCache(path, seen_by="key-of-one").save(PROD, READING)
    assert ReadingCache(path, seen_by="key-of-another").load(PROD) is None
    assert ReadingCache(path, seen_by="key-of-one").load(PROD) == replace(READING, source="cache")


def test_a_changed_rule_keeps_the_reading(cache: ReadingCache) -> None:
    """What judges the nodes may change without reading them again."""
    cache.save(PROD, READING)
    assert cache.load(replace(PROD, stale_after=timedelta(days=1), protected=True)) is not None


@pytest.mark.parametrize("value", [None, "half of a character: \ud800"])
def test_a_failed_save_leaves_the_old_reading(cache: ReadingCache, value: str) -> None:
    """Whole or not at all: an error halfway through takes nothing away."""
    cache.save(PROD, READING)
    broken = Observation(replace(node(9), platform_type=value))
    half = replace(READING.targets[0], observations=(Observation(node(8)), broken))
    with pytest.raises(StorageError):
        cache.save(PROD, Reading("prod", NOW, (half,)))
    assert cache.load(PROD) == replace(READING, source="cache")


def test_the_old_reading_can_be_read_while_a_new_one_is_being_written(
    cache: ReadingCache, path: Path
) -> None:
    """A writer in the middle of its transaction, with far more rows than a page cache holds, hides nothing."""
    cache.save(PROD, READING)
    halfway, go_on = threading.Event(), threading.Event()

    class Slowly(tuple[Observation, ...]):
        def __iter__(self) -> Iterator[Observation]:
            yield from (Observation(node(number)) for number in range(20_000))
            halfway.set()
            go_on.wait(30)

    slow = replace(READING.targets[0], observations=Slowly())
    writer = threading.Thread(target=cache.save, args=(PROD, replace(READING, targets=(slow,))))
    writer.start()
    try:
        assert halfway.wait(30)
        assert ReadingCache(path).load(PROD) == replace(READING, source="cache")
    finally:
        go_on.set()
        writer.join(30)
    found = cache.load(PROD)
    assert found is not None
    assert len(found.observations) == 20_000


def test_patches_belong_to_one_operation(cache: ReadingCache) -> None:
    """Patches of an earlier operation say nothing about the node of today."""
    cache.save_patches(
        KEY, NOW, (PATCH, replace(PATCH, cve_ids=(), installed_time=None)), read_at=NOW
    )
    kept = cache.load_patches(KEY, NOW)
    assert kept == (NOW, (PATCH, replace(PATCH, cve_ids=(), installed_time=None)))
    assert cache.load_patches(KEY, NOW + timedelta(seconds=1)) is None
    assert cache.load_patches(KEY._replace(region="us-east-1"), NOW) is None
    cache.save_patches(KEY, None, (), read_at=NOW)
    assert cache.load_patches(KEY, NOW) is None
    assert cache.load_patches(KEY, None) == (NOW, ())


def test_patches_of_a_node_that_is_gone_are_forgotten(cache: ReadingCache) -> None:
    gone = KEY._replace(instance_id="i-gone")
    for key in (KEY, gone):
        cache.save_patches(key, NOW, (PATCH,), read_at=NOW)
    cache.save(PROD, READING)
    assert cache.load_patches(KEY, NOW) is not None
    assert cache.load_patches(gone, NOW) is None


def test_nobody_else_may_read_the_files(cache: ReadingCache, path: Path) -> None:
    cache.save(PROD, READING)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()} == {0o600}


def test_a_file_of_the_version_before_is_brought_up_to_date(path: Path) -> None:
    """What it holds stays; what it could not hold is not known."""
    cache = ReadingCache(path)
    cache.save(PROD, READING)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("ALTER TABLE node DROP COLUMN patch_group_tag")
        connection.execute("ALTER TABLE node DROP COLUMN undecided")
        connection.execute("ALTER TABLE gap DROP COLUMN partial")
        connection.execute("DELETE FROM _sqlite_migrations WHERE name >= 'm003'")
        connection.execute("PRAGMA user_version = 1")
    kept = ReadingCache(path).load(PROD)
    assert kept is not None
    assert len(kept.observations) == len(READING.observations) > 0
    assert {seen.node.patch_group_tag for seen in kept.observations} == {None}


def _text(path: Path) -> None:
    path.write_bytes(b"this is not a database, but long enough to look at" * 100)


def _torn(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    whole[4096:] = b"\xff" * (len(whole) - 4096)
    path.write_bytes(whole)


def _newer(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()


def _foreign(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA application_id = 42")
        connection.execute("CREATE TABLE precious (thing)")
    connection.close()


@pytest.mark.parametrize("damage", [_text, _torn, _newer, _foreign])
def test_an_unusable_file_is_set_aside_and_built_anew(
    cache: ReadingCache,
    path: Path,
    damage: Callable[[Path], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Damage costs one reading and leaves a line in the log and the old file beside; never an error."""
    cache.save(PROD, READING)
    damage(path)
    was = path.read_bytes()
    assert cache.load(PROD) is None
    assert path.with_name("cache.db.damaged").read_bytes() == was
    assert "cache.db.damaged" in caplog.text
    cache.save(PROD, READING)
    assert cache.load(PROD) == replace(READING, source="cache")


def test_an_empty_file_is_a_new_cache(cache: ReadingCache, path: Path) -> None:
    """A crash between making the file and its tables leaves an empty one."""
    path.parent.mkdir()
    path.touch()
    cache.save(PROD, READING)
    assert cache.load(PROD) is not None


def test_a_place_that_cannot_hold_a_file_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"file/cache\.db cannot be used.*may write"):
        ReadingCache(tmp_path / "file" / "cache.db").load(PROD)


def test_many_threads_at_once(path: Path) -> None:
    """Threads that create, read and write the same new file do not get in each other's way."""
    caches = [ReadingCache(path) for _ in range(8)]
    errors: list[BaseException] = []
    start = threading.Barrier(len(caches))

    def work(number: int) -> None:
        try:
            start.wait(30)
            for turn in range(5):
                caches[number].save(PROD, READING)
                assert caches[number].load(PROD) == replace(READING, source="cache")
                key = KEY._replace(instance_id=f"i-{turn % 3 + 1}")
                caches[number].save_patches(key, NOW, (PATCH,), read_at=NOW)
        except BaseException as error:  # noqa: BLE001  # a thread's error must reach the test
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(caches))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []


times = st.none() | st.datetimes(timezones=st.just(UTC))
texts = st.text(st.characters(blacklist_categories=["Cs"]), max_size=20)
nodes = st.builds(
    ManagedNode,
    st.uuids().map(str),
    st.just("111122223333"),
    st.just("eu-central-1"),
    *[texts] * 5,
    times,
    *[texts] * 5,
)
states = st.builds(
    PatchState,
    st.just(""),
    *[texts] * 4,
    times,
    times,
    texts,
    times,
    *[st.integers(0, 2**31)] * 11,
)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.builds(Observation, nodes, st.none() | states, texts, st.booleans()), max_size=4)
)
def test_any_node_comes_back_as_it_was(cache: ReadingCache, seen: list[Observation]) -> None:
    """Whatever AWS wrote into a field (quotes, control characters, the year 1) survives."""
    whole = tuple(
        replace(one, state=one.state and replace(one.state, instance_id=one.node.instance_id))
        for one in seen
    )
    reading = Reading("prod", NOW, (TargetReading(FRANKFURT, "111122223333", NOW, whole),))
    cache.save(PROD, reading)
    assert cache.load(PROD) == replace(reading, source="cache")
