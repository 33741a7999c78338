"""Composes a digest: the fleet as it is now, beside what the history knows of the last digest and what the ledger says.

A digest is read by people who decide by it: what cannot be read is said in it, and never left out silently.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeVar

from bot.core.causes import Between, View
from bot.core.comparing import compare
from bot.core.digest_reports import DigestReport, OwnerPart
from bot.core.digests import DueDate, Seen, of_owner, whole
from bot.core.errors import PatchbotError
from bot.core.failing import failing
from bot.core.figures import (
    Judged,
    gap_row,
    judge_all,
    status_report,
)
from bot.core.history import Exposure, HistoryStore, Snapshot, SnapshotKind
from bot.core.ledger import Ledger
from bot.core.nodes import NodeKey
from bot.core.ports import Progress
from bot.core.readings import Reading
from bot.core.snapshots import node_state
from bot.core.trend_reports import DeadlineRow
from bot.services.compliance import Compliance
from bot.services.digest_ledger import Written, written

LOOK_BACK: Final = timedelta(days=35)
"""How much older than the last digest the snapshot it is compared with may be."""
MARGIN: Final = timedelta(days=1)
YOUNG: Final = timedelta(hours=1)
A_DAY: Final = timedelta(days=1)
T = TypeVar("T")


class DeadlineRules(Protocol):
    """How long patches may stay open in each environment. Pure."""

    def due(self, environment: str, exposure: Exposure) -> DueDate | None:
        """Its class and date; None for one that is waived."""
        ...

    def rows(
        self, environment: str, exposures: Sequence[Exposure], now: datetime
    ) -> tuple[DeadlineRow, ...]:
        """The open ones by class."""
        ...


def heard(_environment: str) -> str:
    """No queue of events fails."""
    return ""


@dataclass(frozen=True, slots=True)
class _Past:
    """What the history knows: nothing of it where there is none."""

    before: View | None = None
    exposures: tuple[Exposure, ...] = ()
    known: Mapping[NodeKey, datetime] | None = None


class Digesting:
    """Composes digests. `owners` are the owners with a channel of their own, by owner; `silence` says why no alert can
    come of an environment at present.

    Without a history nothing is compared, without a ledger nothing is said of approvals and runs; both may be missing
    where nothing has run yet.
    """

    def __init__(
        self,
        compliance: Compliance,
        history: HistoryStore | None,
        ledger: Ledger | None,
        *,
        deadlines: DeadlineRules | None = None,
        owners: Mapping[str, str] | None = None,
        silence: Callable[[str], str] = heard,
    ) -> None:
        self._compliance = compliance
        self._history = history
        self._ledger = ledger
        self._deadlines = deadlines
        self._owners = dict(owners or {})
        self._silence = silence

    def compose(
        self,
        environment: str,
        since: datetime | None,
        now: datetime,
        *,
        missed: Sequence[str] = (),
        reading: Reading | None = None,
        refresh: bool = False,
        progress: Progress | None = None,
    ) -> DigestReport:
        """What is to be told of an environment at `now`; `since` is the last digest, None for the first one.

        It is made from `reading` where there is one, else from what is read now. A first one compares with the day
        before, where history knows it, and is never the line of an unchanged day.
        Raises NotFound, and AwsError when nothing of it could ever be read.
        """
        if reading is None:
            reading = self._compliance.read(environment, refresh=refresh, progress=progress)
        stale_after = self._compliance.environment(environment).stale_after
        after = present(reading, judge_all(reading, now, stale_after))
        notices = [*self._unheard(environment), *reading.notices]
        past = _tried(
            lambda: self._past(environment, since or now - A_DAY, now), _Past(), "history", notices
        )
        started = past.before.at if past.before is not None else since
        written = _tried(
            lambda: self._written(environment, started, since, now), Written(), "ledger", notices
        )
        failed = failing(after.nodes, written.installs, past.exposures)
        between = Between(past.exposures, written.evidence)
        changes = compare(past.before, after, between) if past.before is not None else ()
        still_open = tuple(one for one in past.exposures if one.is_open)
        seen = Seen(
            past.before,
            after,
            changes,
            still_open,
            lambda one: self._due(environment, one),
            since,
            now,
            past.known,
            failed,
            offline(reading),
        )
        fleet = whole(seen)
        rules = self._deadlines
        return DigestReport(
            environment=environment,
            as_of=reading.as_of,
            composed_at=now,
            since=since,
            unchanged=since is not None and fleet.unchanged and not written.ended,
            fleet=fleet,
            attention=status_report(reading, now, stale_after).attention,
            deadlines=rules.rows(environment, still_open, now)
            if rules is not None and past.known is not None
            else (),
            details_missing=fleet.details_missing,
            gaps=tuple(gap_row(gap) for gap in reading.gaps),
            approvals=written.approvals,
            runs=written.runs,
            ended_runs=written.ended,
            missed=tuple(missed),
            head=written.head,
            read_only=written.read_only,
            notices=tuple(notices),
            owners=tuple(
                OwnerPart(owner=owner, channel=channel, part=of_owner(seen, owner))
                for owner, channel in self._owners.items()
            ),
        )

    def _unheard(self, environment: str) -> Iterator[str]:
        if reason := self._silence(environment):
            yield f"No alert comes at present, for the queue of events is not heard: {reason}. See `/patch doctor`."

    def _due(self, environment: str, exposure: Exposure) -> DueDate | None:
        return self._deadlines.due(environment, exposure) if self._deadlines is not None else None

    def _past(self, environment: str, since: datetime, now: datetime) -> _Past:
        history = self._history
        if history is None:
            return _Past()
        before = None
        kept = history.snapshots(environment, since=since - LOOK_BACK, until=now, digests=True)
        found = _compared_with(kept, since, now)
        if found is not None:
            before = View(found.at, found.complete, history.nodes_at(environment, found.at))
        closed_since = before.at - MARGIN if before is not None else None
        return _Past(
            before,
            history.exposures(environment, closed_since=closed_since),
            history.patches_known_at(environment),
        )

    def _written(
        self, environment: str, started: datetime | None, since: datetime | None, now: datetime
    ) -> Written:
        if self._ledger is None:
            return Written()
        return written(
            self._ledger, environment, started, since, now, installs_since=now - LOOK_BACK
        )


def present(reading: Reading, judged: Sequence[Judged]) -> View:
    """The fleet as it is, stopped nodes among the others."""
    return View(reading.as_of, not reading.gaps, tuple(node_state(one) for one in judged))


def offline(reading: Reading) -> frozenset[NodeKey]:
    """The nodes whose agent does not answer: nothing can be sent to them."""
    return frozenset(seen.node.key for seen in reading.observations if not seen.node.online)


def _tried(read: Callable[[], T], nothing: T, what: str, notices: list[str]) -> T:
    """What is read, or nothing of it and a word about why."""
    try:
        return read()
    except PatchbotError as error:
        notices.append(
            f"The {what} could not be read, so what it knows is not in here: {error.message}"
        )
        return nothing


def _compared_with(kept: Sequence[Snapshot], since: datetime, now: datetime) -> Snapshot | None:
    """What the last digest was made from, else the last snapshot before it; where history is younger, its first one.

    None where that is so young that it says nothing.
    """
    older = [one for one in kept if one.at <= since]
    told = [one for one in older if one.kind is SnapshotKind.DIGEST and since - one.at < YOUNG]
    if told:
        return told[-1]
    if older:
        return older[-1]
    return kept[0] if kept and now - kept[0].at >= YOUNG else None
