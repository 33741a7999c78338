"""`trend`: what it takes, what its card and its terminal answer say, and that nothing foreign acts in them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date, timedelta

import pytest

from bot.chatops.context import Services, Surface
from bot.chatops.desk import Answer, Desk
from bot.chatops.registry import Registry
from bot.chatops.reply import Card
from bot.chatops.trend_chart import Draw
from bot.core.errors import ConfigurationError, UsageError
from bot.core.identity import AccessPolicy
from bot.core.trend_reports import TrendReport
from bot.services.compliance import Compliance
from bot.services.doctor import Doctor
from tests.charts.reports import DEADLINES, NOW, point, trend
from tests.commands import fleet, fleets
from tests.commands.conftest import ANA
from tests.commands.golden import assert_card, assert_text, in_terminal
from tests.commands.test_limits import faults
from tests.oracles.hostile import HOSTILE
from tests.oracles.judges import judge_message

USUAL = trend(30, missing=(12, 11), incomplete=(5,), details_missing=2)


@dataclass
class Remembered:
    """A history that says what it is told to, and writes down what it was asked."""

    report: TrendReport
    asked: list[tuple[str, int]] = field(default_factory=list)

    def trend(self, environment: str, days: int) -> TrendReport:
        self.asked.append((environment, days))
        return self.report


def draw_nothing(_report: TrendReport) -> bytes:
    return b"a picture"


def desk_over(
    history: Remembered | None,
    *,
    draw: Draw | None = draw_nothing,
    aws: fleet.FakeGateway | None = None,
) -> Desk:
    compliance = Compliance(
        fleet.ENVIRONMENTS,
        aws or fleet.gateway(),
        fleet.store(),
        clock=lambda: NOW,
        time_to_live=timedelta(days=400),
    )
    services = Services(
        compliance,
        AccessPolicy(),
        Doctor(list),
        Registry("commands"),
        history=history,
        draw_trend=draw,
    )
    return Desk(services, clock=lambda: NOW)


def answer(
    report: TrendReport, text: str = "trend prod", *, shared: bool = False, draws: bool = True
) -> Answer:
    desk = desk_over(Remembered(report), draw=draw_nothing if draws else None)
    return desk.answer(text, ANA, surface=Surface.SLACK, shared=shared)


def kinds(card: Card) -> list[str]:
    return [block["type"] for block in card.blocks]


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("trend prod", 30),
        ("trend prod 7d", 7),
        ("trend prod 400", 400),
        ("trend PROD 12w", 84),
        ("trend prod 2WEEKS", 14),
        ("trend prod span:90d", 90),
    ],
)
def test_how_far_back_is_a_word(text: str, days: int) -> None:
    history = Remembered(USUAL)
    desk_over(history).answer(text, ANA, surface=Surface.SLACK)
    assert history.asked == [("prod", days)]


@pytest.mark.parametrize("word", ["6d", "401d", "58w", "30x", "d", "1e3", "-30d", "0w", "99999d"])
def test_what_is_no_span_is_refused_with_what_is_possible(word: str) -> None:
    with pytest.raises(UsageError) as refused:
        answer(USUAL, f"trend prod {word}")
    assert word in str(refused.value)
    assert any(allowed in str(refused.value) for allowed in ("from 7d to 400d", "30d or 12w"))


def test_without_a_history_it_says_what_to_do() -> None:
    """And `status` offers no way to it."""
    desk = desk_over(None)
    with pytest.raises(ConfigurationError, match="no history here yet"):
        desk.answer("trend prod", ANA, surface=Surface.SLACK)
    assert "trend prod" not in str(desk.answer("status prod", ANA, surface=Surface.SLACK).card())


def test_status_offers_the_trend() -> None:
    """As a button with the sentence of the environment."""
    card = desk_over(Remembered(USUAL)).answer("status prod", ANA, surface=Surface.SLACK).card()
    (button,) = (
        element
        for block in card.blocks
        for element in block.get("elements", ())
        if element.get("action_id") == "private:trend"
    )
    assert button["value"] == "trend prod"
    assert judge_message(card.text, card.blocks) == []


@pytest.mark.parametrize("shared", [False, True])
def test_the_card_is_the_one_that_was_looked_at(shared: bool) -> None:
    card = answer(USUAL, "trend prod 30d", shared=shared).card()
    assert judge_message(card.text, card.blocks) == []
    assert_card(card, "trend-prod-shared" if shared else "trend-prod")


def test_the_picture_is_drawn_when_the_card_is_sent_and_described() -> None:
    """From the report of the answer; its place in the card is the image block."""
    drawn: list[TrendReport] = []

    def draw(report: TrendReport) -> bytes:
        drawn.append(report)
        return b"a picture"

    desk = desk_over(Remembered(USUAL), draw=draw)
    card = desk.answer("trend prod", ANA, surface=Surface.SLACK).card()
    (image,) = (block for block in card.blocks if block["type"] == "image")
    (picture,) = card.pictures
    assert image["slack_file"]["id"] == picture.place
    assert "83.1 % (831 of 1,000 nodes)" in image["alt_text"]
    assert drawn == []
    assert (picture.draw(), drawn) == (b"a picture", [USUAL])


@pytest.mark.parametrize(
    ("report", "draws"),
    [
        (USUAL.model_copy(update={"points": ()}), True),
        (USUAL.model_copy(update={"points": USUAL.points[:1]}), True),
        (USUAL, False),
    ],
    ids=["no day", "one day", "nothing to draw with"],
)
def test_without_a_line_there_is_no_picture(report: TrendReport, draws: bool) -> None:
    card = answer(report, draws=draws).card()
    assert "image" not in kinds(card)
    assert card.pictures == ()
    assert judge_message(card.text, card.blocks) == []


def test_no_history_yet_is_said_and_what_to_ask_instead() -> None:
    report = trend(30, points=(), runs=(), deadlines=(), forecast=None, forecast_why="")
    found = answer(report)
    assert "no snapshot of the last 30 days" in str(found.card().blocks)
    assert "no snapshot" in in_terminal(found.command.terminal(report, found.context))


def signs(shown: str) -> str:
    """The one line that draws."""
    (line,) = (line for line in shown.splitlines() if set(line) & set("▁▂▃▄▅▆▇█"))
    return line


def test_refresh_reads_aws_again() -> None:
    """The button asks for it; the question itself costs no call."""
    aws = fleet.gateway()
    desk = desk_over(Remembered(trend(30)), aws=aws)
    card = desk.answer("trend prod 30d", ANA, surface=Surface.SLACK).card()
    assert '"trend prod 30d refresh"' in json.dumps(card.blocks, default=str)
    before = aws.reads
    desk.answer("trend prod 30d refresh", ANA, surface=Surface.SLACK)
    assert (before, aws.reads) == (0, 2), "both targets of prod"


def test_the_terminal_has_a_line_of_signs() -> None:
    """In 80 columns; each day a sign, or the lowest of several, and a point for a day without a snapshot."""
    found = answer(USUAL)
    shown = in_terminal(found.command.terminal(USUAL, found.context))
    assert max(map(len, shown.splitlines())) <= 80
    assert_text(shown, "trend-prod")
    line = signs(shown)
    assert len(line) == 30
    assert [place for place, sign in enumerate(line) if sign == "·"] == [17, 18]

    year = trend(400)
    shown = in_terminal(found.command.terminal(year, found.context))
    assert "the lowest of 7 days" in shown
    assert len(signs(shown)) == 58


def test_a_line_that_never_moves_is_drawn_all_the_same() -> None:
    points = tuple(point(date(2026, 11, day), 9, 1, 0) for day in range(20, 28))
    found = answer(trend(30, points=points))
    assert "▁" * 8 in in_terminal(found.command.terminal(found.report, found.context))


def test_json_is_the_report_and_gaps_end_with_3() -> None:
    found = answer(USUAL)
    assert json.loads(found.json())["schema"] == "patchbot.trend/1"
    assert found.exit_code == 3
    assert answer(trend(30)).exit_code == 0
    assert answer(trend(30, incomplete=(0,))).exit_code == 3
    assert answer(trend(30, incomplete=(5,))).exit_code == 0


@pytest.mark.parametrize("sign", [*fleets.WORST_TEXTS, *HOSTILE[::60]], ids=lambda t: ascii(t[:1]))
def test_the_largest_and_most_hostile_trend_can_be_sent_and_is_inert(sign: str) -> None:
    """Whatever a forecast quotes and however many days are missing; and a terminal can show it."""
    row = DEADLINES[0].model_copy(
        update={"open": 10**9, "breached": 10**8, "waived": 10**9, "days": 36_500}
    )
    report = trend(
        400,
        missing=range(1, 399, 2),
        incomplete=range(0, 400, 3),
        nodes=10_000_000,
        deadlines=(row, row.model_copy(update={"severity": "important"}), DEADLINES[2]),
        forecast_why=(sign * 300)[:2000],
        details_missing=10**6,
    )
    for shared in (False, True):
        assert faults(answer(report, "trend prod 400d", shared=shared).card()) == []
    found = answer(report)
    assert "\x1b" not in in_terminal(found.command.terminal(report, found.context), width=100)
