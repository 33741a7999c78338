"""The rule that says whether a node is compliant."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given

from bot.core.judgement import Reason, Status, Verdict, judge
from bot.core.nodes import ManagedNode, Observation, PatchState
from tests.core.fleets import NOW, STALE, observations

NODE = ManagedNode("i-1", "111122223333", "eu-central-1", instance_state="running")
CLEAN = PatchState("i-1", operation_end_time=NOW - timedelta(hours=1), installed=300)


def clean_but(**counters: int) -> PatchState:
    return replace(CLEAN, **counters)  # type: ignore[arg-type]


def verdict(observation: Observation) -> Verdict:
    return judge(observation, NOW, STALE)


def test_a_scanned_node_without_findings_is_compliant() -> None:
    assert verdict(Observation(NODE, CLEAN)) == Verdict(Status.COMPLIANT)


@pytest.mark.parametrize(
    "reason",
    [
        Reason.MISSING,
        Reason.FAILED,
        Reason.INSTALLED_REJECTED,
        Reason.INSTALLED_PENDING_REBOOT,
    ],
)
def test_each_of_the_four_counters_alone_makes_a_node_non_compliant(reason: Reason) -> None:
    """AWS's own sum: missing, failed, rejected and pending reboot."""
    state = clean_but(**{reason.value: 1})
    assert verdict(Observation(NODE, state)) == Verdict(Status.NON_COMPLIANT, (reason,))


def test_reasons_come_worst_first() -> None:
    state = replace(CLEAN, missing=1, failed=1, installed_rejected=1, installed_pending_reboot=1)
    assert verdict(Observation(NODE, state)).reasons == (
        Reason.MISSING,
        Reason.FAILED,
        Reason.INSTALLED_REJECTED,
        Reason.INSTALLED_PENDING_REBOOT,
    )


@pytest.mark.parametrize(
    "counter",
    [
        "installed",
        "installed_other",
        "not_applicable",
        "critical_non_compliant",
        "security_non_compliant",
    ],
)
def test_no_other_counter_does(counter: str) -> None:
    """The …_non_compliant counters repeat what the others say; they are never added to them."""
    assert verdict(Observation(NODE, clean_but(**{counter: 9}))).status is Status.COMPLIANT


def test_available_security_updates_count_only_where_the_baseline_says_so() -> None:
    state = replace(CLEAN, available_security_updates=2)
    assert verdict(Observation(NODE, state)).status is Status.COMPLIANT
    counted = verdict(Observation(NODE, state, counts_available_security_updates=True))
    assert counted == Verdict(Status.NON_COMPLIANT, (Reason.AVAILABLE_SECURITY_UPDATE,))


@pytest.mark.parametrize(
    ("age", "status"),
    [
        (timedelta(0), Status.COMPLIANT),
        (STALE - timedelta(microseconds=1), Status.COMPLIANT),
        (STALE, Status.UNKNOWN),
        (STALE + timedelta(days=100), Status.UNKNOWN),
        (-timedelta(minutes=2), Status.COMPLIANT),
    ],
)
def test_a_state_judges_until_it_is_stale(age: timedelta, status: Status) -> None:
    """Exactly `stale_after` is too old; a scan slightly ahead of our clock is fresh."""
    seen = Observation(NODE, replace(CLEAN, operation_end_time=NOW - age))
    assert verdict(seen).status is status


@pytest.mark.parametrize(
    ("ahead", "status"),
    [
        (timedelta(days=1), Status.COMPLIANT),
        (timedelta(days=1, seconds=1), Status.UNKNOWN),
        (timedelta(days=365_000), Status.UNKNOWN),
    ],
)
def test_a_time_in_the_far_future_is_no_valid_one(ahead: timedelta, status: Status) -> None:
    """It would never grow old: a node would count as fresh for ever."""
    seen = Observation(NODE, replace(CLEAN, operation_end_time=NOW + ahead))
    assert verdict(seen).status is status


@pytest.mark.parametrize("missing", [0, 5])
def test_a_state_without_a_time_is_stale(missing: int) -> None:
    """AWS's year 1 arrives as None: nobody knows how old that is."""
    state = replace(CLEAN, operation_end_time=None, missing=missing)
    assert verdict(Observation(NODE, state)) == Verdict(Status.UNKNOWN, (Reason.STALE,))


def test_a_node_never_scanned_is_unknown() -> None:
    assert verdict(Observation(NODE)) == Verdict(Status.UNKNOWN, (Reason.NEVER_SCANNED,))


def test_what_could_not_be_read_is_unknown_whatever_was_known() -> None:
    for state in (None, CLEAN, replace(CLEAN, missing=3)):
        seen = Observation(NODE, state, unread="AccessDenied")
        assert verdict(seen) == Verdict(Status.UNKNOWN, (Reason.UNREADABLE,))


@pytest.mark.parametrize("ping", ["ConnectionLost", "Inactive", ""])
def test_a_lost_connection_does_not_unmake_a_young_state(ping: str) -> None:
    seen = Observation(replace(NODE, ping_status=ping), replace(CLEAN, missing=1))
    assert verdict(seen).status is Status.NON_COMPLIANT


@pytest.mark.parametrize("state", ["stopped", "stopping"])
def test_a_stopped_node_is_outside(state: str) -> None:
    seen = Observation(replace(NODE, instance_state=state), replace(CLEAN, missing=1), "denied")
    assert verdict(seen) == Verdict(Status.STOPPED)


@given(observations)
def test_unknown_is_never_compliant(seen: Observation) -> None:
    """Compliant takes a state that was read, has a time, is young, and holds none of the four."""
    if verdict(seen).status is Status.COMPLIANT:
        state = seen.state
        assert state is not None
        assert not seen.unread
        assert state.operation_end_time is not None
        assert NOW - state.operation_end_time < STALE
        assert state.missing + state.failed == 0
        assert state.installed_rejected + state.installed_pending_reboot == 0


@given(observations)
def test_who_is_not_compliant_is_told_why(seen: Observation) -> None:
    found = verdict(seen)
    quiet = found.status in {Status.COMPLIANT, Status.STOPPED}
    assert bool(found.reasons) is not quiet
