"""What people do, carried to the app: commands, clicks, typing in selects, the Home tab."""

from dataclasses import dataclass

from bot.demo.slack.actions import action_of
from bot.demo.slack.answers import say
from bot.demo.slack.blocks import find_element, state_values
from bot.demo.slack.calls import Call
from bot.demo.slack.conversations import Conversation, Message
from bot.demo.slack.delivery import DeliveryFailed, Envelope
from bot.demo.slack.errors import Json, SlackError
from bot.demo.slack.modals import View
from bot.demo.slack.outbound import Outbound
from bot.demo.slack.workspace import User
from bot.demo.slack.writing import with_mentions

MOST_OPTIONS = 100


class InteractionFailed(Exception):
    """The person sees that it did not work: Slack's error name and the line to show."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(message)
        self.error = error
        self.message = message


@dataclass(frozen=True, slots=True)
class Pointed:
    """The element a person acts on: where it is, its ids, and the state of the inputs around it."""

    place: tuple[Conversation, Message] | View
    block_id: str
    action_id: str
    values: Json

    @property
    def element(self) -> Json:
        """The element; raises SlackError action_not_found."""
        blocks = self.place.blocks if isinstance(self.place, View) else self.place[1].blocks
        found = find_element(blocks or [], self.block_id, self.action_id)
        if found is None:
            raise SlackError("action_not_found")
        return found


class Interactions:
    """Carries commands, clicks and queries to the app and does what its ack says."""

    def __init__(self, outbound: Outbound) -> None:
        self._out = outbound
        self._live = outbound.live

    async def command(
        self, user: User, *, channel: Conversation, text: str, in_thread: bool
    ) -> None:
        """Send a slash command as typed, e.g. `/patch status prod`; raises InteractionFailed."""
        name, _, rest = text.strip().partition(" ")
        command = self._live.manifest.command(name)
        # People of another team cannot use the commands of this team's apps.
        if command is None or self._live.is_stranger(user):
            raise InteractionFailed("unknown_command", _unknown(name))
        if in_thread:
            line = f"{name} is not supported in threads. Sorry!"
            raise InteractionFailed("not_supported_in_thread", line)
        rest = rest.strip()
        if command.should_escape:
            rest = with_mentions(self._live, rest, labels=True)
        payload = self._out.payloads.command(user, channel=channel, command=command, text=rest)
        try:
            ack = await self._out.send(Envelope("slash_commands", payload))
            if ack.get("text") or ack.get("blocks"):
                self._say(channel, user, ack)
        except (DeliveryFailed, SlackError) as failure:
            line = f'{name} failed with the error "{failure.error}"'
            raise InteractionFailed(failure.error, line) from None

    async def act(self, user: User, pointed: Pointed, given: Json) -> None:
        """Send a click or choice; raises InteractionFailed, and SlackError for what is not there."""
        live = self._live
        element, place = pointed.element, pointed.place
        action = action_of(element, block_id=pointed.block_id, given=given, action_ts=live.ids.ts())
        if isinstance(place, View):
            place.enter(pointed.values)
            payload = self._out.payloads.view_action(user, view=place, action=action)
        else:
            channel, message = place
            payload = self._out.payloads.message_action(
                user,
                channel=channel,
                message=message,
                action=action,
                values=state_values(message.blocks or [], pointed.values),
            )
        try:
            await self._out.send(Envelope("interactive", payload))
        except DeliveryFailed as failure:
            raise InteractionFailed(failure.error, _did_not_work(failure.error)) from None

    async def options(self, user: User, pointed: Pointed, typed: str) -> Json:
        """Ask the app for the options of an external select: `options` or `option_groups`."""
        element = pointed.element
        if element["type"] not in ("external_select", "multi_external_select"):
            raise SlackError("action_not_found")
        if len(typed) < element.get("min_query_length", 3):
            return {"options": []}
        query = {"action_id": pointed.action_id, "block_id": pointed.block_id, "value": typed}
        payload = self._out.payloads.suggestion(user, place=pointed.place, query=query)
        try:
            ack = await self._out.send(Envelope("interactive", payload))
        except DeliveryFailed as failure:
            raise InteractionFailed(failure.error, _did_not_work(failure.error)) from None
        return _checked_options(ack)

    def _say(self, channel: Conversation, user: User, ack: Json) -> None:
        answer: Json = {"ok": True}
        try:
            say(self._live, channel, person=user.id, body=ack)
        except SlackError as refusal:
            answer = refusal.body()
            raise
        finally:
            self._out.calls.record(Call("ack slash_commands", ack, answer, self._live.clock()))


def _checked_options(ack: Json) -> Json:
    for name in ("options", "option_groups"):
        found = ack.get(name)
        if isinstance(found, list):
            count = sum(len(each.get("options", ())) for each in found) if "group" in name else 0
            if max(len(found), count) > MOST_OPTIONS:
                raise InteractionFailed("invalid_options", _did_not_work("invalid_options"))
            return {name: found}
    raise InteractionFailed("invalid_options", _did_not_work("invalid_options"))


def _unknown(name: str) -> str:
    return (
        f"{name} is not a valid command. In Slack, all messages that start with the “/” character "
        "are interpreted as commands. If you are trying to send a message and not run a command, "
        "try preceding the “/” with an empty space."
    )


def _did_not_work(error: str) -> str:
    return f"That did not work ({error}). Try again."
