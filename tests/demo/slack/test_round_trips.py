"""The real Bolt app and the local Slack together, over both transports."""

from typing import Any

import pytest

from bot.demo.slack.demo_workspace import GENERAL, JONAS, MAYA, PATCHING
from bot.demo.slack.server import LocalSlack
from tests.demo.slack.bolt_app import TransportName, new_app, running, until
from tests.demo.slack.building import modal, plain, text_input

BUTTON = {
    "type": "actions",
    "elements": [
        {
            "type": "button",
            "action_id": "again",
            "value": "prod",
            "text": {"type": "plain_text", "text": "Refresh"},
        }
    ],
}


@pytest.fixture(params=["socket", "http"])
def transport(request: pytest.FixtureRequest) -> TransportName:
    chosen: TransportName = request.param
    return chosen


def test_a_command_is_answered_through_its_response_url(
    slack: LocalSlack, transport: TransportName
) -> None:
    """The command arrives with Slack's fields, and respond() is seen by its person only."""
    app = new_app(slack)
    seen: list[dict[str, Any]] = []

    @app.command("/patch")
    def patch(ack: Any, body: dict[str, Any], respond: Any) -> None:
        ack()
        seen.append(body)
        respond(text="41 of 48 compliant")

    with running(app, slack, transport):
        maya, jonas = slack.person(MAYA), slack.person(JONAS)
        assert maya.command(PATCHING, "/patch  status prod ") == {"ok": True}
        message = maya.wait_for(PATCHING, lambda each: "41 of 48" in each["text"])
        seen_by_jonas = jonas.messages(PATCHING)

    assert message["ephemeral"] is True
    assert message["author"] == {"name": "Patchbot", "is_app": True}
    assert all("41 of 48" not in each["text"] for each in seen_by_jonas)
    assert seen[0]["text"] == "status prod"
    assert (seen[0]["user_id"], seen[0]["channel_id"]) == (MAYA, PATCHING)
    assert seen[0]["is_enterprise_install"] == "false"


def test_a_button_replaces_its_message(slack: LocalSlack, transport: TransportName) -> None:
    """replace_original works from a click, also in an ephemeral message."""
    app = new_app(slack)

    @app.command("/patch")
    def patch(ack: Any) -> None:
        ack(text="Checking", blocks=[BUTTON])

    @app.action("again")
    def again(ack: Any, action: dict[str, Any], respond: Any) -> None:
        ack()
        respond(text=f"Read {action['value']} again", replace_original=True)

    with running(app, slack, transport):
        maya = slack.person(MAYA)
        maya.command(GENERAL, "/patch status prod")
        shown = maya.wait_for(GENERAL, lambda each: each["text"] == "Checking")
        assert maya.click(shown, "again") == {"ok": True}
        replaced = maya.wait_for(GENERAL, lambda each: each["text"] == "Read prod again")

    assert replaced["ts"] == shown["ts"]
    assert replaced["blocks"] is None


def test_app_home_is_published_when_opened(slack: LocalSlack, transport: TransportName) -> None:
    """Opening the Home tab sends app_home_opened, and views.publish shows it."""
    app = new_app(slack)

    @app.event("app_home_opened")
    def opened(event: dict[str, Any], client: Any) -> None:
        block = {"type": "section", "text": {"type": "mrkdwn", "text": "Your fleet"}}
        client.views_publish(user_id=event["user"], view={"type": "home", "blocks": [block]})

    with running(app, slack, transport):
        maya = slack.person(MAYA)
        assert maya.home() is None
        maya.open_home()
        until(lambda: maya.home() is not None)
        home = maya.home()

    assert home is not None
    assert home["blocks"][0]["text"]["text"] == "Your fleet"


