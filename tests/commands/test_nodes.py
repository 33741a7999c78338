"""`nodes`: filters, orders, pages, and what an empty list says."""

from __future__ import annotations

import csv
from io import StringIO
from typing import Any

import pytest

from bot.chatops.context import Surface
from bot.chatops.desk import Answer, Desk
from bot.core.environments import Environment
from bot.core.errors import UsageError
from bot.core.readings import TargetReading
from bot.core.reports import NodesReport
from tests.commands import fleet, fleets
from tests.commands.conftest import ANA, desk_over
from tests.commands.golden import in_terminal


def asked(desk: Desk, text: str) -> Answer:
    return desk.answer(text, ANA, surface=Surface.SLACK)


def names(desk: Desk, text: str) -> list[str]:
    report = asked(desk, text).report
    assert isinstance(report, NodesReport)
    assert report.total == len(report.nodes)
    return [row.name for row in report.nodes]


def sentences(desk: Desk, text: str) -> dict[str, Any]:
    """The action ids of the card's rows of controls with the sentence each carries."""
    return {
        element["action_id"]: element.get("value")
        for block in asked(desk, text).card().blocks
        if block["type"] == "actions"
        for element in block["elements"]
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nodes prod", ["prod-web-01", "prod-ad-01", "<!channel> & *prod*"]),
        ("nodes prod state:unknown region:eu-central-1", ["prod-batch-02", "prod-batch-01"]),
        ("nodes prod state:Pending-Reboot", ["prod-ad-01"]),
        ("nodes prod state:stopped", ["prod-old-01"]),
        ("nodes prod severity:critical", ["prod-web-01"]),
        ("nodes prod os:windows", ["prod-ad-01"]),
        ('nodes prod os:"windows server" state:all sort:name', ["prod-ad-01", "prod-ad-02"]),
        ("nodes prod owner:PAYMENTS", ["prod-web-01"]),
        ('nodes prod owner:"(no owner)"', ["<!channel> & *prod*"]),
        ("nodes prod group:prod-windows", ["prod-ad-01"]),
        ("nodes prod name:web-0 state:compliant sort:name", ["prod-web-02", "prod-web-03"]),
        ("nodes prod account:999999999999", []),
        ("nodes prod state:unknown sort:oldest region:eu-central-1", ["prod-batch-01", "prod-batch-02"]),
        ("nodes prod sort:missing", ["prod-web-01", "prod-ad-01", "<!channel> & *prod*"]),
    ],
)  # fmt: skip
def test_filters_and_orders(desk: Desk, text: str, expected: list[str]) -> None:
    """All filters must match; ids, states and owners in any case."""
    assert names(desk, text) == expected


def test_all_nodes_come_bucket_by_bucket(desk: Desk) -> None:
    """What is not known stands before what is compliant, whatever was last known of it."""
    report = asked(desk, "nodes prod state:all").report
    assert isinstance(report, NodesReport)
    buckets = [row.status.value for row in report.nodes]
    assert list(dict.fromkeys(buckets)) == ["non_compliant", "unknown", "compliant", "stopped"]
    assert buckets == sorted(
        buckets, key=["non_compliant", "unknown", "compliant", "stopped"].index
    )


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("nodes prod", "prod: 3 non-compliant nodes"),
        ("nodes prod os:windows", "prod, os:windows: 1 of 3 non-compliant nodes"),
        ("nodes prod state:all", "prod: 13 nodes and 1 stopped"),
        ("nodes prod state:all owner:identity", "prod, owner:identity: 2 of 13 nodes"),
        ("nodes prod owner:nobody", "prod, owner:nobody: no such owner"),
        (
            "nodes prod os:windows owner:identity region:eu-central-1",
            "prod, os:windows, owner:identity and 1 more filter: 1 of 3 non-compliant nodes",
        ),
    ],
)
def test_the_title_says_what_it_is_a_list_of(desk: Desk, text: str, title: str) -> None:
    """A part is never taken for the whole, nor a typo for an all-clear; stopped nodes are outside every total."""
    answer = asked(desk, text)
    assert answer.card().blocks[0]["text"]["text"] == title
    assert title in in_terminal(answer.command.terminal(answer.report, answer.context), width=300)


