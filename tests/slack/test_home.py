"""The Home tab: how the fleet stands, what to click, and no silence where that cannot be shown."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

from bot.chatops.limits import check_view
from bot.core.figures import status_report
from bot.core.identity import AccessPolicy, Person
from bot.core.readings import Gap, Reading, TargetReading
from bot.core.reports import FleetReport
from bot.demo.slack.demo_workspace import GUS, MAYA, PRIYA
from bot.slack.home import dashboard
from tests.commands import fleet
from tests.slack.conftest import MakeWorld, World, until


def home_of(world: World, user: str, holds: str) -> dict[str, Any]:
    """The Home tab of `user` once it shows `holds`."""
    person = world.slack.person(user)
    person.open_home()
    until(lambda: holds in str(person.home()))
    view = person.home()
    assert view is not None
    return view


def test_it_shows_every_environment_with_denominator_coverage_and_age(
    make_world: MakeWorld,
) -> None:
    world = make_world(package="commands")
    shown = str(home_of(world, MAYA, "Your fleet"))
    for words in (
        "*prod*: 38.5 % compliant",
        "5 of 13 nodes",
        "with fresh data",
        "<!date^",
        "^Read {date_short_pretty}",
        "*dev*: no nodes",
    ):
        assert words in shown
    assert world.slack.calls.refused() == []


def test_it_says_what_could_not_be_read(make_world: MakeWorld) -> None:
    world = make_world(package="commands")
    assert "Its nodes count as unknown." in str(home_of(world, MAYA, "Not read:"))


def test_it_says_which_roles_a_person_has(make_world: MakeWorld) -> None:
    world = make_world(package="commands")
    home_of(world, MAYA, "Your roles: viewer. ")
    home_of(world, PRIYA, "Your roles: viewer, requester, approver, admin. ")


def test_its_buttons_answer_by_direct_message(make_world: MakeWorld) -> None:
    world = make_world(package="commands")
    view = home_of(world, MAYA, "Your fleet")
    world.slack.person(MAYA).click_in(view, "private:status:prod")
    until(lambda: bool(world.slack.calls.of("chat.postMessage")))
    (posted,) = world.slack.calls.of("chat.postMessage")
    assert posted.ok
    assert posted.args["channel"].startswith("D")
    assert posted.args["text"].startswith("prod: ")


def test_its_refresh_reads_again_and_redraws_it_in_place(make_world: MakeWorld) -> None:
    world = make_world(package="commands")
    view = home_of(world, MAYA, "Your fleet")
    world.slack.person(MAYA).click_in(view, "replace:refresh")
    until(lambda: len(world.slack.calls.of("views.publish")) == 2)
    assert world.slack.calls.of("chat.postMessage") == []


def test_a_guest_is_told_why_there_is_nothing_to_see(make_world: MakeWorld) -> None:
    world = make_world(package="commands")
    view = home_of(world, GUS, "guests cannot use patchbot")
    assert [block["type"] for block in view["blocks"] if block["type"] == "actions"] == []


def test_a_status_that_fails_is_told_with_two_ways_on(world: World) -> None:
    """The sample commands have no status at all."""
    view = home_of(world, MAYA, "I don't know “status”")
    parts = [part for block in view["blocks"] for part in block.get("elements", ())]
    assert [part["action_id"] for part in parts if "action_id" in part] == [
        "replace:refresh",
        "private:help",
    ]


def test_a_fault_of_ours_shows_an_error_id(
    make_world: MakeWorld, records: list[dict[str, Any]], monkeypatch: Any
) -> None:
    world = make_world(package="commands")
    monkeypatch.setattr("bot.slack.home.dashboard", lambda *_args, **_rest: 1 / 0)
    home_of(world, MAYA, "error id")
    assert any(record["event"] == "question.failed" for record in records)


def test_a_home_that_slack_does_not_take_is_logged(
    world: World, records: list[dict[str, Any]]
) -> None:
    world.slack.faults.refuse("views.publish", "fatal_error", times=2)
    world.slack.person(MAYA).open_home()
    until(lambda: any(record["event"] == "answer.lost" for record in records))


def test_a_hundred_environments_stay_within_slacks_limits_and_say_how_many_more() -> None:
    reports = tuple(
        status_report(
            replace(reading(), environment=f"environment-{number}-" + "x" * 40),
            fleet.NOW,
            timedelta(days=7),
        )
        for number in range(100)
    )
    blocks = dashboard(
        FleetReport(as_of=fleet.NOW, environments=reports),
        now=fleet.NOW,
        person=Person(MAYA),
        access=AccessPolicy(),
    )
    assert check_view({"type": "home", "blocks": list(blocks)}) == []
    titles = re.findall(r"\*environment-(\d+)-x+\*: ", str(blocks))
    (left,) = re.findall(r"(\d+) more environments", str(blocks))
    assert len(set(titles)) + int(left) == 100
    assert len(set(titles)) >= 10


def reading() -> Reading:
    """An environment with many gaps and odd names."""
    gaps = tuple(Gap("111122223333", f"eu-{number}", "no <!here> access") for number in range(30))
    target = TargetReading(fleet.FRANKFURT, "111122223333", fleet.NOW, fleet.FRANKFURT_NODES, gaps)
    return Reading("prod", fleet.NOW, (target,))
