"""The grammar of a sentence: `<command> [environment] [bare words] [key:value …]`.

Typed in Slack or a terminal, or carried by a button. Case of command and keys does not matter, that of values is
kept. Values with spaces stand in quotes: `os:"Amazon Linux 2023"`. What phones, word processors and Slack make of
typed text (curly quotes, odd spaces, long dashes, links, mentions) is undone; what stands in straight quotes is
taken as it is, except for Slack's own markup.

A key is two or more letters, `-` and `_`, with a colon and no space after it. Three rules settle the doubtful cases:
- `severity: critical` is an option only if the command knows `severity`; else `note:` is a word like any other;
- what starts like an address or a name of AWS (`NO_KEYS`: arn:, https:, …) is a word, unless the command knows the key;
- what is quoted as a whole (`"web:1"`) is a word.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Final

from bot.core.errors import UsageError

LONGEST: Final = 4_000
NO_KEYS: Final = frozenset(
    {"arn", "aws", "file", "ftp", "http", "https", "mailto", "slack", "ssm", "tel", "urn"}
)

_INVISIBLE: Final = "\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
_DOUBLE: Final = '"“”„‟«»'
_SINGLE: Final = "'‘’‚‛"
_STRAIGHT: Final = str.maketrans(dict.fromkeys(_DOUBLE, '"') | dict.fromkeys(_SINGLE, "'"))
_ENTITIES: Final = {"&amp;": "&", "&lt;": "<", "&gt;": ">"}

_GAP: Final = re.compile(rf"[\s{_INVISIBLE}]*")
_KEY: Final = re.compile(r"([A-Za-z][A-Za-z_-]+)[:：]")
_MARKUP: Final = re.compile(r"<([@#!]?)([^<>|\s]+)(?:\|([^<>]*))?>")
_BARE: Final = re.compile(rf"(?:{_MARKUP.pattern}|\S)+")
_ENTITY: Final = re.compile("|".join(_ENTITIES))
_QUOTED: Final = {
    opening: re.compile(rf"[{family}]((?:\\.|[^\\])*?)[{family}](?=[\s{_INVISIBLE}]|$)", re.DOTALL)
    for family in (_DOUBLE, _SINGLE)
    for opening in family
}
_ESCAPED: Final = re.compile(rf"\\([\\{_DOUBLE}{_SINGLE}])")
_TO_ESCAPE: Final = re.compile(rf"[\\{_DOUBLE}]")
_NEEDS_NO_QUOTES: Final = re.compile(r"[\w./@+=#,%^()-][\w./@+=#,%^():-]*")


class GrammarError(UsageError):
    """The text is no sentence: an open quote, a doubled key, a NUL, or far too much of it."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """What was asked. `options` are (key, value) pairs in the order they were given, each key once."""

    command: str = ""
    words: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    raw: str = field(default="", compare=False)


def parse(text: str, *, keys: Collection[str] = ()) -> Sentence:
    """The sentence in `text`; `keys` are the options that the command knows.

    An unknown key is kept as an option, so that the command can refuse it by name. A leading `/patch` is
    dropped. Raises GrammarError, and nothing else, for an open quote, a key given twice, a NUL or a text
    of more than 4,000 characters.
    """
    if len(text) > LONGEST:
        raise GrammarError(
            f"That is {len(text):,} characters long.", hint=f"Keep it under {LONGEST:,}."
        )
    if "\0" in text:
        raise GrammarError("There is a NUL character in that.", hint="Type it anew.")
    words: list[str] = []
    options: dict[str, str] = {}
    for key, value in _parts(text, keys):
        if key is None:
            words.append(value)
        elif key in options:
            raise GrammarError(f"“{key}:” is given twice.", hint="Give each option once.")
        else:
            options[key] = value
    command = words.pop(0).casefold() if words else ""
    return Sentence(command, tuple(words), tuple(options.items()), text)


def format_sentence(sentence: Sentence) -> str:
    """The sentence as text, for a button or a hint: parsed again (with the same keys) it is the same sentence."""
    words = [sentence.command] if sentence.command or sentence.words else []
    parts = [_word(word) for word in (*words, *sentence.words)]
    parts += [f"{key}:{_quoted(value)}" for key, value in sentence.options]
    return " ".join(parts)


def repair(text: str) -> str:
    """Typed text as it was meant: straight quotes, plain spaces, `--` for a long dash, no Slack markup.

    Users, channels and user groups become their ids (`<@U123|ana>` is `U123`), links what was typed for them.
    """
    text = re.sub(rf"[{_INVISIBLE}]", "", text).translate(_STRAIGHT)
    text = re.sub(r"(?<!\S)[—–](?=[A-Za-z])", "--", re.sub(r"\s", " ", text))
    return _without_markup(text)


def _parts(text: str, keys: Collection[str]) -> Iterator[tuple[str | None, str]]:
    """Words as (None, word) and options as (key, value), in order."""
    at = _skip(text, 0)
    if text[at : at + 6].casefold() == "/patch" and _gap_at(text, at + 6):
        at = _skip(text, at + 6)
    while at < len(text):
        key, start = _key(text, at, keys)
        spaced = key is not None and _gap_at(text, start)
        if spaced and _key(text, start := _skip(text, start), keys)[0] is not None:
            value, at = "", start
        else:
            value, at = _value(text, start)
        yield key, value
        at = _skip(text, at)


def _key(text: str, at: int, keys: Collection[str]) -> tuple[str | None, int]:
    """The option key that stands here, and where its value starts; None and `at` where a word starts."""
    match = _KEY.match(text, at)
    if match is None:
        return None, at
    name = match[1].casefold()
    if name not in keys and name.replace("-", "_") in keys:
        name = name.replace("-", "_")
    if name not in keys and (name in NO_KEYS or _gap_at(text, match.end())):
        return None, at
    return name, match.end()


def _value(text: str, at: int) -> tuple[str, int]:
    """The quoted or bare value that starts here, and where it ends."""
    opening = text[at : at + 1]
    if opening in _QUOTED:
        match = _QUOTED[opening].match(text, at)
        if match is None:
            raise GrammarError(
                f"The quote before “{text[at + 1 : at + 21]}” is never closed.",
                hint="Close it with the same kind of quote, followed by a space.",
            )
        inside = _ESCAPED.sub(r"\1", match[1])
        return (_without_markup(inside) if opening in "\"'" else repair(inside)), match.end()
    match = _BARE.match(text, at)
    return (repair(match[0]), match.end()) if match else ("", at)


def _without_markup(text: str) -> str:
    return _ENTITY.sub(lambda match: _ENTITIES[match[0]], _MARKUP.sub(_meant, text))


def _meant(markup: re.Match[str]) -> str:
    """What a person typed to make Slack write this (Slack, “Formatting text”, and “Slash commands” on escaping)."""
    sign, target, label = markup.groups()
    if sign in ("@", "#"):
        return target
    if sign == "!":
        return target.removeprefix("subteam^") if target.startswith("subteam^") else f"@{target}"
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", target):
        return markup[0]
    return label or target.removeprefix("mailto:")


def _word(word: str) -> str:
    return f'"{word}"' if _KEY.match(word) and _bare(word) else _quoted(word)


def _quoted(value: str) -> str:
    """The value, in quotes where it needs them, so that `parse` gives it back unchanged."""
    if _bare(value):
        return value
    value = re.sub(r"&(?=(amp|lt|gt);)", "&amp;", value)
    if _MARKUP.search(value):
        value = value.replace("<", "&lt;")
    return '"' + _TO_ESCAPE.sub(r"\\\g<0>", value) + '"'


def _bare(value: str) -> bool:
    return bool(_NEEDS_NO_QUOTES.fullmatch(value)) and value.casefold() != "/patch"


def _skip(text: str, at: int) -> int:
    match = _GAP.match(text, at)
    return match.end() if match else at


def _gap_at(text: str, at: int) -> bool:
    return at >= len(text) or _skip(text, at) > at
