"""Going on with a ledger that is older than its head: nothing that was open then may count any more.

What the older copy has forgotten may have been sent. So every open request expires, every planned send is dropped,
every open run ends as lost track of, every open slot of a digest becomes unknown, clicks that wait are discarded, and
ids that may have been used are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bot.core.audit import Entry, Head
from bot.core.errors import StorageError, UsageError
from bot.core.identity import OPERATOR
from bot.core.ports import Clock
from bot.core.requests import Request, RequestState, void
from bot.core.running import moved, run_id
from bot.core.runs import Dispatch, DispatchState, Run, RunState
from bot.core.schedules import OPEN_SLOTS, Slot, SlotState
from bot.core.schedules import moved as moved_slot
from bot.store.doubts import FORGED, Doubt
from bot.store.heads import HeadKeeper, kept_heads, load_key, supersede
from bot.store.ledger import ACCEPTED, SqliteLedger
from bot.store.ledger_change import SqliteChange
from bot.store.ledger_start import mark_as_original
from bot.store.opening import Elsewhere, LedgerPlace, boot_id, kept_elsewhere, open_with

WHY = "the ledger was restored from an older copy"
KINDS = ("R", "D")
SKIPPED_AT_LEAST = 100
"""Ids of each kind to leave out. Where the lost rows of the log can be counted and are more: as many as they."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What was made void."""

    requests: tuple[str, ...]
    runs: tuple[str, ...]
    sends: int
    slots: int
    clicks: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a ledger is read-only, what kind of wrong that is, and whether its key is gone."""

    doubt: Doubt
    reason: str
    key_lost: bool

    @property
    def forged(self) -> bool:
        """Whether no restore of a backup looks like that."""
        return self.doubt in FORGED


def accept_restore(
    place: LedgerPlace,
    *,
    clock: Clock,
    rewritten: bool = False,
    noted: Mapping[str, Any] | None = None,
    elsewhere: Elsewhere | None = None,
) -> Accepted:
    """Make the ledger at `place` writable again, although it is older than its head, a backup, or has no head.

    With `rewritten` also one whose history or heads somebody changed. A lost key is made anew. `noted` goes into the
    audit entry; `elsewhere` as in `open_ledger`.

    Raises UsageError when there is nothing to accept, or nothing without `rewritten`; StorageError when
    the ledger is damaged, which is never accepted, and when another process has it.
    """
    trouble = what_is_wrong(place, clock=clock, elsewhere=elsewhere)
    if trouble.forged and not rewritten:
        raise UsageError(
            f"This is no older copy: {trouble.reason}.",
            hint="Find out who did that before you go on: see “When it is not whole” in docs/security.md. To go on all"
            " the same: `patchbot ledger accept-restore --rewritten`.",
        )
    # Given up whatever their seals are.
    outside = kept_elsewhere(place, elsewhere, clock=clock)
    heads = (*kept_heads(place.head_dir, key=b"").heads, *outside.heads)
    ledger = SqliteLedger.open(
        place.path,
        clock=clock,
        key=load_key(place.data_dir, given=place.key, make=True),
        boot=boot_id(),
        accepting=True,
        allow_network=place.allow_network,
    )
    try:
        accepted = _accept(ledger, heads, {**(noted or {}), **_told(trouble)}, clock())
        mark_as_original(place.path)
        supersede(place.head_dir)
        HeadKeeper(ledger, place.head_dir).keep()
    finally:
        ledger.close()
    return accepted


def what_is_wrong(
    place: LedgerPlace, *, clock: Clock, elsewhere: Elsewhere | None = None
) -> Trouble:
    """Why the ledger at `place` may not be written. Raises UsageError when it may, StorageError as `open_ledger`."""
    if not place.path.is_file():
        raise UsageError(f"There is no ledger {place.path}: nothing to accept.")
    key = load_key(place.data_dir, given=place.key)
    ledger = open_with(place, key, clock=clock, elsewhere=elsewhere)
    doubt, reason = ledger.doubt, ledger.read_only_reason
    ledger.close()
    if doubt is None and key:
        raise UsageError("Nothing is wrong with the ledger and its heads: nothing to accept.")
    return Trouble(doubt or Doubt.NO_KEY, reason or "its key is gone", key_lost=not key)


def _told(trouble: Trouble) -> Mapping[str, Any]:
    return {
        "reason": trouble.reason,
        "doubt": trouble.doubt.value,
        "rewritten": trouble.forged,
        "new_key": trouble.key_lost,
    }


def _accept(
    ledger: SqliteLedger, heads: Sequence[Head], noted: Mapping[str, Any], now: datetime
) -> Accepted:
    if ledger.read_only_reason:
        raise StorageError(
            f"This ledger cannot be accepted: {ledger.read_only_reason}.",
            hint="Restore a backup that verifies: `patchbot backup` makes such ones.",
        )
    head = ledger.head()
    lost = max((kept.seq - head.seq for kept in heads), default=0)
    waiting = ledger.requests(only_open=True)
    runs = ledger.runs()
    with ledger.change() as change:
        clicks = change.discard_clicks()
        for kind in KINDS:
            change.skip_ids(kind, max(SKIPPED_AT_LEAST, lost))
        for request in waiting:
            expired = void(request, now, why=WHY)
            change.save_request(expired.request, expired.entries)
        sends = sum(_drop_planned(change, ledger.dispatches(run.id)) for run in runs)
        ended = [_end(change, run, now) for run in runs if run.is_open]
        ended += [_bury(change, ledger, request, now) for request in _without_run(ledger, runs)]
        slots = sum(_lose_slots(change, ledger.slots(one.id)) for one in ledger.subscriptions())
        accepted = Accepted(tuple(one.id for one in waiting), tuple(ended), sends, slots, clicks)
        _redraw(change, ledger, accepted)
        body = {
            **noted,
            "was": head.code,
            "kept": [f"{kept.ledger} {kept.code}" for kept in heads],
            "requests": list(accepted.requests),
            "runs": list(accepted.runs),
            "sends": sends,
            "slots": slots,
            "clicks": clicks,
        }
        change.audit(Entry(ACCEPTED, OPERATOR.id, f"ledger/{ledger.id}", body))
    return accepted


def _drop_planned(change: SqliteChange, dispatches: Sequence[Dispatch]) -> int:
    planned = [one for one in dispatches if one.state is DispatchState.PLANNED]
    for dispatch in planned:
        dropped = replace(dispatch, state=DispatchState.DROPPED, reason=WHY)
        entry = Entry("dispatch.dropped", OPERATOR.id, dispatch.subject, {"reason": WHY})
        change.move_dispatch(dropped, was=dispatch.state, entries=[entry])
    return len(planned)


def _lose_slots(change: SqliteChange, slots: Sequence[Slot]) -> int:
    """Whether they were posted afterwards nobody knows here: they are looked for, and never posted."""
    undecided = [one for one in slots if one.state in OPEN_SLOTS]
    for slot in undecided:
        lost, entry = moved_slot(slot, SlotState.UNKNOWN, why=WHY, actor=OPERATOR.id)
        change.move_slot(lost, was=slot.state, entries=[entry])
    return len(undecided)


def _end(change: SqliteChange, run: Run, now: datetime) -> str:
    change.save_run(moved(run, RunState.LOST_TRACK, now, why=WHY), [_lost(run.id)])
    return run.id


def _without_run(ledger: SqliteLedger, runs: Sequence[Run]) -> list[Request]:
    started = {run.request for run in runs}
    return [
        request
        for request in ledger.requests()
        if request.state is RequestState.APPROVED and request.id not in started
    ]


def _bury(change: SqliteChange, ledger: SqliteLedger, request: Request, now: datetime) -> str:
    """An approved request whose run this copy has forgotten, or never had: it gets one that has ended."""
    plan = ledger.plan(request.digest)
    run = Run(
        id=run_id(request.id),
        version=1,
        state=RunState.LOST_TRACK,
        request=request.id,
        digest=request.digest,
        environment=request.environment,
        created_at=now,
        deadline=now,
        rehearsal=plan is not None and plan.rehearsal,
        why=WHY,
        ended_at=now,
    )
    change.add_run(run, (), [_lost(run.id)])
    return run.id


def _lost(run: str) -> Entry:
    return Entry("run.lost_track", OPERATOR.id, f"run/{run}", {"why": WHY})


def _redraw(change: SqliteChange, ledger: SqliteLedger, accepted: Accepted) -> None:
    subjects = {f"request/{name}" for name in accepted.requests}
    subjects |= {f"run/{name}" for name in accepted.runs}
    for notice in ledger.notices():
        if notice.subject in subjects:
            change.show(notice)
