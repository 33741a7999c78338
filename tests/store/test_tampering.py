"""Whoever owns the file can do anything to the audit log, and the log shows it: mostly attacks, few happy cases.

What cannot be noticed without a head that was kept elsewhere stands here as a test too, and in docs/security.md.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
import sqlite_utils

from bot.core.audit import GENESIS, Entry, Finding, Head, Link, link_hash
from bot.core.errors import StorageError
from bot.core.runs import DispatchState
from bot.store import ledger_chain as chain
from bot.store import ledger_rows as rows
from bot.store.ledger import SqliteLedger
from bot.store.ledger_schema import APPEND_ONLY, LASTING
from tests.store.ledgers import (
    ENTRY,
    StillClock,
    a_plan,
    about,
    approved,
    ask,
    begin,
    move,
    open_ledger,
)

LENGTH = 60
FLIPS = 1_500
ROWS = range(1, LENGTH + 1)
COLUMNS = ("at_us", "boot", "kind", "actor", "subject", "body", "prev", "hash")


class Evidence:
    """The bytes of a sound ledger, its id and its head."""

    def __init__(self, directory: Path) -> None:
        ledger = open_ledger(directory)
        begin(ledger, approved(ledger))
        number = ledger.head().seq
        while number < LENGTH:
            number += 1
            with ledger.change() as change:
                body = {"note": f"„{number}“ <!channel>", "nodes": number}
                change.audit(Entry("test.happened", "U0ALICE", f"test/{number}", body))
        self.ledger, self.head = ledger.id, ledger.head()
        ledger.close()
        self.content = (directory / "ledger.db").read_bytes()


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return Evidence(tmp_path_factory.mktemp("evidence"))


@pytest.fixture
def copy(evidence: Evidence) -> Iterator[sqlite3.Connection]:
    """The ledger in the hands of somebody who dropped its triggers."""
    with closing(in_memory(evidence.content)) as connection:
        triggers = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        for (name,) in triggers.fetchall():
            connection.execute(f"DROP TRIGGER {name.decode()}")
        yield connection


def in_memory(content: bytes) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.deserialize(content)
    connection.text_factory = bytes
    return connection


def verify(
    connection: sqlite3.Connection, evidence: Evidence, anchor: Head | None = None
) -> Finding:
    @contextmanager
    def reading() -> Iterator[sqlite3.Connection]:
        yield connection

    return chain.verify(evidence.ledger, chain.links(reading), anchor=anchor)


def links_of(connection: sqlite3.Connection) -> list[Link]:
    select = f"SELECT {', '.join(rows.LINK_COLUMNS)} FROM audit ORDER BY seq"
    return [rows.link(row) for row in connection.execute(select)]


def put(connection: sqlite3.Connection, links: list[Link]) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [[getattr(link, name) for name in rows.LINK_COLUMNS] for link in links],
    )


@contextmanager
def tampering(connection: sqlite3.Connection) -> Iterator[None]:
    """What is done in the block is undone after it."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


def test_the_evidence_is_sound(copy: sqlite3.Connection, evidence: Evidence) -> None:
    found = verify(copy, evidence, evidence.head)
    assert (found.sound, found.checked) == (True, LENGTH)
    assert found.head is not None
    assert found.head.code == evidence.head.code


@pytest.mark.parametrize("column", COLUMNS)
def test_every_edit_names_its_row(
    copy: sqlite3.Connection, evidence: Evidence, column: str
) -> None:
    """Also without a head."""
    other = {
        "at_us": "at_us + 1",
        "prev": "randomblob(32)",
        "hash": "randomblob(32)",
        "body": """'{"forged":1}'""",
    }.get(column, f"{column} || ' '")
    for seq in ROWS:
        with tampering(copy):
            copy.execute(f"UPDATE audit SET {column} = {other} WHERE seq = ?", (seq,))
            found = verify(copy, evidence)
            assert (found.bad_seq, found.checked) == (seq, seq - 1)


def test_every_row_that_is_gone_is_missed(copy: sqlite3.Connection, evidence: Evidence) -> None:
    """Without a head the last one is not."""
    for seq in ROWS:
        with tampering(copy):
            copy.execute("DELETE FROM audit WHERE seq = ?", (seq,))
            assert verify(copy, evidence, evidence.head).bad_seq == seq
            assert verify(copy, evidence).sound is (seq == LENGTH)


