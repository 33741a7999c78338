"""`auto_request`: an alert about nodes that became non-compliant asks for an Install, as a person would.

The request goes the way of every other one: read anew, checked, sealed, and then people approve it or not.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from bot.core.alerts import Alert, AlertKind
from bot.core.audit import Entry
from bot.core.errors import Conflict, PatchbotError, StorageError
from bot.core.ledger import Ledger
from bot.core.plans import Operation
from bot.core.ports import Clock
from bot.core.proposals import Proposal
from bot.core.rules import ChangeRules
from bot.core.running import BOT
from bot.core.selection import EVERY_STATE, Filter
from bot.services import noticing
from bot.services.alert_log import NOT_REQUESTED, REQUESTED, SETTLED, find_alert, told_alerts
from bot.services.asking import Asking
from bot.services.intake import Refusal

WITHIN: Final = timedelta(hours=1)
"""For so long an alert may still be asked for: later, a person who looks is better."""
TRY_AGAIN: Final = timedelta(minutes=2)

_log = logging.getLogger(__name__)


class AutoRequests:
    """Asks once for each alert, and no more often than `every` in an environment. What came of it is audited."""

    def __init__(
        self,
        ledger: Ledger,
        asking: Asking,
        *,
        rules: Mapping[str, ChangeRules],
        clock: Clock,
        every: timedelta,
    ) -> None:
        self._ledger = ledger
        self._asking = asking
        self._rules = {name: each for name, each in rules.items() if each.auto_request}
        self._clock = clock
        self._every = every
        self._not_before = clock()

    def tick(self) -> None:
        """Ask for what is to be asked for. Raises StorageError."""
        now = self._clock()
        if not self._rules or now < self._not_before:
            return
        for alert in told_alerts(self._ledger):
            wanted = alert.kind is AlertKind.NON_COMPLIANT and alert.environment in self._rules
            if wanted and now - alert.raised_at <= WITHIN and not self._was_answered(alert):
                self._ask(alert)

    def _was_answered(self, alert: Alert) -> bool:
        _, links = find_alert(self._ledger, alert.id)
        return any(link.kind in {REQUESTED, NOT_REQUESTED, SETTLED} for link in links)

    def _ask(self, alert: Alert) -> None:
        too_soon = self._too_soon(alert.environment)
        if too_soon:
            self._decline(alert, too_soon)
            return
        try:
            effect = self._asking.by_itself(_proposal(alert))
            with self._ledger.change() as change:
                effect.apply(change)
        except Refusal as refusal:
            self._decline(alert, refusal.reason)
        except Conflict as conflict:
            self._decline(alert, conflict.message)
        except StorageError:
            raise
        except PatchbotError as error:
            self._not_before = self._clock() + TRY_AGAIN
            _log.warning("%s is not asked for yet: %s", alert.id, error)

    def _too_soon(self, environment: str) -> str:
        since = self._clock() - self._every
        for request in self._ledger.requests():
            mine = request.requester == BOT and request.environment == environment
            if mine and request.created_at > since:
                return f"I asked for {request.id} there already"
        return ""

    def _decline(self, alert: Alert, reason: str) -> None:
        with self._ledger.change() as change:
            change.audit(Entry(NOT_REQUESTED, BOT, f"alert/{alert.id}", {"told": reason}))
            noticing.show(change, noticing.about_alert(alert.id, self._rules[alert.environment]))


def _proposal(alert: Alert) -> Proposal:
    return Proposal(
        environment=alert.environment,
        operation=Operation.INSTALL,
        filter=Filter(state=EVERY_STATE),
        only_nodes=alert.nodes,
        named=alert.id,
        reason=f"{alert.id}: {alert.reason}",
    )
