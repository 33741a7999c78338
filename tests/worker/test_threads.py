"""The worker in threads of its own."""

from __future__ import annotations

import time

from tests.worker.site import Site, a_plan


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
