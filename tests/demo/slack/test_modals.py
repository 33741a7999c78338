"""Modals and the Home tab: triggers, stacks, submissions, options, hashes."""

from typing import Any

from slack_sdk import WebClient

from bot.demo.slack import demo_workspace as demo
from bot.demo.slack.server import LocalSlack
from tests.demo.slack.building import button, modal, plain, section, text_input
from tests.demo.slack.conftest import Clock
from tests.demo.slack.receiver import Receiver
from tests.demo.slack.test_web_api import error, refused


def opened(slack: LocalSlack, client: WebClient, receiver: Receiver, view: Any) -> dict[str, Any]:
    """Open `view` for Maya by a command and return it as she sees it."""
    slack.person(demo.MAYA).command(demo.GENERAL, "/patch install prod")
    client.views_open(trigger_id=receiver.last["trigger_id"], view=view)
    return slack.person(demo.MAYA).views()[-1]


def test_a_trigger_opens_one_modal_within_three_seconds(
    slack: LocalSlack, client: WebClient, receiver: Receiver, clock: Clock
) -> None:
    """Used, late and invented triggers each have Slack's own error."""
    maya = slack.person(demo.MAYA)
    maya.command(demo.GENERAL, "/patch install prod")
    trigger = receiver.last["trigger_id"]
    assert client.views_open(trigger_id=trigger, view=modal())["view"]["type"] == "modal"
    opening = client.views_open
    assert error(opening, trigger_id=trigger, view=modal()) == "exchanged_trigger_id"
    maya.command(demo.GENERAL, "/patch install prod")
    late = receiver.last["trigger_id"]
    clock.advance(3.5)
    assert error(opening, trigger_id=late, view=modal()) == "expired_trigger_id"
    assert error(opening, trigger_id="1.2.3", view=modal()) == "invalid_trigger_id"
    assert slack.person(demo.JONAS).views() == []


def test_a_view_over_a_limit_is_refused_and_keeps_its_trigger(
    slack: LocalSlack, client: WebClient, receiver: Receiver
) -> None:
    """invalid_arguments with the place; nothing was opened."""
    slack.person(demo.MAYA).command(demo.GENERAL, "/patch install prod")
    trigger = receiver.last["trigger_id"]
    long_title = modal(title=plain("t" * 25))
    answer = refused(client.views_open, trigger_id=trigger, view=long_title)
    assert answer["error"] == "invalid_arguments"
    assert "/view/title" in answer["response_metadata"]["messages"][0]
    no_submit = modal(text_input())
    del no_submit["submit"]
    assert error(client.views_open, trigger_id=trigger, view=no_submit) == "invalid_arguments"
    home = {"type": "home", "blocks": [section("x")]}
    assert error(client.views_open, trigger_id=trigger, view=home) == "invalid_arguments"
    assert client.views_open(trigger_id=trigger, view=modal())["ok"]


def test_a_submission_carries_what_was_entered(
    slack: LocalSlack, client: WebClient, receiver: Receiver
) -> None:
    """state.values by block and action, private_metadata and callback_id; then the modal closes."""
    view = modal(
        text_input(),
        text_input("ticket", optional=True),
        callback_id="install",
        private_metadata="plan-12",
    )
    shown = opened(slack, client, receiver, view)
    maya = slack.person(demo.MAYA)
    values = {"why": {"reason": {"value": "CVE"}}, "invented": {"x": {"value": "y"}}}
    assert maya.submit(shown, values) == {"ok": True}
    payload = receiver.last
    assert payload["type"] == "view_submission"
    assert payload["user"]["id"] == demo.MAYA
    assert payload["view"]["state"]["values"] == {
        "why": {"reason": {"type": "plain_text_input", "value": "CVE"}},
        "ticket": {"reason": {"type": "plain_text_input", "value": None}},
    }
    assert (payload["view"]["callback_id"], payload["view"]["private_metadata"]) == (
        "install",
        "plan-12",
    )
    assert maya.views() == []


