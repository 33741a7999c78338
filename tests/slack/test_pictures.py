"""Pictures of cards: uploaded and in their places; and whatever goes wrong with one, the words arrive."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.chatops.blocks import picture, section
from bot.chatops.registry import Registry
from bot.chatops.reply import Card, Picture
from bot.core.errors import SlackError
from bot.demo.slack.demo_workspace import MAYA, PATCHING, PRIYA
from bot.demo.slack.server import LocalSlack
from bot.slack.api import SlackApi
from bot.slack.manifest import manifest
from bot.slack.messages import message, shared_by
from bot.slack.pictures import PAUSES, Pictures
from bot.slack.pool import Pool
from tests.oracles.judges import judge_message
from tests.slack.conftest import SAMPLE, MakeWorld, World, until
from tests.slack.controls import GATE
from tests.slack.sample.drawing import PNG

WORDS = "The picture of this could not be shown. Three of four"


def card_of(draw: Any = lambda: PNG) -> Card:
    shown = Picture("SAMPLE", draw)
    return Card(
        "a drawing", (section("a drawing"), picture(shown.place, "Three of four")), (shown,)
    )


def image(said: dict[str, Any]) -> dict[str, Any] | None:
    return next((block for block in said["blocks"] if block["type"] == "image"), None)


def uploads(slack: LocalSlack) -> int:
    return len([call for call in slack.calls.all() if call.method == "upload"])


class Easel:
    """Pictures over a local Slack, with pauses that are only written down."""

    def __init__(self, slack: LocalSlack, pool: Pool, *, patience: float = 10.0) -> None:
        self.slack = slack
        self.slept: list[float] = []
        self.api = SlackApi(slack.bot_token, base_url=slack.api_url)
        self.pictures = Pictures(
            self.api, pool, patience=patience, sleep=lambda length: self.slept.append(length)
        )

    def post(self, card: Card) -> dict[str, Any]:
        """Post it in the channel; what Maya sees of it."""
        draft = self.pictures.draft(card)
        draft.send(lambda body: self.api.post(PATCHING, body))
        return self.slack.person(MAYA).messages(PATCHING)[-1]


@pytest.fixture
def slack(tmp_path: Path) -> Iterator[LocalSlack]:
    path = tmp_path / "manifest.yml"
    path.write_text(yaml.safe_dump(manifest(Registry(SAMPLE))))
    with LocalSlack(path) as local:
        yield local


@pytest.fixture
def pool() -> Iterator[Pool]:
    made = Pool(2, 10)
    yield made
    made.stop(10)


@pytest.fixture
def easel(slack: LocalSlack, pool: Pool) -> Easel:
    return Easel(slack, pool)


def test_a_private_answer_and_a_shared_one_show_the_picture(world: World) -> None:
    """By response_url in both cases; who does not see the message does not get the file; uploaded once."""
    world.ask(MAYA, PATCHING, "drawing")
    private = world.answer(MAYA, PATCHING, "a drawing")
    shown = image(private)
    assert shown is not None
    assert private["ephemeral"]
    file_id = shown["slack_file"]["id"]
    assert world.slack.person(MAYA).picture(file_id) == PNG
    with pytest.raises(LookupError):
        world.slack.person(PRIYA).picture(file_id)

    world.slack.person(MAYA).click(private, "channel:share")
    shared = world.answer(PRIYA, PATCHING, "a drawing")
    assert image(shared) is not None
    assert world.slack.person(PRIYA).picture(file_id) == PNG
    assert uploads(world.slack) == 1


def test_whoever_waits_for_a_picture_is_told_that_something_happens(make_world: MakeWorld) -> None:
    """As for a long reading; and the line never comes after the answer."""
    world = make_world(patience_seconds=0.01)
    world.ask(MAYA, PATCHING, "drawing slowly")
    world.answer(MAYA, PATCHING, "Looking at slowly")
    GATE.open()
    assert image(world.answer(MAYA, PATCHING, "a drawing")) is not None


def test_slack_gets_a_moment_to_look_at_a_new_file(easel: Easel) -> None:
    """It refuses the id for about a second after the upload."""
    easel.slack.faults.refuse("chat.postMessage", "invalid_blocks", times=2)
    assert image(easel.post(card_of())) is not None
    assert easel.slept == list(PAUSES)


def test_a_picture_that_slack_does_not_take_is_told_in_words(easel: Easel) -> None:
    """After a few attempts, and it is uploaded anew for the next card."""
    easel.slack.faults.refuse("chat.postMessage", "invalid_blocks", times=len(PAUSES) + 1)
    said = easel.post(card_of())
    assert image(said) is None
    assert WORDS in str(said["blocks"])
    assert image(easel.post(card_of())) is not None
    assert uploads(easel.slack) == 2


def test_other_refusals_are_no_matter_of_the_picture(easel: Easel) -> None:
    easel.slack.faults.refuse("chat.postMessage", "is_archived")
    with pytest.raises(SlackError, match="is_archived"):
        easel.post(card_of())
    assert easel.slept == []


@pytest.mark.parametrize(
    "method", ["files.getUploadURLExternal", "upload", "files.completeUploadExternal"]
)
def test_the_words_arrive_when_an_upload_fails(
    easel: Easel, method: str, records: list[dict[str, Any]]
) -> None:
    """Whichever of its three calls: no attempt is repeated, for somebody waits."""
    easel.slack.faults.server_error(method)
    said = easel.post(card_of())
    assert WORDS in str(said["blocks"])
    assert [record["event"] for record in records] == ["picture.failed"]
    assert image(easel.post(card_of())) is not None


def test_the_words_arrive_when_drawing_fails(easel: Easel, records: list[dict[str, Any]]) -> None:
    """As where matplotlib finds no directory to write to."""

    def draw() -> bytes:
        raise OSError("no writable directory")

    assert WORDS in str(easel.post(card_of(draw))["blocks"])
    assert [record["event"] for record in records] == ["picture.failed"]


def test_the_words_do_not_wait_for_a_slow_picture(slack: LocalSlack, pool: Pool) -> None:
    """It is finished all the same, and there for the next card."""
    gate = threading.Event()

    def draw() -> bytes:
        assert gate.wait(10)
        return PNG

    easel = Easel(slack, pool, patience=0.01)
    assert WORDS in str(easel.post(card_of(draw))["blocks"])
    assert pool.held == 1
    gate.set()
    until(lambda: pool.held == 0)
    assert image(Easel.post(Easel(slack, pool), card_of())) is not None


def test_without_room_for_more_pictures_the_words_arrive(slack: LocalSlack) -> None:
    busy = Pool(1, 0)
    gate = threading.Event()

    def hold() -> None:
        gate.wait(10)

    busy.submit(hold, lambda _error: None)
    assert WORDS in str(Easel(slack, busy).post(card_of())["blocks"])
    gate.set()
    busy.stop(10)


def test_a_card_on_a_way_without_pictures_tells_them_in_words() -> None:
    """So no placeholder ever reaches Slack; and sharing a card keeps its pictures."""
    sent = message(card_of())
    assert WORDS in str(sent.blocks)
    assert judge_message(sent.text, sent.blocks) == []
    placed = message(card_of(), {card_of().pictures[0].place: "F0123456789"})
    assert judge_message(placed.text, placed.blocks) == []
    assert shared_by(card_of(), MAYA).pictures
