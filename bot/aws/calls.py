"""What is to be asked of AWS, and the round of calls that belong to one reading.

What is to be read is written as steps: a generator that yields a `Call` and is sent AWS's answer (or thrown the
AwsError). So a chain of pages is plain sequential code, whichever thread carries it on.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from bot.core.environments import Target
from bot.core.errors import AwsError, Stopping, Throttled

if TYPE_CHECKING:
    from bot.aws.crew import Crew

T = TypeVar("T")

# Codes of what no answer of AWS's stands behind.
GIVEN_UP, TIME_LIMIT, LATE, STOPPING = "GivenUp", "TimeLimit", "Late", "Stopping"
REPEATED_TOKEN = "RepeatedToken"  # noqa: S105
PATIENCE = 3.0  # seconds that calls on the side may take beyond what they are beside


@dataclass(frozen=True, slots=True)
class Call:
    """One call to AWS. A call on the side (`aside`) is hardly repeated: the reading can do without."""

    service: str
    operation: str
    arguments: Mapping[str, Any]
    aside: bool = False


Answer: TypeAlias = dict[str, Any]
Steps: TypeAlias = Generator[Call, Answer, T]


def stopping() -> Stopping:
    """What whoever waits for AWS is told when patchbot ends."""
    return Stopping("patchbot is stopping.", code=STOPPING, hint="Ask again when it is back.")


class Round:
    """All calls of one reading: where they go, and how long they may take.

    Calls on the side, which change no number, are waited for at most PATIENCE from the first time anybody waits.
    """

    def __init__(self, crew: Crew, target: Target, *, time_limit: float) -> None:
        self.target = target
        self.over = False
        self.calls = 0
        self.throttled = 0
        self.refusal: Throttled | None = None
        self._crew = crew
        self._time_limit = time_limit
        self._ends_at = crew.monotonic() + time_limit
        self._asides_end_at: float | None = None

    def __enter__(self) -> Round:
        return self

    def __exit__(self, *_: object) -> None:
        self.over = True
        self._crew.abandon(self)

    def start(self, steps: Steps[T]) -> Future[T]:
        """Begin the steps; does not wait."""
        return self._crew.start(steps, self)

    def wait(self, future: Future[T]) -> T:
        """What the steps return. Raises what they raise, and AwsError or Throttled when the time limit passes."""
        try:
            return future.result(max(0.0, self._ends_at - self._crew.monotonic()))
        except TimeoutError:
            if not future.done():
                self.over = True
                self._crew.abandon(self)
            if not future.done():  # a call is still on the wire: nobody waits for it any more
                raise self.why_over() from None
            return future.result()

    def wait_aside(self, future: Future[T], operation: str) -> T:
        """What steps on the side return. Raises what they raise, and AwsError when they take too long."""
        now = self._crew.monotonic()
        if self._asides_end_at is None:
            self._asides_end_at = min(now + PATIENCE, self._ends_at)
        try:
            return future.result(max(0.0, self._asides_end_at - now))
        except TimeoutError:
            if future.done():
                return future.result()
            raise AwsError(
                f"{operation} did not answer in time.",
                code=LATE,
                operation=operation,
                hint="Try again; if it stays so, check the network and the proxy.",
            ) from None

    def run(self, steps: Steps[T]) -> T:
        """Begin the steps and wait for them; see `wait`."""
        return self.wait(self.start(steps))

    def check_open(self) -> None:
        """Raises Stopping when the crew was closed: what was read since then has gaps that are none of AWS's."""
        if self._crew.closed:
            raise stopping()

    def why_over(self) -> AwsError:
        """Why a call is not made any more; the same for all of the round, so that they make one gap."""
        if self._crew.closed:
            return stopping()
        if self.refusal is not None:
            return self.refusal
        if self._crew.monotonic() < self._ends_at:
            return AwsError(f"Reading {self.target} was given up.", code=GIVEN_UP)
        return AwsError(
            f"Reading {self.target} took longer than {self._time_limit:g} s.",
            code=TIME_LIMIT,
            hint="Try again; if it stays so, split the environment by Region or account.",
        )
