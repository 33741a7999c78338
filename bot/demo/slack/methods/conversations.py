"""conversations.*: channels, who is in them, and what was said there."""

from collections.abc import Callable, Sequence

from bot.demo.slack.arguments import Arguments
from bot.demo.slack.conversations import Conversation, Message
from bot.demo.slack.errors import Json, SlackError
from bot.demo.slack.live import LiveWorkspace
from bot.demo.slack.scopes import conversation_scope
from bot.demo.slack.shapes import channel_object, message_object

_KINDS = {"public_channel": "channel", "private_channel": "private", "im": "im", "mpim": None}


def list_channels(live: LiveWorkspace, args: Arguments) -> Json:
    """List what the app may see of the asked types; private channels only where it is in."""
    types = args.names("types") or ["public_channel"]
    if not set(types) <= set(_KINDS):
        raise SlackError("invalid_types")
    kinds = {kind for each in types if (kind := _KINDS[each])}
    for kind in sorted(kinds):
        conversation_scope(live.manifest, kind, "read")
    seen = [
        channel
        for channel in live.channels.values()
        if channel.kind in kinds
        and (channel.kind == "channel" or live.app.user_id in channel.members)
        and not (channel.archived and args.flag("exclude_archived"))
    ]
    page, metadata = args.page(seen, default=100, most=999)
    channels = [channel_object(live, channel) for channel in page]
    return {"channels": channels, "response_metadata": metadata}


def info(live: LiveWorkspace, args: Arguments) -> Json:
    """Describe one channel."""
    return {"channel": channel_object(live, _channel(live, args, "read"))}


def members(live: LiveWorkspace, args: Arguments) -> Json:
    """List the user ids of a channel."""
    channel = _channel(live, args, "read")
    page, metadata = args.page(sorted(channel.members), default=100, most=999)
    return {"members": page, "response_metadata": metadata}


def history(live: LiveWorkspace, args: Arguments) -> Json:
    """Return what stands in a channel, newest first; ephemeral messages are never in it."""
    channel = _readable(live, args)
    messages = [each for each in channel.lasting() if not each.is_reply or each.broadcast]
    chosen = _between(messages, args)[::-1]
    page, metadata = args.page(chosen, default=100, most=999)
    return {
        "messages": [_told(live, channel, message, args) for message in page],
        "has_more": bool(metadata["next_cursor"]),
        "response_metadata": metadata,
    }


def replies(live: LiveWorkspace, args: Arguments) -> Json:
    """Return a message and the replies to it, oldest first."""
    channel = _readable(live, args)
    parent = channel.messages.get(args.required("ts"))
    if parent is None or parent.visible_to is not None:
        raise SlackError("thread_not_found")
    chosen = [parent, *_between(channel.replies(parent.ts), args)]
    page, metadata = args.page(chosen, default=100, most=999)
    return {
        "messages": [_told(live, channel, message, args) for message in page],
        "has_more": bool(metadata["next_cursor"]),
        "response_metadata": metadata,
    }


def open_direct_message(live: LiveWorkspace, args: Arguments) -> Json:
    """Open (or find) the direct message with one person."""
    if args.string("channel"):
        channel = live.channel_seen_by_app(args.string("channel"))
    else:
        users = args.names("users")
        if not users:
            raise SlackError("users_list_not_supplied")
        if len(users) > 1:
            raise SlackError("method_not_supported_for_channel_type")
        channel = live.direct_message(users[0])
    shape = channel_object(live, channel) if args.flag("return_im") else {"id": channel.id}
    return {"channel": shape}


def join(live: LiveWorkspace, args: Arguments) -> Json:
    """Join a public channel."""
    channel = live.channel_seen_by_app(args.required("channel"))
    if channel.kind != "channel":
        raise SlackError("method_not_supported_for_channel_type")
    if channel.archived:
        raise SlackError("is_archived")
    channel.members.add(live.app.user_id)
    live.tell_reload(channel.members)
    return {"channel": channel_object(live, channel)}


def _channel(live: LiveWorkspace, args: Arguments, right: str) -> Conversation:
    channel = live.channel_seen_by_app(args.required("channel"))
    conversation_scope(live.manifest, channel.kind, right)
    return channel


def _readable(live: LiveWorkspace, args: Arguments) -> Conversation:
    channel = _channel(live, args, "history")
    if live.app.user_id not in channel.members:
        raise SlackError("not_in_channel")
    return channel


def _between(messages: Sequence[Message], args: Arguments) -> list[Message]:
    oldest, latest = args.string("oldest") or "0", args.string("latest")
    try:
        low, high = float(oldest), float(latest) if latest else float("inf")
    except ValueError:
        raise SlackError("invalid_ts_oldest") from None
    if args.flag("inclusive"):
        return [each for each in messages if low <= float(each.ts) <= high]
    return [each for each in messages if low < float(each.ts) < high]


def _told(live: LiveWorkspace, channel: Conversation, message: Message, args: Arguments) -> Json:
    shape = message_object(live, channel, message)
    if message.metadata and args.flag("include_all_metadata"):
        shape["metadata"] = message.metadata
    return shape


METHODS: dict[str, Callable[[LiveWorkspace, Arguments], Json]] = {
    "conversations.list": list_channels,
    "conversations.info": info,
    "conversations.members": members,
    "conversations.history": history,
    "conversations.replies": replies,
    "conversations.open": open_direct_message,
    "conversations.join": join,
}
