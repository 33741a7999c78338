"""`help`: what this person may ask, with examples, or one command in detail."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field
from rich.console import RenderableType

from bot.chatops import cards
from bot.chatops import terminal as console
from bot.chatops.arguments import Argument, Arguments
from bot.chatops.blocks import Block, section
from bot.chatops.blocks import context as small_print
from bot.chatops.command import AnyCommand, Command, Show
from bot.chatops.context import Context
from bot.chatops.markup import Text, code, join, markup
from bot.chatops.reply import Card
from bot.core.errors import NotAllowed
from bot.core.reports import Report

ENVIRONMENTS_AS_BUTTONS = 4
LONGEST_USAGE = 160


class HelpArguments(Arguments):
    """What `help` takes."""

    WORDS: ClassVar[tuple[str, ...]] = ("command",)

    command: str | None = Field(None, max_length=100, description="the command to explain")


class ArgumentHelp(Report):
    """One argument: how it is written, what it takes, what it means."""

    form: str
    choices: tuple[str, ...]
    description: str


class CommandHelp(Report):
    """One command as this person may use it."""

    name: str
    summary: str
    usage: str
    details: str
    examples: tuple[str, ...]
    role: str
    arguments: tuple[ArgumentHelp, ...]


class HelpReport(Report):
    """`patchbot.help/1`: the commands this person may use; one of them when a topic was named."""

    schema_name: Literal["patchbot.help/1"] = Field("patchbot.help/1", alias="schema")
    topic: str | None
    commands: tuple[CommandHelp, ...]
    environments: tuple[str, ...]


def run(arguments: HelpArguments, context: Context) -> HelpReport:
    """Help for one command, or for all this person may use. Raises NotFound, and NotAllowed with the reason."""
    services = context.services
    environments = services.compliance.environments
    if arguments.command is None:
        allowed = [
            command
            for command in services.commands
            if services.access.decide(context.person, command.role).allowed
        ]
        shown = tuple(_command_help(command) for command in allowed)
        return HelpReport(topic=None, commands=shown, environments=environments)
    command = services.commands.get(arguments.command.casefold())
    decision = services.access.decide(context.person, command.role)
    if not decision.allowed:
        raise NotAllowed(
            f"You may not use “{command.name}”: {decision.reason}.",
            hint="`/patch help` lists what you may do; a patchbot admin can give you the role.",
        )
    one = (_command_help(command),)
    return HelpReport(topic=command.name, commands=one, environments=environments)


def _command_help(command: AnyCommand) -> CommandHelp:
    return CommandHelp(
        name=command.name,
        summary=command.summary,
        usage=f"{command.name} {command.arguments.usage()}".strip(),
        details=command.details,
        examples=command.examples,
        role=command.role.value,
        arguments=tuple(_argument_help(one) for one in command.arguments.described()),
    )


def _argument_help(one: Argument) -> ArgumentHelp:
    return ArgumentHelp(form=one.form, choices=one.choices, description=one.description)


def slack(report: HelpReport, context: Context) -> Card:
    """The list of commands with something to click, or one command in detail."""
    return _one(report.commands[0], context) if report.topic else _all(report, context)


def _all(report: HelpReport, context: Context) -> Card:
    lines = [
        markup("{name}  {what}", name=code(f"/patch {one.name}"), what=cards.prose(one.summary))
        for one in report.commands
    ]
    tries = [
        cards.show(
            f"Status of {environment}"[:75],
            Show.PRIVATE,
            cards.sentence("status", environment),
            name=f"status:{index}",
        )
        for index, environment in enumerate(report.environments[:ENVIRONMENTS_AS_BUTTONS])
    ]
    explained = cards.menu(
        "Explain a command…",
        Show.REPLACE,
        [(one.name, cards.sentence("help", one.name)) for one in report.commands],
        name="command",
    )
    names = ", ".join(one.name for one in report.commands)
    return Card(
        f"patchbot tells how patched your fleet is. Commands: {names}. Try: /patch status",
        (
            *cards.title("What you can ask patchbot", context),
            section(join("\n", lines)),
            small_print(
                "Answers are for your eyes only until you share them. Case and curly quotes do not matter, a value with"
                ' spaces goes in quotes: owner:"Team Payments". A typo gets a suggestion.'
            ),
            *cards.row_of(*tries, *explained),
        ),
    )


def _one(one: CommandHelp, context: Context) -> Card:
    parts: list[Text] = [f"{one.summary.capitalize()}."]
    if one.details:
        parts.append(cards.prose(one.details))
    blocks: list[Block] = [
        *cards.title(f"/patch {one.name}", context),
        section(join("\n", [*parts, markup("*Use* {usage}", usage=code(_usage(one)))])),
    ]
    if one.arguments:
        lines = [
            markup("• {form} {what}", form=code(argument.form), what=_in_words(argument))
            for argument in one.arguments
        ]
        blocks.append(section(join("\n", lines)))
    if one.examples:
        lines = [code(f"/patch {example}") for example in one.examples]
        blocks.append(section(markup("*Examples*\n{lines}", lines=join("\n", lines))))
    back = cards.show("All commands", Show.REPLACE, cards.sentence("help"), name="all")
    return Card(
        f"/patch {one.usage}: {one.summary}. {one.details}".strip(),
        (*blocks, *cards.row_of(back)),
    )


def _usage(one: CommandHelp) -> str:
    """The usage line, or its beginning where the rest is listed below anyway."""
    whole = f"/patch {one.usage}"
    return whole if len(whole) <= LONGEST_USAGE else f"{whole.partition(' [')[0]} …"


def _in_words(argument: ArgumentHelp) -> str:
    choices = f" ({', '.join(argument.choices)})" if "…" in argument.form else ""
    return f"{argument.description}{choices}"


def terminal(report: HelpReport, _context: Context) -> RenderableType:
    """The same for a terminal, with how to ask there."""
    if report.topic is None:
        shown = console.columns("Command", "What it answers")
        for one in report.commands:
            shown.add_row(console.text(one.name, "cyan"), console.text(one.summary))
        return console.stack(
            shown,
            console.prose('Ask with `patchbot patch "status prod"`, or with --json for programs.'),
            console.prose('`patchbot patch "help nodes"` explains a command.'),
        )
    one = report.commands[0]
    return console.stack(
        console.text(f"{one.summary.capitalize()}.", "bold"),
        console.prose(one.details) if one.details else console.NOTHING,
        console.section("Use", console.text(one.usage, "cyan")),
        console.facts((argument.form, _in_words(argument)) for argument in one.arguments),
        console.section("Examples", console.bullets(f"`{example}`" for example in one.examples)),
    )


COMMAND = Command(
    name="help",
    summary="what you may ask, or one command in detail",
    arguments=HelpArguments,
    run=run,
    slack=slack,
    terminal=terminal,
    examples=("help", "help nodes"),
)
