"""`doctor`: who may ask, what the report counts, and that Slack takes it whatever was found."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from bot.chatops.context import Services, Surface
from bot.chatops.desk import Desk
from bot.chatops.registry import Registry
from bot.core.errors import NotAllowed
from bot.core.identity import OPERATOR, AccessPolicy, Members, Person
from bot.services.compliance import Compliance
from bot.services.doctor import Doctor, Finding, Outcome
from tests.commands import fleet
from tests.commands.conftest import ANA
from tests.commands.golden import in_terminal
from tests.oracles.hostile import HOSTILE
from tests.oracles.judges import judge_message

FINE = Finding("file", Outcome.OK, "patchbot.toml")
ODD = Finding("admins", Outcome.WARNING, "nobody", "Name them in [access].")
BAD = Finding("ssm:A", Outcome.FAILED, "denied", "Grant it: `patchbot doctor` tells.")

OPEN = Finding("send", Outcome.UNTRIED, "the first scan will show it")


def desk_finding(*areas: tuple[str, list[Finding]]) -> Desk:
    """A desk whose doctor finds exactly this, and whose admin is Ana."""
    compliance = Compliance(
        fleet.ENVIRONMENTS,
        fleet.gateway(),
        fleet.store(),
        clock=lambda: fleet.NOW,
        time_to_live=timedelta(minutes=10),
    )
    doctor = Doctor(lambda: [(name, found.copy) for name, found in areas])
    access = AccessPolicy(admins=Members(users=frozenset({ANA.id})))
    services = Services(compliance, access, doctor, Registry("commands"))
    return Desk(services, clock=lambda: fleet.NOW)


@pytest.mark.parametrize(
    ("found", "code", "outcome", "headline"),
    [
        ([FINE], 0, "ok", "Everything is set up right"),
        ([FINE, ODD], 0, "warning", "patchbot works; 1 thing to look at"),
        ([FINE, BAD, ODD, BAD], 2, "failed", "2 things must be mended"),
        ([FINE, OPEN], 0, "untried", "1 thing cannot be tried"),
        ([], 0, "ok", "Everything is set up right"),
    ],
)
def test_an_area_is_as_bad_as_its_worst_finding(
    found: list[Finding], code: int, outcome: str, headline: str
) -> None:
    answer = desk_finding(("Area", found)).answer("doctor", OPERATOR, surface=Surface.TERMINAL)
    report = json.loads(answer.json())
    assert answer.exit_code == code
    assert report["areas"][0]["outcome"] == outcome
    assert (report["failed"], report["warnings"]) == (found.count(BAD), found.count(ODD))
    assert headline in answer.card().text
    assert headline in in_terminal(answer.command.terminal(answer.report, answer.context))


def test_a_check_that_does_not_fit_is_named() -> None:
    """Nothing is hidden behind a number."""
    found = [Finding(f"check-{number}", Outcome.OK) for number in range(9)]
    card = desk_finding(("Area", found)).answer("doctor", ANA, surface=Surface.SLACK).card()
    assert "… and 1 more: check-8" in str(card.blocks)


def test_only_admins_may_ask_in_slack() -> None:
    """It tells roles, accounts and paths."""
    desk = desk_finding()
    assert desk.answer("doctor", ANA, surface=Surface.SLACK)
    viewer = Person("U0VIEWER1", team_id="T1")
    with pytest.raises(NotAllowed):
        desk.answer("doctor", viewer, surface=Surface.SLACK)


def test_what_is_wrong_comes_first_and_says_what_to_do() -> None:
    areas = (("Fine", [FINE]), ("Odd", [FINE, ODD]), ("Bad", [FINE, BAD]))
    card = desk_finding(*areas).answer("doctor", ANA, surface=Surface.SLACK).card()
    sections = [block["text"]["text"] for block in card.blocks if block["type"] == "section"]
    assert [text.split("\n")[0] for text in sections] == ["*Bad*", "*Odd*", "*Fine*"]
    assert sections[0].index(":x:") < sections[0].index(":white_check_mark:")
    assert "Grant it" in sections[0]
    assert card.text == "1 thing must be mended: Bad, Odd."


@pytest.mark.parametrize("outcome", list(Outcome))
def test_slack_takes_any_number_of_any_findings(outcome: Outcome) -> None:
    """Forty accounts with nine findings each, in words that try to be something else."""
    texts = [*HOSTILE, "x" * 5000, "&" * 5000]
    areas = tuple(
        (
            f"AWS {number}",
            [
                Finding(
                    texts[(number * 9 + index) % len(texts)],
                    outcome,
                    texts[(number * 7 + index) % len(texts)],
                    texts[(number * 5 + index) % len(texts)],
                )
                for index in range(9)
            ],
        )
        for number in range(40)
    )
    answer = desk_finding(*areas).answer("doctor", ANA, surface=Surface.SLACK, shared=True)
    card = answer.card()
    assert judge_message(card.text, card.blocks) == []
    assert "more area" in json.dumps(card.blocks, ensure_ascii=False)
    shown = in_terminal(answer.command.terminal(answer.report, answer.context))
    assert "\x1b" not in shown
