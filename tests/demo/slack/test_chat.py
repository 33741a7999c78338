"""chat.*: where an app may write, what it may change, and what is refused."""

from pathlib import Path

import pytest
from slack_sdk import WebClient

from bot.demo.slack import demo_workspace as demo
from bot.demo.slack.server import LocalSlack
from tests.demo.slack.building import button, section
from tests.demo.slack.test_web_api import error, refused


def test_posting_by_id_name_and_person(slack: LocalSlack, client: WebClient) -> None:
    """A channel id, a #name, and a user id, which opens the direct message."""
    assert client.chat_postMessage(channel=demo.PATCHING, text="a")["channel"] == demo.PATCHING
    assert client.chat_postMessage(channel="#general", text="b")["channel"] == demo.GENERAL
    direct = client.chat_postMessage(channel=demo.MAYA, text="c")["channel"]
    assert direct.startswith("D")
    assert [each["text"] for each in slack.person(demo.MAYA).messages(direct)] == ["c"]
    with pytest.raises(LookupError, match="channel_not_found"):
        slack.person(demo.JONAS).messages(direct)


def test_public_channels_need_the_app_in_them_or_the_scope(manifest: Path, page: Path) -> None:
    """chat:write.public is what opens a channel the app is not in."""
    full = manifest.read_text()
    with LocalSlack(manifest, page=page) as slack:
        WebClient(slack.bot_token, base_url=slack.api_url).chat_postMessage(
            channel=demo.SECURITY, text="with the scope"
        )
    manifest.write_text(full.replace("chat:write.public, ", ""))
    with LocalSlack(manifest, page=page) as slack:
        post = WebClient(slack.bot_token, base_url=slack.api_url).chat_postMessage
        assert error(post, channel=demo.SECURITY, text="x") == "not_in_channel"
        assert post(channel=demo.PATCHING, text="as a member")["ok"]


def test_tabs_of_the_app_that_the_manifest_leaves_out(manifest: Path, page: Path) -> None:
    """Without a messages tab no direct messages, without a Home tab no Home."""
    manifest.write_text(manifest.read_text().replace("_tab_enabled: true", "_tab_enabled: false"))
    with LocalSlack(manifest, page=page) as slack:
        client = WebClient(slack.bot_token, base_url=slack.api_url)
        home = {"type": "home", "blocks": [section("x")]}
        post = client.chat_postMessage
        assert error(post, channel=demo.MAYA, text="x") == "messages_tab_disabled"
        assert error(client.views_publish, user_id=demo.MAYA, view=home) == "not_enabled"


def test_places_that_cannot_be_written_to(slack: LocalSlack, client: WebClient) -> None:
    """Nowhere, an archived channel, a deleted one, a deactivated person, another bot."""
    post = client.chat_postMessage
    assert error(post, channel="C0NOWHERE", text="x") == "channel_not_found"
    slack.admin.archive(demo.PATCHING)
    assert error(post, channel=demo.PATCHING, text="x") == "is_archived"
    slack.admin.delete_channel(demo.PATCHING)
    assert error(post, channel=demo.PATCHING, text="x") == "channel_not_found"
    assert error(post, channel=demo.DANA, text="x") == "user_disabled"
    assert error(post, channel=demo.WORKFLOW, text="x") == "cannot_dm_bot"


def test_text_is_needed_and_has_a_length(client: WebClient) -> None:
    """no_text also with blocks (stricter than Slack: notifications need it); msg_too_long."""
    empty = {"channel": demo.PATCHING, "text": " ", "blocks": []}
    wordless = {**empty, "blocks": [section("facts")]}
    for message in (empty, wordless):
        assert error(client.api_call, "chat.postMessage", json=message) == "no_text"
    post = client.chat_postMessage
    assert error(post, channel=demo.PATCHING, text="x" * 40_001) == "msg_too_long"
    assert client.chat_postMessage(channel=demo.PATCHING, text="x" * 4_000)["ok"]


def test_blocks_over_a_limit_are_refused_with_their_place(client: WebClient) -> None:
    """invalid_blocks comes with JSON pointers; too many characters have their own name."""
    post = client.chat_postMessage
    answer = refused(
        post, channel=demo.PATCHING, text="x", blocks=[section("ok"), section("y" * 3_001)]
    )
    assert answer["error"] == "invalid_blocks"
    assert any(
        "json-pointer:/blocks/1/text" in line for line in answer["response_metadata"]["messages"]
    )
    unknown = [{"type": "blink"}]
    assert error(post, channel=demo.PATCHING, text="x", blocks=unknown) == "invalid_blocks"
    many = [section("line")] * 51
    assert error(post, channel=demo.PATCHING, text="x", blocks=many) == "invalid_blocks"
    long = [section("z" * 3_000)] * 6
    assert error(post, channel=demo.PATCHING, text="x", blocks=long) == "msg_blocks_too_long"
    form = {"channel": demo.PATCHING, "text": "x", "blocks": '{"type":"divider"}'}
    assert error(client.api_call, "chat.postMessage", data=form) == "invalid_blocks_format"
    attached = [{"text": "old"}]
    assert error(post, channel=demo.PATCHING, text="x", attachments=attached) == (
        "invalid_attachments"
    )


def test_missing_ids_are_filled_in(slack: LocalSlack, client: WebClient) -> None:
    """Every block has a block_id and every element an action_id, as in Slack; given ones stay."""
    nameless = {"type": "button", "text": {"type": "plain_text", "text": "A"}}
    blocks = [section("x"), {"type": "actions", "elements": [nameless]}, button("given")]
    stored = client.chat_postMessage(channel=demo.PATCHING, text="x", blocks=blocks)
    first, second, third = stored["message"]["blocks"]
    assert first["block_id"]
    assert second["elements"][0]["action_id"]
    assert third["block_id"] == "b-given"
    shown = slack.person(demo.MAYA).messages(demo.PATCHING)[0]["blocks"]
    assert shown == stored["message"]["blocks"]


def test_update_changes_only_own_lasting_messages(slack: LocalSlack, client: WebClient) -> None:
    """Not a person's, not an ephemeral one, not one that is gone."""
    own = client.chat_postMessage(channel=demo.PATCHING, text="plan", blocks=[button("go")])
    theirs = slack.person(demo.MAYA).say(demo.PATCHING, "hello")
    secret = client.chat_postEphemeral(channel=demo.PATCHING, user=demo.MAYA, text="psst")
    update = client.chat_update
    assert error(update, channel=demo.PATCHING, ts=theirs["ts"], text="x") == "cant_update_message"
    assert error(update, channel=demo.PATCHING, ts=secret["message_ts"], text="x") == (
        "message_not_found"
    )
    assert error(update, channel=demo.PATCHING, ts="1.000001", text="x") == "message_not_found"
    assert error(update, channel=demo.MAYA, ts=own["ts"], text="x") == "channel_not_found"
    slack.admin.delete_message(demo.PATCHING, own["ts"])
    assert error(update, channel=demo.PATCHING, ts=own["ts"], text="x") == "message_not_found"


def test_update_with_text_alone_takes_the_blocks_away(slack: LocalSlack, client: WebClient) -> None:
    """And is shown as edited, which an update with blocks is not."""
    posted = client.chat_postMessage(channel=demo.PATCHING, text="plan", blocks=[button("go")])
    maya = slack.person(demo.MAYA)
    client.chat_update(
        channel=demo.PATCHING, ts=posted["ts"], text="approved", blocks=[section("done")]
    )
    (shown,) = maya.messages(demo.PATCHING)
    assert (shown["text"], shown["edited"]) == ("approved", False)
    client.chat_update(channel=demo.PATCHING, ts=posted["ts"], text="over")
    (shown,) = maya.messages(demo.PATCHING)
    assert (shown["text"], shown["blocks"], shown["edited"]) == ("over", None, True)


def test_delete_is_for_own_messages(slack: LocalSlack, client: WebClient) -> None:
    """A deleted message with replies leaves a tombstone."""
    theirs = slack.person(demo.MAYA).say(demo.PATCHING, "hello")
    delete = client.chat_delete
    assert error(delete, channel=demo.PATCHING, ts=theirs["ts"]) == "cant_delete_message"
    lone = client.chat_postMessage(channel=demo.PATCHING, text="lone")
    parent = client.chat_postMessage(channel=demo.PATCHING, text="parent")
    client.chat_postMessage(channel=demo.PATCHING, text="reply", thread_ts=parent["ts"])
    client.chat_delete(channel=demo.PATCHING, ts=lone["ts"])
    client.chat_delete(channel=demo.PATCHING, ts=parent["ts"])
    shown = {each["ts"]: each for each in slack.person(demo.MAYA).messages(demo.PATCHING)}
    assert lone["ts"] not in shown
    assert shown[parent["ts"]]["kind"] == "system"


def test_ephemeral_messages_are_for_one_member(slack: LocalSlack, client: WebClient) -> None:
    """Seen by that person only, who must be in the channel, as must the app."""
    client.chat_postEphemeral(channel=demo.PATCHING, user=demo.MAYA, text="for Maya")
    texts = [each["text"] for each in slack.person(demo.MAYA).messages(demo.PATCHING)]
    assert texts == ["for Maya"]
    assert slack.person(demo.JONAS).messages(demo.PATCHING) == []
    whisper = client.chat_postEphemeral
    stranger = demo.STRANGER
    assert error(whisper, channel=demo.PATCHING, user=stranger, text="x") == "user_not_in_channel"
    assert error(whisper, channel=demo.SECURITY, user=demo.PRIYA, text="x") == "not_in_channel"
    assert error(whisper, channel=demo.PATCHING, user="U0NOBODY", text="x") == "user_not_found"


def test_threads(slack: LocalSlack, client: WebClient) -> None:
    """Replies stand below their message; there is no thread below a reply or an ephemeral one."""
    post = client.chat_postMessage
    parent = post(channel=demo.PATCHING, text="digest")["ts"]
    reply = post(channel=demo.PATCHING, text="details", thread_ts=parent)["ts"]
    also = post(channel=demo.PATCHING, text="news", thread_ts=parent, reply_broadcast=True)["ts"]
    maya = slack.person(demo.MAYA)
    assert [each["ts"] for each in maya.messages(demo.PATCHING)] == [parent, also]
    assert [each["ts"] for each in maya.thread(demo.PATCHING, parent)] == [parent, reply, also]
    top = maya.messages(demo.PATCHING)[0]
    assert (top["reply_count"], top["latest_reply"]) == (2, also)
    told = client.conversations_replies(channel=demo.PATCHING, ts=parent)["messages"]
    assert [each["ts"] for each in told] == [parent, reply, also]
    gone = {"channel": demo.PATCHING, "text": "x", "thread_ts": "1.000001"}
    assert error(post, **gone) == "thread_not_found"
    assert error(post, **{**gone, "thread_ts": reply}) == "cannot_reply_to_message"
    whispered = client.chat_postEphemeral(channel=demo.PATCHING, user=demo.MAYA, text="x")
    secret = whispered["message_ts"]
    assert error(post, **{**gone, "thread_ts": secret}) == "cannot_reply_to_message"


def test_permalinks_lead_to_the_page(slack: LocalSlack, client: WebClient) -> None:
    """Only lasting messages have one."""
    parent = client.chat_postMessage(channel=demo.PATCHING, text="digest")["ts"]
    reply = client.chat_postMessage(channel=demo.PATCHING, text="more", thread_ts=parent)["ts"]
    link = client.chat_getPermalink(channel=demo.PATCHING, message_ts=parent)["permalink"]
    assert link == f"{slack.url}archives/{demo.PATCHING}/p{parent.replace('.', '')}"
    deep = client.chat_getPermalink(channel=demo.PATCHING, message_ts=reply)["permalink"]
    assert f"thread_ts={parent}" in deep
    get = client.chat_getPermalink
    assert error(get, channel=demo.PATCHING, message_ts="1.000001") == "message_not_found"
