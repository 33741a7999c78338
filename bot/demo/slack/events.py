"""The Events API: events go out in the background and are sent again when the app did not take them.

Source: api.slack.com, "The Events API", on retries: at once, after a minute, after five.
"""

import asyncio
from collections.abc import Sequence

from bot.demo.slack.delivery import DeliveryFailed, Envelope
from bot.demo.slack.errors import Json
from bot.demo.slack.outbound import Outbound
from bot.demo.slack.shapes import view_object
from bot.demo.slack.workspace import User

RETRY_SECONDS = (0.0, 60.0, 300.0)


class Events:
    """Sends the events that the manifest subscribes to."""

    def __init__(self, outbound: Outbound, *, retry_seconds: Sequence[float]) -> None:
        self._out = outbound
        self._retry_seconds = tuple(retry_seconds)
        self._tasks: set[asyncio.Task[None]] = set()

    def app_home_opened(self, user: User) -> None:
        """Tell the app that a person looks at its Home tab, if it subscribed to that."""
        live = self._out.live
        if "app_home_opened" not in live.manifest.bot_events:
            return
        event: Json = {
            "type": "app_home_opened",
            "user": user.id,
            "channel": live.direct_message(user.id).id,
            "event_ts": live.ids.ts(),
            "tab": "home",
        }
        home = live.modals.home(user.id)
        if home is not None:
            event["view"] = view_object(live, home)
        task = asyncio.get_running_loop().create_task(self._send(self._out.payloads.event(event)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def cancel(self) -> None:
        """Give up what still waits to be sent again."""
        for task in self._tasks:
            task.cancel()

    async def _send(self, payload: Json) -> None:
        reason = ""
        for number, delay in enumerate((0.0, *self._retry_seconds)):
            await asyncio.sleep(delay)
            try:
                await self._out.send(Envelope("events_api", payload, number, reason))
            except DeliveryFailed as failure:
                reason = failure.reason
            else:
                return
