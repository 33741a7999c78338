"""Who somebody is at this very moment: for decisions, where nothing kept from before may count."""

from __future__ import annotations

from collections.abc import Callable, Collection

from bot.core.errors import NotAllowed
from bot.core.identity import Person
from bot.slack.api import SlackApi
from bot.slack.identity import Directory
from bot.slack.incoming import Sender
from bot.slack.pacing import Seconds


class LivePeople:
    """`bot.services.people.PersonLookup` over Slack. Each look-up asks anew: a directory of its own knows nothing."""

    def __init__(
        self,
        api: SlackApi,
        *,
        usergroups: Collection[str],
        clock: Seconds,
        home_team: Callable[[], str],
    ) -> None:
        self._api = api
        self._usergroups = tuple(usergroups)
        self._clock = clock
        self._home_team = home_team

    def look_up(self, user_id: str, *, team: str) -> Person:
        """The person with kind and user groups; `team` are all teams the payload named, with blanks between.

        Raises NotAllowed or SlackError where any of it cannot be told.
        """
        directory = Directory(
            self._api, usergroups=self._usergroups, clock=self._clock, home_team=self._home_team()
        )
        found = directory.identify(Sender(user_id, tuple(team.split())))
        if found.unread_groups:
            group, reason = next(iter(found.unread_groups.items()))
            raise NotAllowed(
                f"the user group {group} could not be read ({reason})",
                hint="`patchbot doctor` says what to do.",
            )
        return found.person

    def is_shared_outside(self, channel: str) -> bool:
        """Whether people of other organisations are in the channel, or invited. Raises SlackError."""
        if channel.startswith("D"):
            return False
        told = self._api.channel(channel)
        return bool(told.get("is_ext_shared") or told.get("is_pending_ext_shared"))
