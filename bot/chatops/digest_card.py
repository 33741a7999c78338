"""The digest as a Slack message: first what has to be done, then what changed and why, then what is due.

A digest in which nothing changed is one line. It never hides a digest that was missed, a request that waits, or
something that is due.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bot.chatops import cards, inert
from bot.chatops.blocks import Block, Element, context, header, section
from bot.chatops.digest_buttons import details, for_fleet, for_owner
from bot.chatops.markup import Text, bold, code, in_utc, join, markup
from bot.chatops.reply import Card
from bot.chatops.shapes import length
from bot.core.digest_reports import DigestReport, OwnerPart, Part
from bot.core.digest_tasks import (
    owner_still_open,
    owner_to_do,
    still_open,
    to_do,
    unchanged_line,
)
from bot.core.digest_words import (
    beside,
    better_line,
    compared,
    due_line,
    due_lines,
    figures,
    run_line,
    share,
    waiver_line,
    without_data,
    worse_line,
)
from bot.core.errors import NotFound
from bot.core.wording import counted

TEXT: Final = 3_500  # of the 4,000 that Slack recommends for the top-level text
_IN_A_SECTION, _TEXT_LINE, _ONE_LINE = 2_900, 700, 600


@dataclass(frozen=True, slots=True)
class _Detail:
    """How much is told: names in a line, reasons and tasks one by one, characters of a line."""

    named: int
    reasons: int
    tasks: int
    line: int
    gaps: int


_DETAILS: Final = (
    _Detail(3, 6, 12, 420, 5),
    _Detail(2, 4, 10, 300, 3),
    _Detail(1, 3, 8, 220, 2),
    _Detail(0, 2, 6, 160, 1),
)
"""From the most that may be told to what always fits."""


def digest_card(
    report: DigestReport,
    *,
    missed: Sequence[str] = (),
    picture: Block | None = None,
    slot: str = "",
) -> Card:
    """The digest of an environment. `missed` are digests that were not posted, beside those in the report.

    `picture` is an image block of the trend; a digest in which nothing changed has none. `slot` is the key of its slot,
    by which exactly its nodes can be planned for.
    """
    if report.unchanged:
        line = unchanged_line(report, report.fleet, report.environment)
        left = still_open(report, missed=missed)
        return _one_line(report, line, left, details(report.environment))
    tasks = to_do(report, missed=missed)
    buttons = for_fleet(report, slot)
    drafts = (_blocks(report, tasks, picture, buttons, detail) for detail in _DETAILS)
    head = f"{report.environment}: {share(report.fleet)}. {figures(report.fleet)[0]}"
    return Card(_text(head, tasks, report, report.fleet), cards.fitting(*drafts))


def owner_card(report: DigestReport, owner: str, *, slot: str = "") -> Card:
    """The part of a digest for the nodes of an owner. Raises NotFound where the digest has no such part."""
    wanted = owner.casefold()
    one = next((one for one in report.owners if one.owner.casefold() == wanted), None)
    if one is None:
        raise NotFound(f"The digest of {report.environment} has no part for “{owner}”.")
    about = f"{report.environment}, nodes of {_owner(one)}"
    buttons = for_owner(report, one, slot)
    if one.part.unchanged:
        line = unchanged_line(report, one.part, about)
        return _one_line(report, line, owner_still_open(report, one), buttons[0])
    tasks = owner_to_do(report, one)
    drafts = (_owner_blocks(report, one, tasks, buttons, detail) for detail in _DETAILS)
    head = f"{about}: {share(one.part)}. {figures(one.part)[0]}"
    return Card(_text(head, tasks, report, one.part), cards.fitting(*drafts))


def _blocks(
    report: DigestReport,
    tasks: Sequence[str],
    picture: Block | None,
    buttons: Sequence[Element],
    detail: _Detail,
) -> tuple[Block, ...]:
    return (
        header(f"{report.environment}: {share(report.fleet)}"),
        *_figures(report, report.fleet, detail),
        *([picture] if picture is not None else []),
        *_tasks("To do today", tasks, report, detail),
        *cards.gaps(report.gaps, report.composed_at, most=detail.gaps),
        *_changes(report.fleet, detail),
        *_due(report, report.fleet, detail),
        *_runs(report, detail),
        *_rest(report, report.fleet, detail),
        *cards.notices(report.notices),
        _footer(report),
        *cards.row_of(*buttons),
    )


def _owner_blocks(
    report: DigestReport,
    one: OwnerPart,
    tasks: Sequence[str],
    buttons: Sequence[Element],
    detail: _Detail,
) -> tuple[Block, ...]:
    return (
        header(f"{report.environment}, nodes of {_owner(one)}: {share(one.part)}"),
        *_figures(report, one.part, detail),
        *_tasks("To do today", tasks, report, detail),
        *cards.gaps(report.gaps, report.composed_at, most=detail.gaps),
        *_changes(one.part, detail),
        *_due(report, one.part, detail),
        *_rest(report, one.part, detail),
        *cards.notices(report.notices),
        _footer(report),
        *cards.row_of(*buttons),
    )


def _owner(one: OwnerPart) -> str:
    return cards.brief(one.owner, 60)


def _figures(report: DigestReport, part: Part, detail: _Detail) -> tuple[Block, ...]:
    aside = beside(report) if part is report.fleet else ""
    told = (*figures(part), aside, compared(part, report.since, report.composed_at))
    return (section(join("\n", [cards.prose(line, detail.line) for line in told if line])),)


def _tasks(
    title: str, tasks: Sequence[str], report: DigestReport, detail: _Detail
) -> tuple[Block, ...]:
    left = len(tasks) - detail.tasks
    more = [f"{counted(left, 'more task')}: `/patch status {report.environment}`"]
    return _listed(title, [*tasks[: detail.tasks], *(more if left > 0 else [])], detail)


def _changes(part: Part, detail: _Detail) -> tuple[Block, ...]:
    if part.before is None:
        return ()
    worse = [worse_line(one, named=detail.named) for one in part.worse]
    better = [better_line(one, named=detail.named) for one in part.better]
    nothing = ["No node got worse."] if not worse else []
    return (
        *_listed("What got worse, and why", _shown(worse, detail) or nothing, detail),
        *_listed("What got better, and by what", _shown(better, detail), detail),
    )


def _shown(lines: Sequence[str], detail: _Detail) -> list[str]:
    left = len(lines) - detail.reasons
    more = [f"{counted(left, 'more reason')}, each with fewer nodes."] if left > 0 else []
    return [*lines[: detail.reasons], *more]


def _due(report: DigestReport, part: Part, detail: _Detail) -> tuple[Block, ...]:
    return _listed("Due this week", due_lines(report, part, named=detail.named), detail)


def _runs(report: DigestReport, detail: _Detail) -> tuple[Block, ...]:
    runs = [run_line(one) for one in (*report.runs, *report.ended_runs)]
    left = len(runs) - detail.reasons
    more = [f"{counted(left, 'more run')}: `/patch runs {report.environment}`"] if left > 0 else []
    return _listed("Runs", [*runs[: detail.reasons], *more], detail)


def _rest(report: DigestReport, part: Part, detail: _Detail) -> tuple[Block, ...]:
    dark = without_data(part, report.composed_at, named=detail.named)
    waivers = []
    if part is report.fleet:
        waivers = [waiver_line(one, report.composed_at) for one in report.waivers_ending]
    return (
        *_listed("Nodes without data", [dark] if dark else [], detail),
        *_listed("Waivers that end soon", _shown(waivers, detail), detail),
    )


def _listed(title: str, lines: Sequence[str], detail: _Detail) -> tuple[Block, ...]:
    """Lines under a title, in as many sections as they need; nothing without lines."""
    texts: list[list[Text]] = [[bold(title)]] if lines else []
    used = 0
    for line in lines:
        text = markup("• {line}", line=cards.prose(line, detail.line))
        used += length(text.source) + 1
        if used > _IN_A_SECTION:
            texts.append([])
            used = length(text.source) + 1
        texts[-1].append(text)
    return tuple(section(join("\n", one)) for one in texts)


def _footer(report: DigestReport) -> Block:
    return context(join(" · ", [cards.read_line(report.as_of), *_head(report)]))


def _one_line(report: DigestReport, line: str, left: Sequence[str], button: Element) -> Card:
    """Nothing changed: one line, and below it only what may not be hidden."""
    small = join(" · ", [cards.read_line(report.as_of), *_head(report)])
    told = section(join(" ", [cards.prose(line, _ONE_LINE), small]), accessory=button)
    drafts = [(told, *_tasks("Still open", left, report, one)) for one in _DETAILS]
    first = f"{line} Read {in_utc(report.as_of)}."
    return Card(_joined([first, *_in_text("Still open:", left)]), cards.fitting(*drafts))


def _head(report: DigestReport) -> list[Text]:
    """The end of the audit log, for everybody to see: a witness outside the file."""
    return [markup("Audit head {head}", head=code(report.head))] if report.head else []


def _text(head: str, tasks: Sequence[str], report: DigestReport, part: Part) -> str:
    """All that matters as text, for notifications, search and screen readers."""
    lines = [
        f"{head} Read {in_utc(report.as_of)}.",
        *_in_text("To do:", tasks),
        *_in_text("Worse:", [worse_line(one, named=1) for one in part.worse]),
        *_in_text("Better:", [better_line(one, named=1) for one in part.better]),
        *_in_text("Due:", [due_line(one, report.composed_at, named=1) for one in part.due]),
    ]
    return _joined(lines)


def _in_text(title: str, lines: Sequence[str]) -> list[str]:
    return [f"{'' if index else f'{title} '}{line}" for index, line in enumerate(lines)]


def _joined(lines: Sequence[str]) -> str:
    """Each on a line of its own, whatever is in it; cut, and said to be, where it is too much."""
    told, used = [], 0
    for line in lines:
        clean = cards.brief(line.replace("`", ""), _TEXT_LINE)
        used += len(inert.escape_fallback(clean)) + 1
        if used > TEXT:
            told.append("… and more in the message.")
            break
        told.append(clean)
    return "\n".join(told)
