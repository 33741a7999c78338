"""What hears of changes between two readings, put together: queues, facts, alerts, and what asks by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from bot.aws.events import EventQueue
from bot.config import Settings
from bot.core.ports import Clock
from bot.services.alert_following import Following
from bot.services.alerting import Alerting, Pace
from bot.services.asking import Asking
from bot.services.auto_requests import AutoRequests
from bot.services.compliance import Compliance
from bot.services.surveying import Surveyor
from bot.store.events import EventFacts
from bot.store.ledger import SqliteLedger
from bot.worker.listening import Listening

EVENTS_FILE = "events.db"


SILENT_AFTER: Final = 120.0
"""Seconds for which a queue must have failed before people are told: a digest is no place for a hiccup."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """`listening` runs the threads; they call each of `ticks` every few seconds. `settings` say what is heard of."""

    settings: Settings
    listening: Listening
    queues: tuple[EventQueue, ...]
    ticks: tuple[Callable[[], object], ...]

    def silence(self, environment: str) -> str:
        """Why no alert can come there at present, though there should; empty where all is well."""
        table = self.settings.environments.get(environment)
        if table is None or not (table.alerts and table.channel):
            return ""
        failing = self.listening.failing(SILENT_AFTER)
        told = [failing[one.name] for one in self._queues_of(environment) if one.name in failing]
        return told[0].rstrip(".") if told else ""

    def _queues_of(self, environment: str) -> Sequence[EventQueue]:
        """Those of its accounts and Regions; where there are none its events are forwarded to some other."""
        targets = self.settings.fleet()[environment].targets
        places = {f"{target.account.id}/{target.region}" for target in targets}
        exact = [one for one in self.queues if one.name.rpartition("/")[0] in places]
        near = [one for one in self.queues if one.region in {each.region for each in targets}]
        return exact or near or self.queues

    def start(self) -> None:
        """Begin to listen."""
        self.listening.start()

    def stop(self) -> None:
        """End within seconds; a poll that is on the wire is left alone."""
        self.listening.stop()
        for queue in self.queues:
            queue.close()


def queues_of(settings: Settings) -> tuple[EventQueue, ...]:
    """The queues that are configured; those of accounts with a role are read with it."""
    accounts = {
        target.account.id: target.account
        for environment in settings.fleet().values()
        for target in environment.targets
        if target.account.role
    }
    return tuple(
        EventQueue(url, accounts=tuple(accounts.values())) for url in settings.events.queue_url
    )


def create_hearing(
    settings: Settings,
    ledger: SqliteLedger,
    compliance: Compliance,
    surveyor: Surveyor,
    *,
    clock: Clock,
    count: Callable[[str, str], None],
) -> Hearing | None:
    """None where no queue is configured. Nothing is asked of AWS before `start`."""
    queues = queues_of(settings)
    if not queues:
        return None
    rules, table = settings.change_rules(), settings.events
    alerting = Alerting(
        ledger,
        EventFacts(settings.data_dir / EVENTS_FILE),
        compliance,
        rules=rules,
        clock=clock,
        pace=Pace(table.gather, table.cool_down, table.settle),
        count=count,
    )
    asking = Asking(ledger, surveyor, clock=clock)
    requests = AutoRequests(
        ledger, asking, rules=rules, clock=clock, every=table.auto_request_every
    )
    following = Following(ledger, compliance, rules=rules)
    ticks = (alerting.tick, requests.tick, following.tick)
    return Hearing(settings, Listening(queues, alerting.take, ticks), queues, ticks)
