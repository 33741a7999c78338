"""Requests as Slack makes them, signed, straight into the bot: for people who cannot act on the page."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import time
from typing import Any
from urllib.parse import urlencode

from bot.demo.slack.demo_workspace import HOME, PATCHING
from bot.slack.bolt import HttpResponse
from tests.slack.conftest import World

_NUMBERS = itertools.count(1)


def command(world: World, user: str, text: str, **fields: str) -> HttpResponse:
    """A slash command by `user`; `fields` replace what the payload says."""
    live = world.slack.live
    path = live.response_urls.for_command(user, channel=PATCHING, team=HOME)
    return send(
        world,
        {
            "command": "/patch",
            "text": text,
            "user_id": user,
            "team_id": HOME,
            "channel_id": PATCHING,
            "response_url": live.base_url + path,
            "trigger_id": f"trigger-{next(_NUMBERS)}",
            "is_enterprise_install": "false",
            **fields,
        },
    )


def click(world: World, by: str, sentence: str, **fields: Any) -> HttpResponse:
    """A click by somebody on a button of a private card; `fields` replace what the payload says."""
    payload = {
        "type": "block_actions",
        "user": {"id": by, "team_id": HOME},
        "team": {"id": HOME},
        "container": {
            "type": "message",
            "message_ts": "1700000000.000100",
            "channel_id": PATCHING,
            "is_ephemeral": True,
        },
        "channel": {"id": PATCHING},
        "trigger_id": f"trigger-{next(_NUMBERS)}",
        "actions": [
            {"type": "button", "block_id": "b", "action_id": "private:it", "value": sentence}
        ],
        "response_url": world.slack.live.base_url
        + world.slack.live.response_urls.for_command(by, channel=PATCHING, team=HOME),
        **fields,
    }
    return send(world, {"payload": json.dumps(payload)})


def event(world: World, event: dict[str, Any], **fields: Any) -> HttpResponse:
    """An event of the Events API."""
    payload = {
        "type": "event_callback",
        "team_id": HOME,
        "event_id": f"Ev{next(_NUMBERS)}",
        "event": event,
        **fields,
    }
    return post(world, json.dumps(payload).encode(), "application/json")


def send(world: World, fields: dict[str, str]) -> HttpResponse:
    return post(world, urlencode(fields).encode(), "application/x-www-form-urlencoded")


def post(world: World, body: bytes, content_type: str) -> HttpResponse:
    return world.bot.handle_http(
        body, signature(body, world.slack.signing_secret) | {"content-type": content_type}
    )


def signature(body: bytes, secret: str, *, now: float | None = None) -> dict[str, str]:
    """The two headers that Slack signs with."""
    timestamp = str(int(time.time() if now is None else now))
    signed = f"v0:{timestamp}:".encode() + body
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return {"x-slack-request-timestamp": timestamp, "x-slack-signature": f"v0={digest}"}


def replies(world: World) -> list[dict[str, Any]]:
    """What was sent to response_urls so far."""
    return [call.args for call in world.slack.calls.of("response_url") if call.ok]
