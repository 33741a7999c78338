"""The frame of the page: composer, commands, who acts, channels, threads, files, layout on a phone."""

import csv

import pytest
from playwright.sync_api import expect

from bot.demo.slack.demo_workspace import GUS, JONAS, MAYA, PATCHING
from tests.browser.conftest import PHONE, OpenPage
from tests.browser.kit import Kit, actions, button, plain, section

pytestmark = pytest.mark.browser

CARD = [
    {"type": "header", "text": plain("prod: 41 of 48 compliant")},
    section("*Worst nodes*"),
    actions(button("more", "Show all")),
]


def test_a_command_is_answered_only_to_the_one_who_typed_it(kit: Kit, open_page: OpenPage) -> None:
    """An ephemeral answer says so, is seen by nobody else, and stays away once dismissed."""
    kit.cards["status prod"] = CARD
    maya, jonas = open_page(MAYA), open_page(JONAS)
    answer = maya.command("/patch status prod")
    expect(answer).to_contain_text("prod: 41 of 48 compliant")
    expect(answer.get_by_test_id("ephemeral")).to_have_text("Only visible to you")
    maya.screenshot("ephemeral")
    kit.post(PATCHING, "for everybody")
    expect(jonas.last_message).to_contain_text("for everybody")
    expect(jonas.messages).to_have_count(1)

    maya.messages.first.get_by_test_id("dismiss").click()
    expect(maya.messages).to_have_count(1)
    maya.page.reload()
    maya.wait_until_ready()
    expect(maya.messages).to_have_count(1)
    expect(maya.last_message).to_contain_text("for everybody")


def test_typing_a_slash_offers_commands_that_the_keyboard_can_choose(
    kit: Kit, open_page: OpenPage
) -> None:
    """Tab completes, arrows and Enter choose, a second Enter sends, ArrowUp brings it back."""
    page = open_page()
    page.composer.press_sequentially("/pa")
    expect(page.hints).to_contain_text(["/patch status [environment]"])
    page.composer.press("Tab")
    expect(page.composer).to_have_value("/patch ")
    expect(page.hints).to_have_count(3)
    page.composer.press_sequentially("st")
    expect(page.hints).to_have_count(2)
    page.screenshot("hints")
    page.composer.press("ArrowDown")
    page.composer.press("ArrowDown")
    page.composer.press("Enter")
    expect(page.composer).to_have_value("/patch status staging")
    page.composer.press("Enter")
    expect(page.last_message).to_contain_text("status staging")
    expect(page.composer).to_have_value("")
    page.composer.press("ArrowUp")
    expect(page.composer).to_have_value("/patch status staging")


def test_a_command_is_sent_by_enter_though_there_are_longer_ones(
    kit: Kit, open_page: OpenPage
) -> None:
    """Hints never take Enter away from a command that is written out."""
    page = open_page()
    page.composer.press_sequentially("/patch status")
    expect(page.hints.first).to_be_visible()
    page.composer.press("Enter")
    expect(page.last_message).to_contain_text("status")


def test_a_command_that_fails_says_why_and_is_not_lost(kit: Kit, open_page: OpenPage) -> None:
    """Slack's own words stand over the composer, and what was typed is back in it."""
    page = open_page()
    page.send("/pach status")
    expect(page.failure).to_contain_text("/pach is not a valid command.")
    expect(page.composer).to_have_value("/pach status")
    page.screenshot("failure")
    page.failure.get_by_role("button", name="Dismiss").click()
    expect(page.failure).to_be_hidden()


def test_people_write_to_each_other_and_nothing_they_type_is_markup(
    kit: Kit, open_page: OpenPage
) -> None:
    """Shift+Enter makes a line, Enter sends; the others see it at once, as text."""
    maya, jonas = open_page(MAYA), open_page(JONAS)
    maya.composer.fill("<b>hi</b> <!channel> @jonas")
    maya.composer.press("Shift+Enter")
    maya.composer.press_sequentially("*second* line")
    maya.composer.press("Enter")
    expect(jonas.last_message.locator(".plain-message")).to_have_text(
        "<b>hi</b> <!channel> @Jonas Weber\nsecond line"
    )
    expect(jonas.last_message.locator(".mention-me")).to_have_text("@Jonas Weber")
    expect(jonas.last_message.locator("b, [data-mention=broadcast]")).to_have_count(0)
    expect(jonas.last_message.locator(".author")).to_have_text("Maya Lindqvist")


def test_acting_as_somebody_else_shows_what_they_see(kit: Kit, open_page: OpenPage) -> None:
    """The switch names the person and their standing; private channels come and go with it."""
    page = open_page(MAYA)
    expect(page.page.get_by_test_id("act-as")).to_contain_text("Maya Lindqvist")
    expect(page.page.get_by_test_id("channel-prod-approvals")).to_be_visible()
    page.send("before the switch")
    page.act_as(GUS)
    expect(page.page.get_by_test_id("act-as")).to_contain_text("Guest")
    expect(page.page.get_by_test_id("channel-prod-approvals")).to_have_count(0)
    expect(page.last_message).to_contain_text("before the switch")
    page.send("from Gus")
    expect(page.last_message.locator(".author")).to_have_text("Gus Ferrant")


