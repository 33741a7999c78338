"""From a queue's messages to alerts in the channel of the environment: taken durably, gathered, told once.

What was told stands in the audit log as `alert.raised` and `alert.grew`; cards are drawn from there, and whether
something was told already is looked up there. So an alert is raised once, wherever the process was killed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from bot.core import alerts
from bot.core.alerts import AlertKind, CommandFact, Facts, Owner, Sign, Step
from bot.core.audit import Entry
from bot.core.errors import PatchbotError
from bot.core.events import Event, Ignored, Malformed, parse
from bot.core.ledger import Ledger
from bot.core.nodes import NodeKey
from bot.core.ports import Clock, EventStore, Message
from bot.core.rules import ChangeRules
from bot.core.running import BOT
from bot.services import noticing
from bot.services.alert_log import GREW, RAISED, told_alerts
from bot.services.compliance import Compliance
from bot.services.places import Places

POISON: Final = 5
"""A message that came so often and is still there cannot be taken: it is left to the dead-letter queue."""
LOST_AFTER: Final = timedelta(hours=1)
"""A node that no reading knows by then is of no environment."""
READ_AGAIN: Final = timedelta(minutes=5)

Count = Callable[[str, str], None]
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """How alerts are kept from being noise."""

    gather: timedelta = timedelta(minutes=5)
    cool_down: timedelta = timedelta(hours=6)
    settle: timedelta = timedelta(minutes=3)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of the facts, and what it means where. It is done with when all of its signs were told."""

    facts: Facts
    signs: tuple[Sign, ...] = ()


