"""Modals and the App Home tab: inputs, errors, the stack, and the values that reach the app."""

from typing import Any

import pytest
from playwright.sync_api import Route, expect
from slack_bolt import Respond
from slack_sdk import WebClient

from bot.demo.slack.demo_workspace import JONAS, MAYA, PATCHING
from tests.browser.conftest import PHONE, OpenPage
from tests.browser.kit import Json, Kit, actions, button, option, plain, section
from tests.browser.slack_page import SlackPage
from tests.demo.slack.bolt_app import until

pytestmark = pytest.mark.browser


def entry(block_id: str, element: Json, **more: Any) -> Json:
    """An input block whose element's action_id is that of its block."""
    element = {"action_id": block_id, **element}
    return {
        "type": "input",
        "block_id": block_id,
        "label": plain(block_id.title()),
        "element": element,
        **more,
    }


def view(*blocks: Json, title: str = "Plan an install", **more: Any) -> Json:
    return {
        "type": "modal",
        "title": plain(title),
        "submit": plain("Request"),
        "close": plain("Cancel"),
        "blocks": [*blocks],
        **more,
    }


EVERY_INPUT = (
    section("*prod*, 41 nodes"),
    entry("reason", {"type": "plain_text_input", "multiline": True}, hint=plain("For the audit.")),
    entry("nodes", {"type": "number_input", "is_decimal_allowed": False, "initial_value": "5"}),
    entry("env", {"type": "static_select", "options": [option("prod"), option("dev")]}),
    entry("groups", {"type": "multi_static_select", "options": [option("web"), option("db")]}),
    entry("find", {"type": "external_select", "min_query_length": 1}),
    entry("owner", {"type": "users_select"}),
    entry("where", {"type": "conversations_select"}),
    entry("reboot", {"type": "radio_buttons", "options": [option("if needed"), option("never")]}),
    entry("checks", {"type": "checkboxes", "options": [option("rescan"), option("notify")]}),
    entry("day", {"type": "datepicker", "initial_date": "2026-12-01"}),
    entry("hour", {"type": "timepicker"}),
    entry("note", {"type": "plain_text_input"}, optional=True),
)


def open_modal(kit: Kit, page: SlackPage, shown: Json) -> None:
    def show(body: Json, _respond: Respond, client: WebClient) -> None:
        client.views_open(trigger_id=body["trigger_id"], view=shown)

    kit.on_action["open"] = show
    kit.post(PATCHING, "x", blocks=[actions(button("open", "Open"))])
    page.control("open").click()
    expect(page.modal).to_be_visible()


def test_every_input_reaches_the_app_in_slacks_shape(kit: Kit, open_page: OpenPage) -> None:
    """state.values holds block_id -> action_id -> {type, value}, as Slack sends it."""
    page = open_page()
    kit.options = ["web-01", "web-02"]
    open_modal(kit, page, view(*EVERY_INPUT))
    modal = page.modal
    page.screenshot("modal")

    modal.get_by_label("Reason").fill("CVE-2026-1")
    modal.get_by_label("Nodes").fill("7")
    for block, text, typed in (
        ("env", "dev", ""),
        ("find", "web-02", "web"),
        ("owner", "Jonas", "jonas"),
        ("where", "#general", "gen"),
    ):
        page.choose(page.control(block, inside=modal), text, typed=typed)
    groups = page.control("groups", inside=modal)
    groups.click()
    for name in ("web", "db"):
        modal.get_by_test_id("option").filter(has_text=name).first.click()
    page.page.keyboard.press("Escape")
    expect(modal).to_be_visible()
    modal.get_by_label("never").check()
    modal.get_by_label("rescan").check()
    modal.get_by_label("Hour").fill("22:30")
    modal.get_by_test_id("modal-submit").click()
    expect(modal).not_to_be_visible()

    values = kit.submissions[0]
    assert values["reason"]["reason"] == {"type": "plain_text_input", "value": "CVE-2026-1"}
    assert values["nodes"]["nodes"] == {"type": "number_input", "value": "7"}
    assert values["env"]["env"]["selected_option"] == option("dev")
    assert values["groups"]["groups"]["selected_options"] == [option("web"), option("db")]
    assert values["find"]["find"]["selected_option"]["value"] == "web-02"
    assert values["owner"]["owner"] == {"type": "users_select", "selected_user": JONAS}
    assert values["where"]["where"]["selected_conversation"] == "C0GENERAL1"
    assert values["reboot"]["reboot"]["selected_option"]["value"] == "never"
    assert [o["value"] for o in values["checks"]["checks"]["selected_options"]] == ["rescan"]
    assert values["day"]["day"] == {"type": "datepicker", "selected_date": "2026-12-01"}
    assert values["hour"]["hour"] == {"type": "timepicker", "selected_time": "22:30"}
    assert values["note"]["note"] == {"type": "plain_text_input", "value": None}


