"""The Web API methods patchbot calls and the scopes they need: the manifest is made from this table.

Sources: Slack's page of each method, “Required scopes”, for bot tokens. A test holds every call of the SDK in this
package to the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Method:
    """What a call is for, and the scopes of the bot token it needs."""

    why: str
    scopes: tuple[str, ...] = ()


METHODS: Final[Mapping[str, Method]] = MappingProxyType(
    {
        "apps.connections.open": Method("connect in Socket Mode (with the app token)"),
        "auth.test": Method("find out the home workspace and the scopes granted"),
        "chat.postEphemeral": Method(
            "answer privately when a reply address expired", ("chat:write",)
        ),
        "chat.postMessage": Method(
            "post what somebody shares, and direct messages", ("chat:write",)
        ),
        "chat.update": Method("draw the cards of requests and runs anew", ("chat:write",)),
        "conversations.history": Method(
            "find a card again whose answer was lost, by its metadata",
            ("channels:history", "groups:history", "im:history"),
        ),
        "conversations.info": Method(
            "refuse to share in channels that other organisations read",
            ("channels:read", "groups:read"),
        ),
        "conversations.open": Method("open the direct message an answer goes to", ("im:write",)),
        "conversations.replies": Method(
            "find a card again in its thread",
            ("channels:history", "groups:history", "im:history"),
        ),
        "files.completeUploadExternal": Method("share a CSV file", ("files:write",)),
        "files.getUploadURLExternal": Method("upload a CSV file", ("files:write",)),
        "usergroups.users.list": Method(
            "who belongs to the user groups that patchbot.toml names", ("usergroups:read",)
        ),
        "users.info": Method("refuse guests, bots and strangers; time zone", ("users:read",)),
        "views.open": Method("open the form of a request or a decision"),
        "views.publish": Method("draw the Home tab"),
        "views.update": Method("fill that form"),
    }
)

OF_SDK: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"files_upload_v2": ("files.getUploadURLExternal", "files.completeUploadExternal")}
)
"""Calls of the SDK that stand for several methods; all others are named like their method."""

COMMAND_SCOPE: Final = "commands"
APP_SCOPES: Final = ("connections:write",)
"""Scopes of the app-level token. They are given when that token is made, and have no place in a manifest."""


def bot_scopes() -> tuple[str, ...]:
    """Every scope the bot token needs, in alphabetical order."""
    return tuple(
        sorted({COMMAND_SCOPE, *(scope for method in METHODS.values() for scope in method.scopes)})
    )
