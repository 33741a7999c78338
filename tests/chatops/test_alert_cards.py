"""The card of an alert keeps Slack's limits and makes no text of the fleet come alive."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.chatops.alert_cards import alert_card
from bot.chatops.reply import Card
from bot.core.alerts import Alert, AlertKind, Sign
from bot.core.identity import Members
from bot.core.nodes import NodeKey
from bot.core.plans import Operation
from bot.core.requests import Request, RequestState, Rules
from bot.services.alert_standing import Opened, Standing
from tests.oracles.hostile import HOSTILE
from tests.oracles.judges import judge_message

NOW = datetime(2026, 11, 23, 14, 5, tzinfo=UTC)


def alert(kind: AlertKind, names: list[str], *, commands: int = 1) -> Alert:
    signs = tuple(
        Sign(
            kind,
            "prod",
            f"{kind}/prod",
            f"s/{number}",
            NOW + timedelta(minutes=number % 7),
            NOW,
            node=NodeKey("111122223333", "eu-central-1", f"i-{number:017x}"),
            name=name,
            about=f"command-{number % commands}",
        )
        for number, name in enumerate(names)
    )
    return Alert("A-12", kind, "prod", f"{kind}/prod", NOW, signs)


@pytest.mark.parametrize("kind", list(AlertKind))
def test_hostile_names_and_large_alerts_fit(kind: AlertKind) -> None:
    found = alert(kind, [*HOSTILE, *(f"node-{n}" for n in range(500))], commands=20)
    card = alert_card(found, Standing(declined="*R-1* <!channel> " * 20))
    assert judge_message(card.text, card.blocks) == []
    shown = json.dumps(card.blocks)
    assert "<!channel>" not in shown
    assert f"{len(HOSTILE) + 490:,} more nodes" in shown


def test_what_can_be_done_is_a_form_and_never_the_thing_itself() -> None:
    for kind in AlertKind:
        buttons = [
            each
            for block in alert_card(alert(kind, ["a"])).blocks
            if block["type"] == "actions"
            for each in block["elements"]
        ]
        assert not any(each["action_id"].startswith("do:") for each in buttons)
        first = buttons[0]
        assert first["action_id"] in {"form:install", "form:scan"}
        assert first["value"].endswith("nodes:A-12")


def test_that_auto_request_did_not_ask_is_told() -> None:
    found = alert(AlertKind.NON_COMPLIANT, ["a"])
    card = alert_card(found, Standing(declined="it is frozen"))
    assert "No Install was asked for: it is frozen." in json.dumps(card.blocks)


def request(number: int, **more: Any) -> Request:
    return replace(
        Request(
            f"R-{number}",
            1,
            RequestState.PENDING,
            "prod",
            Operation.INSTALL,
            "d",
            "U0000ANA1",
            "openssl",
            "",
            NOW + timedelta(minutes=number),
            NOW + timedelta(hours=8),
            Rules(Members(), 2, True),
        ),
        **more,
    )


def buttons(card: Card) -> list[str]:
    return [
        each["action_id"]
        for block in card.blocks
        if block["type"] == "actions"
        for each in block["elements"]
    ]


def test_what_somebody_has_in_hand_is_not_planned_twice() -> None:
    found = alert(AlertKind.NON_COMPLIANT, ["a"])
    opened = Opened(request(3))
    card = alert_card(found, Standing((opened,), in_hand=opened))
    told = json.dumps(card.blocks)
    assert "Request *R-3* was opened from this by <@U0000ANA1> and waits for approval." in told
    assert "R-3 waits for approval." in card.text
    assert buttons(card)[0] == "private:request"
    assert "form:install" not in buttons(card)
    assert judge_message(card.text, card.blocks) == []


def test_the_button_comes_back_with_the_end_of_a_request() -> None:
    found = alert(AlertKind.NON_COMPLIANT, ["a"])
    card = alert_card(found, Standing((Opened(request(3, state=RequestState.DENIED)),)))
    assert "was opened from this by <@U0000ANA1> and is denied." in json.dumps(card.blocks)
    assert buttons(card)[0] == "form:install"


def test_more_that_came_after_a_request_is_said() -> None:
    found = alert(AlertKind.NON_COMPLIANT, ["a"])
    before = Opened(request(3, created_at=NOW - timedelta(minutes=1)))
    card = alert_card(found, Standing((before,)))
    assert "More came after that" in json.dumps(card.blocks)
    assert buttons(card)[0] == "form:install"


def test_a_settled_alert_asks_for_nothing() -> None:
    for kind in AlertKind:
        many = tuple(
            Opened(request(number, state=RequestState.EXPIRED)) for number in range(9, 0, -1)
        )
        card = alert_card(alert(kind, ["a"]), Standing(many, settled_at=NOW + timedelta(hours=1)))
        assert card.blocks[0]["text"]["text"].startswith("✅ Settled: ")
        assert "6 more requests before." in json.dumps(card.blocks)
        assert not any(one.startswith("form:") for one in buttons(card))
        assert judge_message(card.text, card.blocks) == []
