"""The end of a modal: submitting it, what the app's answer does to the stack, closing it."""

from bot.demo.slack.blocks import missing_inputs
from bot.demo.slack.calls import Call
from bot.demo.slack.content import checked_view
from bot.demo.slack.delivery import DeliveryFailed, Envelope
from bot.demo.slack.errors import Json, SlackError
from bot.demo.slack.interactions import InteractionFailed
from bot.demo.slack.modals import View
from bot.demo.slack.outbound import Outbound
from bot.demo.slack.workspace import User


class Submissions:
    """Submits and closes modals."""

    def __init__(self, outbound: Outbound) -> None:
        self._out = outbound
        self._live = outbound.live

    async def submit(self, user: User, view: View, given: Json) -> dict[str, str]:
        """Submit a modal; returns block_id -> text where the app (or Slack) wants it corrected.

        Raises InteractionFailed when the app did not answer, or not with what Slack takes.
        """
        view.enter(given)
        errors = missing_inputs(view.blocks, view.values)
        if errors:
            return errors
        try:
            payload = self._out.payloads.submission(user, view)
            ack = await self._out.send(Envelope("interactive", payload))
        except DeliveryFailed as failure:
            raise InteractionFailed(failure.error, _TROUBLE) from None
        answer: Json = {"ok": True}
        try:
            return self._apply(view, ack)
        except SlackError as refusal:
            answer = refusal.body()
            raise InteractionFailed(refusal.error, _TROUBLE) from None
        finally:
            call = Call("ack view_submission", ack, answer, self._live.clock())
            self._out.calls.record(call)

    async def close(self, user: User, view: View) -> None:
        """Close a modal, all of them with clear_on_close, and tell an app that wants to know."""
        modals = self._live.modals
        if view.content.get("clear_on_close"):
            closing = list(modals.stack(user.id))[::-1]
            modals.clear(user.id)
        else:
            closing = [view]
            modals.close(view)
        for each in closing:
            if each.content.get("notify_on_close"):
                payload = self._out.payloads.closing(user, each, is_cleared=len(closing) > 1)
                await self._tell(Envelope("interactive", payload))

    async def _tell(self, envelope: Envelope) -> None:
        try:
            await self._out.send(envelope)
        except DeliveryFailed:
            return  # the modal is gone whatever the app says

    def _apply(self, view: View, ack: Json) -> dict[str, str]:
        modals = self._live.modals
        match ack.get("response_action"):
            case None:
                if ack:
                    raise SlackError("invalid_response")
                if view in modals.stack(view.user):
                    modals.close(view)
            case "clear":
                modals.clear(view.user)
            case "update":
                modals.update(view, checked_view(ack.get("view"), kind="modal"))
            case "push":
                modals.push(view.user, checked_view(ack.get("view"), kind="modal"))
            case "errors":
                return _checked_errors(view, ack.get("errors"))
            case _:
                raise SlackError("invalid_response")
        return {}


def _checked_errors(view: View, errors: object) -> dict[str, str]:
    inputs = {block["block_id"] for block in view.blocks if block["type"] == "input"}
    if not isinstance(errors, dict) or not errors or not set(errors) <= inputs:
        raise SlackError("invalid_response")
    return {block_id: str(text) for block_id, text in errors.items()}


_TROUBLE = "We had some trouble connecting. Try again?"
