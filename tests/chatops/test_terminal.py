"""Terminal parts: inert, and the same without colours."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import timedelta
from io import StringIO

import pytest
from rich.console import Console, RenderableType

from bot.chatops import terminal
from bot.chatops.context import Context, Services, Surface
from bot.chatops.grammar import Sentence
from bot.chatops.registry import Registry
from bot.core.errors import Ambiguous, Candidate, UsageError
from bot.core.identity import AccessPolicy
from bot.core.reports import GapRow
from bot.services.compliance import Compliance
from bot.services.doctor import Doctor
from tests.commands import fleet
from tests.commands.conftest import ANA
from tests.oracles.hostile import HOSTILE


def shown(part: RenderableType, width: int = 80) -> str:
    """As a terminal without colours prints it."""
    out = StringIO()
    Console(file=out, width=width, color_system=None).print(part)
    return out.getvalue()


@pytest.fixture
def context() -> Context:
    compliance = Compliance(
        fleet.ENVIRONMENTS,
        fleet.gateway(),
        fleet.store(),
        clock=lambda: fleet.NOW,
        time_to_live=timedelta(minutes=1),
    )
    services = Services(compliance, AccessPolicy(), Doctor(list), Registry("commands"))
    return Context(services, ANA, Sentence("status"), fleet.NOW, Surface.TERMINAL)


@pytest.mark.parametrize("evil", HOSTILE, ids=range(len(HOSTILE)))
def test_no_foreign_text_moves_the_cursor_or_is_read_as_markup(evil: str) -> None:
    """No control character survives in any part, and what looks like markup is shown as it is."""
    table = terminal.columns("A", "B")
    table.add_row(terminal.text(evil), terminal.cell(evil))
    everything = terminal.stack(
        table,
        terminal.prose(evil),
        terminal.facts([(evil, evil)]),
        terminal.bullets([evil]),
        terminal.error(UsageError(evil, hint=evil)),
    )
    out = shown(everything, 200)
    unseen = {unicodedata.category(char) for char in out if char != "\n"}
    assert not unseen & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def test_markup_of_rich_is_shown_as_it_is() -> None:
    """A node called [red]x[/red] is called that."""
    assert "[red]x[/red]" in shown(terminal.facts([("[b]", "[red]x[/red]")]))
    assert "[b]" in shown(terminal.facts([("[b]", "[red]x[/red]")]))


def test_times_are_those_of_whoever_asks(context: Context) -> None:
    """An unknown zone is no reason to fail: then it is UTC, and says so."""
    assert terminal.moment(fleet.NOW, context) == "2026-11-23 15:05 CET"
    for odd in ("Nowhere/Nothing", "", "../../etc/passwd"):
        stranger = replace(context, person=replace(ANA, timezone=odd))
        assert terminal.moment(fleet.NOW, stranger) == "2026-11-23 14:05 UTC"


@pytest.mark.parametrize(
    ("seconds", "source", "told"),
    [
        (0, "aws", "Read just now (2026-11-23 15:05 CET)"),
        (59, "cache", "Read just now (2026-11-23 15:04 CET)"),
        (
            180,
            "cache",
            "Read 3 min ago (2026-11-23 15:02 CET), from the cache; refresh reads again.",
        ),
        (180, "aws", "Read 3 min ago (2026-11-23 15:02 CET)"),
    ],
)
def test_an_answer_says_how_old_it_is_and_how_to_have_a_new_one(
    context: Context, seconds: int, source: str, told: str
) -> None:
    """The cache is no news while it is as good as new."""
    as_of = fleet.NOW - timedelta(seconds=seconds)
    assert terminal.read_line(as_of, source, context).plain == told


def test_gaps_are_counted_and_explained(context: Context) -> None:
    """A word says it is a gap, not only a colour."""
    gap = GapRow(account="1", region="us-east-1", reason="Denied", nodes=2, last_read_at=fleet.NOW)
    out = " ".join(shown(terminal.gaps([gap], context)).split())
    assert out.startswith("! Not everything could be read: 1 gap")
    assert "1/us-east-1: Denied. 2 nodes there count as unknown" in out
    assert shown(terminal.stack(terminal.gaps([], context))).strip() == ""


def test_an_ambiguous_name_lists_what_to_ask_instead() -> None:
    """Each candidate with the sentence that means it alone."""
    error = Ambiguous("2 nodes.", (Candidate("web · i-1", "node i-1 prod"),), hint="Say which.")
    out = shown(terminal.error(error))
    assert "node i-1 prod" in out
    assert "Say which." in out
