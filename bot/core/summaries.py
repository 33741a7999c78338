"""The facts of a report in few words, the same in Slack, in a terminal and in a notification."""

from __future__ import annotations

from datetime import datetime

from bot.core.judgement import Reason, Status
from bot.core.reports import BaselineRow, GapRow, NodeRow, StatusReport
from bot.core.wording import ago, counted, listed

STATUS_WORDS = {
    Status.COMPLIANT: "Compliant",
    Status.NON_COMPLIANT: "Non-compliant",
    Status.UNKNOWN: "Unknown",
    Status.STOPPED: "Stopped",
}


def in_short(row: NodeRow, now: datetime) -> str:
    """The state of a node in a few words: "3 missing, 1 failed; 2 critical-level"."""
    match row.status:
        case Status.STOPPED:
            return "stopped"
        case Status.COMPLIANT:
            return "compliant"
        case Status.UNKNOWN:
            return _unknown_in_short(row, now)
    states = (
        (row.missing, "missing"),
        (row.failed, "failed"),
        (row.installed_rejected, "rejected"),
        (row.installed_pending_reboot, "pending reboot"),
    )
    levels = (
        (row.critical_non_compliant, "critical-level"),
        (row.security_non_compliant, "security"),
    )
    what = ", ".join(f"{number:,} {word}" for number, word in states if number)
    if Reason.AVAILABLE_SECURITY_UPDATE in row.reasons:
        what = f"{what}, unapproved security updates" if what else "unapproved security updates"
    worst = ", ".join(f"{number:,} {word}" for number, word in levels if number)
    return f"{what}; {worst}" if worst else what


def _unknown_in_short(row: NodeRow, now: datetime) -> str:
    if Reason.NEVER_SCANNED in row.reasons:
        return "never scanned"
    if Reason.UNREADABLE in row.reasons:
        return "could not be read"
    if row.operation_end_time is None:
        return "stale: last operation has no date"
    return f"stale: last {row.operation or 'operation'} {ago(row.operation_end_time, now)}"


def about_gap(row: GapRow, now: datetime) -> str:
    """A gap in words: where, why, what it hides as far as anybody knows, what to do."""
    where = f"{row.account}/{row.region}" if row.account else row.region
    if row.last_read_at is None:
        hides = "Never read: how many nodes it has is not known, none of them is in these figures."
    else:
        counts = "counts" if row.nodes == 1 else "count"
        hides = f"{counted(row.nodes, 'node')} there {counts} as unknown; last read {ago(row.last_read_at, now)}."
    return f"{where}: {row.reason.rstrip('.')}. {hides} {row.hint}".strip()


def about_baseline(row: BaselineRow) -> str:
    """What the baseline means for the figures of a node; empty where nothing is known but its id."""
    if not row.name and not row.compliance_levels:
        return ""
    parts = []
    if row.approve_after_days:
        shortest, longest = min(row.approve_after_days), max(row.approve_after_days)
        days = (
            counted(longest, "day")
            if shortest == longest
            else f"{shortest} to {counted(longest, 'day')}"
        )
        parts.append(f"It approves patches {days} after their release.")
    levels = [level for level in row.compliance_levels if level != "UNSPECIFIED"]
    if levels:
        parts.append(f"Its rules set the levels {listed(levels)}.")
    else:
        parts.append(
            "Its rules set no compliance level, so nothing is ever critical-level here: look at the vendor's severity."
        )
    return " ".join(parts)


def status_in_short(report: StatusReport) -> str:
    """The facts of an environment in one line, for a notification or a screen reader."""
    nodes = report.nodes
    if not nodes.total:
        return f"{report.environment}: no nodes are counted"
    unknown = f", {nodes.unknown:,} unknown" if nodes.unknown else ""
    critical = report.nodes_with.critical_non_compliant
    worst = f"; {counted(critical, 'node')} with critical-level patches open" if critical else ""
    return (
        f"{report.environment}: {nodes.compliant:,} of {counted(nodes.total, 'node')} compliant"
        f" ({report.compliance_percent} %), {nodes.non_compliant:,} non-compliant{unknown}{worst}"
    )


def unknown_in_words(report: StatusReport) -> str:
    """ "6 unknown: 3 never scanned, 2 stale, 1 unreadable"; "none unknown" where there are none."""
    reasons = report.unknown_reasons
    parts = ", ".join(
        f"{number:,} {word}"
        for number, word in (
            (reasons.never_scanned, "never scanned"),
            (reasons.stale, "stale"),
            (reasons.unreadable, "unreadable"),
        )
        if number
    )
    return f"{report.nodes.unknown:,} unknown: {parts}" if parts else "none unknown"


def attention_in_words(report: StatusReport) -> tuple[str, ...]:
    """What wants a look whatever its status; empty where nothing does."""
    seen = report.attention
    return tuple(
        f"{number:,} {word}"
        for number, word in (
            (seen.pending_reboot, "pending reboot"),
            (seen.failed, "with failed installs"),
            (seen.connection_lost, "with lost connection"),
            (seen.stopped, "stopped (not counted)"),
        )
        if number
    )
