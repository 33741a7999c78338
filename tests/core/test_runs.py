"""Runs and sends: no move leads to a second send, and no verdict is not success."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.runs import (
    DISPATCH_MOVES,
    RUN_ENDS,
    SETTLED,
    DispatchState,
    NodeOutcome,
    NodeResult,
    RunState,
    gate,
    outcome,
)
from tests.store.ledgers import key

MAY_BE_OUT = {DispatchState.SENDING, DispatchState.SENT, DispatchState.UNKNOWN, DispatchState.DONE}


def reachable(state: DispatchState) -> set[DispatchState]:
    found, open_states = set[DispatchState](), {state}
    while open_states:
        after = set().union(*(DISPATCH_MOVES[one] for one in open_states))
        open_states = after - found
        found |= after
    return found


def test_every_state_of_a_send_has_its_moves() -> None:
    assert set(DISPATCH_MOVES) == set(DispatchState)


@pytest.mark.parametrize(
    "state", sorted(MAY_BE_OUT | {DispatchState.REFUSED, DispatchState.DROPPED})
)
def test_nothing_leads_back_to_a_send(state: DispatchState) -> None:
    assert not reachable(state) & {DispatchState.PLANNED, DispatchState.SENDING}


def test_what_was_never_sent_was_planned_or_refused() -> None:
    """DROPPED comes from PLANNED only: nobody can call a send that may be out a dropped one."""
    before = {state for state, after in DISPATCH_MOVES.items() if DispatchState.DROPPED in after}
    assert before == {DispatchState.PLANNED}
    refused = {state for state, after in DISPATCH_MOVES.items() if DispatchState.REFUSED in after}
    assert refused == {DispatchState.SENDING}


def test_a_run_is_open_until_one_of_its_ends() -> None:
    open_states = set(RunState) - RUN_ENDS
    assert {state.value for state in open_states} == {
        "waiting",
        "running",
        "paused",
        "cancelling",
        "verifying",
    }


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Success", NodeOutcome.SUCCESS),
        ("Pending", NodeOutcome.PENDING),
        ("In Progress", NodeOutcome.RUNNING),
        ("InProgress", NodeOutcome.RUNNING),
        ("Delayed", NodeOutcome.RUNNING),
        ("Delivery Timed Out", NodeOutcome.UNDELIVERABLE),
        ("DeliveryTimedOut", NodeOutcome.UNDELIVERABLE),
        ("Execution Timed Out", NodeOutcome.TIMED_OUT),
        ("Undeliverable", NodeOutcome.UNDELIVERABLE),
        ("Terminated", NodeOutcome.CANCELLED),
        ("Cancelled", NodeOutcome.CANCELLED),
        ("Failed", NodeOutcome.FAILED),
        ("InvalidPlatform", NodeOutcome.FAILED),
        ("AccessDenied", NodeOutcome.FAILED),
        ("Something new", NodeOutcome.RUNNING),
        ("", NodeOutcome.RUNNING),
    ],
)
def test_words_of_aws_become_outcomes(words: str, expected: NodeOutcome) -> None:
    """User Guide, “Understanding command statuses”."""
    assert outcome(words) is expected


@given(st.text())
def test_only_the_word_success_is_success(words: str) -> None:
    is_success = words.replace(" ", "").casefold() == "success"
    assert (outcome(words) is NodeOutcome.SUCCESS) is is_success


def results(*outcomes: NodeOutcome, back: bool | None = True) -> list[NodeResult]:
    return [NodeResult(key(index), one, back_online=back) for index, one in enumerate(outcomes)]


GOOD, BAD = NodeOutcome.SUCCESS, NodeOutcome.FAILED


@pytest.mark.parametrize(
    ("found", "percent", "opens"),
    [
        ([GOOD] * 10, 100, True),
        ([GOOD] * 9 + [BAD], 100, False),
        ([GOOD] * 9 + [BAD], 90, True),
        ([GOOD] * 9 + [BAD], 91, False),
        ([GOOD] * 2 + [BAD], 67, False),
        ([GOOD] * 2 + [BAD], 66, True),
        ([BAD], 0, True),
        ([], 0, False),
        ([NodeOutcome.SKIPPED] * 3, 0, False),
        ([GOOD, NodeOutcome.SKIPPED], 100, True),
        ([GOOD] * 99 + [NodeOutcome.UNKNOWN], 1, False),
        ([GOOD] * 99 + [NodeOutcome.RUNNING], 1, False),
        ([GOOD] * 99 + [NodeOutcome.PENDING], 1, False),
    ],
)
def test_a_gate_opens_on_positive_evidence_only(
    found: list[NodeOutcome], percent: int, opens: bool
) -> None:
    decision = gate(results(*found), percent)
    assert decision.allowed is opens
    assert bool(decision.reason) is not opens


def test_a_node_that_did_not_come_back_closes_the_gate() -> None:
    """One that was not rebooted has nothing to come back from."""
    assert not gate([*results(GOOD, GOOD), *results(GOOD, back=False)], 1).allowed
    assert gate(results(GOOD, GOOD, back=None), 100).allowed


@given(st.lists(st.sampled_from(NodeOutcome), max_size=30), st.integers(1, 100))
def test_an_open_gate_has_enough_successes(found: list[NodeOutcome], percent: int) -> None:
    counted = [one for one in found if one is not NodeOutcome.SKIPPED]
    good = counted.count(NodeOutcome.SUCCESS)
    settled = all(one in SETTLED and one is not NodeOutcome.UNKNOWN for one in counted)
    enough = bool(counted) and settled and Fraction(good, len(counted)) >= Fraction(percent, 100)
    assert gate(results(*found), percent).allowed is enough
