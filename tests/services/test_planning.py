"""Waves hold every node once, what is sent is what was sealed, and a digest is of everything in the plan."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.figures import Judged, judge_all
from bot.core.nodes import NodeKey, Observation
from bot.core.plans import Document, Limits, Operation, Plan, RebootOption, plan_from
from bot.core.proposals import Proposal, proposal_from
from bot.core.readings import Reading, TargetReading
from bot.core.selection import Filter
from bot.services.planning import Pace, pace, seal
from tests.commands import fleet
from tests.services.changes import DOCUMENT, RULES, proposal


def judged(seen: list[Observation]) -> tuple[Judged, ...]:
    reading = Reading(
        "prod", fleet.NOW, (TargetReading(fleet.FRANKFURT, "1", fleet.NOW, tuple(seen)),)
    )
    return judge_all(reading, fleet.NOW, timedelta(days=7))


@st.composite
def fleets(draw: st.DrawFn) -> tuple[Judged, ...]:
    """Up to 130 nodes of several accounts, Regions and owners."""
    size = draw(st.integers(1, 130))
    seed = draw(st.randoms(use_true_random=False))
    return judged(
        [
            fleet.scanned(
                fleet.managed(
                    number,
                    f"n{number}",
                    account=seed.choice(("111122223333", "444455556666")),
                    region=seed.choice(("eu-central-1", "us-east-1")),
                    owner=seed.choice(("", "web", "db")),
                ),
                missing=seed.randrange(4),
                critical_non_compliant=seed.randrange(2),
            )
            for number in range(size)
        ]
    )


PACES = st.fixed_dictionaries(
    {
        "canary": st.none() | st.integers(0, 200),
        "wave_size": st.none() | st.integers(1, 200),
        "operation": st.sampled_from(Operation),
    }
)


@given(fleets(), PACES)
def test_waves_partition_the_nodes_and_batches_send_a_subset_of_them(
    ready: tuple[Judged, ...], given_pace: dict[str, Any]
) -> None:
    """Each node once, the canary first, at most 50 ids of one place in a send."""
    plan = seal(proposal(**given_pace), ready, RULES, document=DOCUMENT, patches={})
    sealed = Counter(node.key for node in plan.nodes)
    assert Counter(key for wave in plan.waves for key in wave) == sealed
    assert set(sealed.values()) == {1}
    assert all(plan.waves)
    usual = pace(len(ready), plan.operation)
    canary = usual.canary if given_pace["canary"] is None else given_pace["canary"]
    size = given_pace["wave_size"] or usual.wave_size
    assert len(plan.waves[0]) == min(canary or size, len(ready))
    assert all(len(wave) <= size for wave in plan.waves[1:])
    batches = list(plan.batches())
    sent = [NodeKey(b.account, b.region, one) for b in batches for one in b.instance_ids]
    assert Counter(sent) == sealed
    assert all(1 <= len(batch.instance_ids) <= 50 for batch in batches)
    assert [batch.number for batch in batches] == list(range(1, len(batches) + 1))


@given(fleets(), st.randoms(use_true_random=False))
def test_the_order_of_the_reading_makes_no_difference(
    ready: tuple[Judged, ...], chance: Any
) -> None:
    """One fleet, one digest; and the plan survives being written down."""
    shuffled = list(ready)
    chance.shuffle(shuffled)
    one, other = (
        seal(proposal(), given_order, RULES, document=DOCUMENT, patches={})
        for given_order in (ready, shuffled)
    )
    assert one.digest == other.digest
    assert plan_from(one.body()) == one


def test_a_wave_takes_its_share_of_every_owner_and_the_worst_first() -> None:
    """30 nodes of web, 10 of db: a wave of 8 holds 6 and 2, and never all of db before the rest of web."""
    ready = judged(
        [
            fleet.scanned(
                fleet.managed(n, f"n{n:02}", owner="db" if n % 4 == 0 else "web"), missing=1 + n
            )
            for n in range(40)
        ]
    )
    plan = seal(proposal(canary=0, wave_size=8), ready, RULES, document=DOCUMENT, patches={})
    known = {node.key: node for node in plan.nodes}
    for wave in plan.waves:
        assert Counter(known[key].owner for key in wave) == {"web": 6, "db": 2}
        missing = [known[key].missing for key in wave]
        assert missing == sorted(missing, reverse=True)
    assert [node.missing for node in plan.nodes] == list(range(40, 0, -1))


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        (1, Pace(1, 10, "1", "1")),
        (24, Pace(1, 10, "1", "1")),
        (25, Pace(2, 25, "5%", "5")),
        (100, Pace(2, 25, "5%", "5")),
        (101, Pace(5, 100, "8%", "10")),
        (1000, Pace(5, 100, "8%", "10")),
        (1001, Pace(10, 250, "10%", "10")),
    ],
)
def test_the_defaults_grow_with_the_fleet_as_in_patch_now(nodes: int, expected: Pace) -> None:
    assert pace(nodes, Operation.INSTALL) == expected
    assert pace(nodes, Operation.SCAN).canary == 0


def base() -> Plan:
    ready = judged([fleet.scanned(fleet.managed(n, f"n{n}"), missing=1) for n in range(3)])
    patches = {one.seen.node.key: fleet.PATCHES for one in ready}
    return seal(proposal(), ready, RULES, document=DOCUMENT, patches=patches)


OTHER: dict[str, Any] = {
    "environment": "staging",
    "operation": Operation.SCAN,
    "reboot_option": RebootOption.NO_REBOOT,
    "nodes": base().nodes[:2],
    "waves": base().waves[::-1],
    "limits": Limits("2", "1", 95),
    "document": Document("AWS-RunPatchBaseline", "2", "ab" * 32),
    "only_patches": ("KB1",),
    "not_before": datetime(2026, 12, 1, tzinfo=UTC),
    "rehearsal": True,
}


def test_every_field_is_in_the_digest() -> None:
    """Of the plan, of its limits, of its document and of each node: a change of any of them is another plan."""
    plan = base()
    assert set(OTHER) == {field.name for field in fields(plan)}
    changed = [replace(plan, **{name: value}) for name, value in OTHER.items()]
    for part in ("limits", "document"):
        whole = getattr(plan, part)
        for field in fields(whole):
            value = 1 if isinstance(getattr(whole, field.name), int) else "other"
            changed.append(replace(plan, **{part: replace(whole, **{field.name: value})}))
    node = plan.nodes[0]
    for field in fields(node):
        was = getattr(node, field.name)
        other: Any = (
            was + 1 if isinstance(was, int) else "other" if isinstance(was, str) else (*was, "x")
        )
        if field.name == "key":
            other = NodeKey("1", "eu-west-1", "i-1")
        changed.append(replace(plan, nodes=(replace(node, **{field.name: other}), *plan.nodes[1:])))
    digests = [plan.digest, *(one.digest for one in changed)]
    assert len(set(digests)) == len(digests)


def test_a_scan_never_reboots_and_no_node_is_no_plan() -> None:
    ready = judged([fleet.scanned(fleet.managed(1, "n"), missing=1)])
    scan = seal(proposal(operation=Operation.SCAN), ready, RULES, document=DOCUMENT, patches={})
    assert (scan.reboot_option, scan.reboots) == (RebootOption.NO_REBOOT, 0)
    with pytest.raises(ValueError, match="needs a node"):
        seal(proposal(), (), RULES, document=DOCUMENT, patches={})


@given(
    st.builds(
        Proposal,
        environment=st.text(),
        operation=st.sampled_from(Operation),
        filter=st.builds(Filter, owner=st.text(), name=st.text()),
        only_patches=st.lists(st.text()).map(tuple),
        only_nodes=st.lists(st.builds(NodeKey, st.text(), st.text(), st.text())).map(tuple),
        reboot_option=st.sampled_from(RebootOption),
        canary=st.none() | st.integers(0, 10**6),
        wave_size=st.none() | st.integers(1, 10**6),
        max_concurrency=st.sampled_from(("", "1", "50", "10%", "100%")),
        max_errors=st.sampled_from(("", "0", "5", "0%", "99%")),
        not_before=st.none() | st.datetimes(timezones=st.just(UTC)),
        reason=st.text(),
        ticket=st.text(),
        seen=st.none() | st.integers(0, 10**6),
    )
)
def test_a_proposal_comes_back_from_the_inbox_as_it_went_in(asked: Proposal) -> None:
    assert proposal_from(asked.body()) == asked


@pytest.mark.parametrize(
    "change",
    [
        {"max_concurrency": "0"}, {"max_concurrency": "0%"}, {"max_concurrency": "101%"}, {"max_concurrency": "1; rm"},
        {"max_errors": "-1"}, {"max_errors": "١"}, {"canary": -1}, {"wave_size": 0},
        {"not_before": "2026-12-01T00:00:00"}, {"operation": "Reboot"}, {"reboot_option": "Always"},
        {"filter": {"x": "y"}},
    ],
)  # fmt: skip
def test_what_is_no_proposal(change: dict[str, Any]) -> None:
    """Whoever can write into the inbox still cannot make AWS take what it should not."""
    with pytest.raises((ValueError, TypeError)):
        proposal_from({**proposal().body(), **change})
