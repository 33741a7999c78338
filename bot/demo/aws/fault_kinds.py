"""The kinds of fault: each is a link in the chain around a call (`bot.demo.aws.faults`)."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from threading import Lock

from typing_extensions import override

from bot.demo.aws import wire
from bot.demo.aws.calls import Call
from bot.demo.aws.pages import list_member
from bot.demo.aws.wire import Answer

Proceed = Callable[[Call], Answer]
_numbers = count(1)


class ConnectionCutError(ConnectionResetError):
    """Tells the server to reset the connection instead of answering."""


@dataclass(frozen=True, slots=True)
class Where:
    """Which calls a fault meets; None fits all."""

    operation: str | None = None
    region: str | None = None
    account: str | None = None
    service: str | None = None

    def fits(self, call: Call) -> bool:
        """Whether the call meets every criterion."""
        return (
            self.operation in (None, call.operation)
            and self.region in (None, call.region)
            and self.account in (None, call.account)
            and self.service in (None, call.service)
        )


class Fault:
    """One disturbance. Subclasses say in `strike` what happens to a call it meets."""

    def __init__(self, where: Where, *, calls: int | None = None) -> None:
        self.where = where
        self.hits = 0
        self._left = calls
        self._lock = Lock()

    def handle(self, call: Call, proceed: Proceed) -> Answer:
        """Strike, or let the call pass when it does not fit or the count is used up."""
        if not self.where.fits(call) or not self._take():
            return proceed(call)
        return self.strike(call, proceed)

    def strike(self, call: Call, proceed: Proceed) -> Answer:
        """What this fault does; `proceed` carries on to the next fault and to AWS."""
        raise NotImplementedError

    def _take(self) -> bool:
        with self._lock:
            if self._left == 0:
                return False
            if self._left is not None:
                self._left -= 1
            self.hits += 1
            return True


class Denial(Fault):
    """The caller lacks the permission."""

    @override
    def strike(self, call: Call, proceed: Proceed) -> Answer:
        return wire.access_denied(call)


class Throttle(Fault):
    """The service says that the rate is exceeded."""

    @override
    def strike(self, call: Call, proceed: Proceed) -> Answer:
        return wire.throttled(call)


class RateLimit(Fault):
    """A token bucket for each account, region and operation, as AWS keeps them."""

    def __init__(
        self, where: Where, *, rate: float, burst: int, clock: Callable[[], float]
    ) -> None:
        super().__init__(where)
        self.throttled = 0
        self._rate, self._burst, self._clock = rate, float(burst), clock
        self._buckets: dict[tuple[str, str, str], tuple[float, float]] = {}

    @override
    def strike(self, call: Call, proceed: Proceed) -> Answer:
        if self._spend((call.account, call.region, call.operation)):
            return proceed(call)
        return wire.throttled(call)

    def _spend(self, bucket: tuple[str, str, str]) -> bool:
        with self._lock:
            now = self._clock()
            tokens, then = self._buckets.get(bucket, (self._burst, now))
            tokens = min(self._burst, tokens + (now - then) * self._rate)
            allowed = tokens >= 1
            self._buckets[bucket] = (tokens - 1 if allowed else tokens, now)
            self.throttled += not allowed
            return allowed


class ServerError(Fault):
    """The service fails on its own side, before or after it has done the work."""

    def __init__(
        self, where: Where, *, status: int, calls: int | None, accepted: bool = False
    ) -> None:
        super().__init__(where, calls=calls)
        self._status, self._accepted = status, accepted

    @override
    def strike(self, call: Call, proceed: Proceed) -> Answer:
        if self._accepted:
            proceed(call)
        return wire.server_error(call, self._status)


class Latency(Fault):
    """The call takes its time."""

    def __init__(self, where: Where, *, seconds: float, sleep: Callable[[float], None]) -> None:
        super().__init__(where)
        self._seconds, self._sleep = seconds, sleep

    @override
    def strike(self, call: Call, proceed: Proceed) -> Answer:
        self._sleep(self._seconds)
        return proceed(call)


class Reset(Fault):
    """The connection breaks before AWS has seen the call."""

    @override
    def strike(self, call: Call, proceed: Proceed) -> Answer:
        raise ConnectionCutError(call.operation)


class LostAnswer(Fault):
    """AWS accepts and does the work; the answer never arrives."""

    def __init__(
        self, where: Where, *, calls: int | None, hold: float, sleep: Callable[[float], None]
    ) -> None:
        super().__init__(where, calls=calls)
        self._hold, self._sleep = hold, sleep

    @override
    def strike(self, call: Call, proceed: Proceed) -> Answer:
        proceed(call)
        self._sleep(self._hold)
        raise ConnectionCutError(call.operation)


class EmptyPage(Fault):
    """A page without rows that carries a token, before the page that was asked for."""

    def __init__(self, where: Where, *, calls: int | None = None) -> None:
        super().__init__(where, calls=calls)
        # Its own: a token that another such fault took for its own would name its empty page a second time.
        self._mark = f"empty-page-{next(_numbers)}:"

    @override
    def handle(self, call: Call, proceed: Proceed) -> Answer:
        token = str(call.parameters.get("NextToken", ""))
        if list_member(call.operation) is None:
            return proceed(call)
        if not token.startswith(self._mark):
            return super().handle(call, proceed)
        members = {key: value for key, value in call.parameters.items() if key != "NextToken"}
        if token != self._mark:
            members["NextToken"] = token.removeprefix(self._mark)
        return proceed(call.with_parameters(members))

    @override
    def strike(self, call: Call, proceed: Proceed) -> Answer:
        token = self._mark + str(call.parameters.get("NextToken", ""))
        page = {str(list_member(call.operation)): [], "NextToken": token}
        return Answer(200, json.dumps(page).encode())


class RepeatedToken(Fault):
    """A later page names its own token as the next one: a reader that trusts it never ends."""

    @override
    def handle(self, call: Call, proceed: Proceed) -> Answer:
        later = list_member(call.operation) is not None and "NextToken" in call.parameters
        return super().handle(call, proceed) if later else proceed(call)

    @override
    def strike(self, call: Call, proceed: Proceed) -> Answer:
        answer = proceed(call)
        if answer.status != 200:
            return answer
        page = {**json.loads(answer.body), "NextToken": call.parameters["NextToken"]}
        return replace(answer, body=json.dumps(page).encode())


class Interlude(Fault):
    """Something happens just before the n-th call: a node appears, a tag moves."""

    def __init__(self, where: Where, *, nth: int, action: Callable[[], None]) -> None:
        super().__init__(where)
        self._nth, self._action = nth, action

    @override
    def strike(self, call: Call, proceed: Proceed) -> Answer:
        with self._lock:
            due, self._nth = self._nth == 1, self._nth - 1
        if due:
            self._action()
        return proceed(call)
