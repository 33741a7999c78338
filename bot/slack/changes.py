"""Clicks and forms that change something: on disk before the ack, taken up once, answered to whoever clicked.

What a click says is ids only; everything else is looked up in the ledger again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog
from slack_bolt import Ack

from bot.chatops import acts, modals, submissions
from bot.chatops.command import AnyCommand, Wish
from bot.chatops.desk import Desk
from bot.chatops.reply import Card
from bot.core.errors import PatchbotError, StorageError
from bot.core.ledger import InboxItem, Ledger, Notice
from bot.core.plans import Plan
from bot.core.ports import Clock
from bot.core.requests import Request
from bot.services.intake import REFUSED, Intake, NotYet
from bot.services.people import PersonLookup
from bot.slack.answering import new_incident
from bot.slack.api import SlackApi
from bot.slack.digest_poster import DigestParts
from bot.slack.forms import Forms, Objection
from bot.slack.identity import Directory
from bot.slack.incoming import Json, Origin, Question, clicked_act, submitted
from bot.slack.loop import Loop
from bot.slack.people import teams_of
from bot.slack.pool import Pool
from bot.slack.telling import Teller

READING: Final = frozenset({"request.submit", "run.retry_failed"})
"""Items that AWS is read for. They have threads of their own: nobody's Stop waits a minute behind a reading."""

FIRST: Final = frozenset({"run.cancel", "request.cancel", "request.deny"})
"""Items that nobody's flood of other clicks keeps waiting."""
READERS: Final = 3
WAITING_EACH: Final = 50
"""How many clicks of one person may wait at a time."""

_log: Final = structlog.get_logger("bot.slack.changes")


@dataclass(frozen=True, slots=True)
class Parts:
    """What changes work with. `moved` is called when the ledger has moved: the worker and the noticeboard look.

    Without `digests` none is posted.
    """

    ledger: Ledger
    intake: Intake
    draw: Callable[[Notice], Card]
    must_type: Callable[[Request, Plan], bool]
    objection: Objection
    moved: Callable[[], None]
    clock: Clock
    digests: DigestParts | None = None


