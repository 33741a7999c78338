"""Posts what the ledger wants to be seen, and draws it anew when it changes. Messages are only views.

The intent to post is on disk before the call. When its answer was lost, the message is looked for by its metadata and
posted again only where it is not: two cards of one request do no harm, a card that nobody sees does.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from bot.chatops.reply import Card
from bot.core.errors import NotFound, PatchbotError, SlackError
from bot.core.ledger import Ledger, Notice, NoticeState
from bot.core.ports import Clock
from bot.slack.api import NO_ANSWER, SlackApi
from bot.slack.messages import message

EVENT_TYPE: Final = "patchbot_notice"
SETTLE_SECONDS: Final = 30.0
IDLE_SECONDS: Final = 2.0
_PASSING: Final = frozenset(
    {NO_ANSWER, "ratelimited", "rate_limited", "internal_error", "service_unavailable"}
)
_GONE: Final = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
_UNFURLS: Final = ("unfurl_links", "unfurl_media")

Draw = Callable[[Notice], Card]

_log = logging.getLogger(__name__)


class Noticeboard:
    """Brings notices from the ledger to Slack, one after the other, in a thread of its own."""

    def __init__(self, ledger: Ledger, api: SlackApi, draw: Draw, *, clock: Clock) -> None:
        self._ledger = ledger
        self._api = api
        self._draw = draw
        self._clock = clock
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._work, name="noticeboard", daemon=True)
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """End after the message under way."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout)

    def wake(self) -> None:
        """Something changed: look at once."""
        self._wake.set()

    def post_due(self) -> None:
        """Bring every notice that is due one step further. Failures are kept with the notice and told in the log."""
        for notice in self._ledger.notices(only_due=True):
            if self._stop.is_set():
                return
            try:
                self._bring(notice)
            except SlackError as error:
                self._failed(notice, error)
            except NotFound as error:
                self._move(replace(notice, state=NoticeState.FAILED, reason=error.message))

    def _work(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            try:
                self.post_due()
            except PatchbotError as error:
                _log.warning("Notices cannot be posted: %s", error)
            self._wake.wait(IDLE_SECONDS)

    def _bring(self, notice: Notice) -> None:
        if notice.state is NoticeState.POSTED:
            self._redraw(notice)
        elif notice.state is NoticeState.POSTING:
            self._find(notice)
        elif notice.state is NoticeState.NEW:
            self._post(notice)

    def _post(self, notice: Notice) -> None:
        parent = self._parent(notice)
        if parent is not None and parent.state in {NoticeState.NEW, NoticeState.POSTING}:
            return  # its thread is not there yet
        place = self._place(notice)
        card = self._draw(notice)
        intent = replace(notice, channel=place, state=NoticeState.POSTING, reason="")
        self._move(intent)
        thread = parent.ts if parent is not None and parent.state is NoticeState.POSTED else ""
        channel, ts = self._api.say(
            place, {**_body(card, notice.key), **({"thread_ts": thread} if thread else {})}
        )
        self._move(
            replace(intent, channel=channel, state=NoticeState.POSTED, ts=ts, shown=notice.wanted)
        )

    def _redraw(self, notice: Notice) -> None:
        body = _body(self._draw(notice), notice.key)
        try:
            self._api.redraw(
                notice.channel,
                notice.ts,
                {name: value for name, value in body.items() if name not in _UNFURLS},
            )
        except SlackError as error:
            if error.code not in _GONE:
                raise
            # Somebody deleted it: what it shows goes on, so it is posted anew.
            self._move(replace(notice, state=NoticeState.NEW, ts="", reason=error.code))
            return
        self._move(replace(notice, shown=notice.wanted, reason=""))

    def _find(self, notice: Notice) -> None:
        """A message whose answer was lost: found by its metadata, else to be posted again."""
        since = notice.changed_at or self._clock()
        if (self._clock() - since).total_seconds() < SETTLE_SECONDS:
            return
        for said in self._api.said_since(notice.channel, since.timestamp() - 60):
            metadata = said.get("metadata")
            payload = metadata.get("event_payload") if isinstance(metadata, Mapping) else None
            if isinstance(payload, Mapping) and payload.get("key") == notice.key:
                found = replace(notice, state=NoticeState.POSTED, ts=str(said["ts"]), reason="")
                self._move(found)
                return
        self._move(replace(notice, state=NoticeState.NEW, reason="not found after a lost answer"))

    def _failed(self, notice: Notice, error: SlackError) -> None:
        _log.warning("The notice %s could not be brought: %s", notice.key, error.code)
        if error.code in _PASSING:
            return  # as it stands in the ledger: looked for, or drawn again, next time
        lost = notice.state is NoticeState.POSTED
        state = NoticeState.LOST if lost else NoticeState.FAILED
        self._move(replace(notice, state=state, shown=notice.wanted, reason=error.code))

    def _parent(self, notice: Notice) -> Notice | None:
        if not notice.thread_of:
            return None
        return next((one for one in self._ledger.notices() if one.key == notice.thread_of), None)

    def _place(self, notice: Notice) -> str:
        is_person = notice.channel[:1] in {"U", "W"}
        return self._api.open_direct_message(notice.channel) if is_person else notice.channel

    def _move(self, notice: Notice) -> None:
        with self._ledger.change() as change:
            change.move_notice(notice)


def _body(card: Card, key: str) -> dict[str, Any]:
    metadata = {"event_type": EVENT_TYPE, "event_payload": {"key": key}}
    return {**message(card).body(), "metadata": metadata}
