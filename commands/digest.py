"""`digest`: which channels get a digest of an environment and when, what became of the last ones, and one right now."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import Field
from rich.console import RenderableType

from bot.chatops import cards
from bot.chatops import schedule_words as words
from bot.chatops import terminal as console
from bot.chatops.arguments import Arguments, EnvironmentName
from bot.chatops.blocks import Block, fit, room, section
from bot.chatops.blocks import context as small_print
from bot.chatops.command import Command, Wish
from bot.chatops.context import Context, Surface
from bot.chatops.digest_card import digest_card
from bot.chatops.digest_terminal import digest_terminal
from bot.chatops.grammar import Sentence
from bot.chatops.markup import bold, channel, date, join, markup
from bot.chatops.reply import Card
from bot.chatops.suggest import closest
from bot.core.digest_reports import DigestReport
from bot.core.errors import UsageError
from bot.core.schedules import DAY_WORDS, last_posted, next_instant
from bot.core.slot_reports import DigestsReport, SlotRow, SubscriptionRow, subscription_row
from bot.core.wording import counted
from bot.services.subscribing import OFF, ON

SHOWN = 20
SLOTS = 5
AT: Final = "09:00"
DAYS: Final = "weekdays"
_HOW: Final = "`/patch digest <environment> on 09:00 Europe/Berlin weekdays`"
_ID: Final = re.compile(r"[Dd]-\d{1,9}", re.ASCII)
_SWITCHES: Final = frozenset({"on", "off", "now", "list"})


class DigestArguments(Arguments):
    """What `digest` takes: its words are told apart by what they look like, so that their order does not matter."""

    WORDS: ClassVar[tuple[str, ...]] = ("environment", "digest", "what", "at", "zone", "days")

    environment: Annotated[str, EnvironmentName()] = Field("", description="the part of the fleet")
    digest: str = Field("", description="the id of one, like D-2, to turn it off from anywhere")
    what: Literal["list", "on", "off", "now"] = Field(
        "list",
        description="list who gets one, turn it on or off for this channel, or have one now for you",
    )
    at: str = Field(AT, description="the local time: 09:00, 17:30, 6pm")
    zone: str = Field("", description="the time zone, like Europe/Berlin; without it, your own")
    days: str = Field(DAYS, description=words.DAYS_POSSIBLE)

    @classmethod
    def bind(cls, sentence: Sentence, environments: Sequence[str]) -> Self:
        """The arguments, with time, zone and days as they are stored. Raises UsageError."""
        bound = super().bind(sentence, environments)
        given = {"environment": bound.environment, "at": "", "zone": "", "days": ""}
        if bound.digest:
            if bound.what != "off" or bound.environment:
                raise UsageError(
                    f"{bound.digest} is one digest; it can be turned off.",
                    hint=f"Use: `/patch digest {bound.digest} off`",
                )
        elif bound.what != "list" and not bound.environment:
            if len(environments) != 1:
                names = ", ".join(environments)
                raise UsageError(
                    f"“digest {bound.what}” needs an environment.",
                    hint=f"Environments: {names}. Use: {_HOW}",
                )
            given["environment"] = environments[0]
        if bound.what == "on":
            given["at"] = f"{words.time_of(bound.at):%H:%M}"
            given["zone"] = words.zone_of(bound.zone) if bound.zone else ""
            given["days"] = words.days_of(bound.days)
        elif stray := bound.model_fields_set & {"at", "zone", "days"}:
            word = getattr(bound, min(stray))
            raise UsageError(f"I don't know what to do with “{word}” here.", hint=f"Use: {_HOW}")
        return bound.model_copy(update=given)

    @classmethod
    def _from_words(cls, sentence: Sentence) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for word in sentence.words:
            if word.casefold() in {"am", "pm"} and "at" in values:
                values["at"] += word
                continue
            name = _name_of(word, values)
            if name in values:
                near = closest(word, DAY_WORDS) if name == "zone" else None
                hint = f"Did you mean “{near}”? " if near else ""
                raise UsageError(
                    f"I don't know what to do with “{word}” here.", hint=f"{hint}Use: {_HOW}"
                )
            values[name] = word.upper() if name == "digest" else word
        return values


def _name_of(word: str, values: dict[str, Any]) -> str:
    if word.casefold() in _SWITCHES:
        return "what"
    if _ID.fullmatch(word):
        return "digest"
    if words.looks_like_time(word):
        return "at"
    if words.looks_like_days(word):
        return "days"
    if "environment" not in values and not words.looks_like_zone(word):
        return "environment"
    return "zone"


def wish(arguments: DigestArguments) -> Wish | None:
    """On and off change something; everything else only asks."""
    if arguments.what == "off" and arguments.digest:
        return Wish(OFF, {"digest": arguments.digest})
    if arguments.what == "off":
        return Wish(OFF, {"environment": arguments.environment})
    if arguments.what == "on":
        return Wish(ON, arguments.model_dump(include={"environment", "at", "zone", "days"}))
    return None


def run(arguments: DigestArguments, context: Context) -> DigestsReport | DigestReport:
    """The digests that are on, or one made now. Raises UsageError for what must be typed in a channel."""
    if arguments.what in {"on", "off"}:
        where = "a terminal" if context.surface is Surface.TERMINAL else "a button"
        which = arguments.digest or arguments.environment
        place = "in Slack" if arguments.digest else "in the channel that is meant"
        raise UsageError(
            f"Digests are not turned on or off from {where}.",
            hint=f"Type `/patch digest {which} {arguments.what}` {place}.",
        )
    if arguments.what == "now":
        environment = arguments.environment
        since = _since(context, environment)
        return context.digests.compose(environment, since, context.now, progress=context.progress)
    rows = []
    for one in context.ledger.subscriptions():
        if one.active and arguments.environment in {"", one.environment}:
            slots = context.ledger.slots(one.id, limit=SLOTS)
            following = next_instant(one, context.now, after=slots[0].day if slots else None)
            rows.append(subscription_row(one, slots, following))
    return DigestsReport(
        environment=arguments.environment, as_of=context.now, subscriptions=tuple(rows)
    )


def _since(context: Context, environment: str) -> datetime | None:
    """The last digest of the environment that anybody got."""
    ledger = context.services.ledger
    of_it = ledger.subscriptions() if ledger is not None else ()
    times = [
        last_posted(context.ledger.slots(one.id)) for one in of_it if one.environment == environment
    ]
    return max(filter(None, times), default=None)


def _headline(report: DigestsReport) -> str:
    where = f" of {report.environment}" if report.environment else ""
    number = len(report.subscriptions)
    return f"{counted(number, 'digest')}{where}" if number else f"No channel gets a digest{where}"


def slack(report: DigestsReport | DigestReport, context: Context) -> Card:
    """Each with its next slot in the reader's own time and what became of the last ones."""
    if isinstance(report, DigestReport):
        return digest_card(report)
    what = _headline(report)
    above = cards.title(what, context)
    blocks = fit(
        [_row(row) for row in report.subscriptions], budget=room(above) - 600, at_most=SHOWN
    )
    below = [
        small_print(
            markup("Turn one on in the channel that is to get it: {how}", how=cards.prose(_HOW))
        )
    ]
    if blocks.left:
        below.insert(0, small_print(f"{counted(blocks.left, 'more digest')}: name an environment."))
    first = ", ".join(f"{row.environment} {_when(row)}" for row in report.subscriptions[:3])
    return Card(f"{what}. {first}".strip(), (*above, *blocks.shown, *below))


