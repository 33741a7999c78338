"""Permissions that Slack hands out with a payload and that run out: trigger ids and response_urls.

A trigger id opens one modal within 3 seconds; a response_url takes 5 messages within 30 minutes
(api.slack.com, "Handling user interaction").
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bot.demo.slack.errors import SlackError
from bot.demo.slack.ids import Ids

TRIGGER_SECONDS = 3.0
RESPONSE_URL_SECONDS = 30 * 60.0
RESPONSE_URL_USES = 5


@dataclass(slots=True)
class Trigger:
    """The right of `user` to see one modal; `view_id` is the modal it was given in."""

    user: str
    view_id: str | None
    issued_at: float
    used: bool = False


class Triggers:
    """Issues trigger ids and takes each back once."""

    def __init__(self, ids: Ids, clock: Callable[[], float]) -> None:
        self._ids = ids
        self._clock = clock
        self._issued: dict[str, Trigger] = {}

    def issue(self, user: str, *, view_id: str | None = None) -> str:
        """Return a new trigger id for `user`."""
        now = self._clock()
        trigger_id = f"{int(now * 1000)}.{len(self._issued) + 1}.{self._ids.secret()}"
        self._issued[trigger_id] = Trigger(user, view_id, now)
        return trigger_id

    def redeem(self, trigger_id: str) -> Trigger:
        """Use up a trigger; raises SlackError invalid_, exchanged_ or expired_trigger_id."""
        trigger = self._issued.get(trigger_id)
        if trigger is None:
            raise SlackError("invalid_trigger_id")
        if trigger.used:
            raise SlackError("exchanged_trigger_id")
        if self._clock() - trigger.issued_at > TRIGGER_SECONDS:
            raise SlackError("expired_trigger_id")
        trigger.used = True
        return trigger


@dataclass(slots=True)
class ResponseUrl:
    """Where an app may answer: for a command only new messages, for a message also changes to it."""

    kind: Literal["commands", "actions"]
    user: str
    channel: str
    message_ts: str | None
    issued_at: float
    uses: int = 0


class ResponseUrls:
    """Issues response_urls and counts their uses."""

    def __init__(self, ids: Ids, clock: Callable[[], float]) -> None:
        self._ids = ids
        self._clock = clock
        self._issued: dict[str, ResponseUrl] = {}

    def for_command(self, user: str, *, channel: str, team: str) -> str:
        """Return the path of a new response_url of a slash command."""
        return self._issue(ResponseUrl("commands", user, channel, None, self._clock()), team)

    def for_message(self, user: str, *, channel: str, message_ts: str, team: str) -> str:
        """Return the path of a new response_url of a click in a message."""
        return self._issue(ResponseUrl("actions", user, channel, message_ts, self._clock()), team)

    def use(self, path: str) -> ResponseUrl:
        """Count one use; raises SlackError invalid_url, expired_url or used_url."""
        issued = self._issued.get(path)
        if issued is None:
            raise SlackError("invalid_url")
        if self._clock() - issued.issued_at > RESPONSE_URL_SECONDS:
            raise SlackError("expired_url")
        if issued.uses >= RESPONSE_URL_USES:
            raise SlackError("used_url")
        issued.uses += 1
        return issued

    def _issue(self, response_url: ResponseUrl, team: str) -> str:
        number = 1_000_000 + len(self._issued)
        path = f"/{response_url.kind}/{team}/{number}/{self._ids.secret()}"
        self._issued[path] = response_url
        return path
