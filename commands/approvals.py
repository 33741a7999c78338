"""`approvals`: the requests that wait for a decision, the next to expire first."""

from __future__ import annotations

from rich.console import RenderableType

from bot.chatops import acts, cards, change_words, run_cards
from bot.chatops import terminal as console
from bot.chatops.acts import Verb
from bot.chatops.arguments import Arguments
from bot.chatops.blocks import Block, fit, room, section
from bot.chatops.blocks import context as small_print
from bot.chatops.command import Command, Show
from bot.chatops.context import Context
from bot.chatops.markup import ago, bold, code, markup
from bot.chatops.reply import Card
from bot.core.change_reports import ApprovalsReport, RequestRow, RunRow
from bot.core.wording import counted, in_utc

SHOWN = 20
NOTHING = "Nothing waits for an approval."
APPROVED = "Approved, and waiting to start:"


class ApprovalsArguments(Arguments):
    """`approvals` takes nothing."""


def run(_arguments: ApprovalsArguments, context: Context) -> ApprovalsReport:
    """What waits. Raises StorageError when the ledger cannot be read."""
    return context.changes.approvals()


def slack(report: ApprovalsReport, context: Context) -> Card:
    """Each request with a button that opens its decision."""
    what = _what(report)
    above = (*cards.title(what, context), *cards.notices(report.notices))
    listed = [
        *map(_paused, report.paused),
        *map(_row, report.requests),
        *([section(cards.prose(APPROVED))] if report.waiting else []),
        *map(run_cards.waiting_row, report.waiting),
    ]
    rows = fit(listed, budget=room(above) - 400, at_most=SHOWN)
    below = (
        [small_print(f"{counted(rows.left, 'more row')}: `--json` in a terminal lists all.")]
        if rows.left
        else []
    )
    first = ", ".join(f"{row.id} ({change_words.of_request(row)})" for row in report.requests[:3])
    return Card(f"{what}. {first}".strip(), (*above, *rows.shown, *below))


def _what(report: ApprovalsReport) -> str:
    what = f"{counted(report.total, 'request')} waiting for approval" if report.total else NOTHING
    if not report.paused:
        return what
    gates = f"{counted(len(report.paused), 'run')} with a closed gate"
    return f"{gates}, {what}" if report.total else f"{gates}; nothing else waits for an approval"


def _paused(run: RunRow) -> Block:
    text = markup(
        "{id} {what}\n⏸️ The gate after wave {wave} of {waves} is closed: {why}",
        id=bold(run.id),
        what=change_words.of_run(run),
        wave=run.wave,
        waves=run.waves,
        why=cards.prose(run.why, 300),
    )
    look = cards.show(
        "Look and decide",
        Show.PRIVATE,
        cards.sentence("run", run.id),
        name=f"gate:{run.id}",
        label=f"Look at {run.id} and decide",
    )
    return section(text, accessory=look)


def _row(row: RequestRow) -> Block:
    text = markup(
        "{id} {what}\n{code} · asked by {who} · expires {when}\n{lacking}",
        id=bold(row.id),
        what=change_words.of_request(row),
        code=code(row.code),
        who=cards.requester(row.requester),
        when=ago(row.expires_at),
        lacking=cards.prose(change_words.lacking(row)),
    )
    return section(text, accessory=acts.do(Verb.APPROVE, "Look and approve…", row.id))


def terminal(report: ApprovalsReport, _context: Context) -> RenderableType:
    """The same as a table; deciding happens in Slack, where people are known."""
    gates = [
        console.prose(
            f"{run.id}: the gate after wave {run.wave} of {run.waves} is closed: {run.why}"
        )
        for run in report.paused
    ]
    waiting = [
        console.prose(f"{run.id}, {change_words.of_run(run)}: {run.why or 'it starts in a moment'}")
        for run in report.waiting
    ]
    if waiting:
        waiting.insert(0, console.text(APPROVED, "bold"))
    if not report.requests:
        nothing = "Nothing else waits for an approval." if gates else NOTHING
        return console.stack(*gates, console.prose(nothing), *waiting)
    table = console.columns("Request", "What", "Asked by", "Expires", "Lacks", right=("Lacks",))
    for row in report.requests:
        table.add_row(
            console.lines(console.text(row.id, "bold"), console.text(row.code, "dim")),
            console.text(change_words.of_request(row)),
            console.text(row.requester),
            console.text(in_utc(row.expires_at)),
            console.cell(row.lacking),
        )
    return console.stack(*gates, table, console.prose("They are decided in Slack."), *waiting)


COMMAND = Command(
    name="approvals",
    asks_ledger=True,
    summary="what waits for an approval",
    arguments=ApprovalsArguments,
    run=run,
    slack=slack,
    terminal=terminal,
    examples=("approvals",),
)
