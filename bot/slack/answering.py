"""From a question to its answer: who asks, what the desk says, and where that goes. Runs in the pool."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, TypeAlias

import structlog

from bot.chatops.cards import error_card, working_text
from bot.chatops.command import Show
from bot.chatops.context import Surface
from bot.chatops.desk import Answer, Desk
from bot.chatops.reply import Card
from bot.core.errors import NotAllowed, PatchbotError, SlackError
from bot.core.wording import listed
from bot.slack.api import NO_ANSWER
from bot.slack.delivery import Delivery, Ready, Undeliverable
from bot.slack.home import HomeTab
from bot.slack.identity import Directory
from bot.slack.incoming import Origin, Question
from bot.slack.messages import outdated, says, stopping
from bot.slack.patience import Patience

_log: Final = structlog.get_logger("bot.slack.answering")
PATIENCE_SECONDS: Final = 1.5

Count: TypeAlias = Callable[[str, str], None]
"""Told of every question by its command ("" when it was not understood) and how it ended."""


class Answering:
    """Answers questions and draws Home tabs. Whatever goes wrong is said to the person who asked."""

    def __init__(
        self,
        desk: Desk,
        *,
        directory: Directory,
        delivery: Delivery,
        home: HomeTab,
        count: Count,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._desk = desk
        self._directory = directory
        self._delivery = delivery
        self._home = home
        self.count = count
        self._patience_seconds = patience_seconds

    def answer(self, question: Question) -> None:
        """Do what is asked and deliver it; a PatchbotError is told to the asker. Anything else is raised."""
        began = time.monotonic()
        origin = question.origin
        about = {"user": origin.sender.user_id, "channel": origin.channel, "show": question.show}
        try:
            if question.show is None:
                self._delivery.privately(origin, outdated())
                return
            with Patience(self._patience_seconds, lambda: self._tell_working(question)) as patience:
                answer = self._ask(question)
                self._deliver(question, answer, patience.end)
        except Undeliverable:
            raise
        except PatchbotError as error:
            _log.info("question.refused", error=type(error).__name__, reason=_code(error), **about)
            self.count(self._command_of(question, error), type(error).__name__)
            self._delivery.privately(origin, error_card(error))
        else:
            milliseconds = round((time.monotonic() - began) * 1000)
            command = answer.command.name
            _log.info("question.answered", command=command, milliseconds=milliseconds, **about)
            self.count(command, "answered")

    def open_home(self, origin: Origin) -> None:
        """Draw the Home tab of whoever opened it."""
        self._home.draw(origin)

    def failed(self, origin: Origin, error: BaseException | None, *, home: bool = False) -> None:
        """Tell the asker what ended their question: an error id or, with None, that patchbot stops."""
        if isinstance(error, Undeliverable):
            _log.error("answer.lost", user=origin.sender.user_id, reason=error.code)
            self.count("", "lost")
            return
        self.count("", "stopped" if error is None else "failed")
        card = stopping()
        if error is not None:
            incident = new_incident()
            _log.error(
                "question.failed", error_id=incident, user=origin.sender.user_id, exc_info=error
            )
            card = error_card(None, incident=incident)
        try:
            if home:
                self._home.show(origin, card)
            else:
                self._delivery.privately(origin, card)
        except SlackError as lost:
            _log.error("answer.lost", user=origin.sender.user_id, reason=lost.code)

    def tell(self, origin: Origin, card: Card) -> None:
        """Nothing but a word: why a question was not taken on."""
        self._delivery.privately(origin, card)

    def _ask(self, question: Question) -> Answer:
        identified = self._directory.identify(question.origin.sender)
        try:
            return self._desk.answer(
                question.text,
                identified.person,
                surface=Surface.SLACK,
                shared=question.show is Show.CHANNEL and not question.origin.is_home,
            )
        except NotAllowed as error:
            if not identified.unread_groups:
                raise
            groups = listed(
                f"{group} ({reason})" for group, reason in identified.unread_groups.items()
            )
            raise NotAllowed(
                error.message,
                hint=f"Slack did not tell who belongs to the user group {groups}; a patchbot admin can look into it.",
            ) from error

    def _deliver(self, question: Question, answer: Answer, ready: Ready) -> None:
        """Bring the answer to its place; `ready` is called before it goes out."""
        origin = question.origin
        match question.show:
            case Show.FILE:
                ready()
                self._delivery.as_file(origin, answer.attachment())
            case Show.CHANNEL if not origin.is_home:
                self._share(question, answer, ready)
            case Show.REPLACE if origin.is_home:
                ready()
                self._home.draw(origin)
            case _:
                self._delivery.privately(
                    origin, answer.card(), replace=question.show is Show.REPLACE, ready=ready
                )

    def _share(self, question: Question, answer: Answer, ready: Ready) -> None:
        try:
            self._delivery.to_channel(question.origin, answer.card(), ready=ready)
        except SlackError as error:
            if error.code != NO_ANSWER:
                raise
            raise SlackError(
                "Slack did not answer, so I cannot tell whether the card was posted.",
                code=error.code,
                hint="Look at the channel before you share it again.",
            ) from error

    def _command_of(self, question: Question, error: PatchbotError) -> str:
        """The command of a question that came to nothing; not read for people who may not ask."""
        if isinstance(error, NotAllowed):
            return ""
        with suppress(PatchbotError):
            return self._desk.understand(question.text)[0].name
        return ""

    def _tell_working(self, question: Question) -> None:
        """One line while a long reading runs. It stays: a response_url cannot take back what it said for a command."""
        if question.origin.is_home:
            return
        with suppress(PatchbotError):
            _, sentence = self._desk.understand(question.text)
            self._delivery.privately(question.origin, says(working_text(sentence)))


def new_incident() -> str:
    """A short id under which people and the log speak of the same failure."""
    return secrets.token_hex(4)


def _code(error: PatchbotError) -> Any:
    """What of an error may stand in the log: never its text, which holds what somebody typed."""
    return getattr(error, "code", "")
