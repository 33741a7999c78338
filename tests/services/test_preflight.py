"""Every node that is left out says why, and everything that forbids a plan says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.chatops.change_words import unnamed
from bot.chatops.modals import approve_modal
from bot.chatops.request_cards import approval_card
from bot.core.errors import AwsError
from bot.core.figures import judge_all
from bot.core.ledger import Change
from bot.core.nodes import Observation
from bot.core.plans import Batch, Document, Operation, RebootOption
from bot.core.readings import Gap, Reading, TargetReading
from bot.core.requests import Request
from bot.core.running import about_run
from bot.core.runs import RUN, Dispatch, DispatchState, Run, RunState
from bot.core.selection import Filter
from bot.services.installs import request_row
from bot.services.preflight import Obstacle, Preflight, Surroundings, check
from tests.commands import fleet
from tests.services.changes import BEN, CAT, RULES, World, nodes, proposal

SCANNED = fleet.scanned(fleet.managed(1, "prod-1"), missing=2)
KEY = SCANNED.node.key
NOWHERE = Surroundings({}, {}, {})


def preflight(seen: Observation, around: Surroundings = NOWHERE, **changes: Any) -> Preflight:
    reading = Reading("prod", fleet.NOW, (TargetReading(fleet.FRANKFURT, "1", fleet.NOW, (seen,)),))
    judged = judge_all(reading, fleet.NOW, timedelta(days=7))
    rules = replace(RULES, never=frozenset({"i-00000000000000063"}))
    return check(proposal(**changes), judged, around, rules, gaps=(), now=fleet.NOW)


def state_of(**more: object) -> Observation:
    return fleet.scanned(fleet.managed(1, "prod-1"), **more)


def node_that_is(**more: object) -> Observation:
    return fleet.scanned(fleet.managed(1, "prod-1", **more), missing=1)


NO_REBOOT = {"reboot_option": RebootOption.NO_REBOOT}
SCAN = {"operation": Operation.SCAN}


@pytest.mark.parametrize(
    ("seen", "around", "changes", "obstacle", "why"),
    [
        (SCANNED, NOWHERE, {}, None, ""),
        (fleet.scanned(fleet.managed(0x63, "bot"), missing=1), NOWHERE, {}, Obstacle.NEVER, "never a target"),
        (node_that_is(instance_state="stopped"), NOWHERE, {}, Obstacle.STOPPED, "stopped"),
        (node_that_is(ping_status="ConnectionLost"), NOWHERE, {}, Obstacle.OFFLINE, "2 min ago"),
        (node_that_is(ping_status=""), NOWHERE, SCAN, Obstacle.OFFLINE, "does not answer"),
        (SCANNED, Surroundings({}, {KEY: "X-3"}, {}), {}, Obstacle.IN_RUN, "open run X-3"),
        (SCANNED, Surroundings({KEY: "cmd-1"}, {}, {}), {}, Obstacle.AT_WORK, "cmd-1"),
        (SCANNED, Surroundings({KEY: "cmd-1"}, {}, {}), SCAN, Obstacle.AT_WORK, "cmd-1"),
        (Observation(SCANNED.node), NOWHERE, {}, Obstacle.NEVER_SCANNED, "scan it first"),
        (Observation(SCANNED.node), NOWHERE, SCAN, None, ""),
        (state_of(missing=1, operation_end_time=fleet.ago(days=8)), NOWHERE, {}, Obstacle.STALE, "8 days ago"),
        (state_of(missing=1, operation_end_time=fleet.ago(days=8)), NOWHERE, SCAN, None, ""),
        (Observation(SCANNED.node, unread="denied"), NOWHERE, {}, Obstacle.UNREADABLE, "denied"),
        (state_of(), NOWHERE, {}, Obstacle.NOTHING_TO_INSTALL, "nothing"),
        (state_of(installed_rejected=2), NOWHERE, {}, Obstacle.NOTHING_TO_INSTALL, "nothing"),
        (state_of(installed_pending_reboot=1), NOWHERE, {}, None, ""),
        (state_of(installed_pending_reboot=1), NOWHERE, NO_REBOOT, Obstacle.ONLY_REBOOT, "asked for none"),
        (state_of(failed=1), NOWHERE, NO_REBOOT, None, ""),
        (SCANNED, Surroundings({}, {}, {KEY: fleet.ago(minutes=14)}), SCAN, Obstacle.SCANNED_LATELY, "once in 15 min"),
        (SCANNED, Surroundings({}, {}, {KEY: fleet.ago(minutes=15)}), SCAN, None, ""),
        (SCANNED, Surroundings({}, {}, {KEY: fleet.ago(minutes=1)}), {}, None, ""),
    ],
)  # fmt: skip
def test_why_a_node_is_left_out(
    seen: Observation,
    around: Surroundings,
    changes: dict[str, Any],
    obstacle: Obstacle | None,
    why: str,
) -> None:
    """One node in one state; None stands for a node that is ready."""
    found = preflight(seen, around, **changes)
    if obstacle is None:
        assert (len(found.ready), found.refusals) == (1, ())
        return
    (one,) = found.excluded
    assert one.obstacle is obstacle
    assert why in one.why
    assert found.refusals


def test_what_waits_for_a_reboot_is_said() -> None:
    """By the reboot option: it is rebooted, or stays as it is. What is only waiting is counted."""
    waits = state_of(missing=1, installed_pending_reboot=2)
    assert "the Install reboots it" in preflight(waits).remarks[0]
    assert "does not reboot" in preflight(waits, reboot_option=RebootOption.NO_REBOOT).remarks[0]
    only = state_of(missing=0, installed_pending_reboot=2)
    assert "1 node waits only for a reboot: the Install reboots it." in preflight(only).remarks[0]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def refusals(world: World, **changes: Any) -> str:
    draft = world.surveyor.draft(proposal(**changes))
    assert (draft.plan is None) == bool(draft.preflight.refusals)
    return " ".join(draft.preflight.refusals)


def test_a_partial_reading_is_no_plan_unless_the_gap_is_elsewhere(world: World) -> None:
    """A gap matters wherever a wanted node may hide in it."""
    gap = Gap(fleet.ACCOUNT, "us-east-1", "AccessDenied")
    reading = world.gateway.readings["prod", "eu-central-1"]
    assert isinstance(reading, TargetReading)
    world.gateway.readings = {("prod", "eu-central-1"): replace(reading, gaps=(gap,))}
    assert "partial" in refusals(world)
    assert "partial" in refusals(world, filter=Filter(account=fleet.ACCOUNT))
    assert refusals(world, filter=Filter(region="eu-central-1")) == ""
    assert refusals(world, only_nodes=(fleet.managed(1, "").key,)) == ""


def test_what_run_command_does_not_tell_makes_it_partial(world: World) -> None:
    world.commands.broken["eu-central-1"] = AwsError("Throttled.")
    assert "partial" in refusals(world)


def test_operations_under_way_leave_nodes_out(world: World) -> None:
    """Whoever sent them."""
    world.commands.busy = {fleet.managed(1, "").instance_id: "cmd-9"}
    draft = world.surveyor.draft(proposal())
    assert [one.obstacle for one in draft.preflight.excluded] == [Obstacle.AT_WORK]
    assert draft.plan is not None
    assert len(draft.plan.nodes) == 7


def test_documents_that_differ_make_no_plan(tmp_path: Path) -> None:
    """A plan is for one document; here one Region already has the next version."""
    there = tuple(replace(one, node=replace(one.node, region="us-east-1")) for one in nodes(2))
    world = World(tmp_path)
    here = world.gateway.readings["prod", "eu-central-1"]
    assert isinstance(here, TargetReading)
    world.gateway.readings = {
        ("prod", "eu-central-1"): here,
        ("prod", "us-east-1"): TargetReading(fleet.VIRGINIA, fleet.ACCOUNT, fleet.NOW, there),
    }
    environment = replace(
        world.compliance.environment("prod"), targets=(fleet.FRANKFURT, fleet.VIRGINIA)
    )
    world.compliance._environments["prod"] = environment
    assert refusals(world) == ""
    world.commands.documents["us-east-1"] = Document("AWS-RunPatchBaseline", "2", "cd" * 32)
    assert "version 2 in" in refusals(world)
    assert refusals(world, filter=Filter(region="us-east-1")) == ""
    world.close()


def test_patches_pick_the_nodes_that_miss_one_and_the_plan_says_it_brings_all(
    tmp_path: Path,
) -> None:
    """By package, by its name without the architecture, and by CVE, whatever the case; not what is installed."""
    first, second, *_ = (one.node.instance_id for one in nodes(8))
    kernel = tuple(one for one in fleet.PATCHES if one.kb_id == "kernel.x86_64")
    installed = tuple(replace(one, state="Installed") for one in kernel)
    lists = {one.node.instance_id: () for one in nodes(8)} | {first: kernel, second: installed}
    world = World(tmp_path, patches=lists)
    for word in ("kernel.x86_64", "KERNEL", "cve-2026-2001"):
        draft = world.surveyor.draft(proposal(only_patches=(word,)))
        assert draft.plan is not None
        assert [node.key.instance_id for node in draft.plan.nodes] == [first]
        assert draft.plan.only_patches == (word,)
        assert "brings them everything their baseline approves" in draft.preflight.remarks[-1]
    assert "nothing to do" in refusals(world, only_patches=("KB1",))
    world.gateway.patch_lists = {}
    world.compliance._store = fleet.FakeStore()
    assert "partial" in refusals(world, only_patches=("kernel",))
    world.close()


def test_patches_that_cannot_be_read_are_said_and_not_taken_for_none(tmp_path: Path) -> None:
    """In the preview and on what approvers see."""
    known = {one.node.instance_id: fleet.PATCHES for one in nodes(8)[:5]}
    world = World(tmp_path, patches=known)
    draft = world.surveyor.draft(proposal())
    assert draft.plan is not None
    assert sum(bool(node.patches) for node in draft.plan.nodes) == 5
    assert "The patches of 3 nodes could not be read" in draft.preflight.remarks[-1]
    world.request()
    request = world.ledger.requests()[0]
    plan = world.ledger.plan(request.digest)
    assert plan is not None
    for shown in (
        approval_card(request_row(request, plan), plan).blocks,
        approve_modal(request, plan, typed=True),
    ):
        assert "The patches of 3 nodes are not named in the plan" in str(shown)
    world.close()


def test_a_plan_of_the_usual_size_names_its_patches_and_a_larger_one_says_that_it_does_not(
    tmp_path: Path,
) -> None:
    rules = replace(RULES, max_targets=600)
    world = World(tmp_path, observations=nodes(500), rules=rules)
    plan = world.surveyor.draft(proposal()).plan
    assert plan is not None
    assert all(node.patches for node in plan.nodes)
    assert unnamed(plan.nodes) == ""
    world.close()
    (tmp_path / "more").mkdir()
    world = World(tmp_path / "more", observations=nodes(501), rules=rules)
    draft = world.surveyor.draft(proposal())
    assert draft.plan is not None
    assert "With more than 500 nodes" in draft.preflight.remarks[-1]
    assert "any node are not named" in unnamed(draft.plan.nodes)
    world.close()


def test_nodes_in_another_open_run_forbid_the_plan(world: World) -> None:
    """It names them and the run."""
    request = world.request()
    for person in (BEN, CAT):
        world.click("request.approve", person, **world.ids(request))
    found = world.ledger.request(request)
    assert found is not None
    with world.ledger.change() as change:
        start(change, found)
    told = refusals(world)
    assert "8 nodes of it are in another open run (X-1): " in told
    assert "and 3 more" in told


def start(change: Change, request: Request) -> None:
    run = Run(
        "X-1", 1, RunState.RUNNING, request.id, request.digest, "prod", fleet.NOW, fleet.NOW + timedelta(hours=1)
    )  # fmt: skip
    batch = Batch(1, 1, KEY.account, KEY.region, (KEY.instance_id,))
    change.add_run(
        run,
        [Dispatch("X-1", batch, RUN, DispatchState.PLANNED, "m", "s")],
        [about_run(run, "started", {})],
    )


def test_where_no_node_is_left_there_is_one_reason() -> None:
    """Not “leave those nodes out” beside “no node is left”."""
    (told,) = preflight(SCANNED, Surroundings({}, {KEY: "X-3"}, {})).refusals
    assert told.endswith("open run (X-3): prod-1. Wait for it to end.")
