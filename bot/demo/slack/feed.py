"""Live updates for the pages: who listens, and what each listener may see."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Iterator

from bot.demo.slack.errors import Json

_BACKLOG = 2_000


class Feed:
    """One queue per open page; events are offered only to those who may see them.

    A page that falls too far behind is cut off: it reconnects and reads everything anew.
    """

    def __init__(self) -> None:
        self._queues: dict[asyncio.Queue[Json | None], str] = {}
        self._closed = False

    def publish(self, event: Json, *, to: Collection[str]) -> None:
        """Offer `event` to every open page of the people `to`."""
        for queue, person in list(self._queues.items()):
            if person not in to:
                continue
            if queue.qsize() >= _BACKLOG:
                self._end(queue)
            else:
                queue.put_nowait(event)

    @contextlib.contextmanager
    def subscribed(self, person: str) -> Iterator[asyncio.Queue[Json | None]]:
        """Listen as `person` for as long as the block lasts; None in the queue is the end."""
        queue: asyncio.Queue[Json | None] = asyncio.Queue()
        self._queues[queue] = person
        if self._closed:
            self._end(queue)
        try:
            yield queue
        finally:
            self._queues.pop(queue, None)

    def close(self) -> None:
        """End every stream, now and for later listeners."""
        self._closed = True
        for queue in list(self._queues):
            self._end(queue)

    def _end(self, queue: asyncio.Queue[Json | None]) -> None:
        self._queues.pop(queue, None)
        queue.put_nowait(None)


async def events_or_pings(
    queue: asyncio.Queue[Json | None], *, every: float
) -> AsyncIterator[Json | None]:
    """Yield events as they come, and None whenever `every` seconds passed without one."""
    while True:
        try:
            event = await asyncio.wait_for(queue.get(), every)
        except TimeoutError:
            yield None
            continue
        if event is None:
            return
        yield event
