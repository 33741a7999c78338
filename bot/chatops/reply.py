"""What a command answers with: a card for Slack, a file to hand over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Block: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG for the image block `blocks.picture(name, …)` of its card; `name` has capital letters and digits only.

    `draw` is called where the card is sent, from any thread, and may take long and raise anything: then the block's
    alt text stands there instead.
    """

    name: str
    draw: Callable[[], bytes]

    @property
    def place(self) -> str:
        """What stands in the image block until Slack has given the file an id."""
        return f"F0PICTURE{self.name}"


@dataclass(frozen=True, slots=True)
class Card:
    """A Slack message. `text` carries the facts for notifications, search and screen readers.

    `pictures` are drawn and uploaded when the card is sent.
    """

    text: str
    blocks: tuple[Block, ...] = ()
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file for the thread. `comment` is the message it comes with, already escaped."""

    filename: str
    title: str
    content: bytes
    comment: str = ""
