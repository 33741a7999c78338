"""The threads that listen: one for each queue, and one that tells. A poll on the wire never holds up a stop."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from bot.core.errors import PatchbotError
from bot.core.ports import EventSource, Message

INTERVAL = 5.0
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
_log = logging.getLogger(__name__)

Take = Callable[[Sequence[Message]], Sequence[Message]]


class Listening:
    """Receives, has taken, deletes; in this order, so that whatever is lost in between comes again.

    `take` returns what is done with. `ticks` are called every `interval` seconds.
    Nothing that is raised ends a thread: it tries again, ever more slowly.
    """

    def __init__(
        self,
        sources: Sequence[EventSource],
        take: Take,
        ticks: Sequence[Callable[[], object]],
        *,
        interval: float = INTERVAL,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sources = tuple(sources)
        self._take = take
        self._ticks = tuple(ticks)
        self._interval = interval
        self._stop = threading.Event()
        self._monotonic = monotonic
        self._troubles: dict[str, str] = {}
        self._since: dict[str, float] = {}
        self.pollers: list[threading.Thread] = []
        self._teller = threading.Thread(target=self._tell, name="alerts", daemon=True)

    def start(self) -> None:
        """Begin, once."""
        self._teller.start()
        for source in self._sources:
            thread = threading.Thread(
                target=self._listen, args=(source,), name=f"events {source.name}", daemon=True
            )
            self.pollers.append(thread)
            thread.start()

    def stop(self, timeout: float = 1.0) -> None:
        """End after what is under way, which is waited for a moment. A poll is not: what it brings comes again."""
        self._stop.set()
        if self._teller.is_alive():
            self._teller.join(timeout)

    @property
    def troubles(self) -> tuple[str, ...]:
        """What fails at present, in words."""
        return tuple(self._troubles.values())

    def failing(self, at_least: float) -> Mapping[str, str]:
        """The sources that have failed for so many seconds, each with why."""
        before = self._monotonic() - at_least
        since, troubles = dict(self._since), dict(self._troubles)
        names = (one.name for one in self._sources)
        return {
            name: troubles[name]
            for name in names
            if name in troubles and since.get(name, before + 1) <= before
        }

    def listen_once(self, source: EventSource) -> int:
        """One poll of a queue. Returns how many messages came. Raises what fails."""
        messages = source.receive()
        if self._stop.is_set() or not messages:
            return 0
        done = self._take(messages)
        left = source.done(done) if done else 0
        if left:
            _log.warning("%d messages of %s could not be deleted and come again", left, source.name)
        return len(messages)

    def _listen(self, source: EventSource) -> None:
        pause = FIRST_PAUSE
        while not self._stop.is_set():
            if self._attempt(source.name, lambda: self.listen_once(source)):
                pause = FIRST_PAUSE
            else:
                self._stop.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    def _tell(self) -> None:
        while not self._stop.wait(self._interval):
            for number, tick in enumerate(self._ticks):
                self._attempt(f"alerts {number}", tick)

    def _attempt(self, name: str, act: Callable[[], object]) -> bool:
        """Whether it went well. A failure is told once, until it is over."""
        try:
            act()
        except Exception as error:  # noqa: BLE001 - the boundary of a thread
            said = (
                str(error)
                if isinstance(error, PatchbotError)
                else f"{type(error).__name__}: {error}"
            )
            if not self._stop.is_set() and self._troubles.get(name) != said:
                known = isinstance(error, PatchbotError)
                _log.warning("%s: %s", name, said, exc_info=not known)
            self._troubles[name] = said
            self._since.setdefault(name, self._monotonic())
            return False
        self._since.pop(name, None)
        if self._troubles.pop(name, None) is not None:
            _log.info("%s: all is well again", name)
        return True
