"""Brings an answer to its place: privately, to the channel or as a file; where one way is closed, by another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import structlog

from bot.chatops.reply import Attachment, Card
from bot.core.errors import NotAllowed, SlackError
from bot.slack.api import NO_ANSWER, SlackApi
from bot.slack.audience import Audience
from bot.slack.incoming import Origin
from bot.slack.messages import sent_to_you, shared_by
from bot.slack.pictures import Body, Draft, Pictures
from bot.slack.response_urls import ResponseUrls

_log: Final = structlog.get_logger("bot.slack.delivery")
_NOT_THERE: Final = frozenset(
    {
        "not_in_channel",
        "channel_not_found",
        "is_archived",
        "thread_not_found",
        "cannot_reply_to_message",
    }
)


Way: TypeAlias = tuple[str, Callable[[Body], None]]
"""A name for the log, and what sends the body of a message."""


Ready: TypeAlias = Callable[[], None]


def _nothing() -> None:
    """What there is to do when a card is ready and nobody waits to hear it."""


class Undeliverable(SlackError):
    """No way to the person was left: there is nobody to tell."""


class Delivery:
    """Sends cards and files. Where outsiders read along it shows nothing to everybody."""

    def __init__(
        self,
        api: SlackApi,
        response_urls: ResponseUrls,
        audience: Audience,
        pictures: Pictures,
    ) -> None:
        self._api = api
        self._pictures = pictures
        self._audience = audience
        self._response_urls = response_urls

    def privately(
        self, origin: Origin, card: Card, *, replace: bool = False, ready: Ready = _nothing
    ) -> None:
        """To the asker only; with `replace` in place of the card that was clicked, unless others see it.

        By response_url, else as a message in the channel only they see, else as a direct message. `ready` is called
        when its pictures are there and it goes out. Raises Undeliverable.
        """
        user_id = origin.sender.user_id
        ways: list[Way] = []
        if origin.response_url:
            place = _instead if replace and not origin.public else _beside
            ways.append(
                (
                    "response_url",
                    lambda body: self._response_urls.post(origin.response_url, place(body, origin)),
                )
            )
        if not origin.is_home:
            ways.append(
                (
                    "ephemeral",
                    lambda body: self._api.post_privately(
                        origin.channel, user_id, {**body, **_thread(origin)}
                    ),
                )
            )
        ways.append(
            (
                "direct_message",
                lambda body: self._api.post(self._api.open_direct_message(user_id), body),
            )
        )
        draft = self._pictures.draft(card)
        ready()
        _first_that_works(ways, draft)

    def to_channel(self, origin: Origin, card: Card, *, ready: Ready = _nothing) -> None:
        """To everybody in the channel, saying who shared it. Posts twice in no case; `ready` as for `privately`.

        Raises NotAllowed where outsiders would see it, else SlackError; code "no_answer" when it may be there all the
        same.
        """
        self._audience.check(origin.channel)
        draft = self._pictures.draft(shared_by(card, origin.sender.user_id))
        ready()
        thread = _thread(origin)
        if origin.response_url:
            announced = {**thread, "response_type": "in_channel", "replace_original": False}
            try:
                draft.send(
                    lambda body: self._response_urls.post(
                        origin.response_url, {**body, **announced}
                    )
                )
            except SlackError as error:
                if error.code == NO_ANSWER:
                    raise
                _log.warning("delivery.failed", way="response_url", reason=error.code)
            else:
                return
        draft.send(lambda body: self._api.post(origin.channel, {**body, **thread}))

    def as_file(self, origin: Origin, file: Attachment) -> None:
        """Into the thread of the card that was clicked; from a private card, or where that may not or cannot be, to
        the asker as a direct message, with a word about it. Raises SlackError.
        """
        if origin.public and self._is_in_thread(origin, file):
            return
        self._api.upload(self._api.open_direct_message(origin.sender.user_id), file)
        if not origin.is_home:
            self.privately(origin, sent_to_you(file))

    def _is_in_thread(self, origin: Origin, file: Attachment) -> bool:
        """Upload it for everybody; False where outsiders read along, or where patchbot may not post."""
        try:
            self._audience.check(origin.channel)
            self._api.upload(origin.channel, file, thread_ts=origin.thread_ts or origin.message_ts)
        except NotAllowed:
            _log.info("delivery.failed", way="thread", reason="audience")
            return False
        except SlackError as error:
            if error.code not in _NOT_THERE:
                raise
            _log.info("delivery.failed", way="thread", reason=error.code)
            return False
        return True


def _thread(origin: Origin) -> dict[str, Any]:
    return {"thread_ts": origin.thread_ts} if origin.thread_ts else {}


def _instead(body: Body, _origin: Origin) -> dict[str, Any]:
    return {**body, "replace_original": True}


def _beside(body: Body, origin: Origin) -> dict[str, Any]:
    return {
        **body,
        **_thread(origin),
        "response_type": "ephemeral",
        "replace_original": False,
    }


def _first_that_works(ways: list[Way], draft: Draft) -> None:
    """Try one way after the other: an answer that may come twice is better than none. Raises Undeliverable."""
    code = ""
    for name, send in ways:
        try:
            draft.send(send)
        except SlackError as error:
            _log.warning("delivery.failed", way=name, reason=error.code)
            code = error.code
        else:
            return
    raise Undeliverable("There was no way left to answer.", code=code)
