"""The crew: bounded, fair between targets, patient with passing troubles, and quick to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from bot.aws.calls import Call, Round, Steps
from bot.aws.crew import REFUSALS_ASIDE, TRIES, Crew, LaneKey
from bot.core.environments import Account, Target
from bot.core.errors import AwsError, Stopping, Throttled, Unreachable

HERE, THERE = Target(Account(), "eu-central-1"), Target(Account(), "us-east-1")
ASK = Call("ssm", "DescribeInstanceProperties", {"MaxResults": 5})
ASIDE = Call("ec2", "DescribeTags", {}, aside=True)
Handler = Callable[[str, str], dict[str, Any]]


class Scripted:
    """Stands in for `Clients`: every call is answered by one function of Region and operation."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    def client(self, account: Account, region: str, service: str) -> Any:
        handler = self._handler

        class Client:
            def __getattr__(self, method: str) -> Any:
                return lambda **_: handler(region, method)

        return Client()


def refusal(code: str, status: int = 400) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": "No."}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item, unused-ignore]
        "DescribeInstanceProperties",
    )


def asking(call: Call = ASK) -> Steps[dict[str, Any]]:
    return (yield call)


MakeCrew = Callable[..., Crew]


@pytest.fixture
def make_crew() -> Iterator[MakeCrew]:
    made: list[Crew] = []

    def make(handler: Handler, *, size: int = 4) -> Crew:
        crew = Crew(Scripted(handler), size=size, jitter=lambda: -0.45)  # type: ignore[arg-type]
        made.append(crew)
        return crew

    yield make
    for crew in made:
        crew.close()


def test_answers_come_back_in_the_steps_order(make_crew: MakeCrew) -> None:
    """Steps read like sequential code, however many run at once."""
    crew = make_crew(lambda region, _: {"region": region})

    def twice() -> Steps[list[str]]:
        first = yield ASK
        second = yield ASIDE
        return [first["region"], second["region"]]

    with Round(crew, HERE, time_limit=5) as here, Round(crew, THERE, time_limit=5) as there:
        futures = [around.start(twice()) for around in (here, there) for _ in range(20)]
        found = [here.wait(future) for future in futures]
    assert found == [["eu-central-1"] * 2] * 20 + [["us-east-1"] * 2] * 20
    assert (here.calls, there.calls) == (40, 40)


def test_never_more_calls_at_once_than_the_crew_is_large(make_crew: MakeCrew) -> None:
    """Over all targets and operations."""
    lock, running, most = threading.Lock(), 0, 0
    full = threading.Event()

    def handler(region: str, method: str) -> dict[str, Any]:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            if running == 3:
                full.set()
        assert full.wait(5)
        with lock:
            running -= 1
        return {}

    crew = make_crew(handler, size=3)
    with Round(crew, HERE, time_limit=5) as here, Round(crew, THERE, time_limit=5) as there:
        for future in [around.start(asking()) for around in (here, there) for _ in range(10)]:
            here.wait(future)
    assert most == 3


def test_a_throttled_target_holds_up_no_other(make_crew: MakeCrew) -> None:
    """Its calls wait on their lane, not on a thread."""

    def handler(region: str, method: str) -> dict[str, Any]:
        if region == HERE.region:
            raise refusal("ThrottlingException")
        return {"ok": True}

    crew = make_crew(handler, size=2)
    with Round(crew, HERE, time_limit=30) as here, Round(crew, THERE, time_limit=30) as there:
        stuck = [here.start(asking()) for _ in range(10)]
        free = [there.start(asking()) for _ in range(50)]
        assert [there.wait(future) for future in free] == [{"ok": True}] * 50
        assert not any(future.done() for future in stuck)


def test_throttling_is_tried_until_the_time_limit_and_told_in_awss_words(
    make_crew: MakeCrew,
) -> None:
    """The pace of that operation is cut, no other one is."""

    def handler(region: str, method: str) -> dict[str, Any]:
        raise refusal("ThrottlingException")

    crew = make_crew(handler)
    with Round(crew, HERE, time_limit=1) as around:
        futures = [around.start(asking()) for _ in range(12)]
        for future in futures:
            with pytest.raises(Throttled, match="DescribeInstanceProperties in eu-central-1: No"):
                around.wait(future)
    assert around.throttled > 4
    assert crew.pace(LaneKey(HERE.account, HERE.region, "ssm", ASK.operation)).limited
    assert not crew.pace(LaneKey(HERE.account, HERE.region, "ssm", "Other")).limited
    assert not crew.pace(LaneKey(HERE.account, THERE.region, "ssm", ASK.operation)).limited


@pytest.mark.parametrize(
    "trouble",
    [
        refusal("InternalServerError", 500),
        refusal("503", 503),
        ReadTimeoutError(endpoint_url="https://x"),
    ],
)
def test_a_passing_trouble_is_tried_again_a_few_times(
    make_crew: MakeCrew, trouble: Exception
) -> None:
    """And nobody sees it."""
    calls = []

    def handler(region: str, method: str) -> dict[str, Any]:
        calls.append(method)
        if len(calls) % TRIES:
            raise trouble
        return {"ok": True}

    crew = make_crew(handler)
    with Round(crew, HERE, time_limit=20) as around:
        assert around.run(asking()) == {"ok": True}
    assert len(calls) == TRIES


def test_a_trouble_that_lasts_is_given_up(make_crew: MakeCrew) -> None:
    """With the last error."""
    calls = []

    def handler(region: str, method: str) -> dict[str, Any]:
        calls.append(method)
        raise refusal("InternalServerError", 500)

    with Round(make_crew(handler), HERE, time_limit=20) as around, pytest.raises(AwsError):
        around.run(asking())
    assert len(calls) == TRIES