def test_a_modal_is_opened_corrected_and_submitted(
    slack: LocalSlack, transport: TransportName
) -> None:
    """A command opens it, errors stay in it, and a good answer ends in the channel."""
    app = new_app(slack)

    @app.command("/patch")
    def patch(ack: Any, body: dict[str, Any], client: Any) -> None:
        ack()
        view = modal(text_input(), callback_id="install", private_metadata=body["channel_id"])
        client.views_open(trigger_id=body["trigger_id"], view=view)

    @app.view("install")
    def submitted(ack: Any, view: dict[str, Any], client: Any) -> None:
        reason = view["state"]["values"]["why"]["reason"]["value"]
        if len(reason) < 5:
            ack(response_action="errors", errors={"why": "Say more."})
            return
        ack()
        client.chat_postMessage(channel=view["private_metadata"], text=f"Reason: {reason}")

    with running(app, slack, transport):
        maya = slack.person(MAYA)
        maya.command(PATCHING, "/patch install prod")
        until(lambda: len(maya.views()) == 1)
        (view,) = maya.views()
        short = maya.submit(view, {"why": {"reason": {"value": "x"}}})
        assert short == {"ok": False, "errors": {"why": "Say more."}}
        assert maya.submit(view, {"why": {"reason": {"value": "CVE-2026-1"}}}) == {"ok": True}
        maya.wait_for(PATCHING, lambda each: each["text"] == "Reason: CVE-2026-1")
        assert maya.views() == []


def test_options_come_from_the_app(slack: LocalSlack, transport: TransportName) -> None:
    """An external select in a modal asks Bolt's options listener."""
    app = new_app(slack)
    element = {"type": "external_select", "action_id": "node", "min_query_length": 1}
    block = {"type": "input", "block_id": "b", "label": plain("Node"), "element": element}

    @app.command("/patch")
    def patch(ack: Any, body: dict[str, Any], client: Any) -> None:
        ack()
        client.views_open(trigger_id=body["trigger_id"], view=modal(block))

    @app.options("node")
    def nodes(ack: Any, payload: dict[str, Any]) -> None:
        ack(options=[{"text": plain(payload["value"] + "-1"), "value": "i-1"}])

    with running(app, slack, transport):
        maya = slack.person(MAYA)
        maya.command(GENERAL, "/patch node")
        until(lambda: len(maya.views()) == 1)
        offered = maya.options(maya.views()[0], "node", "web")

    assert [each["text"]["text"] for each in offered["options"]] == ["web-1"]


def test_a_file_goes_into_the_thread_of_a_card(slack: LocalSlack, transport: TransportName) -> None:
    """A click posts a CSV below the message, for everybody in the channel."""
    app = new_app(slack)

    @app.action("again")
    def export(ack: Any, body: dict[str, Any], client: Any) -> None:
        ack()
        client.files_upload_v2(
            channel=body["channel"]["id"],
            thread_ts=body["message"]["ts"],
            filename="nodes.csv",
            content="a,b\n1,2\n",
        )

    with running(app, slack, transport):
        app.client.chat_postMessage(channel=PATCHING, text="48 nodes", blocks=[BUTTON])
        card = slack.person(MAYA).messages(PATCHING)[0]
        slack.person(MAYA).click(card, "again")
        jonas = slack.person(JONAS)
        until(lambda: len(jonas.thread(PATCHING, card["ts"])) == 2)
        (file,) = jonas.thread(PATCHING, card["ts"])[1]["files"]

    assert file["preview"] == ["a,b", "1,2"]


def test_bolt_refuses_a_wrong_signature(slack: LocalSlack) -> None:
    """The signing secret is really checked: with another one the listener never runs."""
    app = new_app(slack)
    ran: list[str] = []

    @app.command("/patch")
    def patch(ack: Any) -> None:
        ran.append("patch")
        ack()

    maya = slack.person(MAYA)
    with running(app, slack, "http"):
        assert maya.command(GENERAL, "/patch help") == {"ok": True}
    slack.signing_secret = "0" * 32
    with running(app, slack, "http"):
        assert maya.command(GENERAL, "/patch help")["error"] == "dispatch_failed"
    assert ran == ["patch"]
