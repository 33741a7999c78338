"""An Install in the page, from the question to the receipt: one person asks, others approve, everybody watches."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, expect

from bot.demo.run import Demo, running
from bot.demo.slack.demo_workspace import GUS, JONAS, MAYA, PRIYA
from bot.demo.slack.server import LocalSlack
from tests.browser.conftest import OpenPage
from tests.browser.slack_page import SlackPage

pytestmark = pytest.mark.browser

RUN_MILLISECONDS = 120_000


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with running(speed=400) as started:
        yield started


@pytest.fixture
def slack(demo: Demo) -> LocalSlack:
    return demo.slack


def ask(page: SlackPage, environment: str, *, picture: str = "") -> None:
    """Fill the form of `/patch install` and send it off."""
    page.send(f"/patch install {environment}")
    expect(page.modal).to_contain_text("Reason")
    if picture:
        page.screenshot(picture)
    page.modal.get_by_label("Reason").fill("Monthly patches")
    page.modal.get_by_label("Ticket").fill("OPS-1")
    page.modal.get_by_test_id("modal-submit").click()
    expect(page.modal).not_to_be_visible()


def waiting(page: SlackPage) -> Locator:
    """The card that waits for approval."""
    card = (
        page.messages.filter(has_text="Code")
        .filter(has=page.page.locator("[data-action-id='do:approve']"))
        .last
    )
    expect(card).to_be_visible()
    return card


def approve(page: SlackPage, *, picture: str = "") -> None:
    """Approve what waits, with the count typed where it is asked for."""
    page.control("do:approve", inside=waiting(page)).click()
    expect(page.modal.get_by_test_id("modal-submit")).to_be_visible()
    if picture:
        page.screenshot(picture)
    count = page.modal.get_by_label(re.compile("Type how many"))
    if count.count():
        found = re.search(r"Nodes\s+(\d+)", page.modal.inner_text())
        assert found is not None
        count.fill(found[1])
    page.modal.get_by_test_id("modal-submit").click()
    expect(page.modal).not_to_be_visible()


def test_an_install_goes_from_the_question_to_its_receipt(demo: Demo, open_page: OpenPage) -> None:
    """Maya asks, Jonas approves; both see the card change and the run end in a receipt."""
    maya, jonas = open_page(MAYA), open_page(JONAS)
    ask(maya, "staging", picture="install-modal")
    waiting(jonas)
    jonas.screenshot("install-approval")
    approve(jonas, picture="install-approve-modal")

    for page in (maya, jonas):
        expect(page.page.locator("#messages [data-action-id='do:approve']")).to_have_count(0)
    live = maya.messages.filter(has_text="X-1").last
    expect(live).to_contain_text("staging")
    maya.screenshot("install-live")
    ended = re.compile("X-1 .*: (verified|ended in part|failed)")
    expect(live.get_by_role("heading")).to_contain_text(ended, timeout=RUN_MILLISECONDS)
    maya.screenshot("install-ended")
    live.get_by_test_id("replies").click(timeout=RUN_MILLISECONDS)
    expect(maya.thread_messages.filter(has_text="Receipt").last).to_be_visible()
    maya.screenshot("install-receipt")


def test_the_requester_cannot_approve_an_install_in_prod(demo: Demo, open_page: OpenPage) -> None:
    """Four eyes: Jonas asks and is an approver, and is told so in place of the form."""
    jonas = open_page(JONAS)
    ask(jonas, "prod")
    jonas.open_channel("prod-approvals")
    jonas.control("do:approve", inside=waiting(jonas)).click()
    expect(jonas.modal).to_contain_text("somebody else must approve it")
    jonas.screenshot("install-own-request")
    priya = open_page(PRIYA)
    priya.open_channel("prod-approvals")
    approve(priya)
    expect(jonas.messages.filter(has_text="1 given").last).to_be_visible()


def test_a_guest_cannot_ask_for_an_install(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(GUS)
    page.send("/patch install staging")
    expect(page.modal).to_contain_text("guests cannot use patchbot")
    expect(page.modal).not_to_contain_text("nodes")
    page.screenshot("install-guest")
