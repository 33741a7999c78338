"""Draws the message of a notice from the ledger as it is at this moment. Pure but for reading the ledger."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.chatops import cards, request_cards, run_cards
from bot.chatops.alert_cards import alert_card
from bot.chatops.blocks import context, section
from bot.chatops.markup import Mrkdwn, Text, bold, channel, markup, user
from bot.chatops.reply import Card
from bot.core.errors import NotFound
from bot.core.ledger import Ledger, Notice
from bot.core.plans import Plan
from bot.core.requests import Request
from bot.core.rules import ChangeRules
from bot.services import noticing
from bot.services.alert_standing import look_up
from bot.services.installs import request_row, run_report
from bot.services.subscribing import find_slot


def draw(
    notice: Notice, ledger: Ledger, now: datetime, *, rules: Mapping[str, ChangeRules] | None = None
) -> Card:
    """The card of `notice`. `rules` tell whether a glass may be broken; without them there is no button for it.

    Raises NotFound for a kind that is not drawn here, or a subject that is not in the ledger.
    """
    if notice.kind == noticing.ANSWER:
        return cards.late_answer(notice.subject)
    if notice.kind in {noticing.RUN, noticing.RECEIPT, noticing.GATE, noticing.GATE_REMINDER}:
        return _about_run(notice, ledger, now, rules or {})
    if notice.kind == noticing.ALERT:
        return alert_card(*look_up(ledger, notice.subject))
    if notice.kind == noticing.DIGEST:
        return _about_digest(notice, ledger)
    request, plan = _request(notice, ledger)
    found = (rules or {}).get(request.environment)
    row = request_row(request, plan, found)
    match notice.kind:
        case noticing.APPROVAL:
            may = found is not None and found.break_glass.anybody
            glass = may and plan.not_before is None  # what is planned for later can wait
            return request_cards.approval_card(
                row, plan, glass=glass, called=_called(found, row.requester)
            )
        case noticing.REQUESTER:
            return request_cards.requester_card(row, plan, asked_in=found.asks_in if found else "")
        case noticing.REMINDER:
            return request_cards.reminder_card(row, called=_called(found, row.requester))
        case noticing.BREAK_GLASS:
            return request_cards.break_glass_card(row, plan, reviewed_by=_reviewer(ledger, request))
    raise NotFound(f"Notices of the kind “{notice.kind}” are not drawn here.")


def _about_run(
    notice: Notice, ledger: Ledger, now: datetime, rules: Mapping[str, ChangeRules]
) -> Card:
    name, _, wave = notice.subject.partition("/")
    run = ledger.run(name)
    if run is None:
        raise NotFound(f"There is no run {name}.")
    report = run_report(ledger, run, now)
    called = _called(rules.get(run.environment), report.request.requester)
    if notice.kind == noticing.GATE:
        decided = _decided(ledger, run.id, int(wave))
        return run_cards.gate_card(report, int(wave), decided=decided, called=called)
    if notice.kind == noticing.GATE_REMINDER:
        return run_cards.gate_reminder_card(report, called=called)
    if notice.kind == noticing.RECEIPT:
        return run_cards.receipt_card(report)
    return run_cards.run_card(report)


def _about_digest(notice: Notice, ledger: Ledger) -> Card:
    name, _, day = notice.subject.partition("/")
    found = find_slot(ledger, name, day)
    if found is None:
        raise NotFound(f"There is no digest {notice.subject}.")
    subscription, slot = found
    what = f"The digest of {subscription.environment} for {day} was not posted: {slot.reason}."
    return Card(
        what,
        (
            section(
                markup(
                    "The digest of {environment} for {day} was not posted in {channel}: {reason}.",
                    environment=bold(subscription.environment),
                    day=day,
                    channel=channel(subscription.channel),
                    reason=slot.reason,
                )
            ),
            context(
                cards.prose(
                    "It goes on with the next one. Where I am not in the channel: `/invite @patchbot`. To have it in"
                    f" another channel, type there `/patch digest {subscription.environment} on`. To end it:"
                    f" `/patch digest {name} off`."
                )
            ),
        ),
    )


def _called(rules: ChangeRules | None, requester: str) -> Sequence[Mrkdwn]:
    """Mentions of those who are asked; none where the configuration wants none."""
    return () if rules is None else cards.mentions(rules.called, but=requester)


def _decided(ledger: Ledger, run_id: str, wave: int) -> Text:
    """Who decided about the gate after that wave, and how; empty where nobody has."""
    for kind, words in (("run.continued", "let it go on"), ("run.stopped", "stopped it")):
        for link in ledger.audit(subject=f"run/{run_id}", kind=kind, limit=100):
            person = re.fullmatch(r"[UW][A-Z0-9]{1,254}", link.actor)
            if person and json.loads(link.body).get("wave") == wave:
                return markup("{who} {what}", who=user(link.actor), what=words)
    return ""


def _request(notice: Notice, ledger: Ledger) -> tuple[Request, Plan]:
    request = ledger.request(notice.subject)
    plan = ledger.plan(request.digest) if request is not None else None
    if request is None or plan is None:
        raise NotFound(f"There is no request {notice.subject}.")
    return request, plan


def _reviewer(ledger: Ledger, request: Request) -> str:
    """Who reviewed it; subjects match from the start, so R-1 must not take the review of R-12 for its own."""
    subject = f"request/{request.id}"
    links = ledger.audit(subject=subject, kind="request.reviewed")
    return next((link.actor for link in links if link.subject == subject), "")
