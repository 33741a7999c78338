"""The cards of requests: what waits for approval, how it was decided, a broken glass, a reminder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bot.chatops import acts, cards, change_words
from bot.chatops.acts import Verb
from bot.chatops.blocks import Block, Element, actions, confirm, context, header, section
from bot.chatops.command import Show
from bot.chatops.markup import Text, ago, bold, channel, code, date, join, markup, user
from bot.chatops.modals import confirm_words, decision_facts, quoted
from bot.chatops.reply import Card
from bot.core.change_reports import RequestRow
from bot.core.plans import Plan
from bot.core.requests import RequestState

SIGNS: Final = {
    RequestState.PENDING: "⏳",
    RequestState.APPROVED: "✅",
    RequestState.DENIED: "⛔",
    RequestState.EXPIRED: "⌛",
    RequestState.CANCELLED: "↩️",
}


def approval_card(
    row: RequestRow, plan: Plan, *, glass: bool = False, called: Sequence[Text] = ()
) -> Card:
    """The card in the approvers' channel: open with its buttons, afterwards with what was decided.

    `glass` says whether somebody may start it without approval, `called` are mentions of the approvers.
    """
    what = change_words.of_request(row)
    if row.state is not RequestState.PENDING:
        return decided_card(row, plan)
    text = (
        f"Approval wanted, {row.id}: {what}. Code {row.code}."
        f" Reboots: {change_words.reboots(row.reboots, row.operation, row.reboot_option)}."
        f" {change_words.lacking(row)}"
    )
    votes = join(", ", [user(person) for person in row.approved_by])
    lines: list[Text] = [bold(change_words.lacking(row))]
    if row.approved_by:
        lines.append(markup("Approved by {who}", who=votes))
    return Card(
        text,
        (
            header(f"Approve {row.id}? {what}"),
            *_rehearsal(row),
            section(join("\n", [*lines, *_calling(called)])),
            actions(*_buttons(row, glass=glass)),
            *decision_facts(row, plan, titled=False),
        ),
    )


def _calling(called: Sequence[Text]) -> list[Text]:
    return [markup("Please look: {who}", who=join(" ", called))] if called else []


def _buttons(row: RequestRow, *, glass: bool) -> list[Element]:
    """Deny asks for a reason and so needs no dialog; only breaking the glass is dangerous at once."""
    buttons = [
        acts.do(Verb.APPROVE, "Approve…", row.id, style="primary"),
        acts.do(Verb.DENY, "Deny…", row.id),
        cards.show("Show nodes", Show.PRIVATE, cards.sentence("run", row.id), name="nodes"),
        acts.do(
            Verb.WITHDRAW,
            "Cancel request",
            row.id,
            confirm=confirm(
                f"Cancel {row.id}?", confirm_words(row), yes="Cancel the request", no="Keep it"
            ),
        ),
    ]
    if glass:
        dialog = confirm(
            "Start without approval?", confirm_words(row), yes="Go on", no="Not now", danger=True
        )
        buttons.append(
            acts.do(Verb.BREAK_GLASS, "Break glass…", row.id, style="danger", confirm=dialog)
        )
    return buttons


def decided_card(row: RequestRow, plan: Plan) -> Card:
    """How it ended, by whom and when; no buttons."""
    told = "needs no approval" if _needed_none(row) else f"is {outcome(row)}"
    what = change_words.of_request(row)
    lines: list[Text] = [bold(what), _who(row)]
    reason = (
        quoted("Why, as it was typed", row.ended_why)
        if row.ended_by not in {"", "patchbot"}
        else []
    )
    facts = markup(
        "{count} · {waves} · code {code} · asked by {who}",
        count=change_words.severity(plan.nodes),
        waves=change_words.waves([len(wave) for wave in plan.waves], row.operation),
        code=code(row.code),
        who=cards.requester(row.requester),
    )
    return Card(
        f"{row.id} {told}: {what}.",
        (
            header(f"{SIGNS[row.state]} {row.id} {told}"),
            *_rehearsal(row),
            section(join("\n", lines)),
            *(reason if row.state is RequestState.DENIED or row.break_glass else []),
            context(facts),
        ),
    )


def outcome(row: RequestRow) -> str:
    """ "approved", "started without approval", "denied", …"""
    if row.break_glass:
        return "started without approval (break glass)"
    return row.state.value


def _needed_none(row: RequestRow) -> bool:
    return row.state is RequestState.APPROVED and not row.approvals_needed


def _who(row: RequestRow) -> Text:
    when = date(row.ended_at) if row.ended_at else "now"
    if _needed_none(row):
        return markup("Asked for {when}; its run has a card of its own.", when=when)
    if row.state is RequestState.APPROVED and not row.break_glass and row.approved_by:
        who = join(", ", [user(person) for person in row.approved_by])
        return markup("Approved by {who}, {when}", who=who, when=when)
    if row.ended_by in {"", "patchbot"}:
        return markup(
            "{why}, {when}", why=cards.brief(row.ended_why or row.state.value, 200), when=when
        )
    return markup("By {who}, {when}", who=user(row.ended_by), when=when)


def requester_card(row: RequestRow, plan: Plan, *, asked_in: str = "") -> Card:
    """The direct message to whoever asked: where it stands, and the way back. `asked_in` is the approvers' channel."""
    what = change_words.of_request(row)
    if row.state is not RequestState.PENDING:
        return decided_card(row, plan)
    body = markup(
        "{what}\n{where}Code {code} · expires {when}\n{lacking}",
        where=markup("Waits in {channel} · ", channel=channel(asked_in)) if asked_in else "",
        what=bold(what),
        code=code(row.code),
        when=ago(row.expires_at),
        lacking=cards.prose(change_words.lacking(row)),
    )
    dialog = confirm(
        f"Cancel {row.id}?", confirm_words(row), yes="Cancel the request", no="Keep it"
    )
    return Card(
        f"{row.id} waits for approval: {what}. {change_words.lacking(row)}",
        (
            header(f"⏳ {row.id} waits for approval"),
            *_rehearsal(row),
            section(body),
            actions(acts.do(Verb.WITHDRAW, "Cancel request", row.id, confirm=dialog)),
        ),
    )


