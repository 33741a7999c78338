"""What a person does on the page: each handler takes the posted JSON and returns what to answer."""

from collections.abc import Awaitable, Callable

from bot.demo.slack.content import checked_message
from bot.demo.slack.errors import Json, SlackError
from bot.demo.slack.events import Events
from bot.demo.slack.interactions import Interactions, Pointed
from bot.demo.slack.live import LiveWorkspace
from bot.demo.slack.methods.chat import thread_of
from bot.demo.slack.modals import View
from bot.demo.slack.submissions import Submissions
from bot.demo.slack.workspace import User
from bot.demo.slack.writing import with_mentions

Handler = Callable[[Json], Awaitable[Json]]


class PagePosts:
    """The page's POST requests, by name."""

    def __init__(
        self,
        live: LiveWorkspace,
        *,
        interactions: Interactions,
        submissions: Submissions,
        events: Events,
    ) -> None:
        self._live = live
        self._interactions = interactions
        self._submissions = submissions
        self._events = events

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by the last part of their address."""
        return {
            "command": self.command,
            "message": self.message,
            "action": self.action,
            "options": self.options,
            "view/submit": self.submit,
            "view/close": self.close,
            "home": self.open_home,
        }

    def person(self, user_id: str) -> User:
        """Return somebody one can act as; raises SlackError user_not_found."""
        user = self._live.user(user_id)
        if user.deleted or user.is_bot:
            raise SlackError("user_not_found")
        return user

    async def command(self, body: Json) -> Json:
        """Send a slash command."""
        user = self._acting(body)
        channel = self._live.channel_of(_text(body, "channel"), user.id)
        in_thread = bool(_text(body, "thread_ts"))
        text = _text(body, "text")
        await self._interactions.command(user, channel=channel, text=text, in_thread=in_thread)
        return {}

    async def message(self, body: Json) -> Json:
        """Say something in a channel or thread."""
        user = self._acting(body)
        channel = self._live.channel_of(_text(body, "channel"), user.id)
        if channel.archived:
            raise SlackError("is_archived")
        text = with_mentions(self._live, _text(body, "text").strip(), labels=False)
        content = checked_message(text, None)
        thread_ts = thread_of(channel, _text(body, "thread_ts"))
        message = self._live.post(channel, content, author=user.id, thread_ts=thread_ts)
        return {"ts": message.ts}

    async def action(self, body: Json) -> Json:
        """Click or choose something."""
        user = self._acting(body)
        given = body.get("payload")
        payload = given if isinstance(given, dict) else {}
        await self._interactions.act(user, self._pointed(user, body), payload)
        return {}

    async def options(self, body: Json) -> Json:
        """Type into an external select."""
        user = self._acting(body)
        pointed = self._pointed(user, body)
        return await self._interactions.options(user, pointed, _text(body, "value"))

    async def submit(self, body: Json) -> Json:
        """Submit a modal."""
        user = self._acting(body)
        errors = await self._submissions.submit(user, self._modal(user, body), _values(body))
        return {"ok": False, "errors": errors} if errors else {}

    async def close(self, body: Json) -> Json:
        """Close a modal."""
        user = self._acting(body)
        await self._submissions.close(user, self._modal(user, body))
        return {}

    async def open_home(self, body: Json) -> Json:
        """Open the Home tab."""
        self._events.app_home_opened(self._acting(body))
        return {}

    def _acting(self, body: Json) -> User:
        return self.person(_text(body, "as"))

    def _pointed(self, user: User, body: Json) -> Pointed:
        block_id, action_id = _text(body, "block_id"), _text(body, "action_id")
        if _text(body, "view_id"):
            return Pointed(self._view(user, body), block_id, action_id, _values(body))
        channel = self._live.channel_of(_text(body, "channel"), user.id)
        message = channel.messages.get(_text(body, "message_ts"))
        if message is None or not message.seen_by(user.id):
            raise SlackError("message_not_found")
        return Pointed((channel, message), block_id, action_id, _values(body))

    def _view(self, user: User, body: Json) -> View:
        view = self._live.modals.get(_text(body, "view_id"))
        if view.user != user.id:
            raise SlackError("not_found")
        return view

    def _modal(self, user: User, body: Json) -> View:
        view = self._view(user, body)
        if view.kind != "modal":
            raise SlackError("not_found")
        return view


def _text(body: Json, name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) else ""


def _values(body: Json) -> Json:
    state = body.get("state")
    values = state.get("values") if isinstance(state, dict) else None
    return values if isinstance(values, dict) else {}
