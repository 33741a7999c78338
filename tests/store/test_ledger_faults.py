"""Full disks, kills, locks, files that vanish: a change is on the disk whole or not at all, and nothing is guessed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from bot.core.audit import Entry
from bot.core.errors import Conflict, StorageError
from bot.core.identity import Person
from bot.core.requests import RequestState, approve, deny
from bot.store.ledger import SqliteLedger
from bot.store.ledger_lock import network_file_system
from tests.store.ledgers import (
    ALICE,
    BOB,
    ENTRY,
    KEY,
    NOW,
    StillClock,
    a_plan,
    ask,
    click,
    open_ledger,
)

GROWTH_POINTS = 100
FILE_SIZES = 40
KILLS = 12
LONG = Entry("test.happened", "patchbot", "test/1", {"note": "x" * 900})


def append(ledger: SqliteLedger, entry: Entry = LONG) -> int:
    with ledger.change() as change:
        change.audit(entry)
    return ledger.head().seq


def test_a_full_disk_undoes_the_change_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    """At each of a hundred points of growth."""
    ledger = open_ledger(tmp_path)
    connection = ledger._file._connected()
    connection.set_authorizer(None)
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    done, refused = ledger.head().seq, 0
    for allowed in range(pages, pages + GROWTH_POINTS):
        connection.execute(f"PRAGMA max_page_count = {allowed}")
        hint = ""
        while not hint:
            try:
                append(ledger)
                done += 1
            except StorageError as error:
                hint = error.hint
        assert "The disk is full" in hint
        refused += 1
        assert ledger.head().seq == done
        assert ledger.read_only_reason == ""
    assert refused == GROWTH_POINTS
    assert done > GROWTH_POINTS
    assert ledger.verify().sound
    connection.execute("PRAGMA max_page_count = 1000000")
    assert ledger.put_inbox(click(1))
    ledger.close()
    assert open_ledger(tmp_path).read_only_reason == ""


FULL = """
import resource, signal, sys
from pathlib import Path
from bot.core.errors import StorageError
from tests.store.ledgers import open_ledger
from tests.store.test_ledger_faults import FILE_SIZES, append
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
directory = Path(sys.argv[1])
ledger = open_ledger(directory)
failed = 0
for step in range(FILE_SIZES):
    size = (directory / "ledger.db").stat().st_size + step * 331
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    for _ in range(12):
        try:
            print(append(ledger), flush=True)
        except StorageError:
            failed += 1
            break
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert ledger.read_only_reason == "", ledger.read_only_reason
    assert ledger.verify().sound
    print(append(ledger), flush=True)
print("failed", failed)
"""


def test_a_write_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    """At forty sizes of the file, the journal included; what was answered is there, nothing is there half."""
    said = python(FULL, tmp_path).split()
    *numbers, _, failed = said
    assert int(failed) >= FILE_SIZES // 2
    ledger = open_ledger(tmp_path)
    assert ledger.read_only_reason == ""
    assert ledger.head().seq == int(numbers[-1])
    assert [int(number) for number in numbers] == list(range(2, int(numbers[-1]) + 1))
    ledger.close()


def python(source: str, directory: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", source, str(directory)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


ENDLESS = """
import sys
from pathlib import Path
from tests.store.ledgers import ask, a_plan, click, open_ledger
ledger = open_ledger(Path(sys.argv[1]))
assert ledger.read_only_reason == "", ledger.read_only_reason
number = ledger.head().seq * 1000
while True:
    number += 1
    ledger.put_inbox(click(number))
    ask(ledger, a_plan(number))
    print(number, ledger.head().seq, flush=True)
