"""Filters, orders, and finding one node."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.figures import Judged, judge_all, status_report
from bot.core.judgement import Status, judge
from bot.core.nodes import ManagedNode, Observation, PatchState
from bot.core.readings import Reading
from bot.core.selection import EVERY_STATE, SORTS, STATES, Filter, find, select
from tests.core.fleets import NOW, STALE, readings


def judged(
    instance_id: str,
    name: str = "",
    *,
    missing: int = 1,
    days: int = 0,
    group: str = "",
    region: str = "eu-central-1",
    owner: str = "",
    platform_name: str = "",
    platform_type: str = "",
) -> Judged:
    node = ManagedNode(instance_id, "1", region, name, platform_type, platform_name, owner=owner)
    ended = NOW - timedelta(days=days)
    state = PatchState(instance_id, group, operation_end_time=ended, missing=missing)
    seen = Observation(node, state)
    return Judged(seen, judge(seen, NOW, STALE))


WEB = judged("i-0a", "web-1", missing=5, owner="Ana", platform_name="Ubuntu", group="web")
DB = judged(
    "i-0b", "db-1", missing=9, days=2, owner="bo", platform_type="Windows", region="us-east-1"
)
OK = judged("i-0c", "web-2", missing=0, owner="ana", platform_name="Ubuntu")
FLEET = (WEB, DB, OK)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Filter(), [DB, WEB]),
        (Filter(state=EVERY_STATE), [DB, WEB, OK]),
        (Filter(state="compliant"), [OK]),
        (Filter(state="missing"), [DB, WEB]),
        (Filter(state="unknown"), []),
        (Filter(state=EVERY_STATE, owner="ANA"), [WEB, OK]),
        (Filter(owner="an"), []),
        (Filter(os="buntu"), [WEB]),
        (Filter(os="windows"), [DB]),
        (Filter(name="WEB", state=EVERY_STATE), [WEB, OK]),
        (Filter(name="i-0b"), [DB]),
        (Filter(region="us-east-1"), [DB]),
        (Filter(group="WEB"), [WEB]),
        (Filter(severity="other"), [DB, WEB]),
        (Filter(severity="critical"), []),
        (Filter(os="buntu", owner="bo"), []),
    ],
)
def test_a_filter_shows_what_matches_all_of_it(wanted: Filter, found: list[Judged]) -> None:
    assert select(FLEET, wanted) == found


@pytest.mark.parametrize(
    ("sort", "found"),
    [
        ("worst", [DB, WEB, OK]),
        ("name", [DB, WEB, OK]),
        ("oldest", [DB, WEB, OK]),
        ("missing", [DB, WEB, OK]),
        ("owner", [WEB, OK, DB]),
    ],
)
def test_a_sort_keeps_equal_nodes_worst_first(sort: str, found: list[Judged]) -> None:
    assert select(FLEET, Filter(state=EVERY_STATE), sort=sort) == found


@given(readings, st.sampled_from(sorted(SORTS)), st.sampled_from(STATES))
def test_every_sort_shows_the_same_nodes(reading: Reading, sort: str, state: str) -> None:
    """A sort neither loses nor doubles a node."""
    all_of_them = judge_all(reading, NOW, STALE)
    found = select(all_of_them, Filter(state=state), sort=sort)
    keys = [one.seen.node.key for one in found]
    assert len(keys) == len(set(keys))
    expected = {one.seen.node.key for one in select(all_of_them, Filter(state=state))}
    assert set(keys) == expected


@given(readings)
def test_a_list_is_as_long_as_its_figure(reading: Reading) -> None:
    """Every number of `status` leads to a list of exactly so many nodes."""
    report = status_report(reading, NOW, STALE)
    fleet = judge_all(reading, NOW, STALE)
    figures = {
        EVERY_STATE: report.nodes.total + report.attention.stopped,
        Status.COMPLIANT: report.nodes.compliant,
        Status.NON_COMPLIANT: report.nodes.non_compliant,
        Status.UNKNOWN: report.nodes.unknown,
        Status.STOPPED: report.attention.stopped,
        "never_scanned": report.unknown_reasons.never_scanned,
        "stale": report.unknown_reasons.stale,
        "unreadable": report.unknown_reasons.unreadable,
        "connection_lost": report.attention.connection_lost,
        "pending_reboot": report.attention.pending_reboot,
    }
    for state, number in figures.items():
        assert len(select(fleet, Filter(state=state))) == number, state


def test_an_id_wins_over_a_name_that_looks_like_it() -> None:
    impostor = judged("i-0z", "i-0a")
    assert find((*FLEET, impostor), "I-0A")[0] == [WEB]


def test_a_name_may_belong_to_several_and_parts_are_only_near() -> None:
    twin = judged("i-0d", "WEB-1")
    exact, near = find((*FLEET, twin), "web-1")
    assert exact == [WEB, twin]
    assert near == []
    exact, near = find(FLEET, "web")
    assert exact == []
    assert near == [WEB, OK]
    assert find(FLEET, "nothing") == ([], [])
