"""What a command gets to work with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from bot.chatops.grammar import Sentence
from bot.chatops.trend_chart import Draw
from bot.core.errors import ConfigurationError
from bot.core.identity import AccessPolicy, Person
from bot.core.ledger import Ledger
from bot.core.ports import Progress, Trends
from bot.services.compliance import Compliance
from bot.services.doctor import Doctor
from bot.services.installs import Installs

if TYPE_CHECKING:
    from bot.chatops.registry import Registry
    from bot.services.digesting import Digesting


class Surface(StrEnum):
    """Where the answer will be read."""

    SLACK = "slack"
    TERMINAL = "terminal"


@dataclass(frozen=True, slots=True)
class Services:
    """The use cases a command may call, put together once by the composition root."""

    compliance: Compliance
    access: AccessPolicy
    doctor: Doctor
    commands: Registry
    installs: Installs | None = None
    ledger: Ledger | None = None
    history: Trends | None = None
    draw_trend: Draw | None = None
    digests: Digesting | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """One question: who asks, what exactly, when, and what is there to answer it with.

    `shared` is True when the answer will be seen by a whole channel.
    """

    services: Services
    person: Person
    sentence: Sentence
    now: datetime
    surface: Surface
    shared: bool = False
    progress: Progress | None = None

    @property
    def ledger(self) -> Ledger:
        """The ledger, to look at. Raises ConfigurationError where there is none yet."""
        if self.services.ledger is None:
            raise ConfigurationError(
                "There is no ledger here yet.",
                hint="`patchbot serve` makes it when it first starts.",
            )
        return self.services.ledger

    @property
    def digests(self) -> Digesting:
        """How digests are made. Raises ConfigurationError where that part is not set up."""
        if self.services.digests is None:
            raise ConfigurationError(
                "Digests are not set up here.", hint="`patchbot doctor` says why."
            )
        return self.services.digests

    @property
    def changes(self) -> Installs:
        """What is known of plans, requests and runs. Raises ConfigurationError where that part is not set up."""
        if self.services.installs is None:
            raise ConfigurationError(
                "Changes are not set up here.", hint="`patchbot doctor` says why."
            )
        return self.services.installs

    @property
    def history(self) -> Trends:
        """How environments stood over time. Raises ConfigurationError where nothing keeps that yet."""
        if self.services.history is None:
            raise ConfigurationError(
                "There is no history here yet.",
                hint="`patchbot serve` keeps one from its first day on.",
            )
        return self.services.history
