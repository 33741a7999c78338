"""Slash commands: what is sent, what the ack may say, how failures read, what a response_url takes."""

import json
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from slack_sdk.webhook import WebhookClient
from starlette.responses import PlainTextResponse, Response

from bot.demo.slack import demo_workspace as demo
from bot.demo.slack.http_mode import sign
from bot.demo.slack.server import LocalSlack
from tests.demo.slack.building import section
from tests.demo.slack.conftest import Clock
from tests.demo.slack.receiver import Receiver

FIELDS = {
    "token",
    "team_id",
    "team_domain",
    "channel_id",
    "channel_name",
    "user_id",
    "user_name",
    "command",
    "text",
    "api_app_id",
    "is_enterprise_install",
    "response_url",
    "trigger_id",
}


def test_the_form_has_slacks_fields_and_a_valid_signature(
    slack: LocalSlack, receiver: Receiver
) -> None:
    """The signature is over the raw body and the timestamp header."""
    assert slack.person(demo.MAYA).command(demo.APPROVALS, "/patch status prod")["ok"]
    assert set(receiver.last) == FIELDS
    assert receiver.last["channel_name"] == "privategroup"
    headers = receiver.headers[0]
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert headers["x-slack-signature"] == sign(
        slack.signing_secret,
        timestamp=headers["x-slack-request-timestamp"],
        body=receiver.bodies[0],
    )


@pytest.mark.parametrize(
    ("typed", "arrives"),
    [
        ("/patch approvals @jonas", "approvals <@U0JONAS001|jonas>"),
        ("/patch digest #general, @jonas.", "digest <#C0GENERAL1|general>, <@U0JONAS001|jonas>."),
        ("/patch who @platform-approvers", "who <!subteam^S0PLATFORM|platform-approvers>"),
        ("/patch see https://aws.example/a?b=1&c=2", "see <https://aws.example/a?b=1&amp;c=2>"),
        ("/patch node a<b&c", "node a&lt;b&amp;c"),
        ("/patch mail a@jonas @nobody #1", "mail a@jonas @nobody #1"),
        ("/raw approvals @jonas <b>", "approvals @jonas <b>"),
    ],
)
def test_mentions_are_escaped_where_the_manifest_says_so(
    slack: LocalSlack, receiver: Receiver, typed: str, arrives: str
) -> None:
    """should_escape turns names into ids; without it the text comes as typed."""
    slack.person(demo.MAYA).command(demo.GENERAL, typed)
    assert receiver.last["text"] == arrives


def test_the_ack_may_answer(slack: LocalSlack, receiver: Receiver) -> None:
    """Ephemeral by default, for all with in_channel; a body that is text is shown as text."""
    maya, jonas = slack.person(demo.MAYA), slack.person(demo.JONAS)
    receiver.answer({"text": "only you"})
    receiver.answer({"text": "everybody", "response_type": "in_channel"})
    receiver.answers.append(PlainTextResponse("as text"))
    for _ in range(3):
        assert maya.command(demo.GENERAL, "/patch help") == {"ok": True}
    seen = [each["text"] for each in maya.messages(demo.GENERAL)]
    assert seen == ["only you", "everybody", "as text"]
    assert [each["text"] for each in jonas.messages(demo.GENERAL)] == ["everybody"]


def test_an_ack_that_slack_would_refuse_fails_the_command(
    slack: LocalSlack, receiver: Receiver
) -> None:
    """And stands in the log of calls, with the place of the fault."""
    receiver.answer({"text": "x", "blocks": [section("y" * 3_001)]})
    answer = slack.person(demo.MAYA).command(demo.GENERAL, "/patch help")
    assert answer == {
        "ok": False,
        "error": "invalid_blocks",
        "message": '/patch failed with the error "invalid_blocks"',
    }
    (call,) = slack.calls.refused()
    assert call.method == "ack slash_commands"
    assert "/blocks/0/text" in call.answer["response_metadata"]["messages"][0]


@pytest.mark.parametrize("status", [404, 500, 302, 204])
def test_an_answer_other_than_200_is_dispatch_failed(
    slack: LocalSlack, receiver: Receiver, status: int
) -> None:
    """In Slack's own words."""
    receiver.answers.append(Response(status_code=status))
    answer = slack.person(demo.MAYA).command(demo.GENERAL, "/patch help")
    assert answer["message"] == '/patch failed with the error "dispatch_failed"'


