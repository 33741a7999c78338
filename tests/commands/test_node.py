"""`node`: the one that is meant, or a question back."""

from __future__ import annotations

import csv
from dataclasses import replace
from io import StringIO

import pytest

from bot.chatops.context import Surface
from bot.chatops.desk import Answer, Desk
from bot.core.environments import Account, Environment, Target
from bot.core.errors import Ambiguous, NotFound, Unreachable
from bot.core.readings import TargetReading
from bot.core.reports import NodeReport
from tests.commands import fleet
from tests.commands.conftest import ANA, desk_over

WEB = fleet.managed(1, "").instance_id


def asked(desk: Desk, text: str) -> Answer:
    return desk.answer(text, ANA, surface=Surface.SLACK)


def report(desk: Desk, text: str) -> NodeReport:
    found = asked(desk, text).report
    assert isinstance(found, NodeReport)
    return found


@pytest.mark.parametrize(
    "text",
    [
        f"node {WEB}",
        f"node {WEB.upper()} prod",
        "node PROD-WEB-01 region:eu-central-1",
        "node prod-web-01 account:111122223333 region:EU-central-1",
    ],
)
def test_found_by_id_or_name_in_any_case(desk: Desk, text: str) -> None:
    """In all environments or the one that is named; a Name may be narrowed down."""
    assert report(desk, text).node.instance_id == WEB


def test_several_of_one_name_are_asked_about(desk: Desk) -> None:
    """Each candidate comes with a sentence that finds it, and only it."""
    with pytest.raises(Ambiguous) as caught:
        asked(desk, "node prod-web-01")
    found = {report(desk, one.sentence).node.region for one in caught.value.candidates}
    assert found == {"eu-central-1", "us-east-1"}


def test_one_id_in_two_accounts_is_two_nodes() -> None:
    """The candidates' sentences then name account and Region."""
    other = Target(Account("999988887777"), "eu-central-1")
    twin = fleet.scanned(fleet.managed(1, "prod-web-01", account="999988887777"))
    gateway = fleet.FakeGateway(
        {
            ("prod", "eu-central-1"): TargetReading(fleet.FRANKFURT, fleet.ACCOUNT, fleet.NOW, fleet.FRANKFURT_NODES),
            ("lab", "eu-central-1"): TargetReading(other, "999988887777", fleet.NOW, (twin,)),
        },
        {WEB: ()},
    )  # fmt: skip
    environments = {
        "prod": Environment("prod", (fleet.FRANKFURT,)),
        "lab": Environment("lab", (other,)),
    }
    desk = desk_over(gateway, fleet.FakeStore(), environments=environments)
    with pytest.raises(Ambiguous) as caught:
        asked(desk, f"node {WEB}")
    assert [report(desk, one.sentence).node.account for one in caught.value.candidates] == [
        "111122223333",
        "999988887777",
    ]


def test_an_id_wins_over_a_name_that_looks_like_it() -> None:
    """Somebody may call a node by another one's id."""
    fake = fleet.scanned(fleet.managed(99, WEB))
    gateway = fleet.gateway()
    reading = gateway.readings["staging", "eu-central-1"]
    assert isinstance(reading, TargetReading)
    gateway.readings = {
        **gateway.readings,
        ("staging", "eu-central-1"): replace(reading, observations=(fake,)),
    }
    assert report(desk_over(gateway, fleet.store()), f"node {WEB}").environment == "prod"


def test_a_node_of_two_environments_is_one_node() -> None:
    """And the card says both."""
    gateway = fleet.gateway()
    reading = gateway.readings["prod", "eu-central-1"]
    gateway.readings = {**gateway.readings, ("staging", "eu-central-1"): reading}
    found = report(desk_over(gateway, fleet.store()), f"node {WEB}")
    assert (found.environment, found.environments) == ("prod", ("prod", "staging"))


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("node web-02", ["prod-web-02", "staging-web-02"]),
        ("node prod-web-20", ["prod-web-02"]),
        ("node nothing-like-it", []),
    ],
)
def test_nothing_of_that_name_offers_what_is_near(desk: Desk, text: str, near: list[str]) -> None:
    """And says where it may hide: a part of prod could not be read."""
    with pytest.raises(NotFound) as caught:
        asked(desk, text)
    assert [one.label.split(" · ")[0] for one in caught.value.candidates] == near
    assert "It may be where nothing could be read: 111122223333/us-east-1." in caught.value.hint


