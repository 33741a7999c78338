"""Whatever the fleet is called and however large it is: Slack takes every card, and nothing foreign acts in it."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator, Mapping
from io import StringIO
from typing import Any

import pytest
from hypothesis import given, settings

from bot.chatops.cards import error_card
from bot.chatops.context import Surface
from bot.chatops.desk import Answer, Desk
from bot.chatops.grammar import Sentence, format_sentence
from bot.chatops.inert import escape_fallback
from bot.chatops.reply import Card
from bot.core.environments import Environment
from bot.core.errors import PatchbotError
from bot.core.reports import NodesReport, StatusReport
from tests.commands import fleet, fleets
from tests.commands.conftest import ANA, desk_over
from tests.commands.golden import in_terminal
from tests.oracles.hostile import HOSTILE
from tests.oracles.judges import judge_message
from tests.oracles.mrkdwn import tokens

QUESTIONS = (
    "status prod",
    "status prod by:os",
    "status prod by:group",
    "nodes prod",
    "nodes prod state:all sort:name page:2",
    "nodes prod state:unknown",
    "node mi-00000000000000000",
)


def asked(desk: Desk, text: str) -> tuple[Card, Answer | None]:
    """The card of the answer, or of the refusal."""
    try:
        answer = desk.answer(text, ANA, surface=Surface.SLACK, shared=len(text) % 2 == 0)
    except PatchbotError as error:
        return error_card(error), None
    return answer.card(), answer


def markups(value: object) -> Iterator[str]:
    """Every text of a card that Slack reads as mrkdwn."""
    if isinstance(value, Mapping):
        if value.get("type") == "mrkdwn":
            yield str(value["text"])
        for member in value.values():
            yield from markups(member)
    elif isinstance(value, list | tuple):
        for member in value:
            yield from markups(member)


def foreign_acts(text: str) -> list[str]:
    """What Slack would act on, beyond our own dates, sharer, bold, code and warning sign."""
    found = []
    for token in tokens(text):
        ours = {
            "control": token.text.startswith(("<!date^", f"<@{ANA.id}>")),
            "format *": True,
            "code": "<" not in token.text,
            "emoji": token.text == ":warning:",
        }
        if not ours.get(token.kind, False):
            found.append(f"{token.kind}: {token.text} in {text}")
    return found


def faults(card: Card) -> list[str]:
    """All that is wrong with a card; the judges complain about form, the reader about what acts."""
    fallback = [
        token.text
        for token in tokens(escape_fallback(card.text))
        if token.kind in {"control", "link", "mention", "channel", "emoji"}
    ]
    return [
        *judge_message(escape_fallback(card.text), card.blocks),
        *(fault for text in markups(card.blocks) for fault in foreign_acts(text)),
        *fallback,
    ]


@settings(max_examples=40)
@given(fleets.gateways())
def test_every_card_of_every_fleet_can_be_sent_and_is_inert(drawn: fleets.Drawn) -> None:
    """Also with gaps, remarks and patches under hostile names; and a terminal can show it all."""
    desk = desk_over(drawn.gateway, fleet.FakeStore(), environments={"prod": drawn.environment})
    for text in QUESTIONS:
        card, answer = asked(desk, text)
        assert faults(card) == []
        if answer is not None:
            shown = in_terminal(answer.command.terminal(answer.report, answer.context), width=100)
            assert "\x1b" not in shown


@settings(max_examples=30)
@given(fleets.gateways())
def test_every_figure_leads_to_exactly_its_nodes(drawn: fleets.Drawn) -> None:
    """The list behind a count has that many nodes: buckets, what wants a look, and every row of a breakdown."""
    desk = desk_over(drawn.gateway, fleet.FakeStore(), environments={"prod": drawn.environment})

    def listed(state: str, **more: str) -> int:
        options = {"state": state, **more}
        text = format_sentence(Sentence("nodes", ("prod",), tuple(options.items())))
        report = desk.answer(text, ANA, surface=Surface.SLACK).report
        assert isinstance(report, NodesReport)
        return report.total

    _, answer = asked(desk, "status prod by:severity")
    assert answer is not None
    report = answer.report
    assert isinstance(report, StatusReport)
    nodes, attention, reasons = report.nodes, report.attention, report.unknown_reasons
    assert (listed("compliant"), listed("non_compliant"), listed("unknown"), listed("stopped")) == (
        nodes.compliant,
        nodes.non_compliant,
        nodes.unknown,
        attention.stopped,
    )
    assert (listed("never_scanned"), listed("stale"), listed("unreadable")) == (
        reasons.never_scanned,
        reasons.stale,
        reasons.unreadable,
    )
    assert (listed("pending_reboot"), listed("failed"), listed("connection_lost")) == (
        attention.pending_reboot,
        attention.failed,
        attention.connection_lost,
    )
    kinds = {group.key: group.nodes.non_compliant for group in report.groups}
    for kind in ("critical", "security", "other"):
        assert listed("non_compliant", severity=kind) == kinds.get(kind, 0)


def desk_of(gateway: fleet.FakeGateway) -> Desk:
    """A desk whose only environment is the one Region that `fleets.big` fills."""
    environment = Environment("prod", fleets.TARGETS[:1])
    return desk_over(gateway, fleet.FakeStore(), environments={"prod": environment})


BREAKDOWNS = tuple(f"status prod by:{by}" for by in ("severity", "os", "owner", "group", "region"))
LONG_FILTER = f'nodes prod state:all owner:"{"x" * 250}"'


@pytest.mark.parametrize("sign", fleets.WORST_TEXTS, ids=lambda text: ascii(text[0]))
def test_a_fleet_in_which_every_text_is_the_worst(sign: str) -> None:
    """Names, owners, systems and groups of 256 characters that grow when they are escaped."""
    desk = desk_of(fleets.big(150, 1, lambda _, number: f"{number}{sign}"[:256]))
    for text in ("status prod", *BREAKDOWNS, "nodes prod", LONG_FILTER, "node nothing-like-it"):
        card, _ = asked(desk, text)
        assert faults(card) == [], text


def test_ten_thousand_nodes_with_the_longest_names() -> None:
    """First, middle and last page and one behind it, every breakdown, a name that is nowhere."""
    signs = fleets.WORST_TEXTS
    desk = desk_of(
        fleets.big(10_000, 1, lambda _, number: f"{number}{signs[number % len(signs)]}"[:256])
    )
    pages = ("nodes prod", "nodes prod page:300", "nodes prod page:99999")
    for text in ("status prod", *BREAKDOWNS, *pages, LONG_FILTER, "node nothing-like-it"):
        card, _ = asked(desk, text)
        assert faults(card) == [], text


def test_the_pages_together_show_every_node_once_in_order() -> None:
    """Following Next from the first page to the last neither repeats nor skips a node."""
    gateway = fleets.big(1_234, 2, lambda chance, _: chance.choice(("same", "name")))
    desk = desk_of(gateway)
    shown: list[str] = []
    following: str | None = "nodes prod state:all"
    while following:
        card, answer = asked(desk, following)
        assert answer is not None
        values = {one["action_id"]: one["value"] for one in _buttons(card)}
        shown += [value.split()[1] for key, value in values.items() if ":open:" in key]
        following = values.get("replace:next")
        assert isinstance(answer.report, NodesReport)
        rows = [row.instance_id for row in answer.report.nodes]
    assert len(shown) == 1_234
    assert shown == rows


def _buttons(card: Card) -> Iterator[Mapping[str, Any]]:
    for block in card.blocks:
        for element in (*block.get("elements", ()), block.get("accessory", {})):
            if element.get("type") == "button":
                yield element


def test_a_csv_has_a_line_per_node_and_no_formula() -> None:
    """Hostile names in every column."""
    chance = random.Random(3)
    desk = desk_of(fleets.big(500, 3, lambda _, __: chance.choice(HOSTILE)[:256]))
    answer = desk.answer("nodes prod state:all", ANA, surface=Surface.SLACK)
    rows = list(csv.reader(StringIO(answer.attachment().content.decode(), newline="")))
    assert len(rows) == 501
    assert not any(cell[:1] in set("=+@\t\r＝＋－＠") for row in rows for cell in row)
