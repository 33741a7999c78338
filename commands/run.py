"""`run`: one run with the result of each node, its sends, and its receipt; a request without a run with its nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field
from rich.console import RenderableType

from bot.chatops import cards, change_words, request_cards, run_cards
from bot.chatops import terminal as console
from bot.chatops.arguments import Arguments
from bot.chatops.blocks import Block, actions, fit, header, room, section
from bot.chatops.blocks import context as context_block
from bot.chatops.command import Command, Show
from bot.chatops.context import Context
from bot.chatops.markup import Text, bold, code, date, join, markup
from bot.chatops.receipt_words import receipt_lines
from bot.chatops.reply import Card
from bot.core.change_reports import RequestReport, ResultRow, RunReport, RunRow, SendRow
from bot.core.requests import RequestState
from bot.core.runs import NodeOutcome
from bot.core.wording import counted

ROWS = 50
PAGE = 15
SENDS_SHOWN = 6
BELOW = 600  # characters of JSON for what stands under the rows

Answer = RunReport | RequestReport


class RunArguments(Arguments):
    """What `run` takes."""

    WORDS: ClassVar[tuple[str, ...]] = ("id",)

    id: str = Field(max_length=40, description="the run (X-12) or its request (R-12)")
    page: int = Field(1, ge=1, le=100_000, description="which page of its nodes")


def run(arguments: RunArguments, context: Context) -> Answer:
    """The run, or the request where there is none. Raises NotFound, and StorageError when the ledger cannot be read."""
    return context.changes.run(arguments.id)


def slack(report: Answer, context: Context) -> Card:
    """How it stands, or its receipt, with its nodes page by page and its sends."""
    if isinstance(report, RequestReport):
        return _request(report, context)
    card = run_cards.run_card(report, detailed=False)
    if report.receipt is not None:
        card = run_cards.receipt_card(report, detailed=False)
    nodes = [_result(row) for row in report.results]
    sends = [_send(row, report.run) for row in report.sends[:SENDS_SHOWN]]
    if len(report.sends) > SENDS_SHOWN:
        sends.append(
            cards.prose(f"{len(report.sends) - SENDS_SHOWN:,} more sends: `--json` has all")
        )
    title = [section(markup("*Sends*\n{lines}", lines=join("\n", sends)))] if sends else []
    return _with_pages(card, nodes, title, report.run.id, context)


def _result(row: ResultRow) -> Text:
    return markup(
        "• {name} {id} wave {wave}: {why}",
        name=bold(cards.brief(row.name or row.instance_id, 60)),
        id=code(row.instance_id),
        wave=row.wave,
        why=cards.prose(change_words.outcome(row), 220),
    )


def _send(row: SendRow, run: RunRow) -> Text:
    told = markup(
        "• {name} in {place}, {nodes}: {state}",
        name=change_words.send(row, run),
        place=f"{row.account}/{row.region}".strip("/"),
        nodes=counted(row.nodes, "node"),
        state=row.state.value,
    )
    more = [code(row.command_id)] if row.command_id else []
    return join(" · ", [told, *more, *([cards.prose(row.reason, 200)] if row.reason else [])])


def _request(report: RequestReport, context: Context) -> Card:
    """What waits, was denied, or has expired: how it ended, its nodes, and those that were left out and why."""
    row = report.request
    what = change_words.of_request(row)
    told = request_cards.outcome(row) if row.state is not RequestState.PENDING else "waiting"
    facts: list[Text] = [
        markup(
            "{id} · asked by {who} · code {code} · expires {when}",
            id=row.id,
            who=cards.requester(row.requester),
            code=code(row.code),
            when=date(row.expires_at),
        )
    ]
    if row.state is RequestState.PENDING:
        facts.append(cards.prose(change_words.lacking(row)))
    elif row.ended_why:
        facts.append(cards.prose(f"Why: {row.ended_why}", 400))
    out = [
        markup(
            "• {name} {id}: left out, {why}",
            name=bold(cards.brief(one.name or one.instance_id, 60)),
            id=code(one.instance_id),
            why=cards.prose(one.why, 220),
        )
        for one in report.excluded
    ]
    nodes = [
        markup(
            "• {name} {id}: {missing} missing, {failed} failed, {waits} waiting for a reboot",
            name=bold(cards.brief(one.name or one.instance_id, 60)),
            id=code(one.instance_id),
            missing=one.missing,
            failed=one.failed,
            waits=one.installed_pending_reboot,
        )
        for one in report.nodes
    ]
    more = (
        [context_block(cards.prose(f"{counted(report.left_out_more, 'more node')} left out"))]
        if report.left_out_more
        else []
    )
    card = Card(
        f"{row.id} is {told}: {what}.",
        (
            header(f"{request_cards.SIGNS[row.state]} {row.id} is {told}: {what}"),
            section(join("\n", facts)),
        ),
    )
    return _with_pages(card, [*nodes, *out], more, row.id, context)


def _with_pages(
    card: Card, lines: Sequence[Text], below: Sequence[Block], name: str, context: Context
) -> Card:
    """The card with a page of lines, and buttons to the pages before and after it."""
    asked = dict(context.sentence.options).get("page", "1")
    pages = max(1, -(-len(lines) // PAGE))
    page = min(max(int(asked) if asked.isdigit() else 1, 1), pages)
    shown = lines[(page - 1) * PAGE : page * PAGE]
    buttons = [
        cards.show(text, Show.REPLACE, cards.sentence("run", name, page=str(to)), name=f"page:{to}")
        for text, to in (("Previous", page - 1), ("Next", page + 1))
        if 1 <= to <= pages
    ]
    rows = fit(
        [section(line) for line in shown],
        budget=room([*card.blocks, *below]) - BELOW,
        at_most=PAGE,
    )
    first = (page - 1) * PAGE + 1
    told = (
        f"Nodes {first:,} to {first + len(rows.shown) - 1:,} of {len(lines):,}"
        if shown
        else "No nodes"
    )
    left = f"; {rows.left:,} more of this page: `--json` has all" if rows.left else ""
    return Card(
        card.text,
        (
            *card.blocks,
            *rows.shown,
            context_block(cards.prose(f"{told}{left}.")),
            *([actions(*buttons)] if buttons else []),
            *below,
        ),
    )


def _request_terminal(report: RequestReport) -> RenderableType:
    row = report.request
    table = console.columns(
        "Node", "Missing", "Failed", right=("Missing", "Failed"), fixed=("Node",)
    )
    for one in report.nodes[:ROWS]:
        table.add_row(
            console.lines(console.text(one.name or "-", "bold"), console.text(one.instance_id)),
            console.cell(one.missing),
            console.cell(one.failed),
        )
    left = max(0, len(report.nodes) - ROWS)
    out = [
        console.prose(f"Left out: {one.name or one.instance_id} ({one.instance_id}): {one.why}")
        for one in report.excluded[:ROWS]
    ]
    out_left = max(0, len(report.excluded) - ROWS) + report.left_out_more
    return console.stack(
        console.text(f"{row.id} {change_words.of_request(row)}: {row.state.value}", "bold"),
        console.prose(f"Asked by {row.requester}, {row.code}."),
        console.prose(f"Why: {row.ended_why}") if row.ended_why else console.NOTHING,
        table,
        console.text(f"{counted(left, 'more node')}; --json has all", "dim")
        if left
        else console.NOTHING,
        *out,
        console.text(f"{counted(out_left, 'more')} left out", "dim")
        if out_left
        else console.NOTHING,
    )


def terminal(report: Answer, _context: Context) -> RenderableType:
    """Everything that is not a plain success, node by node, and the sends."""
    if isinstance(report, RequestReport):
        return _request_terminal(report)
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
            console.text(change_words.send(send, row)),
            console.text(f"{send.account}/{send.region}".strip("/")),
            console.cell(send.nodes),
            console.text(send.state),
            console.text(send.command_id or send.reason or "-"),
        )
    more = [max(0, len(bad) - ROWS), max(0, len(report.sends) - ROWS)]
    lines = receipt_lines(report.receipt) if report.receipt else []
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
    examples=("run X-12", "run R-12", "run X-12 page:2"),
)
