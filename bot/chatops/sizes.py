"""The numbers of Slack's Block Kit reference, and two of chat.postMessage: how much fits where."""

from typing import Final

MESSAGE_BLOCKS: Final = 50
VIEW_BLOCKS: Final = 100
MESSAGE_TEXT: Final = 40_000
MESSAGE_TEXT_SOFT: Final = 4_000  # Slack's page on chat.postMessage recommends no more
# Undocumented: Slack answers msg_blocks_too_long from about 13,200 characters of JSON (bolt-js issue 2509).
MESSAGE_SIZE: Final = 12_000
VIEW_SIZE: Final = 250_000
ID: Final = 255
URL: Final = 3000
TEXT: Final = 3000
HEADER_TEXT: Final = 150
FIELDS: Final = 10
FIELD_TEXT: Final = 2000
CONTEXT_ELEMENTS: Final = 10
ACTIONS_ELEMENTS: Final = 25
BUTTON_TEXT: Final = 75
BUTTON_VALUE: Final = 2000
ACCESSIBILITY_LABEL: Final = 75
CONFIRM_TITLE: Final = 100
CONFIRM_TEXT: Final = 300
CONFIRM_BUTTON: Final = 30
OPTION_TEXT: Final = 75
OPTION_VALUE: Final = 150
OPTIONS: Final = 100
OVERFLOW_OPTIONS: Final = 5
CHOICE_OPTIONS: Final = 10
PLACEHOLDER: Final = 150
INPUT_LABEL: Final = 2000
INPUT_TEXT: Final = 3000
ALT_TEXT: Final = 2000
TABLE_ROWS: Final = 100
TABLE_COLUMNS: Final = 20
MARKDOWN_TEXT: Final = 12_000
LIST_INDENT: Final = 8
VIEW_TITLE: Final = 24
PRIVATE_METADATA: Final = 3000
