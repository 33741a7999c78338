"""chat.*: posting, changing and deleting messages."""

from collections.abc import Callable

from bot.demo.slack.arguments import Arguments
from bot.demo.slack.content import checked_message
from bot.demo.slack.conversations import Conversation, Message
from bot.demo.slack.errors import Json, SlackError, missing_field
from bot.demo.slack.live import Content, LiveWorkspace
from bot.demo.slack.shapes import message_object


def post_message(live: LiveWorkspace, args: Arguments) -> Json:
    """Post to a channel id or name, or to a user id, which opens the direct message."""
    channel = _target(live, args.required("channel"))
    _may_write(live, channel, public_scope="chat:write.public" in live.manifest.scopes)
    content = _content(args)
    thread_ts = thread_of(channel, args.string("thread_ts"))
    message = live.post(
        channel,
        content,
        thread_ts=thread_ts,
        broadcast=thread_ts is not None and args.flag("reply_broadcast"),
    )
    return {
        "channel": channel.id,
        "ts": message.ts,
        "message": message_object(live, channel, message),
    }


def post_ephemeral(live: LiveWorkspace, args: Arguments) -> Json:
    """Show a message to one person of a channel."""
    channel = live.channel_seen_by_app(args.required("channel"))
    user = live.user(args.required("user"))
    _may_write(live, channel, public_scope=False)
    if user.id not in channel.members or user.deleted:
        raise SlackError("user_not_in_channel")
    content = _content(args)
    thread_ts = thread_of(channel, args.string("thread_ts"))
    message = live.post(channel, content, thread_ts=thread_ts, visible_to=user.id)
    return {"message_ts": message.ts}


def update(live: LiveWorkspace, args: Arguments) -> Json:
    """Change one of the app's own messages; text without blocks takes the blocks away."""
    channel, message = _own(live, args, error="cant_update_message")
    live.edit(channel, message, _content(args))
    return {
        "channel": channel.id,
        "ts": message.ts,
        "text": message.text,
        "message": message_object(live, channel, message),
    }


def delete(live: LiveWorkspace, args: Arguments) -> Json:
    """Delete one of the app's own messages."""
    channel, message = _own(live, args, error="cant_delete_message")
    live.remove(channel, message)
    return {"channel": channel.id, "ts": message.ts}


def get_permalink(live: LiveWorkspace, args: Arguments) -> Json:
    """Return the address of a lasting message, on the page of this local Slack."""
    channel = live.channel_seen_by_app(args.required("channel"))
    message = channel.messages.get(args.required("message_ts"))
    if message is None or message.visible_to is not None:
        raise SlackError("message_not_found")
    link = f"{live.base_url}/archives/{channel.id}/p{message.ts.replace('.', '')}"
    if message.is_reply:
        link += f"?thread_ts={message.thread_ts}&cid={channel.id}"
    return {"channel": channel.id, "permalink": link}


def thread_of(channel: Conversation, thread_ts: str) -> str | None:
    """Return the thread to answer in; raises SlackError when nothing stands there to answer to."""
    if not thread_ts:
        return None
    parent = channel.messages.get(thread_ts)
    if parent is None:
        raise SlackError("thread_not_found")
    if parent.visible_to is not None or parent.is_reply:
        raise SlackError("cannot_reply_to_message")
    return thread_ts


def _target(live: LiveWorkspace, ref: str) -> Conversation:
    if ref in live.users:
        return live.direct_message(ref)
    for channel in live.channels.values():
        if channel.kind != "im" and channel.name == ref.removeprefix("#"):
            return live.channel_seen_by_app(channel.id)
    return live.channel_seen_by_app(ref)


def _may_write(live: LiveWorkspace, channel: Conversation, *, public_scope: bool) -> None:
    if channel.archived:
        raise SlackError("is_archived")
    if channel.kind == "im" and not live.manifest.messages_tab:
        raise SlackError("messages_tab_disabled")
    if live.app.user_id not in channel.members and not public_scope:
        raise SlackError("not_in_channel")


def _content(args: Arguments) -> Content:
    if "attachments" in args and args.structured("attachments"):
        message = "[ERROR] the local Slack shows blocks only [json-pointer:/attachments]"
        raise SlackError("invalid_attachments", messages=[message])
    return checked_message(
        args.string("text"),
        args.structured("blocks", error="invalid_blocks_format"),
        metadata=args.structured("metadata", error="invalid_metadata_format"),
    )


def _own(live: LiveWorkspace, args: Arguments, *, error: str) -> tuple[Conversation, Message]:
    channel = live.channel_seen_by_app(args.required("channel"))
    ts = args.string("ts")
    if not ts:
        raise missing_field("ts")
    message = channel.messages.get(ts)
    # An ephemeral message cannot be reached by its timestamp, only by its response_url.
    if message is None or message.visible_to is not None or message.system:
        raise SlackError("message_not_found")
    if not message.by_app:
        raise SlackError(error)
    if channel.archived:
        raise SlackError("is_archived")
    return channel, message


METHODS: dict[str, Callable[[LiveWorkspace, Arguments], Json]] = {
    "chat.postMessage": post_message,
    "chat.postEphemeral": post_ephemeral,
    "chat.update": update,
    "chat.delete": delete,
    "chat.getPermalink": get_permalink,
}
