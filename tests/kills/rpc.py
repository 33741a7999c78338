"""The simulated AWS as a server of its own: what it has accepted survives the process that is killed.

At the moment it accepts a command it looks into the ledger for the intent, as an auditor standing beside it would.
"""

from __future__ import annotations

import threading
from contextlib import closing
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

from bot.core.commands import Order
from bot.store.ledger import SqliteLedger
from tests.worker.aws import SimulatedAws

SECRET = b"tests"


class AwsServer:
    """Serves `aws` on a socket in `directory`. `unintended` are marks that came without an intent in the audit."""

    def __init__(self, aws: SimulatedAws, directory: Path) -> None:
        self.aws = aws
        self.address = str(directory / "aws.sock")
        self.unintended: list[str] = []
        self._ledger = directory / "ledger.db"
        aws.on_accept = self._look
        self._listener = Listener(self.address, "AF_UNIX", backlog=16, authkey=SECRET)
        threading.Thread(target=self._accept, name="aws", daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _look(self, order: Order) -> None:
        with closing(SqliteLedger.open_for_reading(self._ledger, clock=self.aws.now)) as ledger:
            intents = ledger.audit(kind="dispatch.intended", limit=1000)
            if not any(order.mark in link.body for link in intents):
                self.unintended.append(order.mark)

    def _accept(self) -> None:
        while True:
            try:
                connection = self._listener.accept()
            except EOFError:
                continue  # the client was killed while it said hello
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        with connection:
            while True:
                try:
                    name, args, kwargs = connection.recv()
                    connection.send(self._answer(name, args, kwargs))
                except (EOFError, OSError):
                    return  # the client was killed

    def _answer(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str, Any]:
        try:
            return "value", getattr(self.aws, name)(*args, **kwargs)
        except Exception as error:  # noqa: BLE001  # the client raises it
            return "error", error


class RemoteAws:
    """The server's AWS as a gateway: each call is one exchange. One connection for each thread."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._local = threading.local()

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: self._call(name, args, kwargs)

    def _call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not hasattr(self._local, "connection"):
            self._local.connection = Client(self._address, "AF_UNIX", authkey=SECRET)
        self._local.connection.send((name, args, kwargs))
        kind, value = self._local.connection.recv()
        if kind == "error":
            raise value
        return value