def reminder_card(row: RequestRow, *, called: Sequence[Text] = ()) -> Card:
    """A word in the thread of a card that still waits."""
    if row.state is not RequestState.PENDING:
        return Card(
            f"{row.id} is {outcome(row)}.",
            (context(f"{row.id} is {outcome(row)}; nothing waits here any more."),),
        )
    body = markup(
        "🔔 {id} still waits and expires {when}. {lacking} {who}",
        id=row.id,
        when=ago(row.expires_at),
        lacking=cards.prose(change_words.lacking(row)),
        who=join(" ", called),
    )
    return Card(f"{row.id} still waits for approval. {change_words.lacking(row)}", (section(body),))


def break_glass_card(row: RequestRow, plan: Plan, *, reviewed_by: str = "") -> Card:
    """What everybody is told when somebody started without approval, until somebody else has reviewed it."""
    what = change_words.of_request(row)
    who = markup(
        ":rotating_light: {who} started it without the approvals it needed ({needed}).\n{what}",
        who=user(row.ended_by),
        needed=row.approvals_needed,
        what=bold(what),
    )
    if reviewed_by:
        state: Block = context(markup("Reviewed by {who}", who=user(reviewed_by)))
    else:
        state = actions(acts.do(Verb.REVIEW, "Mark as reviewed…", row.id))
    return Card(
        f"Break glass: {row.id} was started without approval. {what}.",
        (
            header(f"Break glass: {row.id}"),
            *_rehearsal(row),
            section(who),
            *quoted("Reason, as it was typed", row.ended_why),
            section(cards.prose(f"{change_words.severity(plan.nodes)}. Code `{row.code}`.")),
            state,
        ),
    )


def _rehearsal(row: RequestRow) -> list[Block]:
    if not row.rehearsal:
        return []
    return [context("🧪 Rehearsal: the whole flow runs, and nothing is sent to AWS.")]
