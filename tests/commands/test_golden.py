"""The cards and terminal answers of the fixed fleet are the ones that were looked at."""

from __future__ import annotations

import pytest

from bot.chatops.cards import error_card
from bot.chatops.context import Surface
from bot.chatops.desk import Desk
from bot.chatops.terminal import error
from bot.core.errors import PatchbotError
from tests.commands.conftest import ANA
from tests.commands.golden import assert_card, assert_text, in_terminal
from tests.oracles.judges import judge_message

ANSWERS = {
    "status": "status",
    "status-prod": "status prod",
    "status-prod-by-os": "status prod by:os",
    "status-dev-empty": "status dev",
    "nodes-prod": "nodes prod",
    "nodes-prod-all": "nodes prod state:all sort:name",
    "nodes-prod-none": "nodes prod os:solaris",
    "node-missing": "node i-00000000000000001",
    "node-pending-reboot": "node prod-ad-01",
    "node-never-scanned": "node prod-batch-01 prod",
    "help-nodes": "help nodes",
}
ERRORS = {
    "error-typo": "stauts prod",
    "error-environment": "status prdo",
    "error-ambiguous": "node prod-web-01",
    "error-not-found": "node web-01",
}


@pytest.mark.parametrize("name", ANSWERS)
def test_answer(planning: Desk, name: str) -> None:
    """In Slack and in a terminal of 80 columns."""
    answer = planning.answer(ANSWERS[name], ANA, surface=Surface.SLACK)
    card = answer.card()
    assert judge_message(card.text, card.blocks) == []
    assert_card(card, name)
    shown = in_terminal(answer.command.terminal(answer.report, answer.context))
    assert max(map(len, shown.splitlines())) <= 80
    assert_text(shown, name)


def test_shared(planning: Desk) -> None:
    """What a whole channel sees says who shared it, and its buttons answer whoever clicks privately."""
    card = planning.answer("status prod", ANA, surface=Surface.SLACK, shared=True).card()
    assert judge_message(card.text, card.blocks) == []
    assert_card(card, "status-prod-shared")


@pytest.mark.parametrize("name", ERRORS)
def test_refusal(desk: Desk, name: str) -> None:
    """What was wrong, what may have been meant, what to do next."""
    with pytest.raises(PatchbotError) as caught:
        desk.answer(ERRORS[name], ANA, surface=Surface.SLACK)
    card = error_card(caught.value)
    assert judge_message(card.text, card.blocks) == []
    assert_card(card, name)
    assert_text(in_terminal(error(caught.value)), name)


@pytest.mark.parametrize(
    "question", ["status prod by:os", "nodes prod", "node i-00000000000000001"]
)
def test_a_csv_button_says_who_gets_the_file(desk: Desk, question: str) -> None:
    """From a shared card it goes into the thread, which the whole channel reads."""
    for shared in (False, True):
        card = desk.answer(question, ANA, surface=Surface.SLACK, shared=shared).card()
        (button,) = (
            element["text"]["text"]
            for block in card.blocks
            for element in block.get("elements", ())
            if element.get("action_id") == "file:csv"
        )
        assert button.startswith("CSV")
        assert button.endswith("for all") is shared
