"""Live updates: what changes shows at once and once, also after a lost connection, and the scroll stays put."""

import pytest
from playwright.sync_api import Route, expect

from bot.demo.slack.demo_workspace import MAYA, PATCHING
from tests.browser.conftest import OpenPage
from tests.browser.kit import Kit, actions, button, section

pytestmark = pytest.mark.browser


def test_messages_appear_change_and_go_without_a_reload(kit: Kit, open_page: OpenPage) -> None:
    """Posting, editing and deleting through the Web API show in the open page."""
    page = open_page()
    ts = kit.post(PATCHING, "first")
    expect(page.last_message).to_contain_text("first")
    kit.client.chat_update(channel=PATCHING, ts=ts, text="second")
    expect(page.last_message).to_contain_text("second")
    expect(page.last_message).to_contain_text("(edited)")
    expect(page.messages).to_have_count(1)
    kit.client.chat_delete(channel=PATCHING, ts=ts)
    expect(page.messages).to_have_count(0)


def test_an_updated_card_keeps_the_focus_on_its_button(kit: Kit, open_page: OpenPage) -> None:
    """Who pages through a list with the keyboard is not thrown out of it by the redrawn card."""
    page = open_page()
    number = iter(range(2, 9))

    def turn(_body: object, respond: object, _client: object) -> None:
        assert callable(respond)
        blocks = [section(f"page {next(number)}"), actions(button("next", "Next"))]
        respond(text="page", blocks=blocks, replace_original=True)

    kit.on_action["next"] = turn
    kit.post(PATCHING, "page", blocks=[section("page 1"), actions(button("next", "Next"))])
    page.control("next").focus()
    for expected in ("page 2", "page 3"):
        page.page.keyboard.press("Enter")
        expect(page.last_message).to_contain_text(expected)
        expect(page.control("next")).to_be_focused()


def test_a_lost_connection_comes_back_without_loss_or_doubles(
    kit: Kit, open_page: OpenPage
) -> None:
    """What was said meanwhile is there after reconnecting, once, in order, and so is what follows."""
    page = open_page(MAYA)
    kit.post(PATCHING, "before")
    page.expected_errors = ("ERR_FAILED", "ERR_INCOMPLETE_CHUNKED_ENCODING")
    page.page.route("**/page/events*", lambda route: route.abort())
    page.page.reload()
    expect(page.page.get_by_test_id("offline")).to_be_visible()
    kit.post(PATCHING, "meanwhile")
    page.page.unroute("**/page/events*")
    expect(page.page.get_by_test_id("offline")).to_be_hidden()
    kit.post(PATCHING, "after")
    expect(page.messages.locator(".plain-message")).to_have_text(["before", "meanwhile", "after"])


def test_news_during_loading_are_neither_lost_nor_doubled(kit: Kit, open_page: OpenPage) -> None:
    """A message that arrives while the list is being read shows once, whichever came first."""
    page = open_page()

    def overtaken(route: Route) -> None:
        fetched = route.fetch()
        kit.post(PATCHING, "arrives after the list was read")
        route.fulfill(response=fetched)

    kit.post(PATCHING, "there before")
    expect(page.messages).to_have_count(1)
    page.open_channel("general")
    page.page.route(f"**/page/messages*channel={PATCHING}*", overtaken, times=1)
    page.open_channel("platform-patching")
    expect(page.messages.locator(".plain-message")).to_have_text(
        ["there before", "arrives after the list was read"]
    )


def test_the_list_follows_its_end_only_for_who_is_there(kit: Kit, open_page: OpenPage) -> None:
    """At the bottom one stays at the bottom; further up one is told of news and not moved."""
    page = open_page()
    for number in range(40):
        kit.post(PATCHING, f"message {number}")
    expect(page.messages).to_have_count(40)
    expect(page.last_message).to_be_in_viewport()

    scroller = page.page.locator("#messages")
    scroller.evaluate("node => { node.scrollTop = 0; }")
    pill = page.page.locator("#messages-panel [data-testid=new-messages]")
    kit.post(PATCHING, "the newest")
    expect(pill).to_be_visible()
    assert scroller.evaluate("node => node.scrollTop") == 0
    pill.click()
    expect(page.last_message).to_be_in_viewport()
    expect(pill).to_be_hidden()
