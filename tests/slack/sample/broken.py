"""`broken`: raises what nobody expects, with a secret in its text."""

from typing import NoReturn

from bot.chatops.command import Command
from bot.chatops.context import Context
from tests.slack.sample._kit import Words, card, terminal


def run(arguments: Words, context: Context) -> NoReturn:
    raise RuntimeError("the inside of the machine: xoxb-1-canary")


COMMAND = Command("broken", "Breaks", Words, run, card, terminal)
