"""The facts of a report in few words, the same in Slack, in a terminal and in a notification."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from bot.core.judgement import Reason, Status
from bot.core.nodes import LOST
from bot.core.reports import BaselineRow, GapRow, NodeCounts, NodeRow, NodesReport, StatusReport
from bot.core.wording import ago, counted, listed

PLACES_NAMED = 3
_TITLE_VALUE = 25
_TITLE_FILTERS = 2
LEVEL = (
    "“Critical-level” is the level CRITICAL set by the patch baseline, not the vendor's severity."
)
SEVERITY_FILTER = (
    "“severity:” asks for the worst that the patch baseline says of a node: “critical” is its level CRITICAL,"
    " “security” the class Security and nothing of that level, “other” the rest. It is not the vendor's severity."
)

STATUS_WORDS = {
    Status.COMPLIANT: "Compliant",
    Status.NON_COMPLIANT: "Non-compliant",
    Status.UNKNOWN: "Unknown",
    Status.STOPPED: "Stopped",
}

PATCH_STATE_WORDS = {
    "InstalledPendingReboot": "pending reboot",
    "InstalledRejected": "rejected",
    "AvailableSecurityUpdate": "not approved",
    "InstalledOther": "installed",
    "NotApplicable": "not applicable",
}
"""AWS's states of a patch for people; the others are words already."""

REASON_WORDS = {
    Reason.MISSING: "missing",
    Reason.FAILED: "failed",
    Reason.INSTALLED_REJECTED: "rejected",
    Reason.INSTALLED_PENDING_REBOOT: "pending reboot",
    Reason.AVAILABLE_SECURITY_UPDATE: "unapproved security updates",
    Reason.NEVER_SCANNED: "never scanned",
    Reason.STALE: "stale",
    Reason.UNREADABLE: "unreadable",
}

FILTER_WORDS = {
    "os": "system",
    "owner": "owner",
    "group": "patch group",
    "region": "Region",
    "account": "account",
}
"""The filters whose values nodes have, as people call them."""

_LISTS = {
    "all": "{}",
    "compliant": "compliant {}",
    "non_compliant": "non-compliant {}",
    "unknown": "unknown {}",
    "stopped": "stopped {}",
    "missing": "{} with missing patches",
    "failed": "{} with failed installs",
    "installed_rejected": "{} with rejected patches",
    "installed_pending_reboot": "non-compliant {} pending reboot",
    "pending_reboot": "{} pending reboot",
    "available_security_update": "{} with unapproved security updates",
    "never_scanned": "{} never scanned",
    "stale": "{} with a stale result",
    "unreadable": "{} that could not be read",
    "connection_lost": "{} with lost connection",
}
"""What a list of each state (selection.STATES) is a list of."""


def list_in_words(report: NodesReport) -> str:
    """What a list holds: "41 non-compliant nodes", "3 of 13 non-compliant nodes", "36 nodes and 1 stopped"."""
    found, of, state = report.total, report.of_state, report.filters["state"]
    stopped = 0
    if state == "all":  # stopped ones are outside every total
        stopped = sum(row.status is Status.STOPPED for row in report.nodes)
        found, of = found - stopped, report.counts.total
    share = f"{found:,} of {of:,}" if len(report.filters) > 1 else f"{found:,}"
    noun = "node" if (of if len(report.filters) > 1 else found) == 1 else "nodes"
    words = f"{share} {_LISTS[state].format(noun)}"
    return f"{words} and {stopped:,} stopped" if stopped else words


def list_title(report: NodesReport) -> str:
    """The list with what it is a list of: "prod, os:windows: 3 of 13 non-compliant nodes"."""
    filters = [
        f"{name}:{value if len(value) <= _TITLE_VALUE else f'{value[:_TITLE_VALUE]}…'}"
        for name, value in report.filters.items()
        if name != "state"
    ]
    where = ", ".join((report.environment, *filters[:_TITLE_FILTERS]))
    more = len(filters) - _TITLE_FILTERS
    if more > 0:
        where += f" and {counted(more, 'more filter')}"
    if report.unmatched:
        return f"{where}: no such {listed(FILTER_WORDS[name] for name in report.unmatched)}"
    return f"{where}: {list_in_words(report)}"


