"""What a command of ours is recognised by."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from bot.core.marks import mark, snapshot_id

FIELDS = {"ledger": "L", "run": "X-1", "purpose": "run", "batch": 1, "digest": "d" * 64}


def test_a_mark_names_the_send_and_fits_into_a_comment() -> None:
    found = mark(b"key", ledger="L", run="X-123456", purpose="verify", batch=2000, digest="d" * 64)
    assert found.startswith("patchbot:X-123456:verify-2000:")
    assert len(found) <= 100


def test_every_field_and_the_key_change_the_seal() -> None:
    """Nobody can carry a seal from one send to another."""
    others = [
        mark(b"key", **{**FIELDS, name: 2 if name == "batch" else "other"})  # type: ignore[arg-type]
        for name in FIELDS
    ]
    every = [mark(b"key", **FIELDS), mark(b"other", **FIELDS), *others]  # type: ignore[arg-type]
    assert len({one[-20:] for one in every}) == len(every)


@given(st.text(), st.text())
def test_a_snapshot_id_is_a_uuid_of_ledger_and_run(ledger: str, run: str) -> None:
    assert UUID(snapshot_id(ledger, run)).version == 5
    assert snapshot_id(ledger, run) == snapshot_id(ledger, run)
