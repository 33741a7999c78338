"""The validator refuses what Slack refuses, says where, and never falls over."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.chatops import sizes
from bot.chatops.limits import check_message, check_view, slack_error

Block = dict[str, Any]


def plain(text: str) -> Block:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> Block:
    return {"type": "mrkdwn", "text": text}


def codes(*blocks: Any) -> set[str]:
    return {problem.code for problem in check_message("text", list(blocks))}


def button(**more: Any) -> Block:
    return {"type": "button", "text": plain("Go"), "action_id": "go", **more}


def actions(*elements: Block) -> Block:
    return {"type": "actions", "elements": list(elements)}


def section(**more: Any) -> Block:
    return {"type": "section", "text": mrkdwn("hello"), **more}


def options(count: int) -> list[Block]:
    return [{"text": plain(f"Option {i}"), "value": str(i)} for i in range(count)]


def table(rows: int, columns: int, **more: Any) -> Block:
    cell = {"type": "raw_text", "text": "x"}
    return {"type": "table", "rows": [[dict(cell)] * columns for _ in range(rows)], **more}


CONFIRM = {
    "title": plain("Sure?"),
    "text": plain("Really?"),
    "confirm": plain("Y"),
    "deny": plain("N"),
}


def test_a_message_of_every_block_we_use_passes() -> None:
    """What the bot is built from is accepted as it stands."""
    assert (
        check_message(
            "prod: 41 of 48 compliant",
            [
                {"type": "header", "text": plain("prod")},
                section(accessory={"type": "overflow", "options": options(5)}),
                {"type": "section", "fields": [mrkdwn("a"), plain("b")]},
                {"type": "context", "elements": [mrkdwn("as of 10:00")]},
                actions(
                    button(style="danger", confirm=CONFIRM, value="p-1"),
                    {"type": "static_select", "action_id": "s", "options": options(100)},
                ),
                {"type": "divider"},
                {"type": "image", "image_url": "https://a.b/c.png", "alt_text": "c"},
                table(3, 4, column_settings=[{"align": "right"}]),
                {
                    "type": "rich_text",
                    "elements": [
                        {
                            "type": "rich_text_section",
                            "elements": [{"type": "text", "text": "a", "style": {"bold": True}}],
                        }
                    ],
                },
                {"type": "markdown", "text": "# a"},
                {
                    "type": "input",
                    "label": plain("Why"),
                    "element": {"type": "plain_text_input", "action_id": "why"},
                },
            ],
        )
        == []
    )


def text_of(kind: str, size: int) -> Block:
    """One block of a kind whose bounded text has exactly `size` characters."""
    filler = "x" * size
    shapes: dict[str, Block] = {
        "header": {"type": "header", "text": plain(filler)},
        "section": section(text=mrkdwn(filler)),
        "field": {"type": "section", "fields": [mrkdwn(filler)]},
        "button": actions(button(text=plain(filler))),
        "value": actions(button(value=filler)),
        "label": actions(button(accessibility_label=filler)),
        "confirm title": actions(button(confirm={**CONFIRM, "title": plain(filler)})),
        "confirm text": actions(button(confirm={**CONFIRM, "text": plain(filler)})),
        "confirm": actions(button(confirm={**CONFIRM, "confirm": plain(filler)})),
        "deny": actions(button(confirm={**CONFIRM, "deny": plain(filler)})),
        "action_id": actions(button(action_id=filler)),
        "block_id": section(block_id=filler),
        "option": actions({"type": "overflow", "options": [{"text": plain(filler), "value": "v"}]}),
        "option value": actions(
            {"type": "overflow", "options": [{"text": plain("o"), "value": filler}]}
        ),
        "placeholder": actions({"type": "users_select", "placeholder": plain(filler)}),
        "alt text": {"type": "image", "image_url": "https://a.b/c", "alt_text": filler},
        "input label": {
            "type": "input",
            "label": plain(filler),
            "element": {"type": "plain_text_input"},
        },
    }
    return shapes[kind]


@pytest.mark.parametrize(
    ("kind", "limit"),
    [
        ("header", 150),
        ("section", 3000),
        ("field", 2000),
        ("button", 75),
        ("value", 2000),
        ("label", 75),
        ("confirm title", 100),
        ("confirm text", 300),
        ("confirm", 30),
        ("deny", 30),
        ("action_id", 255),
        ("block_id", 255),
        ("option", 75),
        ("option value", 150),
        ("placeholder", 150),
        ("alt text", 2000),
        ("input label", 2000),
    ],
)
def test_each_text_passes_at_its_limit_and_fails_one_above(kind: str, limit: int) -> None:
    """The limits are Slack's, to the character; an empty text is refused too."""
    assert codes(text_of(kind, limit)) == set()
    assert codes(text_of(kind, limit + 1)) == {"too_long"}
    assert codes(text_of(kind, 0)) == {"empty"}


