"""The threads that listen: a message is deleted after it was taken, and a poll never holds up a stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from bot.core.errors import StorageError, Unreachable
from bot.core.ports import Message
from bot.worker.listening import Listening

ONE, TWO = Message("1", "r1", "{}", 1), Message("2", "r2", "{}", 1)


@dataclass
class Source:
    """A queue by hand. What is not done stays in it."""

    waiting: list[Message] = field(default_factory=list)
    trouble: Exception | None = None
    polled: threading.Event = field(default_factory=threading.Event)
    log: list[str] = field(default_factory=list)
    hold: Callable[[], object] = lambda: None
    name: str = "queue"

    def receive(self) -> tuple[Message, ...]:
        self.polled.set()
        self.hold()
        if self.trouble is not None:
            raise self.trouble
        return tuple(self.waiting)

    def done(self, messages: Sequence[Message]) -> int:
        self.log.append(f"deleted {[one.id for one in messages]}")
        self.waiting = [one for one in self.waiting if one not in messages]
        return 0


def test_what_was_taken_is_deleted_and_nothing_else() -> None:
    source = Source([ONE, TWO])

    def take(messages: Sequence[Message]) -> Sequence[Message]:
        source.log.append(f"taken {[one.id for one in messages]}")
        return [TWO]

    assert Listening([source], take, ()).listen_once(source) == 2
    assert source.log == ["taken ['1', '2']", "deleted ['2']"]
    assert source.waiting == [ONE]


def test_nothing_is_deleted_where_nothing_could_be_taken() -> None:
    source = Source([ONE])

    def full(_: Sequence[Message]) -> Sequence[Message]:
        raise StorageError("The disk is full.")

    with pytest.raises(StorageError):
        Listening([source], full, ()).listen_once(source)
    assert source.waiting == [ONE]


def test_what_a_poll_brings_after_the_stop_stays_in_the_queue() -> None:
    """The ledger may be closed by then."""
    over = threading.Event()
    source = Source([ONE], hold=lambda: over.wait(10))
    taken: list[Message] = []

    def take(messages: Sequence[Message]) -> Sequence[Message]:
        taken.extend(messages)
        return messages

    listening = Listening([source], take, ())
    listening.start()
    assert source.polled.wait(5)
    listening.stop(timeout=5)  # the poll is still on the wire, and is not waited for
    assert not over.is_set()
    over.set()
    for thread in listening.pollers:
        thread.join(5)
        assert not thread.is_alive()
    assert taken == []
    assert source.waiting == [ONE]


def test_a_queue_that_fails_is_told_and_does_not_end_the_others() -> None:
    both = threading.Barrier(2)
    bad = Source(trouble=Unreachable("AWS cannot be reached."), name="bad")
    good = Source([ONE], name="good")
    ticked = threading.Event()

    def take(messages: Sequence[Message]) -> Sequence[Message]:
        both.wait(5)
        return messages

    def tick() -> None:
        ticked.set()
        raise RuntimeError("a bug of ours")

    listening = Listening([bad, good], take, (tick,), interval=0.01)
    listening.start()
    both.wait(5)
    assert bad.polled.wait(5)
    assert ticked.wait(5)
    listening.stop()
    assert "AWS cannot be reached." in listening.troubles
    for thread in listening.pollers:
        thread.join(5)
    assert good.log == ["deleted ['1']"]


def test_a_source_that_fails_for_a_while_is_named_and_one_that_hiccups_is_not() -> None:
    now = 0.0
    bad = Source(trouble=Unreachable("AWS cannot be reached."), name="bad")
    listening = Listening(
        [bad, Source(name="good")], lambda found: found, (), monotonic=lambda: now
    )

    def poll() -> bool:
        return listening._attempt("bad", lambda: listening.listen_once(bad))

    assert not poll()
    assert listening.failing(120) == {}
    now = 120.0
    assert not poll()
    assert listening.failing(120) == {"bad": "AWS cannot be reached."}
    bad.trouble = None
    assert poll()
    assert listening.failing(0) == {}
