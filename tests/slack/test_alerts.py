"""An alert in the channel: its card, and the button that opens a form for exactly its nodes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bot.core import alerts
from bot.core.alerts import NodeFact, Sign, of_node
from bot.core.audit import Entry
from bot.core.plans import Operation
from bot.core.running import BOT
from bot.demo.slack.demo_workspace import ELENA, MAYA, PATCHING
from bot.services import noticing
from bot.services.alert_log import RAISED
from tests.services.changes import nodes
from tests.slack.changing import RULES, Shop, shop_of, values
from tests.slack.conftest import Front, until

NODES = tuple(seen.node for seen in nodes(3))


@pytest.fixture
def shop(tmp_path: Path, front: Front) -> Iterator[Shop]:
    with shop_of(tmp_path, front) as opened:
        yield opened


def signs(shop: Shop) -> list[Sign]:
    found = [
        of_node(NodeFact(node.key, shop.now, heard_at=shop.now), "prod", name=node.name)
        for node in NODES
    ]
    return [one for one in found if one is not None]


def alarm(shop: Shop, told: Sequence[Sign], *, kind: str = RAISED, number: int = 1) -> None:
    with shop.ledger.change() as change:
        for body in alerts.bodies(told):
            change.audit(Entry(kind, BOT, f"alert/A-{number}", body))
        noticing.show(change, noticing.about_alert(f"A-{number}", RULES))


def test_the_button_opens_a_form_for_exactly_these_nodes(shop: Shop) -> None:
    """Not for all that are not compliant, and nothing is asked for before somebody sends it off."""
    alarm(shop, signs(shop)[:2])
    shop.start()
    card = shop.card(MAYA, "A-1: 2 nodes of prod became non-compliant", PATCHING)
    assert shop.ledger.requests() == ()
    maya = shop.world.slack.person(MAYA)
    assert maya.click(card, "form:install")["ok"]
    view = shop.modal(MAYA, "request.submit")
    assert "nodes:A-1" in json.dumps(view["blocks"])
    assert maya.submit(view, values(view, reason="openssl", ticket="OPS-1"))["ok"]
    shop.told(MAYA, PATCHING, "waits for approval")
    (request,) = shop.ledger.requests()
    plan = shop.ledger.plan(request.digest)
    assert plan is not None
    assert plan.operation is Operation.INSTALL
    assert {node.key for node in plan.nodes} == {node.key for node in NODES[:2]}
    assert request.requester == MAYA
    assert shop.world.slack.calls.refused() == []


def test_the_card_says_who_opened_a_request_from_it(shop: Shop) -> None:
    """In its place, and with no button by which somebody else would plan the same."""
    alarm(shop, signs(shop)[:2])
    shop.start()
    before = shop.card(MAYA, "A-1: 2 nodes of prod became non-compliant", PATCHING)
    shop.ask(named="A-1")
    shop.board().wake()
    after = shop.card(MAYA, "R-1 waits for approval", PATCHING)
    assert after["ts"] == before["ts"]
    told = json.dumps(after["blocks"])
    assert f"Request *R-1* was opened from this by <@{MAYA}> and waits for approval." in told
    assert "form:install" not in told
    shop.world.slack.person(MAYA).click(after, "private:request")
    assert "R-1" in shop.told(MAYA, PATCHING, "Install on 2 nodes of prod")


def test_whoever_may_not_ask_gets_no_form(shop: Shop) -> None:
    alarm(shop, signs(shop))
    shop.start()
    card = shop.card(ELENA, "A-1", PATCHING)
    shop.world.slack.person(ELENA).click(card, "form:install")
    view = shop.modal(ELENA, "sorry")
    assert "requester" in json.dumps(view["blocks"])
    assert shop.ledger.requests() == ()


def test_the_card_grows_in_its_place(shop: Shop) -> None:
    found = signs(shop)
    alarm(shop, found[:1])
    shop.start()
    first = shop.card(MAYA, "A-1: 1 node of prod", PATCHING)
    alarm(shop, found[1:], kind="alert.grew")
    shop.board().wake()
    until(lambda: shop.notice("alert/A-1").shown == 2)
    card = shop.card(MAYA, "A-1: 3 nodes of prod", PATCHING)
    assert card["ts"] == first["ts"]
    assert all(node.name in json.dumps(card["blocks"]) for node in NODES)


def test_an_alert_of_another_environment_is_no_filter(shop: Shop) -> None:
    alarm(shop, [replace(one, environment="staging") for one in signs(shop)])
    shop.start()
    maya = shop.world.slack.person(MAYA)
    for text, told in (
        ("nodes:A-1", "about staging"),
        ("nodes:A-7", "no alert A-7"),
        ("nodes:i-00000000000000000", "no node"),
    ):
        seen = len(maya.views())
        maya.command(PATCHING, f"/patch install prod {text}")
        until(lambda seen=seen: len(maya.views()) > seen)  # type: ignore[misc]
        until(lambda: maya.views()[-1]["callback_id"] == "sorry")
        assert told in json.dumps(maya.views()[-1]["blocks"])
        maya.close(maya.views()[-1])
