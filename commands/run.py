"""`run`: one run with the result of each node, its sends, and its receipt."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from rich.console import RenderableType

from bot.chatops import change_words, run_cards
from bot.chatops import terminal as console
from bot.chatops.arguments import Arguments
from bot.chatops.command import Command
from bot.chatops.context import Context
from bot.chatops.reply import Card
from bot.core.change_reports import RunReport
from bot.core.runs import NodeOutcome
from bot.core.wording import counted

ROWS = 50


class RunArguments(Arguments):
    """What `run` takes."""

    WORDS: ClassVar[tuple[str, ...]] = ("id",)

    id: str = Field(max_length=40, description="the run (X-12) or its request (R-12)")


def run(arguments: RunArguments, context: Context) -> RunReport:
    """The run. Raises NotFound, and StorageError when the ledger cannot be read."""
    return context.changes.run(arguments.id)


def slack(report: RunReport, _context: Context) -> Card:
    """The receipt once there is one, else the run as it stands."""
    if report.receipt is not None:
        return run_cards.receipt_card(report)
    return run_cards.run_card(report)


def terminal(report: RunReport, _context: Context) -> RenderableType:
    """Everything that is not a plain success, node by node, and the sends."""
    row, request = report.run, report.request
    bad = [
        one
        for one in report.results
        if one.outcome is not NodeOutcome.SUCCESS or one.back_online is False
    ]
    nodes = console.columns("Node", "Wave", "Outcome", "Why", right=("Wave",), fixed=("Node",))
    for one in bad[:ROWS]:
        outcome = change_words.OUTCOMES[one.outcome]
        back = "not back after its reboot" if one.back_online is False else ""
        nodes.add_row(
            console.lines(console.text(one.name or "-", "bold"), console.text(one.instance_id)),
            console.cell(one.wave),
            console.text(outcome),
            console.text("; ".join(part for part in (back, one.reason) if part)),
        )
    sends = console.columns("Send", "Place", "Nodes", "State", "Command", right=("Nodes",))
    for send in report.sends[:ROWS]:
        sends.add_row(
            console.text(f"{send.purpose}-{send.batch}"),
            console.text(f"{send.account}/{send.region}".strip("/")),
            console.cell(send.nodes),
            console.text(send.state),
            console.text(send.command_id or send.reason or "-"),
        )
    more = [max(0, len(bad) - ROWS), max(0, len(report.sends) - ROWS)]
    lines = run_cards.receipt_lines(report.receipt) if report.receipt else []
    approved = ", ".join(request.approved_by) or (
        "nobody, the glass was broken" if request.break_glass else "nobody"
    )
    return console.stack(
        console.text(f"{row.id} {change_words.of_run(row)}: {change_words.run_state(row)}", "bold"),
        console.prose(
            f"Asked by {request.requester} ({request.id}, {request.code}), approved by {approved}."
        ),
        console.prose(change_words.outcomes(row)),
        console.prose(f"Why: {row.why}") if row.why else console.NOTHING,
        *(console.prose(line) for line in lines),
        nodes if bad else console.NOTHING,
        sends if report.sends else console.NOTHING,
        console.text(f"{counted(sum(more), 'more line')}; --json has all", "dim")
        if sum(more)
        else console.NOTHING,
    )


COMMAND = Command(
    name="run",
    asks_ledger=True,
    summary="one run: nodes, sends, receipt",
    arguments=RunArguments,
    run=run,
    slack=slack,
    terminal=terminal,
    examples=("run X-12", "run R-12"),
)
