"""What an app may do with a response_url, and with the body of a command's ack.

Source: api.slack.com, "Handling user interaction"; that a command's response_url replaces nothing
is seen in the real Slack (bolt-python issue 1268, bolt-js issue 2287).
"""

from bot.demo.slack.content import checked_message
from bot.demo.slack.conversations import Conversation
from bot.demo.slack.errors import Json, SlackError
from bot.demo.slack.live import LiveWorkspace
from bot.demo.slack.methods.chat import thread_of


def use_response_url(live: LiveWorkspace, path: str, body: Json) -> None:
    """Do what the app posted to a response_url; raises SlackError."""
    issued = live.response_urls.use(path)
    channel = live.channels.get(issued.channel)
    if channel is None:
        raise SlackError("channel_not_found")
    changes = body.get("replace_original") or body.get("delete_original")
    if issued.message_ts is None or not changes:
        say(live, channel, person=issued.user, body=body)
        return
    message = channel.messages.get(issued.message_ts)
    if message is None:
        raise SlackError("message_not_found")
    if body.get("delete_original"):
        live.remove(channel, message)
    else:
        live.edit(channel, message, checked_message(str(body.get("text", "")), body.get("blocks")))


def say(live: LiveWorkspace, channel: Conversation, *, person: str, body: Json) -> None:
    """Post `body`: to `person` only, or to all with response_type in_channel; raises SlackError."""
    content = checked_message(str(body.get("text") or ""), body.get("blocks"))
    to_all = body.get("response_type") == "in_channel"
    thread_ts = thread_of(channel, str(body.get("thread_ts") or ""))
    live.post(channel, content, thread_ts=thread_ts, visible_to=None if to_all else person)
