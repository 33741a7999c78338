"""`huge`: a card that Slack would refuse."""

from bot.chatops.command import Command
from bot.chatops.context import Context
from bot.chatops.reply import Card
from tests.slack.sample._kit import Said, Words, say, terminal


def card(report: Said, context: Context) -> Card:
    block = {"type": "section", "text": {"type": "mrkdwn", "text": "too much " * 300}}
    return Card("prod: 41 of 48 compliant", (block,) * 51)


COMMAND = Command("huge", "Too large", Words, say, card, terminal)
