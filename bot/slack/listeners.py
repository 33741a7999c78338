"""Bolt's listeners. They look at what is cheap, hand the work to the pool and ack: all of it in memory.

Traps that shape this file, all measured: Bolt loses an ack when a listener raises soon after it, has five listener
threads, and its lazy listeners swallow errors. So nothing here waits, and no exception leaves a listener.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import structlog
from slack_bolt import Ack, App, BoltResponse
from slack_bolt.error import BoltUnhandledRequestError

from bot.chatops import acts
from bot.chatops.cards import error_card
from bot.chatops.command import AnyCommand, Show
from bot.chatops.reply import Card
from bot.core.errors import SlackError
from bot.slack.answering import Answering, new_incident
from bot.slack.changes import Changes
from bot.slack.incoming import (
    Json,
    Origin,
    Question,
    clicked,
    clicked_act,
    home_opened,
    id_of,
    is_act,
    trigger_of,
    typed,
)
from bot.slack.messages import ack_body, busy, still_working, stopping, too_fast
from bot.slack.pacing import Allowance, Seconds, Seen
from bot.slack.pool import Pool

_log: Final = structlog.get_logger("bot.slack.listeners")
_ANY: Final = re.compile("")
_MINUTE: Final = 60.0
_REPLAY_SECONDS: Final = 3600.0
_DOUBLE_CLICK_SECONDS: Final = 2.0
COMMANDS_PER_MINUTE: Final = 10
CLICKS_PER_MINUTE: Final = 30
"""More than commands: paging through a list is no flood."""


class Listeners:
    """Decides what becomes of each request, before the ack."""

    def __init__(
        self,
        answering: Answering,
        *,
        pool: Pool,
        notices: Pool,
        clock: Seconds,
        changes: Changes | None = None,
    ) -> None:
        self._answering = answering
        self._changes = changes
        self._pool = pool
        self._notices = notices
        self._requests = Seen(_REPLAY_SECONDS, clock=clock)
        self._clicks = Seen(_DOUBLE_CLICK_SECONDS, clock=clock)
        self._commands_allowed = Allowance(COMMANDS_PER_MINUTE, _MINUTE, clock=clock)
        self._clicks_allowed = Allowance(CLICKS_PER_MINUTE, _MINUTE, clock=clock)
        self._told = Seen(_MINUTE, clock=clock)

    def register(self, app: App) -> None:
        """Listen to commands, clicks and events of `app`. Everything else Bolt answers with 404."""
        app.command(_ANY)(_safe(self.command))
        app.action({"type": "block_actions", "action_id": _ANY})(_safe(self.click))
        if self._changes is not None:
            app.view(_ANY)(_safe(self._changes.submit))
        app.event("app_home_opened")(_safe(self.home))
        app.event(_ANY)(_safe(self.other_event))
        app.error(_last_net)

    def command(self, ack: Ack, body: Json) -> None:
        """A slash command: acked with nothing, or with why not."""
        question = typed(body)
        if not self._requests.is_new(("command", id_of(body))):
            ack()
            return
        wait = self._commands_allowed.take(question.origin.sender.user_id)
        if wait:
            _log.info("command.refused", user=question.origin.sender.user_id, reason="too fast")
            self._answering.count("", "too fast")
            ack(**ack_body(too_fast(wait)))
        elif self._changes is not None and (form := self._changes.form_of(question)) is not None:
            self._changes.ask(ack, question, trigger_of(body), form)
        elif self._changes is not None and (wish := self._changes.wish_in(question)) is not None:
            self._changes.type(ack, question, trigger_of(body), wish)
        elif self._take_on(question):
            ack()
        else:
            reason, card = self._why_not(question.origin.sender.user_id)
            _log.warning("command.refused", user=question.origin.sender.user_id, reason=reason)
            self._answering.count("", reason)
            ack(**ack_body(card))

    def click(self, ack: Ack, body: Json) -> None:
        """A button or menu: Slack shows nothing of its ack, so a refusal is told in a message."""
        if self._changes is not None and is_act(body, acts.PREFIX):
            pressed = clicked_act(body)
            if wait := self._clicks_allowed.take(pressed.origin.sender.user_id):
                self._tell(pressed.origin, "too fast", too_fast(wait))
                ack()
            else:
                self._changes.click(ack, body)
            return
        question = clicked(body)
        if question is None or not self._is_new_click(body, question):
            ack()
            return
        origin = question.origin
        wait = self._clicks_allowed.take(origin.sender.user_id)
        form = self._form_of(question)
        if wait:
            self._tell(origin, "too fast", too_fast(wait))
        elif form is not None and self._changes is not None:
            self._changes.ask(ack, question, trigger_of(body), form)
            return
        elif not self._take_on(question):
            self._tell(origin, *self._why_not(origin.sender.user_id))
        ack()

    def home(self, ack: Ack, body: Json) -> None:
        """The Home tab was opened. When it cannot be drawn now, the one drawn before stays."""
        origin = home_opened(body)
        event = body.get("event")
        is_home = isinstance(event, dict) and event.get("tab") == "home"
        if (
            is_home
            and self._requests.is_new(("event", id_of(body)))
            and not self._clicks_allowed.take(origin.sender.user_id)
        ):
            self._pool.submit(
                lambda: self._answering.open_home(origin),
                lambda error: self._answering.failed(origin, error, home=True),
                owner=origin.sender.user_id,
            )
        ack()

    def other_event(self, ack: Ack, _body: Json) -> None:
        """An event we did not ask for: acked, so that Slack does not send it again."""
        ack()

    def _form_of(self, question: Question) -> AnyCommand | None:
        """The command whose form a button opens; None for a button that shows an answer."""
        if self._changes is None or question.show is not Show.FORM:
            return None
        return self._changes.form_of(question)

    def _take_on(self, question: Question) -> bool:
        return self._pool.submit(
            lambda: self._answering.answer(question),
            lambda error: self._answering.failed(question.origin, error),
            owner=question.origin.sender.user_id,
        )

    def _why_not(self, user_id: str) -> tuple[str, Card]:
        """Why a question was not taken on, for the log and for whoever asked it."""
        if not self._pool.is_open:
            return "stopping", stopping()
        if self._pool.has_enough(user_id):
            return "still working", still_working()
        return "busy", busy()

    def _is_new_click(self, body: Json, question: Question) -> bool:
        """False for a replay, and for the second half of a double click."""
        if not self._requests.is_new(("click", id_of(body))):
            return False
        origin = question.origin
        place = (origin.channel, origin.message_ts, question.action_id, question.text)
        return self._clicks.is_new((origin.sender.user_id, *place))

    def _tell(self, origin: Origin, reason: str, card: Card) -> None:
        """Say why a click is not answered: once a minute to each person, by a thread of its own."""
        user_id = origin.sender.user_id
        _log.warning("click.refused", user=user_id, reason=reason)
        self._answering.count("", reason)
        if self._told.is_new((user_id, reason)):
            self._notices.submit(
                lambda: self._answering.tell(origin, card),
                lambda error: _untold(user_id, error),
            )


def _safe(listener: Callable[..., None]) -> Callable[..., None]:
    """The listener, from which no exception leaves: a person who typed sees an error id in its place."""

    # Not functools.wraps: Bolt looks through it, at the arguments of the method inside.
    def guarded(ack: Ack, body: dict[str, Any]) -> None:
        try:
            listener(ack, body)
        except Exception as error:  # noqa: BLE001 - an exception that reaches Bolt costs the ack
            incident = new_incident()
            _log.error("listener.failed", error_id=incident, exc_info=error)
            ack(**ack_body(error_card(None, incident=incident)))

    guarded.__name__ = listener.__name__
    return guarded


def _last_net(error: Exception) -> BoltResponse | None:
    """What reached no listener, without its body in the log (Bolt would print it); and what Bolt itself failed at."""
    if isinstance(error, BoltUnhandledRequestError):
        _log.warning("request.unknown", type=str(error.body.get("type", "")))
        return BoltResponse(status=404)
    _log.error("bolt.failed", exc_info=error)
    return None


def _untold(user_id: str, error: BaseException | None) -> None:
    reason = error.code if isinstance(error, SlackError) else type(error).__name__
    _log.warning("notice.lost", user=user_id, reason=reason)
