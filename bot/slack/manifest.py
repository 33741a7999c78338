"""The app manifest, made from the commands and from the Web API methods in use."""

from __future__ import annotations

from typing import Any, Final

from bot.chatops.registry import Registry
from bot.slack.methods import bot_scopes

NAME: Final = "patchbot"
COMMAND: Final = "/patch"
DESCRIPTION: Final = "See and fix the patch compliance of your AWS fleet."
BOT_EVENTS: Final = ("app_home_opened",)
_USAGE_HINT: Final = 1000


def manifest(registry: Registry, *, request_url: str = "") -> dict[str, Any]:
    """The manifest for Socket Mode or, with the public `request_url`, for HTTP mode.

    Source: Slack, “App manifest reference”; in Socket Mode it takes no addresses.
    """
    address = {"url": request_url} if request_url else {}
    request = {"request_url": request_url} if request_url else {}
    return {
        "_metadata": {"major_version": 1, "minor_version": 1},
        "display_information": {
            "name": NAME,
            "description": DESCRIPTION,
            "background_color": "#1f3a5f",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": True,
            },
            "bot_user": {"display_name": NAME, "always_online": True},
            "slash_commands": [
                {
                    "command": COMMAND,
                    **address,
                    "description": "Patch compliance of the AWS fleet",
                    "usage_hint": usage_hint(registry),
                    "should_escape": True,
                }
            ],
        },
        "oauth_config": {"scopes": {"bot": list(bot_scopes())}},
        "settings": {
            "event_subscriptions": {**request, "bot_events": list(BOT_EVENTS)},
            "interactivity": {"is_enabled": True, **request},
            "org_deploy_enabled": False,
            "socket_mode_enabled": not request_url,
            "token_rotation_enabled": False,
        },
    }


def usage_hint(registry: Registry) -> str:
    """What Slack shows behind `/patch` while somebody types: the commands, by name."""
    hint = f"[{' | '.join(registry.names)}] …"
    return hint if len(hint) <= _USAGE_HINT else "[help] …"
