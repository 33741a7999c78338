"""Trusted markup. `Mrkdwn` is what Slack shall act on; a `str` is never that, wherever it comes from.

Only the functions here make `Mrkdwn`, and each makes the text it is given inert. So a tag or a host name cannot get
into a message as markup by accident: where a builder takes `str | Mrkdwn`, a `str` is shown as it is.
Source: Slack, “Formatting text for app surfaces”.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, LiteralString

from bot.chatops import inert
from bot.chatops.shapes import length
from bot.core.wording import in_utc as moment_in_words

_TEXT: Final = 300  # the longest value of AWS that we show inside a sentence; a tag has at most 256
_SECTION: Final = 3000  # what Slack takes in one section
# Slack makes a code span only of what stands between spaces or punctuation. Glued to a word, backticks are shown,
# and what is between them is formatted: so these two must agree.
_SPAN: Final = re.compile(r"(?<![^\s(“])`([^`]+)`(?![^\s.,:;!?)”])")
# A code span needs a space or punctuation on both sides.
_ARN: Final = re.compile(
    r"(?<![^\s(“])(arn:aws[a-z-]*:[A-Za-z0-9:/._+=@*-]*[A-Za-z0-9*])(?=[\s).,;:”]|$)"
)
_MOMENT: Final = re.compile(r"\b(\d{4}-\d\d-\d\d \d\d:\d\d UTC)\b", re.ASCII)
_OPEN_END: Final = re.compile(r"(?:<[^>]*|&[a-z]{0,4})\Z")


@dataclass(frozen=True, slots=True)
class Mrkdwn:
    """Markup that is safe to send as mrkdwn. Never made of anything but what this module makes."""

    source: str

    def cut(self, limit: int) -> str:
        """The source in at most `limit` characters: whole lines, then how many more there are."""
        if length(self.source) <= limit:
            return self.source
        lines = self.source.split("\n")
        for kept in range(len(lines) - 1, 0, -1):
            shown = "\n".join([*lines[:kept], f"… and {len(lines) - kept} more lines"])
            if length(shown) <= limit:
                return shown
        start = _OPEN_END.sub("", inert.cut(lines[0], limit - 1).removesuffix("…"))
        return start + ("`" if start.count("`") % 2 else "") + "…"


Text = str | Mrkdwn


def markup(template: LiteralString, **values: Text | float) -> Mrkdwn:
    """Our own words with values in them: `markup("*{n}* nodes of {name}", n=3, name=tag)`.

    The template is a literal (a test holds every call to it); a `str` in it is made inert, a number may
    have a format.
    """
    return Mrkdwn(template.format(**{key: _value(value) for key, value in values.items()}))


def prose(words: str) -> Mrkdwn:
    """A sentence, foreign names in it made inert; a command between backticks is a code span, to be copied."""
    parts = _SPAN.split(words)
    return Mrkdwn(
        "".join(
            inert.code(part, _SECTION) if index % 2 else _with_arns(part)
            for index, part in enumerate(parts)
        )
    )


def timed(words: str) -> Mrkdwn:
    """Like `prose`, with the moments that our own words name ("2026-11-23 14:05 UTC") in the reader's own zone."""
    parts = enumerate(_MOMENT.split(words))
    return Mrkdwn(
        "".join(_moment(part) if index % 2 else prose(part).source for index, part in parts)
    )


def _moment(text: str) -> str:
    try:
        return date(datetime.strptime(text, "%Y-%m-%d %H:%M UTC").replace(tzinfo=UTC)).source
    except ValueError:  # only like one
        return prose(text).source


def _with_arns(part: str) -> str:
    """Inert text in which ARNs are code spans: people copy them, and look-alikes of their colons would spoil them."""
    return "".join(
        inert.code(piece, _SECTION) if index % 2 else _edges(piece)
        for index, piece in enumerate(_ARN.split(part))
    )


def bold(text: str) -> Mrkdwn:
    """Bold text. Slack wants a space or punctuation on both sides of it."""
    return Mrkdwn(f"*{inert.mrkdwn(text, _TEXT)}*")


def code(text: str) -> Mrkdwn:
    """A code span: for ids and names that people copy. Slack wants a space or punctuation beside it."""
    return Mrkdwn(inert.code(text, _TEXT))


def date(moment: datetime, *, lead: LiteralString = "") -> Mrkdwn:
    """A moment in the reader's own zone, in UTC where Slack cannot do that. Raises ValueError without a zone.

    `lead` are words of ours before it: Slack writes “Today” at the start of a date, and “today” within one.
    """
    shown = f"{lead}{{date_short_pretty}} at {{time}}"
    return Mrkdwn(f"<!date^{timestamp(moment)}^{shown}|{lead}{in_utc(moment)}>")


def utc(moment: datetime) -> Mrkdwn:
    """A moment in UTC, for markup in which nothing is in the reader's own zone. Raises ValueError without a zone."""
    return Mrkdwn(in_utc(moment))


def ago(moment: datetime) -> Mrkdwn:
    """How long ago a moment was, kept current by Slack; in UTC where Slack cannot do that."""
    return Mrkdwn(f"<!date^{timestamp(moment)}^{{ago}}|{in_utc(moment)}>")


def user(user_id: str) -> Mrkdwn:
    """A person by Slack id, shown by name; pings them in a channel. Raises ValueError for anything else."""
    return Mrkdwn(f"<@{_id(user_id, 'UW')}>")


def usergroup(group_id: str) -> Mrkdwn:
    """A user group by Slack id, shown by name; pings its members. Raises ValueError for anything else.

    Only ids of the configuration get here: `mentions` in cards.py is the one caller, and a test holds it.
    """
    return Mrkdwn(f"<!subteam^{_id(group_id, 'S')}>")


def channel(channel_id: str) -> Mrkdwn:
    """A channel by Slack id, shown by name. Raises ValueError for anything else."""
    return Mrkdwn(f"<#{_id(channel_id, 'CG')}>")


def link(url: str, label: str) -> Mrkdwn:
    """A link to an address of ours. Raises ValueError where it is not http(s) or could end the link early."""
    if not re.fullmatch(r"https?://[^\s<>|]+", url):
        raise ValueError("a link needs an http or https address")
    return Mrkdwn(f"<{url.replace('&', '&amp;')}|{inert.mrkdwn(label, _TEXT)}>")


def join(separator: LiteralString, parts: Iterable[Text]) -> Mrkdwn:
    """Parts with our own separator between them: `join(" · ", names)`, `join("\\n", lines)`."""
    return Mrkdwn(separator.join(str(_value(part)) for part in parts))


def in_utc(moment: datetime) -> str:
    """`2026-11-23 14:05 UTC`. Raises ValueError for a moment without a zone."""
    timestamp(moment)
    return moment_in_words(moment)


def timestamp(moment: datetime) -> int:
    """Seconds since 1970. Raises ValueError for a moment without a zone: it could be any of 24."""
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return int(moment.timestamp())


def _value(value: Text | float) -> str | float:
    if isinstance(value, Mrkdwn):
        return value.source
    return inert.mrkdwn(value, _TEXT) if isinstance(value, str) else value


def _edges(part: str) -> str:
    """Inert text that keeps the spaces at its ends."""
    left = " " if part[:1] == " " else ""
    right = " " if part[1:] and part[-1:] == " " else ""
    return f"{left}{inert.escape_fallback(part, _SECTION)}{right}"


def _id(value: str, kinds: str) -> str:
    if not re.fullmatch(rf"[{kinds}][A-Z0-9]{{1,254}}", value):
        raise ValueError(f"no Slack id that starts with one of {kinds}")
    return value
