"""Block Kit as the page draws it: every block, its text, its interactive elements, and text that must stay text."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from bot.demo.slack.demo_workspace import JONAS, MAYA, PATCHING, PLATFORM_APPROVERS
from tests.browser.conftest import OpenPage
from tests.browser.kit import Json, Kit, actions, button, mrkdwn, option, plain, section
from tests.demo.slack.bolt_app import until

pytestmark = pytest.mark.browser

HOSTILE = "<!channel> <https://evil.example|Approve> *bold* <@U0MAYA0001> `code` <img src=x onerror=alert(1)>"


def raw(text: str) -> Json:
    return {"type": "raw_text", "text": text}


def rich(*parts: Json) -> Json:
    return {"type": "rich_text", "elements": [*parts]}


def text_part(text: str, **style: bool) -> Json:
    return {"type": "text", "text": text, **({"style": style} if style else {})}


def test_headers_fields_dividers_and_context_are_drawn(kit: Kit, open_page: OpenPage) -> None:
    """The parts of a status card stand where Slack puts them, with their texts."""
    page = open_page()
    blocks = [
        {"type": "header", "text": plain("prod: 41 of 48 compliant")},
        {"type": "section", "fields": [mrkdwn("*Compliant*\n41"), mrkdwn("*Unknown*\n2")]},
        {"type": "divider"},
        {"type": "context", "elements": [mrkdwn("Read _just now_"), plain("*not bold*")]},
    ]
    kit.post(PATCHING, "prod", blocks=blocks)

    expect(page.block("header").get_by_role("heading")).to_have_text("prod: 41 of 48 compliant")
    expect(page.block("section").locator("strong")).to_have_text(["Compliant", "Unknown"])
    expect(page.block("divider").locator("hr")).to_have_count(1)
    expect(page.block("context").locator("em")).to_have_text("just now")
    expect(page.block("context").locator("strong")).to_have_count(0)
    expect(page.block("context")).to_contain_text("*not bold*")


def test_a_table_has_a_header_row_alignment_and_scrolls_in_its_own_frame(
    kit: Kit, open_page: OpenPage
) -> None:
    """Numbers stand right, texts are kept as they are, and a wide table does not widen the page."""
    page = open_page()
    wide = "a name that is long enough to need room " * 3
    rows = [
        [raw("Node"), raw("Missing"), *[raw(f"Column {n}") for n in range(8)]],
        [
            rich({"type": "rich_text_section", "elements": [text_part("web-01", bold=True)]}),
            {"type": "raw_number", "value": 1234, "text": "1,234"},
            *[raw(wide) for _ in range(8)],
        ],
    ]
    settings = [{"is_wrapped": True}, {"align": "right"}]
    kit.post(
        PATCHING, "nodes", blocks=[{"type": "table", "rows": rows, "column_settings": settings}]
    )

    table = page.block("table")
    expect(table.locator("thead th").first).to_have_text("Node")
    expect(table.locator("tbody td strong")).to_have_text("web-01")
    expect(table.locator("tbody td").nth(1)).to_have_text("1,234")
    expect(table.locator("tbody td").nth(1)).to_have_css("text-align", "end")
    frame = table.locator(".table-frame")
    assert frame.evaluate("frame => frame.scrollWidth > frame.clientWidth")
    assert page.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_rich_text_is_drawn_with_lists_styles_mentions_and_dates(
    kit: Kit, open_page: OpenPage
) -> None:
    """Every part of a rich_text block becomes its element."""
    page = open_page()
    sentence: list[Json] = [
        text_part("struck", strike=True),
        text_part("code", code=True),
        {"type": "user", "user_id": JONAS},
        {"type": "link", "url": "https://aws.amazon.com/", "text": "AWS"},
        {"type": "emoji", "name": "warning"},
        {"type": "date", "timestamp": 86400, "format": "{date_num}", "fallback": "then"},
    ]
    items = [
        {"type": "rich_text_section", "elements": [text_part(name)]} for name in ("one", "two")
    ]
    blocks = [
        rich(
            {"type": "rich_text_section", "elements": sentence},
            {"type": "rich_text_list", "style": "ordered", "elements": items},
            {"type": "rich_text_preformatted", "elements": [text_part("aws ssm")]},
            {"type": "rich_text_quote", "elements": [text_part("quoted")]},
        )
    ]
    kit.post(PATCHING, "rich", blocks=blocks)

    block = page.block("rich_text")
    expect(block.locator("s")).to_have_text("struck")
    expect(block.locator("code")).to_have_text("code")
    expect(block.locator("[data-mention=user]")).to_have_text("@Jonas Weber")
    expect(block.locator("a")).to_have_attribute("href", "https://aws.amazon.com/")
    expect(block.get_by_role("img")).to_have_text("⚠️")
    expect(block.locator("time")).to_have_text("1970-01-02")
    expect(block.locator("ol > li")).to_have_text(["one", "two"])
    expect(block.locator("pre")).to_have_text("aws ssm")
    expect(block.locator("blockquote")).to_have_text("quoted")


def test_markdown_is_drawn(kit: Kit, open_page: OpenPage) -> None:
    """The markdown block takes common Markdown, not mrkdwn."""
    page = open_page()
    source = "# Title\n**strong** and *slanted*\n\n- a\n- b\n\n> said\n\n```\nx = 1\n```\n[doc](https://a.b/)"
    kit.post(PATCHING, "md", blocks=[{"type": "markdown", "text": source}])

    block = page.block("markdown")
    expect(block.get_by_role("heading")).to_have_text("Title")
    expect(block.locator("strong")).to_have_text("strong")
    expect(block.locator("em")).to_have_text("slanted")
    expect(block.locator("li")).to_have_text(["a", "b"])
    expect(block.locator("blockquote")).to_have_text("said")
    expect(block.locator("pre")).to_have_text("x = 1")
    expect(block.locator("a")).to_have_attribute("rel", re.compile("noopener"))


@pytest.mark.parametrize(
    ("source", "selector", "text"),
    [
        ("a *bold* b", "strong", "bold"),
        ("a _slanted_ b", "em", "slanted"),
        ("a ~gone~ b", "s", "gone"),
        ("a `*raw*` b", "code", "*raw*"),
        ("```\n  two\n  lines\n```", "pre", "  two\n  lines"),
        ("> said\nnot", "blockquote", "said"),
        ("<https://a.example/?x=1&amp;y=2|label>", "a[href='https://a.example/?x=1&y=2']", "label"),
        ("<mailto:ops@a.example|mail>", "a[href='mailto:ops@a.example']", "mail"),
        ("see https://a.example/x.", "a[href='https://a.example/x']", "https://a.example/x"),
        (f"<@{MAYA}>", ".mention-me", "@Maya Lindqvist"),
        (f"<#{PATCHING}>", "[data-mention=channel]", "#platform-patching"),
        (f"<!subteam^{PLATFORM_APPROVERS}>", "[data-mention=usergroup]", "@platform-approvers"),
        ("<!here>", "[data-mention=broadcast]", "@here"),
        ("<!date^86400^{date_short} {time}|x>", "time", re.compile(r"Jan 2, 1970 \d?1:00")),
        (":large_green_circle: ok", ".emoji[role=img]", "🟢"),
    ],
)
def test_mrkdwn_is_read_as_slack_reads_it(
    kit: Kit, open_page: OpenPage, source: str, selector: str, text: str | re.Pattern[str]
) -> None:
    """Each sign of mrkdwn becomes its element with its text."""
    page = open_page()
    kit.post(PATCHING, "text", blocks=[section(source)])
    expect(page.block("section").locator(selector)).to_have_text(text)


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("2*3*4 a_b_c x~y~z", "2*3*4 a_b_c x~y~z"),
        ("* not bold *", "* not bold *"),
        ("&lt;!channel&gt; &amp;lt;", "<!channel> &lt;"),
        ("<javascript:alert(1)|x>", "<javascript:alert(1)|x>"),
        ("<!unknown> <>", "<!unknown> <>"),
        (":no_such_emoji: 10:20:30", ":no_such_emoji: 10:20:30"),
        ("```never closed", "```never closed"),
        ("<!date^nan^{date}|yesterday>", "yesterday"),
        ("<!date^1^{constructor}|then>", "then"),
    ],
)
def test_what_is_no_mrkdwn_stays_text(
    kit: Kit, open_page: OpenPage, source: str, shown: str
) -> None:
    """Text without meaning to Slack is shown as it stands, and makes no link or mention."""
    page = open_page()
    kit.post(PATCHING, "text", blocks=[section(source)])
    block = page.block("section")
    expect(block).to_have_text(shown)
    expect(block.locator("a, .mention, strong, em, s, code, pre")).to_have_count(0)


def test_hostile_names_are_inert_wherever_slack_takes_plain_text(
    kit: Kit, open_page: OpenPage
) -> None:
    """A host name that tries to ping, link, format or script is only text in every plain place."""
    page = open_page()
    choice = {"text": plain(HOSTILE[:75]), "value": "v"}
    menu = {
        "type": "static_select",
        "action_id": "m",
        "placeholder": plain(HOSTILE[:150]),
        "options": [choice],
    }
    blocks: list[Json] = [
        {"type": "header", "text": plain(HOSTILE)},
        {"type": "section", "fields": [plain(HOSTILE)]},
        {"type": "context", "elements": [plain(HOSTILE)]},
        {"type": "table", "rows": [[raw("Node")], [raw(HOSTILE)]]},
        rich({"type": "rich_text_section", "elements": [text_part(HOSTILE)]}),
        actions(button("b", HOSTILE[:75]), menu),
    ]
    kit.post(PATCHING, "hostile", blocks=blocks)

    message = page.last_message
    for kind in ("header", "section", "context", "rich_text"):
        expect(page.block(kind)).to_have_text(HOSTILE)
    expect(page.block("table").locator("td")).to_have_text(HOSTILE)
    expect(page.control("b")).to_have_text(HOSTILE[:75])
    page.control("m").click()
    expect(message.get_by_test_id("option")).to_have_text(HOSTILE[:75])
    expect(
        message.locator("a, img, script, iframe, .mention, strong:not(.author), em, code")
    ).to_have_count(0)
    page.screenshot("hostile-names")


def test_what_the_page_does_not_know_is_said(kit: Kit, open_page: OpenPage) -> None:
    """A block the page cannot draw is named instead of left out."""
    page = open_page()
    video = {
        "type": "video",
        "title": plain("t"),
        "alt_text": "a",
        "video_url": "https://a.example/v",
        "thumbnail_url": "https://a.example/t.png",
    }
    page.page.route("**/page/messages*", _answer_with([video, {"type": "constructor"}]))
    page.page.reload()
    expect(page.last_message).to_contain_text("unsupported block: video")
    expect(page.last_message).to_contain_text("unsupported block: constructor")


def test_images_of_other_servers_are_named_and_not_loaded(kit: Kit, open_page: OpenPage) -> None:
    """The page loads nothing from the network: an image elsewhere is shown by its text."""
    page = open_page()
    asked: list[str] = []
    page.page.on("request", lambda request: asked.append(request.url))
    image = {"type": "image", "image_url": "https://a.example/x.png", "alt_text": "A chart"}
    kit.post(PATCHING, "image", blocks=[image])
    expect(page.block("image").get_by_role("img", name="A chart")).to_be_visible()
    assert not [url for url in asked if "a.example" in url]


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
        _answer_with(
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


def _answer_with(blocks: list[Json]) -> Callable[[Any], None]:
    """Let the server say what it would itself refuse to keep."""
    message = {
        "ts": f"{time.time():.6f}",
        "channel": PATCHING,
        "thread_ts": None,
        "user": MAYA,
        "author": {"name": "patchbot", "is_app": True},
        "text": "x",
        "blocks": blocks,
        "ephemeral": False,
        "edited": False,
        "files": [],
        "reply_count": 0,
        "latest_reply": None,
        "kind": "message",
    }
    return lambda route: route.fulfill(json={"messages": [message]})