def test_required_inputs_are_asked_for_before_the_app_is(
    slack: LocalSlack, client: WebClient, receiver: Receiver
) -> None:
    """An empty required input never reaches the app."""
    shown = opened(slack, client, receiver, modal(text_input()))
    count = len(receiver.payloads)
    answer = slack.person(demo.MAYA).submit(shown, {"why": {"reason": {"value": ""}}})
    assert answer == {"ok": False, "errors": {"why": "Please complete this required field."}}
    assert len(receiver.payloads) == count


def test_the_answers_to_a_submission(
    slack: LocalSlack, client: WebClient, receiver: Receiver
) -> None:
    """errors, update, push and clear do what they say."""
    maya = slack.person(demo.MAYA)
    shown = opened(slack, client, receiver, modal(text_input()))
    values = {"why": {"reason": {"value": "because"}}}
    receiver.answer({"response_action": "errors", "errors": {"why": "Say more."}})
    assert maya.submit(shown, values) == {"ok": False, "errors": {"why": "Say more."}}
    receiver.answer({"response_action": "update", "view": modal(section("second step"))})
    assert maya.submit(shown, values) == {"ok": True}
    (updated,) = maya.views()
    assert updated["id"] == shown["id"]
    assert updated["blocks"][0]["text"]["text"] == "second step"
    receiver.answer({"response_action": "push", "view": modal(section("on top"))})
    assert maya.submit(updated, {}) == {"ok": True}
    below, above = maya.views()
    assert above["previous_view_id"] == below["id"]
    receiver.answer({"response_action": "clear"})
    assert maya.submit(above, {}) == {"ok": True}
    assert maya.views() == []


def test_answers_to_a_submission_that_slack_refuses(
    slack: LocalSlack, client: WebClient, receiver: Receiver
) -> None:
    """The modal stays, the person is told, and the log says why."""
    maya = slack.person(demo.MAYA)
    shown = opened(slack, client, receiver, modal(text_input()))
    values = {"why": {"reason": {"value": "because"}}}
    for answer in (
        {"response_action": "errors", "errors": {"elsewhere": "x"}},
        {"response_action": "errors", "errors": {}},
        {"response_action": "dance"},
        {"text": "thanks"},
    ):
        receiver.answer(answer)
        assert maya.submit(shown, values)["error"] == "invalid_response"
    receiver.answer({"response_action": "update", "view": modal(title=plain("t" * 25))})
    assert maya.submit(shown, values)["error"] == "invalid_arguments"
    assert [view["id"] for view in maya.views()] == [shown["id"]]
    assert len(slack.calls.refused()) == 5


def test_modals_stack_three_high(slack: LocalSlack, client: WebClient, receiver: Receiver) -> None:
    """A push needs a trigger from within a modal; the fourth view is one too many."""
    maya = slack.person(demo.MAYA)
    opened(slack, client, receiver, modal(button("more")))
    for _ in range(2):
        maya.click_in(maya.views()[-1], "more")
        client.views_push(trigger_id=receiver.last["trigger_id"], view=modal(button("more")))
    maya.click_in(maya.views()[-1], "more")
    push = client.views_push
    trigger = receiver.last["trigger_id"]
    assert error(push, trigger_id=trigger, view=modal()) == "push_limit_reached"
    maya.close(maya.views()[-1])
    assert len(maya.views()) == 2
    maya.command(demo.GENERAL, "/patch help")
    outside = receiver.last["trigger_id"]
    assert error(push, trigger_id=outside, view=modal()) == "invalid_trigger_id"


def test_views_update_by_id_external_id_and_hash(
    slack: LocalSlack, client: WebClient, receiver: Receiver
) -> None:
    """What was entered stays where ids stay; a stale hash is a conflict; a closed view is gone."""
    maya = slack.person(demo.MAYA)
    view = modal(text_input(), button("more"), external_id="plan-12")
    shown = opened(slack, client, receiver, view)
    maya.click_in(shown, "more")
    update = client.views_update
    updated = update(view_id=shown["id"], view=view, hash=shown["hash"])["view"]
    assert updated["hash"] != shown["hash"]
    assert error(update, view_id=shown["id"], view=view, hash=shown["hash"]) == "hash_conflict"
    assert update(external_id="plan-12", view=modal(section("new")))["ok"]
    assert error(update, external_id="plan-12", view=view) == "not_found"
    maya.close(maya.views()[0])
    assert error(update, view_id=shown["id"], view=view) == "not_found"


