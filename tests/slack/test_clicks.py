"""A click on a button: the sentence in it is answered with the clicker's rights, at the place the button names."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from bot.demo.slack.demo_workspace import ELENA, GUS, JONAS, MAYA, PATCHING
from tests.slack import signed
from tests.slack.conftest import MakeWorld, World, until


def private_card(world: World, user: str = MAYA, word: str = "one") -> dict[str, Any]:
    world.ask(user, PATCHING, f"echo {word}")
    return world.answer(user, PATCHING, f"echo: {word}")


def public_card(world: World) -> dict[str, Any]:
    """A card that Maya shared."""
    world.slack.person(MAYA).click(private_card(world), "channel:it")
    return world.slack.person(JONAS).wait_for(
        PATCHING, lambda message: message["text"] == "echo: one-again"
    )


def test_replace_changes_a_private_card_in_place(world: World) -> None:
    card = private_card(world)
    world.slack.person(MAYA).click(card, "replace:it")
    changed = world.answer(MAYA, PATCHING, "echo: one-again")
    assert changed["ts"] == card["ts"]


def test_replace_on_a_public_card_answers_the_clicker_and_leaves_the_card(world: World) -> None:
    card = public_card(world)
    world.slack.person(JONAS).click(card, "replace:it")
    answer = world.answer(JONAS, PATCHING, "echo: one-again-again")
    assert answer["ephemeral"]
    assert answer["ts"] != card["ts"]
    unchanged = world.slack.person(MAYA).messages(PATCHING)
    assert [each["text"] for each in unchanged if each["ts"] == card["ts"]] == ["echo: one-again"]


def test_private_adds_a_message_that_only_the_clicker_sees(world: World) -> None:
    card = private_card(world)
    world.slack.person(MAYA).click(card, "private:it")
    answer = world.answer(MAYA, PATCHING, "echo: one-again")
    assert answer["ephemeral"]
    assert answer["ts"] != card["ts"]


def test_channel_posts_for_everybody_and_says_who_shared_it(world: World) -> None:
    card = public_card(world)
    assert not card["ephemeral"]
    assert f"<@{MAYA}>" in str(card["blocks"])


def test_sharing_leaves_the_private_card_as_it_is(world: World) -> None:
    public_card(world)
    mine = [
        message["text"]
        for message in world.slack.person(MAYA).messages(PATCHING)
        if message["ephemeral"]
    ]
    assert mine == ["echo: one"]


def test_a_file_goes_into_the_thread_of_a_public_card(world: World) -> None:
    card = public_card(world)
    jonas = world.slack.person(JONAS)
    jonas.click(card, "file:it")
    until(lambda: len(jonas.thread(PATCHING, card["ts"])) == 2)
    reply = jonas.thread(PATCHING, card["ts"])[1]
    (file,) = reply["files"]
    assert file["name"] == "echo.csv"
    assert jonas.download(file) == b'"one-again-again"\r\n'
    assert world.slack.calls.of("conversations.open") == []


def test_a_file_of_a_private_card_is_sent_to_the_clicker_who_is_told(world: World) -> None:
    world.slack.person(MAYA).click(private_card(world), "file:it")
    note = world.answer(MAYA, PATCHING, "direct message")
    assert note["ephemeral"]
    assert "echo.csv" in note["text"]
    shared = world.slack.calls.of("files.completeUploadExternal")[-1]
    assert str(shared.args["channel_id"]).startswith("D")


@pytest.mark.parametrize("change", ["kicked", "archived"])
def test_a_file_that_cannot_go_into_the_thread_is_sent_to_the_clicker(
    world: World, change: str
) -> None:
    card = public_card(world)
    if change == "kicked":
        world.slack.admin.kick_app(PATCHING)
    else:
        world.slack.admin.archive(PATCHING)
    world.slack.person(MAYA).click(card, "file:it")
    until(lambda: bool(world.slack.calls.of("conversations.open")))
    until(lambda: world.slack.calls.of("files.completeUploadExternal")[-1].ok)
    shared = world.slack.calls.of("files.completeUploadExternal")[-1]
    assert str(shared.args["channel_id"]).startswith("D")


def test_a_click_is_answered_with_the_clickers_rights(world: World) -> None:
    """The guest may click on what a member shared, and is refused as if he had typed it."""
    card = public_card(world)
    world.slack.person(GUS).click(card, "private:it")
    answer = world.answer(GUS, PATCHING, "guests cannot use patchbot")
    assert answer["ephemeral"]


@pytest.mark.parametrize(
    ("sentence", "refusal"),
    [
        ("nonsense 1 2 3", "I don't know “nonsense”"),
        ('echo "open', "never closed"),
        ("secret", "needs the role “admin”"),
        ("echo a b c", "what to do with “b”"),
    ],
)
def test_a_tampered_value_is_refused_privately(world: World, sentence: str, refusal: str) -> None:
    signed.click(world, ELENA, sentence)
    until(lambda: len(signed.replies(world)) == 1)
    (sent,) = signed.replies(world)
    assert sent["response_type"] == "ephemeral"
    assert refusal in sent["text"]


def test_a_button_of_an_older_version_is_answered(world: World) -> None:
    action = {"type": "button", "action_id": "old-show", "value": "echo hello"}
    signed.click(world, MAYA, "", actions=[action])
    until(lambda: len(signed.replies(world)) == 1)
    assert "I don't know that button" in signed.replies(world)[0]["text"]


def test_the_option_of_a_menu_is_a_sentence_too(world: World) -> None:
    action = {
        "type": "static_select",
        "action_id": "private:menu",
        "selected_option": {"value": "echo chosen"},
    }
    signed.click(world, MAYA, "", actions=[action])
    until(lambda: len(signed.replies(world)) == 1)
    assert signed.replies(world)[0]["text"] == "echo: chosen"


def test_a_link_button_is_acked_and_nothing_else(world: World) -> None:
    action = {"type": "button", "action_id": "private:link", "url": "https://example.com"}
    assert signed.click(world, MAYA, "", actions=[action]).status == 200
    signed.command(world, MAYA, "echo after")
    until(lambda: len(signed.replies(world)) == 1)
    assert signed.replies(world)[0]["text"] == "echo: after"


def test_a_double_click_shares_once(world: World) -> None:
    card = private_card(world)
    maya = world.slack.person(MAYA)
    for _ in range(5):
        maya.click(card, "channel:it")
    world.ask(MAYA, PATCHING, "echo done")
    world.answer(MAYA, PATCHING, "echo: done")
    until(lambda: len(signed.replies(world)) == 3)
    texts = [message["text"] for message in world.slack.person(JONAS).messages(PATCHING)]
    assert texts.count("echo: one-again") == 1


def test_the_same_button_works_again_after_the_double_click_is_over(world: World) -> None:
    card = private_card(world)
    for _ in range(2):
        world.slack.person(MAYA).click(card, "private:it")
        world.clock.now += 3
    until(lambda: [sent["text"] for sent in signed.replies(world)].count("echo: one-again") == 2)


def test_sharing_that_slack_did_not_answer_is_not_repeated(world: World) -> None:
    """Posted or not, nobody knows; a second post would be seen by all."""
    card = private_card(world)
    world.slack.faults.reset("response_url", after_accepting=True)
    world.slack.person(MAYA).click(card, "channel:it")
    answer = world.answer(MAYA, PATCHING, "cannot tell whether the card was posted")
    assert answer["ephemeral"]
    texts = [message["text"] for message in world.slack.person(JONAS).messages(PATCHING)]
    assert texts.count("echo: one-again") == 1
    assert world.slack.calls.of("chat.postMessage") == []


def test_sharing_with_an_expired_response_url_posts_as_a_member(world: World) -> None:
    card = private_card(world)
    world.slack.faults.refuse("response_url", "expired_url")
    world.slack.person(MAYA).click(card, "channel:it")
    posted = world.answer(JONAS, PATCHING, "echo: one-again")
    assert not posted["ephemeral"]
    assert f"<@{MAYA}>" in str(posted["blocks"])


def controls(card: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every button and menu of a card, with what the page sends along for it."""
    found = {}
    for block in card["blocks"]:
        for part in [*block.get("elements", ()), block.get("accessory") or {}]:
            if "action_id" in part and "url" not in part:
                chosen = {"selected_option": option} if (option := first_option(part)) else {}
                found[part["action_id"]] = chosen
    return found


