"""patchbot itself in the page: what `make demo` opens, used as a visitor would use it."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from bot.demo.fleet.model import Fleet, Node
from bot.demo.run import Demo, running
from bot.demo.slack.demo_workspace import GUS, JONAS, MAYA, PRIYA
from bot.demo.slack.server import LocalSlack
from tests.browser.conftest import PHONE, OpenPage

pytestmark = pytest.mark.browser

STALE_AFTER = timedelta(days=7)


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with running() as started:
        # On a busy machine a first reading takes long enough for a line of progress beside the answer.
        for environment in started.app.services.compliance.environments:
            started.app.services.compliance.read(environment)
        yield started


@pytest.fixture
def slack(demo: Demo) -> LocalSlack:
    return demo.slack


def counted(fleet: Fleet, environment: str) -> list[Node]:
    """The nodes in the denominator, computed from the fleet's plain data alone."""
    return [node for node in fleet.of(environment) if node.state in {"running", ""}]


def is_fresh(fleet: Fleet, node: Node) -> bool:
    return node.run is not None and fleet.now - node.run.ended < STALE_AFTER


def broken(fleet: Fleet, environment: str) -> list[Node]:
    return [
        node
        for node in counted(fleet, environment)
        if is_fresh(fleet, node) and not node.is_compliant
    ]


def test_status_shows_the_numbers_of_the_fleet(demo: Demo, open_page: OpenPage) -> None:
    """`/patch status prod`: the percentage with its denominator, as computed from the fleet itself."""
    nodes = counted(demo.fleet, "prod")
    fresh = [node for node in nodes if is_fresh(demo.fleet, node)]
    compliant = [node for node in fresh if node.is_compliant]
    page = open_page(MAYA, size={"width": 1200, "height": 960})

    answer = page.command("/patch status prod")

    expect(answer).to_contain_text(f"{round(100 * len(compliant) / len(nodes), 1)}")
    expect(answer).to_contain_text(f"{len(compliant)} of {len(nodes)}")
    expect(answer).to_contain_text(f"{len(fresh)} of {len(nodes)} nodes with fresh data")
    expect(answer).to_contain_text(f"{len(nodes) - len(fresh)} nodes (")
    expect(answer.get_by_test_id("ephemeral")).to_be_visible()
    page.screenshot("patchbot-status")


def test_an_answer_is_read_from_its_first_line(demo: Demo, open_page: OpenPage) -> None:
    """On a laptop the headline and the figures are in view when the answer is there, however long it is."""
    page = open_page(PRIYA)
    for command, headline in (
        ("/patch status prod", "% compliant"),
        ("/patch nodes prod", "nodes"),
    ):
        answer = page.command(command)
        title = answer.locator(".block-header").first
        expect(title).to_contain_text(headline)
        expect(title).to_be_in_viewport(ratio=1)
        page.screenshot(f"patchbot-laptop-{command.split()[1]}")


def test_the_list_pages_through_every_broken_node_and_opens_one(
    demo: Demo, open_page: OpenPage
) -> None:
    """Worst first, each non-compliant node exactly once, and a node says why."""
    wanted = {node.instance_id for node in broken(demo.fleet, "prod")}
    page = open_page(MAYA)
    answer = page.command("/patch nodes prod")
    page.screenshot("patchbot-nodes")

    seen: list[str] = []
    last = 0
    while last < len(wanted):
        expect(answer).to_contain_text(f"Nodes {last + 1}-")
        text = answer.inner_text()
        seen += [instance_id for instance_id in wanted if instance_id in text]
        last = int(re.search(r"Nodes \d+-(\d+) of", text).group(1))  # type: ignore[union-attr]
        if last < len(wanted):
            page.control("replace:next").click()

    assert sorted(seen) == sorted(wanted)
    node = page.command(f"/patch node {seen[0]}")
    expect(node).to_contain_text(seen[0])
    expect(node).to_contain_text("Non-compliant")
    page.screenshot("patchbot-node")


