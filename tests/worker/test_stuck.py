"""A run that does not go on says so, and one whose clock jumps about does not end by it."""

from __future__ import annotations

from datetime import timedelta

from bot.core.errors import AwsError, Stopping
from bot.core.requests import RequestState
from bot.core.running import STUCK
from bot.core.runs import RunState
from bot.worker.timing import Timing
from tests.worker.aws import LOST
from tests.worker.site import Site, a_plan

DENIED = AwsError("AWS refuses ListCommandInvocations.", code="AccessDenied")


def stuck(site: Site) -> str:
    """A run at work whose outcome AWS does not tell."""
    site.timing = Timing(poll_at_most=1.0)
    site.worker = site.new_worker()
    name = site.approved(a_plan(site.aws, site.aws.add(1, 2)))
    site.until(lambda: len(site.aws.accepted) == 1)
    site.aws.failing["invocations"] = DENIED
    for _ in range(40):
        site.tick(10)
    return name


def test_a_run_that_does_not_go_on_says_why_and_takes_it_back(site: Site) -> None:
    """After five minutes, once; its card is drawn anew both times."""
    name = stuck(site)
    assert site.run(name).why == f"{STUCK}{DENIED}"
    assert site.kinds().count("run.stuck") == 1
    shown = next(one for one in site.ledger.notices() if one.key == f"run/{name}").wanted
    site.aws.failing.clear()
    site.until(lambda: site.run(name).why == "")
    assert next(one for one in site.ledger.notices() if one.key == f"run/{name}").wanted > shown
    assert site.finish(name).state is RunState.VERIFIED
    assert STUCK not in site.run(name).why


def test_a_run_that_never_goes_on_ends_with_what_held_it(site: Site) -> None:
    name = stuck(site)
    site.until(lambda: not site.run(name).is_open, seconds=5 * 3600)
    assert str(DENIED) in site.run(name).why


def test_a_live_card_is_drawn_anew_though_nothing_moves(site: Site) -> None:
    """Who looks at it sees that somebody still watches the run."""
    name = site.approved(a_plan(site.aws, site.aws.add(1)))
    site.until(lambda: len(site.aws.accepted) == 1)
    before = next(one for one in site.ledger.notices() if one.key == f"run/{name}").wanted
    site.aws.failing["invocations"] = DENIED
    site.tick(200)
    site.worker.run_once()
    again = next(one for one in site.ledger.notices() if one.key == f"run/{name}").wanted
    site.tick(601)
    site.worker.run_once()
    later = next(one for one in site.ledger.notices() if one.key == f"run/{name}").wanted
    assert later > again >= before


def test_a_clock_that_jumps_ends_neither_run_nor_request(site: Site) -> None:
    """A day ahead for a minute: nothing expires by a clock that nobody believes."""
    waiting = site.ask(a_plan(site.aws, site.aws.add(7)))
    name = site.approved(a_plan(site.aws, site.aws.add(1, 2)))
    site.until(lambda: len(site.aws.accepted) == 1)
    site.aws.jump = timedelta(days=1)
    site.tick(30)
    site.aws.jump = timedelta(0)
    site.tick(30)
    assert site.run(name).is_open
    assert site.request(waiting.id).state is RequestState.PENDING
    assert site.finish(name).state is RunState.VERIFIED


def test_a_clock_that_jumps_makes_no_node_unknown(site: Site) -> None:
    """What is at work has not been so for five hours."""
    site.aws.run_seconds = 120
    name = site.approved(a_plan(site.aws, site.aws.add(1, 2)))
    site.until(lambda: len(site.aws.accepted) == 1)
    site.aws.jump = timedelta(hours=5)
    site.tick(30)
    site.aws.jump = timedelta(0)
    assert site.finish(name, seconds=5).state is RunState.VERIFIED
    assert "run.paused" not in site.kinds()


def test_a_clock_that_jumps_ends_no_search(site: Site) -> None:
    """A send without an answer that AWS shows late; for a moment the clock is two months ahead."""
    site.aws.answers, site.aws.lag = [LOST], 400
    name = site.approved(a_plan(site.aws, site.aws.add(1, 2)))
    site.until(lambda: site.ledger.run(name) is not None and site.run().state is RunState.PAUSED)
    site.aws.jump = timedelta(days=60)
    site.tick(60)
    site.aws.jump = timedelta(0)
    site.until(lambda: site.ledger.dispatches(name)[0].command_id != "", seconds=30)


def test_the_end_of_the_process_is_no_failure(site: Site) -> None:
    site.approved(a_plan(site.aws, site.aws.add(1)))
    site.until(lambda: len(site.aws.accepted) == 1)
    site.aws.failing["invocations"] = Stopping("patchbot is stopping.", code="Stopping")
    site.tick(30)
    assert site.worker.troubles == ()
    assert "worker.job_failed" not in site.kinds()
