"""What the page reads: messages, people and channels in the shapes of its contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bot.demo.slack.conversations import Conversation, Message
from bot.demo.slack.errors import Json
from bot.demo.slack.files import File
from bot.demo.slack.workspace import Suggestion, User

if TYPE_CHECKING:
    from bot.demo.slack.live import LiveWorkspace

_COLORS = ("#2f6f9f", "#8a4fbe", "#b4541a", "#1f7a54", "#a83268", "#56651c", "#0f6e7c", "#6b5b4b")


def page_message(live: LiveWorkspace, channel: Conversation, message: Message) -> Json:
    """Return a message with its author, files and thread counts."""
    author = live.users[message.user]
    replies = channel.replies(message.ts)
    return {
        "ts": message.ts,
        "channel": channel.id,
        "thread_ts": message.thread_ts,
        "user": author.id,
        "author": {"name": author.real_name, "is_app": message.by_app},
        "text": message.text,
        "blocks": message.blocks,
        "ephemeral": message.visible_to is not None,
        "edited": message.edited,
        "broadcast": message.broadcast,
        "files": [_file(live.files.get(file_id)) for file_id in message.files],
        "reply_count": len(replies),
        "latest_reply": replies[-1].ts if replies else None,
        "kind": "system" if message.system else "message",
    }


def page_state(
    live: LiveWorkspace,
    *,
    suggestions: Mapping[str, Sequence[Suggestion]],
) -> Json:
    """Return everything but messages: people, channels, commands and what to try first."""
    return {
        "team": {"id": live.team.id, "name": live.team.name},
        "app": {"id": live.app.id, "name": live.app.name, "bot_user_id": live.app.user_id},
        "users": [
            _user(live, user, color=_COLORS[number % len(_COLORS)])
            for number, user in enumerate(live.users.values())
            if not user.deleted
        ],
        "usergroups": [
            {"id": group.id, "handle": group.handle, "name": group.name, "users": [*group.users]}
            for group in live.usergroups.values()
        ],
        "channels": [_channel(channel) for channel in live.channels.values()],
        "commands": [
            {
                "command": each.command,
                "description": each.description,
                "usage_hint": each.usage_hint,
                "suggestions": [
                    {"text": one.text, "description": one.description}
                    for one in suggestions.get(each.command, ())
                ],
            }
            for each in live.manifest.commands
        ],
        "tips": [
            {"title": tip.title, "text": tip.text, "command": tip.command} for tip in live.tips
        ],
        "tz": live.tz,
    }


def _user(live: LiveWorkspace, user: User, *, color: str) -> Json:
    guest = user.is_restricted or user.is_ultra_restricted
    return {
        "id": user.id,
        "name": user.name,
        "real_name": user.real_name,
        "title": user.title,
        "kind": "bot" if user.is_bot else "guest" if guest else "member",
        "color": color,
        "tz": user.tz,
        "external": live.is_stranger(user),
    }


def _channel(channel: Conversation) -> Json:
    shape = {
        "id": channel.id,
        "name": channel.name,
        "kind": channel.kind,
        "topic": channel.topic,
        "members": sorted(channel.members),
        "shared": bool(channel.shared_with),
    }
    return {**shape, "user": channel.user} if channel.user else shape


def _file(file: File) -> Json:
    return {
        "id": file.id,
        "name": file.name,
        "title": file.title,
        "size": file.length,
        "mimetype": file.mimetype,
        "url": f"/page/file/{file.id}",
        "picture": f"/page/picture/{file.id}" if file.picture_type else None,
        "preview": file.preview(),
    }
