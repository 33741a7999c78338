"""Takes clicks and submissions up: who is it really, may they, and what follows. Each exactly once.

An item is taken in the same transaction in which its effect and its audit entries become durable. Refusals are
audited with their reason and answered. Whatever cannot be checked is refused.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bot.core.audit import Entry
from bot.core.errors import Conflict, NotAllowed, PatchbotError, SlackError
from bot.core.identity import AccessPolicy, Kind, Person, Role
from bot.core.ledger import Change, InboxItem, Ledger
from bot.core.ports import Clock
from bot.services import noticing
from bot.services.people import PersonLookup

TRIES = 5
WAITS_FOR_SLACK = timedelta(minutes=5)
REFUSED = "form.refused"
"""The kind of item that says somebody was refused a form, and why: it was checked when the form was asked for."""
_RUSH = frozenset({"ratelimited", "rate_limited"})
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer for whoever clicked, in words. `channel` is where they clicked; empty in a modal or the Home tab."""

    person: str
    channel: str
    text: str
    allowed: bool


class NotYet(Exception):
    """Slack has too much to do to say who clicked: the item waits, and counts for what it was."""


class Refusal(Exception):
    """The answer is no. `subject` is what the audit entry is about, `reason` a clause ("you are not …")."""

    def __init__(self, reason: str, *, subject: str = "", hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.subject = subject
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Effect:
    """What becomes durable, and what the clicker is told. `apply` runs inside the transaction.

    `why` is the reason of a refusal of the domain, whose entries are written like those of a move; else empty.
    """

    apply: Callable[[Change], str]
    why: str = ""

    @property
    def allowed(self) -> bool:
        return not self.why


Handler = Callable[[Person, Mapping[str, Any]], Effect]


class Intake:
    """Takes up items of the inbox. Two threads may take the same item: one of them gets it."""

    def __init__(
        self,
        ledger: Ledger,
        people: PersonLookup,
        handlers: Mapping[str, Handler],
        *,
        clock: Clock,
        access: AccessPolicy | None = None,
    ) -> None:
        self._ledger = ledger
        self._people = people
        self._handlers = dict(handlers)
        self._clock = clock
        self._access = access or AccessPolicy()

    def take(self, item: InboxItem) -> Reply | None:
        """Do what the item asks, or refuse it. None when somebody has taken it before, or nobody waits for a word.

        Raises StorageError when the ledger cannot be changed, and NotYet while Slack cannot say who clicked: the item
        stays in the inbox, and nothing has happened.
        """
        for _ in range(TRIES):
            try:
                return self._take(item)
            except Conflict:
                if all(waiting.key != item.key for waiting in self._ledger.inbox()):
                    return None
                _log.info("%s was overtaken by another change and is looked at again", item.kind)
        return self._refuse(item, Refusal("too many people change it at this moment"))

    def give_up(self, item: InboxItem, incident: str) -> Reply:
        """Refuse an item on which `take` failed unexpectedly, so that it is not done at some later time unasked."""
        return self._refuse(
            item,
            Refusal(
                "something went wrong on my side",
                hint=f"Tell your patchbot admin the error id {incident}.",
            ),
        )

    def told(self, item: InboxItem) -> None:
        """Whoever clicked has read the answer, so it need not be posted. Raises StorageError."""
        with self._ledger.change() as change:
            change.move_notice(noticing.told(noticing.answer(item, "")))

    def _take(self, item: InboxItem) -> Reply | None:
        if item.kind == REFUSED:
            self._note_refusal(item)
            return None
        try:
            handler = self._handlers.get(item.kind, _unknown)
            effect = handler(self._identify(item), item.body)
        except Refusal as refusal:
            return self._refuse(item, refusal)
        except (KeyError, TypeError, ValueError) as error:
            _log.warning("%s cannot be read: %r", item.kind, error)
            return self._refuse(item, Refusal("that click is not complete; open the card anew"))
        except PatchbotError as error:
            # Also one plan that cannot be read; a ledger that cannot be written keeps the item, by what _refuse raises.
            return self._refuse(item, Refusal(error.message.rstrip("."), hint=error.hint))
        with self._ledger.change(taking=item.key) as change:
            text = effect.apply(change)
            change.show(noticing.answer(item, text))
        return Reply(item.person, _channel(item), text, effect.allowed)

    def _identify(self, item: InboxItem) -> Person:
        """The person as Slack knows them at this moment. Raises Refusal and NotYet."""
        channel = _channel(item)
        try:
            person = self._people.look_up(item.person, team=item.team)
            shared = bool(channel) and self._people.is_shared_outside(channel)
        except (NotAllowed, SlackError) as error:
            if _is_rush(error) and self._clock() - item.received_at < WAITS_FOR_SLACK:
                raise NotYet(error.message) from error
            raise Refusal(
                f"I could not check who you are ({error.message.rstrip('.')})",
                hint=error.hint or "Try again in a minute.",
            ) from error
        if person.id != item.person or person.kind is Kind.OPERATOR:
            raise Refusal("I could not check who you are")
        decision = self._access.decide(person, Role.VIEWER)
        if not decision.allowed:
            raise Refusal(decision.reason)
        if shared:
            raise Refusal(
                "people of other companies are in this channel, so nothing is decided here"
            )
        return person

    def _refuse(self, item: InboxItem, refusal: Refusal) -> Reply:
        subject = refusal.subject or _subject(item)
        body = {"tried": item.kind, "reason": refusal.reason}
        kind = f"{subject.partition('/')[0]}.refused"
        text = refused(refusal.reason, refusal.hint)
        with self._ledger.change(taking=item.key) as change:
            change.audit(Entry(kind, item.person, subject, body))
            change.show(noticing.answer(item, text))
        return Reply(item.person, _channel(item), text, False)

    def _note_refusal(self, item: InboxItem) -> None:
        """Somebody was refused a form, and has read why in its place."""
        subject = _subject(item)
        body = {"tried": str(item.body.get("tried")), "reason": str(item.body.get("reason"))}
        with self._ledger.change(taking=item.key) as change:
            change.audit(Entry(f"{subject.partition('/')[0]}.refused", item.person, subject, body))


def refused(reason: str, hint: str = "") -> str:
    """The answer to somebody who was refused."""
    return f"That was not done: {reason}. {hint}".strip()


def write(change: Change, entries: Sequence[Entry]) -> None:
    """Append the entries of a refused move."""
    for entry in entries:
        change.audit(entry)


def _is_rush(error: PatchbotError) -> bool:
    """Whether Slack asked us to wait; a directory tells it as the cause of its own refusal."""
    cause = error if isinstance(error, SlackError) else error.__cause__
    return isinstance(cause, SlackError) and cause.code in _RUSH


def _unknown(_person: Person, _body: Mapping[str, Any]) -> Effect:
    raise Refusal("I do not know that action")


def _channel(item: InboxItem) -> str:
    return str(item.body.get("channel") or "")


def _subject(item: InboxItem) -> str:
    """What a refused item was about, as far as its ids tell."""
    for name in ("request", "run", "environment"):
        told = item.body.get(name)
        if isinstance(told, str) and 0 < len(told) <= 32:
            return f"{name}/{told}"
    return f"inbox/{item.key[:100]}"
