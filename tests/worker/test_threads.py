"""The worker in threads of its own."""

from __future__ import annotations

import threading
import time

from bot.core.ledger import InboxItem
from tests.worker.site import FIRST, Site, a_plan


def test_it_works_in_its_thread_until_it_is_stopped(site: Site) -> None:
    name = site.approved(a_plan(site.aws, site.aws.add(1, 2)))
    site.worker.start()
    assert site.worker.is_alive
    deadline = time.monotonic() + 60
    while (run := site.ledger.run(name)) is None or run.is_open:
        assert time.monotonic() < deadline, site.kinds()
        site.aws.advance(2)
        site.worker.wake()
        time.sleep(0.01)
    site.worker.stop()
    assert not site.worker.is_alive


def test_a_click_is_taken_up_while_the_worker_waits_for_aws(site: Site) -> None:
    """The two have threads of their own."""
    blocked, release, taken = threading.Event(), threading.Event(), threading.Event()

    def block(what: str) -> None:
        if what == "find":
            blocked.set()
            release.wait(30)

    site.aws.on_call = block
    site.approved(a_plan(site.aws, site.aws.add(1)))

    def take(item: InboxItem) -> None:
        with site.ledger.change(taking=item.key):
            taken.set()

    worker = site.new_worker(take=take)
    worker.start()
    try:
        assert blocked.wait(30)
        site.ledger.put_inbox(InboxItem("a/1", "k", FIRST, "T1", {}, site.aws.now()))
        worker.wake()
        assert taken.wait(10)
    finally:
        release.set()
        worker.stop()
    assert site.ledger.inbox() == ()
