"""Alerts as the audit log has them: `alert.raised` begins one, `alert.grew` adds to it. There is no other place."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from bot.core import alerts
from bot.core.alerts import Alert
from bot.core.audit import Link
from bot.core.errors import NotFound
from bot.core.ledger import Ledger

RAISED: Final = "alert.raised"
GREW: Final = "alert.grew"
REQUESTED: Final = "alert.requested"
NOT_REQUESTED: Final = "alert.not_requested"
LOOKED_AT: Final = 2000
"""Audit entries in which alerts are looked for: what was told before that is older than any copy of an event."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def told_alerts(ledger: Ledger) -> tuple[Alert, ...]:
    """The alerts that were raised lately, as far as the audit log has them whole."""
    entries: defaultdict[str, list[Link]] = defaultdict(list)
    for link in reversed(ledger.audit(kind="alert", limit=LOOKED_AT)):
        if link.kind in {RAISED, GREW}:
            entries[link.subject.partition("/")[2]].append(link)
    return tuple(_alert(name, links) for name, links in entries.items())


def find_alert(ledger: Ledger, alert_id: str) -> tuple[Alert, tuple[Link, ...]]:
    """The alert of that id, and every entry about it, oldest first. Raises NotFound."""
    links = tuple(reversed(ledger.audit(subject=f"alert/{alert_id}", limit=LOOKED_AT)))
    told = [link for link in links if link.kind in {RAISED, GREW}]
    if not told or told[0].kind != RAISED:
        raise NotFound(f"There is no alert {alert_id}.")
    return _alert(alert_id, told), links


def _alert(alert_id: str, links: Sequence[Link]) -> Alert:
    told = [(_when(link), json.loads(link.body)) for link in links]
    return alerts.alert_from(alert_id, told)


def _when(link: Link) -> datetime:
    return _EPOCH + timedelta(microseconds=link.at_us)
