"""A slash command, from the key press to the answer."""

from __future__ import annotations

from typing import Any

from bot.demo.slack.demo_workspace import GENERAL, MAYA, PATCHING, SECURITY
from tests.slack import signed
from tests.slack.conftest import MakeWorld, World, until
from tests.slack.controls import GATE


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


def test_the_same_works_in_socket_mode(make_world: MakeWorld) -> None:
    world = make_world(socket_mode=True)
    assert world.bot.healthy()
    world.ask(MAYA, PATCHING, "echo hello")
    assert world.answer(MAYA, PATCHING, "echo: hello")["ephemeral"]


def test_a_channel_patchbot_is_no_member_of_is_answered_too(world: World) -> None:
    world.ask(MAYA, GENERAL, "echo hello")
    assert world.answer(MAYA, GENERAL, "echo: hello")["ephemeral"]


def test_a_typo_gets_a_suggestion(world: World) -> None:
    world.ask(MAYA, PATCHING, "ecko hello")
    answer = world.answer(MAYA, PATCHING, "ecko")
    assert "Did you mean “echo”?" in answer["text"]


def test_nothing_typed_is_not_followed_by_silence(world: World) -> None:
    """The sample commands have no help, so this is the refusal of a command that is not there."""
    world.ask(MAYA, PATCHING, "")
    assert world.answer(MAYA, PATCHING, "help")["ephemeral"]


def test_text_that_pings_is_inert_in_the_answer_and_its_notification(world: World) -> None:
    world.ask(MAYA, PATCHING, "echo <!channel>")
    answer = world.answer(MAYA, PATCHING, "echo:")
    assert answer["blocks"][0]["text"]["type"] == "plain_text"
    assert answer["text"] == "echo: &lt;!channel&gt;"


def test_the_answer_asks_slack_for_no_unfurling_and_no_parsing(world: World) -> None:
    world.ask(MAYA, PATCHING, "echo hello")
    world.answer(MAYA, PATCHING, "echo: hello")
    (sent,) = signed.replies(world)
    assert (sent["parse"], sent["link_names"]) == ("none", False)
    assert (sent["unfurl_links"], sent["unfurl_media"]) == (False, False)
    assert sent["response_type"] == "ephemeral"


def test_long_work_is_announced_once_and_then_answered(make_world: MakeWorld) -> None:
    world = make_world(patience_seconds=0.01)
    world.ask(MAYA, PATCHING, "slow prod")
    world.answer(MAYA, PATCHING, "Looking at prod …")
    GATE.open()
    world.answer(MAYA, PATCHING, "echo: prod")
    texts = [sent["text"] for sent in signed.replies(world)]
    assert texts == ["Looking at prod …", "echo: prod"]


def test_quick_work_is_not_announced(world: World) -> None:
    world.ask(MAYA, PATCHING, "echo prod")
    world.answer(MAYA, PATCHING, "echo: prod")
    assert [sent["text"] for sent in signed.replies(world)] == ["echo: prod"]


def test_a_replayed_command_is_answered_once(world: World) -> None:
    """The same signed bytes within five minutes pass the signature; the trigger id is known by then."""
    for _ in range(20):
        assert signed.command(world, MAYA, "echo once", trigger_id="T-1").status == 200
    signed.command(world, MAYA, "echo last", trigger_id="T-2")
    until(lambda: len(signed.replies(world)) >= 2)
    assert sorted(sent["text"] for sent in signed.replies(world)) == ["echo: last", "echo: once"]


def test_an_expired_response_url_is_no_reason_for_silence(world: World) -> None:
    """In a channel of ours: a message only the asker sees."""
    world.slack.faults.refuse("response_url", "expired_url")
    world.ask(MAYA, PATCHING, "echo hello")
    assert world.answer(MAYA, PATCHING, "echo: hello")["ephemeral"]
    assert len(world.slack.calls.of("chat.postEphemeral")) == 1


def test_where_nothing_else_works_the_answer_comes_as_a_direct_message(world: World) -> None:
    world.slack.faults.server_error("response_url")
    world.ask("U0PRIYA001", SECURITY, "echo hello")
    until(lambda: bool(world.slack.calls.of("chat.postMessage")))
    posted = world.slack.calls.of("chat.postMessage")[0]
    assert posted.ok
    assert posted.args["channel"].startswith("D")
    assert posted.args["text"] == "echo: hello"


def test_an_answer_that_nobody_can_get_stands_in_the_log(
    world: World, records: list[dict[str, Any]]
) -> None:
    for method in ("response_url", "chat.postEphemeral", "conversations.open"):
        world.slack.faults.refuse(method, "fatal_error")
    world.ask(MAYA, PATCHING, "echo hello")
    until(lambda: any(record["event"] == "answer.lost" for record in records))
    lost = next(record for record in records if record["event"] == "answer.lost")
    assert lost["reason"] == "fatal_error"
    assert lost["user"] == MAYA
    assert len(world.slack.calls.of("response_url")) == 1
