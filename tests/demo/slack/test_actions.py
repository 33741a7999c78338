"""Clicks in messages: the payload, what the page cannot forge, and what a response_url then does."""

from pathlib import Path
from typing import Any

from slack_sdk import WebClient
from slack_sdk.webhook import WebhookClient

from bot.demo.slack import demo_workspace as demo
from bot.demo.slack.server import LocalSlack
from tests.demo.slack.building import button, plain, section
from tests.demo.slack.receiver import Receiver, receiving

OPTIONS = [{"text": plain(name), "value": name} for name in ("prod", "dev")]
MENU = {
    "type": "actions",
    "block_id": "choice",
    "elements": [{"type": "static_select", "action_id": "env", "options": OPTIONS}],
}


TEXT = section("It moved on.")


def bare(action_id: str, value: str = "old") -> dict[str, Any]:
    """A button whose block has no id of its own: Slack gives it one, another one with every update."""
    return {key: part for key, part in button(action_id, value).items() if key != "block_id"}


def shown(slack: LocalSlack, client: WebClient, *blocks: dict[str, Any]) -> dict[str, Any]:
    """Post these blocks to #platform-patching and return the message as Maya sees it."""
    client.chat_postMessage(channel=demo.PATCHING, text="card", blocks=list(blocks))
    return slack.person(demo.MAYA).messages(demo.PATCHING)[-1]


def test_block_actions_has_slacks_fields(
    slack: LocalSlack, client: WebClient, receiver: Receiver
) -> None:
    """Who, where, which message, which action with its value, and the ways to answer."""
    message = shown(slack, client, button("go", "plan-12"))
    assert slack.person(demo.MAYA).click(message, "go") == {"ok": True}
    payload = receiver.last
    assert payload["type"] == "block_actions"
    assert payload["user"] == {
        "id": demo.MAYA,
        "username": "maya",
        "name": "maya",
        "team_id": demo.HOME,
    }
    assert payload["container"] == {
        "type": "message",
        "message_ts": message["ts"],
        "channel_id": demo.PATCHING,
        "is_ephemeral": False,
    }
    assert payload["message"]["blocks"] == message["blocks"]
    assert payload["channel"] == {"id": demo.PATCHING, "name": "platform-patching"}
    assert (payload["enterprise"], payload["is_enterprise_install"]) == (None, False)
    (action,) = payload["actions"]
    assert (action["type"], action["block_id"], action["value"]) == ("button", "b-go", "plan-12")
    assert action["action_ts"] > message["ts"]
    assert {"trigger_id", "response_url", "api_app_id", "token", "team", "state"} <= set(payload)


def test_a_stranger_clicks_in_a_shared_channel(
    slack: LocalSlack, client: WebClient, receiver: Receiver
) -> None:
    """The payload says which team they are of: the app has to refuse them itself."""
    client.chat_postMessage(channel=demo.SHARED, text="card", blocks=[button("go")])
    stranger = slack.person(demo.STRANGER)
    assert stranger.click(stranger.messages(demo.SHARED)[0], "go") == {"ok": True}
    assert receiver.last["user"]["team_id"] == demo.PARTNER


def test_the_page_cannot_forge_a_click(
    slack: LocalSlack, client: WebClient, receiver: Receiver
) -> None:
    """A button's value is the app's; choices are the app's; unknown elements do not exist."""
    message = shown(slack, client, button("go", "plan-12"), MENU)
    maya = slack.person(demo.MAYA)
    maya.click(message, "go", value="plan-99")
    assert receiver.last["actions"][0]["value"] == "plan-12"
    maya.click(message, "env", selected_option={"value": "dev"})
    assert receiver.last["actions"][0]["selected_option"] == OPTIONS[1]
    assert receiver.last["state"]["values"]["choice"]["env"]["type"] == "static_select"
    count = len(receiver.payloads)
    forged = {"value": "root"}
    assert maya.click(message, "env", selected_option=forged)["error"] == "invalid_action"
    assert maya.click(message, "go", type="overflow")["error"] == "invalid_action"
    message["blocks"].append(button("invented"))
    assert maya.click(message, "invented")["error"] == "action_not_found"
    assert slack.person(demo.STRANGER).click(message, "go")["error"] == "channel_not_found"
    assert len(receiver.payloads) == count


