"""The page's interface: who may talk to it, what it shows to whom, and live updates."""

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from slack_sdk import WebClient

from bot.demo.slack import demo_workspace as demo
from bot.demo.slack.security import CONTENT_SECURITY_POLICY
from bot.demo.slack.server import LocalSlack
from tests.demo.slack.building import button, modal
from tests.demo.slack.receiver import Receiver


def ask(
    slack: LocalSlack, method: str, target: str, *, body: bytes | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """Send one raw request; header names are written with underscores."""
    address = urlsplit(slack.url)
    connection = http.client.HTTPConnection("127.0.0.1", address.port, timeout=10)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request(method, target, body, named)
        with connection.getresponse() as response:
            found = {name.lower(): value for name, value in response.getheaders()}
            return response.status, found, response.read()
    finally:
        connection.close()


def post_headers(slack: LocalSlack) -> dict[str, str]:
    """Return what the page sends with a POST."""
    return {"Origin": slack.url.rstrip("/"), "X_Local_Slack": "page"}


MESSAGE = json.dumps({"as": demo.MAYA, "channel": demo.GENERAL, "text": "hi"}).encode()


@pytest.mark.parametrize("target", ["/", "/static/app.js", "/page/state", "/nowhere", "/api/x"])
def test_every_answer_carries_the_security_headers(slack: LocalSlack, target: str) -> None:
    """Also errors; and never a CORS header."""
    _, headers, _ = ask(slack, "GET", target)
    assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert not any(name.startswith("access-control-") for name in headers)
    if target == "/page/state":
        assert headers["cache-control"] == "no-store"


def test_the_page_is_served(slack: LocalSlack) -> None:
    """index.html and its files, and nothing outside the folder."""
    assert ask(slack, "GET", "/")[0] == 200
    assert ask(slack, "GET", "/static/app.js")[0] == 200
    assert ask(slack, "GET", "/static/../server.py")[0] == 404
    assert ask(slack, "GET", "/static/%2e%2e/manifest.yml")[0] == 404


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "localhost:1", "127.0.0.1.evil:80"])
def test_other_hosts_are_refused(slack: LocalSlack, host: str) -> None:
    """DNS rebinding: a foreign name that resolves to loopback reads nothing."""
    assert ask(slack, "GET", "/page/state", Host=host)[0] == 403


def test_localhost_is_a_name_of_it(slack: LocalSlack) -> None:
    """With the right port."""
    port = urlsplit(slack.url).port
    assert ask(slack, "GET", "/page/state", Host=f"localhost:{port}")[0] == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": None},
        {"X_Local_Slack": None},
        {"X_Local_Slack": "other"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
def test_a_foreign_page_cannot_act(slack: LocalSlack, wrong: dict[str, str | None]) -> None:
    """Origin, the page's own header and the browser's own judgement must all fit."""
    right = post_headers(slack)
    assert ask(slack, "POST", "/page/message", body=MESSAGE, **right)[0] == 200
    changed = {**right, **wrong}
    headers = {name: value for name, value in changed.items() if value is not None}
    status, _, _ = ask(slack, "POST", "/page/message", body=MESSAGE, **headers)
    assert status == 403
    assert len(slack.person(demo.MAYA).messages(demo.GENERAL)) == 1


def test_a_browser_elsewhere_cannot_use_the_apps_side(slack: LocalSlack) -> None:
    """The Web API and response_urls are refused to other origins even with a token."""
    headers = {"Origin": "https://evil.example", "Authorization": f"Bearer {slack.bot_token}"}
    assert ask(slack, "POST", "/api/auth.test", body=b"", **headers)[0] == 403


def test_bodies_that_are_no_json_object_are_400(slack: LocalSlack) -> None:
    """Malformed is not refused."""
    for body in (b"", b"[1]", b"{", b"\xff"):
        assert ask(slack, "POST", "/page/message", body=body, **post_headers(slack))[0] == 400


def test_state_shows_people_channels_and_commands_but_no_secret(slack: LocalSlack) -> None:
    """No token, no signing secret, no deactivated person."""
    _, _, body = ask(slack, "GET", "/page/state")
    for secret in (slack.bot_token, slack.app_token, slack.signing_secret):
        assert secret.encode() not in body
    state = json.loads(body)
    kinds = {each["id"]: each["kind"] for each in state["users"]}
    assert kinds[demo.GUS] == "guest"
    assert kinds[demo.WORKFLOW] == "bot"
    assert kinds[demo.MAYA] == "member"
    assert demo.DANA not in kinds
    assert state["app"]["bot_user_id"] in kinds
    shown = {each["id"]: each for each in state["channels"]}
    assert (shown[demo.APPROVALS]["kind"], shown[demo.SHARED]["shared"]) == ("private", True)
    (patch, _) = state["commands"]
    assert (patch["command"], patch["usage_hint"]) == ("/patch", "status prod")


def test_channels_are_read_by_their_members_only(slack: LocalSlack, client: WebClient) -> None:
    """As somebody else, or as nobody, there is no such channel."""
    client.chat_postMessage(channel=demo.APPROVALS, text="secret plan")
    target = f"/page/messages?channel={demo.APPROVALS}&as="
    assert b"secret plan" in ask(slack, "GET", target + demo.MAYA)[2]
    for other in (demo.ELENA, demo.DANA, demo.WORKFLOW, "U0NOBODY", ""):
        status, _, body = ask(slack, "GET", target + other)
        assert status == 404
        assert b"secret plan" not in body


def test_a_message_of_a_person(slack: LocalSlack) -> None:
    """Mentions become ids; html is just text; empty says nothing; archived takes nothing."""
    maya = slack.person(demo.MAYA)
    sent = maya.say(demo.GENERAL, "ask @jonas in #security <b>&")
    (shown,) = maya.messages(demo.GENERAL)
    assert shown["ts"] == sent["ts"]
    assert shown["text"] == f"ask <@{demo.JONAS}> in <#{demo.SECURITY}> &lt;b&gt;&amp;"
    assert shown["author"] == {"name": "Maya Lindqvist", "is_app": False}
    assert maya.say(demo.GENERAL, "  ")["error"] == "no_text"
    slack.admin.archive(demo.GENERAL)
    assert maya.say(demo.GENERAL, "x")["error"] == "is_archived"


def test_permalinks_go_to_their_place(slack: LocalSlack) -> None:
    """A redirect into the page, with the thread where there is one."""
    _, headers, _ = ask(slack, "GET", "/archives/C1/p1700000000000100")
    assert headers["location"] == "/#/C1/1700000000.000100"
    threaded = "/archives/C1/p1700000000000100?thread_ts=1600000000.000100"
    _, headers, _ = ask(slack, "GET", threaded)
    assert headers["location"] == "/#/C1/1600000000.000100/1700000000.000100"
    assert ask(slack, "GET", "/archives/C1/nonsense")[0] == 404


@contextmanager
def stream(slack: LocalSlack, person: str) -> Iterator[Iterator[dict[str, Any]]]:
    """Listen to the live updates of `person`."""
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(slack.url).port, timeout=10)
    connection.request("GET", f"/page/events?as={person}")
    response = connection.getresponse()

    def events() -> Iterator[dict[str, Any]]:
        for line in response:
            if line.startswith(b"data: "):
                yield json.loads(line[6:])

    try:
        yield events()
    finally:
        response.close()
        connection.close()


