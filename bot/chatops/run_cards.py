"""The cards of runs: live in place, the closed gate, the receipt. Drawn from the ledger each time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bot.chatops import acts, cards, change_words
from bot.chatops.acts import Verb
from bot.chatops.blocks import Block, Element, actions, confirm, context, header, section
from bot.chatops.command import Show
from bot.chatops.markup import Text, bold, code, date, join, markup, user
from bot.chatops.modals import confirm_words
from bot.chatops.reply import Card
from bot.core.change_reports import ResultRow, RunReport, RunRow
from bot.core.runs import RUN_ENDS, NodeOutcome, RunState
from bot.core.wording import counted, span

BAR: Final = 20
TROUBLES_SHOWN: Final = 8
IDS_SHOWN: Final = 10
_GOOD: Final = frozenset({NodeOutcome.SUCCESS})
_OPEN: Final = frozenset({NodeOutcome.PENDING, NodeOutcome.RUNNING})
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
    title = f"{_SIGNS.get(run.state, '▶️')} {run.id} {what}: {told}"
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
    lines: list[Text] = [
        markup(
            "{bar} {done:,} of {nodes}",
            bar=bar(report),
            done=done,
            nodes=counted(run.nodes, "node"),
        ),
        cards.prose(change_words.outcomes(run)),
    ]
    if run.state not in RUN_ENDS and run.state is not RunState.WAITING:
        first = " (canary)" if run.wave == 1 and run.waves > 1 else ""
        lines.append(cards.prose(f"Wave {run.wave} of {run.waves}{first}"))
    if run.why:
        lines.append(cards.prose(f"Why: {run.why}", 500))
    lost = [row for row in report.results if row.back_online is False]
    if lost:
        lines.append(
            cards.prose(f"⚠️ {counted(len(lost), 'node')} did not come back after the reboot.")
        )
    return lines


def bar(report: RunReport) -> str:
    """Twenty pieces: succeeded, otherwise ended, at work, to come. The words below it say the same in numbers."""
    outcomes, nodes = report.run.outcomes, max(report.run.nodes, 1)
    good = sum(n for one, n in outcomes.items() if one in _GOOD)
    bad = sum(n for one, n in outcomes.items() if one not in _GOOD | _OPEN)
    busy = outcomes.get(NodeOutcome.RUNNING, 0)
    edges = [BAR * part // nodes for part in (good, good + bad, good + bad + busy, nodes)]
    if bad and edges[1] == edges[0]:  # one failed node of 500 must be seen
        edges = [max(edges[0] - 1, 0), max(edges[1], 1), max(edges[2], 1), BAR]
    pieces = [end - start for start, end in zip([0, *edges], edges, strict=False)]
    return "".join(sign * max(number, 0) for sign, number in zip("🟩🟥🟦⬜", pieces, strict=True))


def _troubles(report: RunReport) -> list[Block]:
    bad = [
        row
        for row in report.results
        if row.back_online is False or row.outcome not in _GOOD | _OPEN
    ]
    if not bad:
        return []
    lines: list[Text] = [_trouble(row) for row in bad[:TROUBLES_SHOWN]]
    if len(bad) > TROUBLES_SHOWN:
        lines.append(
            cards.prose(f"{len(bad) - TROUBLES_SHOWN:,} more: `/patch run {report.run.id}`")
        )
    return [section(join("\n", lines))]


def _trouble(row: ResultRow) -> Text:
    words = change_words.OUTCOMES[row.outcome]
    if row.back_online is False:
        words = "not back after its reboot"
    return markup(
        "• {name} {id}: {why}",
        name=bold(cards.brief(row.name or row.instance_id, 60)),
        id=code(row.instance_id),
        why=cards.prose(f"{words}: {row.reason}" if row.reason else words, 250),
    )


def run_buttons(report: RunReport) -> list[Element]:
    """What can be done with a run as it stands."""
    run = report.run
    details = cards.show("Details", Show.PRIVATE, cards.sentence("run", run.id), name="details")
    told = confirm_words(report.request)
    if run.state in _STOPPABLE:
        text = f"Stop {run.id}? {told} Nodes already at work finish."
        dialog = confirm(f"Stop {run.id}?", text, yes="Stop it", no="Let it run", danger=True)
        return [details, acts.do(Verb.STOP, "Stop", run.id, style="danger", confirm=dialog)]
    failed = sum(
        run.outcomes.get(one, 0)
        for one in (NodeOutcome.FAILED, NodeOutcome.TIMED_OUT, NodeOutcome.UNDELIVERABLE)
    )
    if run.state in RUN_ENDS and failed:
        nodes = counted(failed, "node")
        text = f"Asks for a new {run.operation.value} of {nodes} of {run.environment}, to be approved anew."
        dialog = confirm("Retry the failed nodes?", text, yes="Ask for it", no="Not now")
        return [details, acts.do(Verb.RETRY, "Retry failed", run.id, confirm=dialog)]
    return [details]


def waiting_row(run: RunRow) -> Block:
    """A run in a list that has not started: what holds it, and the way to stop it."""
    what = change_words.of_run(run)
    text = markup(
        "{id} {what}: {state}\n{why}",
        id=bold(run.id),
        what=what,
        state=change_words.run_state(run),
        why=cards.prose(f"Why: {run.why}" if run.why else "It starts in a moment.", 300),
    )
    reboots = change_words.reboots(run.reboots, run.operation, run.reboot_option)
    dialog = confirm(
        f"Stop {run.id}?",
        f"{what}; reboots: {reboots}. It has not started; nothing was sent.",
        yes="Stop it",
        no="Let it wait",
        danger=True,
    )
    return section(text, accessory=acts.do(Verb.STOP, "Stop", run.id, confirm=dialog))


def gate_card(report: RunReport, wave: int) -> Card:
    """A gate closed after `wave`: why, and the two ways on. Without buttons once it is decided."""
    run = report.run
    waits = run.state is RunState.PAUSED and run.wave == wave
    title = f"⏸️ {run.id}: the gate after wave {wave} of {run.waves} is closed"
    if not waits:
        title = f"{run.id}: the gate after wave {wave} was decided"
    buttons: list[Element] = []
    if waits:
        told = confirm_words(report.request)
        buttons = [
            acts.do(
                Verb.CONTINUE,
                "Continue",
                f"{run.id}/{wave}",
                confirm=confirm(
                    f"Continue {run.id}?",
                    f"Go on after wave {wave}. {told}",
                    yes="Continue",
                    no="Wait",
                ),
            ),
            acts.do(
                Verb.STOP,
                "Stop",
                run.id,
                style="danger",
                confirm=confirm(
                    f"Stop {run.id}?",
                    f"Nothing more is sent. {told}",
                    yes="Stop it",
                    no="Wait",
                    danger=True,
                ),
            ),
        ]
    why = run.why if waits and run.why else change_words.outcomes(run)
    return Card(
        f"{title}. {why}",
        (
            section(
                markup("*{title}*\n{why}", title=cards.prose(title), why=cards.prose(why, 500))
            ),
            *(_troubles(report) if waits else []),
            *([actions(*buttons)] if buttons else []),
            *(
                [context("An approver can let it go on; its requester or an approver can stop it.")]
                if waits
                else []
            ),
        ),
    )


def receipt_card(report: RunReport) -> Card:
    """What the run brought, proved by the scan after it: closed, still open, failed or lost, who and how long."""
    run, receipt = report.run, report.receipt or {}
    told = change_words.run_state(run)
    lines = receipt_lines(receipt)
    took = span(run.ended_at - run.started_at) if run.ended_at and run.started_at else ""
    return Card(
        f"Receipt of {run.id}: {told}. {change_words.of_run(run)}. {' '.join(lines)}",
        (
            header(f"🧾 Receipt of {run.id}: {told}"),
            *_rehearsal(report),
            section(
                join("\n", [cards.prose(line, 600) for line in (change_words.of_run(run), *lines)])
            ),
            *_troubles(report),
            context(_who(report), *([f"took {took}"] if took else [])),
        ),
    )


def receipt_lines(receipt: Mapping[str, Any]) -> list[str]:
    """The figures of a receipt (patchbot.receipt/1) as sentences; lists are cut and say so."""
    if not receipt:
        return ["The receipt is not written yet."]
    nodes, patches, cves = receipt["nodes"], receipt["patches"], receipt["cves"]
    lines = [
        f"Nodes: {nodes['clean']:,} of {nodes['planned']:,} clean by the scan after it"
        f" ({nodes['rescanned']:,} scanned again).",
        f"Patches: {patches['closed']:,} closed, {patches['open']:,} still open,"
        f" {patches['pending_reboot']:,} wait for a reboot.",
    ]
    if cves["closed"] or cves["open"]:
        lines.append(f"CVEs: {cves['closed']:,} closed, {cves['open']:,} still open.")
    for name, told in (("closed", "Closed"), ("open", "Still open")):
        ids = [*cves[f"{name}_ids"], *patches[f"{name}_ids"]]
        more = cves[f"{name}_more"] + patches[f"{name}_more"] + max(0, len(ids) - IDS_SHOWN)
        if ids:
            shown = ", ".join(ids[:IDS_SHOWN])
            lines.append(f"{told}: {shown}{f' and {more:,} more' if more else ''}.")
    bad = [
        f"{nodes[one.value]:,} {'never begun' if one is NodeOutcome.PENDING else words}"
        for one, words in change_words.OUTCOMES.items()
        if one is not NodeOutcome.SUCCESS and nodes.get(one.value)
    ]
    if nodes["not_back"]:
        bad.append(f"{nodes['not_back']:,} not back after the reboot")
    if bad:
        lines.append(f"Not as planned: {', '.join(bad)}.")
    if receipt["why"]:
        lines.append(f"Why: {receipt['why']}.")
    return lines


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
    if report.run.started_at:
        parts.append(markup("started {when}", when=date(report.run.started_at)))
    return join(" · ", parts)


def _rehearsal(report: RunReport) -> list[Block]:
    if not report.run.rehearsal:
        return []
    return [
        context(":test_tube: Rehearsal: this records what would have been sent; AWS got nothing.")
    ]