def test_two_open_views_may_not_share_an_external_id(
    slack: LocalSlack, client: WebClient, receiver: Receiver
) -> None:
    """duplicate_external_id, as in Slack."""
    view = modal(external_id="plan-12")
    opened(slack, client, receiver, view)
    slack.person(demo.JONAS).command(demo.GENERAL, "/patch install prod")
    trigger = receiver.last["trigger_id"]
    assert error(client.views_open, trigger_id=trigger, view=view) == "duplicate_external_id"


def test_view_closed_is_told_to_those_who_asked(
    slack: LocalSlack, client: WebClient, receiver: Receiver
) -> None:
    """notify_on_close; without it the app hears nothing."""
    maya = slack.person(demo.MAYA)
    shown = opened(slack, client, receiver, modal())
    maya.close(shown)
    assert receiver.last.get("type") != "view_closed"
    shown = opened(slack, client, receiver, modal(notify_on_close=True))
    maya.close(shown)
    assert (receiver.last["type"], receiver.last["view"]["id"]) == ("view_closed", shown["id"])
    assert receiver.last["is_cleared"] is False


def test_external_selects_ask_the_app(
    slack: LocalSlack, client: WebClient, receiver: Receiver
) -> None:
    """From min_query_length on; options or groups come back; over 100 or anything else fails."""
    element = {"type": "external_select", "action_id": "node", "min_query_length": 2}
    block = {
        "type": "input",
        "block_id": "pick",
        "label": plain("Node"),
        "element": {**element, "placeholder": plain("Name")},
    }
    maya = slack.person(demo.MAYA)
    shown = opened(slack, client, receiver, modal(block))
    count = len(receiver.payloads)
    assert maya.options(shown, "node", "w") == {"ok": True, "options": []}
    assert len(receiver.payloads) == count
    option = {"text": plain("web-1"), "value": "i-1"}
    receiver.answer({"options": [option]})
    assert maya.options(shown, "node", "web") == {"ok": True, "options": [option]}
    payload = receiver.last
    assert (payload["type"], payload["value"], payload["block_id"], payload["action_id"]) == (
        "block_suggestion",
        "web",
        "pick",
        "node",
    )
    receiver.answer({"option_groups": [{"label": plain("prod"), "options": [option]}]})
    assert "option_groups" in maya.options(shown, "node", "web")
    receiver.answer({"options": [option] * 101})
    assert maya.options(shown, "node", "web")["error"] == "invalid_options"
    assert maya.options(shown, "node", "web")["error"] == "invalid_options"


def test_a_view_belongs_to_its_person(
    slack: LocalSlack, client: WebClient, receiver: Receiver
) -> None:
    """Nobody else can submit, click in, or close it."""
    shown = opened(slack, client, receiver, modal(button("more")))
    jonas = slack.person(demo.JONAS)
    assert jonas.submit(shown, {})["error"] == "not_found"
    assert jonas.click_in(shown, "more")["error"] == "not_found"
    assert jonas.close(shown)["error"] == "not_found"


def test_publishing_home(slack: LocalSlack, client: WebClient, receiver: Receiver) -> None:
    """Each person has a Home of their own; a stale hash is a conflict; clicks carry the view."""
    home = {"type": "home", "blocks": [section("yours"), button("open")]}
    first = client.views_publish(user_id=demo.MAYA, view=home)["view"]
    maya = slack.person(demo.MAYA)
    shown = maya.home()
    assert shown is not None
    assert slack.person(demo.JONAS).home() is None
    assert maya.click_in(shown, "open") == {"ok": True}
    assert receiver.last["view"]["type"] == "home"
    assert "response_url" not in receiver.last
    client.views_publish(user_id=demo.MAYA, view=home, hash=first["hash"])
    publish = client.views_publish
    assert error(publish, user_id=demo.MAYA, view=home, hash=first["hash"]) == "hash_conflict"
    assert error(publish, user_id="U0NOBODY", view=home) == "user_not_found"
    assert error(publish, user_id=demo.MAYA, view=modal()) == "invalid_arguments"
