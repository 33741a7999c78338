"""`runs`: what runs and what ran, newest first."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import Field
from rich.console import RenderableType

from bot.chatops import cards, change_words, run_cards
from bot.chatops import terminal as console
from bot.chatops.arguments import Arguments, EnvironmentName
from bot.chatops.blocks import Block, fit, room, section
from bot.chatops.blocks import context as small_print
from bot.chatops.command import Command, Show
from bot.chatops.context import Context
from bot.chatops.markup import ago, bold, markup
from bot.chatops.reply import Card
from bot.core.change_reports import RunRow, RunsReport
from bot.core.runs import RunState
from bot.core.wording import ago as ago_in_words
from bot.core.wording import counted

SHOWN = 15


class RunsArguments(Arguments):
    """What `runs` takes."""

    WORDS: ClassVar[tuple[str, ...]] = ("environment",)

    environment: Annotated[str | None, EnvironmentName()] = Field(
        None, description="the part of the fleet; without it, all of them"
    )


def run(arguments: RunsArguments, context: Context) -> RunsReport:
    """The latest runs. Raises StorageError when the ledger cannot be read."""
    return context.changes.runs(arguments.environment)


def _headline(report: RunsReport) -> str:
    where = f" of {report.environment}" if report.environment else ""
    return f"{counted(report.total, 'run')}{where}" if report.total else f"No runs{where} yet"


def slack(report: RunsReport, context: Context) -> Card:
    """Each run with how it stands and a button to its details."""
    what = _headline(report)
    above = (*cards.title(what, context), *cards.notices(report.notices))
    rows = fit([_row(row) for row in report.runs], budget=room(above) - 400, at_most=SHOWN)
    left = report.total - len(rows.shown)
    below = [small_print(f"{counted(left, 'older run')} not shown.")] if left else []
    first = ", ".join(f"{row.id} {change_words.run_state(row)}" for row in report.runs[:3])
    return Card(f"{what}. {first}".strip(), (*above, *rows.shown, *below))


def _row(row: RunRow) -> Block:
    if row.state is RunState.WAITING:
        return run_cards.waiting_row(row)
    text = markup(
        "{id} {what}: {state}\n{outcomes} · {since} {when}",
        id=bold(row.id),
        what=change_words.of_run(row),
        state=change_words.run_state(row),
        outcomes=cards.prose(change_words.outcomes(row)),
        since=_since(row)[0],
        when=ago(_since(row)[1]),
    )
    details = cards.show(
        "Details",
        Show.PRIVATE,
        cards.sentence("run", row.id),
        name=f"run:{row.id}",
        label=f"Details of {row.id}",
    )
    return section(text, accessory=details)


def _since(row: RunRow) -> tuple[str, datetime]:
    """The last thing that is known of when: its end, its start, or since when it waits."""
    if row.ended_at:
        return "ended", row.ended_at
    return ("started", row.started_at) if row.started_at else ("waits since", row.created_at)


def _state(row: RunRow) -> str:
    told = change_words.run_state(row)
    return f"{told}: {row.why}" if row.state is RunState.WAITING and row.why else told


def terminal(report: RunsReport, context: Context) -> RenderableType:
    """The same as a table."""
    if not report.runs:
        return console.prose(f"{_headline(report)}.")
    table = console.columns("Run", "What", "State", "Nodes", "When")
    for row in report.runs:
        table.add_row(
            console.text(row.id, "bold"),
            console.text(change_words.of_run(row)),
            console.text(_state(row)),
            console.text(change_words.outcomes(row)),
            console.text(f"{_since(row)[0]} {ago_in_words(_since(row)[1], context.now)}"),
        )
    left = report.total - len(report.runs)
    more = console.text(f"{counted(left, 'older run')} not shown.", "dim")
    return console.stack(
        console.text(_headline(report), "bold"), table, more if left else console.NOTHING
    )


COMMAND = Command(
    name="runs",
    asks_ledger=True,
    summary="what runs and what ran",
    arguments=RunsArguments,
    run=run,
    slack=slack,
    terminal=terminal,
    examples=("runs", "runs prod"),
)
