"""The blocks of Block Kit we use, with rich text and tables, as one table of shapes.

Sources: Slack's Block Kit reference, the page of each block. A block that is not in `BLOCKS` is refused.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from bot.chatops.element_shapes import (
    ELEMENTS,
    IDENTIFIER,
    SLACK_FILE,
    WEB_ADDRESS,
    plain_text,
    text_object,
)
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
    number,
    record,
    text,
    variant,
)
from bot.chatops.sizes import (
    ACTIONS_ELEMENTS,
    ALT_TEXT,
    CONTEXT_ELEMENTS,
    FIELD_TEXT,
    FIELDS,
    HEADER_TEXT,
    ID,
    INPUT_LABEL,
    LIST_INDENT,
    MARKDOWN_TEXT,
    TABLE_COLUMNS,
    TABLE_ROWS,
    TEXT,
)


def _elements(*without: str) -> Check:
    return variant(
        {kind: check for kind, check in ELEMENTS.items() if kind not in without}, "element"
    )


_LOOK = {
    "style": record({}, dict.fromkeys(("bold", "code", "italic", "strike", "underline"), flag))
}
_RICH_TEXT = record({"text": text(TEXT, blank=True)}, _LOOK)
_RICH_LINK = record({"url": WEB_ADDRESS}, {**_LOOK, "text": text(TEXT), "unsafe": flag})
# No “broadcast”: nothing we send may call a whole channel.
_RICH_INLINE = variant(
    {
        "text": _RICH_TEXT,
        "link": _RICH_LINK,
        "user": record({"user_id": IDENTIFIER}, _LOOK),
        "usergroup": record({"usergroup_id": IDENTIFIER}, _LOOK),
        "channel": record({"channel_id": IDENTIFIER}, _LOOK),
        "emoji": record({"name": text(ID)}, {**_LOOK, "unicode": text(ID)}),
        "date": record(
            {"timestamp": integer(0, 10**11), "format": text(TEXT)},
            {**_LOOK, "url": WEB_ADDRESS, "fallback": text(TEXT)},
        ),
    },
    "rich text element",
)
_BORDER = {"border": integer(0, 1)}
_RICH_SECTION = record({"elements": array(_RICH_INLINE, 1, 1000)})
_RICH_PARTS = variant(
    {
        "rich_text_section": _RICH_SECTION,
        "rich_text_list": record(
            {
                "style": choice("bullet", "ordered"),
                "elements": array(variant({"rich_text_section": _RICH_SECTION}, "item"), 1, 1000),
            },
            {**_BORDER, "indent": integer(0, LIST_INDENT)},
        ),
        "rich_text_quote": record({"elements": array(_RICH_INLINE, 1, 1000)}, _BORDER),
        "rich_text_preformatted": record(
            {
                "elements": array(
                    variant({"text": _RICH_TEXT, "link": _RICH_LINK}, "rich text element"), 1, 1000
                )
            },
            _BORDER,
        ),
    },
    "part of a rich text",
)
_RICH = {"elements": array(_RICH_PARTS, 1, 1000)}

_CELL = variant(
    {
        "raw_text": record({"text": text(TEXT, blank=True)}),
        "raw_number": record({"value": number, "text": text(TEXT)}),
        "rich_text": record(_RICH),
    },
    "table cell",
)


def _rows_agree(value: Any, at: str) -> Iterator[Problem]:
    """Every row is as wide as the first, and no column has a setting without being there."""
    width = len(value["rows"][0])
    for index, row in enumerate(value["rows"]):
        if len(row) != width:
            yield Problem(
                below(below(at, "rows"), index),
                "uneven_row",
                f"has {len(row)} cells where the first row has {width}",
            )
    if len(value.get("column_settings", ())) > width:
        yield Problem(below(at, "column_settings"), "too_many", f"the table has {width} columns")


_BLOCK = {"block_id": IDENTIFIER}

BLOCKS: Final[Mapping[str, Check]] = {
    "actions": record(
        {
            "elements": array(
                _elements("image", "plain_text_input", "number_input"), 1, ACTIONS_ELEMENTS
            )
        },
        _BLOCK,
    ),
    "context": record(
        {
            "elements": array(
                variant(
                    {
                        "image": ELEMENTS["image"],
                        "mrkdwn": record({"text": text(TEXT)}, {"verbatim": flag}),
                        "plain_text": record({"text": text(TEXT)}, {"emoji": flag}),
                    },
                    "element of a context",
                ),
                1,
                CONTEXT_ELEMENTS,
            )
        },
        _BLOCK,
    ),
    "divider": record({}, _BLOCK),
    "header": record({"text": plain_text(HEADER_TEXT)}, _BLOCK),
    "image": record(
        {"alt_text": text(ALT_TEXT)},
        {
            **_BLOCK,
            "title": plain_text(ALT_TEXT),
            "image_url": WEB_ADDRESS,
            "slack_file": SLACK_FILE,
        },
        exactly_one("image_url", "slack_file"),
    ),
    "input": record(
        {
            "label": plain_text(INPUT_LABEL),
            "element": _elements("button", "image", "overflow"),
        },
        {**_BLOCK, "hint": plain_text(INPUT_LABEL), "optional": flag, "dispatch_action": flag},
    ),
    "markdown": record({"text": text(MARKDOWN_TEXT)}, _BLOCK),
    "rich_text": record(_RICH, _BLOCK),
    "section": record(
        {},
        {
            **_BLOCK,
            "text": text_object(TEXT),
            "fields": array(text_object(FIELD_TEXT), 1, FIELDS),
            "accessory": _elements("plain_text_input", "number_input", "datetimepicker"),
            "expand": flag,
        },
        at_least_one("text", "fields"),
    ),
    "table": record(
        {"rows": array(array(_CELL, 1, TABLE_COLUMNS), 1, TABLE_ROWS)},
        {
            **_BLOCK,
            "column_settings": array(
                record({}, {"align": choice("left", "center", "right"), "is_wrapped": flag}),
                1,
                TABLE_COLUMNS,
            ),
        },
        _rows_agree,
    ),
}
