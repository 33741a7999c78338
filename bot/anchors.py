"""Heads of the audit log outside the machine: where the ledger is compared with them, and who carries them there.

A send never waits for the bucket: heads are handed to a thread, and of several that wait the newest goes.
"""

from __future__ import annotations

import json
import logging
import threading

from bot.aws.heads import HeadBucket
from bot.config import Settings
from bot.core.audit import Head
from bot.core.errors import AwsError
from bot.store.heads import Kept, head_body, head_from
from bot.store.ledger import SqliteLedger
from bot.store.opening import Elsewhere

AGAIN_SECONDS = 60.0

_log = logging.getLogger(__name__)


def head_bucket(settings: Settings) -> HeadBucket | None:
    """The bucket of this configuration; None where there is none."""
    url = settings.ledger.head_bucket
    if not url:
        return None
    first = next(target for one in settings.fleet().values() for target in one.targets)
    return HeadBucket(url, region=first.region)


def heads_outside(bucket: HeadBucket, ledger: SqliteLedger, *, required: bool) -> Kept:
    """The heads that the bucket has of this ledger, but for those of lines that were given up by an accepted restore.

    What cannot be read is logged; it is a doubt of the ledger only where the bucket is `required`.
    """
    try:
        given_up = ledger.given_up()
        found = [
            head_from(one.decode()) for one in bucket.newest(ledger.id, near=ledger.head().seq)
        ]
    except (AwsError, ValueError) as error:
        doubt = f"the heads in {bucket.url} cannot be read ({error})"
        _log.error("%s; the ledger is compared with the heads of this host alone", doubt)
        return Kept((), doubt if required else "")
    return Kept(tuple(head for head in found if f"{head.ledger} {head.code}" not in given_up))


def elsewhere(settings: Settings) -> Elsewhere | None:
    """What `open_ledger` takes to compare the ledger with the bucket; None where none is configured."""
    bucket = head_bucket(settings)
    if bucket is None:
        return None

    def compare(ledger: SqliteLedger) -> Kept:
        try:
            return heads_outside(bucket, ledger, required=settings.ledger.head_bucket_required)
        finally:
            bucket.close()

    return compare


class HeadCarrier:
    """Carries heads to a bucket, in a thread of its own. `trouble` says why the last did not arrive."""

    def __init__(self, bucket: HeadBucket, line: str) -> None:
        self.trouble = ""
        self._bucket = bucket
        self._line = line
        self._waiting: Head | None = None
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heads-outside", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def take(self, head: Head) -> None:
        """Carry this head; does not wait. Callable from any thread."""
        with self._lock:
            if self._waiting is None or head.seq > self._waiting.seq:
                self._waiting = head
        self._wake.set()

    def stop(self, timeout: float = 2.0) -> None:
        """Carry what waits, once, and end."""
        self._over.set()
        self._wake.set()
        self._thread.join(timeout)
        self._bucket.close()

    def carry(self) -> None:
        """Carry the newest head that waits. What does not arrive waits on, and is logged."""
        with self._lock:
            head, self._waiting = self._waiting, None
        if head is None:
            return
        content = json.dumps(head_body(head)).encode()
        try:
            self._bucket.put(head.ledger, self._line, head.seq, content)
            self.trouble = ""
        except AwsError as error:
            self.trouble = f"the head {head.code} was not kept in {self._bucket.url}: {error}"
            _log.error("%s", self.trouble)
            with self._lock:
                self._waiting = self._waiting or head

    def _run(self) -> None:
        while not self._over.is_set():
            self._wake.wait(AGAIN_SECONDS)
            self._wake.clear()
            self.carry()
        self.carry()
