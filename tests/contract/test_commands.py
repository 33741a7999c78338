"""The contract of a command gateway: what the worker relies on, held by the fake and by the real one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.aws.commands import AwsCommands
from bot.aws.gateway import AwsGateway
from bot.core.commands import NotSent, OutcomeUnknown
from bot.core.errors import AwsError
from bot.core.plans import Operation, RebootOption
from bot.demo.aws.run_command.behaviour import Behaviour
from bot.demo.aws.server import SimulatedAws
from bot.demo.fleet.demo import demo_fleet
from bot.demo.fleet.model import Fleet, Node
from bot.demo.fleet.seeding import bring_in
from tests.contract.command_worlds import (
    EU,
    MARK,
    NOW,
    SNAPSHOT,
    US,
    FakeWorld,
    Hand,
    SimulatedWorld,
    World,
)
from tests.fakes.commands import Answer

LONG = 1000.0
AGO = NOW - timedelta(minutes=10)


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    """Six Linux nodes of the demo that answer."""
    whole = demo_fleet(NOW)
    healthy = [
        node
        for node in whole.of("prod")
        if node.region == EU.region
        and node.state == "running"
        and not (node.is_hybrid or node.connection_lost or node.platform.is_windows)
        and _missing(node)
    ]
    return replace(whole, nodes=tuple(healthy[:3]), baselines=())


def _missing(node: Node) -> bool:
    return node.run is not None and any(
        patch.state.value == "Missing" for patch in node.run.patches
    )


@pytest.fixture(params=["fake", "simulated"])
def world(
    request: pytest.FixtureRequest, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    nodes = list(fleet.nodes)
    if request.param == "fake":
        yield FakeWorld(nodes)
        return
    clock = Hand()
    with SimulatedAws(behaviour=Behaviour(clock=clock)) as aws:
        monkeypatch.delenv("AWS_PROFILE", raising=False)
        for name, value in aws.credentials_environment().items():
            monkeypatch.setenv(name, value)
        bring_in(aws, fleet)
        aws.calls.clear()
        gateway = AwsGateway(clock=clock)
        yield SimulatedWorld(aws, AwsCommands(gateway), clock, nodes)
        gateway.close()


def test_a_command_is_found_by_its_mark(world: World) -> None:
    """With its nodes, document, snapshot and operation: what the reconciler compares."""
    command_id = world.commands.send(EU, world.order(*world.ids))
    world.clock.pass_(1)
    (found,) = world.commands.find(EU, since=AGO)
    assert (found.command_id, found.comment, found.snapshot_id) == (command_id, MARK, SNAPSHOT)
    assert (found.document_name, found.operation) == ("AWS-RunPatchBaseline", "Scan")
    assert set(found.instance_ids) == set(world.ids)
    assert found.requested_at == NOW
    assert found.expires_after is not None
    assert found.expires_after > NOW
    assert world.commands.find(US, since=AGO) == ()
    assert world.commands.find(EU, since=NOW + timedelta(seconds=5)) == ()


def test_nobody_sees_it_right_after_the_send(world: World) -> None:
    """Neither in the list nor by its id: an empty answer proves nothing."""
    command_id = world.commands.send(EU, world.order(*world.ids))
    assert world.commands.find(EU, since=AGO) == ()
    assert world.commands.invocations(EU, command_id) == ()
    world.clock.pass_(1)
    assert {one.instance_id for one in world.commands.invocations(EU, command_id)} == set(world.ids)


@pytest.mark.parametrize("years", [(2000, 2001), (2100, 2101)])
def test_outside_its_time_by_the_wall_clock_nothing_is_sent(
    world: World, years: tuple[int, int]
) -> None:
    """Too late, or the clock went back; the monotonic clock says nothing of it."""
    first, last = (datetime(year, 1, 1, tzinfo=UTC) for year in years)
    with pytest.raises(NotSent) as caught:
        world.commands.send(EU, world.order(*world.ids), between=(first, last))
    assert (caught.value.code, world.reached) == ("TooLate", 0)


def test_an_unknown_command_has_no_invocations(world: World) -> None:
    """AWS forgets them after 30 days."""
    assert world.commands.invocations(EU, "00000000-0000-4000-8000-000000000000") == ()


def test_nodes_go_from_pending_to_success(world: World) -> None:
    """There is no exit code before there is an outcome."""
    command_id = world.commands.send(EU, world.order(*world.ids))
    seen: list[str] = []
    for _ in range(200):
        world.clock.pass_(0.5)
        first = next(
            one for one in world.commands.invocations(EU, command_id) if one.instance_id == world.ids[0]
        )  # fmt: skip
        if first.status_details not in seen:
            seen.append(first.status_details)
        if first.status_details == "Success":
            break
        assert first.response_code is None
    assert seen == ["Pending", "InProgress", "Success"]
    assert first.response_code == 0
    assert first.requested_at == NOW


def test_a_failure_tells_its_exit_code_and_last_words(world: World) -> None:
    """Those of the step that ran, not of the skipped ones; the other nodes are not touched by it."""
    world.fails(world.ids[0], code=2, output="Unable to find python3")
    command_id = world.commands.send(EU, world.order(*world.ids))
    world.clock.pass_(LONG)
    found = {one.instance_id: one for one in world.commands.invocations(EU, command_id)}
    failed = found[world.ids[0]]
    assert (failed.status_details, failed.response_code) == ("Failed", 2)
    assert "python3" in failed.output
    assert {found[each].status_details for each in world.ids[1:]} == {"Success"}


def test_a_lost_answer_is_unknown_and_the_command_is_there_once(world: World) -> None:
    """AWS took it, nobody was told: one request, one command, found by its mark."""
    world.next_send(Answer.ACCEPT_AND_LOSE)
    with pytest.raises(OutcomeUnknown):
        world.commands.send(EU, world.order(*world.ids))
    world.clock.pass_(1)
    (found,) = world.commands.find(EU, since=AGO)
    assert found.comment == MARK
    assert world.reached == 1


def test_a_broken_connection_is_unknown_too(world: World) -> None:
    """Nobody can tell it from the case above; here nothing runs."""
    world.next_send(Answer.LOSE)
    with pytest.raises(OutcomeUnknown):
        world.commands.send(EU, world.order(*world.ids))
    world.clock.pass_(1)
    assert world.commands.find(EU, since=AGO) == ()
    assert world.reached == 1


def test_a_throttle_may_be_tried_again_and_a_denial_may_not(world: World) -> None:
    """Both surely did nothing."""
    for answer, may_retry in ((Answer.THROTTLE, True), (Answer.DENY, False)):
        world.next_send(answer)
        with pytest.raises(NotSent) as caught:
            world.commands.send(EU, world.order(*world.ids))
        assert caught.value.may_retry is may_retry
    world.clock.pass_(1)
    assert world.commands.find(EU, since=AGO) == ()
    assert world.reached == 2


def test_one_wrong_node_and_nothing_runs(world: World) -> None:
    """AWS refuses the whole call."""
    with pytest.raises(NotSent) as caught:
        world.commands.send(EU, world.order(*world.ids, "i-00000000000000000"))
    assert (caught.value.code, caught.value.may_retry) == ("InvalidInstanceId", False)
    world.clock.pass_(1)
    assert world.commands.find(EU, since=AGO) == ()


def test_the_document_is_pinned(world: World) -> None:
    """Changed since the plan was sealed: refused."""
    pinned = world.commands.document(EU, "AWS-RunPatchBaseline")
    assert pinned.version
    assert len(pinned.hash) == 64
    other = replace(pinned, hash="0" * 64)
    with pytest.raises(NotSent) as caught:
        world.commands.send(EU, world.order(*world.ids, document=other))
    assert caught.value.code == "InvalidDocument"
    with pytest.raises(AwsError):
        world.commands.document(EU, "Org-Nothing")


@pytest.mark.parametrize("bad", ["none", "many", "unmarked", "long"])
def test_what_is_no_order_does_not_leave(world: World, bad: str) -> None:
    """No nodes (AWS could take that for all), more than a batch, or no mark to find it by."""
    many = tuple(f"i-{number:017x}" for number in range(51))
    orders = {
        "none": world.order(),
        "many": world.order(*many),
        "unmarked": world.order(*world.ids, mark=""),
        "long": world.order(*world.ids, mark="m" * 101),
    }
    with pytest.raises(NotSent):
        world.commands.send(EU, orders[bad])
    assert world.reached == 0


def test_nothing_leaves_after_its_time(world: World) -> None:
    """A process that stood still since the intent does not fire later."""
    order = world.order(*world.ids)
    with pytest.raises(NotSent) as caught:
        world.commands.send(EU, order, not_after=time.monotonic() - 1)
    assert caught.value.may_retry is False
    assert world.reached == 0
    world.commands.send(EU, order, not_after=time.monotonic() + 60)
    assert world.reached == 1


def test_cancelling_may_be_repeated(world: World) -> None:
    """What has not begun never will."""
    command_id = world.commands.send(EU, world.order(*world.ids))
    world.commands.cancel(EU, command_id)
    world.commands.cancel(EU, command_id)
    world.clock.pass_(LONG)
    found = world.commands.invocations(EU, command_id)
    assert {one.status_details for one in found} == {"Cancelled"}
    world.commands.cancel(EU, command_id)
    with pytest.raises(AwsError) as caught:
        world.commands.cancel(EU, "00000000-0000-4000-8000-000000000000")
    assert caught.value.code == "InvalidCommandId"


def test_nodes_at_work_are_named_with_their_command(world: World) -> None:
    """As long as they are, whoever sent it."""
    assert dict(world.commands.at_work(EU)) == {}
    command_id = world.commands.send(EU, world.order(*world.ids[:2]))
    world.clock.pass_(1)
    assert dict(world.commands.at_work(EU)) == dict.fromkeys(world.ids[:2], command_id)
    world.clock.pass_(LONG)
    assert dict(world.commands.at_work(EU)) == {}


def test_a_node_is_silent_during_its_reboot_and_comes_back(world: World) -> None:
    """What the gate between waves waits for."""
    install = world.order(world.ids[0], operation=Operation.INSTALL)
    command_id = world.commands.send(EU, install)
    lost = set()
    for _ in range(400):
        world.clock.pass_(2)
        (node,) = world.commands.nodes_now(EU, [world.ids[0]])
        lost.add(node.connection_lost)
        if world.commands.invocations(EU, command_id)[0].status_details == "Success":
            break
    assert lost == {False, True}
    (node,) = world.commands.nodes_now(EU, [world.ids[0]])
    assert not node.connection_lost


def test_without_a_reboot_it_never_is(world: World) -> None:
    """NoReboot."""
    order = world.order(world.ids[0], operation=Operation.INSTALL, reboot=RebootOption.NO_REBOOT)
    world.commands.send(EU, order)
    for _ in range(60):
        world.clock.pass_(5)
        assert not world.commands.nodes_now(EU, [world.ids[0]])[0].connection_lost


def test_only_nodes_that_exist_are_named(world: World) -> None:
    """In the order asked for; unknown and terminated ones are left out without a word."""
    world.goes(world.ids[1])
    asked = [world.ids[2], "i-00000000000000000", world.ids[1], world.ids[0], world.ids[2]]
    found = world.commands.nodes_now(EU, asked)
    assert [node.instance_id for node in found] == [world.ids[2], world.ids[0]]
    assert {node.account for node in found} == {SimulatedAws.account}
    assert all(node.name for node in found)
    assert world.commands.nodes_now(EU, []) == ()


def test_the_next_window_is_the_one_that_opens_first(world: World) -> None:
    """By name and start."""
    assert world.commands.next_window(EU) is None
    for name, hours in (("sunday-night", 30), ("tonight", 8)):
        world.window(name, NOW + timedelta(hours=hours))
    assert world.commands.next_window(EU) == ("tonight", NOW + timedelta(hours=8))
