"""The page's side over HTTP: what a person sees and does, under the page's contract.

Refusals of a GET are HTTP 404, those of a POST HTTP 200 with `ok: false`, `error` and `message`.
"""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    JSONResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from bot.demo.slack.errors import Json, SlackError
from bot.demo.slack.feed import events_or_pings
from bot.demo.slack.interactions import InteractionFailed
from bot.demo.slack.live import LiveWorkspace
from bot.demo.slack.modals import page_view
from bot.demo.slack.page_posts import PagePosts
from bot.demo.slack.page_shapes import page_message, page_state
from bot.demo.slack.pictures import picture_for
from bot.demo.slack.workspace import Suggestion, User

PING_SECONDS = 15.0
_PERMALINK = re.compile(r"p(\d+)(\d{6})")


class PageApi:
    """The routes of the page."""

    def __init__(
        self,
        live: LiveWorkspace,
        *,
        posts: PagePosts,
        files: Path,
        suggestions: Mapping[str, Sequence[Suggestion]],
    ) -> None:
        self._live = live
        self._posts = posts
        self._files = files
        self._suggestions = suggestions

    def routes(self) -> list[BaseRoute]:
        """Return the routes: the page itself, what it reads, what it posts."""
        reads = {
            "state": self.state,
            "messages": self.messages,
            "thread": self.thread,
            "views": self.views,
            "home": self.home,
        }
        return [
            Route("/", self.index),
            Route("/archives/{channel}/{message}", self.permalink),
            *(Route(f"/page/{name}", _read(read)) for name, read in reads.items()),
            *(
                Route(f"/page/{name}", _write(write), methods=["POST"])
                for name, write in self._posts.handlers().items()
            ),
            Route("/page/events", self.events),
            Route("/page/file/{file_id}", self.file),
            Route("/page/picture/{file_id}", self.picture),
            Mount("/static", StaticFiles(directory=self._files, check_dir=False)),
        ]

    async def index(self, _request: Request) -> Response:
        """Send the page."""
        return FileResponse(self._files / "index.html")

    async def permalink(self, request: Request) -> Response:
        """Send a permalink of chat.getPermalink to its place in the page."""
        found = _PERMALINK.fullmatch(request.path_params["message"])
        if found is None:
            return JSONResponse(SlackError("message_not_found").body(), status_code=404)
        ts = ".".join(found.groups())
        thread = request.query_params.get("thread_ts")
        place = f"{quote(thread, safe='.')}/{ts}" if thread else ts
        channel = quote(request.path_params["channel"], safe="")
        return RedirectResponse(f"/#/{channel}/{place}", status_code=302)

    async def state(self, _request: Request) -> Json:
        """Return people, channels, commands and tips."""
        return page_state(self._live, suggestions=self._suggestions)

    async def messages(self, request: Request) -> Json:
        """Return what the person sees in a channel, oldest first."""
        person = self._person(request)
        channel = self._live.channel_of(request.query_params.get("channel", ""), person.id)
        seen = [each for each in channel.top_level() if each.seen_by(person.id)]
        return {"messages": [page_message(self._live, channel, each) for each in seen]}

    async def thread(self, request: Request) -> Json:
        """Return a message and what the person sees below it."""
        person = self._person(request)
        channel = self._live.channel_of(request.query_params.get("channel", ""), person.id)
        ts = request.query_params.get("ts", "")
        found = [
            each
            for each in channel.messages.values()
            if (each.ts == ts or (each.is_reply and each.thread_ts == ts))
            and each.seen_by(person.id)
        ]
        if not found or found[0].ts != ts:
            raise SlackError("thread_not_found")
        return {"messages": [page_message(self._live, channel, each) for each in found]}

    async def views(self, request: Request) -> Json:
        """Return the person's open modals, bottom first."""
        stack = self._live.modals.stack(self._person(request).id)
        return {"views": [page_view(view) for view in stack]}

    async def home(self, request: Request) -> Json:
        """Return the person's Home tab, null until the app published one."""
        view = self._live.modals.home(self._person(request).id)
        return {"view": page_view(view) if view else None}

    async def file(self, request: Request) -> Response:
        """Return a file's bytes to a person of the channel it was shared in."""
        try:
            person = self._person(request)
            file = self._live.files.get(request.path_params["file_id"])
            self._live.channel_of(file.shared_in or "", person.id)
        except SlackError:
            return JSONResponse(SlackError("file_not_found").body(), status_code=404)
        disposition = f"attachment; filename*=UTF-8''{quote(file.name, safe='')}"
        return Response(
            file.content,
            media_type="application/octet-stream",
            headers={"Content-Disposition": disposition},
        )

    async def picture(self, request: Request) -> Response:
        """Return a picture, to be shown in the page, to a person who sees it in a message or view."""
        try:
            person = self._person(request)
            file, kind = picture_for(self._live, request.path_params["file_id"], person.id)
        except SlackError:
            return JSONResponse(SlackError("file_not_found").body(), status_code=404)
        return Response(file.content, media_type=kind)

    async def events(self, request: Request) -> Response:
        """Stream what changes, as far as the person may see it (server-sent events)."""
        try:
            person = self._person(request)
        except SlackError as refusal:
            return JSONResponse(refusal.body(), status_code=404)
        return StreamingResponse(self._stream(person), media_type="text/event-stream")

    async def _stream(self, person: User) -> AsyncIterator[str]:
        with self._live.feed.subscribed(person.id) as queue:
            stack = [page_view(view) for view in self._live.modals.stack(person.id)]
            yield _sse({"type": "view_stack", "views": stack})
            async for event in events_or_pings(queue, every=PING_SECONDS):
                yield _sse(event) if event else ": ping\n\n"

    def _person(self, request: Request) -> User:
        return self._posts.person(request.query_params.get("as", ""))


def _sse(event: Json) -> str:
    return f"data: {json.dumps(event)}\n\n"


def _read(
    handler: Callable[[Request], Awaitable[Json]],
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            return JSONResponse(await handler(request))
        except SlackError as refusal:
            return JSONResponse(refusal.body(), status_code=404)

    return endpoint


def _write(handler: Callable[[Json], Awaitable[Json]]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            body = json.loads(await request.body())
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            return JSONResponse(SlackError("invalid_json").body(), status_code=400)
        try:
            return JSONResponse({"ok": True, **await handler(body)})
        except SlackError as refusal:
            message = f"Slack refused this: {refusal.error}."
            return JSONResponse({"ok": False, "error": refusal.error, "message": message})
        except InteractionFailed as failed:
            answer = {"ok": False, "error": failed.error, "message": failed.message}
            return JSONResponse(answer)

    return endpoint
