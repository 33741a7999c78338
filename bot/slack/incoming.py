"""What Slack sends us, as values: who asks what, and from where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from bot.chatops.command import Show

Json: TypeAlias = Mapping[str, Any]

_OBJECTS: Final = ("channel", "container", "enterprise", "event", "message", "team", "user", "view")
_LISTS: Final = ("actions", "authorizations")


@dataclass(frozen=True, slots=True)
class Sender:
    """Who pressed the key, as the payload tells it: `teams` are all workspaces it names."""

    user_id: str
    teams: tuple[str, ...]
    enterprise_id: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a question comes from. `public` is True for a card that others see; a Home tab has no channel."""

    sender: Sender
    channel: str = ""
    response_url: str = ""
    message_ts: str = ""
    thread_ts: str = ""
    public: bool = False

    @property
    def is_home(self) -> bool:
        """Whether it was asked on the Home tab."""
        return not self.channel

    @staticmethod
    def for_person(user_id: str, teams: tuple[str, ...], channel: str) -> Origin:
        """An origin that says no more than who is to be told, and where."""
        return Origin(Sender(user_id, teams), channel)


@dataclass(frozen=True, slots=True)
class Pressed:
    """A click on a button that changes something."""

    action_id: str
    value: str
    trigger_id: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Question:
    """A sentence that somebody typed (`action_id` is empty then) or that a button or menu carried."""

    text: str
    origin: Origin
    show: Show | None = Show.PRIVATE
    action_id: str = ""


def is_readable(body: object) -> bool:
    """Whether a payload has the shape that Bolt and we rely on, whatever its values."""
    if not isinstance(body, dict):
        return False
    objects = [body[key] for key in _OBJECTS if body.get(key) is not None]
    for key in _LISTS:
        if body.get(key) is not None:
            if not isinstance(body[key], list):
                return False
            objects += body[key]
    if body.get("view") is not None and not _text(_part(body, "view"), "type"):
        return False
    if body.get("type") == "view_submission":
        objects += [body.get("view"), _part(body, "view").get("state")]
    if body.get("type") == "block_actions" and not body.get("actions"):
        return False
    return all(isinstance(each, dict) for each in objects)


def id_of(body: Json) -> str:
    """By which a request is known again: an event has an id of its own, everything else a trigger."""
    return _text(body, "event_id") or _text(body, "trigger_id")


def typed(body: Json) -> Question:
    """The question in a slash command (Slack, “Implementing slash commands”)."""
    sender = Sender(
        _text(body, "user_id"), _named(body.get("team_id")), _text(body, "enterprise_id")
    )
    origin = Origin(sender, _text(body, "channel_id"), _text(body, "response_url"))
    return Question(_text(body, "text"), origin)


def clicked(body: Json) -> Question | None:
    """The question behind a click; None for a button that only opens a link.

    `show` is None when the action id says nothing we know: an old card, or not one of ours.
    Source: Slack, “block_actions payload”.
    """
    action: Json = body["actions"][0]
    sentence = _sentence(action)
    if not sentence:
        return None
    action_id = _text(action, "action_id")
    return Question(sentence, _place(body), _show(action_id), action_id)


def clicked_act(body: Json) -> Pressed:
    """The click on a button that changes something; its ids are looked up, never believed."""
    action: Json = body["actions"][0]
    return Pressed(
        _text(action, "action_id"), _text(action, "value"), _text(body, "trigger_id"), _place(body)
    )


def is_act(body: Json, prefix: str) -> bool:
    """Whether the click is on a button whose action id starts like that."""
    return _text(body["actions"][0], "action_id").startswith(prefix)


def submitted(body: Json) -> tuple[Json, Origin]:
    """The view that was sent off, and by whom (Slack, “view_submission payload”)."""
    return _part(body, "view"), Origin(_sender(body))


def trigger_of(body: Json) -> str:
    """What a modal can be opened with, once and for three seconds."""
    return _text(body, "trigger_id")


def _sender(body: Json) -> Sender:
    user = _part(body, "user")
    return Sender(
        _text(user, "id"),
        _named(_part(body, "team").get("id"), user.get("team_id")),
        _text(_part(body, "enterprise"), "id"),
    )


def _place(body: Json) -> Origin:
    container = _part(body, "container")
    return Origin(
        _sender(body),
        _text(container, "channel_id") or _text(_part(body, "channel"), "id"),
        _text(body, "response_url"),
        message_ts=_text(container, "message_ts"),
        thread_ts=_text(container, "thread_ts"),
        public=container.get("type") == "message" and container.get("is_ephemeral") is not True,
    )


def home_opened(body: Json) -> Origin:
    """Who opened the Home tab (Slack, “app_home_opened event”)."""
    user_id = _text(_part(body, "event"), "user")
    return Origin(Sender(user_id, _named(body.get("team_id")), _text(body, "enterprise_id")))


def _sentence(action: Json) -> str:
    """The value of a button, or of the option chosen in a menu."""
    return _text(action, "value") or _text(_part(action, "selected_option"), "value")


def _show(action_id: str) -> Show | None:
    word = action_id.partition(":")[0]
    return Show(word) if word in set(Show) else None


def _part(body: Json, key: str) -> Json:
    part = body.get(key)
    return part if isinstance(part, dict) else {}


def _text(body: Json, key: str) -> str:
    value = body.get(key)
    return value if isinstance(value, str) else ""


def _named(*ids: object) -> tuple[str, ...]:
    return tuple(each for each in ids if isinstance(each, str) and each)