@pytest.mark.parametrize(
    ("block", "limit"),
    [
        (lambda n: actions(*[button(action_id=str(i)) for i in range(n)]), 25),
        (lambda n: {"type": "context", "elements": [mrkdwn("x")] * n}, 10),
        (lambda n: {"type": "section", "fields": [mrkdwn("x")] * n}, 10),
        (lambda n: table(n, 1), 100),
        (lambda n: table(1, n), 20),
        (lambda n: actions({"type": "overflow", "options": options(n)}), 5),
        (lambda n: actions({"type": "checkboxes", "options": options(n)}), 10),
        (lambda n: actions({"type": "radio_buttons", "options": options(n)}), 10),
        (lambda n: actions({"type": "static_select", "options": options(n)}), 100),
    ],
)
def test_each_list_passes_when_full_and_fails_with_one_more(block: Any, limit: int) -> None:
    """Counts are held to the item, and none may be empty."""
    assert codes(block(limit)) == set()
    assert "too_many" in codes(block(limit + 1))
    assert codes(block(0)) & {"too_few", "missing_key"}


def test_text_is_measured_as_slack_clients_measure_it() -> None:
    """An emoji outside the basic plane counts twice, so a header of 76 of them is too long."""
    assert codes({"type": "header", "text": plain("😀" * 75)}) == set()
    assert codes({"type": "header", "text": plain("😀" * 76)}) == {"too_long"}


def test_pointer_leads_to_the_fault() -> None:
    """A problem says where it is, as a JSON pointer into what was checked."""
    (problem,) = check_message("text", [section(), section(text=mrkdwn("x" * 3001))])
    assert (problem.pointer, problem.code) == ("/blocks/1/text/text", "too_long")
    assert "3,001" in problem.message
    assert "3,000" in problem.message


def test_fifty_one_blocks_are_too_many() -> None:
    """A message takes 50 blocks."""
    assert codes(*[{"type": "divider"}] * 50) == set()
    assert codes(*[{"type": "divider"}] * 51) == {"too_many"}


def test_total_size_of_the_blocks() -> None:
    """Blocks that are each within their limits can still be too long together."""
    problems = check_message("text", [section(text=mrkdwn("x" * 2990)) for _ in range(4)])
    assert [problem.code for problem in problems] == ["msg_blocks_too_long"]
    assert slack_error(problems) == "msg_blocks_too_long"


def test_markdown_counts_over_the_whole_message() -> None:
    """Markdown blocks share one limit, which is named beside the total size."""
    halves = [{"type": "markdown", "text": "x" * size} for size in (6000, 6001)]
    assert codes(*halves) == {"too_long", "msg_blocks_too_long"}


@pytest.mark.parametrize(
    ("text", "code", "error"),
    [
        ("", "no_text", "no_text"),
        ("  ", "no_text", "no_text"),
        ("x" * 4001, "text_above_recommended", None),
        ("x" * 40_001, "msg_too_long", "msg_too_long"),
    ],
)
def test_top_level_text(text: str, code: str, error: str | None) -> None:
    """Text is always there and short; only what Slack itself refuses has a Slack error."""
    problems = check_message(text, [section()])
    assert [problem.code for problem in problems] == [code]
    assert slack_error(problems) == error


