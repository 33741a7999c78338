"""Faults on demand: added and taken away while the server runs.

A fault meets the calls of its operation (None: all) and of its `region`, `account` and `service`
where these are given; `calls=n` limits it to the next n of them. Every method that adds a fault
returns it; its `hits` says how often it struck, so that a test can show that it was met at all.
"""

import time
from collections.abc import Callable
from threading import Lock
from typing import TypedDict, TypeVar, Unpack

from bot.demo.aws.calls import Call
from bot.demo.aws.fault_kinds import (
    Denial,
    EmptyPage,
    Fault,
    Interlude,
    Latency,
    LostAnswer,
    Proceed,
    RateLimit,
    RepeatedToken,
    Reset,
    ServerError,
    Throttle,
    Where,
)
from bot.demo.aws.wire import Answer

AnyFault = TypeVar("AnyFault", bound=Fault)


class Scope(TypedDict, total=False):
    """What, besides the operation, narrows a fault; what is left out fits all."""

    region: str
    account: str
    service: str


class Faults:
    """The faults in force, in the order they were added; the first added meets a call first."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._chain: tuple[Fault, ...] = ()
        self._lock = Lock()

    def deny(
        self, operation: str | None = None, *, calls: int | None = None, **scope: Unpack[Scope]
    ) -> Fault:
        """AccessDenied for these calls."""
        return self.add(Denial(Where(operation, **scope), calls=calls))

    def throttle(
        self, operation: str | None = None, *, calls: int | None = 1, **scope: Unpack[Scope]
    ) -> Fault:
        """ThrottlingException for the next `calls` of them."""
        return self.add(Throttle(Where(operation, **scope), calls=calls))

    def limit_rate(
        self, operation: str | None = None, *, rate: float, burst: int, **scope: Unpack[Scope]
    ) -> RateLimit:
        """A budget of `rate` calls a second and `burst` at once, per account, region, operation."""
        return self.add(
            RateLimit(Where(operation, **scope), rate=rate, burst=burst, clock=self._clock)
        )

    def fail(
        self,
        operation: str | None = None,
        *,
        status: int = 500,
        calls: int | None = 1,
        accepted: bool = False,
        **scope: Unpack[Scope],
    ) -> Fault:
        """HTTP 500 or 503 for the next `calls` of them; `accepted`: after the work was done."""
        where = Where(operation, **scope)
        return self.add(ServerError(where, status=status, calls=calls, accepted=accepted))

    def delay(
        self, operation: str | None = None, *, seconds: float, **scope: Unpack[Scope]
    ) -> Fault:
        """Every one of these calls takes at least so long."""
        return self.add(Latency(Where(operation, **scope), seconds=seconds, sleep=self._sleep))

    def reset_connection(
        self, operation: str | None = None, *, calls: int | None = 1, **scope: Unpack[Scope]
    ) -> Fault:
        """Break the connection before AWS has seen the call."""
        return self.add(Reset(Where(operation, **scope), calls=calls))

    def lose_answer(
        self,
        operation: str | None = None,
        *,
        calls: int | None = 1,
        hold: float = 0.0,
        **scope: Unpack[Scope],
    ) -> Fault:
        """Do the work, wait `hold` seconds, then break the connection."""
        return self.add(
            LostAnswer(Where(operation, **scope), calls=calls, hold=hold, sleep=self._sleep)
        )

    def empty_page(
        self, operation: str | None = None, *, calls: int | None = 1, **scope: Unpack[Scope]
    ) -> Fault:
        """Put an empty page with a token before the page asked for (Systems Manager only)."""
        return self.add(EmptyPage(Where(operation, **scope), calls=calls))

    def repeat_token(
        self, operation: str | None = None, *, calls: int | None = None, **scope: Unpack[Scope]
    ) -> Fault:
        """Hand the reader the token it just came with (Systems Manager only)."""
        return self.add(RepeatedToken(Where(operation, **scope), calls=calls))

    def before_call(
        self,
        operation: str | None = None,
        *,
        nth: int,
        action: Callable[[], None],
        **scope: Unpack[Scope],
    ) -> Fault:
        """Run `action` before the n-th of these calls, counted from now."""
        return self.add(Interlude(Where(operation, **scope), nth=nth, action=action))

    def add(self, fault: AnyFault) -> AnyFault:
        """Put a fault (also one of your own) at the end of the chain."""
        with self._lock:
            self._chain = (*self._chain, fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """Take one fault away."""
        with self._lock:
            self._chain = tuple(each for each in self._chain if each is not fault)

    def clear(self) -> None:
        """Take all faults away."""
        with self._lock:
            self._chain = ()

    def apply(self, call: Call, dispatch: Proceed) -> Answer:
        """Send the call through every fault to `dispatch`.

        Raises ConnectionCutError when a fault wants the connection broken.
        """
        proceed = dispatch
        for fault in reversed(self._chain):
            proceed = _link(fault, proceed)
        return proceed(call)


def _link(fault: Fault, proceed: Proceed) -> Proceed:
    return lambda call: fault.handle(call, proceed)