def test_a_breakdown_is_a_table_whose_rows_add_up(demo: Demo, open_page: OpenPage) -> None:
    """`by:owner` names every owner of prod with a node in the denominator."""
    owners = {node.tags["Owner"] for node in counted(demo.fleet, "prod") if "Owner" in node.tags}
    page = open_page(MAYA)
    answer = page.command("/patch status prod by:owner")
    for owner in owners:
        expect(answer).to_contain_text(owner)
    page.screenshot("patchbot-by-owner")


def test_share_posts_it_for_everybody_and_csv_arrives_in_its_thread(
    demo: Demo, open_page: OpenPage
) -> None:
    """A shared list is seen by others; its CSV holds every broken node."""
    maya, jonas = open_page(MAYA), open_page(JONAS)
    maya.command("/patch nodes prod")
    maya.control("channel:share").click()
    shared = jonas.messages.filter(has_text="prod").last
    expect(shared).to_be_visible()
    expect(shared.get_by_test_id("ephemeral")).to_have_count(0)
    jonas.screenshot("patchbot-shared")


def test_two_nodes_of_one_name_are_both_offered(demo: Demo, open_page: OpenPage) -> None:
    """An ambiguous name is refused with its candidates, and a click opens one of them."""
    name = next(name for name, many in demo.fleet.names.items() if name and many > 1)
    twins = [node for node in demo.fleet.named(name) if node.state == "running"]
    page = open_page(MAYA)
    answer = page.command(f"/patch node {name}")
    for twin in twins:
        expect(answer).to_contain_text(twin.instance_id)
    page.screenshot("patchbot-ambiguous")


def test_a_guest_is_refused_and_told_why(demo: Demo, open_page: OpenPage) -> None:
    """Nothing about the fleet reaches somebody who is not a full member."""
    page = open_page(GUS)
    answer = page.command("/patch status prod")
    expect(answer).to_contain_text("guests cannot use patchbot")
    expect(answer).not_to_contain_text("%")


def test_a_typo_gets_a_suggestion(demo: Demo, open_page: OpenPage) -> None:
    """A command nobody knows is answered with the one that was meant."""
    page = open_page(MAYA)
    expect(page.command("/patch stauts prod")).to_contain_text("status")
    expect(page.command("/patch status prdo")).to_contain_text("prod")


def test_hostile_names_stay_text(demo: Demo, open_page: OpenPage) -> None:
    """A Name tag with a ping and a link in it is shown as what it is: no link, no mention."""
    page = open_page(MAYA)
    for environment in ("dev", "staging", "prod"):
        answer = page.command(f"/patch nodes {environment} state:all name:evil")
        expect(answer.locator("a[href*='evil']")).to_have_count(0)
        expect(answer.get_by_test_id("mention")).to_have_count(0)


def test_the_home_tab_shows_every_environment(demo: Demo, open_page: OpenPage) -> None:
    """The app's Home is a dashboard of all environments."""
    page = open_page(MAYA)
    page.open_channel("patchbot")
    for environment in ("prod", "staging", "dev"):
        expect(page.home).to_contain_text(environment)
    page.screenshot("patchbot-home")


def test_it_reads_well_on_a_phone(demo: Demo, open_page: OpenPage) -> None:
    """No sideways scrolling of the page on a phone."""
    page = open_page(MAYA, size=PHONE)
    page.command("/patch status prod")
    width = page.page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"]
    page.screenshot("patchbot-phone")


def test_a_breakdown_shows_all_its_columns_on_a_phone(demo: Demo, open_page: OpenPage) -> None:
    """Cells wrap, so that nobody has to guess that there is more at the side."""
    page = open_page(JONAS, size=PHONE)  # Maya has asked ten times by now
    answer = page.command("/patch status prod by:os")
    frame = answer.locator(".table-frame")
    expect(frame).to_be_visible()
    page.screenshot("patchbot-phone-by-os")
    assert frame.evaluate("frame => frame.scrollWidth <= frame.clientWidth")
