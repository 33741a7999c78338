"""`echo`: says what it was told, with every kind of button."""

from bot.chatops.command import Command
from tests.slack.sample._kit import Words, card, file, say, terminal

COMMAND = Command("echo", "Says it again", Words, say, card, terminal, file=file)
