"""What the builders build, all judges accept, whatever text goes in."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.chatops import blocks, forms, sizes
from bot.chatops.blocks import Column, mono, strong
from bot.chatops.forms import Option
from bot.chatops.limits import check_message, check_view
from bot.chatops.markup import code, join, markup
from tests.oracles.hostile import HOSTILE
from tests.oracles.judges import judge_message, judge_view
from tests.oracles.mrkdwn import tokens

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def card(text: str) -> list[blocks.Block]:
    """One of each block, with the same text in every place that takes one."""
    ask = blocks.confirm(text, markup("Install on {name}?", name=text), yes=text, danger=True)
    choices = [Option(text, "1", text), Option(text, "2")]
    rows: list[list[blocks.Cell]] = [
        [text, strong(text), 3, NOON, None],
        ["web-1", mono(text), 1.5, NOON, text],
    ]
    columns = [Column(text), Column("b", "right"), Column("c", wrap=True), Column("d"), Column("e")]
    return [
        blocks.header(text),
        blocks.section(text, accessory=forms.overflow(choices, action_id="more")),
        blocks.section(markup("*{name}* is {id}", name=text, id=code(text)), block_id="s"),
        *blocks.fields([text, markup("{name}", name=text)] * 6),
        blocks.context(text, markup("{name}", name=text)),
        blocks.actions(
            blocks.button(
                text, action_id="go", value="node i-1", confirm=ask, label=text, style="danger"
            ),
            forms.select(text, choices, action_id="one", initial=choices[1]),
            forms.select(text, choices, action_id="some", initial=choices[0], several=True),
            forms.external_select(text, action_id="find", initial=choices[0], after=1),
            forms.users_select(text, action_id="who"),
            forms.conversations_select(text, action_id="where"),
            forms.date_picker(action_id="day", initial=NOON.date()),
        ),
        blocks.divider(),
        blocks.picture("F0PICTUREONE", text, title=text),
        blocks.rich_text(text, strong(text), mono(text), NOON),
        blocks.bullets([[text], [strong(text), NOON]]),
        blocks.table(columns, rows)[0],
    ]


def dialog(text: str) -> dict[str, Any]:
    """One of each input, with the same text in every place that takes one."""
    choices = [Option(text, "1", text), Option(text, "2")]
    inputs = [
        forms.text_input(action_id="a", placeholder=text, lines=True, at_most=300),
        forms.number_input(action_id="a", low=1, high=50, initial=5),
        forms.radio_buttons(choices, action_id="a", initial=choices[0]),
        forms.checkboxes(choices, action_id="a", initial=choices),
        forms.date_picker(action_id="a"),
        forms.users_select(text, action_id="a", several=True),
    ]
    return forms.modal(
        text,
        [
            forms.input_block(text, field, block_id=str(index), hint=text, optional=True)
            for index, field in enumerate(inputs)
        ],
        callback_id="ask",
        submit=text or "Send",
        close=text,
        private_metadata="p-1",
    )


def markups(value: Any) -> list[str]:
    """The texts of all mrkdwn objects in a structure."""
    if isinstance(value, list):
        return [text for item in value for text in markups(item)]
    if not isinstance(value, dict):
        return []
    own = [value["text"]] if value.get("type") == "mrkdwn" else []
    return own + [text for item in value.values() for text in markups(item)]


@pytest.mark.parametrize(
    "text", ["web-1", "", "x" * 300, "<!channel> *b* `c`", "😀" * 200, "\x1b[31m\n\u202e"]
)
def test_all_judges_accept_every_block(text: str) -> None:
    """Slack's types, slackblocks and we agree on each block, in part and together."""
    for one in card(text):
        assert judge_message("text", [one]) == []
    assert judge_view(dialog(text)) == []
    assert judge_view(forms.home(card(text)[:-1])) == []


def test_hostile_text_is_inert_in_every_block() -> None:
    """The whole corpus in every place of every block: never refused, never a token that is not ours."""
    tidy = [[token.kind for token in tokens(text)] for text in markups(card("word"))]
    for hostile in HOSTILE:
        built = card(hostile)
        for one in built:
            assert check_message("text", [one]) == []
        assert check_view(dialog(hostile)) == []
        assert [[token.kind for token in tokens(text)] for text in markups(built)] == tidy


def test_plain_text_is_never_read_as_markup() -> None:
    """A str is plain text without emoji names; markup keeps Slack from linking words by itself."""
    built = json.dumps(card("word"))
    assert '"type": "plain_text", "text": "word", "emoji": false' in built
    assert built.count('"type": "mrkdwn"') == built.count('"verbatim": true') > 0
    assert 'emoji": true' not in built


