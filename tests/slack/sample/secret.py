"""`secret`: for admins only."""

from bot.chatops.command import Command
from bot.core.identity import Role
from tests.slack.sample._kit import Words, card, say, terminal

COMMAND = Command("secret", "For admins", Words, say, card, terminal, role=Role.ADMIN)