def first_option(part: dict[str, Any]) -> dict[str, Any] | None:
    options = part.get("options") or [{}]
    return options[0] or None


@pytest.mark.parametrize(
    "question", ["status", "status prod", "nodes prod", "node prod-web-02", "help"]
)
def test_every_button_of_the_real_cards_gets_an_answer(
    make_world: MakeWorld, question: str, records: list[dict[str, Any]]
) -> None:
    world = make_world(package="commands")
    maya = world.slack.person(MAYA)
    done: set[str] = set()
    while True:
        world.clock.now += 60
        card = asked(world, question, records)
        left = {key: value for key, value in controls(card).items() if key not in done}
        if not left:
            break
        action_id, chosen = left.popitem()
        answered = count(records, "question.answered")
        maya.click(card, action_id, **chosen)
        until(partial(more_than, records, answered))
        done.add(action_id)
    assert done
    assert count(records, "question.refused") == 0
    assert world.slack.calls.refused() == []


def asked(world: World, question: str, records: list[dict[str, Any]]) -> dict[str, Any]:
    """The answer to `question`, as a new message."""
    answered = count(records, "question.answered")
    before = {message["ts"] for message in world.slack.person(MAYA).messages(PATCHING)}
    world.ask(MAYA, PATCHING, question)
    until(partial(more_than, records, answered))
    return world.slack.person(MAYA).wait_for(PATCHING, lambda message: message["ts"] not in before)


def more_than(records: list[dict[str, Any]], answered: int) -> bool:
    return count(records, "question.answered") > answered


def count(records: list[dict[str, Any]], event: str) -> int:
    return sum(record["event"] == event for record in records)
