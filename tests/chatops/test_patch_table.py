"""The table of a node's patches says AWS's states in words."""

from __future__ import annotations

import pytest

from bot.chatops import patch_table
from bot.core.nodes import PATCH_STATES
from bot.core.reports import PatchRow
from tests.commands.golden import in_terminal


@pytest.mark.parametrize("state", PATCH_STATES)
def test_a_state_is_words_and_no_name_of_the_api(state: str) -> None:
    """In Slack and in a terminal."""
    row = PatchRow(title="bash", kb_id="bash", classification="Bugfix", severity="Low", state=state)
    (block,) = patch_table.blocks([row], budget=10_000)
    shown = block["rows"][1][2]["text"]
    assert shown == shown.lower()
    assert shown.replace(" ", "").isalpha()
    assert shown in in_terminal(patch_table.terminal([row]), width=120)
