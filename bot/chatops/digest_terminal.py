"""The digest for a terminal: what would be posted now, with a few more names."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, tzinfo

from rich.console import RenderableType

from bot.chatops import terminal as console
from bot.core.digest_reports import DigestReport, OwnerPart
from bot.core.digest_tasks import still_open, to_do, unchanged_line
from bot.core.digest_words import (
    beside,
    better_line,
    compared,
    due_lines,
    figures,
    headline,
    run_line,
    share,
    waiver_line,
    without_data,
    worse_line,
)
from bot.core.summaries import about_gap
from bot.core.wording import ago

NAMED = 5


def digest_terminal(
    report: DigestReport, *, zone: tzinfo = UTC, missed: Sequence[str] = ()
) -> RenderableType:
    """The same facts as `digest_card`, all reasons and runs among them; times in `zone`."""
    if report.unchanged:
        return console.stack(
            console.prose(unchanged_line(report, report.fleet, report.environment), "bold"),
            _part("Still open", still_open(report, missed=missed)),
            _foot(report, zone),
        )
    fleet, now = report.fleet, report.composed_at
    counts, trust = figures(fleet)
    dark = without_data(fleet, now, named=NAMED)
    worse = [worse_line(one, named=NAMED) for one in fleet.worse]
    compares = fleet.before is not None
    return console.stack(
        console.text(headline(report), "bold"),
        console.prose(counts),
        console.prose(trust),
        console.prose(beside(report)) if beside(report) else console.NOTHING,
        console.prose(compared(fleet, report.since, now), "dim"),
        _part("Not everything could be read", [about_gap(gap, now) for gap in report.gaps]),
        _part("To do today", to_do(report, missed=missed)),
        _part("What got worse, and why", worse or (["No node got worse."] if compares else [])),
        _part(
            "What got better, and by what", [better_line(one, named=NAMED) for one in fleet.better]
        ),
        _part("Due this week", due_lines(report, fleet, named=NAMED)),
        _part("Runs", [run_line(one) for one in (*report.runs, *report.ended_runs)]),
        _part("Nodes without data", [dark] if dark else []),
        _part("Waivers that end soon", [waiver_line(one, now) for one in report.waivers_ending]),
        _part("Owners with a channel of their own", [_owner(one) for one in report.owners]),
        _foot(report, zone),
    )


def _owner(one: OwnerPart) -> str:
    told = "unchanged, " if one.part.unchanged else ""
    return f"{one.owner} ({one.channel}): {told}{share(one.part)}"


def _part(title: str, lines: Sequence[str]) -> RenderableType:
    return console.section(title, console.bullets(lines)) if lines else console.NOTHING


def _foot(report: DigestReport, zone: tzinfo) -> RenderableType:
    head = f"Audit head {report.head}" if report.head else "No audit log yet"
    when = report.as_of.astimezone(zone).strftime("%Y-%m-%d %H:%M %Z")
    return console.stack(
        console.text(""),
        console.notices(report.notices),
        console.text(f"Read {ago(report.as_of, report.composed_at)} ({when})", "dim"),
        console.text(head, "dim"),
    )
