"""The call log of the simulated AWS: what reached the server, in order, whatever it answered."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any


@dataclass(frozen=True, slots=True)
class Call:
    """One signed request as the server read it.

    `parameters` are the JSON members (Systems Manager) or the form fields (EC2, STS);
    `body` holds the bytes that are dispatched.
    """

    service: str
    operation: str
    account: str
    region: str
    access_key: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)

    @property
    def speaks_json(self) -> bool:
        """Whether the request came in the JSON protocol (Systems Manager does)."""
        return self.body[:1] in (b"{", b"")

    def with_parameters(self, parameters: Mapping[str, Any]) -> "Call":
        """The same call of the JSON protocol with other members."""
        return replace(self, parameters=parameters, body=json.dumps(parameters).encode())


class CallLog:
    """Counts and keeps calls; safe to use from the server's threads and from a test at once."""

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._lock = Lock()

    def record(self, call: Call) -> None:
        """Append a call as it arrives, before any fault or answer."""
        with self._lock:
            self._calls.append(call)

    def all(self) -> list[Call]:
        """Every call since the start or the last `clear`, oldest first."""
        with self._lock:
            return list(self._calls)

    def matching(
        self,
        operation: str | None = None,
        *,
        service: str | None = None,
        account: str | None = None,
        region: str | None = None,
    ) -> list[Call]:
        """The calls that fit every criterion given."""
        return [
            call
            for call in self.all()
            if operation in (None, call.operation)
            and service in (None, call.service)
            and account in (None, call.account)
            and region in (None, call.region)
        ]

    def count(
        self,
        operation: str | None = None,
        *,
        service: str | None = None,
        account: str | None = None,
        region: str | None = None,
    ) -> int:
        """How many calls fit every criterion given."""
        return len(self.matching(operation, service=service, account=account, region=region))

    def counter(self) -> Counter[tuple[str, str, str]]:
        """Calls by (account, region, operation)."""
        return Counter((call.account, call.region, call.operation) for call in self.all())

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._calls.clear()

    def __len__(self) -> int:
        with self._lock:
            return len(self._calls)
