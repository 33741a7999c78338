"""Cards on their way to Slack: checked against its limits, and the few that patchbot says of its own accord."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import structlog

from bot.chatops import sizes
from bot.chatops.blocks import context, rich_text, section
from bot.chatops.cards import error_card
from bot.chatops.inert import cut, escape_fallback, log
from bot.chatops.limits import check_message, slack_error
from bot.chatops.markup import markup, user
from bot.chatops.reply import Attachment, Block, Card
from bot.core.errors import PatchbotError

_log: Final = structlog.get_logger("bot.slack.messages")
_FALLBACK_TEXT: Final = 2_000
_ALT_IN_WORDS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Message:
    """What Slack will take: the fields that chat.postMessage and a response_url have in common."""

    text: str
    blocks: tuple[Any, ...]

    def body(self) -> dict[str, Any]:
        """The fields. Nothing in them is looked up, linked or unfurled by Slack on its own."""
        return {
            "text": self.text,
            **({"blocks": list(self.blocks)} if self.blocks else {}),
            "parse": "none",
            "link_names": False,
            "unfurl_links": False,
            "unfurl_media": False,
        }


def message(card: Card, files: Mapping[str, str] | None = None) -> Message:
    """The card as Slack takes it; where it would not, its text and how to get the rest: no answer is lost.

    `files` are the ids of the card's uploaded pictures by their places; the other pictures are told in words.
    """
    text = escape_fallback(card.text, sizes.MESSAGE_TEXT_SOFT)
    blocks = _with_files(card, files or {})
    problems = check_message(text, list(blocks))
    if slack_error(problems) is None:
        return Message(text, blocks)
    _log.error(
        "card.over_limit",
        problems=[f"{problem.pointer} {problem.code}" for problem in problems[:5]],
    )
    words = card.text.strip() or "The answer is there, but it could not be shown."
    blocks = (
        rich_text(words[:_FALLBACK_TEXT]),
        context(
            "The full card broke one of Slack's limits. Narrow the question, or ask in a terminal: "
            "patchbot patch shows all of it. Your patchbot admin finds “card.over_limit” in the log."
        ),
    )
    return Message(escape_fallback(words, sizes.MESSAGE_TEXT_SOFT), blocks)


def _with_files(card: Card, files: Mapping[str, str]) -> tuple[Block, ...]:
    places = {picture.place for picture in card.pictures}
    return tuple(
        _with_file(block, files)
        if block["type"] == "image" and block.get("slack_file", {}).get("id") in places
        else block
        for block in card.blocks
    )


def _with_file(block: Block, files: Mapping[str, str]) -> Block:
    """The image block with the file's id; without one, what the picture shows, in words."""
    place = block["slack_file"]["id"]
    if place in files:
        return {**block, "slack_file": {"id": files[place]}}
    words = cut(block["alt_text"], _ALT_IN_WORDS)
    return context("The picture of this could not be shown. " + words)


def shared_by(card: Card, user_id: str) -> Card:
    """The card with a line saying who shared it, unless it says so itself."""
    who = user(user_id)
    if who.source in json.dumps(card.blocks):
        return card
    return replace(card, blocks=(context(markup("Shared by {who}", who=who)), *card.blocks))


def says(text: str) -> Card:
    """One plain sentence."""
    return Card(text, (rich_text(text),))


def too_fast(seconds: float) -> Card:
    """You asked too often."""
    wait = max(1, math.ceil(seconds))
    return error_card(
        PatchbotError(
            "That was a lot of questions in one minute.",
            hint=f"Ask again in {wait} second{'' if wait == 1 else 's'}.",
        )
    )


def busy() -> Card:
    """Too many people ask at once."""
    return error_card(
        PatchbotError(
            "I have my hands full right now and could not take this on.",
            hint="Nothing was done. Try again in a minute.",
        )
    )


def still_working() -> Card:
    """You asked again before the answers to your last questions were there."""
    return error_card(
        PatchbotError(
            "I am still working on your last two questions.",
            hint="Ask again when they are answered.",
        )
    )


def stopping() -> Card:
    """patchbot is being stopped."""
    return error_card(
        PatchbotError(
            "I am being restarted and could not finish this.",
            hint="Nothing was changed. Ask again in a minute.",
        )
    )


def outdated() -> Card:
    """A button whose action id means nothing (any more)."""
    return error_card(
        PatchbotError(
            "I don't know that button; the card may be from an older version.",
            hint="Ask again, for example `/patch status`.",
        )
    )


def sent_to_you(file: Attachment) -> Card:
    """Where a file went that could not go into the thread."""
    text = f"I sent you {log(file.filename)} as a direct message."
    return Card(text, (section(text),))


def ack_body(card: Card) -> dict[str, Any]:
    """The card as the body of a command's ack: only the asker sees it."""
    sent = message(card)
    return {"text": sent.text, "blocks": list(sent.blocks), "response_type": "ephemeral"}
