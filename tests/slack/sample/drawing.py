"""`drawing`: a card with a picture."""

from bot.chatops import cards
from bot.chatops.blocks import actions, picture, section
from bot.chatops.command import Command, Show
from bot.chatops.context import Context
from bot.chatops.reply import Card, Picture
from tests.slack.controls import GATE
from tests.slack.sample._kit import Said, Words, say, terminal

PNG = b"\x89PNG\r\n\x1a\n" + b"not much of a picture"


def _slowly() -> bytes:
    GATE.wait()
    return PNG


def card(report: Said, context: Context) -> Card:
    shown = Picture("SAMPLE", _slowly if report.words == "slowly" else lambda: PNG)
    share = cards.show("Share", Show.CHANNEL, "drawing", name="share")
    blocks = (section("a drawing"), picture(shown.place, "Three of four"), actions(share))
    return Card("a drawing", blocks, (shown,))


COMMAND = Command("drawing", "Draws", Words, say, card, terminal)
