"""What Slack accepts: the verdict on a whole message or view, before it is sent.

The bot asks here before it sends, the local Slack of the demo asks here what to refuse, and the tests hold
the answers against Slack's own types and a second library. The tables of blocks and elements stand in
`block_shapes.py` and `element_shapes.py`; what they do not know is refused.
Sources: Slack's Block Kit reference, one page per block and element; where pages disagree, the smaller limit.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bot.chatops.block_shapes import BLOCKS
from bot.chatops.element_shapes import IDENTIFIER, plain_text
from bot.chatops.shapes import Problem, array, below, flag, length, record, text, variant
from bot.chatops.sizes import (
    MARKDOWN_TEXT,
    MESSAGE_BLOCKS,
    MESSAGE_SIZE,
    MESSAGE_TEXT,
    MESSAGE_TEXT_SOFT,
    PRIVATE_METADATA,
    VIEW_BLOCKS,
    VIEW_SIZE,
    VIEW_TITLE,
)

__all__ = ["Problem", "check_message", "check_view", "slack_error"]


_IN_VIEWS = {kind: check for kind, check in BLOCKS.items() if kind not in ("table", "markdown")}
_VIEW_BLOCKS = {"blocks": array(variant(_IN_VIEWS, "block of a view"), 1, VIEW_BLOCKS)}
_VIEW = {
    "private_metadata": text(PRIVATE_METADATA, minimum=0),
    "callback_id": IDENTIFIER,
    "external_id": IDENTIFIER,
}
_MESSAGE = array(variant(BLOCKS, "block of a message"), 0, MESSAGE_BLOCKS)


def _submit_with_input(view: Any, at: str) -> Iterator[Problem]:
    if "submit" not in view and any(block["type"] == "input" for block in view["blocks"]):
        yield Problem(below(at, "submit"), "missing_key", "is needed when there is an input block")


_VIEWS = variant(
    {
        "home": record(_VIEW_BLOCKS, _VIEW),
        "modal": record(
            {**_VIEW_BLOCKS, "title": plain_text(VIEW_TITLE)},
            {
                **_VIEW,
                "submit": plain_text(VIEW_TITLE),
                "close": plain_text(VIEW_TITLE),
                "clear_on_close": flag,
                "notify_on_close": flag,
            },
            _submit_with_input,
        ),
    },
    "view",
)


def check_message(text: str, blocks: Sequence[Mapping[str, Any]] | None) -> list[Problem]:
    """Everything Slack would refuse in a message (chat.postMessage, response_url), and two rules of ours.

    Ours: there is always a top-level text (notifications and screen readers read it), and it keeps to the
    4,000 characters Slack recommends. An empty list means that the message can be sent. Never raises.
    """
    problems = list(_check_top_level(text))
    if blocks is None:
        return problems
    problems.extend(_MESSAGE(blocks, "/blocks"))
    dicts = _dicts(blocks)
    problems.extend(_repeated_ids(dicts))
    tables = sum(block.get("type") == "table" for block in dicts)
    if tables > 1:
        problems.append(
            Problem(
                "/blocks", "only_one_table_allowed", f"has {tables} tables; a message takes one"
            )
        )
    markdown = sum(
        length(str(block.get("text"))) for block in dicts if block.get("type") == "markdown"
    )
    if markdown > MARKDOWN_TEXT:
        problems.append(
            Problem("/blocks", "too_long", f"markdown blocks may hold {MARKDOWN_TEXT:,} in all")
        )
    if size(blocks) > MESSAGE_SIZE:
        problems.append(
            Problem(
                "/blocks",
                "msg_blocks_too_long",
                f"are {size(blocks):,} characters of JSON; keep to {MESSAGE_SIZE:,}",
            )
        )
    return problems


def check_view(view: Mapping[str, Any]) -> list[Problem]:
    """Everything Slack would refuse in a modal or a Home tab; an empty list means it can be sent. Never raises."""
    problems = list(_VIEWS(view, ""))
    blocks = _dicts(view.get("blocks")) if isinstance(view, Mapping) else []
    problems.extend(_repeated_ids(blocks))
    focused = sum(
        bool(element.get("focus_on_load")) for block in blocks for element in _parts(block)
    )
    if focused > 1:
        problems.append(
            Problem("/blocks", "too_many", "focus_on_load may stand on one element only")
        )
    if size(view) > VIEW_SIZE:
        problems.append(
            Problem("", "view_too_large", f"is larger than {VIEW_SIZE:,} characters of JSON")
        )
    return problems


def slack_error(problems: Sequence[Problem]) -> str | None:
    """The error name Slack would answer with; None when only our own recommendation is broken."""
    codes = {problem.code for problem in problems} - {"text_above_recommended"}
    for name in ("msg_too_long", "msg_blocks_too_long", "view_too_large", "no_text"):
        if name in codes:
            return name
    return "invalid_blocks" if codes else None


def size(blocks: object) -> int:
    """How many characters of JSON blocks (or a view) take: what Slack's undocumented total limit counts."""
    return len(json.dumps(blocks, ensure_ascii=False, separators=(",", ":"), default=str))


def _check_top_level(text: object) -> Iterator[Problem]:
    if not isinstance(text, str) or not text.strip():
        yield Problem("/text", "no_text", "must say in words what the blocks show")
    elif length(text) > MESSAGE_TEXT:
        yield Problem("/text", "msg_too_long", f"has over {MESSAGE_TEXT:,} characters")
    elif length(text) > MESSAGE_TEXT_SOFT:
        yield Problem(
            "/text", "text_above_recommended", f"keep to {MESSAGE_TEXT_SOFT:,} characters"
        )


def _dicts(blocks: object) -> list[dict[str, Any]]:
    return [b for b in blocks if isinstance(b, dict)] if isinstance(blocks, list | tuple) else []


def _parts(block: Mapping[str, Any]) -> list[dict[str, Any]]:
    return _dicts([*_dicts(block.get("elements")), block.get("accessory"), block.get("element")])


def _repeated_ids(blocks: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
    """A block_id stands once in a payload, an action_id once in a block (Slack's page “Blocks”)."""
    yield from _repeated([block.get("block_id") for block in blocks], "/blocks", "block_id")
    for index, block in enumerate(blocks):
        ids = [part.get("action_id") for part in _parts(block)]
        yield from _repeated(ids, below("/blocks", index), "action_id")


def _repeated(ids: Sequence[object], at: str, key: str) -> Iterator[Problem]:
    for name, count in Counter(i for i in ids if isinstance(i, str)).items():
        if count > 1:
            yield Problem(at, f"duplicate_{key}", f"has {key} “{name}” {count} times")