def test_an_app_that_is_not_there_is_dispatch_failed(slack: LocalSlack) -> None:
    """Neither over HTTP nor over Socket Mode."""
    maya = slack.person(demo.MAYA)
    assert maya.command(demo.GENERAL, "/patch help")["error"] == "dispatch_failed"
    slack.connect_http("http://127.0.0.1:9/slack/events")
    assert maya.command(demo.GENERAL, "/patch help")["error"] == "dispatch_failed"


def test_who_may_not_use_a_command(slack: LocalSlack, receiver: Receiver) -> None:
    """Unknown commands, people of another team, threads, and places one is not in."""
    maya = slack.person(demo.MAYA)
    assert maya.command(demo.GENERAL, "/deploy")["error"] == "unknown_command"
    stranger = slack.person(demo.STRANGER)
    assert stranger.command(demo.SHARED, "/patch help")["error"] == "unknown_command"
    assert maya.command(demo.SECURITY, "/patch help")["error"] == "channel_not_found"
    for nobody in (demo.DANA, demo.WORKFLOW, "U0NOBODY"):
        answer = slack.person(nobody).command(demo.GENERAL, "/patch help")
        assert answer["error"] == "user_not_found"
    assert receiver.payloads == []


def use(url: str, body: dict[str, Any]) -> tuple[int, str]:
    """Post to a response_url as anybody could; returns status and body."""
    request = Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})  # noqa: S310
    try:
        with urlopen(request) as response:  # noqa: S310
            return response.status, response.read().decode()
    except HTTPError as refusal:
        with refusal:
            return refusal.code, json.loads(refusal.read())["error"]


def test_a_response_url_takes_five_messages(slack: LocalSlack, receiver: Receiver) -> None:
    """The sixth is refused with used_url."""
    slack.person(demo.MAYA).command(demo.GENERAL, "/patch help")
    url = receiver.last["response_url"]
    answers = [use(url, {"text": f"answer {number}"}) for number in range(6)]
    assert answers == [(200, "ok")] * 5 + [(404, "used_url")]
    assert len(slack.person(demo.MAYA).messages(demo.GENERAL)) == 5


def test_a_response_url_ends_after_30_minutes(
    slack: LocalSlack, receiver: Receiver, clock: Clock
) -> None:
    """expired_url from then on; and an invented address was never one."""
    slack.person(demo.MAYA).command(demo.GENERAL, "/patch help")
    url = receiver.last["response_url"]
    clock.advance(29 * 60)
    assert use(url, {"text": "late"}) == (200, "ok")
    clock.advance(2 * 60)
    assert use(url, {"text": "too late"}) == (404, "expired_url")
    assert use(url[:-4] + "0000", {"text": "guess"}) == (404, "invalid_url")


def test_a_commands_response_url_replaces_nothing(slack: LocalSlack, receiver: Receiver) -> None:
    """As in the real Slack: replace_original posts a new message."""
    maya = slack.person(demo.MAYA)
    maya.command(demo.GENERAL, "/patch help")
    webhook = WebhookClient(receiver.last["response_url"])
    webhook.send(text="Checking")
    webhook.send(text="Done", replace_original=True)
    assert [each["text"] for each in maya.messages(demo.GENERAL)] == ["Checking", "Done"]


def test_a_response_url_is_as_strict_as_posting(slack: LocalSlack, receiver: Receiver) -> None:
    """Blocks over a limit are refused, and nothing is shown."""
    maya = slack.person(demo.MAYA)
    maya.command(demo.GENERAL, "/patch help")
    url = receiver.last["response_url"]
    assert use(url, {"text": "x", "blocks": [{"type": "blink"}]}) == (400, "invalid_blocks")
    assert use(url, {"text": ""}) == (400, "no_text")
    assert maya.messages(demo.GENERAL) == []
    assert use(url, {"text": "hello all", "response_type": "in_channel"}) == (200, "ok")
    assert slack.person(demo.JONAS).messages(demo.GENERAL)[0]["text"] == "hello all"
