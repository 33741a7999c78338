"""The words around a list of nodes: its filters, what it leaves out, why it is empty; the same on every surface."""

from __future__ import annotations

from collections.abc import Sequence

from bot.chatops import cards
from bot.chatops.blocks import Element
from bot.chatops.plan_views import LONGEST_FILTER
from bot.core.explain import INSTALL_HELPS
from bot.core.judgement import Status
from bot.core.reports import NodeRow, NodesReport
from bot.core.selection import EVERY_STATE
from bot.core.summaries import FILTER_WORDS, LEVEL, SEVERITY_FILTER, connection_lost, worst_kind
from bot.core.wording import counted


def small_print(report: NodesReport, order: str, rows: Sequence[NodeRow], span: str) -> list[str]:
    """Which part is shown in which order, by which filters, and whose severity they speak of."""
    parts = [f"Nodes {span}", order] if report.nodes else []
    filters = [
        f"{name} “{cards.brief(value, 60)}”"
        for name, value in report.filters.items()
        if name != "state"
    ]
    line = " · ".join((*parts, *filters))
    level = SEVERITY_FILTER if report.filters.get("severity") else ""
    if not level and any(worst_kind(row) == "critical" for row in rows):
        level = LEVEL
    return [text for text in (line, level) if text]


def left_out(report: NodesReport, how_to_see: str = "") -> str:
    """How many unknown nodes are not in the list: nobody must take them for compliant."""
    if not report.unknown_not_listed:
        return ""
    return f"Not in this list: {counted(report.unknown_not_listed, 'unknown node')}.{how_to_see}"


def install_plan(report: NodesReport) -> tuple[Element, ...]:
    """The form of an Install on what is listed, where there is something to install and somewhere to send it."""
    helped = (
        row for row in report.nodes if not connection_lost(row) and INSTALL_HELPS & {*row.reasons}
    )
    filters = {
        name: value
        for name, value in report.filters.items()
        if (name, value) not in {("state", EVERY_STATE), ("state", Status.NON_COMPLIANT.value)}
    }
    # Its filters are shorter than those of a list.
    if not any(helped) or any(len(value) > LONGEST_FILTER for value in filters.values()):
        return ()
    return (cards.plan("install", report.environment, filters),)


def why_empty(report: NodesReport) -> str:
    """Why there is no row, and what there is instead."""
    counts = report.counts
    if not counts.total:
        return f"{report.environment} has no nodes that count; `/patch status {report.environment}` says why."
    there = (
        f"{report.environment} has {counts.non_compliant:,} non-compliant, {counts.unknown:,} unknown and"
        f" {counts.compliant:,} compliant {'node' if counts.total == 1 else 'nodes'}."
    )
    if report.unmatched:
        return f"{_no_such(report)} {there}"
    if len(report.filters) > 1:
        return f"No node matches all of these filters. {there}"
    return f"None. {there}"


def _no_such(report: NodesReport) -> str:
    return " ".join(
        f"No node has the {FILTER_WORDS[name]} “{cards.brief(report.filters[name], 60)}”{_meant(report, name)}"
        f" There are: {cards.brief(values, 200)}."
        for name, values in report.unmatched.items()
        if values
    )


def _meant(report: NodesReport, name: str) -> str:
    return f"; did you mean “{report.meant[name]}”?" if name in report.meant else "."
