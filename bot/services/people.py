"""Who clicked, as Slack says at this very moment. A port: `bot.slack` fills it."""

from __future__ import annotations

from typing import Protocol

from bot.core.identity import Person


class PersonLookup(Protocol):
    """Looks people and channels up live: nothing that was kept from before counts for a decision."""

    def look_up(self, user_id: str, *, team: str) -> Person:
        """The person with kind and user groups. Raises NotAllowed or SlackError where any of it cannot be told."""
        ...

    def is_shared_outside(self, channel: str) -> bool:
        """Whether people of other companies are in the channel (Slack Connect), or invited. Raises SlackError."""
        ...
