"""Pictures of cards: drawn, uploaded and put into their places. The words of a card never wait long for them.

What is tried is bounded: `PATIENCE` seconds for drawing and uploading, then the pauses in `PAUSES` while Slack does
not know the new file yet. After that the card goes out with the pictures told in words.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Final, TypeVar

import structlog

from bot.chatops.reply import Card, Picture
from bot.core.errors import SlackError
from bot.slack.api import SlackApi
from bot.slack.messages import message
from bot.slack.pool import Pool

PATIENCE: Final = 6.0
PAUSES: Final = (0.7, 1.5)
"""Three attempts with the picture and one without: a response_url is good for five."""
REMEMBERED: Final = 200

_NOT_TAKEN: Final = frozenset({"invalid_blocks", "invalid_slack_file", "file_not_found"})
_log: Final = structlog.get_logger("bot.slack.pictures")
T = TypeVar("T")
Body = Mapping[str, Any]


class Draft:
    """A card on its way: with its pictures for as long as Slack may take them, then without."""

    def __init__(
        self,
        plain: Body,
        with_pictures: Body | None = None,
        *,
        sleep: Callable[[float], None],
        refused: Callable[[], None] = lambda: None,
    ) -> None:
        self._plain = plain
        self._with_pictures = with_pictures
        self._pauses = list(PAUSES)
        self._sleep = sleep
        self._refused = refused

    def send(self, post: Callable[[Body], T]) -> T:
        """What `post` returns for the body of the message. Raises what it raises, but for a refused picture."""
        while self._with_pictures is not None:
            try:
                return post(self._with_pictures)
            except SlackError as error:
                if error.code not in _NOT_TAKEN:
                    raise
                if self._pauses:
                    self._sleep(self._pauses.pop(0))
                    continue
                _log.warning("picture.refused", reason=error.code)
                self._with_pictures = None
                self._refused()
        return post(self._plain)


class Pictures:
    """Draws and uploads in threads of `pool`. A picture that was uploaded before is not uploaded again."""

    def __init__(
        self,
        api: SlackApi,
        pool: Pool,
        *,
        patience: float = PATIENCE,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._api = api
        self._pool = pool
        self._patience = patience
        self._sleep = sleep
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, str] = OrderedDict()

    def draft(self, card: Card) -> Draft:
        """The card ready to be sent, in as many ways as it takes. Never raises."""
        plain = message(card).body()
        if not card.pictures:
            return Draft(plain, sleep=self._sleep)
        files = self._uploaded(card.pictures)
        if not files:
            return Draft(plain, sleep=self._sleep)
        body = message(card, files).body()
        return Draft(
            plain, body, sleep=self._sleep, refused=lambda: self._forget(list(files.values()))
        )

    def _uploaded(self, pictures: Sequence[Picture]) -> dict[str, str]:
        """The file ids by place, of those that were there in time."""
        deadline = time.monotonic() + self._patience
        waiting = {picture.place: self._begin(picture) for picture in pictures}
        files = {}
        for place, future in waiting.items():
            try:
                files[place] = future.result(max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                _log.warning("picture.late", place=place)
            except SlackError as error:
                _log.warning("picture.failed", place=place, reason=error.code)
            except Exception as error:  # noqa: BLE001 - whatever drawing raises: the card is sent without
                _log.error("picture.failed", place=place, exc_info=error)
        return files

    def _begin(self, picture: Picture) -> Future[str]:
        done: Future[str] = Future()

        def work() -> None:
            done.set_result(self._upload(picture))

        def failed(error: BaseException | None) -> None:
            done.set_exception(error or SlackError("patchbot stops.", code="stopped"))

        if not self._pool.submit(work, failed):
            done.set_exception(SlackError("Too many pictures are under way.", code="busy"))
        return done

    def _upload(self, picture: Picture) -> str:
        content = picture.draw()
        key = hashlib.sha256(content).digest()
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        file_id = self._api.upload_picture(f"{picture.name.lower()}.png", content)
        with self._lock:
            self._known[key] = file_id
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return file_id

    def _forget(self, files: Sequence[str]) -> None:
        """Files that Slack does not take (any more) are uploaded anew next time."""
        with self._lock:
            for key in [key for key, file_id in self._known.items() if file_id in files]:
                del self._known[key]
