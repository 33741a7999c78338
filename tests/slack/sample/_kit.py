"""What the sample commands share."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from bot.chatops import cards
from bot.chatops.arguments import Arguments
from bot.chatops.blocks import actions, section
from bot.chatops.command import Show
from bot.chatops.context import Context
from bot.chatops.reply import Attachment, Card
from bot.core.reports import Report


class Words(Arguments):
    WORDS: ClassVar[tuple[str, ...]] = ("about",)

    about: str = Field("nothing", description="anything")


class Said(Report):
    words: str


def say(arguments: Words, context: Context) -> Said:
    return Said(words=arguments.about)


def card(report: Said, context: Context) -> Card:
    """A card with a button for each way to show something."""
    buttons = [
        cards.show(where.value, where, f"echo {report.words}-again", name="it") for where in Show
    ]
    return Card(f"echo: {report.words}", (section(f"echo: {report.words}"), actions(*buttons)))


def terminal(report: Said, context: Context) -> str:
    return report.words


def file(report: Said, context: Context) -> Attachment:
    return Attachment("echo.csv", "Echo", f'"{report.words}"\r\n'.encode(), "The echo as a file")
