"""The ledger from the command line: check it, take it out, back it up. `restoring.py` goes on after a restore."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from bot.config import Settings
from bot.core.audit import Head, Link
from bot.core.audit_reports import verification_row
from bot.core.errors import StorageError
from bot.core.ports import Clock
from bot.core.wording import counted
from bot.store.heads import head_body, kept_heads, read_head
from bot.store.ledger import SqliteLedger
from bot.store.opening import LedgerPlace, open_for_reading

NOT_WHOLE = 1


def ledger_place(settings: Settings) -> LedgerPlace:
    """Where the ledger of this configuration lives, with its key where one is given. Raises ConfigurationError."""
    from bot.config.secrets import load_secrets

    return LedgerPlace(
        data_dir=settings.data_dir,
        head_dir=settings.data_dir / settings.ledger.head_dir.expanduser(),
        key=load_secrets().patchbot_ledger_key.get_secret_value(),
        allow_network=settings.ledger.allow_network_file_system,
    )


def verify(place: LedgerPlace, *, clock: Clock, head: str, as_json: bool) -> int:
    """Check every row, and the end against `head` or else the newest head that was kept. Returns the exit code."""
    ledger = open_for_reading(place, clock=clock)
    anchor = read_head(head, key=ledger.key) if head else _kept(place, ledger)
    found = ledger.verify(anchor)
    row = verification_row(found, against=anchor.code if anchor else "")
    if as_json:
        report = {"schema": "patchbot.audit_verify/1", "ledger": ledger.id, **row.model_dump()}
        _say(json.dumps(report, ensure_ascii=False))
    elif found.sound and found.head is not None:
        against = f", and it holds the head {row.against}" if row.against else ""
        _say(f"The audit log is whole: {counted(found.checked, 'row')}{against}.")
        _say(f"Its head is {found.head.code}, of ledger {ledger.id}.")
        if anchor is None:
            lost = "" if ledger.key else " The ledger's key is not here, so none could be used."
            _say(f"No head was kept elsewhere: a tail that was cut off would not show.{lost}")
    else:
        where = f"row {found.bad_seq}: " if found.bad_seq is not None else ""
        _say(f"The audit log is NOT whole: {where}{found.problem}.")
        _say("Change nothing, keep the file, and read “Audit” in docs/security.md.")
    return 0 if found.sound else NOT_WHOLE


def _kept(place: LedgerPlace, ledger: SqliteLedger) -> Head | None:
    if not ledger.key:
        return None
    heads, doubt = kept_heads(place.head_dir, key=ledger.key)
    if doubt:
        raise StorageError(
            f"The audit log cannot be compared with its head: {doubt}.",
            hint="Give one that you have elsewhere with --head.",
        )
    return max(heads, key=lambda head: head.seq, default=None)


def export(place: LedgerPlace, *, clock: Clock) -> int:
    """The whole log as JSON lines on stdout: what it is, every row, its head. Returns the exit code."""
    ledger = open_for_reading(place, clock=clock)
    head = ledger.head()
    _say(json.dumps({"schema": "patchbot.audit_export/1", "ledger": ledger.id}))
    for link in ledger.links():
        if link.seq > head.seq:
            break
        _say(json.dumps(_link_body(link)))
    _say(json.dumps({"head": head_body(head)}))
    return 0


def _link_body(link: Link) -> dict[str, Any]:
    texts = ("seq", "at_us", "boot", "kind", "actor", "subject", "body")
    body = {name: getattr(link, name) for name in texts}
    return {**body, "prev": link.prev.hex(), "hash": link.hash.hex()}


def show_head(place: LedgerPlace, *, clock: Clock, as_json: bool) -> int:
    """The head as its code or, as JSON, as the file that `--head` takes. Returns the exit code."""
    head = open_for_reading(place, clock=clock).head()
    _say(json.dumps(head_body(head)) if as_json else head.code)
    return 0


def backup_dir(settings: Settings) -> Path:
    """Where backups are kept."""
    return settings.data_dir / settings.ledger.backup_dir.expanduser()


def back_up(place: LedgerPlace, directory: Path, *, clock: Clock, as_json: bool) -> int:
    """Make a backup and check it. Returns the exit code; raises StorageError when there is none now."""
    from bot.store.backup import back_up as make
    from bot.store.backup import back_up_history
    from bot.store.history import HISTORY_FILE

    ledger, now = open_for_reading(place, clock=clock), clock()
    backup = make(ledger, directory, now=now)
    history = back_up_history(place.data_dir / HISTORY_FILE, directory, now=now)
    if as_json:
        told = {
            "schema": "patchbot.backup/1",
            "path": str(backup.path),
            "head": backup.head.code,
            "bytes": backup.size,
            "history": {"path": str(history.path), "bytes": history.size} if history else None,
        }
        _say(json.dumps(told, ensure_ascii=False))
        return 0
    _say(f"{backup.path}: {backup.size:,} bytes, opened and checked, head {backup.head.code}.")
    if history is not None:
        _say(f"{history.path}: {history.size:,} bytes, opened and checked.")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
