"""`patchbot audit`, `backup` and `ledger` as a person types them, and the verifier for auditors who trust nobody."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bot.core.runs import DispatchState
from bot.store.history import HISTORY_FILE, HistoryDatabase
from bot.store.ledger import SqliteLedger
from bot.store.opening import LedgerPlace, open_ledger
from tests.core.histories import snapshot
from tests.store.ledgers import NOW, StillClock, approved, ask, begin, move
from tests.terminal.conftest import Shell
from tests.terminal.ssm import Ssm

VERIFIER = Path(__file__).parents[2] / "docs" / "verify_audit.py"


@pytest.fixture
def place(shell: Shell) -> LedgerPlace:
    data = shell.directory / "data"
    return LedgerPlace(data, data / "heads")


@pytest.fixture
def ledger(place: LedgerPlace) -> Iterator[SqliteLedger]:
    """A running bot's ledger."""
    found, keeper = open_ledger(place, clock=StillClock())
    begin(found, approved(found))
    keeper.keep()
    yield found
    found.close()


def check(*words: str | Path) -> tuple[int, str]:
    """The verifier of the documents, with nothing of ours to import."""
    command = [sys.executable, "-I", str(VERIFIER), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout.strip()


def test_without_a_ledger_they_say_so(shell: Shell) -> None:
    for words in (("audit", "verify"), ("audit", "export"), ("audit", "head"), ("backup",)):
        done = shell.run(*words)
        assert done.returncode == 1
        assert "There is no ledger" in done.stderr
        assert done.stdout == ""


def test_verify_compares_with_the_kept_head(
    shell: Shell, ledger: SqliteLedger, place: LedgerPlace
) -> None:
    done = shell.run("audit", "verify")
    code = ledger.head().code
    assert (done.returncode, done.stderr) == (0, "")
    assert f"whole: 6 rows, and it holds the head {code}" in done.stdout
    found = json.loads(shell.run("audit", "verify", "--json").stdout)
    assert (found["schema"], found["sound"], found["against"]) == (
        "patchbot.audit_verify/1",
        True,
        code,
    )
    (place.head_dir / f"{ledger.id}.head").write_text("{}")
    assert "cannot be read" in shell.run("audit", "verify").stderr


def test_verify_names_the_first_bad_row(
    shell: Shell, ledger: SqliteLedger, place: LedgerPlace
) -> None:
    with closing(sqlite3.connect(place.path)) as connection, connection:
        connection.execute("DROP TRIGGER audit_no_update")
        connection.execute("UPDATE audit SET actor = 'U0MALLORY' WHERE seq IN (3, 5)")
    done = shell.run("audit", "verify")
    assert done.returncode == 1
    assert "NOT whole: row 3: its contents do not match its hash" in done.stdout


def test_a_head_from_elsewhere_shows_a_cut(
    shell: Shell, ledger: SqliteLedger, place: LedgerPlace
) -> None:
    file = shell.directory / "head.json"
    file.write_text(shell.run("audit", "head", "--json").stdout)
    code = shell.run("audit", "head").stdout.strip()
    assert code == ledger.head().code
    with closing(sqlite3.connect(place.path)) as connection, connection:
        connection.execute("DROP TRIGGER audit_no_delete")
        connection.execute("DELETE FROM audit WHERE seq = 6")
    for head in (code, str(file)):
        done = shell.run("audit", "verify", "--head", head)
        assert done.returncode == 1
        assert "rows were cut off" in done.stdout
    assert shell.run("audit", "verify", "--head", "5").returncode == 2


def test_an_auditor_can_check_an_export_without_our_code(
    shell: Shell, ledger: SqliteLedger
) -> None:
    """Every edit, cut and swap of lines; and what only the head shows."""
    export, file = shell.directory / "audit.jsonl", shell.directory / "head.json"
    export.write_text(shell.run("audit", "export").stdout)
    file.write_text(shell.run("audit", "head", "--json").stdout)
    lines = export.read_text().splitlines()
    assert len(lines) == 8
    for head in ([], [file], [ledger.head().code], ["3:" + ledger_hash(lines[3])]):
        assert check(export, *head) == (0, "whole: 6 rows")
    changed = shell.directory / "changed.jsonl"
    for index in range(1, 7):
        row = json.loads(lines[index])
        for name in ("at_us", "boot", "kind", "actor", "subject", "body", "prev", "hash"):
            other = row[name] + 1 if name == "at_us" else "0" * len(row[name])
            edited = json.dumps(row | {name: other})
            changed.write_text("\n".join([*lines[:index], edited, *lines[index + 1 :]]))
            expected = (
                (0, "whole: 6 rows")
                if other == row[name]
                else (1, f"row {index} is missing or changed")
            )
            assert check(changed) == expected
    changed.write_text("\n".join([*lines[:5], *lines[6:]]))
    assert check(changed)[0] == 1
    cut = json.dumps({"head": {"seq": 4}})
    changed.write_text("\n".join([*lines[:5], cut]))
    assert check(changed) == (0, "whole: 4 rows")
    assert "cut off or rewritten" in check(changed, file)[1]


def ledger_hash(line: str) -> str:
    return str(json.loads(line)["hash"])


def test_a_backup_beside_the_running_bot_can_be_restored(
    shell: Shell, ledger: SqliteLedger, place: LedgerPlace
) -> None:
    """And going on with it asks first, and says what it made void."""
    told = json.loads(shell.run("backup", "--json").stdout)
    assert (told["head"], told["history"]) == (ledger.head().code, None)
    HistoryDatabase(place.data_dir / HISTORY_FILE).record(snapshot(), ())
    elsewhere = shell.run("backup", str(shell.directory / "copies"))
    assert elsewhere.stdout.count("opened and checked") == 2
    assert len([*(shell.directory / "copies").glob("history-*.db")]) == 1
    ask(ledger, None, needed=1)
    busy = shell.run("ledger", "accept-restore", "--yes")
    assert busy.returncode == 1
    assert "Another patchbot" in busy.stderr
    with ledger.change() as change:
        change.discard_clicks()
    run = ledger.runs()[0]
    ledger.close()
    keep_newest(place)
    shutil.copyfile(told["path"], place.path)
    asked = shell.run("ledger", "accept-restore")
    assert asked.returncode != 0
    assert "older than the head" in asked.stderr
    done = shell.run("ledger", "accept-restore", "--yes")
    assert done.returncode == 0, done.stderr
    assert (
        "0 requests expired, 1 run ended as lost track of, 2 planned sends dropped" in done.stdout
    )
    again, _ = open_ledger(place, clock=StillClock())
    assert again.read_only_reason == ""
    ended = again.run(run.id)
    assert ended is not None
    assert not ended.is_open
    again.close()
    assert shell.run("ledger", "accept-restore", "--yes").returncode == 2


def test_accepting_a_backup_lists_the_commands_it_does_not_know(
    shell: Shell, ledger: SqliteLedger, place: LedgerPlace, ssm: Ssm
) -> None:
    """By their mark, in every Region that can be looked in; what was seen and not seen goes into the audit log."""
    run = ledger.runs()[0]
    first, second = ledger.dispatches(run.id)
    known = move(ledger, first, DispatchState.SENDING, sending_at=NOW)
    move(ledger, known, DispatchState.SENT, command_id="c-known")
    told = json.loads(shell.run("backup", "--json").stdout)
    ledger.close()
    for path in place.data_dir.glob("ledger.db*"):
        path.unlink()
    shutil.copyfile(told["path"], place.path)
    ssm.denied.add("us-east-1")
    ssm.commands += [
        a_command("c-known", first.mark),
        a_command("c-forgotten", second.mark),
        a_command("c-of-somebody-else", "nightly"),
    ]
    asked = shell.run("ledger", "accept-restore")
    assert asked.returncode != 0
    assert "it is a backup" in asked.stderr
    assert "1 command of the last 30 days that this copy does not know" in asked.stderr
    assert "eu-central-1: c-forgotten, Install on 2 nodes" in asked.stderr
    assert "c-known" not in asked.stderr
    assert "c-of-somebody-else" not in asked.stderr
    assert "could not be looked in us-east-1" in asked.stderr
    assert shell.run("ledger", "accept-restore", "--yes").returncode == 0
    again, _ = open_ledger(place, clock=StillClock())
    (link,) = again.audit(kind="ledger.restore_accepted")
    said = json.loads(link.body)
    assert said["unknown_commands"] == ["c-forgotten"]
    assert len(said["not_looked"]) == 1
    assert again.read_only_reason == ""
    again.close()


def a_command(command_id: str, comment: str) -> dict[str, object]:
    return {
        "CommandId": command_id,
        "DocumentName": "AWS-RunPatchBaseline",
        "Comment": comment,
        "InstanceIds": ["i-1", "i-2"],
        "Parameters": {"Operation": ["Install"], "SnapshotId": ["s"]},
        "RequestedDateTime": NOW.timestamp(),
        "Status": "Success",
        "StatusDetails": "Success",
    }


def test_a_changed_history_is_accepted_only_by_its_own_flag(
    shell: Shell, ledger: SqliteLedger, place: LedgerPlace
) -> None:
    ledger.close()
    (path,) = place.head_dir.iterdir()
    body = json.loads(path.read_text())
    path.write_text(json.dumps(body | {"at_us": 1}))
    refused = shell.run("ledger", "accept-restore", "--yes")
    assert refused.returncode == 2
    assert "no older copy" in refused.stderr
    assert "--rewritten" in refused.stderr
    done = shell.run("ledger", "accept-restore", "--yes", "--rewritten")
    assert done.returncode == 0
    assert "THIS IS NO RESTORE" in done.stderr


def keep_newest(place: LedgerPlace) -> None:
    """What the bot does when it stops."""
    found, keeper = open_ledger(place, clock=StillClock())
    keeper.keep()
    found.close()