def test_what_will_not_pass_is_not_tried_again(make_crew: MakeCrew) -> None:
    """No such endpoint: once."""
    calls = []

    def handler(region: str, method: str) -> dict[str, Any]:
        calls.append(method)
        raise EndpointConnectionError(endpoint_url="https://ssm.nowhere")

    with Round(make_crew(handler), HERE, time_limit=5) as around, pytest.raises(Unreachable):
        around.run(asking())
    assert len(calls) == 1


def test_a_call_on_the_side_that_times_out_is_not_repeated(make_crew: MakeCrew) -> None:
    """Ten seconds for owners are enough."""
    calls = []

    def handler(region: str, method: str) -> dict[str, Any]:
        calls.append(method)
        raise ReadTimeoutError(endpoint_url="https://ec2")

    with Round(make_crew(handler), HERE, time_limit=5) as around, pytest.raises(Unreachable):
        around.run(asking(ASIDE))
    assert len(calls) == 1


def test_a_call_on_the_side_is_given_up_under_throttling(make_crew: MakeCrew) -> None:
    """After a few refusals, though the round goes on."""
    calls = []

    def handler(region: str, method: str) -> dict[str, Any]:
        calls.append(method)
        raise refusal("ThrottlingException")

    with Round(make_crew(handler), HERE, time_limit=60) as around, pytest.raises(Throttled):
        around.run(asking(ASIDE))
    assert len(calls) == REFUSALS_ASIDE
    assert around.refusal is None


def test_calls_on_the_side_are_not_waited_for_long(
    make_crew: MakeCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them share one short patience, and the error says in words which did not answer."""
    monkeypatch.setattr("bot.aws.calls.PATIENCE", 0.05)
    release = threading.Event()

    def handler(region: str, method: str) -> dict[str, Any]:
        release.wait(10)
        return {"ok": True}

    with Round(make_crew(handler), HERE, time_limit=60) as around:
        futures = [around.start(asking(ASIDE)) for _ in range(2)]
        for future in futures:
            with pytest.raises(AwsError, match="ec2:DescribeTags did not answer in time"):
                around.wait_aside(future, "ec2:DescribeTags")
        release.set()
        assert around.wait(futures[0]) == {"ok": True}
        assert around.wait_aside(futures[0], "ec2:DescribeTags") == {"ok": True}


def test_steps_may_catch_an_error_and_ask_otherwise(make_crew: MakeCrew) -> None:
    """That is how a fallback is written."""

    def handler(region: str, method: str) -> dict[str, Any]:
        if method == "describe_tags":
            return {"tags": True}
        raise refusal("AccessDeniedException")

    def either() -> Steps[dict[str, Any]]:
        try:
            return (yield ASK)
        except AwsError:
            return (yield ASIDE)

    with Round(make_crew(handler), HERE, time_limit=5) as around:
        assert around.run(either()) == {"tags": True}


def test_a_fault_of_ours_is_not_dressed_up(make_crew: MakeCrew) -> None:
    """It comes through as it is."""

    def handler(region: str, method: str) -> dict[str, Any]:
        raise ZeroDivisionError

    with Round(make_crew(handler), HERE, time_limit=5) as around, pytest.raises(ZeroDivisionError):
        around.run(asking())


def test_leaving_a_round_ends_what_waits(make_crew: MakeCrew) -> None:
    """As Ctrl-C does: nothing more is sent, every future ends."""
    started, release = threading.Event(), threading.Event()
    calls = []

    def handler(region: str, method: str) -> dict[str, Any]:
        calls.append(method)
        started.set()
        release.wait(5)
        return {}

    crew = make_crew(handler, size=1)
    with Round(crew, HERE, time_limit=60) as around:
        futures = [around.start(asking()) for _ in range(10)]
        assert started.wait(5)
    assert sum(future.done() for future in futures) == 9
    release.set()
    assert futures[0].result(5) == {}
    assert len(calls) == 1


def test_a_closed_crew_has_no_threads(make_crew: MakeCrew) -> None:
    """And refuses work with an error, not with silence."""
    crew = make_crew(lambda *_: {})
    with Round(crew, HERE, time_limit=5) as around:
        for future in [around.start(asking()) for _ in range(30)]:
            around.wait(future)
        crew.close()
        assert not [t for t in threading.enumerate() if t in crew.threads]
        with pytest.raises(AwsError):
            around.run(asking())


def test_closing_tells_everybody_at_once(make_crew: MakeCrew) -> None:
    """Also whoever waits for a call on the wire, or for its turn; what comes back later harms nobody."""
    started, release = threading.Event(), threading.Event()

    def handler(region: str, method: str) -> dict[str, Any]:
        started.set()
        release.wait(10)
        return {}

    crew = make_crew(handler, size=1)
    with Round(crew, HERE, time_limit=60) as around:
        futures = [around.start(asking()) for _ in range(3)]
        assert started.wait(5)
        closing = threading.Thread(target=crew.close)
        closing.start()
        for future in futures:
            with pytest.raises(Stopping, match="patchbot is stopping"):
                around.wait(future)
        assert not release.is_set()
        with pytest.raises(Stopping):
            around.run(asking())
    release.set()
    closing.join(5)
    assert not closing.is_alive()


def test_threads_end_when_there_is_nothing_to_do(
    make_crew: MakeCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And start again when there is."""
    monkeypatch.setattr("bot.aws.crew.IDLE", 0.05)
    crew = make_crew(lambda *_: {"ok": True})
    with Round(crew, HERE, time_limit=5) as around:
        assert around.run(asking()) == {"ok": True}
        deadline = time.monotonic() + 5
        while crew.threads and time.monotonic() < deadline:
            threading.Event().wait(0.01)
        assert not crew.threads
        assert around.run(asking()) == {"ok": True}
