"""Buttons that change something: `do:<verb>` with ids as their value, and what each click becomes in the inbox.

Read views carry sentences (see command.py); these never do. A verb that asks first opens a modal; the others go
straight to the inbox. What stands on a card is never evidence: ids are looked up in the ledger again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from bot.chatops.blocks import Element, button

PREFIX: Final = "do:"
_VALUE: Final = re.compile(r"([RX]-[0-9]{1,10})(?:/([0-9]{1,6}))?")


class Verb(StrEnum):
    """What a button does."""

    APPROVE = "approve"
    DENY = "deny"
    WITHDRAW = "withdraw"
    BREAK_GLASS = "break_glass"
    REVIEW = "review"
    STOP = "stop"
    CONTINUE = "continue"
    RETRY = "retry"


KINDS: Final[Mapping[Verb, str]] = {
    Verb.APPROVE: "request.approve",
    Verb.DENY: "request.deny",
    Verb.WITHDRAW: "request.cancel",
    Verb.BREAK_GLASS: "break_glass",
    Verb.REVIEW: "reviewed",
    Verb.STOP: "run.cancel",
    Verb.CONTINUE: "run.continue",
    Verb.RETRY: "run.retry_failed",
}
"""The kind of the inbox item behind each verb."""

ASK_FIRST: Final = frozenset({Verb.APPROVE, Verb.DENY, Verb.BREAK_GLASS, Verb.REVIEW})
"""Verbs whose click opens a modal; its submission becomes the inbox item."""


@dataclass(frozen=True, slots=True)
class Act:
    """A click on such a button: the verb and the ids it is about, as they go into the inbox."""

    verb: Verb
    ids: Mapping[str, str | int]

    @property
    def kind(self) -> str:
        return KINDS[self.verb]

    @property
    def asks_first(self) -> bool:
        return self.verb in ASK_FIRST


def do(
    verb: Verb,
    text: str,
    value: str,
    *,
    label: str | None = None,
    style: Literal["primary", "danger"] | None = None,
    confirm: Element | None = None,
) -> Element:
    """A button that changes something. `value` is an id, "R-12", or "X-12/2" for wave 2 of a run."""
    return button(
        text,
        action_id=f"{PREFIX}{verb}",
        value=value,
        label=label or f"{text} {value.partition('/')[0]}",
        style=style,
        confirm=confirm,
    )


def act(action_id: str, value: str) -> Act | None:
    """The act behind a click; None when it is no such button, or its value is not one of ours."""
    word = action_id.removeprefix(PREFIX)
    found = _VALUE.fullmatch(value)
    if word == action_id or word not in set(Verb) or found is None:
        return None
    verb = Verb(word)
    name = "run" if KINDS[verb].startswith("run.") else "request"
    if found[1][0] != ("X" if name == "run" else "R"):
        return None
    ids: dict[str, str | int] = {name: found[1]}
    if (verb is Verb.CONTINUE) != (found[2] is not None):
        return None
    if found[2] is not None:
        ids["wave"] = int(found[2])
    return Act(verb, ids)
