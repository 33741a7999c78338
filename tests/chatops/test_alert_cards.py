"""The card of an alert keeps Slack's limits and makes no text of the fleet come alive."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from bot.chatops.alert_cards import alert_card
from bot.core.alerts import Alert, AlertKind, Sign
from bot.core.nodes import NodeKey
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
    card = alert_card(found, asked=True, answer="*R-1* <!channel> " * 20)
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


def test_what_came_of_auto_request_is_told() -> None:
    found = alert(AlertKind.NON_COMPLIANT, ["a"])
    assert "I asked for an Install. R-3" in json.dumps(
        alert_card(found, asked=True, answer="R-3 waits").blocks
    )
    assert "No Install was asked for: it is frozen." in json.dumps(
        alert_card(found, answer="it is frozen").blocks
    )