def test_every_swap_is_noticed(copy: sqlite3.Connection, evidence: Evidence) -> None:
    links = links_of(copy)
    for one, two in combinations(links, 2):
        with tampering(copy):
            put(copy, [replace(one, seq=two.seq), replace(two, seq=one.seq)])
            assert verify(copy, evidence).bad_seq == one.seq


def test_every_cut_is_noticed_with_the_head_only(
    copy: sqlite3.Connection, evidence: Evidence
) -> None:
    for last in range(LENGTH):
        with tampering(copy):
            copy.execute("DELETE FROM audit WHERE seq > ?", (last,))
            assert verify(copy, evidence).sound
            found = verify(copy, evidence, evidence.head)
            assert (found.bad_seq, "cut off" in found.problem) == (last + 1, True)


def test_every_history_written_anew_is_noticed_with_the_head_only(
    copy: sqlite3.Connection, evidence: Evidence
) -> None:
    """One row is edited, and it and all after it are hashed again: perfect, but for the head."""
    original = links_of(copy)
    for seq in ROWS:
        with tampering(copy):
            put(copy, rehashed(original, evidence, seq))
            assert verify(copy, evidence).sound
            found = verify(copy, evidence, evidence.head)
            assert found.problem.endswith("history was rewritten")


def rehashed(links: list[Link], evidence: Evidence, seq: int) -> list[Link]:
    forged: list[Link] = []
    prev = links[seq - 2].hash if seq > 1 else GENESIS
    for link in links[seq - 1 :]:
        actor = "U0MALLORY" if link.seq == seq else link.actor
        bare = replace(link, actor=actor, prev=prev)
        prev = link_hash(evidence.ledger, bare)
        forged.append(replace(bare, hash=prev))
    return forged


def test_a_row_of_another_ledger_does_not_fit(copy: sqlite3.Connection, evidence: Evidence) -> None:
    found = chain.verify("another", iter(links_of(copy)))
    assert found.bad_seq == 1


def test_a_head_of_another_ledger_does_not_fit(
    copy: sqlite3.Connection, evidence: Evidence
) -> None:
    assert not verify(copy, evidence, replace(evidence.head, ledger="another")).sound


def test_flipped_bytes_change_nothing_or_are_noticed(evidence: Evidence) -> None:
    """Wherever a bit of the file flips: the rows of the log are the same, or the check fails."""
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    with closing(in_memory(evidence.content)) as connection:
        original = links_of(connection)
    noticed = 0
    for position in chance.sample(range(len(evidence.content)), FLIPS):
        content = bytearray(evidence.content)
        content[position] ^= 1 << chance.randrange(8)
        with suppress(sqlite3.Error), closing(in_memory(bytes(content))) as connection:
            if verify(connection, evidence, evidence.head).sound:
                assert links_of(connection) == original, (seed, position)
                continue
        noticed += 1
    assert noticed > FLIPS // 20


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'U0MALLORY'",
        "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit SELECT seq, at_us, boot, kind, 'U0MALLORY', subject, body, prev, hash"
        " FROM audit WHERE seq = 2",
        "REPLACE INTO audit SELECT * FROM audit WHERE seq = 2",
        "INSERT INTO audit SELECT * FROM audit WHERE seq = 2 ON CONFLICT (seq) DO UPDATE SET actor = 'x'",
        "INSERT OR IGNORE INTO audit SELECT 99, at_us, boot, kind, actor, subject, body, prev, hash FROM audit",
        "UPDATE plan SET body = '{}'",
        "UPDATE vote SET person = 'U0MALLORY'",
        "INSERT OR REPLACE INTO vote SELECT request, digest, person, 'later', 7 FROM vote",
        "DELETE FROM vote",
        "DELETE FROM request",
        "DELETE FROM dispatch",
        "DELETE FROM node_lock",
        "UPDATE identity SET ledger = 'x'",
        "DROP TRIGGER audit_no_update",
        "DROP TABLE audit",
        "ALTER TABLE audit RENAME TO other",
        "ALTER TABLE audit ADD COLUMN extra TEXT",
        "CREATE TABLE mine (a)",
        "CREATE TEMP TRIGGER mine BEFORE INSERT ON audit BEGIN SELECT RAISE(IGNORE); END",
        "CREATE TEMP TABLE audit (a)",
        "CREATE INDEX mine ON audit (kind)",
        "ATTACH ':memory:' AS other",
        "DETACH main",
        "PRAGMA writable_schema = 1",
        "PRAGMA recursive_triggers = 0",
        "PRAGMA user_version = 9",
        "PRAGMA journal_mode = OFF",
        "UPDATE sqlite_schema SET sql = ''",
        "VACUUM INTO '/tmp/copy.db'",
        "REINDEX",
        "ANALYZE",
    ],
)
def test_the_writing_connection_cannot_tamper(tmp_path: Path, statement: str) -> None:
    ledger = open_ledger(tmp_path)
    begin(ledger, approved(ledger))
    before = (list(ledger.links()), ledger.requests(), ledger.runs())
    with pytest.raises(StorageError), ledger._file.writing() as connection:
        connection.execute(statement)
    assert (list(ledger.links()), ledger.requests(), ledger.runs()) == before
    with ledger.change() as change:
        change.audit(ENTRY)
    assert ledger.verify().sound
    ledger.close()
    again = open_ledger(tmp_path)
    assert again.read_only_reason == ""
    again.close()


