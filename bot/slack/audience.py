"""Who else would see what is posted in a channel: only members of the organisation may.

Fails closed: what Slack does not tell is not assumed. What it told is kept for a few minutes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bot.core.errors import NotAllowed, SlackError
from bot.slack.api import UNREADABLE, SlackApi, slack_error
from bot.slack.identity import Directory
from bot.slack.kept import Kept
from bot.slack.pacing import Seconds

_METHOD: Final = "conversations.info"
_PENDING: Final = ("is_pending_ext_shared", "pending_shared", "pending_connected_team_ids")
_PRIVATELY: Final = "Until then only you see my answers here."


class Audience:
    """Says where something may be posted for everybody. Safe to use from several threads."""

    def __init__(self, api: SlackApi, directory: Directory, *, clock: Seconds) -> None:
        self._api = api
        self._directory = directory
        self._channels: Kept[str, Mapping[str, Any]] = Kept(self._read, clock)

    def check(self, channel: str) -> None:
        """Raises NotAllowed, with the reason, unless all who read the channel belong to the organisation.

        Guests of the workspace do. Source: Slack, “Conversation object”.
        """
        if channel.startswith("D"):
            raise NotAllowed(
                "A direct message is no channel to share in.", hint="Ask again in a channel."
            )
        try:
            outsiders = self.outsiders(channel)
        except SlackError as error:
            raise NotAllowed(
                f"I could not check who else reads this channel: {error.message}",
                hint=f"{error.hint or 'Try again in a minute.'} {_PRIVATELY}",
            ) from error
        if outsiders:
            raise NotAllowed(
                f"This channel is shared with {outsiders}: its people would see your fleet.",
                hint="Share in a channel of your own; here only you see my answers.",
            )

    def outsiders(self, channel: str) -> str:
        """Who else reads along, in words; empty where nobody does. Raises SlackError where Slack does not tell."""
        if channel.startswith("D"):
            return ""
        info = self._channels.get(channel)
        if info["is_ext_shared"] or any(info.get(name) for name in _PENDING):
            return "another organisation, or about to be"
        if info["is_org_shared"] and not self._is_in_organisation():
            return "another workspace"
        return ""

    def _is_in_organisation(self) -> bool:
        """In an organisation, channels across its workspaces are channels of its own."""
        return bool(self._directory.home().enterprise_id)

    def _read(self, channel: str) -> Mapping[str, Any]:
        info = self._api.channel(channel)
        told = all(isinstance(info.get(name), bool) for name in ("is_ext_shared", "is_org_shared"))
        if not told or info.get("id") != channel:
            raise slack_error(UNREADABLE, method=_METHOD)
        return info
