"""The audit log as values: entries, the links of their hash chain, heads, and what a check of the chain finds.

A chain alone cannot see its own tail cut off, nor a history rewritten and hashed anew; the head, kept elsewhere and
sealed with a key that is not in the file, can.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Json: TypeAlias = Mapping[str, Any]

GENESIS = bytes(32)
VERSION = 1
CODE_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that happened: `kind` is noun and past verb ("install.approved"), `actor` a Slack user id, "operator"
    or "patchbot", `subject` what it is about ("request/R-12", "dispatch/R-12/3").

    `body` holds strings, integers, booleans, None, lists and maps of them; no floats, no secrets.
    """

    kind: str
    actor: str
    subject: str
    body: Json


@dataclass(frozen=True, slots=True)
class Link:
    """An entry in its place in the chain. `body` is the canonical JSON as it was hashed."""

    seq: int
    at_us: int
    boot: str
    kind: str
    actor: str
    subject: str
    body: str
    prev: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain at a moment: carried outside the file, it makes cuts and rewritten tails visible."""

    ledger: str
    seq: int
    hash: bytes
    at_us: int
    mac: bytes = b""

    @property
    def code(self) -> str:
        """What people see in a footer: sequence number and the first 16 hex digits."""
        return f"{self.seq}:{self.hash.hex()[:CODE_DIGITS]}"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check of the chain found. `bad_seq` is the first row that is wrong, None when all is well."""

    checked: int
    bad_seq: int | None = None
    problem: str = ""
    head: Head | None = None

    @property
    def sound(self) -> bool:
        return self.bad_seq is None and not self.problem


def canonical(body: Json) -> str:
    """The one way to write `body`: keys sorted, no spaces, UTF-8. Half a surrogate pair becomes "?".

    Raises TypeError for floats, for keys that are no texts and for whatever JSON has not.
    """
    _refuse_what_is_ambiguous(body)
    text = json.dumps(
        body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode("utf-8", "replace").decode()


def _refuse_what_is_ambiguous(value: object) -> None:
    if isinstance(value, Mapping):
        for name, part in value.items():
            if not isinstance(name, str):
                raise TypeError(f"a key of an audit entry must be a text, not {name!r}")
            _refuse_what_is_ambiguous(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            _refuse_what_is_ambiguous(part)
    elif isinstance(value, float):
        raise TypeError("the audit log takes no floats: their text is not the same everywhere")


def link_hash(ledger: str, link: Link) -> bytes:
    """SHA-256 over the length-prefixed fields, so that no two ways of splitting them give the same bytes."""
    fields = (
        str(VERSION),
        ledger,
        str(link.seq),
        str(link.at_us),
        link.boot,
        link.kind,
        link.actor,
        link.subject,
        link.body,
    )
    parts = [*(text.encode("utf-8", "surrogateescape") for text in fields), link.prev]
    fed = b"".join(part for one in parts for part in (len(one).to_bytes(8, "big"), one))
    return hashlib.sha256(fed).digest()


def head_mac(key: bytes, head: Head) -> bytes:
    """The seal of a head, with a key that is not in the ledger."""
    message = f"{VERSION}|{head.ledger}|{head.seq}|{head.hash.hex()}|{head.at_us}".encode()
    return hmac.digest(key, message, "sha256")


def has_seal(key: bytes, head: Head) -> bool:
    """Whether the head was sealed with that key and not changed since."""
    return bool(key) and hmac.compare_digest(head.mac, head_mac(key, head))


def parse_code(code: str) -> Head:
    """The head that a code stands for: no ledger, and only the beginning of its hash. Raises ValueError."""
    seq, _, digits = code.partition(":")
    if not (seq.isascii() and seq.isdigit() and len(seq) < 19):
        raise ValueError("it begins with the number of a row")
    if not CODE_DIGITS <= len(digits) <= 64 or len(digits) % 2:
        raise ValueError(f"after the colon stand {CODE_DIGITS} to 64 hex digits")
    return Head("", int(seq), bytes.fromhex(digits), 0)


def check_chain(ledger: str, links: Iterable[Link], *, anchor: Head | None = None) -> Finding:
    """Walk the chain from its first link.

    With `anchor`, a head kept elsewhere, cuts and rewritten tails are found too. Of one made by `parse_code` the
    beginning of the hash is compared.
    """
    prev, seq, at_us = GENESIS, 0, 0
    anchored = anchor is None or anchor.seq == 0
    for link in links:
        expected = seq + 1
        problem = ""
        if link.seq != expected:
            problem = f"row {expected} is missing"
        elif link.prev != prev:
            problem = "it does not follow the row before it"
        elif link_hash(ledger, link) != link.hash:
            problem = "its contents do not match its hash"
        elif anchor is not None and link.seq == anchor.seq and not _is_end(link, anchor):
            problem = f"the head {anchor.code} says otherwise: history was rewritten"
        if problem:
            return Finding(seq, expected, problem)
        anchored = anchored or (anchor is not None and link.seq == anchor.seq)
        prev, seq, at_us = link.hash, link.seq, link.at_us
    head = Head(ledger, seq, prev, at_us)
    if not anchored and anchor is not None:
        return Finding(
            seq,
            seq + 1,
            f"the log ends at {seq}, the head is {anchor.code}: rows were cut off",
            head,
        )
    if anchor is not None and anchor.ledger not in {ledger, ""}:
        return Finding(seq, None, f"the head is of another ledger ({anchor.ledger})", head)
    return Finding(seq, head=head)


def _is_end(link: Link, head: Head) -> bool:
    return len(head.hash) * 2 >= CODE_DIGITS and link.hash.startswith(head.hash)
