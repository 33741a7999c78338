"""End to end: commands in the simulated AWS, EventBridge's copies in any order, SQS over HTTP, one alert for each."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from bot.aws.commands import AwsCommands
from bot.aws.events import EventQueue
from bot.aws.gateway import AwsGateway
from bot.config import Settings, load_settings
from bot.config.events import EventsTable
from bot.core.alerts import AlertKind
from bot.core.errors import Unreachable
from bot.demo.aws.event_bus import create_queue
from bot.demo.aws.run_command.behaviour import Behaviour
from bot.demo.aws.run_command.clockwork import advance
from bot.demo.aws.server import SimulatedAws
from bot.demo.aws.state import region_state
from bot.demo.fleet.large import large_fleet
from bot.demo.fleet.model import Fleet
from bot.demo.fleet.seeding import seed_directly
from bot.demo.happenings import colleague, new_patch
from bot.hearing import Hearing, create_hearing, queues_of
from bot.services.alert_log import told_alerts
from bot.services.compliance import Compliance
from bot.services.surveying import Surveyor
from bot.store.cache import ReadingCache
from bot.store.ledger import SqliteLedger

REGION = "eu-central-1"
TOML = """
[events]
queue_url = "https://sqs.eu-central-1.amazonaws.com/123456789012/patchbot-events"

