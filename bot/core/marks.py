"""By what a command of ours is recognised among all commands of an account: its mark in Comment, and its SnapshotId.

SendCommand has no client token, so both are chosen before the send and can be computed again at any time.
"""

from __future__ import annotations

import hashlib
import hmac
from uuid import UUID, uuid5

from bot.core.commands import SentCommand
from bot.core.plans import Document, Operation
from bot.core.runs import Dispatch

PREFIX = "patchbot:"
"""What every mark begins with, whatever its key was."""
_SNAPSHOTS = UUID("5f0d2b0e-6f0e-5c57-9f0a-3d0f0a2f7b61")


def mark(key: bytes, *, ledger: str, run: str, purpose: str, batch: int, digest: str) -> str:
    """What goes into Comment, at most 100 characters. Nobody without the key can write one that we take for ours."""
    name = f"{run}:{purpose}-{batch}"
    message = "\0".join((ledger, run, purpose, str(batch), digest)).encode()
    return f"{PREFIX}{name}:{hmac.new(key, message, hashlib.sha256).hexdigest()[:20]}"


def snapshot_id(ledger: str, run: str) -> str:
    """The patch snapshot all nodes of a run share, so that each is offered the same patches."""
    return str(uuid5(_SNAPSHOTS, f"{ledger}/{run}"))


def is_ours(
    found: SentCommand, dispatch: Dispatch, *, document: Document, operation: Operation
) -> bool:
    """Whether a command of AWS is this send: everything it carries must match, not the mark alone.

    A ledger that was restored from a backup does not know which nodes were left out; then some of the batch will do.
    """
    ids = frozenset(found.instance_ids)
    expected = frozenset(dispatch.sent_ids)
    return (
        hmac.compare_digest(found.comment.encode(), dispatch.mark.encode())
        and found.document_name == document.name
        and found.snapshot_id == dispatch.snapshot_id
        and found.operation == operation.value
        and bool(ids)
        and (ids == expected if expected else ids <= frozenset(dispatch.batch.instance_ids))
    )
