"""Many questions at once: every one is acked, none that was taken on is lost, the rest are told."""

from __future__ import annotations

import json
from typing import Any

from bot.demo.slack.demo_workspace import GUS, HOME, MAYA, PATCHING, PRIYA
from bot.demo.slack.workspace import User
from tests.slack import signed
from tests.slack.conftest import MakeWorld, World, until
from tests.slack.controls import GATE


def add_people(world: World, number: int) -> list[str]:
    """So many members, because each may only ask so often."""
    people = [f"U0CROWD{each:03}" for each in range(number)]
    for each in people:
        world.slack.admin.add_user(User(each, each.lower(), each, "Member"))
    return people


def test_forty_slow_commands_are_all_acked_at_once_and_all_answered(world: World) -> None:
    people = add_people(world, 40)
    acks = [signed.command(world, user, f"slow n{number}") for number, user in enumerate(people)]
    assert {(ack.status, ack.body) for ack in acks} == {(200, b"")}
    assert signed.replies(world) == []
    GATE.open()
    until(lambda: len(signed.replies(world)) == 40)
    assert {sent["text"] for sent in signed.replies(world)} == {f"echo: n{n}" for n in range(40)}


def test_beyond_the_queue_the_ack_itself_says_that_there_is_no_room(make_world: MakeWorld) -> None:
    world = make_world(workers=2, queue_limit=3)
    people = add_people(world, 7)
    acks = [signed.command(world, user, "slow x") for user in people]
    assert [ack.body for ack in acks[:5]] == [b""] * 5
    for refused in acks[5:]:
        told = json.loads(refused.body)
        assert refused.status == 200
        assert told["response_type"] == "ephemeral"
        assert "Try again in a minute" in told["text"]
    GATE.open()
    until(lambda: len(signed.replies(world)) == 5)


def test_a_click_beyond_the_queue_is_told_by_message(make_world: MakeWorld) -> None:
    """Slack shows nothing of the ack of a click."""
    world = make_world(workers=1, queue_limit=0)
    first, second = add_people(world, 2)
    signed.command(world, first, "slow x")
    assert signed.click(world, second, "echo hello").status == 200
    until(lambda: len(signed.replies(world)) == 1)
    assert "my hands full" in signed.replies(world)[0]["text"]


def test_the_third_question_at_a_time_is_not_taken_on(
    world: World, records: list[dict[str, Any]]
) -> None:
    """One person cannot hold all workers; everybody else is answered meanwhile."""
    for number in range(2):
        assert signed.command(world, MAYA, f"slow n{number}").body == b""
    assert (
        "still working on your last two"
        in json.loads(signed.command(world, MAYA, "slow x").body)["text"]
    )
    signed.click(world, MAYA, "slow y")
    until(lambda: len(signed.replies(world)) == 1)
    assert "still working on your last two" in signed.replies(world)[0]["text"]
    signed.event(world, {"type": "app_home_opened", "user": MAYA, "tab": "home"})
    assert signed.command(world, PRIYA, "echo other").body == b""
    until(lambda: "echo: other" in [sent["text"] for sent in signed.replies(world)])
    assert homes(world) == []
    GATE.open()
    until(lambda: len(signed.replies(world)) == 4)
    until(lambda: sum(record["event"] == "question.answered" for record in records) == 3)
    assert signed.command(world, MAYA, "echo again").body == b""
    until(lambda: "echo: again" in [sent["text"] for sent in signed.replies(world)])


def test_the_eleventh_command_in_a_minute_is_told_when_to_come_back(make_world: MakeWorld) -> None:
    world = make_world(questions_each=100)
    for number in range(10):
        assert signed.command(world, MAYA, f"echo n{number}").body == b""
        world.clock.now += 1
    told = json.loads(signed.command(world, MAYA, "echo more").body)
    assert "Ask again in 50 seconds." in told["text"]
    assert signed.command(world, PRIYA, "echo other").body == b""
    world.clock.now += 50
    assert signed.command(world, MAYA, "echo again").body == b""


def test_a_storm_of_clicks_is_told_once_and_otherwise_only_acked(make_world: MakeWorld) -> None:
    world = make_world(questions_each=100)
    for number in range(45):
        assert signed.click(world, GUS, f"echo n{number}").status == 200
    until(lambda: len(signed.replies(world)) == 31)
    signed.command(world, MAYA, "echo done")
    until(lambda: len(signed.replies(world)) == 32)
    texts = [sent["text"] for sent in signed.replies(world)]
    assert sum("a lot of questions" in text for text in texts) == 1


def test_events_are_taken_once_by_their_id(world: World) -> None:
    opened = {"type": "app_home_opened", "user": MAYA, "tab": "home", "channel": PATCHING}
    for _ in range(5):
        assert signed.event(world, opened, event_id="Ev1").status == 200
    signed.event(world, {**opened, "user": PRIYA}, event_id="Ev2")
    until(lambda: len({call.args["user_id"] for call in homes(world)}) == 2)
    assert [call.args["user_id"] for call in homes(world)].count(MAYA) == 1


def test_events_we_did_not_ask_for_are_acked(world: World) -> None:
    assert signed.event(world, {"type": "reaction_added", "user": MAYA}).status == 200


def test_the_messages_tab_draws_no_home(world: World) -> None:
    opened = {"type": "app_home_opened", "user": MAYA, "tab": "messages"}
    assert signed.event(world, opened, team_id=HOME).status == 200
    signed.event(world, {**opened, "tab": "home", "user": PRIYA})
    until(lambda: len(homes(world)) == 1)
    assert homes(world)[0].args["user_id"] == PRIYA


def homes(world: World) -> list[Any]:
    return world.slack.calls.of("views.publish")
