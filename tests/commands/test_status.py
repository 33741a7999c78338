"""`status`: what it reads, what it refuses, what it says when a part is missing."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from io import StringIO

import pytest

from bot.chatops.context import Surface
from bot.chatops.desk import Desk
from bot.core.errors import Unreachable, UsageError
from bot.core.reports import FleetReport, StatusReport
from tests.commands import fleet
from tests.commands.conftest import ANA, desk_over

DOWN = Unreachable(
    "Could not connect to the endpoint.", code="EndpointConnectionError", hint="Check the network."
)


def report(desk: Desk, text: str) -> StatusReport:
    found = desk.answer(text, ANA, surface=Surface.SLACK).report
    assert isinstance(found, StatusReport)
    return found


def test_an_answer_within_its_time_costs_no_call_and_refresh_reads_again(
    desk: Desk, gateway: fleet.FakeGateway
) -> None:
    """Prod has two targets: two reads for the first question, none for the next, two for a refresh."""
    reads = []
    for text in ("status prod", "status prod by:os", "status prod refresh"):
        source = report(desk, text).source
        reads.append((gateway.reads, source))
    assert reads == [(2, "aws"), (2, "cache"), (4, "aws")]


def test_the_report_is_what_design_promises(desk: Desk) -> None:
    """The numbers of the fixed fleet, counted by hand."""
    found = json.loads(desk.answer("status prod", ANA, surface=Surface.TERMINAL).json())
    assert found["schema"] == "patchbot.status/1"
    assert found["nodes"] == {"total": 13, "compliant": 5, "non_compliant": 3, "unknown": 5}
    assert found["unknown_reasons"] == {"never_scanned": 1, "stale": 1, "unreadable": 3}
    assert found["attention"] == {
        "connection_lost": 1,
        "stopped": 1,
        "pending_reboot": 1,
        "failed": 1,
    }
    assert found["compliance_percent"] == 38.5
    assert [row["name"] for row in found["worst_nodes"]] == [
        "prod-web-01",
        "prod-ad-01",
        "<!channel> & *prod*",
    ]
    assert [gap["region"] for gap in found["gaps"]] == ["us-east-1"]


def test_all_environments_in_the_order_of_the_configuration(desk: Desk) -> None:
    """Each with its own numbers; gaps make the exit code 3."""
    answer = desk.answer("status", ANA, surface=Surface.TERMINAL)
    assert isinstance(answer.report, FleetReport)
    assert [one.environment for one in answer.report.environments] == ["prod", "staging", "dev"]
    assert answer.exit_code == 3
    assert desk.answer("status staging", ANA, surface=Surface.TERMINAL).exit_code == 0


def test_one_environment_that_cannot_be_reached_does_not_hide_the_others() -> None:
    """It is there as a gap, with nothing counted; its card says what to do."""
    gateway = fleet.gateway()
    gateway.readings = {**gateway.readings, ("dev", "eu-central-1"): DOWN}
    answer = desk_over(gateway, fleet.store()).answer("status", ANA, surface=Surface.SLACK)
    assert isinstance(answer.report, FleetReport)
    dev = answer.report.environments[2]
    assert (dev.nodes.total, dev.compliance_percent) == (0, None)
    assert [gap.reason for gap in dev.gaps] == [DOWN.message]
    assert "Never read" in str(answer.card().blocks)


def test_nothing_that_can_be_reached_is_an_error() -> None:
    """Not an empty fleet with good news."""
    readings = dict.fromkeys(fleet.gateway().readings, DOWN)
    desk = desk_over(fleet.FakeGateway(readings), fleet.FakeStore())
    for text in ("status", "status prod"):
        with pytest.raises(Unreachable):
            desk.answer(text, ANA, surface=Surface.SLACK)


def test_the_only_environment_is_the_one_that_is_meant() -> None:
    """`status` answers with its status, not with a table of one line."""
    desk = desk_over(fleet.gateway(), fleet.store(), environments={"staging": fleet.STAGING})
    assert report(desk, "status").environment == "staging"
    assert report(desk, "status by:os").by == "os"


def test_a_breakdown_of_everything_is_refused_with_an_example(desk: Desk) -> None:
    """The hint can be typed as it is."""
    with pytest.raises(UsageError) as caught:
        desk.answer("status by:os", ANA, surface=Surface.SLACK)
    assert "`/patch status prod by:os`" in caught.value.hint


def test_the_card_leads_on_with_sentences(desk: Desk) -> None:
    """Refresh keeps the breakdown, Share shares what was asked, the menu drops it; nothing refreshes twice."""
    card = desk.answer("status prod by:os refresh", ANA, surface=Surface.SLACK).card()
    sentences = {
        element["action_id"]: element.get("value")
        for block in card.blocks
        if block["type"] == "actions"
        for element in block["elements"]
    }
    assert sentences == {
        "private:list": "nodes prod",
        "replace:refresh": "status prod refresh by:os",
        "channel:share": "status prod by:os",
        "file:csv": "status prod by:os",
        "private:nodes": None,
        "replace:by": None,
    }
    for sentence in filter(None, sentences.values()):
        desk.answer(sentence, ANA, surface=Surface.SLACK)


def test_the_breakdown_as_a_file(desk: Desk) -> None:
    """A line per row, whole."""
    file = desk.answer("status prod by:region", ANA, surface=Surface.SLACK).attachment()
    assert file.filename == "prod-status-2026-11-23T1405Z.csv"
    rows = list(csv.DictReader(StringIO(file.content.decode(), newline="")))
    assert [(row["Group"], row["Nodes"], row["Compliant %"]) for row in rows] == [
        ("eu-central-1", "10", "50.0"),
        ("us-east-1", "3", "0.0"),
    ]


def test_progress_is_told_while_reading(desk: Desk) -> None:
    """To whoever waits."""
    told: list[tuple[str, int, int]] = []
    desk.answer("status prod", ANA, surface=Surface.SLACK, progress=lambda *what: told.append(what))
    assert told == [("111122223333/eu-central-1", 12, 12)]


def test_a_total_that_nobody_knows_is_called_known_nodes() -> None:
    """Virginia was never read: 10 nodes are known, how many there are is not."""
    desk = desk_over(fleet.gateway(), fleet.FakeStore())
    card = desk.answer("status prod", ANA, surface=Surface.SLACK).card()
    assert "5 of 10 known nodes (50.0 %)" in str(card.blocks)
    assert "Never read: how many nodes it has is not known" in str(card.blocks)


def test_only_stopped_nodes_is_no_percentage() -> None:
    """And the answer says where they are."""
    stopped = tuple(
        replace(one, node=replace(one.node, instance_state="stopped"))
        for one in fleet.STAGING_NODES
    )
    gateway = fleet.gateway()
    reading = gateway.readings["staging", "eu-central-1"]
    assert not isinstance(reading, Exception)
    gateway.readings = {
        **gateway.readings,
        ("staging", "eu-central-1"): replace(reading, observations=stopped),
    }
    answer = desk_over(gateway, fleet.store()).answer("status staging", ANA, surface=Surface.SLACK)
    assert "2 nodes stopped" in str(answer.card().blocks)
    assert "Stopped (2)" in str(answer.card().blocks)


def test_a_breakdown_by_severity_has_counts_only(desk: Desk) -> None:
    """A share of the compliant would be 0 or 100 % in every row."""
    answer = desk.answer("status prod by:severity", ANA, surface=Surface.SLACK)
    assert isinstance(answer.report, StatusReport)
    assert {row.compliance_percent for row in answer.report.groups} == {None}
    rows = next(block for block in answer.card().blocks if block["type"] == "table")["rows"]
    assert len(rows) > 2
    assert "%" not in str(rows)
    assert "%" in str(desk.answer("status prod by:os", ANA, surface=Surface.SLACK).card().blocks)


def test_an_environment_of_which_nothing_can_be_read_has_no_percentage() -> None:
    """Its nodes are known from the last reading and unknown today, in its card and in the table of all."""
    gateway = fleet.gateway()
    desk = desk_over(gateway, fleet.store())
    desk.answer("status staging", ANA, surface=Surface.SLACK)
    gateway.readings = {**gateway.readings, ("staging", "eu-central-1"): fleet.DENIED}
    card = desk.answer("status staging refresh", ANA, surface=Surface.SLACK).card()
    assert card.blocks[0]["text"]["text"] == "staging: could not be read (2 nodes unknown)"
    assert card.text.startswith("staging: could not be read (2 nodes unknown).")
    assert "%" not in str(card.blocks)
    assert "not known" in str(desk.answer("status", ANA, surface=Surface.SLACK).card().blocks)
