"""What changes servers, put together: the ledger, the worker that moves it on, and what clicks are taken up with.

Only `patchbot serve` and the demo start it; the terminal looks at the ledger and changes nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from bot.anchors import HeadCarrier, elsewhere, head_bucket
from bot.auditing import backup_dir, ledger_place
from bot.aws.commands import AwsCommands
from bot.chatops.notices import draw
from bot.chatops.reply import Card
from bot.chatops.trend_chart import Draw
from bot.config import Settings
from bot.core.ledger import Notice
from bot.core.ports import Clock
from bot.core.rules import ChangeRules
from bot.digest_making import DigestMaking
from bot.hearing import Hearing, create_hearing
from bot.services import noticing
from bot.services.asking import Asking
from bot.services.compliance import Compliance
from bot.services.decisions import Decisions
from bot.services.digesting import Digesting, heard
from bot.services.history import History
from bot.services.installs import Installs
from bot.services.intake import Intake
from bot.services.people import PersonLookup
from bot.services.subscribing import Subscribing
from bot.services.surveying import Surveyor
from bot.slack.changes import Parts
from bot.slack.digest_poster import DigestParts
from bot.store.backup import Backups
from bot.store.heads import HeadKeeper
from bot.store.history import HISTORY_FILE, HistoryDatabase
from bot.store.ledger import SqliteLedger
from bot.store.opening import open_ledger
from bot.upkeep import Upkeep
from bot.worker.worker import Worker

if TYPE_CHECKING:
    from bot.aws.gateway import AwsGateway
    from bot.worker.timing import Timing

LOOK_SECONDS = 60.0
STOP_SECONDS = 1.0


@dataclass(slots=True)
class Engine:
    """The ledger and all that works on it. `installs`, `digesting` and `history` are what commands use."""

    settings: Settings
    ledger: SqliteLedger
    installs: Installs
    digesting: Digesting
    history: History
    surveyor: Surveyor
    compliance: Compliance
    gateway: AwsGateway
    commands: AwsCommands
    keeper: HeadKeeper
    clock: Clock
    timing: Timing | None = None
    worker: Worker | None = None
    draw_trend: Draw | None = None
    hearing: Hearing | None = None
    backups: Backups | None = None
    carrier: HeadCarrier | None = None

    def stop_worker(self) -> None:
        """End the worker, where it was made."""
        if self.worker is not None:
            self.worker.stop(0)  # it was told to, and given its time, before

    def troubles(self) -> Iterator[str]:
        """What fails of keeping the ledger safe, for the doctor."""
        for one in (self.backups, self.carrier):
            if one is not None and one.trouble:
                yield one.trouble

    def upkeep(self) -> Upkeep:
        """How the ledger and the worker are doing."""
        return Upkeep(
            self.ledger,
            lambda: self.worker.troubles if self.worker is not None else (),
            lambda: self.worker is not None and self.worker.is_alive,
            self.clock,
            self.history,
        )

    def _draw(self, notice: Notice, making: DigestMaking, rules: Mapping[str, ChangeRules]) -> Card:
        if notice.kind == noticing.OWNERS_PART:
            return making.owners_part(notice)
        return draw(notice, self.ledger, self.clock(), rules=rules)

    def parts(self, people: PersonLookup, home_team: Callable[[], str]) -> Parts:
        """What the Slack side works with; the worker asks `people` too, at the moment of sending."""
        rules = self.settings.change_rules()
        making = DigestMaking(
            self.ledger, self.digesting, self.history, self.clock, draw_trend=self.draw_trend
        )
        decisions = Decisions(self.ledger, rules, clock=self.clock)
        asking = Asking(self.ledger, self.surveyor, clock=self.clock)
        subscribing = Subscribing(self.ledger, rules, clock=self.clock)
        handlers = {**asking.handlers(), **decisions.handlers(), **subscribing.handlers()}
        access = self.settings.policy()
        worker = self.worker = Worker(
            self.ledger,
            self.commands,
            self.gateway,
            self.settings.fleet(),
            people,
            rules=rules,
            key=self.ledger.key,
            clock=self.clock,
            team=home_team(),
            timing=self.timing,
            history=self.history,
            ended=self.compliance.expire,
        )
        return Parts(
            ledger=self.ledger,
            intake=Intake(self.ledger, people, handlers, clock=self.clock, access=access),
            draw=lambda notice: self._draw(notice, making, rules),
            must_type=lambda request, plan: rules[request.environment].count_must_be_typed(
                len(plan.nodes)
            ),
            objection=decisions.objection,
            moved=worker.wake,
            clock=self.clock,
            digests=DigestParts(making.compose, making.card, worker.doubt, making.owners),
        )


@contextmanager
def running(
    settings: Settings,
    gateway: AwsGateway,
    compliance: Compliance,
    *,
    clock: Clock,
    timing: Timing | None = None,
    draw_trend: Draw | None = None,
    count: Callable[[str, str], None] = lambda _what, _outcome: None,
) -> Iterator[Engine]:
    """The engine with the ledger open for this process alone; closed at the end, with its last head kept.

    Raises StorageError when another process has the ledger, ConfigurationError for a key that is too short.
    """
    ledger, keeper = open_ledger(ledger_place(settings), clock=clock, elsewhere=elsewhere(settings))
    commands = AwsCommands(gateway, clock=clock)
    store = HistoryDatabase(settings.data_dir / HISTORY_FILE)
    surveyor = Surveyor(
        compliance,
        commands,
        ledger,
        rules=settings.change_rules(),
        clock=clock,
        history=store,
    )
    history = History(
        store,
        compliance,
        deadlines=settings.deadlines(),
        clock=clock,
        ledger=ledger,
    )
    hearing = create_hearing(settings, ledger, compliance, surveyor, clock=clock, count=count)
    engine = Engine(
        settings,
        ledger,
        Installs(ledger, surveyor, clock=clock),
        Digesting(
            compliance,
            history.store,
            ledger,
            deadlines=history,
            owners=settings.digests.owners,
            silence=hearing.silence if hearing is not None else heard,
        ),
        history,
        surveyor,
        compliance,
        gateway,
        commands,
        keeper,
        clock,
        timing,
        draw_trend=draw_trend,
        hearing=hearing,
    )
    with ExitStack() as stack:
        stack.callback(ledger.close)
        if not ledger.read_only_reason:
            _keep_outside(engine, stack)
            _keep_hourly(engine, stack)
            stack.callback(keeper.after_change)
        stack.callback(engine.stop_worker)
        if engine.hearing is not None:
            stack.callback(engine.hearing.stop)
        yield engine


def _keep_outside(engine: Engine, stack: ExitStack) -> None:
    """Carry heads to the bucket until the end, where there is one."""
    bucket = head_bucket(engine.settings)
    if bucket is not None:
        carrier = engine.carrier = HeadCarrier(bucket, engine.ledger.line())
        engine.keeper.watch(carrier.take)
        carrier.take(engine.ledger.head())
        carrier.start()
        stack.callback(carrier.stop)


def _keep_hourly(engine: Engine, stack: ExitStack) -> None:
    """Keep heads and make backups until the end, each in a thread of its own: a slow disk holds up no head."""
    table = engine.settings.ledger
    backups = engine.backups = Backups(
        engine.ledger,
        backup_dir(engine.settings),
        every=table.backup_every,
        keep=table.backup_keep,
    )
    over = threading.Event()
    for name, act in (
        ("ledger-heads", engine.keeper.hourly),
        ("ledger-backups", backups.when_due),
    ):
        thread = threading.Thread(
            target=_repeat, args=(act, engine.clock, over), name=name, daemon=True
        )
        thread.start()
        stack.callback(thread.join, STOP_SECONDS)
    stack.callback(over.set)  # called first


def _repeat(act: Callable[[datetime], None], clock: Clock, over: threading.Event) -> None:
    while True:
        act(clock())
        if over.wait(LOOK_SECONDS):
            return
