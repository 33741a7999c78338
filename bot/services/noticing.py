"""Which Slack messages show a request or a run, and where: the same list makes them wanted and has them redrawn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from bot.core.identity import Members
from bot.core.ledger import Change, InboxItem, Notice, NoticeState
from bot.core.requests import Request
from bot.core.rules import ChangeRules
from bot.core.running import BOT
from bot.core.runs import Run
from bot.core.schedules import Slot, Subscription

APPROVAL = "approval"
REQUESTER = "requester"
BREAK_GLASS = "break_glass"
REMINDER = "reminder"
RUN = "run"
GATE = "gate"
GATE_REMINDER = "gate_reminder"
RECEIPT = "receipt"
ANSWER = "answer"
ALERT = "alert"
DIGEST = "digest"
OWNERS_PART = "owners_part"

INSTEAD = "instead of "
"""What the reason of a notice begins with that went to whoever asked, because its channel cannot be reached."""


def about_request(request: Request, rules: ChangeRules) -> tuple[Notice, ...]:
    """The card where it is decided, and a direct message to whoever asked. Draw them anew after every move."""
    notices = []
    if request.requester != BOT:
        key = f"{REQUESTER}/{request.id}"
        notices.append(Notice(key, REQUESTER, request.id, request.requester))
    if rules.asks_in and (request.rules.needed or request.break_glass):
        notices.append(Notice(f"{APPROVAL}/{request.id}", APPROVAL, request.id, rules.asks_in))
    return tuple(notices)


def approvals(notices: Iterable[Notice], request: Request) -> tuple[Notice, ...]:
    """Those of the messages where the request is decided, wherever they are."""
    return tuple(one for one in notices if one.kind == APPROVAL and one.subject == request.id)


def about_broken_glass(request: Request, rules: ChangeRules) -> tuple[Notice, ...]:
    """Everybody is told: both channels, and each approver, those of user groups too."""
    people = (*sorted(rules.approvers.users), *sorted(rules.approvers.usergroups))
    places = dict.fromkeys((rules.asks_in, rules.channel, *people))
    return tuple(
        Notice(f"{BREAK_GLASS}/{request.id}/{place}", BREAK_GLASS, request.id, place)
        for place in places
        if place
    )


def has_told_of_glass(notice: Notice, request: Request) -> bool:
    """Whether by that message somebody else than whoever broke the glass has heard of it.

    The notice of a user group is no message, only those to its members are; neither counts what the requester got
    in the place of a channel.
    """
    is_message = notice.state is NoticeState.POSTED and bool(notice.ts)
    reached = not notice.reason.startswith(INSTEAD)
    return is_message and reached and not notice.key.endswith(f"/{request.ended_by}")


def reminder(request: Request, rules: ChangeRules) -> tuple[Notice, ...]:
    """A word in the thread of the card that waits; once per request."""
    if not rules.asks_in:
        return ()
    key = f"{REMINDER}/{request.id}"
    thread = f"{APPROVAL}/{request.id}"
    return (Notice(key, REMINDER, request.id, rules.asks_in, thread_of=thread),)


def about_run(run: Run, request: Request, rules: ChangeRules) -> tuple[Notice, ...]:
    """The live card; in the channel of the environment, else with whoever asked for the run."""
    place = rules.channel or rules.approval_channel or request.requester
    return (Notice(f"{RUN}/{run.id}", RUN, run.id, place),)


def closed_gate(run: Run, request: Request, rules: ChangeRules) -> tuple[Notice, ...]:
    """The question to a person after `run.wave`, where approvers are: in their channel, else to each of them.

    Where that is the channel of the live card, it goes into its thread, and is shown in the channel, too.
    """
    (card,) = about_run(run, request, rules)
    key, subject = f"{GATE}/{run.id}/{run.wave}", f"{run.id}/{run.wave}"
    if not rules.asks_in:
        return to_approvers(Notice(key, GATE, subject, card.channel), rules.approvers)
    thread = card.key if rules.asks_in == card.channel else ""
    return (Notice(key, GATE, subject, rules.asks_in, thread_of=thread),)


def gate_reminder(gate: Notice) -> Notice:
    """A word under the question that still waits; once per gate."""
    key = f"{GATE_REMINDER}/{gate.key.partition('/')[2]}"
    return Notice(key, GATE_REMINDER, gate.subject, gate.channel, thread_of=gate.key)


def gates(notices: Iterable[Notice], run: Run) -> tuple[Notice, ...]:
    """Those of the messages that ask about a gate of the run."""
    subject = f"{run.id}/"
    return tuple(one for one in notices if one.kind == GATE and one.subject.startswith(subject))


def to_approvers(notice: Notice, approvers: Members) -> tuple[Notice, ...]:
    """The same to each approver: to people directly, and to user groups, whose members get it one by one."""
    people = (*sorted(approvers.users), *sorted(approvers.usergroups))
    return tuple(
        replace(notice, key=f"{notice.key}/{one}", channel=one, thread_of="") for one in people
    )


def receipt(run: Run, request: Request, rules: ChangeRules) -> tuple[Notice, ...]:
    """The receipt, in the thread of the live card."""
    (card,) = about_run(run, request, rules)
    key = f"{RECEIPT}/{run.id}"
    return (Notice(key, RECEIPT, run.id, card.channel, thread_of=card.key),)


def answer(item: InboxItem, text: str) -> Notice:
    """What whoever clicked is told. It counts as on its way: only where nobody has told them, it is posted."""
    key = f"{ANSWER}/{item.key}"
    return Notice(key, ANSWER, text, item.person, state=NoticeState.POSTING)


def told(notice: Notice) -> Notice:
    """An answer that has reached whoever clicked."""
    return replace(notice, state=NoticeState.POSTED, shown=notice.wanted)


def about_alert(alert_id: str, rules: ChangeRules) -> tuple[Notice, ...]:
    """An alert, in the channel of its environment."""
    return (Notice(f"{ALERT}/{alert_id}", ALERT, alert_id, rules.channel),)


def digest_failed(subscription: Subscription, slot: Slot) -> tuple[Notice, ...]:
    """A direct message to whoever set the digest up: one for each date, however often it fails."""
    return (Notice(f"{DIGEST}/{slot.key}", DIGEST, slot.key, subscription.created_by),)


def owners_part(subscription: Subscription, slot: Slot, owner: str, channel: str) -> Notice:
    """The part of a digest for the nodes of an owner: once a day, however many channels have the digest."""
    key = f"{OWNERS_PART}/{subscription.environment}/{slot.day.isoformat()}/{owner}"
    return Notice(key, OWNERS_PART, f"{slot.key}/{owner}", channel)


def show(change: Change, notices: tuple[Notice, ...]) -> None:
    """Make them wanted, or have them drawn anew."""
    for notice in notices:
        change.show(notice)
