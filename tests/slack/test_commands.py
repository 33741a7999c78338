"""A slash command, from the key press to the answer."""

from __future__ import annotations

from bot.demo.slack.demo_workspace import MAYA, PATCHING
from tests.slack.conftest import MakeWorld, World


def test_a_command_is_acked_with_nothing_and_answered_to_the_asker_alone(world: World) -> None:
    acked = world.ask(MAYA, PATCHING, "echo hello")
    answer = world.answer(MAYA, PATCHING, "echo: hello")
    assert acked["ok"], acked
    assert answer["ephemeral"], answer


def test_the_real_status_of_prod_is_answered_in_slack(make_world: MakeWorld) -> None:
    world = make_world(package="commands")
    world.ask(MAYA, PATCHING, "status prod")
    answer = world.answer(MAYA, PATCHING, "compliant")
    assert answer["text"].startswith("prod: "), answer["text"]
    assert world.slack.calls.refused() == []