def _row(row: SubscriptionRow) -> Block:
    head = markup(
        "{id} {environment} in {channel}: {when}\n{next}",
        id=cards.prose(row.id),
        environment=bold(row.environment),
        channel=channel(row.channel),
        when=cards.prose(_when(row)),
        next=date(row.next, lead="Next "),
    )
    lines = [markup("• {line}", line=cards.prose(_slot(slot), 300)) for slot in row.slots]
    return section(join("\n", (head, *lines)))


def _when(row: SubscriptionRow) -> str:
    return f"{row.days} at {row.at} {row.zone}"


def _slot(slot: SlotRow) -> str:
    late = " late" if slot.late and slot.state.value in {"claimed", "posting", "posted"} else ""
    return f"{slot.day:%a %Y-%m-%d}: {slot.state.value}{late}" + (
        f", {slot.reason}" if slot.reason else ""
    )


def terminal(report: DigestsReport | DigestReport, context: Context) -> RenderableType:
    """The same as a table."""
    if isinstance(report, DigestReport):
        return digest_terminal(report, zone=console.zone(context))
    if not report.subscriptions:
        return console.prose(f"{_headline(report)}. Turn one on in Slack: {_HOW}")
    table = console.columns("Digest", "Channel", "When", "Next", "Last ones")
    for row in report.subscriptions:
        table.add_row(
            console.text(f"{row.id} {row.environment}", "bold"),
            console.text(row.channel),
            console.text(_when(row)),
            console.text(console.moment(row.next, context)),
            console.lines(*(console.text(_slot(slot)) for slot in row.slots)),
        )
    return console.stack(console.text(_headline(report), "bold"), table)


COMMAND = Command(
    name="digest",
    asks_ledger=True,
    summary="a daily word on what changed, in a channel, at a time of its own",
    arguments=DigestArguments,
    run=run,
    slack=slack,
    terminal=terminal,
    wish=wish,
    examples=(
        "digest",
        "digest prod on 09:00 Europe/Berlin weekdays",
        "digest prod on",
        "digest prod off",
        "digest D-2 off",
        "digest prod now",
    ),
    details=(
        "It goes to the channel in which it is turned on; requesters of the environment and admins may. Without a time"
        " it comes at 09:00 in your own zone on weekdays. Each day has one digest, also when the clocks change; one"
        " that was missed for less than six hours comes late, others are named in the next. By its id, which"
        " the list shows, one is turned off from anywhere, also when its channel is archived. A terminal only"
        " shows them."
    ),
)
