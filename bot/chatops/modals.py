"""The modals in which changes are asked for and decided. Pure: everything in them is drawn from reports or the ledger.

`submissions.py` reads what comes back. Their callback ids are the kinds of the inbox items that they become.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from bot.chatops import cards, change_words, refused_plans
from bot.chatops.blocks import Block, Element, context, divider, fields, rich_text, section
from bot.chatops.forms import (
    Option,
    input_block,
    modal,
    moment_picker,
    number_input,
    radio_buttons,
    text_input,
)
from bot.chatops.markup import Text, ago, bold, code, date, join, markup
from bot.core.change_reports import LimitRow, PlanReport, RequestRow, RunRow
from bot.core.plans import Operation, Plan, RebootOption
from bot.core.proposals import Proposal
from bot.core.requests import Request
from bot.core.selection import EVERY_STATE, Filter
from bot.services.installs import request_row

REQUEST: Final = "request.submit"
APPROVE: Final = "request.approve"
DENY: Final = "request.deny"
BREAK_GLASS: Final = "break_glass"
REVIEW: Final = "reviewed"
REASON: Final = 500
TICKET: Final = 100
WAVE_MOST: Final = 100_000
REBOOTS: Final = (
    Option(
        "Reboot where needed",
        RebootOption.REBOOT_IF_NEEDED.value,
        "RebootIfNeeded: a node on which anything was installed reboots",
    ),
    Option(
        "Do not reboot",
        RebootOption.NO_REBOOT.value,
        "NoReboot: some patches count only after a reboot",
    ),
)


def loading(title: str) -> Element:
    """What stands there at once, before the trigger expires."""
    return modal(
        title, [section(markup(":hourglass_flowing_sand: One moment …"))], callback_id="loading"
    )


def sorry(title: str, text: str, hint: str = "") -> Element:
    """A modal that cannot be filled: why, and what to do next."""
    blocks = [section(cards.prose(text, 1500))]
    if hint:
        blocks.append(context(cards.prose(hint, 1000)))
    return modal(title, blocks, callback_id="sorry")


def placed(view: Element, channel: str) -> Element:
    """The modal, with the channel in which it was asked for: it comes back with the submission."""
    meta = json.loads(view["private_metadata"] or "{}")
    return {**view, "private_metadata": _json({**meta, "channel": channel})}


def request_modal(report: PlanReport) -> Element:
    """The form for a new request, or why there can be none."""
    if report.refusals:
        told = [*refused_plans.blocks(report), context(_asked_for(report), _read(report))]
        return modal(refused_plans.title(report), told, callback_id="sorry")
    what = change_words.what(
        report.operation, len(report.nodes), report.environment, rehearsal=report.rehearsal
    )
    return modal(
        f"{report.operation.value} in {report.environment}"[:24],
        [section(bold(what)), *_scope(report), *_why(report), divider(), *_choices(report)],
        callback_id=REQUEST,
        submit="Ask for it",
        close="Cancel",
        private_metadata=_json({"proposal": _proposal(report).body()}),
    )


def _proposal(report: PlanReport) -> Proposal:
    """What was asked for so far; the form adds the rest."""
    filters = dict(report.filters)
    named = filters.pop("nodes", "")
    return Proposal(
        environment=report.environment,
        operation=report.operation,
        filter=Filter(**{"state": EVERY_STATE, **filters}),
        named=named,
        only_patches=report.patches,
        reboot_option=report.reboot_option,
        seen=len(report.nodes),
    )


def _scope(report: PlanReport) -> list[Block]:
    lines: list[Text] = [_asked_for(report)]
    if left_out := change_words.left_out(report):
        lines.append(cards.prose(f"{left_out}."))
    if report.nodes:
        names = [row.name or row.instance_id for row in report.nodes[:5]]
        more = len(report.nodes) - len(names)
        told = ", ".join(cards.brief(name, 60) for name in names)
        lines.append(cards.prose(f"Worst first: {told}{f' and {more:,} more' if more else ''}."))
    lines += [cards.prose(remark, 600) for remark in report.remarks]
    window = report.windows[0] if report.windows else None
    if window is not None:
        lines.append(
            markup(
                "Next maintenance window there: {name}, {when}",
                name=cards.brief(window.name, 80),
                when=date(window.start),
            )
        )
    told = change_words.needs_of_plan(report)
    return [section(join("\n", lines)), context(join(" · ", [_read(report), cards.prose(told)]))]


def _asked_for(report: PlanReport) -> Text:
    return markup("Asked for: {scope}", scope=code(cards.brief(change_words.scope(report), 250)))


def _read(report: PlanReport) -> Text:
    return markup("Read {age}", age=ago(report.as_of))


def _choices(report: PlanReport) -> list[Block]:
    if report.operation is Operation.SCAN or report.limits is None:
        return []
    chosen = next(one for one in REBOOTS if one.value == report.reboot_option.value)
    return [
        input_block(
            "Reboot", radio_buttons(REBOOTS, action_id="value", initial=chosen), block_id="reboot"
        ),
        input_block(
            "Start",
            moment_picker(action_id="value"),
            block_id="start",
            hint="Leave it empty to start as soon as it is approved.",
            optional=True,
        ),
        *(_pace(report, report.limits) if len(report.nodes) > 1 else []),
    ]


def _pace(report: PlanReport, limits: LimitRow) -> list[Block]:
    """In which waves it goes. A single node has none, and submissions.py takes a form without these fields."""
    several, nodes = len(report.waves) > 1, len(report.nodes)
    told = change_words.waves(report.waves, report.operation)
    return [
        context(cards.prose(f"As proposed: {told}. The four fields below change that.")),
        input_block(
            "Canary",
            number_input(
                action_id="value", low=0, high=nodes - 1, initial=report.waves[0] if several else 0
            ),
            block_id="canary",
            hint="Nodes in the first wave; 0 for no canary.",
        ),
        input_block(
            "Wave size",
            number_input(action_id="value", low=1, high=nodes, initial=max(report.waves[several:])),
            block_id="wave_size",
            hint="Nodes in each wave after it. Between two waves at least "
            f"{limits.success_percent} % of the nodes must have succeeded.",
        ),
        input_block(
            "Nodes at the same time",
            text_input(action_id="value", at_most=7, initial=limits.max_concurrency),
            block_id="max_concurrency",
            hint="A number for the whole run, like 2, or a percentage of each send, like 10%.",
        ),
        input_block(
            "Errors allowed",
            text_input(action_id="value", at_most=7, initial=limits.max_errors),
            block_id="max_errors",
            hint="In one send of up to 50 nodes, a number or a percentage. With 1, AWS stops it at the second error.",
        ),
    ]


def _why(report: PlanReport) -> list[Block]:
    optional = report.operation is Operation.SCAN
    reason = text_input(
        action_id="value",
        lines=True,
        at_most=REASON,
        placeholder="What the approvers should know",
    )
    blocks = [input_block("Reason", reason, block_id="reason", optional=optional)]
    if report.operation is Operation.INSTALL:
        pattern = report.ticket_pattern
        blocks.append(
            input_block(
                "Ticket",
                text_input(action_id="value", at_most=TICKET),
                block_id="ticket",
                hint=f"It must match {pattern}" if pattern else "",
                optional=not pattern,
            )
        )
    return blocks


def approve_modal(request: Request, plan: Plan, *, typed: bool) -> Element:
    """What is to be approved, drawn from the ledger. With `typed` the number of nodes must be typed."""
    row = request_row(request, plan)
    blocks = [*decision_facts(row, plan), *_count(row, typed=typed)]
    return modal(
        f"Approve {row.id}?",
        blocks,
        callback_id=APPROVE,
        submit="Approve",
        close="Not now",
        private_metadata=_meta(row),
    )


def deny_modal(request: Request, plan: Plan) -> Element:
    """A denial wants a reason; everybody who sees the card reads it."""
    row = request_row(request, plan)
    reason = text_input(action_id="value", lines=True, at_most=REASON)
    return modal(
        f"Deny {row.id}?",
        [*decision_facts(row, plan), input_block("Why not", reason, block_id="reason")],
        callback_id=DENY,
        submit="Deny",
        close="Not now",
        private_metadata=_meta(row),
    )


def break_glass_modal(request: Request, plan: Plan, *, typed: bool) -> Element:
    """Starting without approval: a reason is required, and the modal says who will be told."""
    row = request_row(request, plan)
    reason = text_input(action_id="value", lines=True, at_most=REASON)
    warning = markup(
        ":rotating_light: *This starts without the approvals that are missing.* Everybody in the channels"
        " and every approver is told, and it must be reviewed afterwards."
    )
    return modal(
        f"Break glass for {row.id}",
        [
            section(warning),
            *decision_facts(row, plan),
            input_block("Why it cannot wait", reason, block_id="reason"),
            *_count(row, typed=typed),
        ],
        callback_id=BREAK_GLASS,
        submit="Start without approval",
        close="Not now",
        private_metadata=_meta(row),
    )


def review_modal(request: Request, plan: Plan) -> Element:
    """What somebody who had no part in it makes of a broken glass."""
    row = request_row(request, plan)
    note = text_input(action_id="value", lines=True, at_most=REASON)
    return modal(
        f"Review {row.id}",
        [*decision_facts(row, plan), input_block("What you found", note, block_id="note")],
        callback_id=REVIEW,
        submit="Mark as reviewed",
        close="Not now",
        private_metadata=_meta(row),
    )


def decision_facts(row: RequestRow, plan: Plan, *, titled: bool = True) -> list[Block]:
    """What whoever decides must know: nothing of it comes from the card that was clicked.

    Without `titled` the headline is left out, where it stands above already.
    """
    patches = change_words.worst_patches(plan.nodes)
    pairs: list[tuple[str, Text]] = [
        ("Environment", bold(row.environment)),
        ("Nodes", f"{row.nodes:,}"),
        ("Reboots", change_words.reboots(row.reboots, row.operation, row.reboot_option)),
        ("Code", code(row.code)),
        ("Asked by", cards.requester(row.requester)),
        ("Start", date(row.not_before) if row.not_before else "as soon as approved"),
        ("Waves", change_words.waves([len(wave) for wave in plan.waves], row.operation)),
        (
            "Limits",
            change_words.limits(plan.limits),
        ),
        ("Expires", date(row.expires_at)),
        ("Ticket", cards.brief(row.ticket, 100) if row.ticket else "none"),
    ]
    about: list[Text] = [cards.prose(f"{change_words.severity(plan.nodes)}.")]
    if patches:
        lacks = "Missing" if row.nodes == 1 else "Most missed"
        about.append(markup("{lacks}: {patches}", lacks=lacks, patches=cards.brief(patches, 400)))
    if unnamed := change_words.unnamed(plan.nodes) if row.operation is Operation.INSTALL else "":
        about.append(cards.prose(f"⚠️ {unnamed}"))
    worst = "Node" if row.nodes == 1 else "Worst"
    names = cards.brief(change_words.worst_nodes(plan.nodes), 250)
    about.append(markup("{worst}: {names}", worst=worst, names=names))
    return [
        *([section(bold(change_words.of_request(row)))] if titled else []),
        *fields([markup("*{name}*\n{value}", name=name, value=value) for name, value in pairs]),
        section(join("\n", about)),
        *quoted("Reason, as the requester typed it", row.reason),
    ]


def quoted(label: str, text: str) -> list[Block]:
    """What somebody typed, apart from our own words and without any effect."""
    if not text.strip():
        return []
    return [context(label), rich_text(cards.brief(text, 700))]


def _count(row: RequestRow, *, typed: bool) -> list[Block]:
    if not typed:
        return []
    label = f"Type how many nodes of {row.environment} this is for"
    most = max(WAVE_MOST, row.nodes)
    return [input_block(label, number_input(action_id="value", low=1, high=most), block_id="typed")]


def _meta(row: RequestRow) -> str:
    """Ids only. The digest binds the decision to what is drawn here."""
    return _json({"request": row.id, "digest": row.digest})


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def confirm_words(row: RequestRow | RunRow) -> str:
    """What a confirm dialog says: count, environment, reboot."""
    what = change_words.what(row.operation, row.nodes, row.environment, rehearsal=row.rehearsal)
    if row.rehearsal:
        return f"{what}: nothing is sent to AWS."
    if row.operation is Operation.SCAN:
        return f"{what}: it changes nothing on them."
    told = change_words.reboots(row.reboots, row.operation, row.reboot_option)
    return f"{what}; reboots: {told}."
