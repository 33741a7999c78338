"""CSV files: every value comes back, no cell is a formula."""

from __future__ import annotations

import csv
from io import StringIO

import pytest

from bot.chatops.spreadsheet import NODE_COLUMNS, file_stamp, nodes_csv
from bot.core.judgement import Reason, Status
from bot.core.reports import NodeRow
from tests.commands import fleet
from tests.oracles.hostile import HOSTILE


def row(name: str) -> NodeRow:
    return NodeRow(
        instance_id="i-0abc",
        name=name,
        account=fleet.ACCOUNT,
        region="eu-central-1",
        platform=name,
        platform_type="Linux",
        owner=name,
        patch_group=name,
        baseline_id="pb-1",
        status=Status.NON_COMPLIANT,
        reasons=(Reason.MISSING, Reason.FAILED),
        missing=3,
        failed=1,
        installed_pending_reboot=0,
        installed_rejected=0,
        critical_non_compliant=2,
        security_non_compliant=0,
        operation="Scan",
        operation_end_time=fleet.ago(hours=3),
        ping_status="Online",
    )


def test_a_line_has_every_column_under_its_name() -> None:
    """The columns people know from Patch Manager's own export and the seed."""
    header, line = csv.reader(StringIO(nodes_csv([row("web")]).decode(), newline=""))
    assert tuple(header) == NODE_COLUMNS
    assert dict(zip(header, line, strict=True)) == {
        "Instance ID": "i-0abc",
        "Name": "web",
        "Account": "111122223333",
        "Region": "eu-central-1",
        "OS Type": "Linux",
        "Platform": "web",
        "Owner": "web",
        "Patch Group": "web",
        "Patch Baseline ID": "pb-1",
        "Compliance Type": "Patch",
        "Status": "Non-compliant",
        "Reasons": "missing; failed",
        "Missing Count": "3",
        "Failed": "1",
        "Pending reboot": "0",
        "Rejected": "0",
        "Critical level": "2",
        "Security": "0",
        "Severity": "critical",
        "Operation": "Scan",
        "Operation Time": "2026-11-23T11:05:00Z",
        "Ping Status": "Online",
    }


@pytest.mark.parametrize("evil", HOSTILE, ids=range(len(HOSTILE)))
def test_no_hostile_name_makes_a_formula_or_a_line(evil: str) -> None:
    """Two lines stay two lines, and no cell begins as a spreadsheet's formula does."""
    rows = list(csv.reader(StringIO(nodes_csv([row(evil)]).decode("utf-8"), newline="")))
    assert [len(line) for line in rows] == [len(NODE_COLUMNS)] * 2
    assert not any(cell[:1] in set("=+-@\t\r＝＋－＠") and cell != "-" for cell in rows[1])


def test_a_files_name_says_when_it_was_read() -> None:
    """In UTC, and sortable."""
    assert file_stamp(fleet.NOW) == "2026-11-23T1405Z"
