"""The elements of Block Kit we use, and the objects they are made of, as one table of shapes.

Sources: Slack's Block Kit reference, the pages of each element and of the composition objects.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from bot.chatops.shapes import (
    Check,
    Problem,
    array,
    at_least_one,
    below,
    choice,
    exactly_one,
    flag,
    integer,
    record,
    text,
    variant,
)
from bot.chatops.sizes import (
    ACCESSIBILITY_LABEL,
    ALT_TEXT,
    BUTTON_TEXT,
    BUTTON_VALUE,
    CHOICE_OPTIONS,
    CONFIRM_BUTTON,
    CONFIRM_TEXT,
    CONFIRM_TITLE,
    ID,
    INPUT_TEXT,
    OPTION_TEXT,
    OPTION_VALUE,
    OPTIONS,
    OVERFLOW_OPTIONS,
    PLACEHOLDER,
    URL,
)


def plain_text(limit: int) -> Check:
    return variant({"plain_text": record({"text": text(limit)}, {"emoji": flag})}, "text")


def text_object(limit: int) -> Check:
    plain = record({"text": text(limit)}, {"emoji": flag})
    return variant(
        {"plain_text": plain, "mrkdwn": record({"text": text(limit)}, {"verbatim": flag})}, "text"
    )


IDENTIFIER = text(ID)
WEB_ADDRESS = text(URL, like=r"https?://[^\s/][^\s]*", such_as="http://… or https://…")
_STYLE = choice("primary", "danger")

_CONFIRM = record(
    {
        "title": plain_text(CONFIRM_TITLE),
        "text": text_object(CONFIRM_TEXT),
        "confirm": plain_text(CONFIRM_BUTTON),
        "deny": plain_text(CONFIRM_BUTTON),
    },
    {"style": _STYLE},
)


def _option(label: Check) -> Check:
    return record(
        {"text": label, "value": text(OPTION_VALUE)}, {"description": plain_text(OPTION_TEXT)}
    )


_PLAIN_OPTION = _option(plain_text(OPTION_TEXT))
_MRKDWN_OPTION = _option(text_object(OPTION_TEXT))
_OVERFLOW_OPTION = record(
    {"text": plain_text(OPTION_TEXT), "value": text(OPTION_VALUE)},
    {"description": plain_text(OPTION_TEXT), "url": WEB_ADDRESS},
)
_GROUP = record({"label": plain_text(OPTION_TEXT), "options": array(_PLAIN_OPTION, 1, OPTIONS)})


def _options_agree(value: Any, at: str) -> Iterator[Problem]:
    """No two options with one value, and what is chosen at first is one of them."""
    groups = [value, *value.get("option_groups", ())]
    options = [option for group in groups for option in group.get("options", ())]
    for doubled, count in Counter(option["value"] for option in options).items():
        if count > 1:
            yield Problem(at, "duplicate_value", f"has {count} options with the value “{doubled}”")
    if "initial_option" in value and value["initial_option"] not in options:
        yield Problem(below(at, "initial_option"), "wrong_choice", "must be one of the options")
    if any(option not in options for option in value.get("initial_options", ())):
        yield Problem(below(at, "initial_options"), "wrong_choice", "must be among the options")


def _lengths_agree(value: Any, at: str) -> Iterator[Problem]:
    if value.get("min_length", 0) > value.get("max_length", INPUT_TEXT):
        yield Problem(below(at, "min_length"), "out_of_range", "is more than max_length")


_ACTION = {"action_id": IDENTIFIER}
_ASKED = {**_ACTION, "confirm": _CONFIRM}
_FOCUSED = {**_ASKED, "focus_on_load": flag}
_SELECT = {**_FOCUSED, "placeholder": plain_text(PLACEHOLDER)}
_MULTI = {**_SELECT, "max_selected_items": integer(1, OPTIONS)}
_STATIC = {
    "options": array(_PLAIN_OPTION, 1, OPTIONS),
    "option_groups": array(_GROUP, 1, OPTIONS),
}
_CONVERSATIONS = {
    "default_to_current_conversation": flag,
    "filter": record(
        {},
        {
            "include": array(choice("im", "mpim", "private", "public"), 1, 4),
            "exclude_external_shared_channels": flag,
            "exclude_bot_users": flag,
        },
        at_least_one("include", "exclude_external_shared_channels", "exclude_bot_users"),
    ),
}
_INPUT = {
    **_ACTION,
    "focus_on_load": flag,
    "placeholder": plain_text(PLACEHOLDER),
    "dispatch_action_config": record(
        {"trigger_actions_on": array(choice("on_enter_pressed", "on_character_entered"), 1, 2)}
    ),
}
_ANY_OPTIONS = {"options": array(_MRKDWN_OPTION, 1, CHOICE_OPTIONS)}
_INITIALS = array(_PLAIN_OPTION, 1, OPTIONS)
_IDS = array(IDENTIFIER, 1, OPTIONS)
_DATE = text(10, like=r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", such_as="2026-01-31")
_TIME = text(5, like=r"([01]\d|2[0-3]):[0-5]\d", such_as="09:30")
_DIGITS = text(30, like=r"-?\d+(\.\d+)?", such_as="10 or 2.5")
_QUERY = {"min_query_length": integer(0, OPTION_TEXT)}
_ONE_SOURCE = exactly_one("options", "option_groups")
IMAGE = {"image_url": WEB_ADDRESS, "alt_text": text(ALT_TEXT)}
SLACK_FILE = record({"id": text(ID, like=r"F[A-Z0-9]{8,}", such_as="F0123ABCD")})

ELEMENTS: Final[Mapping[str, Check]] = {
    "button": record(
        {"text": plain_text(BUTTON_TEXT)},
        {
            **_ASKED,
            "value": text(BUTTON_VALUE),
            "url": WEB_ADDRESS,
            "style": _STYLE,
            "accessibility_label": text(ACCESSIBILITY_LABEL),
        },
    ),
    "checkboxes": record(
        _ANY_OPTIONS,
        {**_FOCUSED, "initial_options": array(_MRKDWN_OPTION, 1, CHOICE_OPTIONS)},
        _options_agree,
    ),
    "conversations_select": record(
        {}, {**_SELECT, **_CONVERSATIONS, "initial_conversation": IDENTIFIER}
    ),
    "datepicker": record({}, {**_SELECT, "initial_date": _DATE}),
    "datetimepicker": record({}, {**_FOCUSED, "initial_date_time": integer(10**9, 10**10 - 1)}),
    "external_select": record({}, {**_SELECT, **_QUERY, "initial_option": _PLAIN_OPTION}),
    "image": record(IMAGE),
    "multi_conversations_select": record(
        {}, {**_MULTI, **_CONVERSATIONS, "initial_conversations": _IDS}
    ),
    "multi_external_select": record({}, {**_MULTI, **_QUERY, "initial_options": _INITIALS}),
    "multi_static_select": record(
        {}, {**_MULTI, **_STATIC, "initial_options": _INITIALS}, _ONE_SOURCE, _options_agree
    ),
    "multi_users_select": record({}, {**_MULTI, "initial_users": _IDS}),
    "number_input": record(
        {"is_decimal_allowed": flag},
        {**_INPUT, "initial_value": _DIGITS, "min_value": _DIGITS, "max_value": _DIGITS},
    ),
    "overflow": record(
        {"options": array(_OVERFLOW_OPTION, 1, OVERFLOW_OPTIONS)}, _ASKED, _options_agree
    ),
    "plain_text_input": record(
        {},
        {
            **_INPUT,
            "initial_value": text(INPUT_TEXT),
            "multiline": flag,
            "min_length": integer(0, INPUT_TEXT),
            "max_length": integer(1, INPUT_TEXT),
        },
        _lengths_agree,
    ),
    "radio_buttons": record(
        _ANY_OPTIONS, {**_FOCUSED, "initial_option": _MRKDWN_OPTION}, _options_agree
    ),
    "static_select": record(
        {}, {**_SELECT, **_STATIC, "initial_option": _PLAIN_OPTION}, _ONE_SOURCE, _options_agree
    ),
    "timepicker": record({}, {**_SELECT, "initial_time": _TIME, "timezone": text(ID)}),
    "users_select": record({}, {**_SELECT, "initial_user": IDENTIFIER}),
}
