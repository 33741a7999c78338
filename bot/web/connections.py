"""What one connection may cost: a deadline for its headers, and a place among only so many.

uvicorn has a time limit between two requests but none within one, so whoever sends a header byte by byte would keep
a connection for ever. A proxy in front is to buffer requests; this holds without one.
"""

from __future__ import annotations

import asyncio
import resource
from contextlib import suppress
from typing import Final

from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_SECONDS: Final = 10.0
MOST_CONNECTIONS: Final = 512
_FILES: Final = 65_536


def raise_file_limit() -> None:
    """Allow this process as many open files as its hard limit does; connections are files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):  # a sandbox may forbid it
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def most_connections() -> int:
    """How many connections may be open: half of all files at most, for the bot needs some, too."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else min(MOST_CONNECTIONS, soft // 2)


class GuardedProtocol(H11Protocol):
    """A connection that is closed when its headers take too long.

    When all places are taken, the one whose last request is the longest ago makes room, unless it is being answered:
    honest headers come at once.
    """

    _deadline: asyncio.TimerHandle | None = None
    _asked_at = 0.0
    _given_up = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give it a place, or turn it away when every other one is being answered."""
        full = len(self.connections) >= most_connections()
        super().connection_made(transport)
        self._asked_at = self.loop.time()
        self._await_headers()
        if full:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        """Headers are there once the request is with the app."""
        super().data_received(data)
        if self._is_answered:
            self._asked_at = self.loop.time()
            self._end_deadline()
        elif self._deadline is None:
            self._await_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over, whoever ended it."""
        self._end_deadline()
        super().connection_lost(exc)

    @property
    def _is_answered(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _await_headers(self) -> None:
        self._deadline = self.loop.call_later(HEADER_SECONDS, self._give_up)

    def _end_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._given_up = True
        self.transport.abort()

    def _make_room(self) -> None:
        others = (each for each in self.connections if isinstance(each, GuardedProtocol))
        idle = [each for each in others if not (each._given_up or each._is_answered)]
        min(idle, key=lambda each: each._asked_at)._give_up()
