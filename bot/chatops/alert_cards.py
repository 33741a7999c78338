"""The card of an alert: what happened, to which nodes, and what can be done about it. It never does it by itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from bot.chatops import cards, change_words
from bot.chatops.blocks import Element, actions, context, header, section
from bot.chatops.command import Show
from bot.chatops.markup import Text, bold, code, date, join, markup
from bot.chatops.reply import Card
from bot.core.alerts import Alert, AlertKind
from bot.core.wording import counted
from bot.services.alert_standing import Opened, Standing

NODES_SHOWN: Final = 10
ABOUT_SHOWN: Final = 5
OPENED_SHOWN: Final = 3
NOTHING_YET: Final = Standing()
_SIGNS: Final = {AlertKind.NON_COMPLIANT: "🔔", AlertKind.INSTALL: "👤", AlertKind.WINDOW: "🪟"}
_ABOUT: Final = {AlertKind.INSTALL: "Command", AlertKind.WINDOW: "Window"}
_NEXT: Final = {
    AlertKind.NON_COMPLIANT: "A plan is only a plan: nothing is installed before people approve it.",
    AlertKind.INSTALL: "CloudTrail says who sent the command (SendCommand). Scan the nodes to see what came of it.",
    AlertKind.WINDOW: "The console shows its tasks: Systems Manager, Maintenance Windows, History.",
}


def alert_card(alert: Alert, found: Standing = NOTHING_YET) -> Card:
    """What happened, what became of it, and the button for what is left to do: none where somebody has it in hand."""
    lines: list[Text] = [_when(alert), *_about(alert), *_nodes(alert)]
    over = found.settled_at is not None
    sign = "✅ Settled:" if over else _SIGNS[alert.kind]
    small = [alert.id] if over or found.in_hand else [alert.id, _NEXT[alert.kind]]
    became = _became(alert, found)
    told = [
        f"{alert.id}: {alert.reason}.",
        *(f"{one.request.id} {_state(one)}." for one in found.opened[:1]),
        *(["Nothing is left to do here."] if over else []),
    ]
    return Card(
        " ".join(told),
        (
            header(f"{sign} {alert.reason}"),
            section(join("\n", lines)),
            *([section(join("\n", became))] if became else []),
            actions(*_buttons(alert, found)),
            context(join(" · ", small)),
        ),
    )


def _state(one: Opened) -> str:
    return change_words.request_state(one.request, one.run)


def _became(alert: Alert, found: Standing) -> list[Text]:
    """The requests that were opened from it, newest first, and whether anything is left."""
    lines: list[Text] = [
        markup(
            "Request {id} was opened from this by {who} and {state}.",
            id=bold(one.request.id),
            who=cards.requester(one.request.requester),
            state=_state(one),
        )
        for one in found.opened[:OPENED_SHOWN]
    ]
    if more := len(found.opened) - len(lines):
        lines.append(f"{counted(more, 'more request')} before.")
    if found.declined and not found.opened:
        lines.append(cards.prose(f"No Install was asked for: {found.declined}."))
    if found.settled_at is not None:
        lines.append(
            markup("Nothing is left to do here since {when}.", when=date(found.settled_at))
        )
    elif (
        found.opened
        and found.in_hand is None
        and alert.told_at > found.opened[0].request.created_at
    ):
        lines.append("More came after that, so it does not cover all of this.")
    return lines


def _when(alert: Alert) -> Text:
    if alert.last_at - alert.first_at < timedelta(minutes=1):  # the same to the reader
        return markup("{when}", when=date(alert.last_at))
    return markup("{first} to {last}", first=date(alert.first_at), last=date(alert.last_at))


def _about(alert: Alert) -> list[Text]:
    """The commands or windows behind it."""
    if alert.kind not in _ABOUT or not alert.about:
        return []
    shown: list[Text] = [code(one) for one in alert.about[:ABOUT_SHOWN]]
    if more := len(alert.about) - len(shown):
        shown.append(f"{more:,} more")
    return [markup("{what} {ids}", what=_ABOUT[alert.kind], ids=join(", ", shown))]


def _nodes(alert: Alert) -> list[Text]:
    names = alert.names
    lines: list[Text] = [
        markup(
            "• {name} {id}",
            name=bold(cards.brief(names[node].strip() or node.instance_id, 60)),
            id=code(node.instance_id),
        )
        for node in alert.nodes[:NODES_SHOWN]
    ]
    left = len(alert.nodes) - NODES_SHOWN
    if left > 0:
        lines.append(f"{counted(left, 'more node')}")
    return lines


def _buttons(alert: Alert, found: Standing) -> list[Element]:
    """The form for what is left to do, for these nodes alone where it is known which they are."""
    environment = alert.environment
    listed = cards.show(
        "Non-compliant nodes", Show.PRIVATE, cards.sentence("nodes", environment), name="nodes"
    )
    status = cards.show(
        "Status", Show.PRIVATE, cards.sentence("status", environment), name="status"
    )
    if found.settled_at is not None:
        return [listed, status]
    if found.in_hand is not None:
        name = found.in_hand.request.id
        return [
            cards.show(f"Show {name}", Show.PRIVATE, cards.sentence("run", name), name="request"),
            listed,
            status,
        ]
    only = {"nodes": alert.id}
    if alert.kind is AlertKind.INSTALL:
        return [cards.plan("scan", environment, only), listed, status]
    plan = cards.plan("install", environment, only, style="primary" if alert.nodes else None)
    # A window does not say which nodes it was for: the plan is for all that are not compliant, so look at them first.
    return [plan, listed, status] if alert.nodes else [listed, plan, status]
