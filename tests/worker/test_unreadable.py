"""A plan that cannot be read, or is not the one that was sealed: nothing more is sent, and its run still ends."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta

from bot.chatops.notices import draw
from bot.core.requests import RequestState
from bot.core.runs import RunState
from tests.worker.aws import START
from tests.worker.site import Site, a_plan


def damage(site: Site) -> None:
    """Somebody changes the sealed plans in the file."""
    with closing(sqlite3.connect(site.directory / "ledger.db", isolation_level=None)) as file:
        find = "SELECT sql FROM sqlite_schema WHERE name = 'plan_no_update'"
        (sql,) = file.execute(find).fetchone()
        file.execute("DROP TRIGGER plan_no_update")
        file.execute("UPDATE plan SET body = replace(body, 'web-1', 'web-9')")
        file.execute(sql)


def drawn(site: Site, kind: str) -> str:
    """The text of the message of that kind."""
    notice = next(one for one in site.ledger.notices() if one.kind == kind)
    return draw(notice, site.ledger, site.aws.now(), rules=site.rules).text


def test_a_run_under_way_ends_by_its_time_limit_with_a_receipt_of_what_is_known(site: Site) -> None:
    """Lost track of, whatever its nodes say; its cards can be drawn."""
    site.approved(a_plan(site.aws, site.aws.add(1, 2)))
    site.until(lambda: len(site.aws.accepted) == 1)
    damage(site)
    run = site.finish(seconds=120)
    assert run.state is RunState.LOST_TRACK
    assert "is not what was sealed" in run.why
    assert len(site.aws.attempts) == 1
    receipt = site.ledger.receipt("X-1")
    assert receipt is not None
    assert (receipt["nodes"]["planned"], receipt["nodes"]["success"]) == (2, 1)
    assert [one["state"] for one in receipt["commands"]] == ["done", "dropped"]
    assert "out of time" in drawn(site, "run")
    assert "out of time" in drawn(site, "receipt")


def test_a_run_that_waited_ends_unsent(site: Site) -> None:
    later = START + timedelta(minutes=10)
    site.approved(a_plan(site.aws, site.aws.add(1), not_before=later))
    site.until(lambda: site.ledger.run("X-1") is not None)
    damage(site)
    run = site.finish(seconds=120)
    assert run.state is RunState.ABANDONED
    assert "is not what was sealed" in run.why
    assert site.aws.attempts == []


def test_an_approved_request_whose_plan_cannot_be_read_gets_a_run_that_ended(site: Site) -> None:
    """Once its time has passed; before, it may still become readable."""
    site.approved(a_plan(site.aws, site.aws.add(1)))
    damage(site)
    for _ in range(10):
        site.tick(60)
    assert site.ledger.run("X-1") is None
    assert site.finish(seconds=120).state is RunState.ABANDONED
    assert site.request("R-1").state is RequestState.APPROVED
    assert site.aws.attempts == []
    assert site.ledger.receipt("X-1") is not None
