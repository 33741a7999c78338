"""The Web API as the real slack_sdk client sees it: tokens, scopes, encodings, channels, people."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.demo.slack import demo_workspace as demo
from bot.demo.slack.server import LocalSlack
from tests.demo.slack.building import section


def refused(call: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """Return the answer of a call that Slack refuses."""
    with pytest.raises(SlackApiError) as refusal:
        call(*args, **kwargs)
    answer: dict[str, Any] = refusal.value.response.data
    return answer


def error(call: Any, *args: Any, **kwargs: Any) -> str:
    """Return the error name of a call that Slack refuses."""
    name: str = refused(call, *args, **kwargs)["error"]
    return name


def test_a_token_is_needed_and_must_be_the_right_one(slack: LocalSlack) -> None:
    """No token, a wrong one, and one of the wrong type are three different errors."""
    api = slack.api_url
    assert error(WebClient(base_url=api).auth_test) == "not_authed"
    assert error(WebClient("xoxb-wrong", base_url=api).auth_test) == "invalid_auth"
    assert error(WebClient(slack.app_token, base_url=api).auth_test) == "not_allowed_token_type"
    app_client = WebClient(slack.bot_token, base_url=api)
    opening = app_client.api_call
    assert error(opening, "apps.connections.open") == "not_allowed_token_type"


def test_tokens_differ_from_run_to_run(slack: LocalSlack, manifest: Path) -> None:
    """Nothing of one run's secrets opens another run."""
    other = LocalSlack(manifest)
    with other:
        assert {slack.bot_token, slack.app_token, slack.signing_secret}.isdisjoint(
            {other.bot_token, other.app_token, other.signing_secret}
        )


def test_auth_test_names_the_app(slack: LocalSlack, client: WebClient) -> None:
    """auth.test gives the ids with which Bolt tells its own messages."""
    answer = client.auth_test()
    assert answer["team_id"] == demo.HOME
    assert answer["user_id"] == slack.live.app.user_id
    assert answer["bot_id"] == slack.live.app.bot_id
    granted = answer.headers["x-oauth-scopes"].split(",")
    assert set(granted) == slack.live.manifest.scopes


def test_an_unknown_method_is_named(client: WebClient) -> None:
    """HTTP 200 and unknown_method, as in Slack."""
    answer = refused(client.api_call, "chat.shout")
    assert (answer["error"], answer["req_method"]) == ("unknown_method", "chat.shout")


@pytest.mark.parametrize(
    ("scope", "method", "args"),
    [
        ("chat:write", "chat.postMessage", {"channel": demo.PATCHING, "text": "hi"}),
        ("users:read", "users.info", {"user": demo.MAYA}),
        ("usergroups:read", "usergroups.users.list", {"usergroup": demo.SRE}),
        ("groups:read", "conversations.info", {"channel": demo.APPROVALS}),
        ("channels:read", "conversations.members", {"channel": demo.PATCHING}),
        ("groups:read", "conversations.list", {"types": "public_channel,private_channel"}),
        ("im:write", "conversations.open", {"users": demo.MAYA}),
        ("files:write", "files.getUploadURLExternal", {"filename": "a", "length": "1"}),
        ("groups:history", "conversations.history", {"channel": demo.APPROVALS}),
    ],
)
def test_a_scope_that_the_manifest_lacks_is_missed(
    manifest: Path, scope: str, method: str, args: dict[str, str]
) -> None:
    """missing_scope names what is needed and what is there; with the scope the call is done."""
    full = manifest.read_text()
    for text, granted in ((full, True), (_without(full, scope), False)):
        manifest.write_text(text)
        with LocalSlack(manifest) as slack:
            client = WebClient(slack.bot_token, base_url=slack.api_url)
            if granted:
                assert client.api_call(method, params=args)["ok"]
                continue
            answer = refused(client.api_call, method, params=args)
    assert answer["error"] == "missing_scope"
    assert scope in answer["needed"].split(",")
    assert scope not in answer["provided"].split(",")
    assert "commands" in answer["provided"].split(",")


def _without(manifest: str, scope: str) -> str:
    return manifest.replace(f" {scope},", "").replace(f"[{scope},", "[")


def test_blocks_may_come_as_a_json_string_in_a_form(slack: LocalSlack, client: WebClient) -> None:
    """The SDK sends JSON, others send forms; both are the same message."""
    body = urlencode(
        {
            "token": slack.bot_token,
            "channel": "#platform-patching",
            "text": "form",
            "blocks": json.dumps([section("from a form")]),
        }
    )
    request = Request(f"{slack.api_url}chat.postMessage", body.encode(), method="POST")  # noqa: S310
    with urlopen(request) as response:  # noqa: S310
        posted = json.load(response)
    assert posted["ok"]
    assert posted["message"]["blocks"][0]["text"]["text"] == "from a form"
    broken = {"channel": demo.PATCHING, "text": "x", "blocks": "[{"}
    assert error(client.api_call, "chat.postMessage", data=broken) == "invalid_blocks_format"


