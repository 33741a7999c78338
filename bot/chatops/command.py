"""How a subcommand is described. One file in `commands/` holds one `COMMAND` of this type.

A button that only shows something carries a sentence of the grammar as its value ("nodes prod page:2"): a click runs
that sentence through the same front door as if the clicker had typed it, with the clicker's own rights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from bot.chatops.arguments import Arguments
from bot.chatops.blocks import Element
from bot.chatops.context import Context
from bot.chatops.reply import Attachment, Card
from bot.core.identity import Role
from bot.core.reports import Report

if TYPE_CHECKING:
    from rich.console import RenderableType

A = TypeVar("A", bound=Arguments)
R = TypeVar("R", bound=Report)


class Show(StrEnum):
    """Where the answer to a button's sentence goes. Stands at the front of the button's action id."""

    REPLACE = "replace"  # in place of the card; on a card that others see: privately, so nobody's view changes
    PRIVATE = "private"  # a new message only the clicker sees
    CHANNEL = "channel"  # a message for everybody in the channel
    FORM = "form"  # as the form of a command that has one, else like PRIVATE
    FILE = "file"  # as a file, in the card's thread or, from a private card, in a direct message


def action_id(show: Show, label: str) -> str:
    """The action id of a button or menu: where the answer goes, and a label that makes it unique on the card."""
    return f"{show}:{label}"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a typed sentence wants changed: kind and body of an inbox item. The channel is added where it was typed."""

    kind: str
    body: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Command(Generic[A, R]):
    """A subcommand: what it takes, what it does, and how the answer looks in Slack and in a terminal.

    `asks_ledger`: a terminal opens the ledger for it first.
    With `wish` some of its sentences change something: typed in Slack they go to the inbox, on disk before the ack, and
    `run` is not asked. It looks at nothing but the arguments.
    With `modal` the answer to somebody who types it in Slack is that form; `slack` is for where none can be opened.
    `run` may take long and may call services; the renderings are pure. `file` gives the answer as a file where that
    makes sense. `exit_code` is the terminal's (0 answered, 3 answered with gaps).
    """

    name: str
    summary: str
    arguments: type[A]
    run: Callable[[A, Context], R]
    slack: Callable[[R, Context], Card]
    terminal: Callable[[R, Context], RenderableType]
    examples: tuple[str, ...] = ()
    details: str = ""
    role: Role = Role.VIEWER
    asks_ledger: bool = False
    wish: Callable[[A], Wish | None] | None = None
    modal: Callable[[R, Context], Element] | None = None
    file: Callable[[R, Context], Attachment] | None = None
    exit_code: Callable[[R], int] = lambda _report: 0


AnyCommand = Command[Any, Any]
