"""The front door: who may, what was meant, and what comes out."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bot.chatops.cards import error_card
from bot.chatops.context import Surface
from bot.chatops.desk import Desk
from bot.chatops.registry import Registry
from bot.core.errors import AwsError, NotAllowed, NotFound, PatchbotError, UsageError
from bot.core.identity import OPERATOR, AccessPolicy, Kind, Members, Person
from bot.core.readings import TargetReading
from tests.commands import fleet
from tests.commands.conftest import ANA, desk_over
from tests.oracles.judges import judge_message


@pytest.fixture
def desk() -> Desk:
    return desk_over(fleet.gateway(), fleet.store())


def test_a_sentence_becomes_an_answer_on_every_surface(desk: Desk) -> None:
    """One report, as a card, as JSON under its schema, with an exit code."""
    answer = desk.answer("Status STAGING", ANA, surface=Surface.SLACK)
    assert answer.card().text.startswith("staging: 1 of 2 nodes compliant (50.0 %)")
    report = json.loads(answer.json())
    assert (report["schema"], report["nodes"]["total"]) == ("patchbot.status/1", 2)
    assert answer.exit_code == 0


@pytest.mark.parametrize("text", ["", "/patch", "  ", "help"])
def test_saying_nothing_is_asking_for_help(desk: Desk, text: str) -> None:
    """`/patch` alone explains."""
    assert desk.answer(text, ANA, surface=Surface.SLACK).command.name == "help"


@pytest.mark.parametrize("kind", [Kind.GUEST, Kind.BOT, Kind.DEACTIVATED, Kind.STRANGER])
def test_who_is_no_full_member_is_refused_with_the_reason(desk: Desk, kind: Kind) -> None:
    """Also for help, and before anything is read."""
    gateway = fleet.gateway()
    asked = desk_over(gateway, fleet.store())
    refusals = set()
    for text in (
        "status prod",
        "help",
        "stauts prod",
        "status prdo",
        "node prod-web",
        'status "',
        "",
    ):
        with pytest.raises(NotAllowed, match="You may not use") as caught:
            asked.answer(text, Person("U1", kind=kind), surface=Surface.SLACK)
        refusals.add(str(caught.value))
    assert len(refusals) == 1, "what was asked must make no difference"
    assert "/patch" not in refusals.pop()
    assert gateway.reads == 0


def test_a_member_without_the_role_is_refused_and_the_operator_is_not() -> None:
    """Viewing can be given to some only; whoever has a shell and credentials needs no role."""
    access = AccessPolicy(viewers=Members(users=frozenset({"U0000BOB1"})))
    desk = desk_over(fleet.gateway(), fleet.store(), access=access)
    for text in ("status", "stauts", "status prdo"):
        with pytest.raises(NotAllowed, match="the role “viewer”") as caught:
            desk.answer(text, ANA, surface=Surface.SLACK)
        assert caught.value.hint == "A patchbot admin decides who may."
    assert desk.answer("status", OPERATOR, surface=Surface.TERMINAL).report


@pytest.mark.parametrize("text", ['"status staging"', "“status staging”", "'status staging'"])
def test_a_sentence_quoted_as_a_whole_is_that_sentence(desk: Desk, text: str) -> None:
    """People copy it with its quotes from the documents."""
    assert desk.answer(text, ANA, surface=Surface.SLACK).context.sentence.words == ("staging",)


def test_a_typo_gets_a_suggestion(desk: Desk) -> None:
    """An unknown command is named, with what was probably meant."""
    with pytest.raises(NotFound) as caught:
        desk.answer("stauts prod", ANA, surface=Surface.SLACK)
    assert str(caught.value) == "I don't know “stauts”. Did you mean “status”?"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("stauts prod by:os", "status prod by:os"),
        ('noodes prod os:"Windows Server 2022"', 'nodes prod os:"Windows Server 2022"'),
        ("status prdo", "status prod"),
        ("status prdo by:os refresh", "status prod refresh by:os"),
        ("nodes environment:prdo", "nodes environment:prod"),
        ("nodes prod state:unknwon", "nodes prod state:unknown"),
        ("nodes prod ownr:payments", "nodes prod owner:payments"),
    ],
)
def test_a_typo_offers_the_whole_sentence_as_it_was_meant(
    desk: Desk, typed: str, meant: str
) -> None:
    """One click asks it; it is understood."""
    with pytest.raises(UsageError) as caught:
        desk.answer(typed, ANA, surface=Surface.SLACK)
    (candidate,) = caught.value.candidates
    assert candidate.sentence == meant
    button = next(
        block["accessory"] for block in error_card(caught.value).blocks if "accessory" in block
    )
    assert button["value"] == meant
    assert desk.answer(meant, ANA, surface=Surface.SLACK).report


@pytest.mark.parametrize("typed", ["xyzzy prod", "status qqqqqq", "stauts " + "x" * 2000])
def test_no_sentence_is_offered_where_none_is_near_or_it_is_too_long_to_check(
    desk: Desk, typed: str
) -> None:
    with pytest.raises(UsageError) as caught:
        desk.answer(typed, ANA, surface=Surface.SLACK)
    assert caught.value.candidates == ()
    assert judge_message("x", error_card(caught.value).blocks) == []


def renamed(reading: TargetReading | AwsError, name: str) -> TargetReading | AwsError:
    """The same reading, all its nodes called `name`."""
    if isinstance(reading, AwsError):
        return reading
    seen = (replace(one, node=replace(one.node, name=name)) for one in reading.observations)
    return replace(reading, observations=tuple(seen))


def test_json_moves_no_cursor() -> None:
    """Names with control and format characters stand in it as escapes, and still mean the same."""
    evil = "größe\x9b2J\u202e\u2028"
    gateway = fleet.gateway()
    gateway.readings = {key: renamed(one, evil) for key, one in gateway.readings.items()}
    shown = (
        desk_over(gateway, fleet.store())
        .answer("nodes prod state:all", ANA, surface=Surface.TERMINAL)
        .json()
    )
    assert "größe\\u009b2J\\u202e\\u2028" in shown
    assert all(char.isprintable() or char == "\n" for char in shown)
    assert evil in [node["name"] for node in json.loads(shown)["nodes"]]


def test_a_command_without_a_file_says_so(desk: Desk) -> None:
    """The button may be old, the answer is a sentence."""
    with pytest.raises(UsageError, match="“help” has no file"):
        desk.answer("help", ANA, surface=Surface.SLACK).attachment()


@pytest.mark.parametrize(
    "text", ['status "prod', "status prod by:os by:os", "x" * 5_000, "status\0"]
)
def test_text_that_is_no_sentence_is_an_error_with_words(desk: Desk, text: str) -> None:
    """Whatever is typed, the answer is a PatchbotError that explains itself."""
    with pytest.raises(PatchbotError) as caught:
        desk.answer(text, ANA, surface=Surface.SLACK)
    assert caught.value.message
    assert caught.value.hint


def test_a_command_is_a_file_and_is_imported_when_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Listing the names of a package imports none of its modules; files with an underscore are no commands."""
    package = tmp_path / "some_commands"
    package.mkdir()
    for name in ("__init__", "_shared", "hello"):
        (package / f"{name}.py").write_text("COMMAND = 'hello'\n", "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    registry = Registry("some_commands")
    assert registry.names == ("hello",)
    assert "some_commands.hello" not in sys.modules
    assert [str(command) for command in registry] == ["hello"]


API = "node i-00000000000000004 prod"


@pytest.mark.parametrize(
    ("text", "said", "offered"),
    [
        ("prod", "“prod” is an environment; say what you want of it.", ["status prod"]),
        ("node", "“node” needs a node: an instance id or a Name, whole.", []),
        ("nodes", "“nodes” needs an environment: prod, staging or dev.", ["nodes prod", "nodes staging", "nodes dev"]),
        ("status prod staging", "One environment at a time: “prod” or “staging”.", ["status prod", "status staging"]),
        ("node prod-api-01 staging", "“prod-api-01” is not in staging; it is in prod.", [API]),
        ("nodes prod os:", "“os:” has no value.", []),
        ("audit foo", "“foo” is not possible.", []),
    ],
)  # fmt: skip
def test_a_common_slip_is_answered_with_what_to_say(
    text: str, said: str, offered: list[str]
) -> None:
    """In a sentence, and where it is clear enough as one that can be clicked."""
    access = AccessPolicy(approvers=Members(users=frozenset({ANA.id})))
    with pytest.raises(UsageError) as caught:
        desk_over(fleet.gateway(), fleet.store(), access=access).answer(
            text, ANA, surface=Surface.SLACK
        )
    assert caught.value.message == said
    assert [one.sentence for one in caught.value.candidates] == offered


def test_a_wrong_option_names_the_options_and_not_a_wall() -> None:
    """What each of them takes is in the help."""
    with pytest.raises(UsageError) as caught:
        desk_over(fleet.gateway(), fleet.store()).answer(
            "status prod colour:red", ANA, surface=Surface.SLACK
        )
    assert caught.value.hint == "It takes <environment>, by: and refresh."