class Changes:
    """Takes what changes something from Bolt's listeners to the inbox, and from the inbox to its answer."""

    def __init__(
        self,
        parts: Parts,
        desk: Desk,
        *,
        api: SlackApi,
        directory: Directory,
        people: PersonLookup,
        opening: Pool,
        filling: Pool,
        telling: Pool,
        redraw: Callable[[], None],
    ) -> None:
        self._parts = parts
        self._desk = desk
        self._redraw = redraw
        self._teller = Teller(api, telling)
        self._forms = Forms(
            parts.ledger,
            desk,
            must_type=parts.must_type,
            objection=parts.objection,
            api=api,
            directory=directory,
            people=people,
            opening=opening,
            filling=filling,
            teller=self._teller,
            refused=self._keep_refusal,
        )
        self._deciding = Loop(lambda: self._take(reading=False), name="intake")
        self._asking = tuple(
            Loop(lambda: self._take(reading=True), name=f"intake-reading-{number}")
            for number in range(READERS)
        )
        self._begun: set[str] = set()
        self._beginning = threading.Lock()
        self._held: set[str] = set()

    def start(self) -> None:
        """Take up what was clicked before the last stop, and from now on what is clicked."""
        for loop in (self._deciding, *self._asking):
            loop.start()

    def stop(self, timeout: float = 5.0) -> None:
        """End after the items under way. What waits then is in the inbox for the next start."""
        for loop in (self._deciding, *self._asking):
            loop.stop(timeout)

    def form_of(self, question: Question) -> AnyCommand | None:
        """The command behind a typed question, where it answers with a form; None for all others."""
        return self._forms.form_of(question)

    def ask(self, ack: Ack, question: Question, trigger_id: str, command: AnyCommand) -> None:
        """`/patch install …`: open its form and ack."""
        self._forms.ask(question, trigger_id, command)
        ack()

    def wish_in(self, question: Question) -> Wish | None:
        """What a typed question wants changed; None for all others, mistaken ones too: the desk says what is wrong."""
        try:
            return self._desk.wish(question.text)
        except PatchbotError:
            return None

    def type(self, ack: Ack, question: Question, trigger_id: str, wish: Wish) -> None:
        """`/patch digest prod on`: into the inbox, then the ack."""
        kept = {**wish.body, "channel": question.origin.channel}
        key = f"typed/{trigger_id or new_incident() + new_incident()}"
        self._keep(ack, key, wish.kind, question.origin, kept)

    def click(self, ack: Ack, body: Json) -> None:
        """A button that changes something, or that asks first in a modal."""
        found = clicked_act(body)
        act = acts.act(found.action_id, found.value)
        if act is None or not found.trigger_id:
            text = (
                "That button is not one I know any more. Nothing was done; ask again for the card."
            )
            self._teller.tell(found.origin, text)
            ack()
        elif act.asks_first:
            self._forms.decide(act, found.origin, found.trigger_id)
            ack()
        else:
            kept = {**act.ids, "channel": found.origin.channel}
            self._keep(ack, f"click/{found.trigger_id}", act.kind, found.origin, kept)

    def submit(self, ack: Ack, body: Json) -> None:
        """A form was sent off: errors beside its fields, or into the inbox."""
        view, origin = submitted(body)
        try:
            told = self._read(view)
            key = _key_of(view)
        except PatchbotError as error:
            ack(response_action="update", view=modals.sorry("Not sent", error.message, error.hint))
            return
        except Exception as error:  # noqa: BLE001 - what is no form of ours may be anything, and is not sent
            incident = new_incident()
            _log.warning("form.unreadable", error_id=incident, exc_info=error)
            hint = f"Nothing was done. Ask again; your patchbot admin finds {incident} in the log."
            view = modals.sorry("Not sent", "That form was not complete.", hint)
            ack(response_action="update", view=view)
            return
        if told.errors:
            ack(response_action="errors", errors=dict(told.errors))
            return
        origin = Origin(origin.sender, channel=str(told.body.get("channel") or ""))
        self._keep(ack, key, told.kind, origin, told.body)

    def take_up(self) -> None:
        """Have what waits in the inbox taken up now."""
        for loop in (self._deciding, *self._asking):
            loop.wake()

    def _take(self, *, reading: bool) -> None:
        """Take up what waits, stops first, and answer whoever clicked. An item that fails holds up no other."""
        waiting = [one for one in self._parts.ledger.inbox() if (one.kind in READING) is reading]
        for item in sorted(waiting, key=lambda one: one.kind not in FIRST):
            if self._deciding.stopping:
                return
            if self._begin(item):
                try:
                    self._take_one(item)
                finally:
                    self._begun.discard(item.key)

    def _begin(self, item: InboxItem) -> bool:
        """Whether no other thread is at it."""
        with self._beginning:
            if item.key in self._begun:
                return False
            self._begun.add(item.key)
            return True

    def _take_one(self, item: InboxItem) -> None:
        try:
            reply = self._parts.intake.take(item)
        except NotYet as error:
            self._hold(
                item, f"I have to wait until Slack can say who you are; your click counts. {error}"
            )
            return
        except StorageError as error:
            self._hold(item, f"It waits, and is done as soon as it can be: {error}")
            return
        except Exception as error:  # noqa: BLE001 - told and logged; the items behind it are not to wait for it
            incident = new_incident()
            _log.error("intake.failed", error_id=incident, key=item.key, exc_info=error)
            reply = self._parts.intake.give_up(item, incident)
        self._held.discard(item.key)
        self._parts.moved()
        self._redraw()
        if reply is not None:
            origin = _sender(item, reply.channel)
            self._teller.tell(origin, reply.text, lambda: self._parts.intake.told(item))

    def _hold(self, item: InboxItem, text: str) -> None:
        """Tell once why an item waits."""
        if item.key not in self._held:
            self._held.add(item.key)
            _log.error("intake.held", key=item.key, reason=text)
            self._teller.tell(_sender(item, str(item.body.get("channel") or "")), text)

    def _keep(self, ack: Ack, key: str, kind: str, origin: Origin, body: Mapping[str, Any]) -> None:
        """On disk first, then the ack. Where it cannot be stored there is no ack, and Slack says that it failed."""
        if self._has_enough(origin):
            text = f"{WAITING_EACH} clicks of yours wait to be done. That one was not done; try again when they are."
            self._teller.tell(origin, text)
            ack()
            return
        try:
            self._put(key, kind, origin, body)
        except Exception as error:  # noqa: BLE001 - an ack would say that it is done
            incident = new_incident()
            _log.error("click.unkept", error_id=incident, key=key, exc_info=error)
            why = str(error) if isinstance(error, StorageError) else f"Error id {incident}."
            self._teller.tell(origin, f"That was not done, for I could not store it. {why}")
            return
        ack()
        self.take_up()

    def _has_enough(self, origin: Origin) -> bool:
        """Nobody fills the inbox for the others."""
        person = origin.sender.user_id
        mine = sum(one.person == person for one in self._parts.ledger.inbox())
        return mine >= WAITING_EACH

    def _keep_refusal(
        self, tried: str, ids: Mapping[str, Any], reason: str, origin: Origin
    ) -> None:
        """Somebody may not even see a form; they have read why, and the intake audits it."""
        key = f"form/{new_incident()}{new_incident()}"
        self._put(key, REFUSED, origin, {**ids, "tried": tried, "reason": reason.rstrip(".")})
        self.take_up()

    def _put(self, key: str, kind: str, origin: Origin, body: Mapping[str, Any]) -> None:
        sender, now = origin.sender, self._parts.clock()
        item = InboxItem(key, kind, sender.user_id, teams_of(sender), dict(body), now)
        self._parts.ledger.put_inbox(item)

    def _read(self, view: Mapping[str, Any]) -> submissions.Submitted:
        if view.get("callback_id") == modals.REQUEST:
            return submissions.read_request(view, self._parts.clock())
        told = submissions.read_decision(view)
        _, plan = self._forms.plan(str(told.body.get("request", "")))
        return submissions.read_decision(view, nodes=len(plan.nodes))


def _key_of(view: Mapping[str, Any]) -> str:
    """By which a form that was sent off is known again. Raises KeyError or ValueError where Slack's ids are missing."""
    ids = (view["id"], view["hash"])
    if not all(isinstance(one, str) and one for one in ids):
        raise ValueError("the view has no id")
    return f"view/{ids[0]}/{ids[1]}"


def _sender(item: InboxItem, channel: str) -> Origin:
    return Origin.for_person(item.person, tuple(item.team.split()), channel)
