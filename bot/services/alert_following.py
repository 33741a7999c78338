"""Keeps the cards of alerts true: has them drawn anew when a request that was opened from one moves, and settles alerts
whose nodes are compliant again.

Level-triggered from the ledger and the last readings, so that a kill loses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from bot.core.alerts import Alert, AlertKind
from bot.core.audit import Entry, Link
from bot.core.ledger import Ledger
from bot.core.rules import ChangeRules
from bot.core.running import BOT
from bot.services import noticing
from bot.services.alert_log import SETTLED, whole_alerts
from bot.services.alert_standing import Standing, standing
from bot.services.compliance import Compliance
from bot.services.places import Places

MARGIN: Final = timedelta(minutes=1)
"""A card that was drawn so shortly before its request moved may not show it."""


class Following:
    """Looks at the alerts that were told lately, whenever something may have changed."""

    def __init__(
        self, ledger: Ledger, compliance: Compliance, *, rules: Mapping[str, ChangeRules]
    ) -> None:
        self._ledger = ledger
        self._compliance = compliance
        self._rules = dict(rules)
        self._seen: object = None
        self._drawn: dict[str, datetime] = {}

    def tick(self) -> None:
        """Have drawn anew what moved, and settle what is over. Raises StorageError."""
        seen = (self._ledger.head().seq, *self._readings())
        if seen == self._seen:
            return
        places = Places(self._compliance)
        for alert, links in whole_alerts(self._ledger):
            if alert.environment in self._rules:
                self._look_at(alert, links, places)
        self._seen = seen

    def _readings(self) -> tuple[datetime | None, ...]:
        last = (self._compliance.last(name) for name in self._compliance.environments)
        return tuple(reading.as_of if reading is not None else None for reading in last)

    def _look_at(self, alert: Alert, links: Sequence[Link], places: Places) -> None:
        found = standing(self._ledger, alert, links)
        over = found.settled_at is None and _is_over(alert, places)
        moved = self._has_moved(alert, found)
        if over or moved:
            with self._ledger.change() as change:
                if over:
                    nodes = {"nodes": len(alert.nodes)}
                    change.audit(Entry(SETTLED, BOT, f"alert/{alert.id}", nodes))
                rules = self._rules[alert.environment]
                noticing.show(change, noticing.about_alert(alert.id, rules))
        if found.moved_at is not None:
            self._drawn[alert.id] = found.moved_at

    def _has_moved(self, alert: Alert, found: Standing) -> bool:
        """Whether its card shows less than what happened. After a start the card says by its age what it shows."""
        moved_at, drawn = found.moved_at, self._drawn.get(alert.id)
        if moved_at is None or drawn == moved_at:
            return False
        if drawn is not None:
            return True
        (notice,) = noticing.about_alert(alert.id, self._rules[alert.environment])
        known = next((one for one in self._ledger.notices() if one.key == notice.key), None)
        if known is None or known.changed_at is None:
            return False
        return moved_at > known.changed_at - MARGIN


def _is_over(alert: Alert, places: Places) -> bool:
    """Whether all of its nodes have become compliant since, or are gone."""
    if alert.kind is not AlertKind.NON_COMPLIANT:
        return False
    last = {sign.node: sign.at for sign in sorted(alert.signs, key=lambda sign: sign.at)}
    return all(
        places.is_compliant_since(node, at) or places.is_gone_since(node, at)
        for node, at in last.items()
        if node is not None
    )
