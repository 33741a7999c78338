"""`age`: how old what is known of an environment is."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from rich.console import RenderableType

from bot.chatops import cards
from bot.chatops import terminal as console
from bot.chatops.arguments import Arguments, EnvironmentName
from bot.chatops.blocks import section
from bot.chatops.command import Command, Show
from bot.chatops.context import Context
from bot.chatops.markup import in_utc, markup
from bot.chatops.reply import Card
from bot.core.reports import Report
from bot.core.wording import counted


class AgeReport(Report):
    """`patchbot.age/1`: what `--json` prints."""

    schema_name: Literal["patchbot.age/1"] = Field("patchbot.age/1", alias="schema")
    environment: str
    as_of: datetime
    age: int
    unit: Literal["minutes", "hours"]


class AgeArguments(Arguments):
    """What `age` takes: a bare word, an option `unit:hours`, and a flag."""

    WORDS: ClassVar[tuple[str, ...]] = ("environment",)

    environment: Annotated[str, EnvironmentName()] = Field(description="the part of the fleet")
    unit: Literal["minutes", "hours"] = Field("minutes", description="what to count in")
    refresh: bool = Field(False, description="read AWS again instead of the last reading")


def run(arguments: AgeArguments, context: Context) -> AgeReport:
    """How old the last reading is. It may call services and take long. Raises what reading raises."""
    reading = context.services.compliance.read(
        arguments.environment, refresh=arguments.refresh, progress=context.progress
    )
    step = timedelta(hours=1) if arguments.unit == "hours" else timedelta(minutes=1)
    return AgeReport(
        environment=reading.environment,
        as_of=reading.as_of,
        age=(context.now - reading.as_of) // step,
        unit=arguments.unit,
    )


def _in_words(report: AgeReport) -> str:
    age = counted(report.age, report.unit.removesuffix("s"))
    return f"The reading of {report.environment} is {age} old."


def slack(report: AgeReport, context: Context) -> Card:
    """The card: pure, made with the builders of bot/chatops/blocks.py; every `str` in it is made inert."""
    listed = cards.sentence("nodes", report.environment)
    return Card(
        f"{_in_words(report)} Read {in_utc(report.as_of)}.",
        (
            section(
                markup(
                    "*{words}*\n{when}", words=_in_words(report), when=cards.read_line(report.as_of)
                )
            ),
            *cards.row_of(
                cards.show("Non-compliant nodes", Show.PRIVATE, listed, name="list"),
                *cards.refresh_and_share(context),
            ),
        ),
    )


def terminal(report: AgeReport, _context: Context) -> RenderableType:
    """The same facts for a terminal: pure, in rich."""
    return console.prose(_in_words(report), "bold")


COMMAND = Command(
    name="age",
    summary="how old what is known is",
    arguments=AgeArguments,
    run=run,
    slack=slack,
    terminal=terminal,
    examples=("age prod", "age prod unit:hours"),
)