def test_the_app_knows_only_its_private_channels(slack: LocalSlack, client: WebClient) -> None:
    """A private channel without the app does not exist for it."""
    listed = client.conversations_list(types="public_channel,private_channel")["channels"]
    assert {each["id"] for each in listed if each["is_private"]} == {demo.APPROVALS}
    slack.admin.kick_app(demo.APPROVALS)
    listed = client.conversations_list(types="public_channel,private_channel")["channels"]
    assert demo.APPROVALS not in {each["id"] for each in listed}
    assert error(client.conversations_info, channel=demo.APPROVALS) == "channel_not_found"
    post = client.chat_postMessage
    assert error(post, channel=demo.APPROVALS, text="x") == "channel_not_found"


def test_a_shared_channel_says_so(client: WebClient) -> None:
    """is_ext_shared is what the app refuses approvals by."""
    assert client.conversations_info(channel=demo.SHARED)["channel"]["is_ext_shared"] is True
    assert client.conversations_info(channel=demo.PATCHING)["channel"]["is_ext_shared"] is False


def test_lists_come_in_pages(client: WebClient) -> None:
    """A cursor leads from page to page; a foreign one is refused."""
    whole = client.users_list()["members"]
    paged = [member["id"] for page in client.users_list(limit=3) for member in page["members"]]
    assert paged == [member["id"] for member in whole]
    assert error(client.users_list, cursor="nonsense") == "invalid_cursor"
    assert error(client.users_list, limit=0) == "invalid_limit"


def test_users_are_told_apart(client: WebClient) -> None:
    """Guests, deactivated people, bots and strangers carry the flags the app decides by."""
    guest = client.users_info(user=demo.GUS)["user"]
    gone = client.users_info(user=demo.DANA)["user"]
    robot = client.users_info(user=demo.WORKFLOW)["user"]
    stranger = client.users_info(user=demo.STRANGER)["user"]
    assert guest["is_restricted"] is True
    assert gone["deleted"] is True
    assert "tz" not in gone
    assert robot["is_bot"] is True
    assert (stranger["team_id"], stranger["is_stranger"]) == (demo.PARTNER, True)
    assert client.users_info(user=demo.PRIYA)["user"]["tz_offset"] == 19_800
    assert "email" not in guest["profile"]
    assert error(client.users_info, user="U0NOBODY") == "user_not_found"


def test_user_groups(slack: LocalSlack, client: WebClient) -> None:
    """Members are ids; a change by an admin is seen at once."""
    groups = client.usergroups_list(include_users=True)["usergroups"]
    assert {each["handle"]: each["users"] for each in groups}["sre"] == [demo.JONAS, demo.MAYA]
    slack.admin.set_usergroup(demo.SRE, [demo.ELENA])
    assert client.usergroups_users_list(usergroup=demo.SRE)["users"] == [demo.ELENA]
    assert error(client.usergroups_users_list, usergroup="S0NONE") == "no_such_subteam"


def test_direct_messages(client: WebClient) -> None:
    """Opening twice is the same place; the deactivated, bots and nobody are refused."""
    opened = client.conversations_open(users=demo.MAYA)["channel"]["id"]
    assert client.conversations_open(users=[demo.MAYA])["channel"]["id"] == opened
    assert error(client.conversations_open, users=demo.DANA) == "user_disabled"
    assert error(client.conversations_open, users=demo.WORKFLOW) == "cannot_dm_bot"
    assert error(client.conversations_open, users="U0NOBODY") == "user_not_found"


def test_history_is_without_ephemeral_messages_and_has_metadata_when_asked(
    client: WebClient,
) -> None:
    """How an app finds its own message again when the answer to posting it was lost."""
    metadata = {"event_type": "digest", "event_payload": {"slot": "2026-11-23"}}
    posted = client.chat_postMessage(channel=demo.PATCHING, text="digest", metadata=metadata)
    client.chat_postEphemeral(channel=demo.PATCHING, user=demo.MAYA, text="psst")
    plain = client.conversations_history(channel=demo.PATCHING)["messages"]
    full = client.conversations_history(channel=demo.PATCHING, include_all_metadata=True)
    assert [each["ts"] for each in plain] == [posted["ts"]]
    assert "metadata" not in plain[0]
    assert full["messages"][0]["metadata"] == metadata
    bad = {"event_type": "digest"}
    post = client.chat_postMessage
    assert error(post, channel=demo.PATCHING, text="x", metadata=bad) == "invalid_metadata_format"


def test_history_needs_the_app_in_the_channel(client: WebClient) -> None:
    """Joining a public channel opens its history."""
    assert error(client.conversations_history, channel=demo.GENERAL) == "not_in_channel"
    assert error(client.conversations_join, channel=demo.GENERAL) == "missing_scope"


def test_a_call_is_logged_without_its_token(slack: LocalSlack, client: WebClient) -> None:
    """The log of calls never holds a secret."""
    client.api_call("users.info", params={"user": demo.MAYA, "token": slack.bot_token})
    (call,) = slack.calls.of("users.info")
    assert call.args == {"user": demo.MAYA}
    assert call.ok
    assert slack.calls.refused() == []