def test_a_name_may_also_be_where_nothing_could_be_read(desk: Desk) -> None:
    """Found by Name: a remark and exit code 3. Found by id: there can be no other."""
    by_name, by_id = asked(desk, "node prod-web-02"), asked(desk, f"node {WEB}")
    assert isinstance(by_name.report, NodeReport)
    assert by_name.report.notices[0].startswith("Another node of that Name may be")
    assert (by_name.exit_code, by_id.exit_code) == (3, 0)


def test_one_environment_that_is_down_does_not_hide_a_node_of_another() -> None:
    """Only when all are down is there no answer."""
    down = Unreachable("Could not connect.")
    gateway = fleet.gateway()
    gateway.readings = {**gateway.readings, ("dev", "eu-central-1"): down}
    assert report(desk_over(gateway, fleet.store()), f"node {WEB}").node.name == "prod-web-01"
    everything = fleet.FakeGateway(dict.fromkeys(gateway.readings, down))
    with pytest.raises(Unreachable):
        asked(desk_over(everything, fleet.FakeStore()), f"node {WEB}")


def test_patches_come_worst_first_by_the_vendors_severity(desk: Desk) -> None:
    """With all that AWS says of them; the card shows two CVE ids and how many more, the file has all."""
    answer = asked(desk, f"node {WEB}")
    assert isinstance(answer.report, NodeReport)
    assert [patch.severity for patch in answer.report.patches] == [
        "Critical",
        "Important",
        "Medium",
        "Low",
    ]
    assert "CVE-2026-1111, CVE-2026-1112 and 2 more" in str(answer.card().blocks)
    rows = list(csv.DictReader(StringIO(answer.attachment().content.decode(), newline="")))
    assert rows[0]["CVE IDs"] == "CVE-2026-1111 CVE-2026-1112 CVE-2026-1113 CVE-2026-1114"
    assert rows[3]["KB ID"] == "bash.x86_64"


def test_severity_is_labelled_as_the_vendors(desk: Desk) -> None:
    """Next to a status that speaks of the baseline's level, both are named."""
    blocks = str(asked(desk, f"node {WEB}").card().blocks)
    assert "Severity is the vendor's" in blocks
    assert "level CRITICAL of its baseline" in blocks
    assert "which ones they are is not in this list" in blocks


def test_patches_that_cannot_be_listed_are_said_to_be_missing(desk: Desk) -> None:
    """The counters still answer; the exit code is 3."""
    answer = asked(desk, "node prod-ad-01 prod")
    assert isinstance(answer.report, NodeReport)
    assert "Its patches could not be listed" in " ".join(answer.report.notices)
    assert answer.exit_code == 3
    assert answer.report.baseline is not None
    assert answer.report.baseline.name == ""


def test_no_column_for_cves_where_aws_knows_none() -> None:
    """Windows, Debian and Ubuntu: an empty column would look like no vulnerability."""
    gateway = fleet.gateway()
    gateway.patch_lists = {WEB: (replace(fleet.PATCHES[2], kb_id="KB500"),)}
    card = asked(desk_over(gateway, fleet.store()), f"node {WEB}").card()
    (table,) = (block for block in card.blocks if block["type"] == "table")
    assert [cell["text"] for cell in table["rows"][0]] == ["Severity", "Patch", "State", "Class"]
    assert table["rows"][1][1]["text"].endswith("(KB500)")


@pytest.mark.parametrize(
    ("text", "asked_for"),
    [
        (f"node {WEB}", f"install prod nodes:{WEB}"),
        ("node prod-batch-01 prod", "scan prod nodes:{id}"),
        ("node prod-web-02 prod", ""),
    ],
)
def test_what_would_help_is_asked_for_by_a_button(
    planning: Desk, text: str, asked_for: str
) -> None:
    """It opens the form for this node alone; where nothing is to be done there is none."""
    answer = asked(planning, text)
    assert isinstance(answer.report, NodeReport)
    forms = [
        element["value"]
        for block in answer.card().blocks
        for element in block.get("elements", ())
        if element.get("action_id", "").startswith("form:")
    ]
    expected = asked_for.format(id=answer.report.node.instance_id)
    assert forms == ([expected] if expected else [])
    assert all(f"/patch {form}" in " ".join(answer.report.next_steps) for form in forms)
