"""What is left of a wave after a person went past its closed gate still has to pass one; what they saw has not."""

from __future__ import annotations

from bot.core import steering
from bot.core.identity import Person
from bot.core.plans import Limits, Operation, Plan
from bot.core.runs import RUN, DispatchState, Run, RunState
from tests.worker.aws import DENIED, DROPPED
from tests.worker.site import APPROVERS, ASKER, FIRST, Site, a_plan


def two_sends_and_one(site: Site) -> Plan:
    """A wave of 100 nodes in two sends, then one of 30."""
    keys = site.aws.add(*range(1, 131))
    return a_plan(site.aws, keys, waves=(keys[:100], keys[100:]), limits=Limits("50", "100%", 90))


def paused(site: Site) -> Run:
    """The run once a gate is closed."""
    site.until(
        lambda: site.ledger.run("X-1") is not None and site.run().state is RunState.PAUSED,
        seconds=2,
    )
    return site.run()


def go_on(site: Site) -> None:
    """FIRST continues past the gate that is closed."""
    run = site.run()
    move = steering.proceed(
        run,
        Person(FIRST),
        site.aws.now(),
        wave=run.wave,
        waves=2,
        allowed=APPROVERS,
        barred=ASKER,
    )
    assert move.decision.allowed
    with site.ledger.change() as change:
        change.save_run(move.run, move.entries)


def installed(site: Site) -> int:
    """How many Install commands AWS has."""
    return sum(one.order.operation is Operation.INSTALL for one in site.aws.accepted)


def test_an_unknown_send_of_the_rest_pauses_again(site: Site) -> None:
    site.approved(two_sends_and_one(site))
    site.aws.answers = [DENIED]
    assert paused(site).held == (1,)
    go_on(site)
    assert (site.run().continued, site.run().held) == ((1,), ())
    site.aws.answers = [DROPPED]
    assert "send 2 has no known outcome" in paused(site).why
    states = [one.state for one in site.ledger.dispatches("X-1") if one.purpose == RUN]
    assert states == [DispatchState.REFUSED, DispatchState.UNKNOWN, DispatchState.PLANNED]
    assert installed(site) == 0
    go_on(site)  # from wave 2, the last: what was not sent by then never is
    assert site.finish(seconds=5).state is RunState.FAILED


def test_the_next_wave_waits_for_the_rest_and_its_gate(site: Site) -> None:
    """Nothing of wave 2 leaves while the rest is at work, nor after it failed."""
    plan = two_sends_and_one(site)
    for key in plan.waves[0][50:]:
        site.aws.endings[key.instance_id] = ("Failed", 1)
    site.approved(plan)
    site.aws.answers = [DENIED]
    paused(site)
    go_on(site)
    site.until(lambda: installed(site) == 1)
    again = paused(site)
    assert "0 of 50 nodes of the wave succeeded" in again.why
    assert (again.wave, again.held) == (2, (2,))
    assert installed(site) == 1


def test_what_was_seen_is_not_asked_about_again(site: Site) -> None:
    """The refused send and the failed rest were both gone past; the next wave runs and passes its own gate."""
    site.approved(two_sends_and_one(site))
    site.aws.answers = [DENIED]
    paused(site)
    go_on(site)
    run = site.finish(seconds=2)
    assert run.state is RunState.PARTIAL
    assert run.why == "80 nodes have nothing left to install, 50 were not scanned again"
    assert site.kinds("run/X-1").count("run.paused") == 1
    assert installed(site) == 2


def test_a_failed_wave_that_was_gone_past_does_not_close_the_next_gate(site: Site) -> None:
    keys = site.aws.add(*range(1, 4))
    site.aws.endings[keys[0].instance_id] = ("Failed", 1)
    site.approved(a_plan(site.aws, keys, waves=tuple((key,) for key in keys)))
    assert paused(site).held == (1,)
    move = steering.proceed(
        site.run(), Person(FIRST), site.aws.now(), wave=1, waves=3, allowed=APPROVERS
    )
    with site.ledger.change() as change:
        change.save_run(move.run, move.entries)
    assert site.finish(seconds=2).state is RunState.PARTIAL
    assert installed(site) == 3


def test_a_bad_wave_is_not_hidden_among_good_ones(site: Site) -> None:
    """90 % of its own nodes must succeed, not of all so far."""
    keys = site.aws.add(*range(1, 46))
    bad = keys[40:43]
    for key in bad[:1]:
        site.aws.endings[key.instance_id] = ("Failed", 1)
    plan = a_plan(
        site.aws,
        keys,
        waves=(keys[:40], bad, keys[43:]),
        limits=Limits("50", "100%", 90),
    )
    site.approved(plan)
    assert "2 of 3 nodes of the wave succeeded" in paused(site).why
    assert installed(site) == 2
