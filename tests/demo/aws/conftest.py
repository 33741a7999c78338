"""One simulated AWS with the demo's fleet per module, and an empty account per test."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ClientError

from bot.demo.aws.server import SimulatedAws
from bot.demo.fleet.demo import EU, demo_fleet
from bot.demo.fleet.large import large_fleet
from bot.demo.fleet.model import Fleet
from bot.demo.fleet.seeding import seed, seed_directly

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
_accounts = count(200_000_000_001)


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """botocore loses a page with year 1 in it where the local zone lies west of Greenwich."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    """The demo's fleet as data."""
    return demo_fleet(NOW)


@pytest.fixture(scope="module")
def seeded(fleet: Fleet) -> Iterator[SimulatedAws]:
    """The simulated AWS with the demo's fleet in its default account."""
    with SimulatedAws() as running:
        seed(running, fleet)
        yield running


@pytest.fixture
def aws(seeded: SimulatedAws) -> Iterator[SimulatedAws]:
    """The same, without faults and with an empty call log at the start of each test."""
    seeded.calls.clear()
    yield seeded
    seeded.faults.clear()


@pytest.fixture
def eu(aws: SimulatedAws) -> Any:
    """A Systems Manager client for the demo's fleet in the larger Region."""
    return aws.client("ssm", EU)


@pytest.fixture
def account(seeded: SimulatedAws) -> str:
    """An account that no other test has used: state is kept per account, so it is empty."""
    return f"{next(_accounts):012d}"


@pytest.fixture
def ssm(aws: SimulatedAws, account: str) -> Any:
    """A Systems Manager client, without retries, in an account of the test's own."""
    return aws.client("ssm", EU, account=account)


@pytest.fixture
def herd(aws: SimulatedAws, account: str) -> Fleet:
    """120 running nodes in that account: enough for every page limit but the largest."""
    fleet = large_fleet(120, NOW, account=account)
    seed_directly(fleet)
    return fleet


def refusal(call: Callable[..., Any], **parameters: Any) -> tuple[str, str]:
    """The error code and message that a call is refused with."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def everything(client: Any, operation: str, member: str, **parameters: Any) -> list[Any]:
    """All rows of a listing, through boto3's own paginator."""
    pages = client.get_paginator(operation).paginate(**parameters)
    rows: list[Any] = pages.build_full_result().get(member, [])
    return rows
