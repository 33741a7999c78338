"""What became of an alert: the requests that were opened from it, and whether anything is left to do. Read from the
ledger alone, whenever its card is drawn.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.core.alerts import Alert, AlertKind
from bot.core.audit import Link
from bot.core.ledger import Ledger
from bot.core.plans import Operation
from bot.core.requests import Request, RequestState
from bot.core.running import run_id
from bot.core.runs import Run, RunState
from bot.services.alert_log import NOT_REQUESTED, SETTLED, find_alert, moment, opened_from


@dataclass(frozen=True, slots=True)
class Opened:
    """A request that was opened from an alert, and its run where it has one."""

    request: Request
    run: Run | None = None

    @property
    def is_open(self) -> bool:
        """Whether something may still come of it."""
        if self.run is not None:
            return self.run.is_open
        return self.request.state in {RequestState.PENDING, RequestState.APPROVED}

    @property
    def moved_at(self) -> datetime:
        """When something last happened to it that the card of the alert tells."""
        moments = [self.request.created_at, self.request.ended_at]
        if self.run is not None:
            moments += [self.run.created_at, self.run.started_at, self.run.ended_at]
        return max(at for at in moments if at is not None)


@dataclass(frozen=True, slots=True)
class Standing:
    """What became of an alert. `opened` has the newest first; `declined` is why `auto_request` did not ask.

    `in_hand` is the request that sees to everything told so far; `settled_at` is when nothing was left to do. What is
    told later is not seen to by either.
    """

    opened: tuple[Opened, ...] = ()
    declined: str = ""
    in_hand: Opened | None = None
    settled_at: datetime | None = None

    @property
    def moved_at(self) -> datetime | None:
        """When its requests last moved; None where there are none."""
        return max((one.moved_at for one in self.opened), default=None)


def look_up(ledger: Ledger, alert_id: str) -> tuple[Alert, Standing]:
    """The alert of that id with what became of it. Raises NotFound."""
    alert, links = find_alert(ledger, alert_id)
    return alert, standing(ledger, alert, links)


def standing(ledger: Ledger, alert: Alert, links: Sequence[Link]) -> Standing:
    """What became of the alert, by all entries about it."""
    requests = (ledger.request(name) for name in dict.fromkeys(reversed(opened_from(links))))
    opened = tuple(
        Opened(request, ledger.run(run_id(request.id))) for request in requests if request
    )
    useful = [one for one in opened if _sees_to(one.request, alert)]
    return Standing(
        opened,
        next((_told(link) for link in reversed(links) if link.kind == NOT_REQUESTED), ""),
        next((one for one in useful if one.is_open), None),
        _settled_at(alert, links, useful),
    )


def _sees_to(request: Request, alert: Alert) -> bool:
    """Whether the request is for all that was told and would set it right: a scan does so after a foreign Install."""
    fits = request.operation is Operation.INSTALL or alert.kind is AlertKind.INSTALL
    return fits and request.created_at >= alert.told_at


def _settled_at(alert: Alert, links: Sequence[Link], useful: Sequence[Opened]) -> datetime | None:
    noted = (moment(link) for link in links if link.kind == SETTLED)
    verified = (
        one.run.ended_at for one in useful if one.run and one.run.state is RunState.VERIFIED
    )
    found = [at for at in (*noted, *verified) if at is not None and at >= alert.told_at]
    return max(found, default=None)


def _told(link: Link) -> str:
    return str(json.loads(link.body)["told"])
