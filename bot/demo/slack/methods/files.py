"""files.*: the two calls around an upload (the bytes come to `web_api.upload`)."""

from collections.abc import Callable

from bot.demo.slack.arguments import Arguments
from bot.demo.slack.content import checked_message
from bot.demo.slack.errors import Json, SlackError, missing_field
from bot.demo.slack.files import File
from bot.demo.slack.live import Content, LiveWorkspace
from bot.demo.slack.methods.chat import thread_of
from bot.demo.slack.shapes import file_object

MOST_BYTES = 50_000_000


def get_upload_url(live: LiveWorkspace, args: Arguments) -> Json:
    """Announce a file by name and length, and say where its bytes go."""
    name, length = args.required("filename"), args.required("length")
    if not length.isdecimal() or not 0 < int(length) <= MOST_BYTES:
        message = f"[ERROR] must be 1 to {MOST_BYTES} [json-pointer:/length]"
        raise SlackError("invalid_arguments", messages=[message])
    file = live.files.announce(name, int(length))
    return {"upload_url": f"{live.base_url}/upload/v1/{file.ticket}", "file_id": file.id}


def complete_upload(live: LiveWorkspace, args: Arguments) -> Json:
    """Finish uploads and, with a channel, share them there in one message."""
    entries = args.structured("files")
    if not isinstance(entries, list) or not entries:
        raise missing_field("files")
    channel_id = args.string("channel_id")
    if not channel_id:
        return {"files": [file_object(file) for file in _finish(live, entries)]}
    channel = live.channel_seen_by_app(channel_id)
    if live.app.user_id not in channel.members:
        raise SlackError("not_in_channel")
    if channel.archived:
        raise SlackError("is_archived")
    comment = args.string("initial_comment")
    content = checked_message(comment, None) if comment else Content("")
    thread_ts = thread_of(channel, args.string("thread_ts"))
    files = _finish(live, entries)
    for file in files:
        file.shared_in = channel.id
    live.post(channel, content, thread_ts=thread_ts, files=[file.id for file in files])
    return {"files": [file_object(file) for file in files]}


def _finish(live: LiveWorkspace, entries: list[Json]) -> list[File]:
    return [live.files.complete(str(entry.get("id")), entry.get("title")) for entry in entries]


METHODS: dict[str, Callable[[LiveWorkspace, Arguments], Json]] = {
    "files.getUploadURLExternal": get_upload_url,
    "files.completeUploadExternal": complete_upload,
}
