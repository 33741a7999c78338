"""Identifiers in the shapes Slack gives them, and the timestamps that name messages."""

import secrets
import string
from collections.abc import Callable

_LETTERS = string.ascii_uppercase + string.digits


class Ids:
    """Hands out ids; message timestamps are unique and only ever grow, as in one workspace."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last_micros = 0

    def new(self, prefix: str) -> str:
        """Return an id like `V0K3…`: a type letter and ten random signs."""
        return prefix + "0" + "".join(secrets.choice(_LETTERS) for _ in range(9))

    def short(self) -> str:
        """Return what Slack fills in for a missing block_id or action_id."""
        return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(5))

    def secret(self) -> str:
        """Return the unguessable part of an address or token."""
        return secrets.token_hex(16)

    def ts(self) -> str:
        """Return a new message timestamp, `seconds.micros`."""
        self._last_micros = max(int(self._clock() * 1_000_000), self._last_micros + 1)
        return f"{self._last_micros // 1_000_000}.{self._last_micros % 1_000_000:06d}"
