"""One action of block_actions: what a person did to an element, checked against the element."""

from typing import Any

from bot.demo.slack.blocks import VALUE_FIELDS, options_of
from bot.demo.slack.errors import Json, SlackError

_COPIED = ("text", "style", "placeholder", "confirm")
_FIXED_CHOICES = frozenset(
    {"static_select", "multi_static_select", "radio_buttons", "checkboxes", "overflow"}
)


def action_of(element: Json, *, block_id: str, given: Json, action_ts: str) -> Json:
    """Return the action as Slack sends it.

    A button's value is the app's own, never the page's; a choice must be among the options.
    Raises SlackError invalid_action.
    """
    kind = element["type"]
    if given.get("type") not in (None, kind):
        raise SlackError("invalid_action")
    action: Json = {
        "type": kind,
        "action_id": element["action_id"],
        "block_id": block_id,
        "action_ts": action_ts,
        **{key: element[key] for key in _COPIED if key in element},
    }
    field = VALUE_FIELDS[kind]
    if kind == "button":
        return {**action, **({"value": element["value"]} if "value" in element else {})}
    chosen = given.get(field)
    if kind in _FIXED_CHOICES and chosen is not None:
        chosen = _among(element, chosen)
    return {**action, field: chosen}


def _among(element: Json, chosen: Any) -> Any:
    if isinstance(chosen, list):
        return [_among(element, each) for each in chosen]
    value = chosen.get("value") if isinstance(chosen, dict) else None
    for option in options_of(element):
        if option.get("value") == value:
            return option
    raise SlackError("invalid_action")
