"""The payloads that Slack sends to an app, field by field (api.slack.com, "Interaction payloads")."""

from typing import Any

from bot.demo.slack.conversations import Conversation, Message
from bot.demo.slack.errors import Json
from bot.demo.slack.live import LiveWorkspace
from bot.demo.slack.manifest import SlashCommand
from bot.demo.slack.modals import View
from bot.demo.slack.shapes import message_object, view_object
from bot.demo.slack.workspace import User


class Payloads:
    """Builds payloads; issues the trigger ids and response_urls that stand in them."""

    def __init__(self, live: LiveWorkspace, *, verification_token: str) -> None:
        self._live = live
        self._token = verification_token

    def command(
        self, user: User, *, channel: Conversation, command: SlashCommand, text: str
    ) -> Json:
        """Return the form fields of a slash command; all values are texts."""
        live = self._live
        path = live.response_urls.for_command(user.id, channel=channel.id, team=live.team.id)
        return {
            "token": self._token,
            "team_id": live.team.id,
            "team_domain": live.team.domain,
            "channel_id": channel.id,
            "channel_name": _told_name(channel),
            "user_id": user.id,
            "user_name": user.name,
            "command": command.command,
            "text": text,
            "api_app_id": live.app.id,
            "is_enterprise_install": "false",
            "response_url": live.base_url + path,
            "trigger_id": live.triggers.issue(user.id),
        }

    def message_action(
        self, user: User, *, channel: Conversation, message: Message, action: Json, values: Json
    ) -> Json:
        """Return block_actions of a click in a message."""
        live = self._live
        path = live.response_urls.for_message(
            user.id, channel=channel.id, message_ts=message.ts, team=live.team.id
        )
        return {
            **self._common("block_actions", user),
            **self._in_message(channel, message),
            "trigger_id": live.triggers.issue(user.id),
            "state": {"values": values},
            "response_url": live.base_url + path,
            "actions": [action],
        }

    def view_action(self, user: User, *, view: View, action: Json) -> Json:
        """Return block_actions of a click in a modal or Home tab."""
        return {
            **self._common("block_actions", user),
            **self._in_view(view),
            "trigger_id": self._live.triggers.issue(user.id, view_id=view.id),
            "actions": [action],
        }

    def suggestion(
        self, user: User, *, place: tuple[Conversation, Message] | View, query: Json
    ) -> Json:
        """Return block_suggestion: a person types in an external select."""
        where = self._in_view(place) if isinstance(place, View) else self._in_message(*place)
        return {**self._common("block_suggestion", user), **where, **query}

    def submission(self, user: User, view: View) -> Json:
        """Return view_submission."""
        return {
            **self._common("view_submission", user),
            "trigger_id": self._live.triggers.issue(user.id, view_id=view.id),
            "view": view_object(self._live, view),
            "response_urls": [],
        }

    def closing(self, user: User, view: View, *, is_cleared: bool) -> Json:
        """Return view_closed."""
        return {
            **self._common("view_closed", user),
            "view": view_object(self._live, view),
            "is_cleared": is_cleared,
        }

    def event(self, event: Json) -> Json:
        """Return the Events API envelope around `event`."""
        live = self._live
        return {
            "token": self._token,
            "team_id": live.team.id,
            "context_team_id": live.team.id,
            "context_enterprise_id": None,
            "api_app_id": live.app.id,
            "event": event,
            "type": "event_callback",
            "event_id": live.ids.new("Ev"),
            "event_time": int(live.clock()),
            "authorizations": [
                {
                    "enterprise_id": None,
                    "team_id": live.team.id,
                    "user_id": live.app.user_id,
                    "is_bot": True,
                    "is_enterprise_install": False,
                }
            ],
            "is_ext_shared_channel": False,
        }

    def _common(self, kind: str, user: User) -> Json:
        live = self._live
        team_id = live.team_of(user)
        domain = live.team.domain if team_id == live.team.id else team_id.lower()
        return {
            "type": kind,
            "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": team_id},
            "api_app_id": live.app.id,
            "token": self._token,
            "team": {"id": team_id, "domain": domain},
            "enterprise": None,
            "is_enterprise_install": False,
        }

    def _in_message(self, channel: Conversation, message: Message) -> Json:
        ephemeral = message.visible_to is not None
        where: dict[str, Any] = {
            "container": {
                "type": "message",
                "message_ts": message.ts,
                "channel_id": channel.id,
                "is_ephemeral": ephemeral,
            },
            "channel": {"id": channel.id, "name": _told_name(channel)},
        }
        if message.is_reply:
            where["container"]["thread_ts"] = message.thread_ts
        # Slack does not send what an ephemeral message said: the app has to know it by itself.
        if not ephemeral:
            where["message"] = message_object(self._live, channel, message)
        return where

    def _in_view(self, view: View) -> Json:
        return {
            "container": {"type": "view", "view_id": view.id},
            "view": view_object(self._live, view),
        }


def _told_name(channel: Conversation) -> str:
    """Slack does not tell an app the name of a private place."""
    return {"private": "privategroup", "im": "directmessage"}.get(channel.kind, channel.name)
