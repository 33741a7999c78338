"""Who somebody is at this very moment: for decisions, where nothing kept from before may count."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from bot.core.errors import NotAllowed
from bot.core.identity import Person
from bot.slack.api import SlackApi
from bot.slack.audience import Audience
from bot.slack.identity import Directory, Home
from bot.slack.incoming import Sender
from bot.slack.pacing import Seconds

_ENTERPRISE: Final = "E"
"""What ids of organisations begin with; those of workspaces begin with T."""


class LivePeople:
    """`bot.services.people.PersonLookup` over Slack. Each look-up asks anew: a directory of its own knows nothing."""

    def __init__(
        self,
        api: SlackApi,
        *,
        usergroups: Collection[str],
        clock: Seconds,
        home: Callable[[], Home],
    ) -> None:
        self._api = api
        self._usergroups = tuple(usergroups)
        self._clock = clock
        self._home = home

    def look_up(self, user_id: str, *, team: str) -> Person:
        """The person with kind and user groups; `team` is what `teams_of` made of whoever clicked.

        Raises NotAllowed or SlackError where any of it cannot be told.
        """
        named = team.split()
        teams = tuple(each for each in named if not each.startswith(_ENTERPRISE))
        enterprise = next((each for each in named if each.startswith(_ENTERPRISE)), "")
        found = self._directory().identify(Sender(user_id, teams, enterprise))
        if found.unread_groups:
            group, reason = next(iter(found.unread_groups.items()))
            raise NotAllowed(
                f"the user group {group} could not be read ({reason})",
                hint="`patchbot doctor` says what to do.",
            )
        return found.person

    def is_shared_outside(self, channel: str) -> bool:
        """Whether people of other organisations are in the channel, or invited. Raises SlackError."""
        audience = Audience(self._api, self._directory(), clock=self._clock)
        return bool(audience.outsiders(channel))

    def _directory(self) -> Directory:
        """One that knows nothing yet but the home workspace."""
        return Directory(
            self._api, usergroups=self._usergroups, clock=self._clock, home=self._home()
        )


def teams_of(sender: Sender) -> str:
    """All that the payload names of where somebody is from, with blanks between: what an inbox item keeps of it."""
    return " ".join(dict.fromkeys(each for each in (*sender.teams, sender.enterprise_id) if each))
