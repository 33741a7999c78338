"""Clicks and forms that change something: on disk before the ack, taken up once, answered to whoever clicked.

What a click says is ids only. Modals are opened at once with a placeholder, because a trigger is good for three
seconds, and filled from the ledger or from AWS afterwards.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from slack_bolt import Ack

from bot.chatops import acts, modals, submissions
from bot.chatops.acts import Act, Verb
from bot.chatops.command import AnyCommand
from bot.chatops.context import Surface
from bot.chatops.desk import Desk
from bot.chatops.reply import Card
from bot.core.errors import NotAllowed, NotFound, PatchbotError, SlackError, StorageError
from bot.core.ledger import InboxItem, Ledger, Notice
from bot.core.plans import Plan
from bot.core.ports import Clock
from bot.core.requests import Request
from bot.services.intake import Intake, Reply
from bot.slack.api import SlackApi
from bot.slack.identity import Directory
from bot.slack.incoming import Json, Origin, Question, clicked_act, submitted
from bot.slack.messages import message, says
from bot.slack.pool import Pool

_log = logging.getLogger(__name__)
_TITLES: Final[Mapping[Verb, str]] = {
    Verb.APPROVE: "Approve",
    Verb.DENY: "Deny",
    Verb.BREAK_GLASS: "Break glass",
    Verb.REVIEW: "Review",
}


@dataclass(frozen=True, slots=True)
class Parts:
    """What changes work with. `moved` is called when the ledger has moved: the worker and the noticeboard look."""

    ledger: Ledger
    intake: Intake
    draw: Callable[[Notice], Card]
    must_type: Callable[[Request, Plan], bool]
    moved: Callable[[], None]
    clock: Clock


class Changes:
    """Takes what changes something from Bolt's listeners to the inbox, and from the inbox to its answer."""

    def __init__(
        self,
        parts: Parts,
        desk: Desk,
        *,
        api: SlackApi,
        directory: Directory,
        forms: Pool,
        intake: Pool,
        redraw: Callable[[], None],
    ) -> None:
        self._parts = parts
        self._desk = desk
        self._api = api
        self._directory = directory
        self._forms = forms
        self._intake = intake
        self._redraw = redraw

    def form_of(self, question: Question) -> AnyCommand | None:
        """The command behind a typed question, where it answers with a form; None for all others."""
        try:
            command, _ = self._desk.understand(question.text)
        except PatchbotError:
            return None
        return command if command.modal is not None else None

    def ask(self, ack: Ack, question: Question, trigger_id: str, command: AnyCommand) -> None:
        """`/patch install …`: open its form and ack."""
        person = question.origin.sender.user_id
        taken = self._forms.submit(
            lambda: self._open_request(question, trigger_id, command),
            lambda error: self._not_opened(question.origin, error),
            owner=person,
        )
        ack() if taken else ack(text="Too much at once. Try again in a moment.")

    def click(self, ack: Ack, body: Json) -> None:
        """A button that changes something, or that asks first in a modal."""
        found = clicked_act(body)
        act = acts.act(found.action_id, found.value)
        if act is None:
            self._forms.submit(
                lambda: self._tell(
                    found.origin, "That button is not one I know any more. Ask again."
                ),
                lambda _error: None,
            )
            ack()
        elif act.asks_first:
            self._forms.submit(
                lambda: self._open_decision(act, found.origin, found.trigger_id),
                lambda error: self._not_opened(found.origin, error),
                owner=found.origin.sender.user_id,
            )
            ack()
        else:
            body_kept = {**act.ids, "channel": found.origin.channel}
            self._keep(ack, f"click/{found.trigger_id}", act.kind, found.origin, body_kept)

    def submit(self, ack: Ack, body: Json) -> None:
        """A form was sent off: errors beside its fields, or into the inbox."""
        view, origin = submitted(body)
        try:
            told = self._read(view)
        except (KeyError, TypeError, ValueError) as error:
            _log.warning("A form cannot be read: %r", error)
            ack(
                response_action="update",
                view=modals.sorry("Not sent", "That form was not complete.", "Ask again."),
            )
            return
        if told.errors:
            ack(response_action="errors", errors=dict(told.errors))
            return
        origin = Origin(origin.sender, channel=str(told.body.get("channel") or ""))
        self._keep(ack, f"view/{view.get('id')}/{view.get('hash')}", told.kind, origin, told.body)

    def take_all(self) -> None:
        """Take up everything that waits in the inbox, and answer whoever clicked."""
        for item in self._parts.ledger.inbox():
            reply = self._parts.intake.take(item)
            self._parts.moved()
            self._redraw()
            if reply is not None:
                self._answer(item, reply)

    def take_up(self) -> None:
        """Have `take_all` done soon, by the one thread that does it."""
        self._intake.submit(self.take_all, _not_taken)

    def _keep(self, ack: Ack, key: str, kind: str, origin: Origin, body: Mapping[str, Any]) -> None:
        """On disk first, then the ack. Where it cannot be stored there is no ack, and Slack says that it failed."""
        team = origin.sender.teams[0] if origin.sender.teams else ""
        item = InboxItem(key, kind, origin.sender.user_id, team, dict(body), self._parts.clock())
        try:
            self._parts.ledger.put_inbox(item)
        except StorageError as error:
            _log.error("A click could not be stored: %s", error)
            text = f"That was not done: {error}"
            self._forms.submit(lambda: self._tell(origin, text), lambda _error: None)
            return
        ack()
        self.take_up()

    def _read(self, view: Mapping[str, Any]) -> submissions.Submitted:
        if view.get("callback_id") == modals.REQUEST:
            return submissions.read_request(view, self._parts.clock())
        told = submissions.read_decision(view)
        plan = (
            self._plan(str(told.body.get("request", "")))[1] if told.body.get("request") else None
        )
        return submissions.read_decision(view, nodes=len(plan.nodes) if plan else None)

    def _open_request(self, question: Question, trigger_id: str, command: AnyCommand) -> None:
        view_id = self._api.open_view(trigger_id, modals.loading(command.name.capitalize()))
        try:
            person = self._directory.identify(question.origin.sender).person
            answer = self._desk.answer(question.text, person, surface=Surface.SLACK)
            assert command.modal is not None  # noqa: S101 - form_of saw to it
            view = modals.placed(
                command.modal(answer.report, answer.context), question.origin.channel
            )
        except PatchbotError as error:
            view = modals.sorry(command.name.capitalize(), error.message, error.hint)
        self._api.fill_view(view_id, view)

    def _open_decision(self, act: Act, origin: Origin, trigger_id: str) -> None:
        view_id = self._api.open_view(trigger_id, modals.loading(_TITLES[act.verb]))
        try:
            request, plan = self._plan(str(act.ids["request"]))
            view = modals.placed(self._decision(act.verb, request, plan), origin.channel)
        except PatchbotError as error:
            view = modals.sorry(_TITLES[act.verb], error.message, error.hint)
        self._api.fill_view(view_id, view)

    def _decision(self, verb: Verb, request: Request, plan: Plan) -> Any:
        if not request.is_open and verb is not Verb.REVIEW:
            raise NotAllowed(f"{request.id} is {request.state.value} already.")
        typed = self._parts.must_type(request, plan)
        match verb:
            case Verb.APPROVE:
                return modals.approve_modal(request, plan, typed=typed)
            case Verb.DENY:
                return modals.deny_modal(request, plan)
            case Verb.BREAK_GLASS:
                return modals.break_glass_modal(request, plan, typed=typed)
            case _:
                return modals.review_modal(request, plan)

    def _plan(self, request_id: str) -> tuple[Request, Plan]:
        request = self._parts.ledger.request(request_id)
        plan = self._parts.ledger.plan(request.digest) if request is not None else None
        if request is None or plan is None:
            raise NotFound(
                f"There is no request {request_id}.", hint="`/patch approvals` lists them."
            )
        return request, plan

    def _answer(self, item: InboxItem, reply: Reply) -> None:
        team = (item.team,) if item.team else ()
        sender = Origin.for_person(item.person, team, reply.channel)
        try:
            self._tell(sender, reply.text)
        except SlackError as error:
            _log.warning("An answer could not be brought to %s: %s", item.person, error.code)

    def _tell(self, origin: Origin, text: str) -> None:
        """To the person only: in the channel where they clicked, else as a direct message."""
        body = message(says(text)).body()
        user_id = origin.sender.user_id
        if origin.channel and not origin.channel.startswith("D"):
            try:
                self._api.post_privately(origin.channel, user_id, body)
            except SlackError as error:
                _log.info("A private answer goes by direct message: %s", error.code)
            else:
                return
        self._api.post(self._api.open_direct_message(user_id), body)

    def _not_opened(self, origin: Origin, error: BaseException | None) -> None:
        _log.warning("A form could not be opened: %r", error)
        self._forms.submit(
            lambda: self._tell(origin, "I could not open the form in time. Try again."),
            lambda _error: None,
        )


def _not_taken(error: BaseException | None) -> None:
    _log.error("The inbox could not be taken up: %r", error)
