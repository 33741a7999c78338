"""Block Kit as the page draws it: every block, its text, and text that must stay text."""

import io
import re

import pytest
from PIL import Image
from playwright.sync_api import expect

from bot.demo.slack.demo_workspace import JONAS, MAYA, PATCHING, PLATFORM_APPROVERS
from tests.browser.conftest import OpenPage
from tests.browser.kit import Json, Kit, actions, button, mrkdwn, plain, route_with, section

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


MEANINGFUL: list[tuple[str, str, str | re.Pattern[str]]] = [
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
]

MEANINGLESS = [
    ("2*3*4 a_b_c x~y~z", "2*3*4 a_b_c x~y~z"),
    ("* not bold *", "* not bold *"),
    ("&lt;!channel&gt; &amp;lt;", "<!channel> &lt;"),
    ("<javascript:alert(1)|x>", "<javascript:alert(1)|x>"),
    ("<!unknown> <>", "<!unknown> <>"),
    (":no_such_emoji: 10:20:30", ":no_such_emoji: 10:20:30"),
    ("```never closed", "```never closed"),
    ("<!date^nan^{date}|yesterday>", "yesterday"),
    ("<!date^99999999999999999^{date}|far away>", "far away"),
    ("<!date^1^{constructor}|then>", "then"),
]


def test_mrkdwn_is_read_as_slack_reads_it(kit: Kit, open_page: OpenPage) -> None:
    """Each sign of mrkdwn becomes its element with its text."""
    page = open_page()
    blocks = [section(case[0], block_id=f"b{n}") for n, case in enumerate(MEANINGFUL)]
    kit.post(PATCHING, "text", blocks=blocks)
    for n, (source, selector, text) in enumerate(MEANINGFUL):
        found = page.last_message.locator(f"[data-block-id=b{n}] {selector}")
        expect(found, source).to_have_text(text)


def test_what_is_no_mrkdwn_stays_text(kit: Kit, open_page: OpenPage) -> None:
    """Text without meaning to Slack is shown as it stands, and makes no link or mention."""
    page = open_page()
    blocks = [section(case[0], block_id=f"b{n}") for n, case in enumerate(MEANINGLESS)]
    kit.post(PATCHING, "text", blocks=blocks)
    for n, (source, shown) in enumerate(MEANINGLESS):
        block = page.last_message.locator(f"[data-block-id=b{n}]")
        expect(block, source).to_have_text(shown)
        made = block.locator("a, .mention, strong, em, s, code, pre")
        expect(made, source).to_have_count(0)


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
    page.page.route("**/page/messages*", route_with([video, {"type": "constructor"}]))
    page.page.reload()
    expect(page.last_message).to_contain_text("unsupported block: video")
    expect(page.last_message).to_contain_text("unsupported block: constructor")


def test_a_picture_in_a_thread_is_to_be_seen(kit: Kit, open_page: OpenPage) -> None:
    """As a thumbnail that leads to the whole, beside its name and the button to download it."""
    picture = io.BytesIO()
    Image.new("RGB", (640, 400), "#0072b2").save(picture, "PNG")
    parent = kit.post(PATCHING, "A report")
    kit.client.files_upload_v2(
        filename="trend.png",
        title="Trend of prod",
        content=picture.getvalue(),
        channel=PATCHING,
        thread_ts=parent,
    )
    page = open_page(MAYA)
    page.last_message.get_by_test_id("replies").click()
    shown = page.thread_messages.last.get_by_test_id("file-picture")
    expect(shown).to_be_visible()
    expect(shown).to_have_js_property("naturalWidth", 640)
    expect(shown).to_have_attribute("alt", "Trend of prod")
    expect(page.thread_messages.last.get_by_test_id("download")).to_be_visible()


def test_images_of_other_servers_are_named_and_not_loaded(kit: Kit, open_page: OpenPage) -> None:
    """The page loads nothing from the network: an image elsewhere is shown by its text."""
    page = open_page()
    asked: list[str] = []
    page.page.on("request", lambda request: asked.append(request.url))
    image = {"type": "image", "image_url": "https://a.example/x.png", "alt_text": "A chart"}
    kit.post(PATCHING, "image", blocks=[image])
    expect(page.block("image").get_by_role("img", name="A chart")).to_be_visible()
    assert not [url for url in asked if "a.example" in url]
