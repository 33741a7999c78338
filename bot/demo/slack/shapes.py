"""Slack's own objects as the Web API and payloads write them: users, channels, messages, views."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from bot.demo.slack.conversations import Conversation, Message
from bot.demo.slack.errors import Json
from bot.demo.slack.files import File
from bot.demo.slack.live import LiveWorkspace
from bot.demo.slack.modals import View
from bot.demo.slack.workspace import User, UserGroup


def user_object(live: LiveWorkspace, user: User) -> Json:
    """Return a user as users.info does; a deactivated one has no zone and no rights."""
    shape: Json = {
        "id": user.id,
        "team_id": live.team_of(user),
        "name": user.name,
        "deleted": user.deleted,
        "profile": {
            "real_name": user.real_name,
            "display_name": user.name,
            "title": user.title,
            "team": live.team_of(user),
        },
        "is_bot": user.is_bot,
        "is_app_user": False,
        "updated": 0,
    }
    if "users:read.email" in live.manifest.scopes and not user.is_bot:
        shape["profile"]["email"] = f"{user.name}@{live.team.domain}.example"
    if user.deleted:
        return shape
    if live.is_stranger(user):
        shape["is_stranger"] = True
    local = datetime.fromtimestamp(live.clock(), UTC).astimezone(ZoneInfo(user.tz))
    offset = local.utcoffset()
    return shape | {
        "real_name": user.real_name,
        "tz": user.tz,
        "tz_label": local.tzname() or user.tz,
        "tz_offset": int(offset.total_seconds()) if offset else 0,
        "is_admin": user.is_admin,
        "is_owner": False,
        "is_primary_owner": False,
        "is_restricted": user.is_restricted,
        "is_ultra_restricted": user.is_ultra_restricted,
    }


def usergroup_object(live: LiveWorkspace, group: UserGroup, *, with_users: bool) -> Json:
    """Return a user group as usergroups.list does."""
    shape: Json = {
        "id": group.id,
        "team_id": live.team.id,
        "is_usergroup": True,
        "name": group.name,
        "handle": group.handle,
        "description": "",
        "is_external": False,
        "date_delete": 0 if group.enabled else 1,
        "user_count": len(group.users),
    }
    return {**shape, "users": list(group.users)} if with_users else shape


def channel_object(live: LiveWorkspace, channel: Conversation) -> Json:
    """Return a channel as conversations.info does; a direct message has its person instead."""
    if channel.kind == "im":
        return {
            "id": channel.id,
            "created": channel.created,
            "is_im": True,
            "is_channel": False,
            "is_group": False,
            "is_archived": False,
            "is_org_shared": False,
            "user": channel.user,
        }
    shared = bool(channel.shared_with)
    return {
        "id": channel.id,
        "name": channel.name,
        "name_normalized": channel.name,
        "created": channel.created,
        "is_channel": True,
        "is_group": False,
        "is_im": False,
        "is_mpim": False,
        "is_private": channel.kind == "private",
        "is_archived": channel.archived,
        "is_general": channel.name == "general",
        "is_shared": shared,
        "is_ext_shared": shared,
        "is_org_shared": False,
        "is_member": live.app.user_id in channel.members,
        "context_team_id": live.team.id,
        "shared_team_ids": [live.team.id, *channel.shared_with],
        "topic": {"value": channel.topic, "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
        "num_members": len(channel.members),
    }


def message_object(live: LiveWorkspace, channel: Conversation, message: Message) -> Json:
    """Return a message as chat.postMessage and payloads do, without its metadata."""
    shape: Json = {
        "type": "message",
        "user": message.user,
        "ts": message.ts,
        "text": message.text,
        "team": live.team_of(live.users[message.user]),
    }
    if message.by_app:
        shape |= {"bot_id": live.app.bot_id, "app_id": live.app.id}
    if message.blocks:
        shape["blocks"] = message.blocks
    if message.files:
        shape["files"] = [file_object(live.files.get(file_id)) for file_id in message.files]
        shape["upload"] = False
    if message.edited:
        shape["edited"] = {"user": message.user, "ts": message.ts}
    if message.system:
        shape["subtype"] = "tombstone"
    replies = channel.replies(message.ts)
    if message.thread_ts or replies:
        shape["thread_ts"] = message.thread_ts or message.ts
    if replies:
        shape |= {"reply_count": len(replies), "latest_reply": replies[-1].ts}
    return shape


def file_object(file: File) -> Json:
    """Return a file as files.completeUploadExternal does."""
    return {
        "id": file.id,
        "name": file.name,
        "title": file.title,
        "mimetype": file.mimetype,
        "size": file.length,
        "mode": "hosted",
    }


def view_object(live: LiveWorkspace, view: View) -> Json:
    """Return a view as views.open and payloads do."""
    content = view.content
    shape: Json = {
        "id": view.id,
        "team_id": live.team.id,
        "type": view.kind,
        "blocks": view.blocks,
        "private_metadata": content.get("private_metadata", ""),
        "callback_id": content.get("callback_id", ""),
        "external_id": content.get("external_id", ""),
        "state": {"values": view.values},
        "hash": view.hash,
        "clear_on_close": bool(content.get("clear_on_close", False)),
        "notify_on_close": bool(content.get("notify_on_close", False)),
        "previous_view_id": view.previous_id,
        "root_view_id": view.root_id,
        "app_id": live.app.id,
        "app_installed_team_id": live.team.id,
        "bot_id": live.app.bot_id,
    }
    for part in ("title", "submit", "close"):
        shape[part] = content.get(part)
    return shape
