"""A workspace as data: who and what is there when the local Slack starts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

ChannelKind = Literal["channel", "private"]


@dataclass(frozen=True, slots=True)
class Team:
    """A Slack workspace: its id (`T…`), its name and the first part of its address."""

    id: str
    name: str
    domain: str


@dataclass(frozen=True, slots=True)
class User:
    """One account. `team_id` None is the home team; another one makes a Slack Connect stranger."""

    id: str
    name: str
    real_name: str
    title: str = ""
    tz: str = "Europe/Berlin"
    team_id: str | None = None
    is_bot: bool = False
    is_admin: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class UserGroup:
    """A user group (`S…`); `handle` is what people type after the @."""

    id: str
    handle: str
    name: str
    users: tuple[str, ...]
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel at the start; `app_is_member` says whether the app was invited.

    `shared_with` names the other teams of an externally shared channel.
    """

    id: str
    name: str
    members: tuple[str, ...]
    kind: ChannelKind = "channel"
    topic: str = ""
    app_is_member: bool = False
    shared_with: tuple[str, ...] = ()
    archived: bool = False


@dataclass(frozen=True, slots=True)
class Tip:
    """What to try first: shown by the page, `command` goes into the composer."""

    title: str
    text: str
    command: str


@dataclass(frozen=True, slots=True)
class Workspace:
    """Everything that is there before the app says a word; `tips` say what to try first."""

    team: Team
    users: Sequence[User]
    channels: Sequence[Channel]
    usergroups: Sequence[UserGroup] = ()
    tips: Sequence[Tip] = ()
    tz: str = "Europe/Berlin"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A completion that the composer offers while a command is typed."""

    text: str
    description: str
