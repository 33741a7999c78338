"""Builders of the blocks a message is made of. What they return, Slack takes.

A `str` is untrusted and shown as plain text, cut with “…” where it must be; `Mrkdwn` is our own markup
(`markup.py`). Counts, ids and values are not cut, because that would change what they mean: too many of them is a
fault of the caller and raises ValueError. Lists that may be long go through `fit`, which says how many are left.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar

from bot.chatops import sizes
from bot.chatops.block_shapes import BLOCKS
from bot.chatops.element_shapes import ELEMENTS
from bot.chatops.inert import plain
from bot.chatops.limits import size
from bot.chatops.markup import Mrkdwn, Text, in_utc, timestamp
from bot.chatops.shapes import Check

Block: TypeAlias = dict[str, Any]
Element: TypeAlias = dict[str, Any]
T = TypeVar("T")

CELL_TEXT: Final = 256  # the longest value of a tag


@dataclass(frozen=True, slots=True)
class Styled:
    """Untrusted text in one style, for rich text and table cells; made by `strong` and `mono`."""

    text: str
    style: Literal["bold", "code"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its title, its alignment, and whether long cells are wrapped or cut by Slack."""

    title: str
    align: Literal["left", "center", "right"] = "left"
    wrap: bool = False


@dataclass(frozen=True, slots=True)
class Fitted(Generic[T]):
    """What of a list is shown, and how many items are left. Say so: nothing is ever cut silently."""

    shown: tuple[T, ...]
    left: int


Piece: TypeAlias = str | Styled | datetime
Cell: TypeAlias = Piece | int | float | None


def header(text: str) -> Block:
    """A title line."""
    return block("header", text=plain_text(text, sizes.HEADER_TEXT))


def section(text: Text, *, accessory: Element | None = None, block_id: str | None = None) -> Block:
    """A paragraph, with a button, menu or image at its right if wanted."""
    shown = text_object(text, sizes.TEXT)
    return block("section", text=shown, accessory=accessory, block_id=block_id)


def fields(texts: Sequence[Text]) -> tuple[Block, ...]:
    """Short texts in two columns: as many sections as it takes, ten texts in each."""
    shown = [text_object(text, sizes.FIELD_TEXT) for text in texts]
    return tuple(
        block("section", fields=shown[start : start + sizes.FIELDS])
        for start in range(0, len(shown), sizes.FIELDS)
    )


def context(*texts: Text) -> Block:
    """Small print: one to ten texts in a row."""
    return block("context", elements=[text_object(text, sizes.TEXT) for text in texts])


def actions(*elements: Element, block_id: str | None = None) -> Block:
    """A row of 1 to 25 buttons and menus."""
    return block("actions", elements=list(elements), block_id=block_id)


def divider() -> Block:
    """A line across."""
    return block("divider")


def picture(place: str, alt_text: str, *, title: str | None = None) -> Block:
    """A picture of the card (`Picture.place`), or a file of Slack's by its id, with what it shows in words."""
    return block(
        "image",
        slack_file={"id": place},
        alt_text=plain(alt_text, sizes.ALT_TEXT),
        title=None if title is None else plain_text(title, sizes.ALT_TEXT),
    )


def rich_text(*pieces: Piece) -> Block:
    """A paragraph of untrusted text in which only what we style has a style."""
    return block("rich_text", elements=[_rich_section(pieces)])


def bullets(items: Sequence[Sequence[Piece]]) -> Block:
    """A list, one item per sequence of pieces. `fit` the items first."""
    listed = {
        "type": "rich_text_list",
        "style": "bullet",
        "elements": [_rich_section(item) for item in items],
    }
    return block("rich_text", elements=[listed])


def table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell]],
    *,
    budget: int = sizes.MESSAGE_SIZE // 2,
) -> tuple[Block, int]:
    """A table with a title row, and the number of rows that found no room in it.

    `budget` is how many characters of JSON it may take. Every row needs as many cells as there are columns.
    """
    if any(len(row) != len(columns) for row in rows):
        raise ValueError(f"a row has not {len(columns)} cells")
    titles = [_cell(column.title) for column in columns]
    settings = [{"align": column.align, "is_wrapped": column.wrap} for column in columns]
    empty = block("table", rows=[titles], column_settings=settings)
    cells = fit(
        [[_cell(value) for value in row] for row in rows],
        budget=budget - size(empty),
        at_most=sizes.TABLE_ROWS - 1,
    )
    return block("table", rows=[titles, *cells.shown], column_settings=settings), cells.left


