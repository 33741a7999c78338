"""Runs an HTTP app in a thread of its own, and stops it again."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
import time
from typing import Any, Final

import structlog
import uvicorn
from starlette.types import ASGIApp

from bot.core.errors import ConfigurationError
from bot.web.connections import GuardedProtocol, raise_file_limit

_log: Final = structlog.get_logger("bot.web")
_START_SECONDS: Final = 10.0
_GRACE_SECONDS: Final = 5
_BACKLOG: Final = 128
_OUT_OF_FILES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_TOLD_EVERY_SECONDS: Final = 60.0


class HttpServer:
    """A running server. `address` is where it listens, `stop` ends it."""

    def __init__(self, app: ASGIApp, listening: socket.socket) -> None:
        self._socket = listening
        config = uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            http=GuardedProtocol,
            ws="none",
            backlog=_BACKLOG,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name="http", daemon=True)

    @property
    def address(self) -> str:
        """The origin, with the port that was really taken: `http://127.0.0.1:8080`."""
        host, port = self._socket.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def start(self) -> None:
        """Serve. Returns when requests are taken; raises ConfigurationError when that never happens."""
        self._thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise ConfigurationError("The HTTP server did not start.")
            time.sleep(0.005)

    def stop(self) -> None:
        """Take no more requests, finish those under way (at most five seconds), and end the thread."""
        self._server.should_exit = True
        self._thread.join(_GRACE_SECONDS + 5)
        self._socket.close()

    def _serve(self) -> None:
        asyncio.run(self._serve_in_loop())

    async def _serve_in_loop(self) -> None:
        asyncio.get_running_loop().set_exception_handler(LoopErrors())
        await self._server.serve(sockets=[self._socket])


class LoopErrors:
    """What asyncio reports of its own accord. Out of files it does so up to once for each place in the backlog."""

    def __init__(self) -> None:
        self._told_at: float | None = None

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Log it; that no connection can be accepted only once a minute."""
        error = context.get("exception")
        if not isinstance(error, OSError) or error.errno not in _OUT_OF_FILES:
            loop.default_exception_handler(context)
            return
        now = loop.time()
        if self._told_at is None or now - self._told_at >= _TOLD_EVERY_SECONDS:
            self._told_at = now
            _log.error("connections.refused", reason=errno.errorcode[error.errno])


def serve_http(app: ASGIApp, *, host: str, port: int) -> HttpServer:
    """Serve `app`; port 0 takes a free one. Raises ConfigurationError when the address cannot be taken.

    Raises the limit of open files of this process as far as it may.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except (OSError, OverflowError) as error:
        listening.close()
        raise ConfigurationError(
            f"Cannot listen on {host}:{port}: {error}.",
            hint="Choose another port, or stop what listens there.",
        ) from error
    raise_file_limit()
    server = HttpServer(app, listening)
    server.start()
    return server