def test_terminated_nodes_are_nowhere(desk: Desk) -> None:
    """Not even among all."""
    assert "prod-old-02" not in names(desk, "nodes prod state:all")


def test_the_rest_is_never_taken_for_compliant(desk: Desk) -> None:
    """The list of the non-compliant says how many unknown nodes it leaves out, and how to see them."""
    assert "Not in this list: 5 unknown nodes." in str(asked(desk, "nodes prod").card().blocks)
    assert "Not in this list" not in str(asked(desk, "nodes prod state:unknown").card().blocks)


@pytest.mark.parametrize(
    ("text", "said", "shown"),
    [
        ("nodes prod owner:paymnts", "the owner “paymnts”; did you mean “payments”?", "nodes prod owner:payments"),
        ("nodes prod os:ubunto page:2", "the system “ubunto”; did you mean “Ubuntu”?", "nodes prod os:Ubuntu"),
        ("nodes prod group:prod-linus state:all", "“prod-linux”?", "nodes prod state:all group:prod-linux"),
        ("nodes prod region:eu-centrl-1", "did you mean “eu-central-1”?", "nodes prod region:eu-central-1"),
        ("nodes prod owner:zzzzzz", "“zzzzzz”. There are: payments, (no owner) and identity.", None),
        ("nodes prod os:zzzzzz", "There are: Amazon Linux 2023, Ubuntu 24.04 and Windows Server 2022.", None),
        ("nodes prod owner:identity state:failed", "No node matches all of these filters.", None),
    ],
)  # fmt: skip
def test_a_filter_that_no_node_matches_offers_the_nearest_value(
    desk: Desk, text: str, said: str, shown: str | None
) -> None:
    """As a sentence and as a button; nothing where the value exists and other filters leave nothing."""
    answer = asked(desk, text)
    assert said in str(answer.card().blocks)
    assert said in in_terminal(answer.command.terminal(answer.report, answer.context), width=300)
    assert sentences(desk, text).get("replace:meant") == shown
    if shown:
        assert names(desk, shown)


@pytest.mark.parametrize(
    ("text", "left", "shown"),
    [
        ("nodes prod region:eu-central-1", 2, "nodes prod region:eu-central-1 state:unknown"),
        (
            "nodes prod name:batch severity:critical page:2",
            2,
            "nodes prod name:batch state:unknown",
        ),
        ("nodes prod os:windows", 0, None),
    ],
)
def test_unknown_nodes_left_out_are_those_of_the_same_filters(
    desk: Desk, text: str, left: int, shown: str | None
) -> None:
    """The button carries the filters but the severity, which nobody knows of them, and lists as many as it says."""
    answer = asked(desk, text)
    assert f"Not in this list: {left} unknown" in str(answer.card().blocks) or not left
    assert sentences(desk, text).get("replace:unknown") == shown
    if shown:
        assert len(names(desk, shown)) == left
        told = in_terminal(answer.command.terminal(answer.report, answer.context), width=200)
        assert f"{shown} lists them." in told


def test_a_list_by_severity_says_whose_severity(desk: Desk) -> None:
    """The level of the baseline and the severity of the vendor are different things."""
    for text in ("nodes prod severity:critical", "nodes prod severity:other"):
        assert "It is not the vendor's severity" in str(asked(desk, text).card().blocks)
    assert "“Critical-level” is the level" in str(asked(desk, "nodes prod").card().blocks)
    gateway = fleet.gateway()
    stale = fleet.scanned(
        fleet.managed(1, "old"), critical_non_compliant=2, operation_end_time=fleet.ago(days=30)
    )
    gateway.readings = {
        ("prod", "eu-central-1"): TargetReading(fleet.FRANKFURT, fleet.ACCOUNT, fleet.NOW, (stale,))
    }
    unknown = asked(desk_over(gateway, fleet.FakeStore()), "nodes prod state:unknown")
    assert "Critical-level" not in str(unknown.card().blocks)  # no row speaks of it


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nodes prod os:solaris", "No node has the system “solaris”. There are: "),
        ("nodes prod state:failed region:us-east-1", "No node matches all of these filters."),
        ("nodes staging state:stopped", "None. staging has 1 non-compliant, 0 unknown and 1 compliant nodes."),
        ("nodes dev", "`/patch status dev`"),
    ],
)  # fmt: skip
def test_an_empty_list_says_what_there_is(desk: Desk, text: str, said: str) -> None:
    """In Slack and in the terminal."""
    answer = asked(desk, text)
    assert said in str(answer.card().blocks)
    shown = in_terminal(answer.command.terminal(answer.report, answer.context), width=200)
    assert said.replace("`", "") in shown