def fit(
    items: Sequence[T],
    *,
    budget: int,
    at_most: int,
    rendered: Callable[[T], object] = lambda item: item,
) -> Fitted[T]:
    """The first items whose rendered JSON stays within `budget` characters, and how many are left."""
    used = 0
    shown: list[T] = []
    for item in items[:at_most]:
        used += size(rendered(item)) + 1
        if used > budget:
            break
        shown.append(item)
    return Fitted(tuple(shown), len(items) - len(shown))


def room(blocks: Sequence[Mapping[str, Any]]) -> int:
    """How many characters of JSON a message still has room for beside these blocks."""
    return sizes.MESSAGE_SIZE - size(list(blocks)) - 1


def strong(text: str) -> Styled:
    """Bold, in rich text and table cells."""
    return Styled(text, "bold")


def mono(text: str) -> Styled:
    """As code, in rich text and table cells."""
    return Styled(text, "code")


def button(
    text: str,
    *,
    action_id: str,
    value: str | None = None,
    style: Literal["primary", "danger"] | None = None,
    confirm: Element | None = None,
    label: str | None = None,
    url: str | None = None,
) -> Element:
    """A button. `label` is what a screen reader says: give one wherever several buttons have one text."""
    return element(
        "button",
        text=plain_text(text, sizes.BUTTON_TEXT),
        action_id=action_id,
        value=value,
        style=style,
        confirm=confirm,
        accessibility_label=None if label is None else plain(label, sizes.ACCESSIBILITY_LABEL),
        url=url,
    )


def confirm(
    title: str, text: Text, *, yes: str, no: str = "Cancel", danger: bool = False
) -> Element:
    """The dialog that asks again before a click counts. The server checks all the same."""
    shown: Element = {
        "title": plain_text(title, sizes.CONFIRM_TITLE),
        "text": text_object(text, sizes.CONFIRM_TEXT),
        "confirm": plain_text(yes, sizes.CONFIRM_BUTTON),
        "deny": plain_text(no, sizes.CONFIRM_BUTTON),
    }
    return shown | {"style": "danger"} if danger else shown


def plain_text(text: str, limit: int) -> Element:
    """A plain_text object: made inert, no emoji from `:names:`."""
    return {"type": "plain_text", "text": plain(text, limit), "emoji": False}


def text_object(text: Text, limit: int) -> Element:
    """A mrkdwn object of our own markup, a plain_text object of anything else.

    `verbatim` keeps Slack from making links and channels of words that only look like it.
    """
    if isinstance(text, Mrkdwn):
        return {"type": "mrkdwn", "text": text.cut(limit), "verbatim": True}
    return plain_text(text, limit)


def block(kind: str, **members: object) -> Block:
    """A block with the members that are given. Raises ValueError where Slack would refuse it."""
    return _sound(BLOCKS, kind, members)


def element(kind: str, **members: object) -> Element:
    """An element with the members that are given. Raises ValueError where Slack would refuse it."""
    return _sound(ELEMENTS, kind, members)


def _sound(table: Mapping[str, Check], kind: str, members: Mapping[str, object]) -> dict[str, Any]:
    given = {key: value for key, value in members.items() if value is not None}
    problems = list(table[kind](given, ""))
    if problems:
        faults = "; ".join(f"{problem.pointer} {problem.message}" for problem in problems[:3])
        raise ValueError(f"Slack would refuse this {kind}: {faults}")
    return {"type": kind, **given}


def _rich_section(pieces: Sequence[Piece]) -> Element:
    """Pieces with a space between each two, because a piece has none at its ends."""
    space: Element = {"type": "text", "text": " "}
    spaced = [part for piece in pieces for part in (space, _rich(piece))]
    return {"type": "rich_text_section", "elements": spaced[1:]}


def _rich(piece: Piece) -> Element:
    if isinstance(piece, datetime):
        return {
            "type": "date",
            "timestamp": timestamp(piece),
            "format": "{date_short_pretty} {time}",
            "fallback": in_utc(piece),
        }
    if isinstance(piece, Styled):
        return {
            "type": "text",
            "text": plain(piece.text, sizes.TEXT),
            "style": {piece.style: True},
        }
    return {"type": "text", "text": plain(piece, sizes.TEXT)}


def _cell(value: Cell) -> Element:
    if isinstance(value, Styled | datetime):
        return {"type": "rich_text", "elements": [_rich_section([value])]}
    if isinstance(value, int | float):
        return {"type": "raw_number", "value": value, "text": f"{value:,}"}
    return {"type": "raw_text", "text": plain(value or "", CELL_TEXT)}
