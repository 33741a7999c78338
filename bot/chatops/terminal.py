"""The parts from which commands build their answers for a terminal, in rich.

Whatever comes from AWS or from people goes in through `inert.terminal` and as `Text`, so that neither control
sequences nor rich's own markup work in it. Colour only repeats what a word says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bot.chatops import inert
from bot.chatops.context import Context
from bot.core.errors import PatchbotError, UsageError
from bot.core.judgement import Status
from bot.core.reports import GapRow
from bot.core.summaries import about_gap
from bot.core.wording import ago, counted

STATUS_STYLES = {
    Status.COMPLIANT: "green",
    Status.NON_COMPLIANT: "bold red",
    Status.UNKNOWN: "yellow",
    Status.STOPPED: "dim",
}

NOTHING = Group()
LONGEST_ID = len("mi-0123456789abcdef0")

_YOUNG = timedelta(minutes=1)  # nobody asks whether this is from the cache
_COMMAND = re.compile(r"`([^`]+)`")


def text(words: str, style: str = "") -> Text:
    """Any text, made harmless, on one line."""
    return Text(inert.terminal(words), style)


def prose(words: str, style: str = "") -> Text:
    """A sentence of ours, maybe with foreign names in it; what stands between backticks is shown as a command."""
    shown = Text(style=style)
    for index, part in enumerate(_COMMAND.split(words)):
        clean = inert.terminal(f"|{part}|")[1:-1]
        shown.append(clean, "cyan" if index % 2 else None)
    return shown


def cell(value: object) -> Text:
    """A value for a table: numbers with their separators, the rest made harmless."""
    if isinstance(value, int | float):
        return Text(f"{value:,}")
    return text(str(value))


def lines(*texts: Text) -> Text:
    """Texts one below the other in one cell."""
    return Text("\n").join(texts)


def labelled(label: str, parts: Sequence[str]) -> RenderableType:
    """ "Wants a look: 3 pending reboot · 2 stopped"; nothing without parts."""
    return prose(f"{label}: {' · '.join(parts)}") if parts else NOTHING


def stack(*parts: RenderableType) -> RenderableType:
    """Parts one below the other, those that are empty left out."""
    return Group(*(part for part in parts if part is not NOTHING))


def bullets(sentences: Iterable[str], sign: str = "•") -> Table:
    """Sentences one below the other, each with its sign; lines that wrap stay beside it."""
    return _signed((sign, sentence) for sentence in sentences)


def numbered(sentences: Sequence[str]) -> RenderableType:
    """Steps in their order; a single one needs no number."""
    if len(sentences) == 1:
        return prose(sentences[0])
    return _signed((f"{number}.", sentence) for number, sentence in enumerate(sentences, 1))


def _signed(lines: Iterable[tuple[str, str]]) -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for sign, sentence in lines:
        grid.add_row(Text(sign), prose(sentence))
    return grid


def columns(*names: str, right: Sequence[str] = (), fixed: Sequence[str] = ()) -> Table:
    """An empty table with a head; columns named in `right` hold numbers, those in `fixed` instance ids."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for name in names:
        table.add_column(
            name,
            justify="right" if name in right else "left",
            no_wrap=name in right,
            min_width=LONGEST_ID if name in fixed else None,
            overflow="fold",
        )
    return table


def facts(rows: Iterable[tuple[str, str | Text]]) -> Table:
    """Names with their values, those without a value left out."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows:
        if value:
            grid.add_row(text(name), text(value) if isinstance(value, str) else value)
    return grid


def section(title: str, body: RenderableType) -> Group:
    """A part of an answer under its heading, one line away from what is above."""
    return Group("", Text(title, "bold"), body)


def zone(context: Context) -> tzinfo:
    """The time zone of whoever asks; UTC where its name means nothing here."""
    try:
        return ZoneInfo(context.person.timezone)
    except (ValueError, OSError, KeyError):
        return UTC


def moment(when: datetime, context: Context) -> str:
    """A moment in the time of whoever asks: "2026-11-23 15:05 CET"."""
    return when.astimezone(zone(context)).strftime("%Y-%m-%d %H:%M %Z")


def read_line(as_of: datetime, source: str, context: Context) -> Text:
    """How old the answer is, and where it is from the cache, how to have a new one."""
    told = f"Read {ago(as_of, context.now)} ({moment(as_of, context)})"
    if source == "cache" and context.now - as_of >= _YOUNG:
        told += ", from the cache; `refresh` reads again."
    return prose(told, "dim")


def gaps(rows: Sequence[GapRow], context: Context) -> RenderableType:
    """What could not be read, loud and first; nothing when all was read."""
    if not rows:
        return NOTHING
    lines = [about_gap(row, context.now) for row in rows]
    return Group(
        Text(f"! Not everything could be read: {counted(len(rows), 'gap')}", "bold yellow"),
        Padding(bullets(lines), (0, 0, 0, 2)),
        "",
    )


def notices(lines: Sequence[str]) -> RenderableType:
    """Remarks that change no number."""
    return bullets(lines, "i") if lines else NOTHING


def error(fault: PatchbotError) -> RenderableType:
    """An error: what was wrong, what may have been meant, what to do next."""
    parts: list[RenderableType] = [prose(fault.message, "bold red")]
    if isinstance(fault, UsageError) and fault.candidates:
        corrected = all(label == sentence for label, sentence in fault.candidates)
        table = columns(*(("Ask",) if corrected else ("Which one?", "Ask for it with")))
        for label, sentence in fault.candidates:
            asked = Text(inert.terminal(sentence), "cyan")
            table.add_row(*((asked,) if corrected else (text(label), asked)))
        parts.append(table)
    parts.extend(prose(line) for line in fault.hint.splitlines())
    return Group(*parts)
