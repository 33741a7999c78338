"""Our validator against two independent judges: it refuses what either refuses, and its numbers are theirs."""

from typing import Any

import pytest
from slackblocks import _limits

from bot.chatops import sizes
from bot.chatops.limits import check_message, check_view
from tests.oracles import slack_schema, slackblocks_judge
from tests.oracles.judges import judge_message, judge_view

Dict = dict[str, Any]


def plain(text: str = "x") -> Dict:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str = "x") -> Dict:
    return {"type": "mrkdwn", "text": text}


def button(**more: Any) -> Dict:
    return {"type": "button", "text": plain(), "action_id": "a", **more}


def actions(*elements: Dict) -> Dict:
    return {"type": "actions", "elements": list(elements)}


def options(count: int, **more: Any) -> list[Dict]:
    return [{"text": plain(), "value": str(index), **more} for index in range(count)]


def table(*rows: list[Any], **more: Any) -> Dict:
    return {"type": "table", "rows": list(rows), **more}


RAW: Dict = {"type": "raw_text", "text": "x"}
ASKED = {"title": plain(), "text": plain(), "confirm": plain(), "deny": plain()}
SECTION = {"type": "section", "text": mrkdwn()}
TYPES, LENGTHS, NOBODY = "types", "lengths", "nobody"

# Each message is wrong in one way. The second column says which judge sees it too; nobody else sees the last ones.
WRONG: dict[str, tuple[list[Any], str]] = {
    "unknown block": ([{"type": "shiny"}], TYPES),
    "alert, which Slack may refuse in messages": ([{"type": "alert", "text": plain()}], NOBODY),
    "header of mrkdwn": ([{"type": "header", "text": mrkdwn()}], TYPES),
    "button of mrkdwn": ([actions(button(text=mrkdwn()))], TYPES),
    "button of a strange style": ([actions(button(style="warning"))], TYPES),
    "button with a strange key": ([actions(button(colour="red"))], TYPES),
    "button inside a context": ([{"type": "context", "elements": [button()]}], TYPES),
    "image without a description": ([{"type": "image", "image_url": "https://a.b/c"}], TYPES),
    "image of nowhere": ([{"type": "image", "alt_text": "x"}], TYPES),
    "file without an id": ([{"type": "image", "alt_text": "x", "slack_file": {}}], TYPES),
    "file id that is none": ([{"type": "image", "alt_text": "x", "slack_file": {"id": "chart"}}], LENGTHS),
    "image of two places": (
        [{"type": "image", "alt_text": "x", "image_url": "https://a.b/c", "slack_file": {"id": "F0123456789"}}],
        LENGTHS,
    ),
    "table cell of mrkdwn": ([table([mrkdwn()])], TYPES),
    "table number without its text": ([table([{"type": "raw_number", "value": 1}])], TYPES),
    "section with a strange key": ([{**SECTION, "color": "red"}], TYPES),
    "actions without elements": ([{"type": "actions"}], TYPES),
    "input with a button": ([{"type": "input", "label": plain(), "element": button()}], TYPES),
    "text input in actions": ([actions({"type": "plain_text_input", "action_id": "a"})], TYPES),
    "option of mrkdwn in a menu": (
        [actions({"type": "overflow", "action_id": "a", "options": [{"text": mrkdwn(), "value": "v"}]})],
        TYPES,
    ),
    "list style that does not exist": (
        [{"type": "rich_text", "elements": [{"type": "rich_text_list", "style": "star", "elements": []}]}],
        TYPES,
    ),
    "header of 151": ([{"type": "header", "text": plain("x" * 151)}], LENGTHS),
    "section of 3,001": ([{"type": "section", "text": mrkdwn("x" * 3001)}], LENGTHS),
    "section without text": ([{"type": "section", "text": mrkdwn("")}], LENGTHS),
    "section of nothing": ([{"type": "section"}], LENGTHS),
    "field of 2,001": ([{"type": "section", "fields": [mrkdwn("x" * 2001)]}], LENGTHS),
    "eleven fields": ([{"type": "section", "fields": [mrkdwn()] * 11}], LENGTHS),
    "eleven texts in a context": ([{"type": "context", "elements": [mrkdwn()] * 11}], LENGTHS),
    "26 buttons": ([actions(*[button(action_id=str(i)) for i in range(26)])], LENGTHS),
    "button text of 76": ([actions(button(text=plain("x" * 76)))], LENGTHS),
    "button value of 2,001": ([actions(button(value="x" * 2001))], LENGTHS),
    "accessibility label of 76": ([actions(button(accessibility_label="x" * 76))], LENGTHS),
    "confirm title of 101": ([actions(button(confirm={**ASKED, "title": plain("x" * 101)}))], LENGTHS),
    "confirm text of 301": ([actions(button(confirm={**ASKED, "text": plain("x" * 301)}))], LENGTHS),
    "deny of 31": ([actions(button(confirm={**ASKED, "deny": plain("x" * 31)}))], LENGTHS),
    "block_id of 256": ([{"type": "divider", "block_id": "x" * 256}], LENGTHS),
    "six options in an overflow": (
        [actions({"type": "overflow", "action_id": "a", "options": options(6)})], LENGTHS),
    "101 options in a menu": (
        [actions({"type": "static_select", "action_id": "a", "options": options(101)})], LENGTHS),
    "option text of 76": (
        [actions({"type": "overflow", "action_id": "a", "options": options(1, text=plain("x" * 76))})], LENGTHS),
    "option value of 151": (
        [actions({"type": "overflow", "action_id": "a", "options": options(1, value="x" * 151)})], LENGTHS),
    "table of 101 rows": ([table(*[[RAW]] * 101)], LENGTHS),
    "table of 21 columns": ([table([RAW] * 21)], LENGTHS),
    "51 blocks": ([{"type": "divider"}] * 51, LENGTHS),
    "empty table cell": ([table([{"type": "raw_text", "text": ""}])], NOBODY),
    "table with uneven rows": ([table([RAW, RAW], [RAW])], NOBODY),
    "two tables": ([table([RAW]), table([RAW])], NOBODY),
    "one action_id twice": ([actions(button(), button())], NOBODY),
    "one block_id twice": ([{**SECTION, "block_id": "b"}, {**SECTION, "block_id": "b"}], NOBODY),
    "markdown of 12,001 in all": (
        [{"type": "markdown", "text": "x" * 6000}, {"type": "markdown", "text": "x" * 6001}], NOBODY),
    "13,200 characters of JSON": ([{"type": "section", "text": mrkdwn("x" * 2900)}] * 5, NOBODY),
    "link that runs a script": ([actions(button(url="javascript:alert(1)"))], NOBODY),
    "call to a whole channel": (
        [{"type": "rich_text", "elements": [
            {"type": "rich_text_section", "elements": [{"type": "broadcast", "range": "channel"}]}]}], NOBODY),
    "initial option that is no option": (
        [actions({"type": "static_select", "action_id": "a", "options": options(2),
                  "initial_option": {"text": plain(), "value": "9"}})], NOBODY),
    "video": ([{"type": "video", "alt_text": "x", "title": plain(), "video_url": "https://a.b",
                "thumbnail_url": "https://a.b"}], NOBODY),
}  # fmt: skip


