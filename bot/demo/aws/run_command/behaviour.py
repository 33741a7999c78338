"""How commands behave: how long things take, what is to become of a node, and who hears of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from random import Random
from threading import Lock
from typing import Any


class Outcome(StrEnum):
    """What can become of a node in a command."""

    SUCCESS = "success"
    FAILED = "failed"  # the step exits with a code; nothing was installed
    SOME_FAILED = "some_failed"  # some patches fail to install, the others are installed
    UPLOAD_FAILED = "upload_failed"  # exit code 149: done, but the record stays as it was
    UNDELIVERABLE = "undeliverable"
    DELIVERY_TIMED_OUT = "delivery_timed_out"
    EXECUTION_TIMED_OUT = "execution_timed_out"
    NEVER_BACK = "never_back"  # gone after its reboot, until the execution time is over
    STUCK = "stuck"  # in progress for ever
    ACCESS_DENIED = "access_denied"


@dataclass(slots=True)
class Fate:
    """What will become of a node: for commands of this `operation` (empty: any), `times` times (None: always)."""

    outcome: Outcome
    operation: str = ""
    times: int | None = None
    exit_code: int = 1
    output: str = ""
    patches: int = 1


@dataclass(frozen=True, slots=True)
class Durations:
    """Seconds from and to, before `Behaviour.speed` shortens them."""

    pick_up: tuple[float, float] = (1, 4)
    scan: tuple[float, float] = (25, 60)
    install: tuple[float, float] = (90, 240)
    reboot: tuple[float, float] = (60, 120)
    other: tuple[float, float] = (2, 6)
    execution_limit: float = 7200


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A command (`instance_id` empty) or one of its invocations has another status (EventBridge tells the same)."""

    account: str
    region: str
    command_id: str
    document_name: str
    instance_id: str
    status: str
    at: datetime
    requested_at: datetime
    expires_after: datetime
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ComplianceChange:
    """A node reported, and is compliant or non-compliant where it was the other before (EventBridge tells the same)."""

    account: str
    region: str
    instance_id: str
    compliant: bool
    severity: str
    baseline_id: str
    at: datetime


Listener = Callable[[StatusChange], None]
ComplianceListener = Callable[[ComplianceChange], None]


def utc_now() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Behaviour:
    """The settings of one simulated AWS.

    Time is that of `clock`; everything a node does is `speed` times faster than in life, so that times stay true.
    A command is listed only `lag` seconds of the clock after it was accepted.
    """

    clock: Callable[[], datetime] = utc_now
    speed: float = 1.0
    lag: float = 0.3
    durations: Durations = field(default_factory=Durations)
    listeners: list[Listener] = field(default_factory=list)
    compliance_listeners: list[ComplianceListener] = field(default_factory=list)
    _fates: dict[str, list[Fate]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def decide(self, instance_id: str, fate: Fate) -> None:
        """From now on this becomes of the node; what was decided first comes first."""
        with self._lock:
            self._fates.setdefault(instance_id, []).append(fate)

    def forget(self, instance_id: str) -> None:
        """The node does as it should again."""
        with self._lock:
            self._fates.pop(instance_id, None)

    def fate(self, instance_id: str, operation: str) -> Fate:
        """What becomes of the node in this command."""
        with self._lock:
            for fate in self._fates.get(instance_id, []):
                if fate.operation in ("", operation) and fate.times != 0:
                    fate.times = None if fate.times is None else fate.times - 1
                    return fate
        return Fate(Outcome.SUCCESS)

    def takes(self, span: tuple[float, float], *what: str) -> timedelta:
        """How long something takes: the same for the same words, so that a run can be repeated."""
        return self.real(Random("/".join(what)).uniform(*span))

    def real(self, seconds: float) -> timedelta:
        """So many seconds of a node's life on the clock."""
        return timedelta(seconds=seconds / self.speed)
