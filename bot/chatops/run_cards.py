"""The cards of runs: live in place, the closed gate, the receipt. Drawn from the ledger each time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from bot.chatops import acts, cards, change_words
from bot.chatops.acts import Verb
from bot.chatops.blocks import Block, Element, actions, confirm, context, header, section
from bot.chatops.command import Show
from bot.chatops.markup import Text, ago, bold, code, date, join, markup, user
from bot.chatops.modals import confirm_words
from bot.chatops.receipt_words import found_by_scan, receipt_lines
from bot.chatops.reply import Card
from bot.core.change_reports import ResultRow, RunReport, RunRow
from bot.core.receipts import again
from bot.core.running import UNDECIDED
from bot.core.runs import RUN_ENDS, NodeOutcome, RunState
from bot.core.wording import counted, span

BAR: Final = 20
TROUBLES_SHOWN: Final = 8
_GOOD: Final = frozenset({NodeOutcome.SUCCESS})
_OPEN: Final = frozenset({NodeOutcome.PENDING, NodeOutcome.RUNNING})
_LEFT_OUT: Final = frozenset({NodeOutcome.SKIPPED})
_RANK: Final = {NodeOutcome.FAILED: 0, NodeOutcome.CANCELLED: 2, NodeOutcome.UNKNOWN: 1}
_STOPPABLE: Final = frozenset({RunState.WAITING, RunState.RUNNING, RunState.PAUSED})
_SIGNS: Final = {
    RunState.VERIFIED: "✅",
    RunState.PARTIAL: "🟡",
    RunState.FAILED: "❌",
    RunState.CANCELLED: "🛑",
    RunState.ABANDONED: "↩️",
    RunState.LOST_TRACK: "❓",
    RunState.PAUSED: "⏸️",
    RunState.WAITING: "⏳",
}


def run_card(report: RunReport, *, detailed: bool = True) -> Card:
    """The live card: bar, counts, current wave, failing nodes with their reasons, and what can be done now."""
    run = report.run
    what = change_words.of_run(run)
    told = change_words.run_state(run)
    sign = "🧪" if change_words.is_rehearsed(run) else _SIGNS.get(run.state, "▶️")
    title = f"{sign} {run.id} {what}: {told}"
    buttons = run_buttons(report)
    return Card(
        f"{run.id} {what}: {told}. {change_words.outcomes(run)}.",
        (
            header(title),
            *_rehearsal(report),
            section(join("\n", _progress(report))),
            *(_troubles(report) if detailed else []),
            *([actions(*buttons)] if buttons else []),
            context(_who(report)),
        ),
    )


def _progress(report: RunReport) -> list[Text]:
    run = report.run
    done = sum(number for one, number in run.outcomes.items() if one not in _OPEN)
    lines: list[Text] = []
    if not change_words.is_untouched(run):
        nodes = counted(run.nodes, "node")
        lines.append(markup("{bar} {done:,} of {nodes}", bar=bar(report), done=done, nodes=nodes))
    lines.append(cards.prose(change_words.outcomes(run)))
    if found := found_by_scan(report.receipt or {}):
        lines.append(cards.prose(found))
    if run.state not in RUN_ENDS and run.state is not RunState.WAITING:
        by_wave = Counter(row.wave for row in report.results)
        sizes = [by_wave[wave] for wave in sorted(by_wave)]
        first = " (canary)" if run.wave == 1 and change_words.has_canary(sizes) else ""
        lines.append(cards.prose(f"Wave {run.wave} of {run.waves}{first}"))
    if run.why and not change_words.is_rehearsed(run):
        lines.append(cards.timed(f"Why: {run.why}", 700))
    if run.cancelled_by:
        by = markup("Stopped by {who}.", who=user(run.cancelled_by))
        told = change_words.stopped(run)
        lines.append(join(" ", [by, told] if told else [by]))
    lost = [row for row in report.results if row.back_online is False]
    if lost:
        lines.append(
            cards.prose(f"⚠️ {counted(len(lost), 'node')} did not come back after the reboot.")
        )
    return lines


def bar(report: RunReport) -> str:
    """Twenty pieces: succeeded, otherwise ended, at work, left out or to come. The words below say it in numbers."""
    outcomes, nodes = report.run.outcomes, max(report.run.nodes, 1)
    good = sum(n for one, n in outcomes.items() if one in _GOOD)
    bad = sum(n for one, n in outcomes.items() if one not in _GOOD | _OPEN | _LEFT_OUT)
    busy = outcomes.get(NodeOutcome.RUNNING, 0)
    edges = [BAR * part // nodes for part in (good, good + bad, good + bad + busy, nodes)]
    if bad and edges[1] == edges[0]:  # one failed node of 500 must be seen
        edges = [max(edges[0] - 1, 0), max(edges[1], 1), max(edges[2], 1), BAR]
    pieces = [end - start for start, end in zip([0, *edges], edges, strict=False)]
    return "".join(sign * max(number, 0) for sign, number in zip("🟩🟥🟦⬜", pieces, strict=True))


def _troubles(report: RunReport) -> list[Block]:
    """What went wrong, the failures first; nodes that were left out are told together, by reason."""
    if report.run.rehearsal or change_words.is_untouched(report.run):
        return []
    bad = sorted(
        (row for row in report.results if _is_bad(row) and row.outcome not in _LEFT_OUT),
        key=lambda row: (_RANK.get(row.outcome, 1), row.wave),
    )
    lines: list[Text] = [_trouble(row) for row in bad[:TROUBLES_SHOWN]]
    if len(bad) > TROUBLES_SHOWN:
        lines.append(
            cards.prose(f"{len(bad) - TROUBLES_SHOWN:,} more: `/patch run {report.run.id}`")
        )
    left_out = Counter(row.reason for row in report.results if row.outcome in _LEFT_OUT)
    for reason, number in left_out.most_common(3):
        why = f": {reason}" if reason else ""
        lines.append(cards.prose(f"• {counted(number, 'node')} skipped{why}", 250))
    if len(left_out) > 3:
        rest = sum(number for _, number in left_out.most_common()[3:])
        lines.append(cards.prose(f"• {counted(rest, 'node')} skipped for other reasons"))
    return [section(join("\n", lines))] if lines else []


def _is_bad(row: ResultRow) -> bool:
    return row.back_online is False or row.outcome not in _GOOD | _OPEN


def _trouble(row: ResultRow) -> Text:
    return markup(
        "• {name} {id}: {why}",
        name=bold(cards.brief(row.name or row.instance_id, 60)),
        id=code(row.instance_id),
        why=cards.prose(change_words.outcome(row), 250),
    )


def run_buttons(report: RunReport) -> list[Element]:
    """What can be done with a run as it stands."""
    run = report.run
    details = cards.show("Details", Show.PRIVATE, cards.sentence("run", run.id), name="details")
    if run.state is RunState.PAUSED:
        return [*gate_buttons(report), details]
    if run.state in _STOPPABLE:
        return [details, _stop(report)]
    again = run_again(report)
    return [details, again] if again else [details]


def gate_buttons(report: RunReport) -> list[Element]:
    """The two ways on after a closed gate."""
    run = report.run
    left = run.outcomes.get(NodeOutcome.PENDING, 0)
    told = f"Goes on after wave {run.wave} of {run.waves}."
    if left:
        rest = run.model_copy(update={"nodes": left, "reboots": min(left, run.reboots)})
        told = f"{told} What is left: {confirm_words(rest)}"
    else:
        told = f"{told} Nothing is left to send: {confirm_words(run)} A scan shows what it brought."
    dialog = confirm(f"Continue {run.id}?", told, yes="Continue", no="Wait")
    go_on = acts.do(Verb.CONTINUE, "Continue", f"{run.id}/{run.wave}", confirm=dialog)
    return [go_on, _stop(report)]


def _stop(report: RunReport) -> Element:
    run = report.run
    told = f"{confirm_words(report.request)} {change_words.stopping(run)}"
    dialog = confirm(f"Stop {run.id}?", told[:300], yes="Stop it", no="Let it run", danger=True)
    return acts.do(Verb.STOP, "Stop", run.id, style="danger", confirm=dialog)


def run_again(report: RunReport) -> Element | None:
    """A button that asks anew for the nodes that surely did not get what the run was for; None where there are none."""
    run = report.run
    nodes = len(again(report.results, report.receipt))
    if run.state not in RUN_ENDS or run.rehearsal or not nodes:
        return None
    told = counted(nodes, "node")
    left_out = run.outcomes.get(NodeOutcome.SKIPPED, 0)
    of_them = f" ({left_out:,} of them never sent to)" if 0 < left_out < nodes else ""
    text = f"Asks for a new {run.operation.value} of {told} of {run.environment}{of_them}, to be approved anew."
    dialog = confirm(f"Ask again for {told}?", text, yes="Ask for it", no="Not now")
    return acts.do(Verb.RETRY, f"Plan for {told}"[:75], run.id, confirm=dialog)


def waiting_row(run: RunRow) -> Block:
    """A run in a list that has not started: what holds it, and the way to stop it."""
    what = change_words.of_run(run)
    text = markup(
        "{id} {what}: {state}\n{why}",
        id=bold(run.id),
        what=what,
        state=change_words.run_state(run),
        why=cards.timed(f"Why: {run.why}" if run.why else "It starts in a moment.", 300),
    )
    dialog = confirm(
        f"Stop {run.id}?",
        f"{confirm_words(run)} {change_words.stopping(run)}",
        yes="Stop it",
        no="Let it wait",
        danger=True,
    )
    return section(text, accessory=acts.do(Verb.STOP, "Stop", run.id, confirm=dialog))


def gate_card(
    report: RunReport, wave: int, *, decided: Text = "", called: Sequence[Text] = ()
) -> Card:
    """A gate closed after `wave`: why, until when, whom it asks, and the two ways on.

    Without buttons once it is decided; `decided` says by whom. `called` are mentions of the approvers.
    """
    run = report.run
    waits = run.state is RunState.PAUSED and run.wave == wave
    if not waits:
        return _gate_over(report, wave, decided)
    title = f"⏸️ {run.id}: the gate after wave {wave} of {run.waves} is closed"
    why = run.why or change_words.outcomes(run)
    ask: list[Text] = [markup("Please decide, {who}.", who=join(" ", called))] if called else []
    ends = markup(
        "It ends {when}, with a scan of what was sent, if nobody decides.",
        when=ago(report.deadline),
    )
    return Card(
        f"{title}. {why}",
        (
            section(
                markup("*{title}*\n{why}", title=cards.prose(title), why=cards.timed(why, 600))
            ),
            section(
                join(
                    "\n", [*ask, cards.prose(f"The whole run: {change_words.outcomes(run)}"), ends]
                )
            ),
            *_troubles(report),
            actions(*gate_buttons(report)),
            context("An approver can let it go on; its requester or an approver can stop it."),
        ),
    )


def _gate_over(report: RunReport, wave: int, decided: Text) -> Card:
    run = report.run
    what = f"{run.id}: the gate after wave {wave} was decided"
    if UNDECIDED in run.why:
        told = change_words.run_state(run)
        what = f"{run.id}: nobody decided about the gate after wave {wave} in time; {told}"
    line = markup("*{what}*", what=cards.prose(what))
    if decided and UNDECIDED not in run.why:
        line = markup("*{what}*: {who}", what=cards.prose(what), who=decided)
    return Card(
        f"{what}. {change_words.outcomes(run)}.",
        (section(line), context(change_words.outcomes(run) or "nothing was sent")),
    )


def gate_reminder_card(report: RunReport, *, called: Sequence[Text] = ()) -> Card:
    """Half the time is over, and nobody has decided."""
    run = report.run
    if run.state is not RunState.PAUSED:
        return Card(
            f"{run.id} is {change_words.run_state(run)}.", (context(f"{run.id} waits no more."),)
        )
    body = markup(
        "🔔 {id} still waits for a decision about its closed gate and ends {when} if there is none. {who}",
        id=run.id,
        when=ago(report.deadline),
        who=join(" ", called),
    )
    return Card(f"{run.id} still waits for a decision.", (section(body),))


def receipt_card(report: RunReport, *, detailed: bool = True) -> Card:
    """What the run brought, proved by the scan after it: closed, still open, failed or lost, who and how long."""
    run, receipt = report.run, report.receipt or {}
    told = change_words.run_state(run)
    lines = receipt_lines(receipt)
    again_button = run_again(report)
    took = span(run.ended_at - run.started_at) if run.ended_at and run.started_at else ""
    return Card(
        f"Receipt of {run.id}: {told}. {change_words.of_run(run)}. {' '.join(lines)}",
        (
            header(f"🧾 Receipt of {run.id}: {told}"),
            *_rehearsal(report),
            section(
                join("\n", [cards.prose(line, 600) for line in (change_words.of_run(run), *lines)])
            ),
            *(_troubles(report) if detailed else []),
            *([actions(again_button)] if again_button else []),
            context(_who(report), *([f"took {took}"] if took else [])),
        ),
    )


def _who(report: RunReport) -> Text:
    request = report.request
    approved = join(", ", [user(person) for person in request.approved_by])
    parts: list[Text] = [
        markup("{id} · asked by {who}", id=request.id, who=cards.requester(request.requester))
    ]
    if request.break_glass:
        parts.append(markup("glass broken by {who}", who=user(request.ended_by)))
    elif request.approved_by:
        parts.append(markup("approved by {who}", who=approved))
    parts.append(markup("code {code}", code=code(request.code)))
    if report.run.cancelled_by:
        parts.append(markup("stopped by {who}", who=user(report.run.cancelled_by)))
    if report.run.started_at:
        parts.append(markup("started {when}", when=date(report.run.started_at)))
    if report.run.state not in RUN_ENDS:
        # A card of a bot that has ended goes on saying "running": this says since when nobody looked.
        parts.append(markup("as of {when}", when=date(report.as_of)))
    return join(" · ", parts)


def _rehearsal(report: RunReport) -> list[Block]:
    if not report.run.rehearsal or change_words.is_rehearsed(report.run):  # its title says it
        return []
    return [context("🧪 Rehearsal: this records what would have been sent; AWS got nothing.")]
