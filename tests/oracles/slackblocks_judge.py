"""Judge two: the constructors of slackblocks, an independent library. Knows lengths, less about shapes.

Its own `from_dict` cannot read most blocks, so dicts are handed to its constructors here, member by member.
It has no date in rich text and no number in a table: those are judged by the text that stands for them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import slackblocks as sb

_CLASSES: dict[str, Any] = {
    "actions": sb.ActionsBlock,
    "context": sb.ContextBlock,
    "divider": sb.DividerBlock,
    "header": sb.HeaderBlock,
    "input": sb.InputBlock,
    "markdown": sb.MarkdownBlock,
    "section": sb.SectionBlock,
    "button": sb.Button,
    "checkboxes": sb.CheckboxGroup,
    "conversations_select": sb.ConversationSelectMenu,
    "datepicker": sb.DatePicker,
    "datetimepicker": sb.DateTimePicker,
    "external_select": sb.ExternalSelectMenu,
    "multi_conversations_select": sb.ConversationMultiSelectMenu,
    "multi_external_select": sb.ExternalMultiSelectMenu,
    "multi_static_select": sb.StaticMultiSelectMenu,
    "multi_users_select": sb.UserMultiSelectMenu,
    "number_input": sb.NumberInput,
    "overflow": sb.OverflowMenu,
    "plain_text_input": sb.PlainTextInput,
    "radio_buttons": sb.RadioButtonGroup,
    "static_select": sb.StaticSelectMenu,
    "timepicker": sb.TimePicker,
    "users_select": sb.UserSelectMenu,
    "raw_text": sb.RawText,
    "rich_text_section": sb.RichTextSection,
    "rich_text_list": sb.RichTextList,
    "rich_text_quote": sb.RichTextQuote,
    "rich_text_preformatted": sb.RichTextCodeBlock,
    "link": sb.RichTextLink,
    "user": sb.RichTextUser,
    "usergroup": sb.RichTextUserGroup,
    "channel": sb.RichTextChannel,
    "emoji": sb.RichTextEmoji,
    "modal": sb.Modal,
    "home": sb.HomeTabView,
}
_UNTYPED: dict[str, Any] = {
    "confirm": sb.ConfirmationDialogue,
    "options": sb.Option,
    "initial_option": sb.Option,
    "initial_options": sb.Option,
    "option_groups": sb.OptionGroup,
    "filter": sb.ConversationFilter,
    "dispatch_action_config": sb.DispatchActionConfiguration,
    "column_settings": sb.ColumnSettings,
    "slack_file": lambda **members: sb.SlackFile.from_dict(members),
}
_RENAMED = {"initial_date_time": "initial_datetime", "usergroup_id": "user_group_id"}
_NOT_KNOWN_TO_IT = {"expand", "unicode"}


def complaints(text: str, blocks: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is wrong with a message, as far as slackblocks knows."""
    return _try(lambda: sb.Message("C1", text, [_build(block) for block in blocks])._resolve())


def view_complaints(view: Mapping[str, Any]) -> list[str]:
    """What is wrong with a view, as far as slackblocks knows."""
    return _try(lambda: _build(view)._resolve())


def _try(build: Any) -> list[str]:
    try:
        build()
    except (sb.InvalidUsageError, TypeError, KeyError, ValueError) as error:
        return [f"slackblocks: {type(error).__name__}: {error}"]
    return []


def _build(value: Mapping[str, Any]) -> Any:
    """The slackblocks object for a dict with a `type`."""
    kind = value["type"]
    if kind in ("plain_text", "mrkdwn"):
        return sb.Text(
            value["text"],
            sb.TextType(kind),
            value.get("emoji", False),
            value.get("verbatim", False),
        )
    if kind == "text":
        return sb.RichText(value["text"], **value.get("style", {}))
    if kind == "date":
        return sb.RichText(value.get("fallback", "date"), **value.get("style", {}))
    if kind == "raw_number":
        return sb.RawText(value["text"])
    if kind == "image":
        only_blocks = {"title", "block_id", "slack_file"}
        own = sb.ImageBlock if only_blocks & value.keys() else sb.Image
        return own(**_members(value))
    if kind == "rich_text":
        parts = [_build(part) for part in value["elements"]]
        return sb.RichTextBlock(parts, value.get("block_id"))
    if kind == "table":
        return _table(value)
    return _CLASSES[kind](**_members(value))


def _table(value: Mapping[str, Any]) -> Any:
    """A cell of rich text is, to slackblocks, the one part it holds."""
    rows = [
        [_build(cell["elements"][0] if cell["type"] == "rich_text" else cell) for cell in row]
        for row in value["rows"]
    ]
    settings = [sb.ColumnSettings(**setting) for setting in value.get("column_settings", [])]
    return sb.TableBlock(rows, settings or None, value.get("block_id"))


def _members(value: Mapping[str, Any]) -> dict[str, Any]:
    return {
        _RENAMED.get(key, key): _member(key, member)
        for key, member in value.items()
        if key != "type" and key not in _NOT_KNOWN_TO_IT
    }


def _member(key: str, member: Any) -> Any:
    if isinstance(member, list):
        return [_member(key, item) for item in member]
    if not isinstance(member, dict):
        return member
    if "type" in member:
        return _build(member)
    return _UNTYPED[key](**_members(member))
