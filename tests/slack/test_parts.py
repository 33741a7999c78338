"""The parts in memory: the pool, the allowance, what was seen, and patience."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from bot.slack.pacing import Allowance, Seen
from bot.slack.patience import Patience
from bot.slack.pool import Pool
from tests.slack.conftest import Ticking, until


def _pass(gate: threading.Event) -> None:
    assert gate.wait(10)


def test_the_pool_does_everything_it_took_on() -> None:
    pool = Pool(3, 100)
    done: list[int] = []
    failures: list[object] = []
    for number in range(50):
        assert pool.submit(partial(done.append, number), failures.append)
    assert pool.stop(10)
    assert sorted(done) == list(range(50))
    assert failures == []


def test_a_failure_is_told_and_the_pool_goes_on() -> None:
    pool = Pool(1, 10)
    failures: list[BaseException | None] = []
    done = threading.Event()
    pool.submit(lambda: [][1], failures.append)
    pool.submit(done.set, failures.append)
    assert pool.stop(10)
    assert done.is_set()
    assert [type(failure) for failure in failures] == [IndexError]


def test_the_pool_takes_no_more_than_it_can_hold() -> None:
    pool = Pool(2, 1)
    gate = threading.Event()
    taken = [pool.submit(lambda: _pass(gate), lambda _error: None) for _ in range(5)]
    assert taken == [True, True, True, False, False]
    assert pool.held == 3
    gate.set()
    until(lambda: pool.held == 0)
    assert pool.submit(lambda: None, lambda _error: None)
    assert pool.stop(10)


def test_the_pool_takes_no_more_of_one_owner_than_its_share() -> None:
    pool = Pool(4, 10, share=2)
    gate = threading.Event()

    def take(owner: str) -> bool:
        return pool.submit(lambda: _pass(gate), lambda _error: None, owner=owner)

    assert [take("ana") for _ in range(3)] == [True, True, False]
    assert pool.has_enough("ana")
    assert not pool.has_enough("ben")
    assert take("ben")
    gate.set()
    until(lambda: pool.held == 0)
    assert not pool.has_enough("ana")
    assert take("ana")
    assert pool.stop(10)


def test_what_fails_or_is_never_begun_gives_its_share_back() -> None:
    pool = Pool(1, 10, share=2)
    gate = threading.Event()
    told: list[object] = []
    pool.submit(lambda: [][1], told.append, owner="ana")
    until(lambda: pool.held == 0)
    pool.submit(lambda: _pass(gate), told.append, owner="ben")
    for _ in range(2):
        pool.submit(lambda: pytest.fail("must not run"), told.append, owner="ana")
    assert not pool.stop(0.01)
    assert len(told) == 3
    assert not pool.has_enough("ana")
    gate.set()


def test_what_was_not_begun_when_the_time_to_stop_is_over_is_told() -> None:
    pool = Pool(1, 10)
    gate = threading.Event()
    told: list[BaseException | None] = []
    pool.submit(lambda: _pass(gate), told.append)
    for _ in range(3):
        pool.submit(lambda: pytest.fail("must not run"), told.append)
    assert not pool.stop(0.01)
    assert told == [None, None, None]
    assert not pool.submit(lambda: None, told.append)
    gate.set()


def test_an_allowance_is_a_sliding_window_per_key() -> None:
    clock = Ticking()
    allowance = Allowance(3, 60, clock=clock)
    for _ in range(3):
        assert allowance.take("ana") == 0
        clock.now += 10
    assert allowance.take("ana") == 30
    assert allowance.take("ben") == 0
    clock.now += 30
    assert allowance.take("ana") == 0
    assert allowance.take("ana") == 10


def test_an_allowance_remembers_only_so_many_people() -> None:
    allowance = Allowance(1, 60, clock=Ticking(), remembered=2)
    assert [allowance.take(key) for key in ("a", "b", "c", "a")] == [0, 0, 0, 0]
    assert allowance.take("c") == 60


def test_a_key_is_new_once_within_its_time() -> None:
    clock = Ticking()
    seen = Seen(10, clock=clock)
    assert [seen.is_new("a"), seen.is_new("a"), seen.is_new("b")] == [True, False, True]
    clock.now += 10
    assert seen.is_new("a")


def test_only_so_many_keys_are_remembered() -> None:
    seen = Seen(10, clock=Ticking(), remembered=2)
    assert [seen.is_new(key) for key in ("a", "b", "c", "d", "a")] == [True] * 5
    assert not seen.is_new("d")


def test_patience_tells_once_when_it_is_over() -> None:
    told = threading.Event()
    with Patience(0, told.set):
        assert told.wait(10)


def test_patience_that_was_not_needed_tells_nothing() -> None:
    with Patience(60, lambda: pytest.fail("must not be told")) as patience:
        patience.end()


def test_a_telling_that_has_begun_is_over_before_the_answer() -> None:
    begun, go_on = threading.Event(), threading.Event()
    order: list[str] = []

    def tell() -> None:
        begun.set()
        go_on.wait(10)
        order.append("told")

    with Patience(0, tell) as patience:
        assert begun.wait(10)
        threading.Timer(0.02, go_on.set).start()
        patience.end()
        order.append("answered")
    assert order == ["told", "answered"]