"""


def test_killed_at_any_moment_what_was_answered_is_there(tmp_path: Path) -> None:
    """SIGKILL in the middle of commits, again and again on one file: the chain is sound, nothing answered is lost."""
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    for _ in range(KILLS):
        process = subprocess.Popen(
            [sys.executable, "-c", ENDLESS, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        number, seq = 0, 0
        for _ in range(chance.randrange(1, 12)):
            number, seq = map(int, process.stdout.readline().split())
        time.sleep(chance.random() / 200)  # where in the next commit the kill falls
        process.kill()
        for line in process.stdout.read().splitlines():
            number, seq = map(int, line.split())
        assert process.wait() == -signal.SIGKILL
        process.stdout.close()
        ledger = open_ledger(tmp_path)
        assert ledger.read_only_reason == "", seed
        assert ledger.verify().sound, seed
        assert seq <= ledger.head().seq <= seq + 1, seed
        assert f"action/{number}" in {item.key for item in ledger.inbox()}, seed
        asked = {link.subject for link in ledger.audit(kind="request.requested", limit=10_000)}
        assert asked == {f"request/{request.id}" for request in ledger.requests()}, seed
        ledger.close()


def test_another_process_is_told_who_has_it(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    with pytest.raises(StorageError, match=f"process {os.getpid()}"):
        open_ledger(tmp_path)
    source = (
        "import sys; from pathlib import Path; from tests.store.ledgers import open_ledger;"
        " from bot.core.errors import StorageError\n"
        "try: open_ledger(Path(sys.argv[1]))\nexcept StorageError as error: print(error)"
    )
    assert f"process {os.getpid()}" in python(source, tmp_path)
    ledger.close()
    open_ledger(tmp_path).close()


def test_its_files_are_private(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    ledger = open_ledger(directory)
    append(ledger)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o600}
    ledger.close()


def test_its_pragmas_are_those_of_a_ledger(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    connection = ledger._file._connected()
    connection.set_authorizer(None)
    names = ("synchronous", "recursive_triggers", "secure_delete", "foreign_keys", "trusted_schema")
    found = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names}
    durable = (
        2 if ledger._file._connected().execute("PRAGMA journal_mode").fetchone()[0] == "wal" else 3
    )
    assert found == {
        "synchronous": durable,
        "recursive_triggers": 1,
        "secure_delete": 1,
        "foreign_keys": 1,
        "trusted_schema": 0,
    }
    ledger.close()


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    for statement in (
        "DELETE FROM audit",
        "INSERT INTO counter VALUES ('R', 7)",
        "CREATE TABLE a (b)",
    ):
        with pytest.raises(StorageError), ledger._file.reading() as connection:
            connection.execute(statement)
    ledger.close()


def test_a_lock_held_too_long_is_an_error_and_then_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.store.database.BUSY_TIMEOUT_S", 0.05)
    ledger = open_ledger(tmp_path)
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StorageError, match="locked") as caught:
            ledger.put_inbox(click(1))
        assert "Another program" in caught.value.hint
    assert ledger.put_inbox(click(1))
    assert ledger.read_only_reason == ""
    ledger.close()


def test_a_reader_that_holds_up_a_commit_does_not_break_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without WAL a commit cannot finish while somebody reads: it is undone, and the next one works."""
    monkeypatch.setattr("bot.store.database.BUSY_TIMEOUT_S", 0.05)
    monkeypatch.setattr("bot.store.database.has_sound_wal", lambda _version: False)
    monkeypatch.setattr("bot.store.ledger_file.has_sound_wal", lambda _version: False)
    ledger = open_ledger(tmp_path)
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM audit").fetchone()
        with pytest.raises(StorageError, match="locked"):
            append(ledger)
    assert append(ledger) == 2
    assert ledger.verify().sound
    ledger.close()


def _deleted(path: Path) -> None:
    path.unlink()


def _replaced(path: Path) -> None:
    shutil.copyfile(path, path.with_suffix(".copy"))
    path.with_suffix(".copy").replace(path)


