"""What hears of changes between two readings, put together: queues, facts, alerts, and what asks by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Hearing:
    """`listening` runs the threads; they call each of `ticks` every few seconds."""

    listening: Listening
    queues: tuple[EventQueue, ...]
    ticks: tuple[Callable[[], object], ...]

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
    return Hearing(Listening(queues, alerting.take, ticks), queues, ticks)