def test_a_click_that_was_confirmed_over_a_redrawn_message_arrives(
    slack: LocalSlack, client: WebClient, receiver: Receiver
) -> None:
    """The blocks have new ids then; the dialog stood over the old ones. Where two could be meant, none is."""
    said = client.chat_postMessage(channel=demo.PATCHING, text="card", blocks=[bare("go")])
    maya = slack.person(demo.MAYA)
    before = maya.messages(demo.PATCHING)[-1]
    client.chat_update(
        channel=demo.PATCHING, ts=said["ts"], text="card", blocks=[TEXT, bare("go", "new")]
    )
    assert maya.click(before, "go") == {"ok": True}
    assert receiver.last["actions"][0]["value"] == "new"
    client.chat_update(
        channel=demo.PATCHING, ts=said["ts"], text="card", blocks=[bare("go"), bare("go")]
    )
    assert maya.click(before, "go")["error"] == "action_not_found"


def test_a_click_on_somebody_elses_ephemeral_message_is_not_possible(
    slack: LocalSlack, client: WebClient, receiver: Receiver
) -> None:
    """And the payload of one's own does not carry the message, as in Slack."""
    client.chat_postEphemeral(
        channel=demo.PATCHING, user=demo.MAYA, text="psst", blocks=[button("go")]
    )
    maya = slack.person(demo.MAYA)
    message = maya.messages(demo.PATCHING)[0]
    assert slack.person(demo.JONAS).click(message, "go")["error"] == "message_not_found"
    assert maya.click(message, "go") == {"ok": True}
    assert receiver.last["container"]["is_ephemeral"] is True
    assert "message" not in receiver.last


def test_the_response_url_of_a_click_changes_its_message(
    slack: LocalSlack, client: WebClient, receiver: Receiver
) -> None:
    """A new ephemeral message by default, replace_original, delete_original."""
    message = shown(slack, client, button("go"))
    maya, jonas = slack.person(demo.MAYA), slack.person(demo.JONAS)
    maya.click(message, "go")
    webhook = WebhookClient(receiver.last["response_url"])
    assert webhook.send(text="noted").body == "ok"
    assert [each["text"] for each in maya.messages(demo.PATCHING)] == ["card", "noted"]
    assert [each["text"] for each in jonas.messages(demo.PATCHING)] == ["card"]
    webhook.send(text="approved", blocks=[section("by Maya")], replace_original=True)
    (changed,) = jonas.messages(demo.PATCHING)
    assert (changed["ts"], changed["text"]) == (message["ts"], "approved")
    webhook.send(delete_original=True)
    assert jonas.messages(demo.PATCHING) == []
    assert webhook.send(text="again", replace_original=True).status_code == 400


def test_clicks_need_interactivity_in_the_manifest(manifest: Path, page: Path) -> None:
    """An app that did not ask for interactivity gets none."""
    manifest.write_text(manifest.read_text().replace("is_enabled: true", "is_enabled: false"))
    with LocalSlack(manifest, page=page) as slack, receiving() as (receiver, url):
        slack.connect_http(url)
        client = WebClient(slack.bot_token, base_url=slack.api_url)
        message = shown(slack, client, button("go"))
        answer = slack.person(demo.MAYA).click(message, "go")
        assert answer["error"] == "interactivity_not_enabled"
        assert receiver.payloads == []


def test_a_click_that_is_not_acked_is_told(slack: LocalSlack, client: WebClient) -> None:
    """Without an app the person reads that it did not work."""
    message = shown(slack, client, button("go"))
    answer = slack.person(demo.MAYA).click(message, "go")
    assert (answer["ok"], answer["error"]) == (False, "dispatch_failed")
    assert "dispatch_failed" in answer["message"]