def test_an_empty_required_input_is_not_submitted(kit: Kit, open_page: OpenPage) -> None:
    """The page itself asks for what is missing, marks it, and goes there."""
    page = open_page()
    open_modal(kit, page, view(entry("reason", {"type": "plain_text_input"})))
    page.modal.get_by_test_id("modal-submit").click()
    expect(
        page.modal.get_by_role("alert").filter(has_text="complete this required field")
    ).to_be_visible()
    expect(page.modal.get_by_label("Reason")).to_be_focused()
    expect(page.modal.get_by_label("Reason")).to_have_attribute("aria-invalid", "")
    assert kit.submissions == []


def test_errors_of_the_app_stand_at_their_input_and_what_was_typed_stays(
    kit: Kit, open_page: OpenPage
) -> None:
    """The app's answer `errors` is shown under the field; corrected, the modal goes through."""
    page = open_page()
    kit.submit_errors = lambda values: (
        {} if values["reason"]["reason"]["value"] == "because" else {"reason": "Say “because”."}
    )
    open_modal(kit, page, view(entry("reason", {"type": "plain_text_input"})))
    field = page.modal.get_by_label("Reason")
    field.fill("why not")
    page.modal.get_by_test_id("modal-submit").click()
    expect(page.modal.get_by_test_id("input-error")).to_have_text("Say “because”.")
    expect(field).to_have_value("why not")
    page.screenshot("modal-error")
    field.fill("because")
    field.press("Enter")
    expect(page.modal).not_to_be_visible()
    assert len(kit.submissions) == 2


def test_an_updated_view_keeps_what_was_entered_under_the_same_ids(
    kit: Kit, open_page: OpenPage
) -> None:
    """views.update redraws the modal; a field with the same block_id and action_id is not emptied."""
    page = open_page()
    field = entry("reason", {"type": "plain_text_input"})

    def update(body: Json, _respond: Respond, client: WebClient) -> None:
        shown = view(section("Now 40 nodes"), field, title="Changed")
        client.views_update(view_id=body["view"]["id"], view=shown)

    kit.on_action["reload"] = update
    open_modal(kit, page, view(actions(button("reload", "Reload")), field))
    page.modal.get_by_label("Reason").fill("half written")
    page.control("reload", inside=page.modal).click()
    expect(page.modal.get_by_role("heading", name="Changed")).to_be_visible()
    expect(page.modal.get_by_label("Reason")).to_have_value("half written")
    page.modal.get_by_test_id("modal-submit").click()
    until(lambda: len(kit.submissions) == 1)
    assert kit.submissions[0]["reason"]["reason"]["value"] == "half written"


def test_a_pushed_view_lies_over_the_first_and_escape_goes_back(
    kit: Kit, open_page: OpenPage
) -> None:
    """Escape and Cancel close only the uppermost view."""
    page = open_page()

    def push(body: Json, _respond: Respond, client: WebClient) -> None:
        client.views_push(trigger_id=body["trigger_id"], view=view(section("2"), title="Second"))

    kit.on_action["push"] = push
    open_modal(kit, page, view(actions(button("push", "More")), title="First"))
    page.control("push", inside=page.modal).click()
    expect(page.modal.get_by_role("heading", name="Second")).to_be_visible()
    page.page.keyboard.press("Escape")
    expect(page.modal.get_by_role("heading", name="First")).to_be_visible()
    page.modal.get_by_test_id("modal-close").click()
    expect(page.modal).not_to_be_visible()


def test_the_focus_stays_in_a_modal(kit: Kit, open_page: OpenPage) -> None:
    """Tab never reaches the page behind a modal."""
    page = open_page()
    open_modal(kit, page, view(entry("reason", {"type": "plain_text_input"})))
    for _ in range(12):
        page.page.keyboard.press("Tab")
        # Between the last and the first control the focus is on the browser itself.
        assert page.page.evaluate(
            "document.activeElement === document.body"
            " || document.querySelector('dialog').contains(document.activeElement)"
        )


