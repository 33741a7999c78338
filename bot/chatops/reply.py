"""What a command answers with: a card for Slack, a file to hand over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Block: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Card:
    """A Slack message. `text` carries the facts for notifications, search and screen readers."""

    text: str
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file for the thread. `comment` is the message it comes with, already escaped."""

    filename: str
    title: str
    content: bytes
    comment: str = ""
