"""The short forms of a report: nothing without its denominator, nothing unknown left out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.core.judgement import Reason, Status
from bot.core.reports import (
    Attention,
    BaselineRow,
    GapRow,
    NodeCounts,
    NodeRow,
    NodesReport,
    NodesWith,
    PatchCounts,
    StatusReport,
    UnknownReasons,
)
from bot.core.selection import STATES
from bot.core.summaries import (
    about_baseline,
    about_gap,
    attention_in_words,
    figures,
    gaps_in_short,
    headline,
    in_short,
    list_in_words,
    no_nodes,
    status_in_short,
    worst_kind,
)

NOW = datetime(2026, 11, 23, 14, 5, tzinfo=UTC)
GAP = GapRow(
    account="1", region="us-east-1", reason="Denied.", nodes=3, last_read_at=NOW, hint="Ask."
)


def report(**more: object) -> StatusReport:
    given: dict[str, object] = {
        "environment": "prod",
        "as_of": NOW,
        "source": "aws",
        "nodes": NodeCounts(total=140, compliant=115, non_compliant=19, unknown=6),
        "unknown_reasons": UnknownReasons(never_scanned=3, stale=2, unreadable=1),
        "attention": Attention(connection_lost=4, stopped=5),
        "compliance_percent": 82.1,
        "patches": PatchCounts(),
        "nodes_with": NodesWith(critical_non_compliant=4),
        "worst_nodes": (),
        "gaps": (),
        "oldest_operation_end_time": NOW - timedelta(days=12),
        **more,
    }
    return StatusReport.model_validate(given)


def row(status: Status, *reasons: Reason, **more: object) -> NodeRow:
    counts = dict.fromkeys(
        (
            "missing",
            "failed",
            "installed_pending_reboot",
            "installed_rejected",
            "critical_non_compliant",
            "security_non_compliant",
        ),
        0,
    )
    given: dict[str, object] = {
        **dict.fromkeys(
            ("name", "account", "region", "platform", "patch_group", "baseline_id"), ""
        ),
        **counts,
        "instance_id": "i-1",
        "operation": "Scan",
        "operation_end_time": NOW - timedelta(days=12),
        "ping_status": "Online",
        "status": status,
        "reasons": reasons,
        **more,
    }
    return NodeRow.model_validate(given)


EMPTY = report(
    nodes=NodeCounts(), compliance_percent=None, nodes_with=NodesWith(), attention=Attention()
)


def test_one_line_has_all_the_facts() -> None:
    """The notification alone says how many of how many, and what is unknown."""
    assert status_in_short(report()) == (
        "prod: 115 of 140 nodes compliant (82.1 %), 19 non-compliant, 6 unknown;"
        " patches critical by the baseline's level on 4 nodes"
    )
    assert status_in_short(EMPTY) == "prod: no nodes are counted"
    assert [headline(report()), headline(EMPTY)] == ["prod: 82.1 % compliant", "prod: no nodes"]


def test_the_figures_carry_denominator_coverage_and_age() -> None:
    """Each value says of how many."""
    assert dict(figures(report(), NOW)) == {
        "Compliant": "115 of 140 nodes (82.1 %)",
        "Non-compliant": "19 nodes",
        "Unknown": "6 nodes (3 never scanned, 2 stale, 1 unreadable)",
        "Coverage": "134 of 140 nodes with fresh data",
        "Critical by baseline": "4 nodes",
        "Oldest result": "12 days ago",
    }


def test_critical_nodes_are_as_many_as_their_list_and_old_scans_are_told_apart() -> None:
    """`severity:critical` lists 10; the eleventh is unknown, by a scan that is too old."""
    old = report(nodes_with=NodesWith(critical_non_compliant=11, critical_by_old_scan=1))
    told = "10 nodes, and 1 more whose last scan is too old to count"
    assert dict(figures(old, NOW))["Critical by baseline"] == told
    assert f"critical by the baseline's level on {told}" in status_in_short(old)


def test_a_gap_is_named_in_the_one_line() -> None:
    """A notification of a part must not read like one of the whole."""
    other = GAP.model_copy(update={"account": "2", "region": "eu-west-1"})
    partly = GAP.model_copy(update={"partial": True})
    assert status_in_short(report(gaps=(GAP,))).endswith("; us-east-1 could not be read")
    assert gaps_in_short((GAP, other)) == "1/us-east-1 and 2/eu-west-1 could not be read"
    assert gaps_in_short((partly,)) == "us-east-1 could not be read fully"
    many = [GAP.model_copy(update={"region": f"r{number}"}) for number in range(5)]
    assert gaps_in_short(many) == "r0, r1, r2 and 2 more could not be read"
    assert status_in_short(EMPTY.model_copy(update={"gaps": (GAP,)})) == (
        "prod: no nodes are counted; us-east-1 could not be read"
    )


def test_where_nothing_could_be_read_there_is_no_percentage() -> None:
    """36 nodes are known and none is readable: 0.0 % would be a guess."""
    denied = report(
        nodes=NodeCounts(total=36, unknown=36),
        unknown_reasons=UnknownReasons(unreadable=36),
        compliance_percent=0.0,
        gaps=(GAP,),
    )
    assert (
        headline(denied) == status_in_short(denied) == "prod: could not be read (36 nodes unknown)"
    )
    assert dict(figures(denied, NOW))["Compliant"] == "not known of 36 nodes"
    assert headline(EMPTY.model_copy(update={"gaps": (GAP,)})) == "prod: no nodes could be read"
    scanned = UnknownReasons(never_scanned=1, unreadable=35)
    assert (
        headline(denied.model_copy(update={"unknown_reasons": scanned})) == "prod: 0.0 % compliant"
    )


def test_a_total_that_is_not_known_is_not_called_one() -> None:
    """With a part that was never read, the denominator is what is known, and says so."""
    unseen = GAP.model_copy(update={"nodes": 0, "last_read_at": None})
    assert (
        dict(figures(report(gaps=(unseen,)), NOW))["Compliant"] == "115 of 140 known nodes (82.1 %)"
    )
    assert dict(figures(report(gaps=(GAP,)), NOW))["Compliant"] == "115 of 140 nodes (82.1 %)"
    one = NodeCounts(total=1, compliant=1)
    told = report(nodes=one, unknown_reasons=UnknownReasons(), gaps=(unseen,))
    assert dict(figures(told, NOW))["Compliant"] == "1 of 1 known node (82.1 %)"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "1/us-east-1: Denied. 3 nodes there count as unknown; last read just now. Ask."),
        ({"nodes": 1, "last_read_at": None, "hint": ""}, "1/us-east-1: Denied. 1 node there counts as unknown."),
        (
            {"nodes": 0, "last_read_at": None, "account": "", "hint": ""},
            "us-east-1: Denied. Never read: how many nodes it has is not known, none of them is in these figures.",
        ),
        ({"nodes": 0, "partial": True}, "1/us-east-1: Denied. Ask."),
    ],
)  # fmt: skip
def test_a_gap_says_what_it_hides(changes: dict[str, object], words: str) -> None:
    """Where, why, how many nodes, since when, what to do."""
    assert about_gap(GAP.model_copy(update=changes), NOW) == words


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (row(Status.COMPLIANT), "compliant"),
        (row(Status.STOPPED, missing=3), "stopped"),
        (row(Status.UNKNOWN, Reason.NEVER_SCANNED), "never scanned"),
        (row(Status.UNKNOWN, Reason.UNREADABLE), "could not be read"),
        (row(Status.UNKNOWN, Reason.STALE), "stale: last Scan 12 days ago"),
        (
            row(Status.UNKNOWN, Reason.STALE, operation_end_time=None),
            "stale: last operation has no date",
        ),
        (
            row(
                Status.NON_COMPLIANT,
                Reason.MISSING,
                missing=3,
                failed=1,
                critical_non_compliant=2,
            ),
            "3 missing, 1 failed; 2 critical-level",
        ),
        (
            row(Status.NON_COMPLIANT, Reason.AVAILABLE_SECURITY_UPDATE),
            "unapproved security updates",
        ),
    ],
)
def test_a_node_in_few_words(one: NodeRow, words: str) -> None:
    """Enough for a line of a list."""
    assert in_short(one, NOW) == words


def test_the_worst_kind_is_the_baselines() -> None:
    """Critical before security before other; nothing for a node that is not non-compliant."""
    assert [
        worst_kind(row(Status.NON_COMPLIANT, critical_non_compliant=1, security_non_compliant=1)),
        worst_kind(row(Status.NON_COMPLIANT, security_non_compliant=1)),
        worst_kind(row(Status.NON_COMPLIANT)),
        worst_kind(row(Status.UNKNOWN, critical_non_compliant=1)),
    ] == ["critical", "security", "other", ""]


def test_every_state_that_can_be_listed_has_words() -> None:
    """No state of `nodes state:` is without a name for its list."""
    for state in STATES:
        for total, noun in ((1, "node"), (2, "nodes")):
            report = NodesReport(
                environment="prod",
                as_of=NOW,
                source="aws",
                total=total,
                filters={"state": state},
                nodes=(),
            )
            assert f"{total} " in list_in_words(report)
            assert noun in list_in_words(report).split()


def test_an_empty_environment_says_what_to_check() -> None:
    """Nothing found, all stopped, nothing readable: three different answers."""
    assert "none was found. Check" in no_nodes(EMPTY)
    stopped = EMPTY.model_copy(update={"attention": Attention(stopped=2)})
    assert "2 nodes stopped" in no_nodes(stopped)
    assert "could not be read" in no_nodes(EMPTY.model_copy(update={"gaps": (GAP,)}))


def test_attention_names_only_what_is_there() -> None:
    """No zeroes to read past."""
    assert attention_in_words(report()) == ("4 with lost connection", "5 stopped (not counted)")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": ""}, ""),
        (
            {"compliance_levels": ("CRITICAL", "HIGH")},
            "Its rules set the levels CRITICAL and HIGH.",
        ),
        ({"compliance_levels": ("UNSPECIFIED",)}, "look at the vendor's severity"),
        ({"approve_after_days": (7, 7)}, "It approves patches 7 days after their release."),
        ({"approve_after_days": (0, 14)}, "It approves patches 0 to 14 days after their release."),
    ],
)
def test_a_baseline_is_explained(changes: dict[str, object], words: str) -> None:
    """Above all that without levels nothing is ever critical-level."""
    given = BaselineRow(baseline_id="pb-1", name="linux").model_copy(update=changes)
    assert words in about_baseline(given)
    assert bool(words) == bool(about_baseline(given))
