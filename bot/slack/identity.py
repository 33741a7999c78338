"""Who stands behind a Slack id: a `Person` with kind, time zone and user groups, or a refusal with its reason.

Fails closed: what Slack does not tell is not assumed. What it told is kept for five minutes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bot.core.errors import NotAllowed, SlackError
from bot.core.identity import Kind, Person
from bot.slack.api import UNREADABLE, SlackApi, slack_error
from bot.slack.incoming import Sender
from bot.slack.kept import Kept
from bot.slack.pacing import Seconds

_SLACKBOT: Final = "USLACKBOT"
# Answers about a user group that will be the same in a minute. Others (no answer, too many calls) are asked again.
_LASTING: Final = frozenset(
    {"missing_scope", "no_such_subteam", "plan_upgrade_required", "subteam_not_found"}
)
_UNKNOWN_USERS: Final = frozenset({"user_not_found", "user_not_visible", "users_not_found"})

_BOTS: Final = ("is_workflow_bot", "is_connector_bot")
_FLAGS: Final = ("is_bot", "is_restricted", "is_ultra_restricted")


@dataclass(frozen=True, slots=True)
class Home:
    """The workspace patchbot is installed in, and the organisation it belongs to, if any."""

    team_id: str
    enterprise_id: str = ""


@dataclass(frozen=True, slots=True)
class Identified:
    """A person, and the user groups that could not be read with Slack's reason."""

    person: Person
    unread_groups: Mapping[str, str]


class Directory:
    """Looks people up. Safe to use from several threads."""

    def __init__(
        self,
        api: SlackApi,
        *,
        usergroups: Collection[str],
        clock: Seconds,
        home_team: str = "",
        home: Home | None = None,
    ) -> None:
        self._api = api
        self._usergroups = tuple(sorted(usergroups))
        self._home = home or (Home(home_team) if home_team else None)
        self._users: Kept[str, tuple[Kind, Mapping[str, Any]]] = Kept(self._read_user, clock)
        self._members: Kept[str, frozenset[str] | str] = Kept(self._read_group, clock)

    def home(self) -> Home:
        """The home workspace, asked of Slack once. Raises SlackError."""
        if self._home is None:
            told = self._api.identify()
            self._home = Home(str(told["team_id"]), str(told.get("enterprise_id") or ""))
        return self._home

    def identify(self, sender: Sender) -> Identified:
        """The person behind `sender`. Raises NotAllowed with the reason where that cannot be told."""
        try:
            return self._identify(sender)
        except SlackError as error:
            raise NotAllowed(
                f"I could not check who you are: {error.message}",
                hint=error.hint or "Try again in a minute; `patchbot doctor` shows what is wrong.",
            ) from error

    def unread_groups(self) -> Mapping[str, str]:
        """The user groups of the policy that cannot be read, with Slack's reason."""
        return self._groups_of("")[1]

    def _identify(self, sender: Sender) -> Identified:
        home = self.home()
        if not sender.user_id or _is_foreign(sender, home):
            return _nobody(sender, Kind.STRANGER)
        if sender.user_id == _SLACKBOT:
            return _nobody(sender, Kind.BOT)
        try:
            kind, user = self._users.get(sender.user_id)
        except SlackError as error:
            if error.code in _UNKNOWN_USERS:
                return _nobody(sender, Kind.STRANGER)
            raise
        if kind is not Kind.MEMBER:
            return _nobody(sender, kind)
        groups, unread = self._groups_of(sender.user_id)
        person = Person(
            id=sender.user_id,
            team_id=home.team_id,
            kind=kind,
            name=_name(user),
            timezone=str(user.get("tz") or "UTC"),
            groups=groups,
        )
        return Identified(person, unread)

    def _groups_of(self, user_id: str) -> tuple[frozenset[str], Mapping[str, str]]:
        groups: set[str] = set()
        unread: dict[str, str] = {}
        for group in self._usergroups:
            try:
                members = self._members.get(group)
            except SlackError as error:
                members = error.code
            if isinstance(members, str):
                unread[group] = members
            elif user_id in members:
                groups.add(group)
        return frozenset(groups), unread

    def _read_user(self, user_id: str) -> tuple[Kind, Mapping[str, Any]]:
        user = self._api.user(user_id)
        return kind_of(user, self.home(), asked=user_id), user

    def _read_group(self, group_id: str) -> frozenset[str] | str:
        """The members, or Slack's reason where asking again soon is no use."""
        try:
            return self._api.group_members(group_id)
        except SlackError as error:
            if error.code in _LASTING:
                return error.code
            raise


def kind_of(user: Mapping[str, Any], home: Home, *, asked: str) -> Kind:
    """What kind of account users.info describes, `asked` being the id it was asked for.

    Raises SlackError where it does not say so in full. Source: Slack, “User object”; there, an account of elsewhere
    or a deactivated one lacks the flags of a member. `is_app_user` is no sign of a bot: it marks people who
    authorised the app.
    """
    if user.get("id") != asked:
        raise _unreadable()
    if not _is_of(user, home) or user.get("is_stranger"):
        return Kind.STRANGER
    if _flag(user, "deleted"):
        return Kind.DEACTIVATED
    is_bot, *restricted = (_flag(user, name) for name in _FLAGS)
    if is_bot or any(user.get(name) for name in _BOTS) or asked == _SLACKBOT:
        return Kind.BOT
    return Kind.GUEST if any(restricted) else Kind.MEMBER


def _flag(user: Mapping[str, Any], name: str) -> bool:
    """A flag that users.info always names. Raises SlackError where it does not."""
    value = user.get(name)
    if not isinstance(value, bool):
        raise _unreadable()
    return value


def _unreadable() -> SlackError:
    return slack_error(UNREADABLE, method="users.info")


def _is_foreign(sender: Sender, home: Home) -> bool:
    """Whether the payload alone shows somebody from elsewhere. Within one organisation, users.info decides."""
    if home.enterprise_id and sender.enterprise_id == home.enterprise_id:
        return False
    return not sender.teams or any(team != home.team_id for team in sender.teams)


def _is_of(user: Mapping[str, Any], home: Home) -> bool:
    """Whether the account belongs to the home workspace; in an organisation it may belong to several."""
    if user.get("team_id") == home.team_id:
        return True
    across = user.get("enterprise_user")
    if not home.enterprise_id or not isinstance(across, dict):
        return False
    teams = across.get("teams")
    return (
        across.get("enterprise_id") == home.enterprise_id
        and isinstance(teams, list)  # in a text, the id could be part of another one
        and home.team_id in teams
    )


def _nobody(sender: Sender, kind: Kind) -> Identified:
    """Enough of a person to be refused."""
    return Identified(Person(id=sender.user_id, kind=kind), {})


def _name(user: Mapping[str, Any]) -> str:
    profile = user.get("profile")
    told = profile.get("real_name") if isinstance(profile, dict) else ""
    return str(told or user.get("real_name") or user.get("name") or "")
