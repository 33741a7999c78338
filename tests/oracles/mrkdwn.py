"""A reference reader of Slack's mrkdwn, written apart from the product and quicker than Slack to see a token.

It follows Slack's page “Formatting text for app surfaces”. Where Slack's own behaviour is not written down
(does a colon pair inside a word make an emoji?), it says yes: text in which it finds nothing is inert.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_WORDS = {
    "control": re.compile(r"<[^<>\n]*>"),
    "link": re.compile(r"(?i)[a-z][a-z0-9+.-]*://[^\s|<>]+|mailto:\S+|[\w.+-]+@[\w-]+\.\w+"),
    "mention": re.compile(r"@\w+"),
    "channel": re.compile(r"#\w+"),
    "emoji": re.compile(r":[\w+'-]+:"),
}
_QUOTE = re.compile(r"(?m)^(?:>|&gt;)")


@dataclass(frozen=True)
class Token:
    """Something Slack would show otherwise than as the characters that were sent."""

    kind: str
    text: str


def tokens(text: str) -> list[Token]:
    """All tokens of a text, in the order in which they begin; what stands inside formats is read too."""
    found = [Token("quote", match.group()) for match in _QUOTE.finditer(text)]
    for line in text.split("\n"):
        found.extend(_line(line))
    return found


def _line(line: str) -> Iterator[Token]:
    at = 0
    while at < len(line):
        if line[at] == "`" and (end := _code_end(line, at)):
            yield Token("code", line[at:end])
            at = end
        elif found := _word(line, at):
            yield found
            at += len(found.text)
        else:
            if line[at] in "*_~" and (end := _format_end(line, at)):
                yield Token(f"format {line[at]}", line[at:end])
            at += 1


def _word(line: str, at: int) -> Token | None:
    """What begins here and is one piece: links, mentions, emoji."""
    for kind, pattern in _WORDS.items():
        if match := pattern.match(line, at):
            return Token(kind, match.group())
    return None


def _code_end(line: str, start: int) -> int:
    end = line.find("`", start + 1)
    return end + 1 if end > start + 1 else 0


def _format_end(line: str, start: int) -> int:
    """Where the format that opens here closes, or 0: markers stand at the edges of words."""
    mark = line[start]
    if start and line[start - 1].isalnum():
        return 0
    for end in range(start + 2, len(line)):
        closes = line[end] == mark and not line[end - 1].isspace()
        if closes and not line[end + 1 : end + 2].isalnum() and not line[start + 1].isspace():
            return end + 1
    return 0
