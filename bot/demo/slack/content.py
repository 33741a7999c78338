"""What may be said: messages and views are held against the limits before they are kept.

The rules are the product's own (`bot.chatops.limits`), the error names and pointers Slack's.
"""

from collections.abc import Sequence
from typing import Any

from bot.chatops.limits import Problem, check_message, check_view, slack_error
from bot.demo.slack.errors import Json, SlackError, missing_field
from bot.demo.slack.live import Content


def checked_message(text: str, blocks: Any, *, metadata: Any = None) -> Content:
    """Return a message that Slack takes.

    Raises SlackError no_text, msg_too_long, invalid_blocks_format, invalid_blocks,
    msg_blocks_too_long or invalid_metadata_format.
    """
    if blocks is not None and not isinstance(blocks, list):
        raise SlackError("invalid_blocks_format")
    _refuse(check_message(text, blocks or None), prefix="")
    return Content(text, blocks or None, _checked_metadata(metadata))


def checked_view(view: Any, *, kind: str) -> Json:
    """Return a view of `kind` ("modal" or "home") that Slack takes.

    Raises SlackError invalid_arguments or view_too_large.
    """
    if view is None:
        raise missing_field("view")
    if not isinstance(view, dict) or view.get("type") != kind:
        message = f"[ERROR] must be a view of type {kind} [json-pointer:/view/type]"
        raise SlackError("invalid_arguments", messages=[message])
    _refuse(check_view(view), prefix="/view", instead_of_blocks="invalid_arguments")
    return view


def _refuse(problems: Sequence[Problem], *, prefix: str, instead_of_blocks: str = "") -> None:
    error = slack_error(problems)
    if error is None:
        return
    if error == "invalid_blocks" and instead_of_blocks:
        error = instead_of_blocks
    messages = [
        f"[ERROR] {problem.message} [json-pointer:{prefix}{problem.pointer}]"
        for problem in problems
    ]
    raise SlackError(error, messages=messages)


def _checked_metadata(metadata: Any) -> Json | None:
    if metadata is None:
        return None
    if (
        not isinstance(metadata, dict)
        or not isinstance(metadata.get("event_type"), str)
        or not isinstance(metadata.get("event_payload"), dict)
    ):
        raise SlackError("invalid_metadata_format")
    return metadata
