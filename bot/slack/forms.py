"""Opens modals: at once with a placeholder, because a trigger is good for three seconds, and filled afterwards.

Opening has threads of its own, so that nobody's trigger expires behind somebody else's reading of AWS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn

import structlog

from bot.chatops import inert, modals
from bot.chatops.acts import Act, Verb
from bot.chatops.blocks import Element
from bot.chatops.command import AnyCommand
from bot.chatops.context import Surface
from bot.chatops.desk import Desk
from bot.core.errors import NotAllowed, NotFound, PatchbotError, SlackError
from bot.core.identity import Person, Role
from bot.core.ledger import Ledger
from bot.core.plans import Plan
from bot.core.requests import Request
from bot.services.people import PersonLookup
from bot.slack.answering import new_incident
from bot.slack.api import SlackApi
from bot.slack.identity import Directory
from bot.slack.incoming import Origin, Question
from bot.slack.people import teams_of
from bot.slack.pool import Pool
from bot.slack.telling import Teller

MustType = Callable[[Request, Plan], bool]
Refused = Callable[[str, Mapping[str, Any], str, Origin], None]
"""Told what was tried, the ids it was about, the reason, and who tried."""
Objection = Callable[[str, Request, Plan, Person], str]
"""Why a person may not decide that about a request, as far as it can be told before; empty where they may."""

_CLOSED: Final = "not_found"
_REPLAYED: Final = "exchanged_trigger_id"
_BUSY: Final = "I have my hands full right now, so no form was opened. Nothing was done; try again in a minute."
_TITLES: Final[Mapping[Verb, str]] = {
    Verb.APPROVE: "Approve",
    Verb.DENY: "Deny",
    Verb.BREAK_GLASS: "Break glass",
    Verb.REVIEW: "Review",
}
_log: Final = structlog.get_logger("bot.slack.forms")


class Forms:
    """The modals of requests and decisions. `refused` hears of whoever may not even look at one."""

    def __init__(
        self,
        ledger: Ledger,
        desk: Desk,
        *,
        must_type: MustType,
        objection: Objection,
        api: SlackApi,
        directory: Directory,
        people: PersonLookup,
        opening: Pool,
        filling: Pool,
        teller: Teller,
        refused: Refused,
    ) -> None:
        self._ledger = ledger
        self._desk = desk
        self._must_type = must_type
        self._objection = objection
        self._api = api
        self._directory = directory
        self._people = people
        self._opening = opening
        self._filling = filling
        self._teller = teller
        self._refused = refused

    def form_of(self, question: Question) -> AnyCommand | None:
        """The command behind a typed question, where it answers with a form; None for all others."""
        try:
            command, _ = self._desk.understand(question.text)
        except PatchbotError:
            return None
        return command if command.modal is not None else None

    def ask(self, question: Question, trigger_id: str, command: AnyCommand) -> None:
        """The form of a command, filled from AWS."""
        title = command.name.capitalize()
        self._open(title, question.origin, trigger_id, lambda: self._request(question))

    def decide(self, act: Act, origin: Origin, trigger_id: str) -> None:
        """The form of a decision, filled from the ledger."""
        title = _TITLES[act.verb]
        self._open(title, origin, trigger_id, lambda: self._decision(act, origin))

    def plan(self, request_id: str) -> tuple[Request, Plan]:
        """A request with its sealed plan. Raises NotFound."""
        request = self._ledger.request(request_id)
        plan = self._ledger.plan(request.digest) if request is not None else None
        if request is None or plan is None:
            raise NotFound(
                f"There is no request {request_id}.", hint="`/patch approvals` lists them."
            )
        return request, plan

    def _open(
        self, title: str, origin: Origin, trigger_id: str, draw: Callable[[], Element]
    ) -> None:
        def work() -> None:
            view_id = self._api.open_view(trigger_id, modals.loading(title))
            taken = self._filling.submit(
                lambda: self._fill(title, origin, view_id, draw),
                _unfilled,
                owner=origin.sender.user_id,
            )
            if not taken:
                self._api.fill_view(view_id, modals.sorry(title, _BUSY))

        person = origin.sender.user_id
        taken = self._opening.submit(work, lambda e: self._not_opened(origin, e), owner=person)
        if not taken:
            self._teller.tell(origin, _BUSY)

    def _fill(self, title: str, origin: Origin, view_id: str, draw: Callable[[], Element]) -> None:
        try:
            view = modals.placed(draw(), origin.channel)
        except PatchbotError as error:
            view = modals.sorry(title, error.message, error.hint)
        except Exception as error:  # noqa: BLE001 - whoever looks at the placeholder is told, too
            incident = new_incident()
            _log.error("form.failed", error_id=incident, form=title, exc_info=error)
            text = "Something went wrong on my side. Nothing was done."
            view = modals.sorry(title, text, f"Tell your patchbot admin the error id {incident}.")
        try:
            self._api.fill_view(view_id, view)
        except SlackError as error:
            _log.warning("form.unfilled", user=origin.sender.user_id, reason=error.code)
            if error.code != _CLOSED:
                self._teller.tell(origin, f"I could not fill the form: {error.message} Try again.")

    def _request(self, question: Question) -> Element:
        person = self._directory.identify(question.origin.sender).person
        try:
            view = self._desk.answer(question.text, person, surface=Surface.SLACK).modal()
        except NotAllowed as error:
            self._refused(inert.log(question.text[:200]), {}, error.message, question.origin)
            raise
        if view is None:
            raise NotFound("That has no form any more.")
        return view

    def _decision(self, act: Act, origin: Origin) -> Element:
        person = self._admit(act, origin)
        request, plan = self.plan(str(act.ids["request"]))
        if reason := self._objection(act.kind, request, plan, person):
            self._refuse(act, reason, origin)
        typed = self._must_type(request, plan)
        match act.verb:
            case Verb.APPROVE:
                return modals.approve_modal(request, plan, typed=typed)
            case Verb.DENY:
                return modals.deny_modal(request, plan)
            case Verb.BREAK_GLASS:
                return modals.break_glass_modal(request, plan, typed=typed)
            case _:
                return modals.review_modal(request, plan)

    def _admit(self, act: Act, origin: Origin) -> Person:
        """A plan names nodes and what they lack: guests, bots and other companies see none. Raises NotAllowed."""
        sender = origin.sender
        person = self._people.look_up(sender.user_id, team=teams_of(sender))
        reason = self._desk.access.decide(person, Role.VIEWER).reason
        if not reason and origin.channel and self._people.is_shared_outside(origin.channel):
            reason = "people of other companies are in this channel, so nothing is decided here"
        if reason:
            self._refuse(act, reason, origin)
        return person

    def _refuse(self, act: Act, reason: str, origin: Origin) -> NoReturn:
        """Have the refusal audited, and say it in place of the form. Raises NotAllowed."""
        self._refused(act.kind, act.ids, reason, origin)
        raise NotAllowed(f"That was not done: {reason}.")

    def _not_opened(self, origin: Origin, error: BaseException | None) -> None:
        person = origin.sender.user_id
        code = error.code if isinstance(error, SlackError) else type(error).__name__
        _log.warning("form.unopened", user=person, reason=code)
        if code != _REPLAYED:
            why = "in time" if code == "expired_trigger_id" else f"({code})"
            self._teller.tell(
                origin, f"I could not open the form {why}. Nothing was done; try again."
            )


def _unfilled(error: BaseException | None) -> None:
    _log.warning("form.unfilled", reason=type(error).__name__)
