"""Untrusted text made harmless, one function per place where it may appear.

Tags, host names, patch titles and what people type can neither ping, link, format, hide, break a line nor start
a formula. Characters that a destination would act on are replaced by a look-alike: nothing invisible is added,
and what was invisible is shown as “�”, so two different names never look the same. Every function is pure.
"""

import json
import math
import re
import unicodedata
from typing import Final

from bot.chatops.shapes import length

NOTHING: Final = "-"  # Slack refuses empty texts and cells
_MARKS_IN_A_ROW: Final = (
    4  # more combining marks than any script needs would paint over other lines
)
_UNSEEN: Final = "�"

# Blank or ignorable, though Unicode files them as letters, marks or symbols. U+FE0F stays: emoji need it.
_BLANK_SIGNS: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0e\uffa0\ufff0-\ufff8"
    "\U000e0000-\U000e0fff]"
)
_WHITE: Final = re.compile(r"\s+")
_LOOK_ALIKES: Final = str.maketrans({"*": "∗", "~": "∼", "`": "ˋ", "@": "＠"})
_ENTITIES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# Slack formats at word boundaries only: the underscores of web_servers_1 are left as they are.
_LOOSE_UNDERSCORE: Final = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_CHANNEL_SIGN: Final = re.compile(r"#(?=\w|$)")
_TIME: Final = re.compile(r"[0-9]{1,2}:[0-9]{2}[,.;)]?")
_LABEL: Final = re.compile(r"[^:]+:")
_ACTIVE_COLON: Final = re.compile(r":(?=[^\s:]+:|//)|(?<=mailto):", re.IGNORECASE)
_FORMULA_STARTS: Final = frozenset("=+-@|%−")
_AFTER_SEPARATOR: Final = re.compile(r"(?<=[,;|])")  # of CSV files; a tab is a space by then
_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def plain(text: str, limit: int) -> str:
    """For `plain_text`, `raw_text` and rich text, where Slack formats nothing: one clean line.

    At most `limit` characters, cut with “…”; “-” when nothing is left.
    """
    return cut(_clean(text), limit) or NOTHING


def mrkdwn(text: str, limit: int) -> str:
    """For a place inside mrkdwn: escaped, and no mention, link, emoji or format, wherever it is put.

    Colons go too where they could make an emoji with one of ours (“:fire” before it, “fire:” behind it); the colon
    of a time stays, and that after a word in the middle.
    """
    return _escape(_without_emoji(_disarm(_clean(text))), limit) or NOTHING


def code(text: str, limit: int = 255) -> str:
    """A code span, backticks included, in which the text can be copied as it is (a backtick excepted).

    Slack only makes it a code span beside a space or punctuation, so never join it to a word.
    """
    inside = _escape(_clean(text).replace("`", "ˋ"), limit - 2) or NOTHING
    return f"`{inside}`"


def escape_fallback(text: str, limit: int = 4000) -> str:
    """For the top-level `text` of a message, which Slack reads as mrkdwn: the same, but lines stay lines.

    Put the whole text through it once, as the last step before sending; parts that are not trusted have
    been through `plain` before, else they could add lines. Send it with `parse="none", link_names=False`.
    """
    lines = (_ACTIVE_COLON.sub("∶", _disarm(_clean(line))) for line in text.split("\n"))
    return _escape("\n".join(lines).strip("\n"), limit)


def csv_cell(value: str | float | None) -> str:
    """For one cell of a CSV file: numbers stay numbers, and no spreadsheet takes text for a formula.

    OWASP, “CSV Injection”: what starts like a formula, also in full-width signs, gets an apostrophe. Also within
    the text after a separator: where lists are separated by “;”, Excel splits lines there, our quotes or not.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value) if math.isfinite(value) else ""
    cell = _clean(value)
    if _NUMBER.fullmatch(cell):
        return cell
    return "".join(map(_no_formula, _AFTER_SEPARATOR.split(cell)))


def csv_line(*values: str | float | None) -> str:
    """A line of a CSV file (RFC 4180), every cell quoted. No cell computes anything, whatever separator is assumed."""
    return ",".join('"' + csv_cell(value).replace('"', '""') + '"' for value in values) + "\r\n"


def terminal(text: str) -> str:
    """For a terminal: one line without control sequences. Hand it to rich as `Text`, never as markup."""
    return _clean(text)


def log(text: str, limit: int = 2000) -> str:
    """For a log record: one line in which everything unprintable is written out, as in a Python string."""
    if not text.isprintable() or "\\" in text:
        text = "".join(
            char if char.isprintable() and char != "\\" else _written_out(char)
            for char in text[: limit + 1]
        )
    return cut(text, limit)


def json_text(document: str) -> str:
    """JSON for a terminal: everything unprintable in it as an escape, so that it means the same and moves no cursor."""
    if document.isprintable():
        return document
    return "".join(
        char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in document
    )


def cut(text: str, limit: int) -> str:
    """The text, or as much of it as fits into `limit` characters with a “…” at its end."""
    if length(text) <= limit:
        return text
    return _fitting(text, limit)


def _clean(text: str) -> str:
    """One line of NFC text: white space of any kind is a space, the invisible and the broken shows as “�”."""
    text = _WHITE.sub(" ", unicodedata.normalize("NFC", text)).strip()
    if text.isascii() and text.isprintable():
        return text
    shown: list[str] = []
    marks = 0
    for char in _BLANK_SIGNS.sub(_UNSEEN, text):
        category = unicodedata.category(char)
        marks = marks + 1 if category[0] == "M" else 0
        if category in ("Cc", "Cf", "Cs", "Co"):
            shown.append(_UNSEEN)
        elif marks <= _MARKS_IN_A_ROW:
            shown.append(char)
    return "".join(shown)


def _disarm(line: str) -> str:
    """Look-alikes for what mrkdwn acts on. Slack takes “&gt;” at the start of a line for a quote, too."""
    line = _LOOSE_UNDERSCORE.sub("ˍ", _CHANNEL_SIGN.sub("＃", line.translate(_LOOK_ALIKES)))
    return "›" + line[1:] if line.startswith(">") else line


def _without_emoji(line: str) -> str:
    words = line.split(" ")
    inner = range(1, len(words) - 1)
    return " ".join(
        word
        if _TIME.fullmatch(word) or (at in inner and _LABEL.fullmatch(word))
        else word.replace(":", "∶")
        for at, word in enumerate(words)
    )


def _escape(text: str, limit: int) -> str:
    """`&`, `<`, `>` as entities (Slack, “Formatting text”), cut so that no entity is cut in two."""
    pieces = [_ENTITIES.get(char, char) for char in text]
    whole = "".join(pieces)
    return whole if length(whole) <= limit else _fitting(pieces, limit)


def _fitting(pieces: str | list[str], limit: int) -> str:
    """As many pieces as leave room for “…”, and no space before it."""
    used, taken = 1, []
    for piece in pieces:
        used += length(piece)
        if used > limit:
            break
        taken.append(piece)
    return ("".join(taken).rstrip() + "…")[:limit]


def _no_formula(text: str) -> str:
    """The text with an apostrophe before it where it starts like a formula, be it after quotes and spaces."""
    start = unicodedata.normalize("NFKC", text.lstrip('" ')[:1])[:1]
    return f"'{text}" if start in _FORMULA_STARTS else text


def _written_out(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