@pytest.mark.parametrize("table", [*APPEND_ONLY, *LASTING])
def test_the_triggers_alone_keep_every_row(tmp_path: Path, table: str) -> None:
    """Through a connection without an authorizer: UPDATE where nothing changes, DELETE and REPLACE everywhere."""
    ledger = open_ledger(tmp_path)
    run = begin(ledger, approved(ledger))
    with ledger.change() as change:
        change.save_receipt(run.id, {}, [about("run/X-1")])
    ledger.close()
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA recursive_triggers = 1")
        if table == "inbox":
            connection.execute("INSERT INTO inbox VALUES ('k', 'k', 'p', 't', '{}', 'now', NULL)")
        first = connection.execute(f"SELECT * FROM {table}").fetchall()
        assert first
        statements = [f"DELETE FROM {table}", f"REPLACE INTO {table} SELECT * FROM {table}"]
        if table in APPEND_ONLY:
            statements.append(f"UPDATE {table} SET rowid = rowid")
        for statement in statements:
            with pytest.raises(sqlite3.IntegrityError):
                connection.execute(statement)
        assert connection.execute(f"SELECT * FROM {table}").fetchall() == first


def _triggers(directory: Path) -> list[str]:
    open_ledger(directory).close()
    with closing(sqlite3.connect(directory / "ledger.db")) as connection:
        found = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        return [name for (name,) in found]


def test_every_dropped_trigger_is_noticed_at_the_start(tmp_path: Path) -> None:
    """And every one that was replaced by one of the same name."""
    names = _triggers(tmp_path)
    assert len(names) > 20
    content = (tmp_path / "ledger.db").read_bytes()
    for index, name in enumerate(names):
        (tmp_path / "ledger.db").write_bytes(content)
        with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection, connection:
            connection.execute(f"DROP TRIGGER {name}")
            if index % 2:
                connection.execute(
                    f"CREATE TRIGGER {name} BEFORE UPDATE ON audit BEGIN SELECT 1; END"
                )
        ledger = open_ledger(tmp_path)
        assert "triggers are not those" in ledger.read_only_reason, name
        ledger.close()