def worst_kind(row: NodeRow) -> str:
    """The worst kind of non-compliance, in the baseline's words; empty for a node that is not non-compliant."""
    if row.status is not Status.NON_COMPLIANT:
        return ""
    if row.critical_non_compliant:
        return "critical"
    return "security" if row.security_non_compliant else "other"


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


def connection_lost(row: NodeRow) -> bool:
    """Whether nothing can be sent to the node now."""
    return row.ping_status in LOST


def group_in_words(row: NodeRow) -> str:
    """The patch group of a node; where it is not known, why."""
    if row.patch_group_known:
        return row.patch_group or "none"
    if row.status is Status.STOPPED:
        return "not known (stopped)"
    never = Reason.NEVER_SCANNED in row.reasons
    return f"not known ({'never scanned' if never else 'could not be read'})"


def _unknown_in_short(row: NodeRow, now: datetime) -> str:
    if Reason.NEVER_SCANNED in row.reasons:
        return "never scanned"
    if Reason.UNREADABLE in row.reasons:
        return "could not be read"
    if row.operation_end_time is None:
        return "stale: last operation has no date"
    return f"stale: last {row.operation or 'operation'} {ago(row.operation_end_time, now)}"


def short_platform(platform: str) -> str:
    """A platform for a list: "Windows Server 2022" of "Microsoft Windows Server 2022 Datacenter 10.0.20348"."""
    windows = re.fullmatch(r"(?:Microsoft )?(Windows Server \d{4}(?: R2)?)\b.*", platform)
    return windows[1] if windows else platform


def about_gap(row: GapRow, now: datetime) -> str:
    """A gap in words: where, why, what it hides as far as anybody knows, what to do."""
    where = f"{row.account}/{row.region}" if row.account else row.region
    told = (f"{where}: {row.reason.rstrip('.')}.", _hidden(row, now), row.hint)
    return " ".join(part for part in told if part)


def _hidden(row: GapRow, now: datetime) -> str:
    if row.partial and not row.nodes:
        return ""
    if never_read(row):
        return "Never read: how many nodes it has is not known, none of them is in these figures."
    known = (
        f"{counted(row.nodes, 'node')} there {'counts' if row.nodes == 1 else 'count'} as unknown"
    )
    return f"{known}; last read {ago(row.last_read_at, now)}." if row.last_read_at else f"{known}."


def never_read(row: GapRow) -> bool:
    """Whether nobody knows what is there: then every total is too small."""
    return row.last_read_at is None and not row.nodes


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
    nodes, hidden = report.nodes, gaps_in_short(report.gaps)
    gap = f"; {hidden}" if hidden else ""
    if not nodes.total:
        return f"{report.environment}: no nodes are counted{gap}"
    if nothing_read(report):
        return headline(report)
    unknown = f", {nodes.unknown:,} unknown" if nodes.unknown else ""
    some = report.nodes_with.critical_non_compliant
    worst = (
        f"; patches critical by the baseline's level on {critical_in_words(report)}" if some else ""
    )
    return (
        f"{report.environment}: {nodes.compliant:,} of {counted(nodes.total, 'node')} compliant"
        f" ({report.compliance_percent} %), {nodes.non_compliant:,} non-compliant{unknown}{worst}{gap}"
    )


def critical_in_words(report: StatusReport) -> str:
    """Nodes with critical-level patches: those that `severity:critical` lists, and the unknown ones apart."""
    old = report.nodes_with.critical_by_old_scan
    fresh = counted(report.nodes_with.critical_non_compliant - old, "node")
    return f"{fresh}, and {old:,} more whose last scan is too old to count" if old else fresh


