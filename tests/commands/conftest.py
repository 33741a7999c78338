"""The real desk with real commands over the fixed fleet."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest

from bot.chatops.context import Services
from bot.chatops.desk import Desk
from bot.chatops.registry import Registry
from bot.core.environments import Environment
from bot.core.identity import AccessPolicy, Person
from bot.services.compliance import Compliance
from bot.services.doctor import Doctor
from tests.commands import fleet

ANA = Person("U0000ANA1", team_id="T1", name="Ana", timezone="Europe/Berlin")


def desk_over(
    gateway: fleet.FakeGateway,
    store: fleet.FakeStore,
    *,
    environments: Mapping[str, Environment] = fleet.ENVIRONMENTS,
    access: AccessPolicy | None = None,
) -> Desk:
    """A desk whose clock stands at NOW."""
    compliance = Compliance(
        environments, gateway, store, clock=lambda: fleet.NOW, time_to_live=timedelta(minutes=10)
    )
    services = Services(compliance, access or AccessPolicy(), Doctor(list), Registry("commands"))
    return Desk(services, clock=lambda: fleet.NOW)


@pytest.fixture
def gateway() -> fleet.FakeGateway:
    return fleet.gateway()


@pytest.fixture
def desk(gateway: fleet.FakeGateway) -> Desk:
    return desk_over(gateway, fleet.store())