def test_every_dropped_trigger_is_noticed_by_verify_while_patchbot_runs(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    assert ledger.verify().sound
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection, connection:
        connection.execute("DROP TRIGGER vote_no_update")
    assert "triggers are not those" in ledger.verify().problem
    beside = SqliteLedger.open_for_reading(tmp_path / "ledger.db", clock=StillClock())
    assert "triggers are not those" in beside.verify(ledger.head()).problem
    ledger.close()


@pytest.mark.parametrize(
    "harm",
    [
        lambda database: database["audit"].transform(),
        lambda database: database["vote"].transform(drop={"position"}),
        lambda database: database["mine"].insert({"a": 1}),
        lambda database: database.execute("DROP INDEX run_in_environment"),
    ],
)
def test_what_sqlite_utils_does_to_triggers_is_noticed_at_the_start(
    tmp_path: Path, harm: Callable[[sqlite_utils.Database], object]
) -> None:
    ledger = open_ledger(tmp_path)
    ledger.close()
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection, connection:
        harm(sqlite_utils.Database(connection, execute_plugins=False))
    again = open_ledger(tmp_path, clock=StillClock())
    assert again.read_only_reason
    with pytest.raises(StorageError, match="read-only"), again.change():
        pytest.fail("it was written")
    again.close()


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("INSERT INTO vote SELECT id, digest, 'U0MALLORY', 'now', 1 FROM request WHERE id = 'R-2'", "a vote on R-2"),
        ("UPDATE vote SET person = 'U0MALLORY' WHERE person = 'UBOB'", "a vote on R-1"),
        ("UPDATE request SET state = 'approved', ended_at = 'now' WHERE id = 'R-2'", "R-2 did not end"),
        ("UPDATE request SET state = 'pending', ended_at = NULL WHERE id = 'R-1'", "R-1 is open"),
        ("UPDATE request SET requester = 'U0MALLORY' WHERE id = 'R-2'", "nobody asked for R-2"),
        ("UPDATE request SET digest = (SELECT digest FROM request WHERE id = 'R-1') WHERE id = 'R-2'", "another plan"),
        ("INSERT INTO request SELECT 'R-9', version, 'approved', environment, operation, digest, requester, reason,"
         " ticket, created_at, expires_at, rules, break_glass, 'now', ended_by, ended_why FROM request"
         " WHERE id = 'R-2'",
         "nobody asked for R-9"),
        ("UPDATE dispatch SET state = 'planned', command_id = NULL", "X-1/run-1 is planned, but it went out"),
        ("UPDATE dispatch SET command_id = 'c-9' WHERE batch = 1", "the command of the send X-1/run-1"),
        ("UPDATE dispatch SET command_id = 'c-1' || '0' WHERE batch = 1", "the command of the send X-1/run-1"),
        ("UPDATE dispatch SET command_id = 'c-9' WHERE batch = 2", "the command of the send X-1/run-2"),
        ("UPDATE run SET rehearsal = 1", "the run of R-1 is not the rehearsal"),
        ("UPDATE run SET digest = (SELECT digest FROM request WHERE id = 'R-2')", "X-1 is of another plan"),
        ("UPDATE plan SET body = replace(body, 'web-01', 'web-99')", "is not what was sealed"),
        ("UPDATE request SET rules = replace(rules, 'true', 'false')", "the rules of R-1 are not those"),
        ("UPDATE request SET rules = replace(rules, 'needed\":2', 'needed\":1')", "the rules of R-1 are not those"),
        ("UPDATE request SET rules = replace(rules, 'UCAROL', 'UMALLORY')", "the rules of R-1 are not those"),
        ("UPDATE request SET rules = '{broken}'", "the rules of R-1 are damaged"),
        ("UPDATE request SET rules = '{}'", "the rules of R-1 are not those"),
        ("UPDATE request SET expires_at = '2026-03-09T00:00:00+00:00' WHERE id = 'R-2'", "the rules of R-2 are not"),
        ("UPDATE request SET environment = 'staging' WHERE id = 'R-2'", "the rules of R-2 are not those"),
    ],
)  # fmt: skip
def test_decisions_and_sends_that_the_log_does_not_know_are_noticed(
    tmp_path: Path, statement: str, problem: str
) -> None:
    """By the check and at the start: a vote that was put in, a decision that was changed, a send made unsent."""
    ledger = open_ledger(tmp_path)
    run = begin(ledger, approved(ledger))
    ask(ledger, a_plan(7))
    sending = replace(ledger.dispatches(run.id)[0], state=DispatchState.SENDING)
    with ledger.change() as change:
        entry = about(sending.subject, "dispatch.intended")
        change.move_dispatch(sending, was="planned", entries=[entry])
    move(ledger, sending, DispatchState.SENT, command_id="c-1")
    ledger.close()
    assert open_and_close(tmp_path) == ("", "")
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection, connection:
        triggers = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'"
        found = connection.execute(triggers).fetchall()
        for name, _ in found:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(statement)
        for _, sql in found:
            connection.execute(sql)
    reason, told = open_and_close(tmp_path)
    assert problem in reason
    assert problem in told


def open_and_close(directory: Path) -> tuple[str, str]:
    ledger = open_ledger(directory)
    told = (ledger.read_only_reason, ledger.verify().problem)
    ledger.close()
    return told
