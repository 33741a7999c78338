"""The figures, held against an oracle that counts them another way."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.core.figures import (
    BREAKDOWNS,
    judge_all,
    node_row,
    percent,
    status_report,
    worst_first,
)
from bot.core.judgement import Status
from bot.core.nodes import ManagedNode, Observation, PatchState
from bot.core.readings import Reading, TargetReading
from bot.core.reports import NodeCounts
from bot.core.selection import Filter, select
from tests.core.fleets import NOW, STALE, TARGET, readings


def oracle(reading: Reading) -> dict[str, Any]:  # noqa: C901  # read it from top to bottom
    """`patchbot.status/1` from the sentences of the design, section 5, and nothing of ours."""
    figures: Counter[str] = Counter()
    nodes = {}
    for target in reading.targets:
        for one in target.observations:
            if one.node.instance_state not in ("terminated", "shutting-down"):
                nodes[one.node.account, one.node.region, one.node.instance_id] = one
    for one in nodes.values():
        if one.node.instance_state in ("stopped", "stopping"):
            figures["stopped"] += 1
            continue
        figures["total"] += 1
        figures["connection_lost"] += one.node.ping_status in ("ConnectionLost", "Inactive")
        state = one.state
        if state is not None:
            figures["pending_reboot"] += state.installed_pending_reboot > 0
            figures["nodes_failed"] += state.failed > 0
            for name in ("missing", "failed", "installed_pending_reboot", "installed_rejected"):
                figures[f"sum_{name}"] += getattr(state, name)
            for name in ("critical", "security", "other"):
                figures[f"with_{name}"] += getattr(state, f"{name}_non_compliant") > 0
        if one.unread:
            figures["unreadable"] += 1
        elif state is None:
            figures["never_scanned"] += 1
        elif state.operation_end_time is None or state.operation_end_time <= NOW - STALE:
            figures["stale"] += 1
        else:
            sum_ = state.missing + state.failed + state.installed_rejected
            sum_ += state.installed_pending_reboot
            if one.counts_available_security_updates:
                sum_ += state.available_security_updates
            figures["non_compliant" if sum_ else "compliant"] += 1
    return {name: number for name, number in figures.items() if number}


@given(readings)
def test_every_figure_equals_that_of_the_oracle(reading: Reading) -> None:
    report = status_report(reading, NOW, STALE)
    unknown = report.unknown_reasons
    ours = {
        "total": report.nodes.total,
        "compliant": report.nodes.compliant,
        "non_compliant": report.nodes.non_compliant,
        "never_scanned": unknown.never_scanned,
        "stale": unknown.stale,
        "unreadable": unknown.unreadable,
        "stopped": report.attention.stopped,
        "connection_lost": report.attention.connection_lost,
        "pending_reboot": report.attention.pending_reboot,
        "nodes_failed": report.attention.failed,
        "sum_missing": report.patches.missing,
        "sum_failed": report.patches.failed,
        "sum_installed_pending_reboot": report.patches.installed_pending_reboot,
        "sum_installed_rejected": report.patches.installed_rejected,
        "with_critical": report.nodes_with.critical_non_compliant,
        "with_security": report.nodes_with.security_non_compliant,
        "with_other": report.nodes_with.other_non_compliant,
    }
    assert {name: number for name, number in ours.items() if number} == oracle(reading)
    assert report.nodes.unknown == unknown.never_scanned + unknown.stale + unknown.unreadable
    nodes = report.nodes
    assert nodes.total == nodes.compliant + nodes.non_compliant + nodes.unknown


@given(readings, st.sampled_from(sorted(BREAKDOWNS)))
def test_a_breakdown_adds_up_to_the_whole(reading: Reading, by: str) -> None:
    """Every node is in exactly one row, whatever the rows are by."""
    report = status_report(reading, NOW, STALE, by=by)
    for name in ("total", "compliant", "non_compliant", "unknown"):
        assert sum(getattr(row.nodes, name) for row in report.groups) == getattr(report.nodes, name)
    keys = [row.key for row in report.groups]
    assert len(keys) == len(set(keys))
    assert all(row.nodes.total for row in report.groups)
    assert all(keys)


@given(readings, st.randoms(use_true_random=False))
def test_the_order_of_what_aws_sent_does_not_matter(
    reading: Reading, randomness: random.Random
) -> None:
    """The same nodes in another order give the same report: pages neither repeat nor skip."""
    (target,) = reading.targets
    unique = {one.node.key: one for one in target.observations}
    shuffled = list(unique.values())
    randomness.shuffle(shuffled)
    reports = [
        status_report(
            replace(reading, targets=(replace(target, observations=tuple(seen)),)), NOW, STALE
        )
        for seen in (list(unique.values()), shuffled)
    ]
    assert reports[0] == reports[1]


@given(st.integers(0, 20_000), st.integers(0, 20_000))
def test_percent_never_flatters(compliant: int, others: int) -> None:
    """100 only when all are compliant; within a twentieth of the truth; None without nodes."""
    total = compliant + others
    found = percent(NodeCounts(total=total, compliant=compliant, non_compliant=others))
    if not total:
        assert found is None
        return
    assert found is not None
    assert (found == 100.0) is (others == 0)
    assert abs(found - 100 * compliant / total) <= 0.1
    assert found == round(found, 1)


def test_percent_rounds_to_one_decimal() -> None:
    assert percent(NodeCounts(total=3, compliant=2, non_compliant=1)) == 66.7
    assert percent(NodeCounts(total=10_000, compliant=9_999, non_compliant=1)) == 99.9
    assert percent(NodeCounts(total=8, compliant=0, unknown=8)) == 0.0


def reading_of(*seen: Observation) -> Reading:
    return Reading("prod", NOW, (TargetReading(TARGET, "1", NOW, seen),))


def broken(instance_id: str, **counters: int) -> Observation:
    state = replace(PatchState(instance_id, operation_end_time=NOW), **counters)  # type: ignore[arg-type]
    return Observation(ManagedNode(instance_id, "1", "eu-central-1"), state)


def test_the_worst_nodes_come_first() -> None:
    """Critical level before security, before the number of missing and failed ones, before ids."""
    reading = reading_of(
        broken("i-reboot", installed_pending_reboot=9),
        broken("i-many", missing=50),
        broken("i-few-b", missing=1),
        broken("i-few-a", missing=1),
        broken("i-security", missing=1, security_non_compliant=1),
        broken("i-critical", missing=1, critical_non_compliant=1),
        broken("i-fine"),
    )
    order = [one.seen.node.instance_id for one in worst_first(judge_all(reading, NOW, STALE))]
    assert order == [
        "i-critical",
        "i-security",
        "i-many",
        "i-few-a",
        "i-few-b",
        "i-reboot",
    ]
    assert [row.instance_id for row in status_report(reading, NOW, STALE).worst_nodes] == order


def test_ten_worst_nodes_and_the_oldest_scan_are_told() -> None:
    oldest = NOW - timedelta(days=30)
    many = [broken(f"i-{number:02}", missing=1) for number in range(25)]
    assert many[0].state is not None
    old = replace(many[0], state=replace(many[0].state, operation_end_time=oldest))
    report = status_report(reading_of(old, *many[1:]), NOW, STALE)
    assert len(report.worst_nodes) == 10
    assert report.oldest_operation_end_time == oldest
    assert all(row.status is Status.NON_COMPLIANT for row in report.worst_nodes)


def test_a_patch_group_is_known_by_the_last_scan_or_by_the_tag() -> None:
    """A node without a patch state is in the group of its tag; where that was not read nobody calls it "none"."""
    node = ManagedNode("i-1", "1", "eu-central-1")
    seen = (
        Observation(replace(node, instance_id="i-1", patch_group_tag="web")),
        Observation(replace(node, instance_id="i-2", patch_group_tag="")),
        Observation(replace(node, instance_id="i-3")),
        Observation(replace(node, instance_id="i-4"), unread="denied"),
        Observation(
            replace(node, instance_id="i-5", patch_group_tag="web"),
            PatchState("i-5", patch_group="db", operation_end_time=NOW),
        ),
    )
    reading = Reading("prod", NOW, (TargetReading(TARGET, "1", NOW, seen),))
    report = status_report(reading, NOW, STALE, by="group")
    assert {row.key for row in report.groups} == {
        "web",
        "db",
        "(no patch group)",
        "(not known: never scanned)",
        "(not known: could not be read)",
    }
    judged = judge_all(reading, NOW, STALE)
    assert [node_row(one).patch_group_known for one in judged] == [True, True, False, False, True]
    named = Filter(state="all", group="(not known: never scanned)")
    assert [one.seen.node.instance_id for one in select(judged, named)] == ["i-3"]


@given(readings)
def test_critical_nodes_without_the_old_scans_are_those_that_severity_lists(
    reading: Reading,
) -> None:
    """The figure of the card leads to a list of as many nodes."""
    found = status_report(reading, NOW, STALE).nodes_with
    listed = select(judge_all(reading, NOW, STALE), Filter(severity="critical"))
    assert found.critical_non_compliant - found.critical_by_old_scan == len(listed)
