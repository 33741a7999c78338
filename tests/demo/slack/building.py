"""Small Block Kit pieces for tests."""

from typing import Any

Json = dict[str, Any]


def plain(text: str) -> Json:
    """Return a plain_text object."""
    return {"type": "plain_text", "text": text}


def section(text: str) -> Json:
    """Return a section of mrkdwn."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def button(action_id: str, value: str = "v") -> Json:
    """Return an actions block with one button."""
    element = {"type": "button", "action_id": action_id, "value": value, "text": plain("Press")}
    return {"type": "actions", "block_id": f"b-{action_id}", "elements": [element]}


def text_input(block_id: str = "why", *, optional: bool = False) -> Json:
    """Return an input block with a text field called `reason`."""
    return {
        "type": "input",
        "block_id": block_id,
        "optional": optional,
        "label": plain("Reason"),
        "element": {"type": "plain_text_input", "action_id": "reason"},
    }


def modal(*blocks: Json, **more: Any) -> Json:
    """Return a modal with these blocks."""
    return {
        "type": "modal",
        "title": plain("Install"),
        "submit": plain("Go on"),
        "blocks": list(blocks) or [section("hello")],
        **more,
    }
