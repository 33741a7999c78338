"""What the running bot does beside its work to keep the ledger safe."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot import engine
from bot.aws.gateway import AwsGateway
from bot.core.errors import AwsError
from bot.store.backup import Backups, backups
from tests.store.ledgers import ask
from tests.test_anchors import settings_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Bucket:
    """Takes heads, or refuses them."""

    url = "s3://heads"

    def __init__(self) -> None:
        self.heads: list[int] = []
        self.down = False
        self.got = threading.Condition()

    def put(self, ledger: str, line: str, seq: int, content: bytes) -> None:
        """See HeadBucket."""
        with self.got:
            self.heads.append(seq)
            self.got.notify_all()
        if self.down:
            raise AwsError("AWS is down.")

    def has(self, seq: int) -> bool:
        """Whether that head came, in good time."""
        with self.got:
            return self.got.wait_for(lambda: seq in self.heads, timeout=20)

    def newest(self, ledger: str, *, near: int) -> tuple[bytes, ...]:
        """See HeadBucket."""
        return ()

    def close(self) -> None:
        """See HeadBucket."""


def test_heads_are_carried_and_backups_made_while_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket, looked = Bucket(), threading.Event()
    look: Callable[[Backups, datetime], None] = Backups.when_due

    def when_due(self: Backups, now: datetime) -> None:
        look(self, now)
        looked.set()

    monkeypatch.setattr(Backups, "when_due", when_due)
    monkeypatch.setattr(engine, "LOOK_SECONDS", 0.01)
    for module in ("bot.engine", "bot.anchors"):
        monkeypatch.setattr(f"{module}.head_bucket", lambda _: bucket)
    settings = settings_of(tmp_path)
    unused: Any = None
    with engine.running(settings, AwsGateway(), unused, clock=lambda: NOW) as running:
        assert bucket.has(1)
        ask(running.ledger)
        assert bucket.has(2)
        assert looked.wait(20)
        assert [at for at, _ in backups(settings.data_dir / "backup")] == [NOW]
        assert list(running.troubles()) == []
        bucket.down = True
        running.keeper.keep()
    assert any("AWS is down" in one for one in running.troubles())
    assert not any(
        thread.name.startswith(("ledger-", "heads-")) for thread in threading.enumerate()
    )


def test_a_ledger_that_is_read_only_is_neither_backed_up_nor_carried(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, name="no-such-bucket", more="head_bucket_required = true")
    settings.data_dir.mkdir()
    (settings.data_dir / "ledger.db").write_bytes(b"no ledger" * 1000)
    (settings.data_dir / "ledger.key").write_text("k" * 64)
    unused: Any = None
    with engine.running(settings, AwsGateway(), unused, clock=lambda: NOW) as running:
        assert running.ledger.read_only_reason
        assert (running.backups, running.carrier) == (None, None)
