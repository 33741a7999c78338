"""What a digest is made with when it is posted: details that are fresh, its picture, and the parts of the owners."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from bot.chatops.digest_card import owner_card
from bot.chatops.digest_posts import slot_card
from bot.chatops.reply import Card
from bot.chatops.trend_chart import Draw, trend_chart
from bot.core.digest_reports import DigestReport
from bot.core.errors import NotFound, PatchbotError
from bot.core.ledger import Ledger, Notice
from bot.core.ports import Clock
from bot.core.schedules import Slot, Subscription
from bot.services import noticing
from bot.services.digesting import Digesting
from bot.services.history import History
from bot.services.subscribing import find_slot

COLLECTING_S = 60.0
"""How long a digest waits for what its nodes miss to be read; what is not read by then is told without its reason."""
TREND_DAYS = 30
REMEMBERED = 8
"""Reports that are kept, each for the parts of its owners: one for each environment and digest before it."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class DigestMaking:
    """Makes the digests of `ledger`'s slots. Used by one thread that posts and one that draws."""

    ledger: Ledger
    digesting: Digesting
    history: History
    clock: Clock
    draw_trend: Draw | None = None
    monotonic: Callable[[], float] = time.monotonic
    _reports: dict[tuple[str, datetime | None], DigestReport] = field(
        default_factory=dict, init=False
    )
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def compose(self, environment: str, since: datetime | None, now: datetime) -> DigestReport:
        """The report; the reading it is made from is kept, for the next one to compare with. Raises PatchbotError.

        AWS is read first: details are of the reading that is told.
        """
        reading = self.history.read(environment)
        self._collect(environment)
        report = self.digesting.compose(environment, since, now, reading=reading)
        try:
            self.history.keep(reading, now)
        except PatchbotError as error:
            _log.warning("no snapshot of %s with its digest: %s", environment, error)
        return self._remember(environment, since, report)

    def card(
        self,
        subscription: Subscription,
        slot: Slot,
        report: DigestReport,
        missed: Sequence[Slot],
    ) -> Card:
        """The message of a slot, with the trend as a picture where there is one."""
        try:
            trend = self.history.trend(subscription.environment, TREND_DAYS)
            chart = trend_chart(trend, self.draw_trend)
        except PatchbotError as error:
            _log.warning("no trend with the digest of %s: %s", subscription.environment, error)
            chart = None
        if chart is None:
            return slot_card(subscription, slot, report, missed)
        block, picture = chart
        card = slot_card(subscription, slot, report, missed, picture=block)
        shown = block in card.blocks
        return replace(card, pictures=(picture,)) if shown else card

    def owners(self, subscription: Subscription, slot: Slot) -> tuple[Notice, ...]:
        """The parts of the owners that have a channel of their own, once a day each. Raises PatchbotError."""
        return tuple(
            noticing.owners_part(subscription, slot, one.owner, one.channel)
            for one in self._report(subscription, slot).owners
            if one.channel != subscription.channel
        )

    def owners_part(self, notice: Notice) -> Card:
        """The message of such a part. Raises NotFound where there is none."""
        subscription_id, day, owner = notice.subject.split("/", 2)
        found = find_slot(self.ledger, subscription_id, day)
        if found is None:
            raise NotFound(f"There is no digest {subscription_id} of {day}.")
        return owner_card(self._report(*found), owner, slot=found[1].key)

    def _collect(self, environment: str) -> None:
        until = self.monotonic() + COLLECTING_S
        try:
            while self.history.collect(environment) and self.monotonic() < until:
                pass
        except PatchbotError as error:
            _log.warning("what nodes of %s miss was not read: %s", environment, error)

    def _report(self, subscription: Subscription, slot: Slot) -> DigestReport:
        environment, since = subscription.environment, slot.since
        with self._lock:
            known = self._reports.get((environment, since))
        if known is not None:
            return known
        report = self.digesting.compose(environment, since, self.clock())
        return self._remember(environment, since, report)

    def _remember(
        self, environment: str, since: datetime | None, report: DigestReport
    ) -> DigestReport:
        with self._lock:
            self._reports.pop((environment, since), None)
            self._reports[environment, since] = report
            for oldest in list(self._reports)[:-REMEMBERED]:
                del self._reports[oldest]
        return report