class Alerting:
    """Takes messages and raises alerts. `take` may be called from several threads, `tick` from one.

    `count` hears of each message and alert: a word for what it was and one for what became of it.
    """

    def __init__(
        self,
        ledger: Ledger,
        store: EventStore,
        compliance: Compliance,
        *,
        rules: Mapping[str, ChangeRules],
        clock: Clock,
        pace: Pace | None = None,
        count: Count = lambda _what, _outcome: None,
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._compliance = compliance
        self._rules = dict(rules)
        self._clock = clock
        self._pace = pace or Pace()
        self._count = count
        self._read_at: dict[str, datetime] = {}

    def take(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        """Put what they say on disk. Returns those that are done with; the others are left in the queue.

        Raises StorageError when nothing could be stored: then none is done with.
        """
        done: list[Message] = []
        events: list[tuple[Message, Event]] = []
        for message in messages:
            found = parse(message.body, self._clock())
            if isinstance(found, Malformed):
                self._leave(message, found.reason)
            elif isinstance(found, Ignored):
                self._count("event", "ignored")
                done.append(message)
            else:
                events.append((message, found))
        return (*done, *self._keep(events))

    def _keep(self, events: Sequence[tuple[Message, Event]]) -> Iterator[Message]:
        """All at once; where that fails for a reason of ours, each by itself: one does not hold up the others."""
        if not events:
            return
        try:
            self._store_all([event for _, event in events])
        except PatchbotError:
            raise
        except Exception as error:  # noqa: BLE001 - a message that breaks us is left to the dead letters
            if len(events) == 1:
                self._leave(events[0][0], f"{type(error).__name__}: {error}")
                return
            for one in events:
                yield from self._keep([one])
            return
        yield from (message for message, _ in events)

    def _store_all(self, events: Sequence[Event]) -> None:
        new = self._store.take(events, self._clock())
        for number in range(len(events)):
            self._count("event", "taken" if number < new else "repeated")

    def _leave(self, message: Message, reason: str) -> None:
        poison = message.receives >= POISON
        self._count("event", "poison" if poison else "malformed")
        tell = _log.error if poison else _log.warning
        told = "is left to the dead-letter queue" if poison else "could not be taken"
        tell("message %s %s (received %d times): %s", message.id, told, message.receives, reason)

    def tick(self) -> bool:
        """Tell what is to be told now. True when anything was. Raises StorageError."""
        facts, now = self._store.facts(), self._clock()
        if not (facts.nodes or facts.commands or facts.windows):
            return False
        self._read_where_needed(facts, now)
        places = Places(self._compliance)
        pieces = [*self._of_nodes(facts, places), *self._of_commands(facts, places)]
        pieces += self._of_windows(facts, places)
        signs = [sign for piece in pieces for sign in piece.signs]
        known = told_alerts(self._ledger) if signs else ()
        steps, old = alerts.plan(
            signs, known, now, gather=self._pace.gather, cool_down=self._pace.cool_down
        )
        for step in steps:
            self._tell(step)
        told = {*old, *(sign for step in steps for sign in step.signs)}
        done = [piece.facts for piece in pieces if told.issuperset(piece.signs)]
        if done:
            self._store.told(_together(done))
        return bool(steps)

    def _tell(self, step: Step) -> None:
        """In one transaction: the entries that hold the alert, and the card that shows it."""
        first = step.signs[0]
        with self._ledger.change() as change:
            alert_id = step.grows or change.next_id("A")
            kind = GREW if step.grows else RAISED
            for body in alerts.bodies(step.signs):
                change.audit(Entry(kind, BOT, f"alert/{alert_id}", body))
                kind = GREW
            noticing.show(change, noticing.about_alert(alert_id, self._rules[first.environment]))
        self._count(first.kind.value, "grew" if step.grows else "raised")

    def _of_nodes(self, facts: Facts, places: Places) -> Iterator[_Piece]:
        for fact in facts.nodes:
            piece = Facts(nodes=(fact,))
            found = places.of(fact.node)
            if not found:
                if fact.heard_at is None or self._is_lost(fact.node, fact.heard_at, places):
                    self._count(AlertKind.NON_COMPLIANT.value, "elsewhere")
                    yield _Piece(piece)
                continue
            if (at := fact.news_at) is not None and places.is_compliant_since(fact.node, at):
                self._count(AlertKind.NON_COMPLIANT.value, "over")
                yield _Piece(piece)
                continue
            signs = (
                alerts.of_node(fact, environment, name=name)
                for environment, name in found
                if self._wants(environment, AlertKind.NON_COMPLIANT)
            )
            yield _Piece(piece, tuple(sign for sign in signs if sign is not None))

    def _of_commands(self, facts: Facts, places: Places) -> Iterator[_Piece]:
        for fact in facts.commands:
            whose = alerts.owner(
                fact,
                self._ledger.sends_of(fact.command_id),
                now=self._clock(),
                settle=self._pace.settle,
            )
            if whose is Owner.OURS:
                yield _Piece(Facts(commands=(fact,)))
            elif whose is Owner.SOMEBODY_ELSE:
                for node, at in (fact.nodes or {}).items():
                    yield from self._of_one_node(replace(fact, nodes={node: at}), node, at, places)

    def _of_one_node(
        self, fact: CommandFact, node: NodeKey, at: datetime, places: Places
    ) -> Iterator[_Piece]:
        found = places.of(node)
        if found or self._is_lost(node, fact.heard_at, places):
            if not found:
                self._count(AlertKind.INSTALL.value, "elsewhere")
            signs = tuple(
                alerts.of_command(fact, node, at, environment, name=name)
                for environment, name in found
                if self._wants(environment, AlertKind.INSTALL)
            )
            yield _Piece(Facts(commands=(fact,)), signs)

    def _of_windows(self, facts: Facts, places: Places) -> Iterator[_Piece]:
        """A window belongs to an account and Region; of the environments there each channel is told once."""
        for fact in facts.windows:
            channels: dict[str, str] = {}
            for environment in places.at(fact.account, fact.region):
                if self._wants(environment, AlertKind.WINDOW):
                    channels.setdefault(self._rules[environment].channel, environment)
            if not channels and not self._all_read() and not self._is_old(fact.heard_at):
                continue
            if not channels:
                self._count(AlertKind.WINDOW.value, "elsewhere")
            signs = tuple(alerts.of_window(fact, each) for each in channels.values())
            yield _Piece(Facts(windows=(fact,)), signs)

    def _wants(self, environment: str, kind: AlertKind) -> bool:
        rules = self._rules.get(environment)
        return rules is not None and bool(rules.channel) and kind in rules.alerts

    def _is_lost(self, node: NodeKey, heard_at: datetime, places: Places) -> bool:
        """Whether no reading since then knows the node, and none will: it is of no environment."""
        near = places.near(node)
        fresh = all(each.as_of >= heard_at and not each.gaps for each in near)
        return (fresh and self._all_read()) or self._is_old(heard_at)

    def _is_old(self, heard_at: datetime) -> bool:
        return self._clock() - heard_at > LOST_AFTER

    def _all_read(self) -> bool:
        return all(self._compliance.last(name) for name in self._compliance.environments)

    def _read_where_needed(self, facts: Facts, now: datetime) -> None:
        """Read the environments anew in which something is about to be told, each once in a while.

        Then `status` agrees with the alert, and nodes that are new are known. Where AWS cannot be read, the last
        reading has to do.
        """
        ripe = {
            place
            for place, heard_at in _heard(facts)
            if heard_at is not None and now - heard_at >= self._pace.gather
        }
        for name in self._compliance.environments:
            targets = self._compliance.environment(name).targets
            concerned = any(
                region == target.region and target.account.id in {"", account}
                for account, region in ripe
                for target in targets
            )
            before = self._read_at.get(name)
            if concerned and (before is None or now - before >= READ_AGAIN):
                self._read_at[name] = now
                try:
                    self._compliance.read(name, refresh=True)
                except PatchbotError as error:
                    _log.warning("%s was not read after events: %s", name, error)


def _together(parts: Sequence[Facts]) -> Facts:
    return Facts(
        tuple(one for part in parts for one in part.nodes),
        tuple(one for part in parts for one in part.commands),
        tuple(one for part in parts for one in part.windows),
    )


def _heard(facts: Facts) -> Iterator[tuple[tuple[str, str], datetime | None]]:
    """Account and Region of everything, and when it was heard."""
    for one in facts.nodes:
        yield (one.node.account, one.node.region), one.heard_at
    for command in facts.commands:
        yield (command.account, command.region), command.heard_at
    for window in facts.windows:
        yield (window.account, window.region), window.heard_at
