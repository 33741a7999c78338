"""Block Kit as Slack keeps it: ids filled in, interactive elements found again, input state read."""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bot.demo.slack.errors import Json

# Element type -> the field of an action or of state.values that carries what the person chose.
VALUE_FIELDS: Mapping[str, str] = {
    "button": "value",
    "workflow_button": "value",
    "overflow": "selected_option",
    "static_select": "selected_option",
    "external_select": "selected_option",
    "radio_buttons": "selected_option",
    "users_select": "selected_user",
    "conversations_select": "selected_conversation",
    "channels_select": "selected_channel",
    "multi_static_select": "selected_options",
    "multi_external_select": "selected_options",
    "checkboxes": "selected_options",
    "multi_users_select": "selected_users",
    "multi_conversations_select": "selected_conversations",
    "multi_channels_select": "selected_channels",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
    "plain_text_input": "value",
    "number_input": "value",
    "email_text_input": "value",
    "url_text_input": "value",
    "rich_text_input": "rich_text_value",
}
STATELESS = frozenset({"button", "workflow_button", "overflow"})


def with_ids(blocks: Sequence[Json], new_id: Callable[[], str]) -> list[Json]:
    """Return a copy of `blocks` in which every block_id and action_id is there."""
    filled = copy.deepcopy(list(blocks))
    for block in filled:
        block.setdefault("block_id", new_id())
        for element in _elements(block):
            element.setdefault("action_id", new_id())
    return filled


def find_element(blocks: Sequence[Json], block_id: str, action_id: str) -> Json | None:
    """Return the interactive element with these ids, or None.

    In a message that was drawn anew while a person looked at it the blocks have other ids: there the only element
    with that action id is meant.
    """
    named = [
        (block.get("block_id"), element)
        for block in blocks
        for element in _elements(block)
        if element.get("action_id") == action_id
    ]
    for block, element in named:
        if block == block_id:
            return element
    redrawn = block_id not in {block.get("block_id") for block in blocks}
    return named[0][1] if redrawn and len(named) == 1 else None


def state_values(blocks: Sequence[Json], given: Mapping[str, Any]) -> Json:
    """Return `state.values` for `blocks`: what the person entered, and the initial or empty rest.

    Only ids that are in the blocks and only the field of the element's type are taken over.
    """
    values: Json = {}
    for block in blocks:
        for element in _elements(block):
            kind = element["type"]
            if kind in STATELESS:
                continue
            field = VALUE_FIELDS[kind]
            block_id, action_id = block["block_id"], element["action_id"]
            entered = _dict(_dict(given.get(block_id)).get(action_id))
            chosen = entered[field] if field in entered else _initial(element, field)
            values.setdefault(block_id, {})[action_id] = {"type": kind, field: chosen}
    return values


def missing_inputs(blocks: Sequence[Json], values: Mapping[str, Any]) -> dict[str, str]:
    """Return block_id -> Slack's words for every required input that is empty."""
    errors = {}
    for block in blocks:
        if block.get("type") != "input" or block.get("optional"):
            continue
        element = block["element"]
        answer = values[block["block_id"]][element["action_id"]]
        if answer[VALUE_FIELDS[element["type"]]] in (None, "", []):
            errors[block["block_id"]] = "Please complete this required field."
    return errors


def options_of(element: Json) -> list[Json]:
    """Return all options of a menu, in groups or not."""
    options = list(element.get("options", ()))
    for group in element.get("option_groups", ()):
        options.extend(group.get("options", ()))
    return options


def _elements(block: Json) -> Iterator[Json]:
    candidates = [*_list(block.get("elements")), block.get("accessory"), block.get("element")]
    for each in candidates:
        if isinstance(each, dict) and each.get("type") in VALUE_FIELDS:
            yield each


def _initial(element: Json, field: str) -> Any:
    initial = element.get("initial_" + field.removeprefix("selected_"))
    return [] if initial is None and field.endswith("s") else initial


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
