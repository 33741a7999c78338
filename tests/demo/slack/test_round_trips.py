"""The real Bolt app and the local Slack together, over both transports."""

from typing import Any

import pytest

from bot.demo.slack.demo_workspace import GENERAL, JONAS, MAYA, PATCHING
from bot.demo.slack.server import LocalSlack
from tests.demo.slack.bolt_app import TransportName, new_app, running, until

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