def gaps_in_short(gaps: Sequence[GapRow]) -> str:
    """What could not be read: "us-east-1 could not be read"; empty where all was read."""
    whole = [gap for gap in gaps if not gap.partial]
    parts = [gap for gap in gaps if gap.partial]
    return listed(
        f"{_places(some)} could not be read{how}"
        for some, how in ((whole, ""), (parts, " fully"))
        if some
    )


def _places(gaps: Sequence[GapRow]) -> str:
    several = len({gap.account for gap in gaps}) > 1
    names = list(
        dict.fromkeys(
            f"{gap.account}/{gap.region}".strip("/") if several else gap.region for gap in gaps
        )
    )
    more = len(names) - PLACES_NAMED
    return listed([*names[:PLACES_NAMED], f"{more:,} more" if more > 0 else ""])


def nothing_read(report: StatusReport) -> bool:
    """Whether all that is known of its nodes is that there are some: no percentage may be told then."""
    return 0 < report.nodes.total == report.unknown_reasons.unreadable


def headline(report: StatusReport) -> str:
    """ "prod: 82.1 % compliant"; where there is nothing to take a percentage of, what there is instead."""
    if nothing_read(report):
        return f"{report.environment}: could not be read ({counted(report.nodes.total, 'node')} unknown)"
    if report.compliance_percent is None:
        return f"{report.environment}: no nodes{' could be read' if report.gaps else ''}"
    return f"{report.environment}: {report.compliance_percent} % compliant"


def figures(report: StatusReport, now: datetime) -> tuple[tuple[str, str], ...]:
    """What stands behind the percentage, as names and values: denominator, coverage, buckets, age."""
    nodes = report.nodes
    of_total = _of_total(report)
    fresh = nodes.compliant + nodes.non_compliant
    return (
        ("Compliant", _compliant(report)),
        ("Non-compliant", counted(nodes.non_compliant, "node")),
        ("Unknown", _unknown(report)),
        ("Coverage", f"{fresh:,} of {of_total} with fresh data"),
        ("Critical by baseline", critical_in_words(report)),
        ("Oldest result", ago(report.oldest_operation_end_time, now)),
    )


def _compliant(report: StatusReport) -> str:
    if nothing_read(report):
        return f"not known of {_of_total(report)}"
    return f"{report.nodes.compliant:,} of {_of_total(report)} ({report.compliance_percent} %)"


def _of_total(report: StatusReport) -> str:
    """The denominator; where a part was never read it is only what is known."""
    if any(never_read(gap) for gap in report.gaps):
        return counted(report.nodes.total, "known node")
    return counted(report.nodes.total, "node")


def shares(counts: NodeCounts, parts: int) -> tuple[int, int, int]:
    """Compliant, non-compliant and unknown as `parts` pieces of a bar; what is there has at least one piece."""
    amounts = (counts.compliant, counts.non_compliant, counts.unknown)
    if not counts.total:
        return (0, 0, 0)
    pieces = [max(1, parts * amount // counts.total) if amount else 0 for amount in amounts]
    # What rounding left over, or took too much, is settled with the largest share.
    pieces[amounts.index(max(amounts))] += parts - sum(pieces)
    return (pieces[0], pieces[1], pieces[2])


def _unknown(report: StatusReport) -> str:
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
    total = counted(report.nodes.unknown, "node")
    return f"{total} ({parts})" if parts else total


def no_nodes(report: StatusReport) -> str:
    """Why there is nothing to count, and what to check."""
    if report.gaps:
        return "No node is known here, because what is named above could not be read."
    stopped = report.attention.stopped
    seen = (
        f"{counted(stopped, 'node')} stopped, and stopped nodes are not counted"
        if stopped
        else "none was found"
    )
    return (
        f"No nodes: {seen}. Check the regions, accounts, tags and patch groups of this environment in"
        " `patchbot.toml`, and that the SSM Agent runs on the nodes: only managed nodes are seen."
    )


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