@pytest.fixture
def big_desk() -> Desk:
    gateway = fleets.big(120, 5, lambda _, number: f"web-{number}")
    environment = Environment("prod", fleets.TARGETS[:1])
    return desk_over(gateway, fleet.FakeStore(), environments={"prod": environment})


def test_previous_and_next_keep_the_question(big_desk: Desk) -> None:
    """Filters and order go along; the file has all pages; refresh stays where it is."""
    text = 'nodes prod state:all sort:name os:"web" page:2 refresh'
    found = sentences(big_desk, text)
    assert found["replace:previous"] == "nodes prod state:all sort:name os:web page:1"
    assert found["replace:next"] == "nodes prod state:all sort:name os:web page:3"
    assert found["replace:refresh"] == "nodes prod refresh state:all sort:name os:web page:2"
    assert found["file:csv"] == "nodes prod state:all sort:name os:web"


def test_the_ends_of_the_list(big_desk: Desk) -> None:
    """No button leads outside; a page behind the last one is the last one."""
    assert "replace:previous" not in sentences(big_desk, "nodes prod state:all")
    last = asked(big_desk, "nodes prod state:all page:99999").card()
    assert "Nodes 111-120 of 120" in str(last.blocks)
    assert "replace:next" not in sentences(big_desk, "nodes prod state:all page:99999")


def test_menus_that_cannot_hold_the_question_are_left_out(big_desk: Desk) -> None:
    """An option of a menu carries 150 characters, a button 2,000: buttons stay."""
    found = sentences(big_desk, f"nodes prod state:all owner:{'x' * 200}")
    assert "replace:sort" not in found
    assert "replace:refresh" in found


def test_too_much_to_filter_by_is_refused(big_desk: Desk) -> None:
    """Before anything is read: it could not be put on the buttons."""
    with pytest.raises(UsageError, match="too much to filter by"):
        asked(big_desk, f"nodes prod owner:{'x' * 250} group:{'y' * 250} name:z")


def test_the_file_has_all_pages(big_desk: Desk) -> None:
    """Also when asked from page 2."""
    file = asked(big_desk, "nodes prod state:all page:2").attachment()
    assert file.filename == "prod-nodes-2026-11-23T1405Z.csv"
    rows = list(csv.DictReader(StringIO(file.content.decode(), newline="")))
    assert len(rows) == 120
    assert file.comment == "120 nodes of prod, read 2026-11-23 14:05 UTC."


def test_the_exit_code_tells_of_gaps(desk: Desk) -> None:
    """3 with a gap, 0 without."""
    assert asked(desk, "nodes prod").exit_code == 3
    assert asked(desk, "nodes staging").exit_code == 0


@pytest.mark.parametrize(
    ("text", "asked_for"),
    [
        ("nodes prod", ["install prod"]),
        ("nodes prod state:all owner:payments page:1", ["install prod owner:payments"]),
        ("nodes prod state:missing", ["install prod state:missing"]),
        ("nodes prod state:unknown", []),
        (f"nodes prod os:{'l' * 101}", []),
    ],
)
def test_an_install_of_what_is_listed_is_one_click_away(
    planning: Desk, text: str, asked_for: list[str]
) -> None:
    """The form takes the filters of the list; where nothing is to be installed there is no button."""
    card = planning.answer(text, ANA, surface=Surface.SLACK).card()
    assert [
        element["value"]
        for block in card.blocks
        for element in block.get("elements", ())
        if element.get("action_id", "").startswith("form:")
    ] == asked_for


def test_a_page_behind_the_last_one_is_said_to_be_none(desk: Desk) -> None:
    """The last one is shown, and not in silence."""
    said = "There is no page 99; this is the last one, page 1."
    assert said in str(asked(desk, "nodes prod page:99").card().blocks)
    assert "There is no page" not in str(asked(desk, "nodes prod page:1").card().blocks)
