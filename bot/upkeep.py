"""How the part that changes servers is doing: its ledger, its worker, its messages; for the doctor and for /metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from bot.core.errors import StorageError
from bot.core.ledger import Ledger, Notice, NoticeState, why_frozen
from bot.core.ports import Clock
from bot.core.runs import RunState
from bot.core.wording import counted, in_utc, listed, span
from bot.services.doctor import Finding, Outcome
from bot.services.history import History
from bot.services.installs import MEND

NAMED = 3
LOOKED_BACK = timedelta(days=30)
SNAPSHOT_LATE = timedelta(days=2)
_UNSEEN = frozenset({NoticeState.FAILED, NoticeState.LOST})


class Trouble(Protocol):
    """A job of the worker that fails at present."""

    @property
    def job(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def error(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Upkeep:
    """Looks at the ledger and at who works on it; `troubles` and `is_alive` are the worker's. Safe in any thread."""

    ledger: Ledger
    troubles: Callable[[], Sequence[Trouble]]
    is_alive: Callable[[], bool]
    clock: Clock
    history: History | None = None

    def findings(self) -> Iterator[Finding]:
        """What the doctor says of it. Raises StorageError where the ledger cannot even be read."""
        if reason := why_frozen(self.ledger):
            yield Finding("ledger", Outcome.FAILED, f"nothing can be changed: {reason}", MEND)
        else:
            head = self.ledger.head()
            yield Finding(
                "ledger", Outcome.OK, f"{counted(head.seq, 'entry', 'entries')}, head {head.code}"
            )
        yield from self._work()
        yield from self._messages()
        yield from self._history()

    def _history(self) -> Iterator[Finding]:
        """Whether first-seen dates and snapshots are kept: without them nobody knows what is due."""
        if self.history is None:
            return
        ages: list[timedelta] = []
        for environment in self.history.environments:
            try:
                last = self.history.store.snapshots(environment, since=self.clock() - LOOKED_BACK)
            except StorageError as error:
                hint = "Put the newest history-….db of the backups in its place (docs/history.md)."
                yield Finding("history", Outcome.FAILED, error.message, hint)
                return
            if last:
                ages.append(self.clock() - last[-1].at)
            else:
                told = f"has no snapshot of {environment} of the last {LOOKED_BACK.days} days"
                yield Finding(
                    "history", Outcome.WARNING, told, "Can it be read? `/patch status` says."
                )
        if ages:
            told = f"is kept; the last snapshot is {span(max(ages))} old"
            outcome = Outcome.OK if max(ages) < SNAPSHOT_LATE else Outcome.WARNING
            yield Finding("history", outcome, told, "" if outcome is Outcome.OK else "See its log.")

    def history_broken(self) -> float:
        """1 where the history cannot be read."""
        if self.history is None:
            return 0.0
        try:
            for environment in self.history.environments:
                self.history.store.snapshots(environment, since=self.clock() - LOOKED_BACK)
        except StorageError:
            return 1.0
        return 0.0

    def _work(self) -> Iterator[Finding]:
        if not self.is_alive():
            hint = "Restart patchbot; its log says why it ended."
            yield Finding("worker", Outcome.FAILED, "does not work: no run goes on", hint)
            return
        troubles = self.troubles()
        for one in troubles[:NAMED]:
            about = f" for {one.subject}" if one.subject else ""
            hint = "It is tried again at least every minute."
            yield Finding("worker", Outcome.WARNING, f"“{one.job}”{about} fails: {one.error}", hint)
        if not troubles:
            runs = self.ledger.runs(only_open=True)
            yield Finding("worker", Outcome.OK, f"works; {counted(len(runs), 'open run')}")
        for run in self.ledger.runs(only_open=True):
            if run.state is RunState.PAUSED:
                hint = f"Decide with `/patch run {run.id}`; it ends {in_utc(run.deadline)}."
                yield Finding(run.id, Outcome.WARNING, f"waits for a person: {run.why}", hint)

    def _messages(self) -> Iterator[Finding]:
        unseen = self._unseen()
        if unseen:
            shown = listed(f"{one.key} ({one.reason})" for one in unseen[-NAMED:])
            more = f" and {len(unseen) - NAMED:,} more" if len(unseen) > NAMED else ""
            hint = "Invite patchbot to the channel, or correct it in patchbot.toml."
            told = f"{counted(len(unseen), 'message')} could not be posted: {shown}{more}"
            yield Finding("messages", Outcome.WARNING, told, hint)
        waits = self.oldest_due()
        if waits > 300:
            told = f"one has been waiting to be posted for {span(timedelta(seconds=waits))}"
            yield Finding(
                "messages", Outcome.WARNING, told, "Is Slack out of reach? The log says why."
            )

    def frozen(self) -> float:
        """1 where nothing can be changed."""
        return float(bool(why_frozen(self.ledger)))

    def open_runs(self, state: RunState) -> float:
        """How many runs are in that state."""
        return float(sum(one.state is state for one in self.ledger.runs(only_open=True)))

    def failing(self) -> float:
        """How many jobs fail at present."""
        return float(len(self.troubles()))

    def unseen(self) -> float:
        """How many messages could not be posted."""
        return float(len(self._unseen()))

    def oldest_due(self) -> float:
        """For how many seconds the oldest message has been waiting to be posted or drawn anew; 0 where none does."""
        since = [one.changed_at for one in self.ledger.notices(only_due=True)]
        return max((self._seconds(one) for one in since if one is not None), default=0.0)

    def _seconds(self, since: datetime) -> float:
        return max(0.0, (self.clock() - since).total_seconds())

    def _unseen(self) -> list[Notice]:
        return [one for one in self.ledger.notices() if one.state in _UNSEEN]


def measured(figure: Callable[[], float]) -> Callable[[], float]:
    """The figure, or not-a-number where the ledger cannot be read: one figure must not take the others along."""

    def safe() -> float:
        try:
            return figure()
        except StorageError:
            return float("nan")

    return safe