def test_the_home_tab_shows_what_the_app_publishes(kit: Kit, open_page: OpenPage) -> None:
    """Opening the tab tells the app; what it publishes, then and later, is shown and can be used."""
    page = open_page()
    kit.home = [section("prod 85%"), actions(button("refresh", "Refresh"))]

    def refresh(body: Json, _respond: Respond, client: WebClient) -> None:
        shown = {"type": "home", "blocks": [section("prod 97%")]}
        client.views_publish(user_id=body["user"]["id"], view=shown)

    kit.on_action["refresh"] = refresh
    page.open_channel("patchbot")
    expect(page.home).to_contain_text("prod 85%")
    page.control("refresh", inside=page.home).click()
    expect(page.home).to_contain_text("prod 97%")
    page.page.get_by_test_id("tab-messages").click()
    expect(page.home).to_be_hidden()
    expect(page.composer).to_be_visible()


def publish_home(kit: Kit, *blocks: Json) -> None:
    """Publish Maya's Home tab as the app."""
    kit.client.views_publish(user_id=MAYA, view={"type": "home", "blocks": [*blocks]})


def test_an_old_reading_of_the_home_tab_never_covers_a_newer_one(
    kit: Kit, open_page: OpenPage
) -> None:
    """The answer to "what is there?" may come after what was published meanwhile."""
    page = open_page()
    publish_home(kit, section("prod 85%"))

    def overtaken(route: Route) -> None:
        fetched = route.fetch()
        publish_home(kit, section("prod 97%"))
        expect(page.home).to_contain_text("prod 97%")
        route.fulfill(response=fetched)

    page.page.route("**/page/home?*", overtaken, times=1)
    with page.page.expect_event("requestfinished", lambda it: "/page/home?" in it.url):
        page.open_channel("patchbot")
    page.page.evaluate("new Promise(requestAnimationFrame)")
    expect(page.home).to_contain_text("prod 97%")


def test_a_home_tab_missed_while_offline_is_read_again(kit: Kit, open_page: OpenPage) -> None:
    """After connecting again the tab shows what was published meanwhile."""
    page = open_page()
    publish_home(kit, section("prod 85%"))
    page.open_channel("patchbot")
    page.expected_errors = ("ERR_FAILED", "ERR_INCOMPLETE_CHUNKED_ENCODING")
    page.page.route("**/page/events*", lambda route: route.abort())
    page.page.reload()
    expect(page.home).to_contain_text("prod 85%")
    publish_home(kit, section("prod 97%"))
    page.page.unroute("**/page/events*")
    expect(page.home).to_contain_text("prod 97%")


def test_a_click_counts_though_its_button_is_published_anew_under_the_finger(
    kit: Kit, open_page: OpenPage
) -> None:
    """What comes between pressing and releasing waits for the click."""
    page, witness = open_page(), open_page()
    publish_home(kit, section("prod 85%"), actions(button("refresh")))
    page.open_channel("patchbot")
    witness.open_channel("patchbot")
    page.control("refresh", inside=page.home).hover()
    page.page.mouse.down()
    publish_home(kit, section("prod 97%"), actions(button("refresh")))
    expect(witness.home).to_contain_text("prod 97%")
    expect(page.home).to_contain_text("prod 85%")
    page.page.mouse.up()
    expect(page.home).to_contain_text("prod 97%")
    until(lambda: len(kit.actions) == 1)


def test_a_modal_fills_the_screen_of_a_phone(kit: Kit, open_page: OpenPage) -> None:
    """On a phone the modal takes the whole width and its buttons can be reached."""
    page = open_page(size=PHONE)
    open_modal(kit, page, view(*EVERY_INPUT))
    box = page.modal.bounding_box()
    assert box is not None
    assert box["width"] == PHONE["width"]
    expect(page.modal.get_by_test_id("modal-submit")).to_be_in_viewport()
    page.screenshot("phone-modal")


def test_a_moment_is_the_persons_local_time_and_seconds_for_the_app(
    kit: Kit, open_page: OpenPage
) -> None:
    """Maya is in Stockholm: 14:30 there, in summer, is 12:30 UTC."""
    page = open_page()
    open_modal(kit, page, view(entry("start", {"type": "datetimepicker"})))
    page.modal.get_by_label("Start").fill("2027-07-01T14:30")
    page.modal.get_by_test_id("modal-submit").click()
    expect(page.modal).not_to_be_visible()
    assert kit.submissions[0]["start"]["start"]["selected_date_time"] == 1814445000
