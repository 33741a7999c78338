"""The loop by itself: a job that fails waits, unless there is another thing to do."""

from __future__ import annotations

from bot.core.errors import AwsError
from bot.worker.loop import Failure, Job, Loop


class Place:
    """A job that always fails, its subject's state, and a clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.state = "running"
        self.tries: list[float] = []
        self.told: list[Failure] = []
        job = Job("advance", lambda: ("X-1",), self.act, lambda _: self.state)
        self.loop = Loop(
            "worker",
            (job,),
            monotonic=lambda: self.now,
            progress=lambda: 0,
            interval=lambda: 1.0,
            record=self.told.append,
        )

    def act(self, _subject: str) -> None:
        self.tries.append(self.now)
        raise AwsError("AWS is away.")

    def run(self, seconds: int) -> None:
        """One round a second."""
        for _ in range(seconds):
            self.now += 1
            self.loop.run_once()


def test_a_job_that_fails_waits_ever_longer_up_to_a_minute() -> None:
    place = Place()
    place.run(300)
    gaps = [b - a for a, b in zip(place.tries, place.tries[1:], strict=False)]
    assert gaps[:6] == [1, 2, 4, 8, 16, 32]
    assert set(gaps[6:]) == {60}
    assert len(place.told) == 1


def test_it_tries_at_once_when_its_subject_moved_and_then_waits_again() -> None:
    """Once per move: what goes on failing is no reason to hurry."""
    place = Place()
    place.run(300)
    before = len(place.tries)
    place.state = "cancelling"
    place.run(1)
    assert len(place.tries) == before + 1
    place.run(30)
    assert len(place.tries) <= before + 6
