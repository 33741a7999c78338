"""Slack on a bad day, as the real slack_sdk client meets it."""

import http.client

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import (
    ConnectionErrorRetryHandler,
    RateLimitErrorRetryHandler,
)

from bot.demo.slack import demo_workspace as demo
from bot.demo.slack.server import LocalSlack
from tests.demo.slack.test_web_api import error


def texts(slack: LocalSlack) -> list[str]:
    """Return what stands in #platform-patching."""
    return [each["text"] for each in slack.person(demo.MAYA).messages(demo.PATCHING)]


def test_a_rate_limit_is_429_with_retry_after(slack: LocalSlack, client: WebClient) -> None:
    """As often as asked, then calls pass again; other methods are not touched."""
    slack.faults.rate_limit("chat.postMessage", times=2, retry_after=7)
    for _ in range(2):
        with pytest.raises(SlackApiError) as refusal:
            client.chat_postMessage(channel=demo.PATCHING, text="hello")
        assert refusal.value.response.status_code == 429
        assert refusal.value.response.headers["retry-after"] == "7"
        assert refusal.value.response["error"] == "ratelimited"
        assert client.auth_test()["ok"]
    client.chat_postMessage(channel=demo.PATCHING, text="hello")
    assert texts(slack) == ["hello"]


def test_the_sdks_own_retry_gets_through_a_rate_limit(slack: LocalSlack) -> None:
    """With its handler the caller sees one call; the log shows both."""
    slack.faults.rate_limit("chat.postMessage", retry_after=0)
    client = WebClient(
        slack.bot_token,
        base_url=slack.api_url,
        retry_handlers=[RateLimitErrorRetryHandler(max_retry_count=1)],
    )
    client.chat_postMessage(channel=demo.PATCHING, text="hello")
    assert [call.ok for call in slack.calls.of("chat.postMessage")] == [False, True]


def test_server_errors_and_refusals_do_nothing(slack: LocalSlack, client: WebClient) -> None:
    """A 503, and any error name."""
    slack.faults.server_error("chat.postMessage", status=503)
    with pytest.raises(SlackApiError) as refusal:
        client.chat_postMessage(channel=demo.PATCHING, text="lost")
    assert refusal.value.response.status_code == 503
    slack.faults.refuse("chat.postMessage", "restricted_action")
    post = client.chat_postMessage
    assert error(post, channel=demo.PATCHING, text="lost") == "restricted_action"
    assert texts(slack) == []


def test_a_reset_after_accepting_leaves_the_message_there(
    slack: LocalSlack, client: WebClient
) -> None:
    """The caller cannot know: the SDK's own retry then posts it twice."""
    slack.faults.reset("chat.postMessage")
    with pytest.raises((OSError, http.client.HTTPException)):
        client.chat_postMessage(channel=demo.PATCHING, text="once")
    assert texts(slack) == ["once"]
    slack.faults.reset("chat.postMessage")
    retrying = WebClient(
        slack.bot_token, base_url=slack.api_url, retry_handlers=[ConnectionErrorRetryHandler()]
    )
    retrying.chat_postMessage(channel=demo.PATCHING, text="twice")
    assert texts(slack) == ["once", "twice", "twice"]


def test_a_reset_before_accepting_does_nothing(slack: LocalSlack, client: WebClient) -> None:
    """The other half of not knowing."""
    slack.faults.reset("chat.postMessage", after_accepting=False)
    with pytest.raises((OSError, http.client.HTTPException)):
        client.chat_postMessage(channel=demo.PATCHING, text="never")
    assert texts(slack) == []
    slack.faults.reset("chat.postMessage", times=9)
    slack.faults.clear()
    client.chat_postMessage(channel=demo.PATCHING, text="again")
    assert texts(slack) == ["again"]
