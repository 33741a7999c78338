"""A node's patches as a table, for Slack and for a terminal: severity, what it is, its state, its CVEs."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType

from bot.chatops import cards
from bot.chatops import terminal as console
from bot.chatops.blocks import Block, Cell, Column, context, table
from bot.chatops.sizes import TABLE_ROWS
from bot.core.reports import PatchRow
from bot.core.summaries import PATCH_STATE_WORDS
from bot.core.wording import counted

VENDOR = "Severity is the vendor's (on Debian and Ubuntu the package priority), not the baseline's level."
COLUMNS = ("Severity", "Patch", "State", "Class", "CVEs")
CVES_SHOWN = 2
MORE = 200  # characters of JSON for the line that says how much more there is


def blocks(patches: Sequence[PatchRow], *, budget: int) -> tuple[Block, ...]:
    """As many rows as take up at most `budget` characters of JSON, and how many more there are."""
    if not patches:
        return ()
    names, cells = _titles_and_rows(patches)
    columns = [Column(name, wrap=name in {"Patch", "CVEs"}) for name in names]
    rows = cells[:TABLE_ROWS]
    shown, left = table(columns, rows, budget=budget - MORE)
    left += len(patches) - len(rows)
    if not left:
        return (shown,)
    more = counted(left, "more patch", "more patches")
    return (shown, context(f"… and {more}. The CSV file has them all."))


def terminal(patches: Sequence[PatchRow]) -> RenderableType:
    """All of them, under their number; nothing where there are none."""
    if not patches:
        return console.NOTHING
    names, rows = _titles_and_rows(patches)
    shown = console.columns(*names)
    for row in rows:
        shown.add_row(*(console.cell(value) for value in row))
    return console.stack(
        console.section(counted(len(patches), "patch", "patches"), shown),
        console.text(VENDOR, "dim"),
    )


def _titles_and_rows(
    patches: Sequence[PatchRow],
) -> tuple[tuple[str, ...], list[tuple[Cell, ...]]]:
    """The last column only where AWS knows a CVE id (never on Windows, Debian and Ubuntu)."""
    width = len(COLUMNS) - (not any(patch.cve_ids for patch in patches))
    return COLUMNS[:width], [_cells(patch)[:width] for patch in patches]


def _cells(patch: PatchRow) -> tuple[Cell, ...]:
    # On Linux the id is the package and stands in the title; on Windows most titles end in the KB number.
    known = patch.kb_id.casefold() in patch.title.casefold()
    title = patch.title if known else f"{patch.title} ({patch.kb_id})"
    cves = ", ".join(patch.cve_ids[:CVES_SHOWN])
    more = len(patch.cve_ids) - CVES_SHOWN
    return (
        cards.brief(patch.severity or "none given", 20),
        cards.brief(title, 110),
        cards.brief(PATCH_STATE_WORDS.get(patch.state, patch.state.lower()), 24),
        cards.brief(patch.classification or "none given", 24),
        cards.brief(f"{cves} and {more} more" if more > 0 else cves, 60),
    )
