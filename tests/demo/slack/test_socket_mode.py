"""Socket Mode: several connections, refreshes, tickets, and the app's own client."""

import contextlib
import json
from typing import Any

import pytest
from slack_sdk import WebClient
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from bot.demo.slack import demo_workspace as demo
from bot.demo.slack.server import LocalSlack
from tests.demo.slack.bolt_app import new_app, running, until


@pytest.fixture
def address(slack: LocalSlack) -> Any:
    """A function that opens a new connection address."""
    client = WebClient(slack.app_token, base_url=slack.api_url)
    return lambda: client.apps_connections_open(app_token=slack.app_token)["url"]


def test_a_connection_is_greeted_and_gets_envelopes(slack: LocalSlack, address: Any) -> None:
    """hello, then payloads to one connection at a time, acked by envelope_id."""
    with connect(address()) as one, connect(address()) as two:
        greetings = [json.loads(each.recv(5)) for each in (one, two)]
        assert [each["type"] for each in greetings] == ["hello", "hello"]
        assert greetings[1]["num_connections"] == 2
        slack.person(demo.MAYA).open_home()
        received = []
        for each in (one, two):
            try:
                received.append((each, json.loads(each.recv(0.5))))
            except TimeoutError:
                continue
        ((socket, envelope),) = received
        assert envelope["type"] == "events_api"
        assert envelope["accepts_response_payload"] is False
        assert envelope["retry_attempt"] == 0
        socket.send("no json")
        socket.send(json.dumps({"envelope_id": "unknown"}))
        socket.send(json.dumps({"envelope_id": envelope["envelope_id"]}))


def test_an_address_opens_one_connection(slack: LocalSlack, address: Any) -> None:
    """A used, a guessed and a foreign one are refused."""
    url = address()
    with connect(url) as websocket:
        websocket.recv(5)
    for wrong in (url, url.replace("ticket=", "ticket=x")):
        with pytest.raises(InvalidStatus), connect(wrong):
            pass
    foreign = Origin("https://evil.example")
    with pytest.raises(InvalidStatus), connect(address(), origin=foreign):
        pass


def test_the_eleventh_connection_is_sent_away(slack: LocalSlack, address: Any) -> None:
    """Ten connections are Slack's limit for an app."""
    with contextlib.ExitStack() as sockets:
        for _ in range(10):
            sockets.enter_context(connect(address()))
        until(lambda: slack.connections == 10)
        eleventh = sockets.enter_context(connect(address()))
        assert json.loads(eleventh.recv(5))["reason"] == "too_many_websockets"


@pytest.mark.parametrize("goodbye", ["refresh_requested", "cut"])
def test_bolt_comes_back_after_a_disconnect(slack: LocalSlack, goodbye: str) -> None:
    """Slack asks connections to go from time to time, or they break: commands work again."""
    app = new_app(slack)

    @app.command("/patch")
    def patch(ack: Any) -> None:
        ack(text="here")

    with running(app, slack, "socket"):
        first = len(slack.calls.all())
        if goodbye == "cut":
            slack.drop_sockets()
        else:
            slack.disconnect_sockets()
        until(lambda: slack.connections == 1, seconds=30)
        assert len(slack.calls.all()) >= first
        assert slack.person(demo.MAYA).command(demo.GENERAL, "/patch help") == {"ok": True}
