"""Builders of what people choose from or fill in: menus, inputs, modals and the Home tab.

The same promise as in `blocks.py`: texts are inert and cut, and what Slack would refuse raises ValueError.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from bot.chatops import sizes
from bot.chatops.blocks import Block, Element, block, element, plain_text
from bot.chatops.limits import check_view


@dataclass(frozen=True, slots=True)
class Option:
    """A choice: what people read, what comes back (at most 150 characters), and a line of explanation."""

    text: str
    value: str
    description: str = ""

    def rendered(self) -> Element:
        """The option object, for a menu or for the answer to an external menu."""
        shown: Element = {"text": plain_text(self.text, sizes.OPTION_TEXT), "value": self.value}
        if self.description:
            shown["description"] = plain_text(self.description, sizes.OPTION_TEXT)
        return shown


def select(
    placeholder: str,
    options: Sequence[Option],
    *,
    action_id: str,
    initial: Option | None = None,
    several: bool = False,
) -> Element:
    """A menu of 1 to 100 options; use `external_select` where there may be more."""
    members: dict[str, object] = {"options": [option.rendered() for option in options]}
    if initial:
        members |= (
            {"initial_options": [initial.rendered()]}
            if several
            else {"initial_option": initial.rendered()}
        )
    return element(
        "multi_static_select" if several else "static_select",
        placeholder=plain_text(placeholder, sizes.PLACEHOLDER),
        action_id=action_id,
        **members,
    )


def external_select(
    placeholder: str, *, action_id: str, initial: Option | None = None, after: int = 0
) -> Element:
    """A menu whose options we are asked for while a person types, from `after` characters on."""
    return element(
        "external_select",
        placeholder=plain_text(placeholder, sizes.PLACEHOLDER),
        action_id=action_id,
        initial_option=initial.rendered() if initial else None,
        min_query_length=after,
    )


def overflow(options: Sequence[Option], *, action_id: str) -> Element:
    """The “⋯” menu of 1 to 5 options."""
    return element(
        "overflow", options=[option.rendered() for option in options], action_id=action_id
    )


def radio_buttons(
    options: Sequence[Option], *, action_id: str, initial: Option | None = None
) -> Element:
    """One of 1 to 10 options."""
    return element(
        "radio_buttons",
        options=[option.rendered() for option in options],
        action_id=action_id,
        initial_option=initial.rendered() if initial else None,
    )


def checkboxes(
    options: Sequence[Option], *, action_id: str, initial: Sequence[Option] = ()
) -> Element:
    """Any of 1 to 10 options."""
    return element(
        "checkboxes",
        options=[option.rendered() for option in options],
        action_id=action_id,
        initial_options=[option.rendered() for option in initial] or None,
    )


def users_select(placeholder: str, *, action_id: str, several: bool = False) -> Element:
    """A menu of the people of the workspace."""
    return element(
        "multi_users_select" if several else "users_select",
        placeholder=plain_text(placeholder, sizes.PLACEHOLDER),
        action_id=action_id,
    )


def conversations_select(placeholder: str, *, action_id: str) -> Element:
    """A menu of channels, shared ones with other companies left out."""
    return element(
        "conversations_select",
        placeholder=plain_text(placeholder, sizes.PLACEHOLDER),
        action_id=action_id,
        filter={"include": ["public", "private"], "exclude_external_shared_channels": True},
    )


def date_picker(*, action_id: str, initial: date | None = None) -> Element:
    """A calendar."""
    return element(
        "datepicker",
        action_id=action_id,
        initial_date=initial.isoformat() if initial else None,
    )


def moment_picker(*, action_id: str) -> Element:
    """A calendar with a time of day, in the zone of whoever chooses."""
    return element("datetimepicker", action_id=action_id)


def text_input(
    *,
    action_id: str,
    placeholder: str = "",
    lines: bool = False,
    at_least: int = 0,
    at_most: int = sizes.INPUT_TEXT,
    initial: str = "",
) -> Element:
    """A field for text, of one line or several."""
    return element(
        "plain_text_input",
        action_id=action_id,
        placeholder=plain_text(placeholder, sizes.PLACEHOLDER) if placeholder else None,
        initial_value=initial or None,
        multiline=lines,
        min_length=at_least,
        max_length=at_most,
    )


def number_input(
    *, action_id: str, low: int | None = None, high: int | None = None, initial: int | None = None
) -> Element:
    """A field for a whole number."""
    return element(
        "number_input",
        action_id=action_id,
        is_decimal_allowed=False,
        min_value=None if low is None else str(low),
        max_value=None if high is None else str(high),
        initial_value=None if initial is None else str(initial),
    )


def input_block(
    label: str, field: Element, *, block_id: str, hint: str = "", optional: bool = False
) -> Block:
    """A labelled field of a modal or the Home tab; errors are shown under it by its block_id."""
    return block(
        "input",
        label=plain_text(label, sizes.INPUT_LABEL),
        element=field,
        block_id=block_id,
        hint=plain_text(hint, sizes.INPUT_LABEL) if hint else None,
        optional=optional,
    )


def modal(
    title: str,
    blocks: Sequence[Block],
    *,
    callback_id: str,
    submit: str | None = None,
    close: str = "Close",
    private_metadata: str = "",
) -> Element:
    """A dialog of 1 to 100 blocks; `submit` is needed where there is an input.

    Put nothing but ids into `private_metadata`: what they stand for is read from the store again.
    """
    view: Element = {
        "type": "modal",
        "title": plain_text(title, sizes.VIEW_TITLE),
        "blocks": list(blocks),
        "callback_id": callback_id,
        "private_metadata": private_metadata,
        "close": plain_text(close, sizes.VIEW_TITLE),
    }
    if submit:
        view["submit"] = plain_text(submit, sizes.VIEW_TITLE)
    return _sound_view(view)


def home(blocks: Sequence[Block], *, callback_id: str = "home") -> Element:
    """The Home tab: 1 to 100 blocks, no tables."""
    return _sound_view({"type": "home", "blocks": list(blocks), "callback_id": callback_id})


def _sound_view(view: Element) -> Element:
    problems = check_view(view)
    if problems:
        faults = "; ".join(f"{problem.pointer} {problem.message}" for problem in problems[:3])
        raise ValueError(f"Slack would refuse this view: {faults}")
    return view
