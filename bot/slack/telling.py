"""A word to one person, wherever it reaches them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog

from bot.core.errors import SlackError
from bot.slack.api import SlackApi
from bot.slack.incoming import Origin
from bot.slack.messages import message, says
from bot.slack.pool import Pool

_log: Final = structlog.get_logger("bot.slack.telling")


class Teller:
    """Tells people what became of their clicks, in threads of its own: nobody waits for a slow Slack."""

    def __init__(self, api: SlackApi, pool: Pool) -> None:
        self._api = api
        self._pool = pool

    def tell(self, origin: Origin, text: str, done: Callable[[], None] = lambda: None) -> None:
        """Privately in the channel where they clicked, else as a direct message; then `done` is called."""
        person = origin.sender.user_id

        def work() -> None:
            self._tell(origin, text)
            done()

        if not self._pool.submit(work, lambda error: _untold(person, error)):
            _untold(person, None)

    def _tell(self, origin: Origin, text: str) -> None:
        body = message(says(text)).body()
        person = origin.sender.user_id
        if origin.channel and not origin.channel.startswith("D"):
            try:
                self._api.post_privately(origin.channel, person, body)
            except SlackError as error:
                _log.info("answer.direct", user=person, reason=error.code)
            else:
                return
        self._api.post(self._api.open_direct_message(person), body)


def _untold(person: str, error: BaseException | None) -> None:
    reason = error.code if isinstance(error, SlackError) else type(error).__name__
    _log.warning("answer.lost", user=person, reason=reason)
