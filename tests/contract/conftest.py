"""The two worlds of the contract: the fake, and the real gateway before the simulated AWS over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from bot.aws.gateway import AwsGateway
from bot.core.environments import Account, Environment, Selector, Target
from bot.core.errors import AccessDenied
from bot.demo.aws.server import SimulatedAws
from bot.demo.fleet.demo import demo_fleet
from bot.demo.fleet.model import Fleet
from bot.demo.fleet.seeding import seed
from tests.contract.fleets import fake_of
from tests.fakes.aws import FakeAws

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
EU = Target(Account(), "eu-central-1")
US = Target(Account(), "us-east-1")


@dataclass
class World:
    """A gateway, the fleet behind it, and the ways to make it fail that both sides have."""

    name: str
    gateway: AwsGateway | FakeAws
    fleet: Fleet
    account: str
    simulated: SimulatedAws | None = None
    fake: FakeAws | None = None

    def environment(
        self, name: str = "prod", *, selector: Selector | None = None, target: Target = EU
    ) -> Environment:
        tags = {"Environment": (name,)}
        return Environment(name, (target,), Selector(tags) if selector is None else selector)

    def deny(self, target: Target) -> None:
        """Nothing may be read in the target's Region."""
        if self.simulated is not None:
            self.simulated.faults.deny(region=target.region)
        if self.fake is not None:
            denied = AccessDenied(
                "denied", operation="ssm:DescribeInstanceProperties", hint="Allow it."
            )
            self.fake.fail(target, denied)

    def deny_states(self, target: Target) -> None:
        """Nodes may be listed, their patch states may not be read."""
        if self.simulated is not None:
            self.simulated.faults.deny("DescribeInstancePatchStates", region=target.region)
        if self.fake is not None:
            denied = AccessDenied("denied", operation="ssm:DescribeInstancePatchStates")
            self.fake.fail_states(target, denied)

    def recover(self) -> None:
        if self.simulated is not None:
            self.simulated.faults.clear()
        if self.fake is not None:
            self.fake.recover()


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return demo_fleet(NOW)


@pytest.fixture(scope="module", params=["fake", "simulated"])
def any_world(request: pytest.FixtureRequest, fleet: Fleet) -> Iterator[World]:
    """Each world once per module; a test leaves it as it found it."""
    account = SimulatedAws.account
    if request.param == "fake":
        fake = fake_of(fleet, account=account)
        yield World("fake", fake, fleet, account, fake=fake)
        return
    with pytest.MonkeyPatch.context() as patch, SimulatedAws() as simulated:
        patch.delenv("AWS_PROFILE", raising=False)
        for name, value in simulated.credentials_environment().items():
            patch.setenv(name, value)
        seed(simulated, fleet)
        gateway = AwsGateway(clock=lambda: NOW)
        yield World("simulated", gateway, fleet, account, simulated=simulated)
        gateway.close()


@pytest.fixture
def world(any_world: World) -> Iterator[World]:
    yield any_world
    any_world.recover()
