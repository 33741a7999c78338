"""`help`: what this person may do, from the commands themselves."""

from __future__ import annotations

import pytest

from bot.chatops.context import Surface
from bot.chatops.desk import Desk
from bot.chatops.registry import Registry
from bot.core.errors import NotAllowed, NotFound
from bot.core.identity import AccessPolicy, Members
from commands.help import HelpReport
from tests.commands import fleet
from tests.commands.conftest import ANA, desk_over
from tests.oracles.judges import judge_message


def listed(desk: Desk) -> list[str]:
    report = desk.answer("help", ANA, surface=Surface.SLACK).report
    assert isinstance(report, HelpReport)
    return [one.name for one in report.commands]


def test_every_command_explains_itself(desk: Desk) -> None:
    """Summary, usage, every argument described, and examples that are understood."""
    for name in listed(desk):
        answer = desk.answer(f"help {name.upper()}", ANA, surface=Surface.SLACK)
        assert isinstance(answer.report, HelpReport)
        (one,) = answer.report.commands
        assert one.name == name
        assert one.summary
        assert all(argument.description for argument in one.arguments)
        for example in one.examples:
            command, sentence = desk.understand(example)
            assert command.name == name
            command.arguments.bind(sentence, ("prod", "staging"))
        card = answer.card()
        assert judge_message(card.text, card.blocks) == []


def test_the_list_has_something_to_click(desk: Desk) -> None:
    """A status per environment, and a menu of all commands."""
    card = desk.answer("", ANA, surface=Surface.SLACK).card()
    assert judge_message(card.text, card.blocks) == []
    values = [element.get("value") for element in card.blocks[-1]["elements"]]
    assert values == ["status prod", "status staging", "status dev", None]


def test_only_what_the_roles_allow_is_listed() -> None:
    """Somebody who may only look is not shown what an admin may; asking for it says why not."""
    everyone = desk_over(fleet.gateway(), fleet.store())
    admins = AccessPolicy(admins=Members(users=frozenset({ANA.id})))
    admin = desk_over(fleet.gateway(), fleet.store(), access=admins)
    assert {"status", "nodes", "node", "help"} <= set(listed(everyone))
    for name in set(listed(admin)) - set(listed(everyone)):
        with pytest.raises(NotAllowed, match="the role"):
            everyone.answer(f"help {name}", ANA, surface=Surface.SLACK)


def test_an_unknown_command_gets_a_suggestion(desk: Desk) -> None:
    """As if it had been asked itself."""
    with pytest.raises(NotFound, match="Did you mean “status”"):
        desk.answer("help stauts", ANA, surface=Surface.SLACK)


def test_commands_come_in_the_order_in_which_people_need_them() -> None:
    """A first user reads from the top; a command that has no place there stands before the help itself."""
    assert " ".join(Registry("commands").names) == (
        "status nodes node trend digest install scan approvals runs run audit doctor help"
    )