def test_blocks_are_optional() -> None:
    """A message of text alone is a message."""
    assert check_message("hello", None) == []
    assert check_message("hello", []) == []
    assert slack_error([]) is None


def modal(*blocks: Block, **more: Any) -> Block:
    return {"type": "modal", "title": plain("Nodes"), "blocks": list(blocks) or [section()], **more}


ASK = {"type": "input", "label": plain("Why"), "element": {"type": "plain_text_input"}}


@pytest.mark.parametrize(
    ("view", "pointer", "code"),
    [
        (modal(ASK), "/submit", "missing_key"),
        (modal(title=plain("x" * 25)), "/title/text", "too_long"),
        (modal(submit=plain("x" * 25)), "/submit/text", "too_long"),
        (modal(close=plain("x" * 25)), "/close/text", "too_long"),
        (modal(private_metadata="x" * 3001), "/private_metadata", "too_long"),
        (modal(callback_id="x" * 256), "/callback_id", "too_long"),
        (modal(external_id="x" * 256), "/external_id", "too_long"),
        (modal(table(1, 1)), "/blocks/0/type", "unknown_type"),
        (modal({"type": "markdown", "text": "a"}), "/blocks/0/type", "unknown_type"),
        (modal(*[section()] * 101), "/blocks", "too_many"),
        (modal(section(block_id="a"), section(block_id="a")), "/blocks", "duplicate_block_id"),
        (modal(title=mrkdwn("Nodes")), "/title/type", "unknown_type"),
        ({"type": "modal", "blocks": [section()]}, "", "missing_key"),
        ({"type": "home", "blocks": [section()], "title": plain("a")}, "/title", "unknown_key"),
        ({"type": "home", "blocks": [table(1, 1)]}, "/blocks/0/type", "unknown_type"),
        ({"type": "workflow_step", "blocks": [section()]}, "/type", "unknown_type"),
        (
            modal(*[section(text=mrkdwn("x" * 2990)) for _ in range(90)]),
            "",
            "view_too_large",
        ),
        (
            modal(
                *[
                    {**ASK, "element": {"type": "plain_text_input", "focus_on_load": True}},
                ]
                * 2,
                submit=plain("Send"),
            ),
            "/blocks",
            "too_many",
        ),
    ],
)
def test_wrong_views_are_refused(view: Block, pointer: str, code: str) -> None:
    """Each rule of modals and Home tabs has a view that breaks just it."""
    assert [(p.pointer, p.code) for p in check_view(view)] == [(pointer, code)]


def test_right_views_pass() -> None:
    """A modal with an input and a submit button, and a full Home tab."""
    assert check_view(modal(ASK, submit=plain("Send"), private_metadata="")) == []
    assert check_view({"type": "home", "blocks": [section()] * 100}) == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["type", "text", "elements", "rows", "blocks", "options", "a/b~"]),
            inner
            | st.sampled_from(["section", "actions", "table", "modal", "button", "plain_text"]),
            max_size=5,
        )
    ),
    max_leaves=30,
)


@settings(max_examples=300)
@given(json_values)
def test_any_json_gets_a_verdict(value: Any) -> None:
    """Whatever is handed in, the answer is a list of problems and never an exception."""
    assert check_message("text", [value]) or isinstance(value, dict)
    assert check_message(value, value) or isinstance(value, str)
    assert check_view(value) or isinstance(value, dict)


def test_the_size_limit_leaves_room_below_the_one_seen_in_the_wild() -> None:
    """Slack was seen refusing 13,200 characters (bolt-js issue 2509); we stop a tenth earlier."""
    assert sizes.MESSAGE_SIZE <= 13_200 * 0.91
