"""The simulated AWS over HTTP, empty for every test, with ways to seed it and to bend its answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.aws.gateway import AwsGateway
from bot.core.environments import Account, Environment, Selector, Target
from bot.demo.aws.calls import Call
from bot.demo.aws.fault_kinds import Fault, Proceed, Where
from bot.demo.aws.server import SimulatedAws
from bot.demo.aws.wire import Answer
from bot.demo.fleet.large import large_fleet
from bot.demo.fleet.model import Fleet
from bot.demo.fleet.seeding import seed_directly

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
REGION = "eu-central-1"
TARGET = Target(Account(), REGION)
EVERYTHING = Environment("all", (TARGET,))
PROD = Environment("prod", (TARGET,), Selector({"Environment": ("prod",)}))


class Bend(Fault):
    """Changes the JSON of an answer on its way, the calls counted from 0."""

    def __init__(self, operation: str, change: Callable[[int, dict[str, Any]], None]) -> None:
        super().__init__(Where(operation))
        self._change = change

    def strike(self, call: Call, proceed: Proceed) -> Answer:
        number = self.hits - 1
        answer = proceed(call)
        body = json.loads(answer.body)
        self._change(number, body)
        return replace(answer, body=json.dumps(body).encode())


class Refuse(Fault):
    """Answers with an error of Systems Manager where `when` says so."""

    def __init__(
        self, operation: str, code: str, when: Callable[[Call], bool], *, times: int = 1_000_000
    ) -> None:
        super().__init__(Where(operation))
        self._code, self._when, self.times = code, when, times

    def strike(self, call: Call, proceed: Proceed) -> Answer:
        if not self.times or not self._when(call):
            return proceed(call)
        self.times -= 1
        return Answer(400, json.dumps({"__type": self._code, "message": "No."}).encode())


def fleet_of(count: int, **changes: Any) -> Fleet:
    """`count` running nodes of prod in eu-central-1."""
    return large_fleet(count, NOW, **changes)


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no reason to go without owners; tests of the patience itself shorten it."""
    monkeypatch.setattr("bot.aws.calls.PATIENCE", 120.0)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedAws]:
    with SimulatedAws() as simulated:
        monkeypatch.delenv("AWS_PROFILE", raising=False)
        for name, value in simulated.credentials_environment().items():
            monkeypatch.setenv(name, value)
        yield simulated


@pytest.fixture
def small(aws: SimulatedAws) -> Fleet:
    """A hundred and twenty nodes: three chunks."""
    fleet = fleet_of(120)
    seed_directly(fleet)
    return fleet


@pytest.fixture
def make_gateway() -> Iterator[Callable[..., AwsGateway]]:
    """Gateways that are closed afterwards, with short back-offs."""
    made: list[AwsGateway] = []

    def make(**settings: Any) -> AwsGateway:
        made.append(AwsGateway(clock=lambda: NOW, jitter=lambda: -0.45, **settings))
        return made[-1]

    yield make
    for gateway in made:
        gateway.close()


@pytest.fixture
def gateway(aws: SimulatedAws, make_gateway: Callable[..., AwsGateway]) -> AwsGateway:
    return make_gateway(time_limit=120)
