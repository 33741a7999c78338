"""`whoami`: how the Slack side sees the person."""

from bot.chatops.command import Command
from bot.chatops.context import Context
from tests.slack.sample._kit import Said, Words, card, terminal


def run(arguments: Words, context: Context) -> Said:
    person = context.person
    groups = ",".join(sorted(person.groups)) or "none"
    return Said(words=f"{person.name} in {person.timezone} with {groups}")


COMMAND = Command("whoami", "Who asks", Words, run, card, terminal)
