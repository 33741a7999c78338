"""The real desk with real commands over the fixed fleet."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import cast

import pytest

from bot.chatops.context import Services
from bot.chatops.desk import Desk
from bot.chatops.registry import Registry
from bot.core.environments import Environment
from bot.core.identity import AccessPolicy, Person
from bot.services.compliance import Compliance
from bot.services.doctor import Doctor
from bot.services.installs import Installs
from tests.commands import fleet

ANA = Person("U0000ANA1", team_id="T1", name="Ana", timezone="Europe/Berlin")


def desk_over(
    gateway: fleet.FakeGateway,
    store: fleet.FakeStore,
    *,
    environments: Mapping[str, Environment] = fleet.ENVIRONMENTS,
    access: AccessPolicy | None = None,
    plans: bool = False,
) -> Desk:
    """A desk whose clock stands at NOW; with `plans` its cards offer to plan something, and nothing can be planned."""
    compliance = Compliance(
        environments, gateway, store, clock=lambda: fleet.NOW, time_to_live=timedelta(minutes=10)
    )
    installs = cast(Installs, object()) if plans else None
    services = Services(
        compliance, access or AccessPolicy(), Doctor(list), Registry("commands"), installs
    )
    return Desk(services, clock=lambda: fleet.NOW)


@pytest.fixture
def gateway() -> fleet.FakeGateway:
    return fleet.gateway()


@pytest.fixture
def desk(gateway: fleet.FakeGateway) -> Desk:
    return desk_over(gateway, fleet.store())


@pytest.fixture
def planning(gateway: fleet.FakeGateway) -> Desk:
    """That desk where changes are set up, as they are in Slack."""
    return desk_over(gateway, fleet.store(), plans=True)
