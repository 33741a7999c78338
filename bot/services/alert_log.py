"""Alerts as the audit log has them: `alert.raised` begins one, `alert.grew` adds to it. There is no other place.

`alert.requested` names a request that was opened from it, `alert.settled` says that nothing is left to do.
"""

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
SETTLED: Final = "alert.settled"
LOOKED_AT: Final = 2000
"""Audit entries in which alerts are looked for: what was told before that is older than any copy of an event."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def told_alerts(ledger: Ledger) -> tuple[Alert, ...]:
    """The alerts that were raised lately, as far as the audit log has them whole."""
    told = ((name, _telling(links)) for name, links in _lately(ledger).items())
    return tuple(_alert(name, links) for name, links in told if links)


def whole_alerts(ledger: Ledger) -> tuple[tuple[Alert, tuple[Link, ...]], ...]:
    """Those of which nothing is left out, each with every entry about it, oldest first."""
    return tuple(
        (_alert(name, _telling(links)), tuple(links))
        for name, links in _lately(ledger).items()
        if links[0].kind == RAISED
    )


def _lately(ledger: Ledger) -> dict[str, list[Link]]:
    """The newest entries by alert, oldest first."""
    entries: defaultdict[str, list[Link]] = defaultdict(list)
    for link in reversed(ledger.audit(kind="alert", limit=LOOKED_AT)):
        entries[link.subject.partition("/")[2]].append(link)
    return entries


def _telling(links: Sequence[Link]) -> list[Link]:
    return [link for link in links if link.kind in {RAISED, GREW}]


def find_alert(ledger: Ledger, alert_id: str) -> tuple[Alert, tuple[Link, ...]]:
    """The alert of that id, and every entry about it, oldest first. Raises NotFound."""
    links = tuple(reversed(ledger.audit(subject=f"alert/{alert_id}", limit=LOOKED_AT)))
    told = _telling(links)
    if not told or told[0].kind != RAISED:
        raise NotFound(f"There is no alert {alert_id}.")
    return _alert(alert_id, told), links


def opened_from(links: Sequence[Link]) -> tuple[str, ...]:
    """The requests that were opened from an alert, by its entries, the newest last."""
    bodies = (json.loads(link.body) for link in links if link.kind == REQUESTED)
    # Entries of before requests were named hold what was told instead.
    return tuple(str(body["request"]) for body in bodies if "request" in body)


def alerts_behind(ledger: Ledger, request_id: str) -> tuple[str, ...]:
    """The alerts from which the request was opened."""
    links = ledger.audit(kind=REQUESTED, limit=LOOKED_AT)
    return tuple(
        link.subject.partition("/")[2] for link in links if request_id in opened_from([link])
    )


def moment(link: Link) -> datetime:
    """When an entry was written."""
    return _EPOCH + timedelta(microseconds=link.at_us)


def _alert(alert_id: str, links: Sequence[Link]) -> Alert:
    told = [(moment(link), json.loads(link.body)) for link in links]
    return alerts.alert_from(alert_id, told)
