"""A plan that cannot be asked for, in blocks: why, which nodes, what next. Nothing to install is good news."""

from __future__ import annotations

from typing import Final

from bot.chatops import cards
from bot.chatops.blocks import Block, section
from bot.chatops.markup import Text, bold, code, join, markup
from bot.core.change_reports import PlanReport
from bot.services.preflight import NOTHING, Obstacle

NODES_SHOWN: Final = 5
_NEXT: Final = {
    Obstacle.OFFLINE: "offline: see that the SSM Agent runs there and reaches AWS",
    Obstacle.STOPPED: "stopped: start them first",
    Obstacle.NEVER_SCANNED: "never scanned: `/patch scan {environment}`",
    Obstacle.STALE: "scanned too long ago: `/patch scan {environment}`",
    Obstacle.UNREADABLE: "unreadable: `/patch doctor` says what is missing",
    Obstacle.AT_WORK: "another operation: wait until it has ended",
    Obstacle.IN_RUN: "in another run: `/patch runs {environment}` shows when it ends",
    Obstacle.ONLY_REBOOT: "only waiting for a reboot: ask with `reboot:needed`",
    Obstacle.SCANNED_LATELY: "scanned just now: `/patch status {environment}` has the result",
}


def is_good_news(report: PlanReport) -> bool:
    """Whether nothing stands in the way but that there is nothing to install."""
    return bool(report.excluded) and all(one.why == NOTHING for one in report.excluded)


def title(report: PlanReport) -> str:
    """What stands over it."""
    return (
        "Nothing to install" if is_good_news(report) else f"{report.operation.value}: not possible"
    )


def blocks(report: PlanReport) -> list[Block]:
    """The reasons; where no node is left, the first nodes with the reason of each, and the next steps."""
    sign = "✅" if is_good_news(report) else "⛔"
    told = [section(cards.timed(f"{sign} {line}", 1500)) for line in report.refusals]
    if report.nodes or not report.excluded or is_good_news(report):
        return told
    lines: list[Text] = [
        markup(
            "• {name} {id}: {why}",
            name=bold(cards.brief(one.name or one.instance_id, 60)),
            id=code(one.instance_id),
            why=cards.prose(one.why, 250),
        )
        for one in report.excluded[:NODES_SHOWN]
    ]
    if more := len(report.excluded) - len(lines):
        lines.append(cards.prose(f"{more:,} more"))
    obstacles = dict.fromkeys(Obstacle(one.obstacle) for one in report.excluded)
    steps = [_NEXT[one].format(environment=report.environment) for one in obstacles if one in _NEXT]
    after = [section(cards.prose(f"Next: {'; '.join(steps)}.", 1500))] if steps else []
    return [*told, section(join("\n", lines)), *after]