def test_live_updates(slack: LocalSlack, client: WebClient, receiver: Receiver) -> None:
    """Messages, changes, deletions, views and Home come as they happen."""
    with stream(slack, demo.MAYA) as events:
        assert next(events) == {"type": "view_stack", "views": []}
        posted = client.chat_postMessage(channel=demo.PATCHING, text="a", blocks=[button("go")])
        event = next(events)
        assert (event["type"], event["message"]["text"]) == ("message", "a")
        client.chat_update(channel=demo.PATCHING, ts=posted["ts"], text="b")
        assert next(events)["message"]["text"] == "b"
        client.chat_postMessage(channel=demo.PATCHING, text="c", thread_ts=posted["ts"])
        assert next(events)["message"]["thread_ts"] == posted["ts"]
        event = next(events)
        assert (event["type"], event["message"]["reply_count"]) == ("message_changed", 1)
        lone = client.chat_postMessage(channel=demo.PATCHING, text="d")
        next(events)
        client.chat_delete(channel=demo.PATCHING, ts=lone["ts"])
        deleted = {"type": "message_deleted", "channel": demo.PATCHING, "ts": lone["ts"]}
        assert next(events) == deleted
        slack.person(demo.MAYA).command(demo.GENERAL, "/patch install")
        client.views_open(trigger_id=receiver.last["trigger_id"], view=modal())
        event = next(events)
        assert event["type"] == "view_opened"
        slack.person(demo.MAYA).close(event["view"])
        assert next(events) == {"type": "view_closed", "view_id": event["view"]["id"]}
        slack.admin.kick_app(demo.GENERAL)
        assert next(events) == {"type": "channels"}


def test_live_updates_are_only_what_one_may_see(slack: LocalSlack, client: WebClient) -> None:
    """Neither others' ephemeral messages nor channels one is not in."""
    with stream(slack, demo.ELENA) as events:
        next(events)
        client.chat_postMessage(channel=demo.APPROVALS, text="not hers")
        client.chat_postEphemeral(channel=demo.PATCHING, user=demo.MAYA, text="nor this")
        client.chat_postMessage(channel=demo.PATCHING, text="hers")
        assert next(events)["message"]["text"] == "hers"


def test_the_stream_ends_when_slack_stops(slack: LocalSlack) -> None:
    """No page is left hanging, no thread either."""
    with stream(slack, demo.MAYA) as events:
        next(events)
        slack.live.feed.close()
        assert list(events) == []
