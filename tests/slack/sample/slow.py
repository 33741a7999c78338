"""`slow`: waits at the gate before it answers."""

from bot.chatops.command import Command
from bot.chatops.context import Context
from tests.slack.controls import GATE
from tests.slack.sample._kit import Said, Words, card, terminal


def run(arguments: Words, context: Context) -> Said:
    GATE.wait()
    return Said(words=arguments.about)


COMMAND = Command("slow", "Takes its time", Words, run, card, terminal)
