"""Views while they are open: each person's stack of modals, and each person's Home tab."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from bot.demo.slack.blocks import state_values, with_ids
from bot.demo.slack.errors import Json, SlackError
from bot.demo.slack.feed import Feed
from bot.demo.slack.ids import Ids

STACK_LIMIT = 3


@dataclass(slots=True)
class View:
    """A modal or Home tab of one person; `content` is what the app sent, ids filled in."""

    id: str
    user: str
    kind: Literal["modal", "home"]
    content: Json
    hash: str
    root_id: str
    previous_id: str | None = None
    values: Json = field(default_factory=dict)

    @property
    def blocks(self) -> list[Json]:
        """The blocks, every id filled in."""
        blocks: list[Json] = self.content["blocks"]
        return blocks

    def enter(self, given: Mapping[str, Any]) -> None:
        """Keep what the person entered, as far as the view has inputs for it."""
        self.values = state_values(self.blocks, given)


class Modals:
    """The open views of everybody, and the news of them to the pages."""

    def __init__(self, ids: Ids, feed: Feed) -> None:
        self._ids = ids
        self._feed = feed
        self._stacks: dict[str, list[View]] = {}
        self._homes: dict[str, View] = {}

    def stack(self, user: str) -> Sequence[View]:
        """Return the open modals of `user`, bottom first."""
        return tuple(self._stacks.get(user, ()))

    def home(self, user: str) -> View | None:
        """Return what the app published as Home of `user`."""
        return self._homes.get(user)

    def get(self, view_id: str) -> View:
        """Return a view that is open now; raises SlackError not_found."""
        return self._find(lambda view: view.id == view_id)

    def by_external_id(self, external_id: str) -> View:
        """Return the open view with this external_id; raises SlackError not_found."""
        return self._find(lambda view: view.content.get("external_id") == external_id)

    def open(self, user: str, content: Json) -> View:
        """Show a modal on an empty stack."""
        self._refuse_taken_external_id(content)
        view = self._new(user, content, None)
        self._stacks[user] = [view]
        self._feed.publish({"type": "view_opened", "view": page_view(view)}, to=(user,))
        return view

    def push(self, user: str, content: Json) -> View:
        """Show a modal over the others; raises SlackError push_limit_reached."""
        stack = self._stacks.get(user, [])
        if not stack:
            raise SlackError("not_found")
        if len(stack) >= STACK_LIMIT:
            raise SlackError("push_limit_reached")
        self._refuse_taken_external_id(content)
        view = self._new(user, content, stack[-1])
        stack.append(view)
        self._publish_stack(user)
        return view

    def update(self, view: View, content: Json, *, expected_hash: str | None = None) -> View:
        """Replace what a view shows; what was entered stays where the ids stay.

        Raises SlackError hash_conflict when somebody else changed it meanwhile.
        """
        if expected_hash is not None and expected_hash != view.hash:
            raise SlackError("hash_conflict")
        if content.get("external_id") != view.content.get("external_id"):
            self._refuse_taken_external_id(content)
        view.content = self._filled(content)
        view.hash = self._new_hash()
        view.enter(view.values)
        self._feed.publish({"type": "view_updated", "view": page_view(view)}, to=(view.user,))
        return view

    def close(self, view: View) -> None:
        """Take a modal, and what lies over it, away."""
        stack = self._stacks[view.user]
        del stack[stack.index(view) :]
        self._feed.publish({"type": "view_closed", "view_id": view.id}, to=(view.user,))

    def clear(self, user: str) -> None:
        """Take all modals of `user` away."""
        self._stacks.pop(user, None)
        self._publish_stack(user)

    def publish_home(self, user: str, content: Json, *, expected_hash: str | None) -> View:
        """Set the Home tab of `user`; raises SlackError hash_conflict."""
        current = self._homes.get(user)
        if expected_hash is not None and (current is None or current.hash != expected_hash):
            raise SlackError("hash_conflict")
        view_id = current.id if current else self._ids.new("V")
        view = View(view_id, user, "home", self._filled(content), self._new_hash(), view_id)
        view.enter({})
        self._homes[user] = view
        self._feed.publish({"type": "home", "view": page_view(view)}, to=(user,))
        return view

    def _new(self, user: str, content: Json, below: View | None) -> View:
        view_id = self._ids.new("V")
        root_id = below.root_id if below else view_id
        previous = below.id if below else None
        filled = self._filled(content)
        view = View(view_id, user, "modal", filled, self._new_hash(), root_id, previous)
        view.enter({})
        return view

    def _filled(self, content: Json) -> Json:
        return {**content, "blocks": with_ids(content["blocks"], self._ids.short)}

    def _new_hash(self) -> str:
        return f"{int(time.time())}.{self._ids.short()}{self._ids.short()}"

    def _find(self, matches: Any) -> View:
        open_views = [view for stack in self._stacks.values() for view in stack]
        for view in (*open_views, *self._homes.values()):
            if matches(view):
                return view
        raise SlackError("not_found")

    def _refuse_taken_external_id(self, content: Json) -> None:
        wanted = content.get("external_id")
        views = (view for stack in self._stacks.values() for view in stack)
        if wanted and any(view.content.get("external_id") == wanted for view in views):
            raise SlackError("duplicate_external_id")

    def _publish_stack(self, user: str) -> None:
        views = [page_view(view) for view in self.stack(user)]
        self._feed.publish({"type": "view_stack", "views": views}, to=(user,))


def page_view(view: View) -> Json:
    """Return a view as the page reads it."""
    content = view.content
    return {
        "id": view.id,
        "type": view.kind,
        "title": content.get("title"),
        "submit": content.get("submit"),
        "close": content.get("close"),
        "blocks": view.blocks,
        "state": {"values": view.values},
        "callback_id": content.get("callback_id", ""),
        "hash": view.hash,
        "previous_view_id": view.previous_id,
        "clear_on_close": bool(content.get("clear_on_close", False)),
    }
