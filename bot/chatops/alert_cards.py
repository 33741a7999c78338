"""The card of an alert: what happened, to which nodes, and what can be done about it. It never does it by itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from bot.chatops import cards
from bot.chatops.blocks import Element, actions, context, header, section
from bot.chatops.command import Show
from bot.chatops.markup import Text, bold, code, date, join, markup
from bot.chatops.reply import Card
from bot.core.alerts import Alert, AlertKind
from bot.core.wording import counted

NODES_SHOWN: Final = 10
ABOUT_SHOWN: Final = 5
_SIGNS: Final = {AlertKind.NON_COMPLIANT: "🔔", AlertKind.INSTALL: "👤", AlertKind.WINDOW: "🪟"}
_ABOUT: Final = {AlertKind.INSTALL: "Command", AlertKind.WINDOW: "Window"}
_NEXT: Final = {
    AlertKind.NON_COMPLIANT: "A plan is only a plan: nothing is installed before people approve it.",
    AlertKind.INSTALL: "CloudTrail says who sent the command (SendCommand). Scan the nodes to see what came of it.",
    AlertKind.WINDOW: "The console shows its tasks: Systems Manager, Maintenance Windows, History.",
}


def alert_card(alert: Alert, *, asked: bool = False, answer: str = "") -> Card:
    """`answer` says what came of `auto_request`: `asked` when there is a request, else why there is none."""
    lines: list[Text] = [_when(alert), *_about(alert), *_nodes(alert)]
    if answer:
        told = (
            f"I asked for an Install. {answer}" if asked else f"No Install was asked for: {answer}."
        )
        lines.append(cards.prose(told))
    return Card(
        f"{alert.id}: {alert.reason}.",
        (
            header(f"{_SIGNS[alert.kind]} {alert.reason}"),
            section(join("\n", lines)),
            actions(*_buttons(alert)),
            context(markup("{id} · {next}", id=alert.id, next=_NEXT[alert.kind])),
        ),
    )


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


def _buttons(alert: Alert) -> list[Element]:
    """Forms for these nodes alone, where it is known which they are."""
    environment = alert.environment
    listed = cards.show(
        "Non-compliant nodes", Show.PRIVATE, cards.sentence("nodes", environment), name="nodes"
    )
    status = cards.show(
        "Status", Show.PRIVATE, cards.sentence("status", environment), name="status"
    )
    only = {"nodes": alert.id} if alert.nodes else {}
    scan = cards.plan("scan", environment, only)
    install = cards.plan("install", environment, only, style="primary" if alert.nodes else None)
    if alert.kind is AlertKind.INSTALL:
        return [scan, listed, status]
    if (
        not alert.nodes
    ):  # a window does not say which nodes it was for: the plan would be for all of them
        return [listed, install, status]
    return [install, listed, status]
