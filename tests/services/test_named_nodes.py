"""What `nodes:` names is exactly what is planned: of a digest those that it counted, however the fleet has changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.core.audit import Entry
from bot.core.errors import NotFound
from bot.core.history import SnapshotKind
from bot.core.nodes import Observation
from bot.core.proposals import Proposal
from bot.core.schedules import SlotState, moved, stored
from bot.core.selection import EVERY_STATE, Filter
from bot.services.surveying import Surveyor
from tests.commands import fleet
from tests.core.schedules import a_slot, a_subscription
from tests.services.changes import proposal
from tests.services.test_digesting import Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    found = Site(tmp_path)
    found.surveyor = Surveyor(
        found.compliance,
        found.commands,
        found.ledger,
        rules=found.rules,
        clock=found.clock,
        history=found.history,
    )
    yield found
    found.close()


def digest(site: Site, posted: datetime, environment: str = "prod") -> str:
    """A digest that was posted then. Returns the key of its slot."""
    subscription = a_subscription(environment=environment, created_at=posted, since=posted)
    slot = a_slot(subscription=subscription.id, instant=posted, claimed_at=posted)
    with site.ledger.change() as change:
        change.add_subscription(
            subscription, [Entry("digest.subscribed", "U0000ANA1", subscription.subject, {})]
        )
        change.claim_slot(slot, [stored(slot)])
        going, entry = moved(slot, SlotState.POSTING, posting_at=posted)
        change.move_slot(going, was=slot.state, entries=[entry])
    return slot.key


def kept(site: Site, at: datetime, *found: Observation) -> None:
    """What a digest was made from then."""
    site.snapshot(at, *found, kind=SnapshotKind.DIGEST)


def planned(site: Site, named: str, **more: object) -> set[str]:
    draft = site.surveyor.draft(wanted(named, **more))
    assert draft.plan is not None, draft.preflight.refusals
    return {node.name for node in draft.plan.nodes}


def wanted(named: str, **more: object) -> Proposal:
    return proposal(named=named, filter=Filter(state=EVERY_STATE, **more))  # type: ignore[arg-type]


def test_a_digest_is_planned_for_the_nodes_that_it_counted(site: Site) -> None:
    """Not for those that became non-compliant later, and not for those that are compliant by now."""
    posted = fleet.ago(hours=5)
    told = posted - timedelta(minutes=2)
    kept(site, told, *site.fleet[:3])
    kept(site, told - timedelta(days=1), *site.fleet)
    clean = fleet.scanned(site.fleet[0].node, operation_end_time=fleet.ago(hours=1))
    site.reads(clean, *site.fleet[1:])
    assert planned(site, digest(site, posted)) == {one.node.name for one in site.fleet[1:3]}


def test_beside_names_the_other_filters_narrow(site: Site) -> None:
    posted = fleet.ago(hours=5)
    kept(site, posted - timedelta(minutes=2), *site.fleet[:6])
    names = planned(site, digest(site, posted), owner="WEB")
    assert names == {one.node.name for one in site.fleet[:6] if one.node.owner == "web"}
    assert names


def test_a_digest_that_nobody_remembers_is_said_and_not_guessed(site: Site) -> None:
    """The whole environment instead would be another plan than the button says."""
    posted = fleet.ago(hours=5)
    key = digest(site, posted)
    kept(site, posted - timedelta(hours=2), *site.fleet)
    with pytest.raises(NotFound, match="not known"):
        site.surveyor.draft(wanted(key))
    with pytest.raises(NotFound, match="no digest D-7"):
        site.surveyor.draft(wanted("D-7/2026-11-18"))


def test_a_digest_of_another_environment_is_no_filter(site: Site) -> None:
    key = digest(site, fleet.ago(hours=5), "staging")
    with pytest.raises(NotFound, match="about staging"):
        site.surveyor.draft(wanted(key))


def test_without_a_history_nothing_is_guessed_either(site: Site) -> None:
    key = digest(site, fleet.ago(hours=5))
    bare = Surveyor(site.compliance, site.commands, site.ledger, rules=site.rules, clock=site.clock)
    with pytest.raises(NotFound, match="not known"):
        bare.draft(wanted(key))
