"""Runs an HTTP app in a thread of its own, and stops it again."""

from __future__ import annotations

import socket
import threading
import time
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from bot.core.errors import ConfigurationError

_START_SECONDS: Final = 10.0
_GRACE_SECONDS: Final = 5


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
        self._server.run(sockets=[self._socket])


def serve_http(app: ASGIApp, *, host: str, port: int) -> HttpServer:
    """Serve `app`; port 0 takes a free one. Raises ConfigurationError when the address cannot be taken."""
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
    server = HttpServer(app, listening)
    server.start()
    return server
