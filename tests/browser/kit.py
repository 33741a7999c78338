"""A tiny real Bolt app for the tests of the page: it shows the cards it is given and writes down what people do."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from playwright.sync_api import Route
from slack_bolt import Ack, Respond
from slack_sdk import WebClient

from bot.demo.slack.demo_workspace import MAYA, PATCHING
from bot.demo.slack.server import LocalSlack
from tests.demo.slack.bolt_app import new_app

Json = dict[str, Any]
OnAction = Callable[[Json, Respond, WebClient], object]

MANIFEST = """
display_information: { name: patchbot }
features:
  app_home: { home_tab_enabled: true, messages_tab_enabled: true }
  bot_user: { display_name: patchbot }
  slash_commands:
    - command: /patch
      description: Patch compliance of the fleet
      usage_hint: "status [environment]"
      should_escape: true
oauth_config:
  scopes:
    bot: [chat:write, chat:write.public, commands, files:write, im:write, users:read, channels:read]
settings:
  event_subscriptions: { bot_events: [app_home_opened] }
  interactivity: { is_enabled: true }
  socket_mode_enabled: true
"""

_ANY = re.compile(".*")


class Kit:
    """The app. `/patch <name>` answers with `cards[name]`; what it hears is kept in the lists."""

    def __init__(self, slack: LocalSlack) -> None:
        self.app = new_app(slack)
        self.client = WebClient(slack.bot_token, base_url=slack.api_url, retry_handlers=[])
        self.cards: dict[str, Sequence[Json]] = {}
        self.actions: list[Json] = []
        self.submissions: list[Json] = []
        self.queries: list[str] = []
        self.on_action: dict[str, OnAction] = {}
        self.submit_errors: Callable[[Json], Mapping[str, str]] = lambda _values: {}
        self.options: Sequence[str] = ()
        self.home: Sequence[Json] = ()
        self.silent: set[str] = set()
        self._register()

    def post(self, channel: str, text: str, **more: Any) -> str:
        """Post a message as the app; returns its ts."""
        ts: str = self.client.chat_postMessage(channel=channel, text=text, **more)["ts"]
        return ts

    def _register(self) -> None:
        app = self.app
        app.command("/patch")(self._command)
        app.action(_ANY)(self._action)
        app.view(_ANY)(self._submission)
        app.options(_ANY)(self._options)
        app.event("app_home_opened")(self._home)

    def _command(self, ack: Ack, respond: Respond, command: Json) -> None:
        ack()
        name = command["text"]
        respond(text=name or "nothing", blocks=self.cards.get(name), response_type="ephemeral")

    def _action(self, ack: Ack, body: Json, respond: Respond, client: WebClient) -> None:
        action = body["actions"][0]
        self.actions.append(body)
        if action["action_id"] in self.silent:
            return
        ack()
        self.on_action.get(action["action_id"], _nothing)(body, respond, client)

    def _submission(self, ack: Ack, view: Json) -> None:
        values = view["state"]["values"]
        self.submissions.append(values)
        errors = self.submit_errors(values)
        if errors:
            ack(response_action="errors", errors=dict(errors))
        else:
            ack()

    def _options(self, ack: Ack, payload: Json) -> None:
        self.queries.append(payload["value"])
        found = [option(name) for name in self.options if payload["value"] in name]
        ack(options=found)

    def _home(self, event: Json, client: WebClient) -> None:
        view = {"type": "home", "blocks": [*self.home]}
        if event["tab"] == "home" and self.home:
            client.views_publish(user_id=event["user"], view=view)


def _nothing(_body: Json, _respond: Respond, _client: WebClient) -> None:
    return


def plain(text: str) -> Json:
    """A plain_text object."""
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> Json:
    """A mrkdwn text object."""
    return {"type": "mrkdwn", "text": text}


def option(text: str) -> Json:
    """An option whose value is its text."""
    return {"text": plain(text), "value": text}


def button(action_id: str, text: str = "Go", **more: Any) -> Json:
    """A button element."""
    return {
        "type": "button",
        "action_id": action_id,
        "text": plain(text),
        "value": action_id,
        **more,
    }


def actions(*elements: Json, block_id: str = "actions") -> Json:
    """An actions block."""
    return {"type": "actions", "block_id": block_id, "elements": [*elements]}


def section(text: str, **more: Any) -> Json:
    """A section with mrkdwn text."""
    return {"type": "section", "text": mrkdwn(text), **more}


def route_with(blocks: Sequence[Json]) -> Callable[[Route], None]:
    """Answers /page/messages with blocks that the local Slack would itself refuse to keep."""
    message = {
        "ts": f"{time.time():.6f}",
        "channel": PATCHING,
        "thread_ts": None,
        "user": MAYA,
        "author": {"name": "patchbot", "is_app": True},
        "text": "x",
        "blocks": [*blocks],
        "ephemeral": False,
        "edited": False,
        "files": [],
        "reply_count": 0,
        "latest_reply": None,
        "kind": "message",
    }
    return lambda route: route.fulfill(json={"messages": [message]})
