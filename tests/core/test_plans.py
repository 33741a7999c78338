"""Sealed plans: whatever changes changes the digest, and the sends hold exactly the nodes that were sealed."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import fields, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.nodes import NodeKey
from bot.core.plans import (
    BATCH,
    Document,
    Limits,
    Operation,
    Plan,
    PlannedNode,
    RebootOption,
    plan_from,
    short_code,
)
from tests.store.ledgers import a_plan

places = st.tuples(
    st.sampled_from(("111122223333", "444455556666")),
    st.sampled_from(("eu-central-1", "us-east-1")),
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Plans of up to 300 nodes in up to four places and four waves."""
    number = draw(st.integers(1, 300))
    where = [draw(places) for _ in range(4)]
    keys = [NodeKey(*where[index % 4], f"i-{index:017x}") for index in range(number)]
    cuts = sorted({0, number, *draw(st.lists(st.integers(0, number), max_size=3))})
    waves = tuple(tuple(keys[start:end]) for start, end in pairwise(cuts))
    name = draw(st.text(max_size=5))
    nodes = tuple(PlannedNode(key, name, "", "", "", 1, 0, 0, 0, 0) for key in keys)
    return replace(a_plan(), nodes=nodes, waves=waves)


@given(plans())
def test_the_sends_hold_every_node_once_and_nothing_else(plan: Plan) -> None:
    batches = list(plan.batches())
    sent = [NodeKey(one.account, one.region, node) for one in batches for node in one.instance_ids]
    assert Counter(sent) == Counter(node.key for node in plan.nodes)
    assert [one.number for one in batches] == list(range(1, len(batches) + 1))
    assert all(1 <= len(one.instance_ids) <= BATCH for one in batches)
    for batch in batches:
        wave = set(plan.waves[batch.wave - 1])
        assert {NodeKey(batch.account, batch.region, node) for node in batch.instance_ids} <= wave
    assert [one.wave for one in batches] == sorted(one.wave for one in batches)


@given(plans())
def test_a_plan_comes_back_from_its_body(plan: Plan) -> None:
    """Also through JSON, as it is stored, and with half a surrogate pair in a name."""
    again = plan_from(json.loads(json.dumps(plan.body())))
    assert again == plan
    assert again.digest == plan.digest


FULL = replace(a_plan(), only_patches=("KB1",), not_before=datetime(2026, 3, 4, tzinfo=UTC))
OTHERS: dict[str, object] = {
    "environment": "dev",
    "operation": Operation.SCAN,
    "reboot_option": RebootOption.NO_REBOOT,
    "nodes": FULL.nodes[:2],
    "waves": tuple(reversed(FULL.waves)),
    "limits": replace(FULL.limits, max_errors="0"),
    "document": replace(FULL.document, version="2"),
    "only_patches": (),
    "not_before": None,
    "rehearsal": True,
}


@pytest.mark.parametrize("field", [field.name for field in fields(Plan)])
def test_every_field_of_a_plan_is_sealed(field: str) -> None:
    assert replace(FULL, **{field: OTHERS[field]}).digest != FULL.digest  # type: ignore[arg-type]


@pytest.mark.parametrize("part", [PlannedNode, Limits, Document])
def test_every_field_of_its_parts_is_sealed(part: type) -> None:
    """A new field that is forgotten in the body is found here."""
    given_part: Any = {PlannedNode: FULL.nodes[0], Limits: FULL.limits, Document: FULL.document}[
        part
    ]
    for field in fields(part):
        value = getattr(given_part, field.name)
        other = _other(value)
        changed = replace(given_part, **{field.name: other})
        plan = {
            PlannedNode: lambda new: replace(FULL, nodes=(new, *FULL.nodes[1:])),
            Limits: lambda new: replace(FULL, limits=new),
            Document: lambda new: replace(FULL, document=new),
        }[part](changed)
        assert plan.digest != FULL.digest, field.name
        assert plan_from(plan.body()) == plan


def _other(value: object) -> object:
    match value:
        case NodeKey():
            return value._replace(region="us-east-1")
        case int():
            return value + 1
        case tuple():
            return (*value, "more")
        case _:
            return f"{value}x"


def test_the_digest_stays_what_it_is() -> None:
    """Plans outlive versions: a stored one must have the digest that people approved."""
    text = json.dumps(FULL.body(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert FULL.digest == hashlib.sha256(text.encode()).hexdigest()
    assert FULL.code == short_code(FULL.digest) == f"{FULL.digest[:4]}-{FULL.digest[4:8]}".upper()


@pytest.mark.parametrize(
    ("operation", "reboot", "number"),
    [
        (Operation.INSTALL, RebootOption.REBOOT_IF_NEEDED, 3),
        (Operation.INSTALL, RebootOption.NO_REBOOT, 0),
        (Operation.SCAN, RebootOption.REBOOT_IF_NEEDED, 0),
    ],
)
def test_only_an_install_that_may_reboot_reboots(
    operation: Operation, reboot: RebootOption, number: int
) -> None:
    assert replace(FULL, operation=operation, reboot_option=reboot).reboots == number
