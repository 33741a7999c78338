"""The HTTP server in its thread: loopback, a port of its own, started and stopped cleanly."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

_Result = TypeVar("_Result")
_PATIENCE = 10.0
_TICK_SECONDS = 0.1


class _CuttableProtocol(H11Protocol):
    """HTTP that lets a request reach its connection, so that a fault can cut it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class _PromptServer(uvicorn.Server):
    """A server that stops when it is told to, not at its next tick: tests start hundreds."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._told = asyncio.Event()

    async def main_loop(self) -> None:
        tick = 0
        while not await self.on_tick(tick):
            tick += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), _TICK_SECONDS)

    def tell_to_stop(self) -> None:
        """Stop; only on the server's own loop."""
        self.should_exit = True
        self._told.set()


def loopback_socket(port: int = 0) -> socket.socket:
    """Return a listening socket on 127.0.0.1; port 0 takes a free one."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        listening.listen(128)
    except OSError:
        listening.close()
        raise
    return listening


class BackgroundServer:
    """Runs an ASGI app in a thread with an event loop of its own."""

    def __init__(self, listening: socket.socket) -> None:
        self._socket = listening
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: _PromptServer | None = None
        self._thread: threading.Thread | None = None

    def start(self, app: ASGIApp) -> None:
        """Start serving; connections are taken when this returns."""
        config = uvicorn.Config(
            app,
            http=_CuttableProtocol,
            ws="websockets-sansio",
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=2,
        )
        server = self._server = _PromptServer(config)
        ready = threading.Event()

        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            ready.set()
            await server.serve(sockets=[self._socket])

        self._thread = threading.Thread(target=asyncio.run, args=(serve(),), name="local-slack")
        self._thread.start()
        ready.wait(_PATIENCE)

    def run(self, work: Callable[[], Coroutine[Any, Any, _Result]]) -> _Result:
        """Run `work` on the server's loop, from another thread, and return its result."""
        if self._loop is None:
            raise RuntimeError("The local Slack is not running; use it in a with block.")
        return asyncio.run_coroutine_threadsafe(work(), self._loop).result(_PATIENCE)

    def stop(self) -> None:
        """Stop serving and wait until the thread has ended."""
        if self._server is not None and self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._server.tell_to_stop)
            self._thread.join(_PATIENCE)
        self._socket.close()