def test_there_are_enough_wrong_messages() -> None:
    """The set keeps to the size it promises."""
    assert len(WRONG) >= 28


@pytest.mark.parametrize("name", WRONG)
def test_we_refuse_every_wrong_message(name: str) -> None:
    """What any judge refuses, and what none of them sees, our validator refuses."""
    blocks, _ = WRONG[name]
    assert check_message("text", blocks)


@pytest.mark.skipif(not slack_schema.AVAILABLE, reason=slack_schema.LEFT_OUT)
@pytest.mark.parametrize("name", [name for name, (_, seen) in WRONG.items() if seen == TYPES])
def test_types_judge_is_awake(name: str) -> None:
    """Slack's own types refuse each wrong shape: so that their silence about our cards means something."""
    assert slack_schema.complaints(WRONG[name][0])


@pytest.mark.parametrize("name", [name for name, (_, seen) in WRONG.items() if seen == LENGTHS])
def test_lengths_judge_is_awake(name: str) -> None:
    """slackblocks refuses each wrong length: so that its silence about our cards means something."""
    (complaint,) = slackblocks_judge.complaints("text", WRONG[name][0])
    assert "TypeError" not in complaint


RIGHT: tuple[Dict, ...] = (
    {"type": "divider", "block_id": "x" * 255},
    {"type": "header", "text": plain("x" * 150)},
    {"type": "section", "text": mrkdwn("x" * 3000)},
    {"type": "section", "fields": [mrkdwn("x" * 900)] * 10},
    {"type": "context", "elements": [mrkdwn()] * 10},
    actions(*[button(action_id=str(i)) for i in range(25)]),
    actions(button(text=plain("x" * 75), value="x" * 2000, style="primary", url="https://a.b")),
    actions(button(confirm={**ASKED, "text": mrkdwn("x" * 300), "style": "danger"})),
    actions({"type": "overflow", "action_id": "a", "options": options(5)}),
    actions({"type": "static_select", "action_id": "a", "options": options(100)}),
    actions({"type": "static_select", "action_id": "a",
             "option_groups": [{"label": plain(), "options": options(3)}]}),
    actions({"type": "checkboxes", "action_id": "a", "options": options(10)}),
    actions({"type": "radio_buttons", "action_id": "a", "options": options(10)}),
    actions({"type": "datepicker", "action_id": "a", "initial_date": "2026-11-23"},
            {"type": "timepicker", "action_id": "b", "initial_time": "09:30", "timezone": "Europe/Berlin"},
            {"type": "datetimepicker", "action_id": "c", "initial_date_time": 1_800_000_000}),
    actions({"type": "users_select", "action_id": "a", "initial_user": "U1"},
            {"type": "multi_users_select", "action_id": "b", "max_selected_items": 2},
            {"type": "conversations_select", "action_id": "c", "filter": {"include": ["public"]}},
            {"type": "multi_conversations_select", "action_id": "d"},
            {"type": "external_select", "action_id": "e", "min_query_length": 2},
            {"type": "multi_external_select", "action_id": "f"}),
    {"type": "section", "text": mrkdwn(),
     "accessory": {"type": "multi_static_select", "action_id": "a", "options": options(2)}},
    {"type": "image", "image_url": "https://a.b/c.png", "alt_text": "x", "title": plain()},
    {"type": "image", "slack_file": {"id": "F0123456789"}, "alt_text": "x"},
    {"type": "markdown", "text": "x" * 11_000},
    table([RAW] * 20),
    table(*[[RAW]] * 100, column_settings=[{"align": "right", "is_wrapped": True}]),
    table([{"type": "raw_number", "value": 1.5, "text": "1.5"},
           {"type": "rich_text", "elements": [
               {"type": "rich_text_section", "elements": [{"type": "text", "text": "x", "style": {"bold": True}}]}]}]),
    {"type": "rich_text", "elements": [
        {"type": "rich_text_section", "elements": [
            {"type": "user", "user_id": "U1"}, {"type": "usergroup", "usergroup_id": "S1"},
            {"type": "channel", "channel_id": "C1"}, {"type": "emoji", "name": "wave"},
            {"type": "link", "url": "https://a.b", "text": "x"},
            {"type": "date", "timestamp": 1, "format": "{date}", "fallback": "x"}]},
        {"type": "rich_text_list", "style": "ordered", "indent": 1, "elements": [
            {"type": "rich_text_section", "elements": [{"type": "text", "text": "x"}]}]},
        {"type": "rich_text_quote", "elements": [{"type": "text", "text": "x"}]},
        {"type": "rich_text_preformatted", "border": 1, "elements": [{"type": "text", "text": "x"}]}]},
    {"type": "input", "label": plain("x" * 2000), "hint": plain(), "optional": True,
     "element": {"type": "number_input", "action_id": "a", "is_decimal_allowed": False, "min_value": "1"}},
)  # fmt: skip