def _written_by_another(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TRIGGER audit_no_delete")
        connection.execute("DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)")


def _overwritten(path: Path) -> None:
    path.write_bytes(path.with_suffix(".old").read_bytes())


@pytest.mark.parametrize("harm", [_deleted, _replaced, _written_by_another, _overwritten])
def test_a_file_that_is_not_what_it_was_is_never_written_again(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    """Also not when the old one comes back: patchbot must be started again, and checks it then."""
    path = tmp_path / "ledger.db"
    ledger = open_ledger(tmp_path)
    shutil.copyfile(path, path.with_suffix(".old"))
    append(ledger)
    good = path.read_bytes()
    harm(path)
    for _ in range(2):
        with pytest.raises(StorageError, match="while patchbot was running"):
            ledger.put_inbox(click(1))
        path.write_bytes(good)
    assert "while patchbot was running" in ledger.read_only_reason
    ledger.close()


def test_a_file_that_goes_during_a_change_is_noticed_by_it(tmp_path: Path) -> None:
    """Whoever made the change must not believe that it is on the disk."""
    ledger = open_ledger(tmp_path)

    def change_and_delete() -> None:
        with ledger.change() as change:
            change.audit(ENTRY)
            (tmp_path / "ledger.db").unlink()

    with pytest.raises(StorageError, match="deleted or replaced"):
        change_and_delete()
    ledger.close()


@pytest.mark.parametrize(
    "harm",
    [
        lambda path: path.write_bytes(b"not a database at all" * 400),
        lambda path: path.write_bytes(path.read_bytes()[: 4096 * 5]),
        lambda path: path.write_bytes(
            path.read_bytes()[:8192] + bytes(8192) + path.read_bytes()[16384:]
        ),
        lambda path: _pragma(path, "application_id = 7"),
        lambda path: _pragma(path, "user_version = 99"),
        lambda path: _pragma(path, "user_version = 0"),
    ],
    ids=["garbage", "cut", "zeroes", "not ours", "newer", "no version"],
)
def test_a_file_that_cannot_be_trusted_is_read_only_and_says_why(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    ledger = open_ledger(tmp_path)
    for number in range(30):
        ledger.put_inbox(click(number))
        append(ledger)
    ledger.close()
    harm(tmp_path / "ledger.db")
    before = (tmp_path / "ledger.db").read_bytes()
    again = open_ledger(tmp_path)
    assert again.read_only_reason
    with pytest.raises(StorageError, match="read-only"):
        again.put_inbox(click(99))
    again.close()
    assert (tmp_path / "ledger.db").read_bytes() == before


def _pragma(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA {statement}")


def test_a_directory_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises((StorageError, NotADirectoryError, FileExistsError)):
        open_ledger(tmp_path / "file")
    (tmp_path / "ledger.db").mkdir()
    with pytest.raises(StorageError, match="no plain file"):
        open_ledger(tmp_path)


def test_threads_put_each_click_once(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    start = threading.Barrier(8)

    def put(_: int) -> int:
        start.wait()
        return sum(ledger.put_inbox(click(number)) for number in range(40))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(put, range(8))) == 40
    assert len(ledger.inbox()) == 40
    ledger.close()


def test_of_many_votes_at_once_one_outcome_remains(tmp_path: Path) -> None:
    """Eight threads approve and deny from the state they read: one wins each version, the others read anew."""
    ledger = open_ledger(tmp_path)
    people = [Person(f"U{number}") for number in range(40)]
    request = ask(ledger, a_plan(), needed=3)

    def decide(number: int) -> bool:
        while True:
            found = ledger.request(request.id)
            assert found is not None
            if number % 5:
                move = approve(found, [BOB, Person("UCAROL"), ALICE][number % 3], found.digest, NOW)
            else:
                move = deny(found, BOB, f"no {number}", NOW)
            if not move.changed:
                return False
            try:
                with ledger.change() as change:
                    change.save_request(move.request, move.entries)
            except Conflict:
                continue
            return not move.request.is_open

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(decide, range(len(people))))
    assert outcomes.count(True) == 1
    found = ledger.request(request.id)
    assert found is not None
    assert found.state is RequestState.DENIED
    ends = [link for link in ledger.audit(limit=500) if link.kind == "request.denied"]
    assert len(ends) == 1
    assert ledger.verify().sound
    ledger.close()


MOUNTS = """\
22 1 259:1 / / rw,relatime shared:1 - ext4 /dev/root rw
90 22 0:50 / /mnt/efs rw,relatime shared:2 - nfs4 fs-1.efs:/ rw
91 90 259:2 / /mnt/efs/local rw - xfs /dev/nvme1n1 rw
92 22 0:51 / /mnt/a\\040b rw - cifs //server/share rw
93 22 0:52 / /mnt/s3 rw - fuse.s3fs s3fs rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/patchbot", ""),
        ("/mnt/efs/patchbot", "nfs4"),
        ("/mnt/efs", "nfs4"),
        ("/mnt/efsx", ""),
        ("/mnt/efs/local/patchbot", ""),
        ("/mnt/a b/patchbot", "cifs"),
        ("/mnt/s3", "fuse.s3fs"),
    ],
)
def test_network_file_systems_are_recognised(path: str, kind: str) -> None:
    assert network_file_system(Path(path), mounts=MOUNTS) == kind


def test_a_network_file_system_is_refused_unless_forced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.store.ledger_lock.network_file_system", lambda _path: "nfs4")
    with pytest.raises(StorageError, match="nfs4"):
        open_ledger(tmp_path)
    open_ledger(tmp_path, allow_network=True).close()


def test_old_times_do_not_break_the_chain(tmp_path: Path) -> None:
    """A clock that is set back is written down as it is."""
    clock = StillClock()
    ledger = SqliteLedger.open(tmp_path / "ledger.db", clock=clock, key=KEY)
    clock.now = NOW.replace(year=2020)
    append(ledger)
    times = [link.at_us for link in ledger.links()]
    assert times == sorted(times, reverse=True)
    assert ledger.verify().sound
    ledger.close()
