"""What a reading gives, and what becomes of a target that cannot be read."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bot.core.environments import Account, Target
from bot.core.nodes import ManagedNode, Observation, PatchState
from bot.core.readings import Gap, Reading, TargetReading, completed, failed
from tests.core.fleets import NOW, TARGET

THEN = NOW - timedelta(hours=3)
GAP = Gap("", "eu-central-1", "denied", hint="Grant it.", passing=True)


def seen(instance_id: str, instance_state: str = "running", missing: int = 0) -> Observation:
    node = ManagedNode(instance_id, "1", "eu-central-1", instance_state=instance_state)
    return Observation(node, PatchState(instance_id, operation_end_time=NOW, missing=missing))


def target_of(*observations: Observation, notices: tuple[str, ...] = ()) -> TargetReading:
    return TargetReading(TARGET, "1", NOW, observations, notices=notices)


def test_a_node_that_two_targets_found_counts_once() -> None:
    """Overlapping Regions or pages that drift must not count a server twice; the later one stands."""
    reading = Reading(
        "prod", NOW, (target_of(seen("i-1"), seen("i-2")), target_of(seen("i-1", missing=3)))
    )
    assert reading.observations == (seen("i-1", missing=3), seen("i-2"))


def test_the_same_id_in_two_accounts_is_two_nodes() -> None:
    """Hybrid ids are unique per account and Region only."""
    other = replace(seen("mi-1"), node=replace(seen("mi-1").node, account="2"))
    reading = Reading("prod", NOW, (target_of(seen("mi-1")), target_of(other)))
    assert len(reading.observations) == 2


def test_terminated_nodes_are_nowhere() -> None:
    reading = Reading(
        "prod", NOW, (target_of(seen("i-1", "terminated"), seen("i-2", "shutting-down")),)
    )
    assert reading.observations == ()


def test_nodes_come_in_one_order() -> None:
    forth = Reading("prod", NOW, (target_of(seen("i-1"), seen("i-2")),))
    back = Reading("prod", NOW, (target_of(seen("i-2"), seen("i-1")),))
    assert forth.observations == back.observations


def test_a_remark_of_two_targets_is_told_once() -> None:
    told = target_of(notices=("No tags.", "No owners."))
    assert Reading("prod", NOW, (told, told)).notices == ("No tags.", "No owners.")


def test_a_failed_target_keeps_its_nodes_as_unreadable() -> None:
    last = target_of(seen("i-1"), seen("i-2", "stopped"), seen("i-3", "terminated"))
    now = failed(TARGET, last, GAP)
    assert [one.unread for one in now.observations] == ["denied"] * 3
    assert now.read_at == NOW
    assert now.gaps == (replace(GAP, account="1", nodes=1, last_read_at=NOW),)


def test_a_second_failure_makes_the_gap_no_younger() -> None:
    once = failed(TARGET, target_of(seen("i-1")), GAP)
    twice = failed(TARGET, once, replace(GAP, reason="throttled"))
    assert (twice.read_at, twice.gaps[0].last_read_at) == (NOW, NOW)
    assert [one.unread for one in twice.observations] == ["throttled"]


def test_a_target_never_read_has_no_nodes_and_no_age() -> None:
    assert failed(TARGET, None, GAP) == TargetReading(TARGET, "", None, gaps=(GAP,))


def test_unread_nodes_keep_the_patch_state_of_the_last_reading() -> None:
    """A refusal halfway through costs knowing, not what was known: old counts stay, the node stays unknown."""
    target = Target(Account(), "eu-central-1")
    node = ManagedNode("i-1", "1", "eu-central-1")
    new = ManagedNode("i-2", "1", "eu-central-1")
    before = TargetReading(
        target, "1", THEN, (Observation(node, PatchState("i-1", missing=3), "", True),)
    )
    gap = Gap("1", "eu-central-1", "denied", nodes=2)
    now = TargetReading(
        target,
        "1",
        NOW,
        (Observation(node, unread="denied"), Observation(new, unread="denied")),
        (gap,),
    )

    told = completed(now, before)

    assert told.observations[0] == Observation(node, PatchState("i-1", missing=3), "denied", True)
    assert told.observations[1] == Observation(new, unread="denied")
    assert told.gaps[0].last_read_at == THEN
    assert completed(now, None) == now


def test_nodes_that_belonged_stay_where_nobody_can_tell_now() -> None:
    """They are unknown by the last reading, as often as it fails; what did not belong stays out."""
    last = target_of(seen("i-1"), seen("mi-2", missing=3), seen("mi-3", "stopped"), seen("i-4"))
    gap = Gap("1", "eu-central-1", "Which belong?", partial=True)
    undecided = dict.fromkeys(("mi-2", "mi-3", "mi-9"), "Which belong?")
    now = replace(target_of(seen("i-1")), gaps=(gap,), undecided=undecided)
    for before in (last, completed(now, last)):
        found = completed(now, before)
        kept = [(one.node.instance_id, one.unread) for one in found.observations]
        assert kept == [("i-1", ""), ("mi-2", "Which belong?"), ("mi-3", "Which belong?")]
        assert found.observations[1].state == seen("mi-2", missing=3).state
        assert found.gaps == (replace(gap, nodes=1, last_read_at=NOW),)


def test_a_node_stays_the_same_while_nobody_can_tell_its_account() -> None:
    """STS did not answer in time: under another account all of them would be gone, and as many new."""
    last = target_of(seen("i-1"))
    nameless = replace(seen("i-1"), node=replace(seen("i-1").node, account="self"))
    now = TargetReading(TARGET, "self", NOW, (nameless,), (replace(GAP, account="self"),))
    found = completed(now, last)
    assert [one.node.key for one in found.observations] == [seen("i-1").node.key]
    assert (found.account, found.gaps[0].account) == ("1", "1")
    assert completed(now, now).observations == now.observations


def test_owners_that_could_not_be_read_are_those_of_the_last_reading() -> None:
    """An owner without nodes is told that none is there; an untagged node has none any more."""

    def owned(instance_id: str, owner: str) -> Observation:
        return replace(seen(instance_id), node=replace(seen(instance_id).node, owner=owner))

    last = target_of(owned("i-1", "web"), owned("i-2", "db"))
    now = replace(
        target_of(seen("i-1"), seen("i-2"), seen("i-3")), unowned=frozenset({"i-1", "i-3"})
    )
    owners = [one.node.owner for one in completed(now, last).observations]
    assert owners == ["web", "", ""]


def test_the_age_of_a_gap_is_that_of_its_oldest_part() -> None:
    """A Region that fails after it was read in part was last read whole before that."""
    target = Target(Account(), "eu-central-1")
    partly = TargetReading(
        target, "1", NOW, (), (Gap("1", "eu-central-1", "denied", nodes=2, last_read_at=THEN),)
    )
    assert failed(target, partly, GAP).gaps[0].last_read_at == THEN
