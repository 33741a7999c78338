"""The trend in the page: the bot answers, and its picture is there to be seen, in both themes and on a phone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Locator, expect

from bot.charts import trend_picture
from bot.charts.trend import WIDTH
from bot.chatops.registry import Registry
from bot.demo.slack.demo_workspace import JONAS, MAYA, PRIYA
from bot.demo.slack.server import LocalSlack
from bot.slack.bot import create_slack_bot
from bot.slack.manifest import manifest
from tests.browser.conftest import PHONE, OpenPage
from tests.charts.reports import trend
from tests.commands.test_trend import Remembered, desk_over

pytestmark = pytest.mark.browser

REPORT = trend(30, missing=(12, 11), incomplete=(5,), details_missing=2)


@pytest.fixture
def slack(tmp_path: Path) -> Iterator[LocalSlack]:
    path = tmp_path / "manifest.yml"
    path.write_text(yaml.safe_dump(manifest(Registry("commands"))), encoding="utf-8")
    with LocalSlack(path, event_retry_seconds=(0, 0, 0)) as local:
        bot = create_slack_bot(
            desk_over(Remembered(REPORT), draw=trend_picture),
            bot_token=local.bot_token,
            app_token=local.app_token,
            signing_secret=local.signing_secret,
            api_url=local.api_url,
            patience_seconds=60,
            picture_patience_seconds=60,
        )
        bot.start_socket_mode()
        yield local
        bot.stop()


def is_drawn(picture: Locator) -> None:
    """Loaded, described, and as wide as it was drawn."""
    expect(picture).to_be_visible()
    expect(picture).to_have_js_property("complete", True)
    expect(picture).to_have_js_property("naturalWidth", WIDTH)
    expect(picture).to_have_attribute("alt", REPORT_IN_WORDS)


REPORT_IN_WORDS = (
    "Patch compliance of prod by day, 29 Oct to 27 Nov 2026. Last, on 27 Nov: 83.1 % (831 of 1,000 nodes), "
    "134 non-compliant, 35 unknown. First, on 29 Oct: 78.7 % (787 of 1,000 nodes). "
    "Lowest, on 4 Nov: 72.9 % (729 of 1,000 nodes). Change: up 4.4 points since 29 Oct. "
    "Install runs: 2, the last on 19 Nov. "
    "Deadlines: 3 critical and 12 important patches are past the deadline. "
    "No snapshot on 2 days: 15 Nov and 16 Nov. "
    "On 1 day a part of the fleet could not be read; its nodes count as unknown. "
    "The patches of 2 nodes are not read yet: their deadlines count nowhere."
)


def test_the_picture_stands_in_a_private_answer_and_in_a_shared_one(open_page: OpenPage) -> None:
    """In a light page, in a dark one, and on a phone without scrolling sideways."""
    maya = open_page(MAYA, size={"width": 1200, "height": 1150})
    answer = maya.command("/patch trend prod 30d")
    is_drawn(answer.get_by_test_id("image"))
    expect(answer.get_by_test_id("ephemeral")).to_be_visible()
    maya.screenshot("trend-light")

    maya.control("channel:share").click()
    priya = open_page(PRIYA, size={"width": 1200, "height": 1150}, dark=True)
    is_drawn(priya.messages.last.get_by_test_id("image"))
    priya.screenshot("trend-dark")

    jonas = open_page(JONAS, size=PHONE)
    is_drawn(jonas.messages.last.get_by_test_id("image"))
    assert jonas.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    jonas.messages.last.get_by_test_id("image").scroll_into_view_if_needed()
    jonas.screenshot("trend-phone")


def test_status_leads_to_it(open_page: OpenPage) -> None:
    page = open_page(MAYA)
    page.command("/patch status prod")
    page.control("private:trend").click()
    is_drawn(page.messages.last.get_by_test_id("image"))
