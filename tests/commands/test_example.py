"""The example of CONTRIBUTING.md works as it stands there: one file, and the command is everywhere."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.chatops.context import Services, Surface
from bot.chatops.desk import Desk
from bot.chatops.registry import Registry
from bot.core.errors import UsageError
from bot.core.identity import AccessPolicy
from bot.services.compliance import Compliance
from bot.services.doctor import Doctor
from tests.commands import fleet
from tests.commands.conftest import ANA
from tests.commands.golden import in_terminal
from tests.oracles.judges import judge_message

ROOT = Path(__file__).parents[2]
PACKAGE = "commands_of_a_newcomer"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A desk with the real commands and the code that CONTRIBUTING.md shows, each a file of one package."""
    package = tmp_path / PACKAGE
    package.mkdir()
    for command in (ROOT / "commands").glob("*.py"):
        (package / command.name).write_text(command.read_text("utf-8"), "utf-8")
    _, _, shown = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("```python\n")
    (package / "age.py").write_text(shown.partition("```")[0], "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    clock = lambda: fleet.NOW + timedelta(minutes=90)  # noqa: E731
    compliance = Compliance(
        fleet.ENVIRONMENTS,
        fleet.gateway(),
        fleet.store(),
        clock=lambda: fleet.NOW,
        time_to_live=timedelta(days=1),
    )
    services = Services(compliance, AccessPolicy(), Doctor(list), Registry(PACKAGE))
    yield Desk(services, clock=clock)
    for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
        del sys.modules[name]


def test_the_example_answers_in_slack_and_in_a_terminal(desk: Desk) -> None:
    """A card that Slack takes, a line, and JSON under its schema."""
    answer = desk.answer("age staging", ANA, surface=Surface.SLACK)
    card = answer.card()
    assert judge_message(card.text, card.blocks) == []
    assert card.text == "The reading of staging is 90 minutes old. Read 2026-11-23 14:05 UTC."
    assert in_terminal(answer.command.terminal(answer.report, answer.context)) == (
        "The reading of staging is 90 minutes old.\n"
    )
    told = json.loads(answer.json())
    assert (told["schema"], told["age"], told["unit"]) == ("patchbot.age/1", 90, "minutes")


def test_the_example_takes_what_it_says(desk: Desk) -> None:
    """Its option, its flag, its suggestions; its buttons ask what is understood."""
    answer = desk.answer("age staging unit:hours refresh", ANA, surface=Surface.TERMINAL)
    assert "1 hour old" in in_terminal(answer.command.terminal(answer.report, answer.context))
    with pytest.raises(UsageError) as caught:
        desk.answer("age staging unit:hour", ANA, surface=Surface.SLACK)
    assert caught.value.candidates[0].sentence == "age staging unit:hours"
    buttons = desk.answer("age staging", ANA, surface=Surface.SLACK).card().blocks[-1]["elements"]
    for button in buttons:
        assert desk.answer(button["value"], ANA, surface=Surface.SLACK).card().blocks


def test_help_knows_the_example(desk: Desk) -> None:
    """Nothing else had to be edited."""
    help_ = desk.answer("help", ANA, surface=Surface.SLACK)
    assert "how old what is known is" in str(help_.card().blocks).lower()
    usage = desk.answer("help age", ANA, surface=Surface.SLACK)
    assert "unit:minutes|hours" in str(usage.card().blocks)
