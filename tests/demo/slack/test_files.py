"""Files: what files_upload_v2 does, and what is refused on the way."""

from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from slack_sdk import WebClient

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
