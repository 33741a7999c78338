"""What goes wrong is said: to the person in words, to the log with an id, and never with a secret."""

from __future__ import annotations

import re
from typing import Any

import pytest

from bot.chatops.limits import check_message
from bot.core.errors import SlackError
from bot.demo.slack.demo_workspace import MAYA, PATCHING
from bot.slack import listeners
from bot.slack.api import SlackApi
from tests.slack import signed
from tests.slack.conftest import MakeWorld, World, until


def test_a_fault_of_ours_gets_an_error_id_that_the_log_knows_too(
    world: World, records: list[dict[str, Any]]
) -> None:
    world.ask(MAYA, PATCHING, "broken")
    answer = world.answer(MAYA, PATCHING, "Something went wrong")
    assert answer["ephemeral"]
    assert "machine" not in str(answer)
    (incident,) = re.findall(r"error id ([0-9a-f]{8})", answer["text"])
    failed = next(record for record in records if record["event"] == "question.failed")
    assert failed["error_id"] == incident
    assert isinstance(failed["exc_info"], RuntimeError)


def test_a_card_over_slacks_limits_is_sent_as_its_text(
    world: World, records: list[dict[str, Any]]
) -> None:
    world.ask(MAYA, PATCHING, "huge")
    answer = world.answer(MAYA, PATCHING, "broke one of Slack's limits")
    assert answer["text"] == "prod: 41 of 48 compliant"
    assert "41 of 48" in str(answer["blocks"])
    assert check_message(answer["text"], without_ids(answer["blocks"])) == []
    over = next(record for record in records if record["event"] == "card.over_limit")
    assert any("too_many" in problem for problem in over["problems"])


def test_a_listener_that_raises_still_acks_with_an_error_id(
    world: World, records: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception that reaches Bolt would cost the ack: the person would see a time-out."""

    def fail(_body: object) -> None:
        raise ValueError("inside")

    monkeypatch.setattr(listeners, "typed", fail)
    answer = signed.command(world, MAYA, "echo hello")
    assert answer.status == 200
    assert b"error id" in answer.body
    failed = next(record for record in records if record["event"] == "listener.failed")
    assert str(failed["error_id"]).encode() in answer.body


@pytest.mark.parametrize("method", ["users.info", "auth.test", "usergroups.users.list"])
def test_reads_survive_a_bad_moment_of_slack(world: World, method: str) -> None:
    for fault in (world.slack.faults.rate_limit, world.slack.faults.server_error):
        fault(method, times=1)
    world.ask(MAYA, PATCHING, "echo hello")
    assert world.answer(MAYA, PATCHING, "echo: hello")["ephemeral"]


@pytest.mark.parametrize("status", [429, 500])
def test_a_response_url_that_fails_is_followed_by_another_way(world: World, status: int) -> None:
    if status == 429:
        world.slack.faults.rate_limit("response_url")
    else:
        world.slack.faults.server_error("response_url")
    world.ask(MAYA, PATCHING, "echo hello")
    assert world.answer(MAYA, PATCHING, "echo: hello")["ephemeral"]


def test_a_message_is_never_posted_twice_by_the_sdk(world: World) -> None:
    """The SDK's own connection handler would post again after a reset that came once Slack had accepted."""
    api = SlackApi(world.slack.bot_token, base_url=world.slack.api_url)
    world.slack.faults.reset("chat.postMessage", after_accepting=True)
    with pytest.raises(SlackError, match="did not answer") as caught:
        api.post(PATCHING, {"text": "once"})
    assert caught.value.code == "no_answer"
    texts = [message["text"] for message in world.slack.person(MAYA).messages(PATCHING)]
    assert texts.count("once") == 1
    assert len(world.slack.calls.of("chat.postMessage")) == 1


def test_a_post_waits_as_slack_asks_but_not_for_long(world: World) -> None:
    api = SlackApi(world.slack.bot_token, base_url=world.slack.api_url)
    world.slack.faults.rate_limit("chat.postMessage", retry_after=1)
    api.post(PATCHING, {"text": "after a second"})
    world.slack.faults.rate_limit("chat.postMessage", retry_after=3600)
    with pytest.raises(SlackError) as caught:
        api.post(PATCHING, {"text": "never"})
    assert caught.value.code == "ratelimited"
    assert "minute" in caught.value.hint


def test_no_token_and_no_text_of_ours_stands_in_an_error(world: World) -> None:
    api = SlackApi("xoxb-canary-token", base_url=world.slack.api_url)
    with pytest.raises(SlackError) as caught:
        api.post(PATCHING, {"text": "private words"})
    assert caught.value.code == "invalid_auth"
    assert "canary" not in str(caught.value)
    assert "private words" not in str(caught.value)


def without_ids(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The blocks as we sent them: Slack gives every block an id."""
    return [{key: value for key, value in block.items() if key != "block_id"} for block in blocks]


def test_nothing_is_logged_that_a_person_typed_or_a_token_or_an_address_to_answer_to(
    make_world: MakeWorld, records: list[dict[str, Any]]
) -> None:
    world = make_world(questions_each=3)
    world.slack.faults.server_error("response_url")
    for text in ("echo topsecret", "topsecret", "broken topsecret"):
        world.ask(MAYA, PATCHING, text)
    until(lambda: len(world.slack.calls.of("response_url")) == 3)
    until(lambda: any(record["event"] == "question.failed" for record in records))
    logged = str(records)
    for secret in (
        "topsecret",
        world.slack.bot_token,
        world.slack.signing_secret,
        world.slack.live.base_url,
    ):
        assert secret not in logged
