"""What comes back from buttons and modals: ids and typed values, or errors beside the fields."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chatops import modals
from bot.chatops.acts import ASK_FIRST, KINDS, Verb, act, do
from bot.chatops.submissions import read_decision, read_request
from bot.core.plans import Operation, RebootOption
from bot.core.proposals import proposal_from
from tests.services.changes import proposal

NOW = datetime(2026, 11, 23, 14, 5, tzinfo=UTC)
FILLED: dict[str, Any] = {
    "reboot": {"selected_option": {"value": "NoReboot"}},
    "canary": {"value": "1"},
    "wave_size": {"value": "7"},
    "max_concurrency": {"value": " 10% "},
    "max_errors": {"value": "0"},
    "start": {"selected_date_time": None},
    "reason": {"value": " openssl \n"},
    "ticket": {"value": None},
}


def view(callback: str, meta: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    state = {"values": {block: {"value": element} for block, element in values.items()}}
    return {"callback_id": callback, "private_metadata": json.dumps(meta), "state": state}


def asked(operation: Any = Operation.INSTALL, **values: Any) -> Any:
    meta = {"proposal": proposal(operation=operation, seen=8).body(), "channel": "C1"}
    return read_request(view(modals.REQUEST, meta, {**FILLED, **values}), NOW)


def test_a_filled_in_form_becomes_a_proposal() -> None:
    """Blanks around what was typed do not matter; the scope is the one that was shown."""
    found = asked(start={"selected_date_time": int((NOW + timedelta(hours=2)).timestamp())})
    assert found.errors == {}
    assert found.kind == "request.submit"
    assert found.body["channel"] == "C1"
    result = proposal_from(found.body["proposal"])
    assert result.reboot_option is RebootOption.NO_REBOOT
    assert (result.canary, result.wave_size) == (1, 7)
    assert (result.max_concurrency, result.max_errors) == ("10%", "0")
    assert (result.reason, result.ticket, result.seen) == ("openssl", "", 8)
    assert result.not_before == NOW + timedelta(hours=2)


@pytest.mark.parametrize(
    ("block", "value"),
    [
        ("reboot", {"selected_option": None}),
        ("reboot", {"selected_option": {"value": "Always"}}),
        ("canary", {"value": "-1"}),
        ("canary", {"value": "1.5"}),
        ("wave_size", {"value": "0"}),
        ("wave_size", {"value": None}),
        ("max_concurrency", {"value": "0"}),
        ("max_concurrency", {"value": "all"}),
        ("max_errors", {"value": "101%"}),
        ("reason", {"value": "  "}),
        ("start", {"selected_date_time": int(NOW.timestamp())}),
    ],
)
def test_a_mistake_is_told_beside_its_field(block: str, value: dict[str, Any]) -> None:
    found = asked(**{block: value})
    assert list(found.errors) == [block]


@pytest.mark.parametrize(
    ("block", "typed", "told"),
    [
        ("canary", "9", "The plan has 8 nodes"),
        ("canary", "8", "fewer than that"),
        ("wave_size", "500", "The plan has 8 nodes"),
        ("max_concurrency", "50", "The plan has 8 nodes"),
        ("max_concurrency", "200%", "up to 100%"),
        ("max_errors", "200%", "up to 100%"),
    ],
)
def test_what_cannot_be_meant_is_refused_beside_its_field(
    block: str, typed: str, told: str
) -> None:
    found = asked(**{block: {"value": typed}})
    assert list(found.errors) == [block]
    assert told in found.errors[block]


def test_a_form_for_one_node_has_no_fields_for_waves() -> None:
    meta = {"proposal": proposal(seen=1).body(), "channel": "C1"}
    shown = {name: FILLED[name] for name in ("reboot", "start", "reason", "ticket")}
    found = read_request(view(modals.REQUEST, meta, shown), NOW)
    assert found.errors == {}
    result = proposal_from(found.body["proposal"])
    assert (result.canary, result.wave_size, result.max_concurrency) == (None, None, "")


def test_a_scan_needs_no_more_than_its_scope() -> None:
    found = asked(Operation.SCAN, reason={"value": None}, canary={"value": "x"})
    assert found.errors == {}


IDS = {"request": "R-1", "digest": "ab" * 32, "channel": "C1"}


def test_decisions_carry_the_ids_of_the_modal_and_what_was_typed() -> None:
    approved = read_decision(view(modals.APPROVE, IDS, {"typed": {"value": "8"}}), nodes=8)
    assert (approved.kind, approved.body, approved.errors) == (
        "request.approve",
        {**IDS, "typed": 8},
        {},
    )
    denied = read_decision(view(modals.DENY, IDS, {"reason": {"value": " no "}}))
    assert (denied.kind, denied.body) == ("request.deny", {**IDS, "reason": "no"})


@pytest.mark.parametrize(
    ("callback", "values"),
    [
        (modals.APPROVE, {"typed": {"value": "7"}}),
        (modals.APPROVE, {"typed": {"value": "eight"}}),
        (modals.DENY, {"reason": {"value": " "}}),
        (modals.REVIEW, {"note": {"value": None}}),
        (modals.BREAK_GLASS, {"reason": {}}),
    ],
)
def test_what_is_missing_or_wrong_keeps_the_modal_open(
    callback: str, values: dict[str, Any]
) -> None:
    assert list(read_decision(view(callback, IDS, values), nodes=8).errors) == list(values)


def test_other_modals_are_no_decisions() -> None:
    for callback in ("loading", "sorry", "", modals.REQUEST):
        with pytest.raises(ValueError, match="no decision"):
            read_decision(view(callback, IDS, {}))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.sampled_from(("private_metadata", "state", "callback_id")), JSON))
def test_nothing_that_comes_back_breaks_the_reader(broken: dict[str, Any]) -> None:
    """Errors beside fields or a ValueError and its like; never anything else."""
    read_decision({**broken, "callback_id": modals.APPROVE})
    with pytest.raises((KeyError, TypeError, ValueError)):
        read_request(broken, NOW)


def test_the_channel_comes_back_with_the_submission() -> None:
    placed = modals.placed(modals.loading("Install"), "C7")
    assert json.loads(placed["private_metadata"]) == {"channel": "C7"}


@pytest.mark.parametrize("verb", Verb)
def test_a_button_comes_back_as_its_act(verb: Verb) -> None:
    """With the ids that the inbox wants."""
    is_run = KINDS[verb].startswith("run.")
    value = "X-12/2" if verb is Verb.CONTINUE else "X-12" if is_run else "R-12"
    made = do(verb, "Do it", value)
    found = act(made["action_id"], made["value"])
    assert found is not None
    assert (found.verb, found.kind, found.asks_first) == (verb, KINDS[verb], verb in ASK_FIRST)
    wanted = {"run": "X-12"} if is_run else {"request": "R-12"}
    assert found.ids == (wanted | {"wave": 2} if verb is Verb.CONTINUE else wanted)


@pytest.mark.parametrize(
    ("action_id", "value"),
    [
        ("replace:next", "R-12"), ("do:explode", "R-12"), ("approve", "R-12"), ("do:approve", ""),
        ("do:approve", "R-12; drop"), ("do:approve", "R-12/1"), ("do:continue", "X-12"), ("do:approve", "r-12"),
        ("do:approve", "R-" + "1" * 11), ("do:approve", "R-١"), ("do:approve", "X-12"), ("do:stop", "R-12"),
    ],
)  # fmt: skip
def test_what_is_no_act(action_id: str, value: str) -> None:
    assert act(action_id, value) is None
