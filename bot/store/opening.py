"""Opens the ledger with everything that belongs to it: its key, the heads that were kept, the keeper of new ones."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from bot.core.errors import StorageError
from bot.core.ports import Clock
from bot.store.heads import HeadKeeper, Kept, kept_heads, load_key, sealed
from bot.store.ledger import SqliteLedger

LEDGER_FILE = "ledger.db"
Elsewhere: TypeAlias = Callable[[SqliteLedger], Kept]
"""The heads that were kept outside the machine of a ledger, which may be read for it."""


@dataclass(frozen=True, slots=True)
class LedgerPlace:
    """Where a ledger lives: its directory, where its heads are kept, and its key, "" for ledger.key beside it."""

    data_dir: Path
    head_dir: Path
    key: str = ""
    allow_network: bool = False

    @property
    def path(self) -> Path:
        return self.data_dir / LEDGER_FILE


def open_ledger(
    place: LedgerPlace, *, clock: Clock, boot: str = "", elsewhere: Elsewhere | None = None
) -> tuple[SqliteLedger, HeadKeeper]:
    """The ledger for this process alone, made where there is none, and the keeper of its heads.

    The head is kept after every change that writes to the audit log, before anything else happens. Call the keeper's
    `hourly` from a loop and its `keep` before `close`. `elsewhere` gives the heads that were kept outside the machine.
    Raises StorageError and ConfigurationError.
    """
    key = load_key(place.data_dir, given=place.key, make=True, beside=place.path)
    ledger = open_with(place, key, clock=clock, boot=boot, elsewhere=elsewhere)
    keeper = HeadKeeper(ledger, place.head_dir)
    if not ledger.read_only_reason:
        ledger.watch(keeper.after_change)
        keeper.after_change()
    return ledger, keeper


def open_with(
    place: LedgerPlace,
    key: bytes,
    *,
    clock: Clock,
    boot: str = "",
    elsewhere: Elsewhere | None = None,
) -> SqliteLedger:
    """The ledger for this process alone, compared with the heads that were kept. Raises StorageError."""
    heads, doubt = kept_heads(place.head_dir, key=key)
    outside = sealed(kept_elsewhere(place, elsewhere, clock=clock), key=key, where="the bucket")
    heads, doubt = (*heads, *outside.heads), doubt or outside.doubt
    return SqliteLedger.open(
        place.path,
        clock=clock,
        key=key,
        boot=boot or boot_id(),
        anchors=heads,
        doubt=doubt,
        heads_in=str(place.head_dir),
        allow_network=place.allow_network,
    )


def kept_elsewhere(place: LedgerPlace, elsewhere: Elsewhere | None, *, clock: Clock) -> Kept:
    """What `elsewhere` gives for the ledger that is there; nothing where there is none that can be read."""
    if elsewhere is None or not place.path.is_file() or not place.path.stat().st_size:
        return Kept(())
    try:
        return elsewhere(SqliteLedger.open_for_reading(place.path, clock=clock))
    except StorageError:  # opening it will say what is wrong with the file
        return Kept(())


def open_for_reading(place: LedgerPlace, *, clock: Clock) -> SqliteLedger:
    """The ledger beside the process that has it. Raises StorageError where there is none."""
    key = load_key(place.data_dir, given=place.key)
    return SqliteLedger.open_for_reading(place.path, clock=clock, key=key)


def boot_id() -> str:
    """Which start of the machine this is, and which process: what tells one writer of the log from the next."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()[:8]
    except OSError:
        boot = "unknown"
    return f"{boot}/{os.getpid()}"
