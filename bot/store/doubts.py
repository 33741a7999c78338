"""What can be wrong with a ledger at its start, and which of it a person may accept."""

from __future__ import annotations

from enum import StrEnum


class Doubt(StrEnum):
    """Why a ledger is read-only, the worst first. Of several the worst is told."""

    DAMAGED = "damaged"  # its file, its chain, or tables that its log contradicts
    REWRITTEN = "rewritten"  # the log is not the one that a kept head was of
    UNSEALED = "unsealed"  # a kept head was changed or cannot be read
    OLDER = "older"  # rows are missing that a kept head knows
    COPY = "copy"  # `patchbot backup` made it
    NO_HEAD = "no head"  # nothing tells whether it is an older copy
    NO_KEY = "no key"  # marks and heads of before cannot be recognised


FORGED = frozenset({Doubt.REWRITTEN, Doubt.UNSEALED})
"""What no restore looks like: somebody changed the log, its heads or the key."""


class Wrong(Exception):  # a reason, not a failure: the ledger opens read-only
    """Why the ledger may not be written."""

    def __init__(self, kind: Doubt, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind
