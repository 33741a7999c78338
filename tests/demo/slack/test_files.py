"""Files: what files_upload_v2 does, and what is refused on the way."""

from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.demo.slack import demo_workspace as demo
from bot.demo.slack.server import LocalSlack
from tests.demo.slack.test_web_api import error

CSV = "instance_id,status\ni-1,NON_COMPLIANT\n"


def test_a_csv_is_uploaded_into_a_thread(slack: LocalSlack, client: WebClient) -> None:
    """The members of the channel see its first lines and can download it; others cannot."""
    parent = client.chat_postMessage(channel=demo.PATCHING, text="nodes")["ts"]
    client.files_upload_v2(
        filename="nodes.csv",
        content=CSV,
        title="Nodes",
        channel=demo.PATCHING,
        thread_ts=parent,
        initial_comment="All 48 nodes",
    )
    maya = slack.person(demo.MAYA)
    reply = maya.thread(demo.PATCHING, parent)[1]
    (file,) = reply["files"]
    assert reply["text"] == "All 48 nodes"
    assert (file["name"], file["size"], file["mimetype"]) == ("nodes.csv", len(CSV), "text/csv")
    assert file["preview"] == ["instance_id,status", "i-1,NON_COMPLIANT"]
    assert maya.download(file) == CSV.encode()
    with pytest.raises(LookupError, match="file_not_found"):
        slack.person(demo.STRANGER).download(file)


def test_uploads_that_are_refused(slack: LocalSlack, client: WebClient) -> None:
    """Bytes of the wrong length, an unknown file, one completed twice, a place without the app."""
    ticket = client.files_getUploadURLExternal(filename="a.txt", length=3)
    wrong = Request(ticket["upload_url"], b"four", method="POST")  # noqa: S310
    with pytest.raises(HTTPError) as refusal:
        urlopen(wrong)  # noqa: S310
    refusal.value.close()
    assert refusal.value.code == 400
    complete = client.files_completeUploadExternal
    entry = [{"id": ticket["file_id"], "title": "A"}]
    assert error(complete, files=entry, channel_id=demo.PATCHING) == "file_not_found"
    with urlopen(Request(ticket["upload_url"], b"abc", method="POST")) as taken:  # noqa: S310
        assert taken.read() == b"OK - 3"
    assert error(complete, files=entry, channel_id=demo.SECURITY) == "not_in_channel"
    assert error(complete, files=entry, channel_id="C0NOWHERE") == "channel_not_found"
    assert complete(files=entry, channel_id=demo.PATCHING)["files"][0]["title"] == "A"
    assert error(complete, files=entry, channel_id=demo.PATCHING) == "file_not_found"
    assert error(client.files_getUploadURLExternal, filename="a", length=0) == "invalid_arguments"


PNG = b"\x89PNG\r\n\x1a\n and more"


def uploaded(client: WebClient, content: bytes, name: str = "chart.png") -> str:
    """A file of the app's that is shared nowhere."""
    found: str = client.files_upload_v2(filename=name, content=content)["files"][0]["id"]
    return found


def with_file(file_id: str) -> list[dict[str, object]]:
    return [
        {"type": "divider"},
        {"type": "image", "alt_text": "A chart", "slack_file": {"id": file_id}},
    ]


def test_a_picture_of_the_app_is_shown_to_whoever_sees_the_message(
    slack: LocalSlack, client: WebClient
) -> None:
    """In a message, an ephemeral one and a Home tab; nobody else gets its bytes, nor before it stands anywhere."""
    maya, priya = slack.person(demo.MAYA), slack.person(demo.PRIYA)
    file_id = uploaded(client, PNG)
    with pytest.raises(LookupError, match="file_not_found"):
        maya.picture(file_id)
    client.chat_postEphemeral(
        channel=demo.PATCHING, user=demo.MAYA, text="x", blocks=with_file(file_id)
    )
    assert maya.picture(file_id) == PNG
    with pytest.raises(LookupError, match="file_not_found"):
        priya.picture(file_id)
    client.views_publish(user_id=demo.PRIYA, view={"type": "home", "blocks": with_file(file_id)})
    assert priya.picture(file_id) == PNG


def test_what_is_no_picture_of_the_app_is_refused_as_slack_does(
    slack: LocalSlack, client: WebClient
) -> None:
    """A file nobody uploaded, one that was not completed, one that only its name calls a picture."""
    announced = client.files_getUploadURLExternal(filename="a.png", length=3)["file_id"]
    for file_id in ("F0NOBODYS1", announced, uploaded(client, b"<svg/>")):
        with pytest.raises(SlackApiError) as refused:
            client.chat_postMessage(channel=demo.PATCHING, text="x", blocks=with_file(file_id))
        answer = refused.value.response
        assert answer["error"] == "invalid_blocks"
        where = "[ERROR] invalid slack file [json-pointer:/blocks/1/slack_file]"
        assert answer["response_metadata"]["messages"] == [where]
        home = {"type": "home", "blocks": with_file(file_id)}
        assert error(client.views_publish, user_id=demo.MAYA, view=home) == "invalid_blocks"


def test_a_picture_in_a_thread_has_a_thumbnail(slack: LocalSlack, client: WebClient) -> None:
    """By its bytes; anything else is only to be downloaded."""
    for name, content in (("trend.png", PNG), ("list.csv", CSV.encode()), ("x.png", b"<svg/>")):
        client.files_upload_v2(filename=name, content=content, channel=demo.PATCHING)
    maya = slack.person(demo.MAYA)
    shown = [message["files"][0] for message in maya.messages(demo.PATCHING)[-3:]]
    assert [bool(file["picture"]) for file in shown] == [True, False, False]
    assert maya.download({"url": shown[0]["picture"]}) == PNG
