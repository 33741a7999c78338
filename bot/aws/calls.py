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
from bot.core.errors import AwsError, Throttled

if TYPE_CHECKING:
    from bot.aws.crew import Crew

T = TypeVar("T")

GIVEN_UP, TIME_LIMIT = "GivenUp", "TimeLimit"  # codes of what no answer of AWS's stands behind


@dataclass(frozen=True, slots=True)
class Call:
    """One call to AWS. A call on the side is hardly repeated: the reading can do without."""

    service: str
    operation: str
    arguments: Mapping[str, Any]
    aside: bool = False


Answer: TypeAlias = dict[str, Any]
Steps: TypeAlias = Generator[Call, Answer, T]


class Round:
    """All calls of one reading: where they go, and how long they may take."""

    def __init__(self, crew: Crew, target: Target, *, time_limit: float) -> None:
        self.target = target
        self.over = False
        self.calls = 0
        self.throttled = 0
        self.refusal: Throttled | None = None
        self._crew = crew
        self._time_limit = time_limit
        self._ends_at = crew.monotonic() + time_limit

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

    def run(self, steps: Steps[T]) -> T:
        """Begin the steps and wait for them; see `wait`."""
        return self.wait(self.start(steps))

    def why_over(self) -> AwsError:
        """Why a call is not made any more; the same for all of the round, so that they make one gap."""
        if self.refusal is not None:
            return self.refusal
        if self._crew.monotonic() < self._ends_at:
            return AwsError(f"Reading {self.target} was given up.", code=GIVEN_UP)
        return AwsError(
            f"Reading {self.target} took longer than {self._time_limit:g} s.",
            code=TIME_LIMIT,
            hint="Try again; if it stays so, split the environment by Region or account.",
        )
