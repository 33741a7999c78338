"""The interactive elements in messages: buttons, confirm dialogs, menus, and what of them reaches the app."""

import re

import pytest
from playwright.sync_api import expect

from bot.demo.slack.demo_workspace import JONAS, MAYA, PATCHING
from tests.browser.conftest import OpenPage
from tests.browser.kit import Json, Kit, actions, button, mrkdwn, option, plain, route_with
from tests.demo.slack.bolt_app import until

pytestmark = pytest.mark.browser


def test_a_confirm_dialog_holds_the_click_back(kit: Kit, open_page: OpenPage) -> None:
    """Nothing reaches the app before the person confirms; declining and Escape send nothing."""
    page = open_page()
    confirm = {
        "title": plain("Install on 41 nodes?"),
        "text": mrkdwn("*prod* restarts"),
        "confirm": plain("Install"),
        "deny": plain("Not now"),
        "style": "danger",
    }
    kit.post(PATCHING, "x", blocks=[actions(button("install", "Install", confirm=confirm))])
    dialog = page.page.get_by_test_id("confirm")

    page.control("install").click()
    expect(dialog).to_contain_text("Install on 41 nodes?")
    page.screenshot("confirm")
    dialog.get_by_role("button", name="Not now").click()
    expect(dialog).to_have_count(0)
    page.control("install").click()
    page.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert kit.actions == []

    page.control("install").click()
    dialog.get_by_role("button", name="Install").click()
    until(lambda: len(kit.actions) == 1)
    assert kit.actions[0]["actions"][0]["value"] == "install"
    assert kit.actions[0]["user"]["id"] == MAYA


def test_a_declined_choice_goes_back(kit: Kit, open_page: OpenPage) -> None:
    """A select with a confirm shows the old choice again when the person says no."""
    page = open_page()
    confirm = {
        "title": plain("Sure?"),
        "text": plain("Sure?"),
        "confirm": plain("Yes"),
        "deny": plain("No"),
    }
    menu = {
        "type": "static_select",
        "action_id": "env",
        "options": [option("prod"), option("dev")],
        "initial_option": option("dev"),
        "confirm": confirm,
    }
    kit.post(PATCHING, "x", blocks=[actions(menu)])
    page.choose(page.control("env"), "prod")
    page.page.get_by_test_id("confirm-deny").click()
    expect(page.control("env")).to_have_text("dev")
    assert kit.actions == []


def test_an_action_that_fails_says_so_under_its_block(kit: Kit, open_page: OpenPage) -> None:
    """A button is busy while the app is asked, and carries a warning when it does not answer."""
    page = open_page()
    kit.silent.add("refresh")
    kit.post(PATCHING, "x", blocks=[actions(button("refresh", "Refresh"))])
    page.control("refresh").click()
    expect(page.block("actions").locator("[aria-busy=true]")).to_have_count(1)
    expect(page.block("actions").get_by_role("alert")).to_contain_text("did not work")
    expect(page.block("actions").locator("[aria-busy=true]")).to_have_count(0)


def test_buttons_with_an_address_open_only_web_pages(kit: Kit, open_page: OpenPage) -> None:
    """A url button is a link that gives the other page no handle on this one."""
    page = open_page()
    blocks = [actions(button("docs", "Docs", url="https://docs.aws.amazon.com/"))]
    page.page.route(
        "**/page/messages*",
        route_with(
            [*blocks, actions(button("bad", "Bad", url="javascript:alert(1)"), block_id="b2")]
        ),
    )
    page.page.reload()
    link = page.control("docs")
    expect(link).to_have_attribute("href", "https://docs.aws.amazon.com/")
    expect(link).to_have_attribute("target", "_blank")
    expect(link).to_have_attribute("rel", re.compile("noopener"))
    expect(page.control("bad")).to_be_disabled()


def test_choices_in_a_message_reach_the_app_in_slacks_shape(kit: Kit, open_page: OpenPage) -> None:
    """Selects, pickers and menus send what Slack sends, together with the state around them."""
    page = open_page()
    elements: list[Json] = [
        {"type": "static_select", "action_id": "sort", "options": [option("name"), option("age")]},
        {"type": "users_select", "action_id": "owner", "placeholder": plain("Owner")},
        {"type": "datepicker", "action_id": "since"},
        {"type": "overflow", "action_id": "more", "options": [option("by os"), option("by owner")]},
        {"type": "external_select", "action_id": "find", "min_query_length": 2},
    ]
    kit.options = ["web-01", "web-02", "db-01"]
    kit.post(PATCHING, "x", blocks=[actions(*elements)])

    page.choose(page.control("sort"), "age")
    page.choose(page.control("owner"), "Jonas", typed="jon")
    page.control("since").fill("2026-11-23")
    page.control("more").click()
    page.last_message.get_by_role("menuitem", name="by owner").click()
    page.choose(page.control("find"), "web-02", typed="web")
    until(lambda: len(kit.actions) == 5)

    sent = {body["actions"][0]["action_id"]: body["actions"][0] for body in kit.actions}
    assert sent["sort"]["selected_option"]["value"] == "age"
    assert sent["owner"]["selected_user"] == JONAS
    assert sent["since"]["selected_date"] == "2026-11-23"
    assert sent["more"]["selected_option"]["value"] == "by owner"
    assert sent["find"]["selected_option"]["value"] == "web-02"
    assert kit.queries[-1] == "web"
    state = kit.actions[-1]["state"]["values"]["actions"]
    assert state["sort"]["selected_option"]["value"] == "age"
    assert state["owner"]["selected_user"] == JONAS
    assert "more" not in state


def test_the_label_for_screen_readers_names_the_button(kit: Kit, open_page: OpenPage) -> None:
    """accessibility_label is the accessible name, so that repeated buttons can be told apart."""
    page = open_page()
    kit.post(
        PATCHING,
        "x",
        blocks=[actions(button("open", "Open", accessibility_label="Open node web-01"))],
    )
    expect(page.last_message.get_by_role("button", name="Open node web-01")).to_have_text("Open")
