"""The manifest is made from the code, and the code uses nothing that is not in it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from slack_sdk import WebClient

from bot.chatops.registry import Registry
from bot.demo.slack.scopes import METHOD_SCOPES
from bot.slack import methods
from bot.slack.manifest import manifest, usage_hint

PACKAGE = Path(methods.__file__).parent
HOLDERS = {"_read", "_post", "client", "_client", "web_client"}


def calls_of_the_sdk() -> set[str]:
    """Every method of WebClient that this package names on one of its clients."""
    found = set()
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and hasattr(WebClient, node.attr):
                holder = node.value
                name = (
                    holder.attr if isinstance(holder, ast.Attribute) else getattr(holder, "id", "")
                )
                if name in HOLDERS:
                    found.add(node.attr)
    return found


def method_names(sdk_name: str) -> tuple[str, ...]:
    known = {name.replace(".", "_").casefold(): name for name in methods.METHODS}
    return methods.OF_SDK.get(sdk_name) or (known[sdk_name.casefold()],)


def test_the_table_names_exactly_the_methods_that_are_called() -> None:
    used = {name for call in calls_of_the_sdk() for name in method_names(call)}
    assert used == set(methods.METHODS)


def test_the_local_slack_asks_for_no_other_scope_than_the_table() -> None:
    """Two readings of Slack's pages, made apart."""
    for name, method in methods.METHODS.items():
        needed = METHOD_SCOPES.get(name, ())
        assert bool(needed) == bool(method.scopes), name
        assert set(method.scopes) <= set(needed), name


def test_the_manifest_holds_the_least_it_can() -> None:
    made = manifest(Registry("commands"))
    assert made["oauth_config"]["scopes"]["bot"] == [
        "channels:history",
        "channels:read",
        "chat:write",
        "commands",
        "files:write",
        "groups:history",
        "groups:read",
        "im:history",
        "im:write",
        "usergroups:read",
        "users:read",
    ]
    assert made["settings"]["event_subscriptions"]["bot_events"] == ["app_home_opened"]
    assert made["settings"]["socket_mode_enabled"] is True
    assert "url" not in str(made)


def test_the_usage_hint_names_every_command() -> None:
    registry = Registry("commands")
    (command,) = manifest(registry)["features"]["slash_commands"]
    assert command["command"] == "/patch"
    assert command["should_escape"] is True
    for name in registry.names:
        assert name in command["usage_hint"]
    assert usage_hint(registry) == command["usage_hint"]


def test_in_http_mode_every_door_has_the_address() -> None:
    url = "https://patchbot.example.com/slack/events"
    made = manifest(Registry("commands"), request_url=url)
    assert made["features"]["slash_commands"][0]["url"] == url
    assert made["settings"]["interactivity"]["request_url"] == url
    assert made["settings"]["event_subscriptions"]["request_url"] == url
    assert made["settings"]["socket_mode_enabled"] is False


@pytest.mark.parametrize(
    ("path", "most"),
    [
        (("display_information", "name"), 35),
        (("display_information", "description"), 140),
        (("features", "bot_user", "display_name"), 80),
    ],
)
def test_texts_stay_within_the_limits_of_a_manifest(path: tuple[str, ...], most: int) -> None:
    value = manifest(Registry("commands"))
    for key in path:
        value = value[key]
    assert 0 < len(str(value)) <= most
