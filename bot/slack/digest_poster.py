"""Posts the digests: each local date of a subscription once, or with the reason why not.

What is due is claimed in the ledger before anything is made, and the intent to post is on disk before the call. After
a lost answer the message is looked for by its metadata. Where the channel can be read and does not have it, it is
posted once more: a digest that comes twice does no harm. Where it cannot be read, the slot is unknown, and the next
digest says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog

from bot.chatops.reply import Card
from bot.core.errors import Conflict, PatchbotError, SlackError, StorageError
from bot.core.ledger import Ledger, Notice
from bot.core.ports import Clock
from bot.core.schedules import (
    OPEN_SLOTS,
    REPEATS,
    SETTLED,
    Slot,
    SlotState,
    Subscription,
    due,
    last_posted,
    missed,
    moved,
    overdue,
    stored,
)
from bot.services import noticing
from bot.services.subscribing import find_subscription
from bot.slack.answering import new_incident
from bot.slack.api import SlackApi
from bot.slack.digest_traces import find, forgotten, metadata
from bot.slack.loop import Loop
from bot.slack.messages import message
from bot.slack.noticeboard import DOUBTFUL, FIRST_PAUSE, LONGEST_PAUSE, NOT_DONE, SETTLE
from bot.slack.pictures import Draft, Pictures

IDLE_SECONDS: Final = 10.0
LOOK_AGAIN_FOR: Final = timedelta(days=1)
LOOK_AGAIN_EVERY: Final = 600.0
LONG_DOWN: Final = timedelta(days=2)
CLOCKS_APART: Final = timedelta(minutes=5)
_RECENT: Final = 40
_SINCE_LAST: Final = 1_000

Compose = Callable[[str, datetime | None, datetime], Any]
"""The report of an environment since a moment, as of now. May take long; raises PatchbotError."""
Draw = Callable[[Subscription, Slot, Any, tuple[Slot, ...]], Card]
"""The card of a slot, with that report and the slots that were missed before it, oldest first."""

_log: Final = structlog.get_logger("bot.slack.digests")


@dataclass(frozen=True, slots=True)
class DigestParts:
    """What digests are made with.

    `doubt` says why the wall clock cannot be believed now; empty when it can. `owners` are the parts that go to the
    channels of owners.
    """

    compose: Compose
    draw: Draw
    doubt: Callable[[], str] = lambda: ""
    owners: Callable[[Subscription, Slot], tuple[Notice, ...]] = lambda _subscription, _slot: ()


@dataclass(slots=True)
class _Trouble:
    """A slot is left alone until then; `reason` is what it fails with should its time pass."""

    until: float
    length: float
    reason: str


class DigestPoster:
    """Brings each slot to its end, one after the other, in a thread of its own.

    `outsiders` says who else reads a channel, like Audience's; `monotonic` never goes back; `their_clock` is Slack's.
    """

    def __init__(
        self,
        ledger: Ledger,
        api: SlackApi,
        parts: DigestParts,
        outsiders: Callable[[str], str],
        *,
        pictures: Pictures | None = None,
        their_clock: Callable[[], datetime | None] = lambda: None,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._api = api
        self._parts = parts
        self._outsiders = outsiders
        self._pictures = pictures
        self._their_clock = their_clock
        self._clock = clock
        self._monotonic = monotonic
        self._awake: datetime | None = None
        self._troubles: dict[str, _Trouble] = {}
        self._seen: dict[str, float] = {}
        self._loop = Loop(self.post_due, name="digests", idle_seconds=IDLE_SECONDS)
        self.start, self.stop, self.wake = self._loop.start, self._loop.stop, self._loop.wake

    def post_due(self) -> None:
        """Store the slots that are due, and bring every open one a step further. Raises StorageError."""
        if doubt := self._parts.doubt():
            _log.warning("digests.wait", reason=doubt)
            return
        if self._ledger.read_only_reason:
            return
        if self._awake is None and (doubt := self._doubt_of_start()):
            _log.error("digests.wait", reason=doubt)
            return
        for subscription in self._ledger.subscriptions():
            if self._loop.stopping:
                return
            try:
                self._attend(subscription)
            except StorageError:
                raise
            except Exception as error:  # noqa: BLE001 - one digest that cannot be made does not hide the others
                incident = new_incident()
                _log.error(
                    "digest.failed", digest=subscription.id, error_id=incident, exc_info=error
                )
        self._awake = self._clock()

    def _attend(self, subscription: Subscription) -> None:
        """First what is open, then what is due: a digest names what was missed before it, so that must be known."""
        slots = self._bring_each(subscription, self._slots(subscription))
        if subscription.active and not any(slot.state in OPEN_SLOTS for slot in slots):
            self._bring_each(subscription, self._claim(subscription, slots))

    def _bring_each(self, subscription: Subscription, slots: Sequence[Slot]) -> tuple[Slot, ...]:
        """Bring them on, oldest first, and say how they stand then."""
        unsettled = [slot for slot in slots if slot.state not in SETTLED]
        for slot in reversed(unsettled):
            self._bring(subscription, slot)
        return self._slots(subscription) if unsettled else tuple(slots)

    def _slots(self, subscription: Subscription) -> tuple[Slot, ...]:
        """The newest slots, back to the last one that was posted."""
        slots = self._ledger.slots(subscription.id, limit=_RECENT)
        if len(slots) == _RECENT and last_posted(slots) is None:
            return self._ledger.slots(subscription.id, limit=_SINCE_LAST)
        return slots

    def _claim(self, subscription: Subscription, slots: Sequence[Slot]) -> tuple[Slot, ...]:
        """Store what is due since the last look, newest first. Nothing where somebody else has done so."""
        new = due(
            subscription,
            self._clock(),
            known=slots[0] if slots else None,
            since=last_posted(slots),
            awake=self._last_awake(),
        )
        if not new:
            return ()
        new = tuple(self._told_of_restore(slot) for slot in new)
        try:
            with self._ledger.change() as change:
                for slot in new:
                    change.claim_slot(slot, [stored(slot)])
        except Conflict:
            return ()
        return new[::-1]

    def _doubt_of_start(self) -> str:
        """Why a start after long downtime is not believed: a clock that is ahead would use up the days to come."""
        now = self._clock()
        since = datetime.fromtimestamp(self._ledger.head().at_us / 1_000_000, UTC)
        if now - since < LONG_DOWN or not self._ledger.subscriptions():
            return ""
        theirs = self._their_clock()
        if theirs is not None and abs(now - theirs) > CLOCKS_APART:
            return f"the clock of this machine says {now:%Y-%m-%d %H:%M} UTC, Slack's {theirs:%Y-%m-%d %H:%M}"
        return ""

    def _last_awake(self) -> datetime:
        """When patchbot surely ran: at the last look or, after a start, when the log was written to last."""
        if self._awake is None:
            self._awake = datetime.fromtimestamp(self._ledger.head().at_us / 1_000_000, UTC)
        return self._awake

    def _bring(self, subscription: Subscription, slot: Slot) -> None:
        trouble = self._troubles.get(slot.key)
        if trouble is not None and self._monotonic() < trouble.until:
            return
        try:
            if slot.state is SlotState.CLAIMED:
                self._post(subscription, slot)
            elif slot.state is SlotState.POSTING:
                self._find(subscription, slot)
            else:
                self._look_again(subscription, slot)
        except StorageError:
            raise
        except PatchbotError as error:
            self._wait(slot, error.message.rstrip("."))
        except Exception as error:  # noqa: BLE001 - it is tried again until its time has passed
            incident = new_incident()
            _log.error("digest.failed", slot=slot.key, error_id=incident, exc_info=error)
            self._wait(slot, f"something went wrong on my side, error id {incident}")

    def _post(self, subscription: Subscription, slot: Slot) -> None:
        now = self._clock()
        if not subscription.active:
            self._move(slot, SlotState.SKIPPED, why="it was turned off")
        elif overdue(slot, now):
            self._too_late(subscription, slot, now)
        elif why := self._closed(subscription):
            self._fail(subscription, slot, why)
        elif not self._was_posted_before_restore(subscription, slot):
            report = self._parts.compose(subscription.environment, slot.since, now)
            self._say(subscription, slot, report)

    def _closed(self, subscription: Subscription) -> str:
        """Why nothing is posted there; empty where it may be. Raises SlackError where that cannot be told now."""
        try:
            outsiders = self._outsiders(subscription.channel)
        except SlackError as error:
            if error.code in DOUBTFUL | NOT_DONE:
                raise
            return f"Slack refused it ({error.code})"
        return f"the channel is shared with {outsiders}" if outsiders else ""

    def _say(self, subscription: Subscription, slot: Slot, report: Any) -> None:
        now, channel = self._clock(), subscription.channel
        before = missed(self._slots(subscription), slot)
        drawn = replace(slot, posting_at=now)
        card = self._parts.draw(subscription, drawn, report, before)
        told, owners = metadata(slot), self._owners(subscription, slot)
        draft = self._drafted(card)
        if self._ended_meanwhile(subscription, slot):
            return
        intent = self._move(slot, SlotState.POSTING, posting_at=now, channel=channel)
        self._seen[slot.key] = self._monotonic()
        try:
            channel, ts = draft.send(
                lambda body: self._api.say(subscription.channel, {**body, "metadata": told})
            )
        except SlackError as error:
            if error.code in DOUBTFUL:
                _log.warning("digest.unanswered", slot=slot.key)
            elif error.code in NOT_DONE:
                again = self._move(intent, SlotState.CLAIMED, posting_at=None)
                self._wait(again, f"Slack did not take it ({error.code})")
            else:
                self._fail(subscription, intent, f"Slack refused it ({error.code})")
            return
        self._move(intent, SlotState.POSTED, telling=owners, channel=channel, ts=ts)

    def _ended_meanwhile(self, subscription: Subscription, slot: Slot) -> bool:
        """Making it may take minutes: somebody may have turned it off, or opened the channel to others, meanwhile."""
        known = find_subscription(self._ledger, subscription.id)
        if known is None or not known.active:
            self._move(slot, SlotState.SKIPPED, why="it was turned off")
            return True
        if why := self._closed(subscription):
            self._fail(subscription, slot, why)
            return True
        return False

    def _drafted(self, card: Card) -> Draft:
        if self._pictures is None:
            return Draft(message(card).body(), sleep=time.sleep)
        return self._pictures.draft(card)

    def _owners(self, subscription: Subscription, slot: Slot) -> tuple[Notice, ...]:
        """Whoever else is told. A digest is not held up by what cannot be made for others."""
        try:
            return self._parts.owners(subscription, slot)
        except PatchbotError as error:
            _log.warning("digest.owners", slot=slot.key, reason=error.message)
            return ()

    def _find(self, subscription: Subscription, slot: Slot) -> None:
        """A message whose answer was lost: found, or surely not there, or nobody can tell."""
        seen = self._seen.setdefault(slot.key, self._monotonic())
        if self._monotonic() - seen < SETTLE.total_seconds():
            return
        late = overdue(slot, self._clock())
        try:
            ts = find(self._api, subscription, slot, self._clock())
        except SlackError as error:
            if error.code in DOUBTFUL | NOT_DONE and not late:
                raise
            why = f"Slack did not answer, and the channel could not be read ({error.code})"
            self._move(slot, SlotState.UNKNOWN, why=why)
            return
        if ts:
            owners = self._owners(subscription, slot)
            self._move(slot, SlotState.POSTED, telling=owners, ts=ts)
        elif slot.posting_at is not None and slot.posting_at > self._clock():
            why = "Slack did not answer, and the clock of this machine was ahead then"
            self._move(slot, SlotState.UNKNOWN, why=why)
        elif late or slot.repeats >= REPEATS or not subscription.active:
            self._fail(subscription, slot, "Slack did not answer, and it is not in the channel")
        else:
            why, repeats = "not found after a lost answer", slot.repeats + 1
            self._move(slot, SlotState.CLAIMED, why=why, repeats=repeats, posting_at=None)

    def _look_again(self, subscription: Subscription, slot: Slot) -> None:
        """What is unknown may turn up; it is never posted again."""
        if self._clock() - slot.instant > LOOK_AGAIN_FOR:
            return
        self._wait(slot, slot.reason, seconds=LOOK_AGAIN_EVERY)
        if ts := find(self._api, subscription, slot, self._clock()):
            self._move(slot, SlotState.POSTED, ts=ts)

    def _was_posted_before_restore(self, subscription: Subscription, slot: Slot) -> bool:
        """Whether the slot ends here because a ledger that was lost meanwhile may have posted it."""
        if not forgotten(self._ledger, slot):
            return False
        try:
            ts = find(self._api, subscription, slot, self._clock())
        except SlackError as error:
            if error.code in DOUBTFUL | NOT_DONE:
                raise
            why = f"the ledger was restored, and the channel could not be read ({error.code})"
            self._move(slot, SlotState.UNKNOWN, why=why)
            return True
        if ts:
            found = self._move(slot, SlotState.POSTING, posting_at=slot.instant)
            self._move(found, SlotState.POSTED, why="found after a restore", ts=ts)
        return bool(ts)

    def _told_of_restore(self, slot: Slot) -> Slot:
        """A slot that was missed may have been posted by the ledger that was lost: then it was no downtime."""
        if slot.state is not SlotState.SKIPPED or not forgotten(self._ledger, slot):
            return slot
        return replace(slot, reason="the ledger was restored, and knows nothing of it")

    def _too_late(self, subscription: Subscription, slot: Slot, now: datetime) -> None:
        trouble = self._troubles.get(slot.key)
        if trouble is not None:
            self._fail(subscription, slot, trouble.reason)
            return
        since = min(self._last_awake(), now)
        why = f"down from {since:%Y-%m-%d %H:%M} to {now:%Y-%m-%d %H:%M} UTC"
        self._move(slot, SlotState.SKIPPED, why=why)

    def _wait(self, slot: Slot, reason: str, *, seconds: float = 0.0) -> None:
        """It stays as it is in the ledger, and is tried again after a while."""
        before = self._troubles.get(slot.key)
        longest = LONGEST_PAUSE.total_seconds()
        length = min(before.length * 2, longest) if before else FIRST_PAUSE.total_seconds()
        length = seconds or length
        self._troubles[slot.key] = _Trouble(self._monotonic() + length, length, reason)
        _log.warning("digest.waits", slot=slot.key, reason=reason, seconds=length)

    def _fail(self, subscription: Subscription, slot: Slot, reason: str) -> None:
        """It ends without a message; who set it up gets a word, once for each date. The subscription stays."""
        notice = noticing.digest_failed(subscription, slot)
        self._move(slot, SlotState.FAILED, why=reason, telling=notice)
        _log.error("digest.failed", slot=slot.key, reason=reason)

    def _move(
        self,
        slot: Slot,
        state: SlotState,
        *,
        why: str = "",
        telling: Sequence[Notice] = (),
        **changes: Any,
    ) -> Slot:
        after, entry = moved(slot, state, why=why, **changes)
        with self._ledger.change() as change:
            change.move_slot(after, was=slot.state, entries=[entry])
            for notice in telling:
                change.show(notice)
        if state not in OPEN_SLOTS:
            self._troubles.pop(slot.key, None)
        self._seen.pop(slot.key, None)
        return after
