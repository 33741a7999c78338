"""Heads of the audit log, kept outside the ledger, and the key that seals them.

Kept on another disk than the ledger they show what no chain can see by itself: a tail that was cut off, a history that
was written anew, a backup that was restored.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from bot.core.audit import Head, has_seal, parse_code
from bot.core.errors import ConfigurationError, StorageError, UsageError
from bot.store.durable import write_whole

KEY_FILE = "ledger.key"
SUFFIX = ".head"
EVERY = timedelta(hours=1)
_SHORTEST_KEY = 32
_LEDGER_ID = re.compile(r"[0-9a-f]{16}")

_log = logging.getLogger(__name__)


class HasHead(Protocol):
    """What the keeper needs of a ledger."""

    def head(self) -> Head: ...


def load_key(
    directory: Path, *, given: str = "", make: bool = False, beside: Path | None = None
) -> bytes:
    """The key of the ledger in `directory`: `given` (from PATCHBOT_LEDGER_KEY), else what ledger.key beside it holds.

    Where there is neither, `make` decides: a new random ledger.key, or no key (b""). None is made for a ledger that is
    there already at `beside`: its key is lost. Raises ConfigurationError for a key that is too short and StorageError
    for a file that cannot be used and for a lost key.
    """
    if given:
        return _checked(given, "PATCHBOT_LEDGER_KEY")
    path = directory / KEY_FILE
    try:
        return _checked(path.read_text("ascii").strip(), str(path))
    except FileNotFoundError:
        if not make:
            return b""
        if beside is not None and beside.exists() and beside.stat().st_size:
            raise StorageError(
                f"The key of the ledger {beside} is gone: there is no {path}, and PATCHBOT_LEDGER_KEY is not set.",
                hint="Put back the one that was there. Where it is lost for good, `patchbot ledger accept-restore`"
                " makes a new one; what was sent with the old one is not recognised then.",
            ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(
            f"The key of the ledger {path} cannot be read: {error}.", hint="Check who may read it."
        ) from error
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(path, f"{secrets.token_hex(32)}\n".encode())
        return _checked(path.read_text("ascii").strip(), str(path))
    except OSError as error:
        raise StorageError(
            f"The key of the ledger {path} cannot be made: {error.strerror}.",
            hint="Check that patchbot may write in that directory.",
        ) from error


def _checked(key: str, source: str) -> bytes:
    if len(key) < _SHORTEST_KEY:
        raise ConfigurationError(
            f"The ledger's key in {source} has fewer than {_SHORTEST_KEY} characters.",
            hint="Make one with `openssl rand -hex 32`.",
        )
    return key.encode()


def head_body(head: Head) -> Mapping[str, Any]:
    """A head as JSON."""
    return {
        "ledger": head.ledger,
        "seq": head.seq,
        "hash": head.hash.hex(),
        "at_us": head.at_us,
        "mac": head.mac.hex(),
    }


def head_from(text: str) -> Head:
    """The head in a head file. Raises ValueError."""
    try:
        body = json.loads(text)
        head = Head(
            ledger=body["ledger"],
            seq=body["seq"],
            hash=bytes.fromhex(body["hash"]),
            at_us=body["at_us"],
            mac=bytes.fromhex(body["mac"]),
        )
        sound = isinstance(head.ledger, str) and len(head.hash) == 32
        if not sound or type(head.seq) is not int or head.seq < 0 or type(head.at_us) is not int:
            raise ValueError("a field is not what it should be")
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    return head


def read_head(given: str, *, key: bytes = b"") -> Head:
    """The head behind the `--head` of a command line: a head file, or the code people see ("123:0123456789abcdef").

    Raises UsageError for what is neither, and for a file whose seal is broken.
    """
    if re.fullmatch(r"\d+:[0-9a-fA-F]+", given):
        try:
            return parse_code(given)
        except ValueError as error:
            raise UsageError(f"“{given}” is not the code of a head: {error}.") from None
    try:
        head = head_from(Path(given).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"“{given}” is neither a head file nor the code of a head: {error}.",
            hint="A code looks like 123:0123456789abcdef; `patchbot audit head` prints both.",
        ) from None
    if key and not has_seal(key, head):
        raise UsageError(
            f"The seal of {given} is broken: it was changed, or made with another key.",
            hint="Use a head that was kept elsewhere.",
        )
    return head


class Kept(NamedTuple):
    """Heads that were kept, and what is wrong with them ("" when nothing is)."""

    heads: tuple[Head, ...]
    doubt: str = ""


def sealed(kept: Kept, *, key: bytes, where: str) -> Kept:
    """Those with our seal; one without is a doubt. Without a key no seal is checked."""
    broken = [head for head in kept.heads if key and not has_seal(key, head)]
    if not broken:
        return kept
    doubt = f"the seal of the head {broken[0].code} in {where} is broken: it was changed, or the key was"
    return Kept(tuple(head for head in kept.heads if head not in broken), kept.doubt or doubt)


def kept_heads(directory: Path, *, key: bytes) -> Kept:
    """The heads in a directory, and what is wrong with it ("" when nothing is). Without a key no seal is checked."""
    heads: list[Head] = []
    doubt = ""
    try:
        paths = sorted(directory.glob(f"*{SUFFIX}")) if directory.is_dir() else []
        for path in paths:
            head = head_from(path.read_text("utf-8"))
            if not key or has_seal(key, head):
                heads.append(head)
            else:
                doubt = (
                    f"the seal of the kept head {path} is broken: it was changed, or the key was"
                )
    except (OSError, ValueError) as error:
        doubt = f"a head that was kept in {directory} cannot be read ({error})"
    return Kept(tuple(heads), doubt)


class HeadKeeper:
    """Keeps the newest head of a ledger as a file in `directory`. Never replaces it by an older one.

    Any thread may use it. `watch` lets others keep it, too.
    """

    def __init__(self, ledger: HasHead, directory: Path) -> None:
        self._ledger = ledger
        self._directory = directory
        self._kept_at: datetime | None = None
        self._lock = threading.Lock()
        self._told: Callable[[Head], None] = lambda _: None

    def watch(self, told: Callable[[Head], None]) -> None:
        """Call `told` with every head that was kept. It must not wait for anything."""
        self._told = told

    def keep(self) -> Head:
        """Write the present head. Raises StorageError."""
        with self._lock:  # who comes second would otherwise find a newer head than the own
            head = self._ledger.head()
            self._write(head)
        self._told(head)
        return head

    def _write(self, head: Head) -> None:
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = head_path(self._directory, head.ledger)
            if path.exists() and head_from(path.read_text("utf-8")).seq > head.seq:
                raise StorageError(
                    f"The head kept in {path} is newer than the ledger.",
                    hint="Was a backup restored? `patchbot ledger accept-restore` has more.",
                )
            write_whole(path, json.dumps(head_body(head)).encode())
        except (OSError, ValueError) as error:
            raise StorageError(
                f"The head of the audit log cannot be kept in {self._directory}: {error}.",
                hint="Check [ledger] head_dir.",
            ) from error

    def after_change(self) -> None:
        """Keep the head; a failure is logged, for what was changed is in the ledger already."""
        try:
            self.keep()
        except StorageError as error:
            _log.error("%s", error)

    def hourly(self, now: datetime) -> None:
        """Keep the head when the last time is an hour ago. To be called as often as one likes."""
        if self._kept_at is None or not timedelta(0) <= now - self._kept_at < EVERY:
            self._kept_at = now
            self.after_change()


def head_path(directory: Path, ledger: str) -> Path:
    """Where the head of a ledger is kept. Raises ValueError for what is no id of a ledger."""
    if not _LEDGER_ID.fullmatch(ledger):
        raise ValueError(f"“{ledger}” is no id of a ledger")
    return directory / f"{ledger}{SUFFIX}"


def supersede(directory: Path) -> None:
    """Take the kept heads out of the way: somebody has accepted that the ledger is older. Raises OSError."""
    for path in sorted(directory.glob(f"*{SUFFIX}")):
        number = 1
        while (aside := path.with_name(f"{path.name}.superseded-{number}")).exists():
            number += 1
        path.replace(aside)