def test_a_tip_fills_the_composer_and_makes_room_for_the_answer(
    kit: Kit, open_page: OpenPage
) -> None:
    """A click on a tip is one Enter away from the answer; the row folds away then."""
    page = open_page()
    page.page.get_by_test_id("tip").filter(has_text="Where do we stand?").click()
    expect(page.composer).to_have_value("/patch status prod")
    page.screenshot("tips")
    page.composer.press("Enter")
    expect(page.last_message).to_contain_text("status prod")
    expect(page.page.get_by_test_id("tips")).to_be_hidden()
    page.page.get_by_test_id("tips-toggle").click()
    expect(page.page.get_by_test_id("tips")).to_be_visible()


def test_a_thread_with_a_file_opens_at_the_side(kit: Kit, open_page: OpenPage) -> None:
    """The reply count is kept up, the CSV shows its first lines and downloads as it is."""
    page = open_page()
    parent = kit.post(PATCHING, "prod nodes")
    content = "instance_id,name\ni-01,web-01\ni-02,'=cmd()\n"
    kit.client.files_upload_v2(
        channel=PATCHING, thread_ts=parent, filename="prod.csv", content=content
    )
    page.last_message.get_by_test_id("replies").click()
    expect(page.thread_messages).to_have_count(2)
    file = page.thread.get_by_test_id("file")
    expect(file).to_contain_text("prod.csv")
    expect(file.locator("pre")).to_contain_text("i-01,web-01")
    with page.page.expect_download() as download:
        file.get_by_test_id("download").click()
    assert download.value.suggested_filename == "prod.csv"
    with download.value.path().open(encoding="utf-8", newline="") as saved:
        assert list(csv.reader(saved)) == list(csv.reader(content.splitlines()))

    reply = page.page.get_by_test_id("thread-composer")
    reply.fill("I take these")
    reply.press("Enter")
    expect(page.thread_messages).to_have_count(3)
    expect(page.last_message.get_by_test_id("replies")).to_contain_text("2 replies")
    expect(page.messages).to_have_count(1)
    page.screenshot("thread")
    page.page.get_by_test_id("thread-close").click()
    expect(page.thread).to_be_hidden()


def test_news_in_other_channels_are_counted(kit: Kit, open_page: OpenPage) -> None:
    """A channel with something new is bold and says how much, until it is opened."""
    page = open_page(MAYA)
    page.open_channel("general")
    kit.post(PATCHING, "one")
    kit.post(PATCHING, "two")
    row = page.page.get_by_test_id("channel-platform-patching")
    expect(row).to_contain_text("2")
    page.open_channel("platform-patching")
    expect(row).not_to_contain_text("2")
    expect(page.messages).to_have_count(2)


def test_a_permalink_opens_its_place(kit: Kit, open_page: OpenPage) -> None:
    """chat.getPermalink leads to the channel and marks the message."""
    ts = kit.post(PATCHING, "look here")
    page = open_page(MAYA, hash_=f"#/{PATCHING}/{ts}")
    expect(page.page.locator(f"[data-ts='{ts}'].is-linked")).to_be_visible()


def test_every_control_has_a_name_and_the_page_has_landmarks(kit: Kit, open_page: OpenPage) -> None:
    """Screen readers find the regions, and no button is nameless."""
    kit.cards["status prod"] = CARD
    page = open_page()
    page.command("/patch status prod")
    for role in ("banner", "navigation", "main", "log"):
        expect(page.page.get_by_role(role)).to_have_count(1)
    nameless = page.page.evaluate(
        "[...document.querySelectorAll('button, a[href], input, textarea')]"
        ".filter((node) => node.checkVisibility() && !node.ariaLabel && !node.labels?.length"
        " && !node.textContent.trim()).map((node) => node.outerHTML)"
    )
    assert nameless == []


def test_a_phone_shows_one_thing_at_a_time(kit: Kit, open_page: OpenPage) -> None:
    """Nothing is wider than the screen; channels come as a drawer, threads cover the channel."""
    page = open_page(size=PHONE)
    kit.cards["status prod"] = CARD
    page.command("/patch status prod")
    assert page.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    page.screenshot("phone")

    sidebar = page.page.get_by_test_id("sidebar")
    expect(sidebar).to_be_hidden()
    page.page.get_by_test_id("menu").click()
    expect(sidebar).to_be_in_viewport(ratio=1)
    page.screenshot("phone-drawer")
    page.open_channel("general")
    expect(sidebar).to_be_hidden()

    page.page.get_by_test_id("menu").click()
    page.open_channel("platform-patching")
    kit.post(PATCHING, "public")
    page.last_message.get_by_test_id("reply").click()
    box = page.thread.bounding_box()
    assert box is not None
    assert box["width"] == PHONE["width"]


def test_the_dark_theme_is_followed(kit: Kit, open_page: OpenPage) -> None:
    """A browser set to dark gets light text on a dark ground."""
    kit.cards["status prod"] = CARD
    page = open_page(dark=True)
    page.command("/patch status prod")
    expect(page.page.locator("main")).to_have_css("background-color", "rgb(26, 29, 33)")
    page.screenshot("dark")