[environments.prod]
regions = ["eu-central-1"]
channel = "C0PATCHING"
"""


@dataclass
class Site:
    """The listening side over HTTP, at a time that moves by hand."""

    folder: Path
    aws: SimulatedAws
    fleet: Fleet
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    counts: list[tuple[str, str]] = field(default_factory=list)

    def clock(self) -> datetime:
        return self.now

    def open(self) -> None:
        """As `serve` does it."""
        settings = self.settings()
        self.gateway = AwsGateway(clock=self.clock)
        compliance = Compliance(
            settings.fleet(),
            self.gateway,
            ReadingCache(self.folder / "cache.db"),
            clock=self.clock,
            time_to_live=timedelta(minutes=10),
        )
        self.ledger = SqliteLedger.open(
            self.folder / "ledger.db", clock=self.clock, key=b"k" * 32, allow_network=True
        )
        surveyor = Surveyor(
            compliance,
            AwsCommands(self.gateway),
            self.ledger,
            rules=settings.change_rules(),
            clock=self.clock,
        )
        hearing = create_hearing(
            settings,
            self.ledger,
            compliance,
            surveyor,
            clock=self.clock,
            count=lambda what, outcome: self.counts.append((what, outcome)),
        )
        assert hearing is not None
        self.hearing: Hearing = hearing

    def close(self) -> None:
        self.hearing.stop()
        self.gateway.close()
        self.ledger.close()

    def settings(self) -> Settings:
        path = self.folder / "patchbot.toml"
        path.write_text(TOML)
        return load_settings(path, environ={})

    def waiting(self) -> int:
        (queue,) = queues_of(self.settings())
        attributes = queue.attributes()
        queue.close()
        return int(attributes["ApproximateNumberOfMessages"])

    def listen(self) -> None:
        """Until the queue is empty."""
        while self.waiting():
            self.hearing.listening.listen_once(self.hearing.queues[0])

    def later(self, **length: float) -> None:
        self.now += timedelta(**length)
        advance(region_state(self.aws.account, REGION))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    behaviour = Behaviour(lag=0)
    with SimulatedAws(behaviour=behaviour) as aws:
        for name, value in aws.credentials_environment().items():
            monkeypatch.setenv(name, value)
        found = Site(tmp_path, aws, large_fleet(12, now=datetime.now(UTC)))
        behaviour.clock = found.clock
        seed_directly(found.fleet)
        create_queue(aws.client("sqs", REGION))
        found.open()
        yield found
        found.close()


def alerts(site: Site) -> dict[AlertKind, tuple[list[str], int]]:
    """The ids of the nodes of each alert, and how many signs it has."""
    return {
        one.kind: ([node.instance_id for node in one.nodes], len(one.signs))
        for one in told_alerts(site.ledger)
    }


def tick(site: Site) -> None:
    for act in site.hearing.ticks:
        act()


def test_copies_in_any_order_become_one_alert_for_each_cause(site: Site) -> None:
    site.aws.events.copies, site.aws.events.holding = 2, True
    patched = new_patch(site.aws, site.fleet, environment="prod", nodes=2)
    ran = colleague(site.aws, site.fleet, environment="prod", nodes=2)
    for _ in range(12):
        site.later(minutes=1)
    site.aws.events.release(Random(7))
    assert patched
    assert ran
    assert site.waiting() > 10
    site.listen()
    site.now += timedelta(minutes=6)
    tick(site)
    assert alerts(site) == {
        AlertKind.NON_COMPLIANT: (sorted(patched), len(patched)),
        AlertKind.INSTALL: (sorted(ran), len(ran)),
    }
    site.now += timedelta(hours=1)
    tick(site)
    assert len(told_alerts(site.ledger)) == 2
    assert site.counts.count(("event", "taken")) == site.counts.count(("event", "repeated"))


def test_a_kill_between_taking_and_deleting(site: Site) -> None:
    """The answer to the deletion is lost with the process; SQS hands the message to the next one."""
    (node,) = new_patch(site.aws, site.fleet, environment="prod", nodes=1)
    site.aws.events.window_ended(
        site.aws.account, REGION, window_id="mw-0123456789abcdef0", status="FAILED", at=site.now
    )
    for _ in range(3):
        site.later(minutes=1)
    (url,) = site.settings().events.queue_url
    queue = EventQueue(url, wait_seconds=0, visibility_seconds=0)
    site.aws.faults.reset_connection("DeleteMessageBatch")
    with pytest.raises(Unreachable):
        site.hearing.listening.listen_once(queue)
    first = site.counts.count(("event", "taken"))
    assert first > 1
    assert site.waiting() == first
    site.close()
    site.open()
    while site.waiting():
        site.hearing.listening.listen_once(queue)
    queue.close()
    site.now += timedelta(minutes=6)
    tick(site)
    tick(site)
    assert site.counts.count(("event", "taken")) == first
    assert alerts(site) == {AlertKind.NON_COMPLIANT: ([node], 1), AlertKind.WINDOW: ([], 1)}


def test_a_poll_on_the_wire_does_not_hold_up_the_stop(site: Site) -> None:
    site.hearing.start()
    while not site.aws.calls.count("ReceiveMessage"):
        threading.Event().wait(0.01)
    site.hearing.stop()
    (poller,) = site.hearing.listening.pollers
    assert poller.is_alive()  # it waits for AWS, and nobody waits for it


def test_nothing_listens_where_no_queue_is_named(site: Site) -> None:
    settings = site.settings().model_copy(update={"events": EventsTable()})
    assert queues_of(settings) == ()


@dataclass
class Ears:
    """Listening of which one queue is deaf."""

    name: str

    def failing(self, at_least: float) -> dict[str, str]:
        assert at_least > 60, "a hiccup is no news"
        return {self.name: "There is no queue."}


SEVERAL = """
[events]
queue_url = [
  "https://sqs.eu-central-1.amazonaws.com/111122223333/q",
  "https://sqs.eu-west-1.amazonaws.com/111122223333/q",
]

[environments.here]
regions = ["eu-central-1"]
channel = "C0PATCHING"

[environments.there]
regions = ["eu-west-1"]
channel = "C0PATCHING"

[environments.forwarded]
regions = ["us-east-1"]
channel = "C0PATCHING"

[environments.quiet]
regions = ["eu-central-1"]
channel = "C0PATCHING"
alerts = []
"""


def test_a_deaf_queue_is_told_where_its_alerts_are_missed(tmp_path: Path) -> None:
    """Of the environments in its Region, and of those whose events may be forwarded to it."""
    path = tmp_path / "patchbot.toml"
    path.write_text(SEVERAL)
    settings = load_settings(path, environ={})
    queues = queues_of(settings)
    hearing = Hearing(settings, Ears(queues[0].name), queues, ())  # type: ignore[arg-type]
    silent = {name for name in settings.environments if hearing.silence(name)}
    assert silent == {"here", "forwarded"}
    assert hearing.silence("here") == "There is no queue"
    for one in queues:
        one.close()
