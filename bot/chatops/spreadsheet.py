"""Rows of reports as CSV files: RFC 4180, UTF-8, one header line, no cell that a spreadsheet takes for a formula."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from bot.chatops.inert import csv_line
from bot.core.reports import NodeReport, NodeRow, StatusReport
from bot.core.summaries import REASON_WORDS, STATUS_WORDS, worst_kind

NODE_COLUMNS: Final = (
    "Instance ID",
    "Name",
    "Account",
    "Region",
    "OS Type",
    "Platform",
    "Owner",
    "Patch Group",
    "Patch Baseline ID",
    "Compliance Type",
    "Status",
    "Reasons",
    "Missing Count",
    "Failed",
    "Pending reboot",
    "Rejected",
    "Critical level",
    "Security",
    "Severity",
    "Operation",
    "Operation Time",
    "Ping Status",
)
PATCH_COLUMNS: Final = (
    "Instance ID",
    "Name",
    "Patch",
    "KB ID",
    "State",
    "Vendor severity",
    "Classification",
    "CVE IDs",
    "Installed Time",
)
COUNT_COLUMNS: Final = (
    "Environment",
    "Breakdown",
    "Group",
    "Nodes",
    "Compliant",
    "Non-compliant",
    "Unknown",
    "Compliant %",
)


def nodes_csv(rows: Iterable[NodeRow]) -> bytes:
    """A line per node. “Severity” is the worst kind of non-compliance in the baseline's words."""
    return _file(NODE_COLUMNS, (_node(row) for row in rows))


def patches_csv(report: NodeReport) -> bytes:
    """A line per listed patch of one node."""
    node = report.node
    return _file(
        PATCH_COLUMNS,
        (
            csv_line(
                node.instance_id,
                node.name,
                patch.title,
                patch.kb_id,
                patch.state,
                patch.severity,
                patch.classification,
                " ".join(patch.cve_ids),
                _moment(patch.installed_time),
            )
            for patch in report.patches
        ),
    )


def counts_csv(reports: Iterable[StatusReport]) -> bytes:
    """A line per row of the breakdown of each report, or one for the environment where there is no breakdown."""
    lines = []
    for one in reports:
        groups = [(group.key, group.nodes, group.compliance_percent) for group in one.groups]
        for key, nodes, percent in groups if one.by else [("", one.nodes, one.compliance_percent)]:
            counts = (nodes.total, nodes.compliant, nodes.non_compliant, nodes.unknown)
            lines.append(csv_line(one.environment, one.by, key, *counts, percent))
    return _file(COUNT_COLUMNS, lines)


def file_stamp(as_of: datetime) -> str:
    """The moment of a reading, for a file's name: `2026-11-23T1405Z`."""
    return f"{as_of:%Y-%m-%dT%H%MZ}"


def _file(columns: Iterable[str], lines: Iterable[str]) -> bytes:
    return "".join((csv_line(*columns), *lines)).encode()


def _node(row: NodeRow) -> str:
    return csv_line(
        row.instance_id,
        row.name,
        row.account,
        row.region,
        row.platform_type,
        row.platform,
        row.owner,
        row.patch_group,
        row.baseline_id,
        "Patch",
        STATUS_WORDS[row.status],
        "; ".join(REASON_WORDS[reason] for reason in row.reasons),
        row.missing,
        row.failed,
        row.installed_pending_reboot,
        row.installed_rejected,
        row.critical_non_compliant,
        row.security_non_compliant,
        worst_kind(row),
        row.operation,
        _moment(row.operation_end_time),
        row.ping_status,
    )


def _moment(when: datetime | None) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%SZ}" if when else ""