@pytest.mark.parametrize("block", RIGHT, ids=lambda block: str(block["type"]))
def test_full_blocks_pass_all_judges(block: Dict) -> None:
    """What is just within every limit is refused by nobody: our validator is strict, not wrong."""
    assert judge_message("text", [block]) == []


@pytest.mark.parametrize(
    ("view", "right"),
    [
        ({"type": "home", "blocks": [SECTION]}, True),
        ({"type": "modal", "title": plain("x" * 24), "close": plain(), "blocks": [SECTION]}, True),
        ({"type": "modal", "title": plain("x" * 25), "blocks": [SECTION]}, False),
        ({"type": "modal", "blocks": [SECTION]}, False),
        ({"type": "modal", "title": plain(), "blocks": [{"type": "markdown", "text": "x"}]}, False),
        ({"type": "home", "title": plain(), "blocks": [SECTION]}, False),
    ],
)
def test_views_are_judged_alike(view: Dict, right: bool) -> None:
    """Our verdict on a view is that of the judges taken together."""
    assert (check_view(view) == []) == right
    others = slack_schema.view_complaints(view) + slackblocks_judge.view_complaints(view)
    assert (others == []) == right
    assert (judge_view(view) == []) == right


SAME_NUMBERS = {
    "ACCESSIBILITY_LABEL": ("BUTTON_ACCESSIBILITY_LABEL_MAX_LENGTH",),
    "ACTIONS_ELEMENTS": ("ACTIONS_ELEMENTS_MAX_ITEMS",),
    "ALT_TEXT": ("IMAGE_ALT_TEXT_MAX_LENGTH", "IMAGE_ELEMENT_ALT_TEXT_MAX_LENGTH", "IMAGE_TITLE_MAX_LENGTH"),
    "BUTTON_TEXT": ("BUTTON_TEXT_MAX_LENGTH",),
    "BUTTON_VALUE": ("BUTTON_VALUE_MAX_LENGTH",),
    "CHOICE_OPTIONS": ("CHECKBOXES_OPTIONS_MAX_ITEMS", "RADIO_BUTTONS_OPTIONS_MAX_ITEMS"),
    "CONFIRM_BUTTON": ("CONFIRMATION_CONFIRM_MAX_LENGTH", "CONFIRMATION_DENY_MAX_LENGTH"),
    "CONFIRM_TEXT": ("CONFIRMATION_TEXT_MAX_LENGTH",),
    "CONFIRM_TITLE": ("CONFIRMATION_TITLE_MAX_LENGTH",),
    "CONTEXT_ELEMENTS": ("CONTEXT_ELEMENTS_MAX_ITEMS",),
    "FIELDS": ("SECTION_FIELDS_MAX_ITEMS",),
    "FIELD_TEXT": ("SECTION_FIELDS_ITEM_MAX_LENGTH",),
    "HEADER_TEXT": ("HEADER_TEXT_MAX_LENGTH",),
    "ID": ("ACTION_ID_MAX_LENGTH", "BLOCK_ID_MAX_LENGTH", "VIEW_CALLBACK_ID_MAX_LENGTH",
           "VIEW_EXTERNAL_ID_MAX_LENGTH"),
    "INPUT_LABEL": ("INPUT_LABEL_MAX_LENGTH", "INPUT_HINT_MAX_LENGTH"),
    "INPUT_TEXT": ("PLAIN_TEXT_INPUT_MAX_LENGTH_MAX",),
    "LIST_INDENT": ("RICH_TEXT_LIST_INDENT_MAX",),
    "MARKDOWN_TEXT": ("MARKDOWN_TEXT_MAX_LENGTH", "MARKDOWN_TOTAL_TEXT_MAX_LENGTH"),
    "MESSAGE_BLOCKS": ("MESSAGE_BLOCKS_MAX_ITEMS",),
    "OPTIONS": ("SELECT_OPTIONS_MAX_ITEMS", "SELECT_OPTION_GROUPS_MAX_ITEMS", "OPTION_GROUP_OPTIONS_MAX_ITEMS"),
    "OPTION_TEXT": ("OPTION_TEXT_MAX_LENGTH", "OPTION_DESCRIPTION_MAX_LENGTH", "OPTION_GROUP_LABEL_MAX_LENGTH"),
    "OPTION_VALUE": ("OPTION_VALUE_MAX_LENGTH",),
    "OVERFLOW_OPTIONS": ("OVERFLOW_OPTIONS_MAX_ITEMS",),
    "PLACEHOLDER": ("SELECT_PLACEHOLDER_MAX_LENGTH", "PLAIN_TEXT_INPUT_PLACEHOLDER_MAX_LENGTH"),
    "PRIVATE_METADATA": ("VIEW_PRIVATE_METADATA_MAX_LENGTH",),
    "TABLE_COLUMNS": ("TABLE_COLUMNS_MAX_ITEMS", "TABLE_COLUMN_SETTINGS_MAX_ITEMS"),
    "TABLE_ROWS": ("TABLE_ROWS_MAX_ITEMS",),
    "TEXT": ("TEXT_MAX_LENGTH", "SECTION_TEXT_MAX_LENGTH"),
    "URL": ("BUTTON_URL_MAX_LENGTH", "IMAGE_IMAGE_URL_MAX_LENGTH", "OPTION_URL_MAX_LENGTH"),
    "VIEW_BLOCKS": ("VIEW_BLOCKS_MAX_ITEMS",),
    "VIEW_TITLE": ("VIEW_TITLE_MAX_LENGTH", "VIEW_SUBMIT_MAX_LENGTH", "VIEW_CLOSE_MAX_LENGTH"),
}  # fmt: skip
# Limits of a whole message that slackblocks does not know.
OURS_ALONE = {"MESSAGE_SIZE", "MESSAGE_TEXT", "MESSAGE_TEXT_SOFT", "VIEW_SIZE"}


def test_our_numbers_are_those_of_an_independent_table() -> None:
    """Every limit we hold is the one slackblocks holds, or is listed as known to us alone."""
    ours = {name for name in vars(sizes) if name.isupper()}
    assert ours == SAME_NUMBERS.keys() | OURS_ALONE
    for name, theirs in SAME_NUMBERS.items():
        assert {getattr(_limits, one) for one in theirs} == {getattr(sizes, name)}, name