@given(st.text(max_size=4000), st.lists(st.text(max_size=400), max_size=30))
def test_sections_and_fields_stay_within_their_limits(text: str, many: list[str]) -> None:
    """However long a text and however many fields: nothing over a limit, and no field is lost."""
    assert check_message("text", [blocks.section(text), blocks.header(text)]) == []
    built = blocks.fields(many)
    for one in built:
        assert check_message("text", [one]) == []
    assert sum(len(one["fields"]) for one in built) == len(many)


@pytest.mark.parametrize(
    "build",
    [
        lambda: blocks.context(*["x"] * 11),
        lambda: blocks.context(),
        lambda: blocks.actions(),
        lambda: blocks.actions(*[blocks.button("x", action_id=str(i)) for i in range(26)]),
        lambda: blocks.button("x", action_id="x" * 256),
        lambda: blocks.button("x", action_id="x", value="x" * 2001),
        lambda: blocks.button("x", action_id="x", url="javascript:x"),
        lambda: forms.select("x", [], action_id="x"),
        lambda: forms.select("x", [Option("x", str(i)) for i in range(101)], action_id="x"),
        lambda: forms.select("x", [Option("x", "1"), Option("y", "1")], action_id="x"),
        lambda: forms.overflow([Option("x", str(i)) for i in range(6)], action_id="x"),
        lambda: forms.overflow([Option("x", "x" * 151)], action_id="x"),
        lambda: blocks.table([Column("a")] * 21, []),
        lambda: blocks.table([Column("a")], [["x", "y"]]),
        lambda: forms.home([]),
        lambda: forms.modal("x", [blocks.table([Column("a")], [["x"]])[0]], callback_id="x"),
        lambda: forms.modal("x", [blocks.divider()], callback_id="x", private_metadata="x" * 3001),
    ],
)
def test_what_cannot_be_cut_is_refused(build: Any) -> None:
    """Counts, ids and values over their limit are a fault of the caller, found before Slack finds it."""
    with pytest.raises(ValueError, match=r"Slack would refuse|cells"):
        build()


@settings(max_examples=50)
@given(
    st.lists(st.lists(st.text(max_size=300), min_size=3, max_size=3), max_size=130),
    st.integers(min_value=500, max_value=sizes.MESSAGE_SIZE),
)
def test_table_takes_the_rows_that_fit_and_counts_the_rest(
    rows: list[list[str]], budget: int
) -> None:
    """Within 100 rows and the budget, first rows first, none lost without being counted."""
    built, left = blocks.table([Column("a"), Column("b"), Column("c")], rows, budget=budget)
    assert check_message("text", [built]) == []
    assert len(built["rows"]) - 1 + left == len(rows)
    assert len(json.dumps(built, ensure_ascii=False, separators=(",", ":"))) <= budget


def test_table_keeps_to_a_hundred_rows_with_its_titles() -> None:
    """Where there is room for more characters, the number of rows still is Slack's."""
    built, left = blocks.table([Column("a")], [["x"]] * 130, budget=sizes.MESSAGE_SIZE)
    assert (len(built["rows"]), left) == (100, 31)


def test_fit_fills_the_budget() -> None:
    """One more item would have been too much; all items fit where there is room for all."""
    items = ["x" * 10] * 100
    fitted = blocks.fit(items, budget=130, at_most=100)
    assert (len(fitted.shown), fitted.left) == (10, 90)
    assert blocks.fit(items, budget=10_000, at_most=100).left == 0
    assert blocks.fit(items, budget=10_000, at_most=7).left == 93


def test_room_is_what_is_left_of_a_message() -> None:
    """A table built for the room beside other blocks fits into one message with them, to the last character."""
    others = [blocks.header("prod"), blocks.section("x" * 2500), blocks.section("y" * 2500)]
    rows: list[list[blocks.Cell]] = [[f"node-{n:05}", "x" * 40, n] for n in range(99)]
    built, left = blocks.table(
        [Column("a"), Column("b"), Column("c")], rows, budget=blocks.room(others)
    )
    assert left > 0
    assert check_message("text", [*others, built]) == []


def test_long_markup_in_a_section_says_what_is_missing() -> None:
    """Markup over the limit keeps whole lines and counts the others."""
    built = blocks.section(join("\n", [code("x" * 90) for _ in range(60)]))
    assert check_message("text", [built]) == []
    assert built["text"]["text"].endswith("more lines")
