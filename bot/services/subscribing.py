"""Digests on and off: who may have one in a channel, and what is stored of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

from bot.core.audit import Entry
from bot.core.identity import Person
from bot.core.ledger import Change, Ledger
from bot.core.ports import Clock
from bot.core.rules import ChangeRules
from bot.core.schedules import Slot, Subscription, next_instant, parse_days
from bot.services.intake import Effect, Handler, Refusal

ON: Final = "digest.on"
OFF: Final = "digest.off"
KIND: Final = "D"
SLOTS_KEPT_IN_SIGHT: Final = 60


class Subscribing:
    """The handlers of `digest … on` and `off`."""

    def __init__(self, ledger: Ledger, rules: Mapping[str, ChangeRules], *, clock: Clock) -> None:
        self._ledger = ledger
        self._rules = dict(rules)
        self._clock = clock

    def handlers(self) -> dict[str, Handler]:
        """Each kind of inbox item with what takes it up."""
        return {ON: self.on, OFF: self.off}

    def on(self, person: Person, body: Mapping[str, Any]) -> Effect:
        """Subscribe the channel, or change when its digest comes. Without a zone it is the person's own."""
        environment, channel = self._place(person, body)
        zone = str(body["zone"]) or person.timezone
        try:
            ZoneInfo(zone)
        except (ValueError, OSError, KeyError) as error:
            raise Refusal(
                f"there is no time zone “{zone}” here",
                subject=_subject(environment),
                hint="Name one, like Europe/Berlin.",
            ) from error
        now = self._clock()
        wanted = Subscription(
            id="",
            environment=environment,
            channel=channel,
            at=time.fromisoformat(str(body["at"])),
            zone=zone,
            days=parse_days(str(body["days"])),
            created_by=person.id,
            created_at=now,
            since=now,
        )
        before = self._find(environment, channel)
        if before is None:
            return Effect(lambda change: _add(change, wanted, now))
        known = next((slot.day for slot in self._ledger.slots(before.id, limit=1)), None)
        if before.active and before.in_words() == wanted.in_words():
            return Effect(lambda _change: _told(before, now, known))
        changed = replace(
            wanted, id=before.id, created_at=before.created_at, version=before.version + 1
        )
        kind = "digest.changed" if before.active else "digest.resumed"

        def apply(change: Change) -> str:
            change.save_subscription(changed, [_entry(kind, changed, person.id)])
            return _told(changed, now, known)

        return Effect(apply)

    def off(self, person: Person, body: Mapping[str, Any]) -> Effect:
        """No digest any more, of the channel or of the one that is named; what was posted stays."""
        named = str(body.get("digest", ""))
        before = self._named(person, named) if named else self._of_the_channel(person, body)
        where = "its channel" if named else "this channel"
        ended = replace(before, active=False, version=before.version + 1)

        def apply(change: Change) -> str:
            change.save_subscription(ended, [_entry("digest.unsubscribed", ended, person.id)])
            return f"{ended.id}: {where} gets no digest of {ended.environment} any more."

        return Effect(apply)

    def _of_the_channel(self, person: Person, body: Mapping[str, Any]) -> Subscription:
        environment, channel = self._place(person, body)
        found = self._find(environment, channel)
        if found is None or not found.active:
            raise Refusal(
                f"this channel gets no digest of {environment}",
                subject=_subject(environment),
                hint="Ask /patch digest list which channels do.",
            )
        return found

    def _named(self, person: Person, name: str) -> Subscription:
        """By its id, from anywhere: the way out where the channel is archived or the environment not configured any
        more. Raises Refusal."""
        found = find_subscription(self._ledger, name)
        subject = f"digest/{name}"
        if found is None or not found.active:
            raise Refusal(
                f"no digest {name} is on",
                subject=subject,
                hint="Ask /patch digest list which ones are.",
            )
        rules = self._rules.get(found.environment)
        if rules is not None:
            self._check_may_switch(person, rules, subject)
        elif not any(one.admins.contains(person) for one in self._rules.values()):
            raise Refusal(
                f"{found.environment} is not configured any more, and only admins turn its digests off",
                subject=subject,
            )
        return found

    def _check_may_switch(self, person: Person, rules: ChangeRules, subject: str) -> None:
        if not (rules.requesters.contains(person) or rules.admins.contains(person)):
            raise Refusal(
                f"only requesters of {rules.environment} and admins turn its digests on and off",
                subject=subject,
                hint=f"Ask /patch digest {rules.environment} now for one that only you see.",
            )

    def _place(self, person: Person, body: Mapping[str, Any]) -> tuple[str, str]:
        """Environment and channel, where the person may have a digest there. Raises Refusal."""
        environment, channel = str(body["environment"]), str(body["channel"])
        subject = _subject(environment)
        rules = self._rules.get(environment)
        if rules is None:
            raise Refusal(f"{environment} is not configured any more", subject=subject)
        self._check_may_switch(person, rules, subject)
        if channel[:1] not in {"C", "G"}:
            raise Refusal(
                "a digest goes to a channel, and this is none",
                subject=subject,
                hint="Type it in the channel that is to get it.",
            )
        return environment, channel

    def _find(self, environment: str, channel: str) -> Subscription | None:
        every = self._ledger.subscriptions()
        return next(
            (one for one in every if (one.environment, one.channel) == (environment, channel)), None
        )


def find_subscription(ledger: Ledger, name: str) -> Subscription | None:
    """The subscription of that id, also one that is off."""
    return next((one for one in ledger.subscriptions() if one.id == name), None)


def find_slot(ledger: Ledger, name: str, day: str) -> tuple[Subscription, Slot] | None:
    """A subscription and its slot of a local date in ISO form, if it is one of the last `SLOTS_KEPT_IN_SIGHT`."""
    subscription = find_subscription(ledger, name)
    slots = ledger.slots(name, limit=SLOTS_KEPT_IN_SIGHT)
    slot = next((one for one in slots if one.day.isoformat() == day), None)
    return None if subscription is None or slot is None else (subscription, slot)


def _add(change: Change, wanted: Subscription, now: datetime) -> str:
    new = replace(wanted, id=change.next_id(KIND))
    change.add_subscription(new, [_entry("digest.subscribed", new, new.created_by)])
    return _told(new, now)


def _told(subscription: Subscription, now: datetime, known: date | None = None) -> str:
    first = next_instant(subscription, now, after=known).astimezone(ZoneInfo(subscription.zone))
    return (
        f"{subscription.id}: this channel gets the digest of {subscription.environment} at"
        f" {subscription.in_words()}, next on {first:%a %Y-%m-%d at %H:%M}. Invite me if I am"
        " not a member of the channel."
    )


def _entry(kind: str, subscription: Subscription, actor: str) -> Entry:
    body = {
        "environment": subscription.environment,
        "channel": subscription.channel,
        "when": subscription.in_words(),
    }
    return Entry(kind, actor, subscription.subject, body)


def _subject(environment: str) -> str:
    return f"digest/{environment}"
