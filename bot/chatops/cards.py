"""The parts that the Slack cards of all commands share: age, gaps, rows of nodes, buttons, errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, Literal

from bot.chatops import inert, sizes
from bot.chatops.blocks import Block, Element, actions, button, context, header, section
from bot.chatops.command import Show, action_id
from bot.chatops.context import Context
from bot.chatops.forms import Option, select
from bot.chatops.grammar import Sentence, format_sentence
from bot.chatops.limits import size
from bot.chatops.markup import Mrkdwn, Text, ago, bold, code, date, join, markup, user, usergroup
from bot.chatops.markup import prose as markup_prose
from bot.chatops.markup import timed as markup_timed
from bot.chatops.reply import Card
from bot.core.errors import NotAllowed, PatchbotError, UsageError
from bot.core.identity import Members
from bot.core.reports import GapRow, NodeRow
from bot.core.running import BOT
from bot.core.summaries import about_gap, connection_lost, in_short, short_platform
from bot.core.wording import ago as ago_in_words
from bot.core.wording import counted

REFRESH: Final = "refresh"
GAPS_SHOWN: Final = 5
MENTIONED: Final = 20
CANDIDATES_SHOWN: Final = 10
_SIGNS: Final = {NotAllowed: "⛔", UsageError: "❓", PatchbotError: "⚠️"}
_GAP_TEXT: Final = 400
_NOTICE_TEXT: Final = 300
_COST: Final = {"&": 5, "<": 4, ">": 4, '"': 2, "\\": 2}


def prose(words: str, limit: int = 400) -> Mrkdwn:
    """A sentence with commands between backticks, as `markup.prose`, cut to about `limit` characters of JSON."""
    return markup_prose(brief(words, limit))


def timed(words: str, limit: int = 400) -> Mrkdwn:
    """A sentence of ours with moments in it, as `markup.timed`, cut like `prose`."""
    return markup_timed(brief(words, limit))


def asked(question: Context, *, refresh: bool = False, **options: str | None) -> str:
    """The question that was asked, as a sentence for a button, with `options` set anew (None takes one away).

    Without `refresh` the sentence reads what was last read, whatever the question said.
    """
    sentence = question.sentence
    words = [word for word in sentence.words if word.casefold() != REFRESH]
    kept = tuple(pair for pair in sentence.options if pair[0] not in options)
    changed = tuple((key, value) for key, value in options.items() if value is not None)
    return format_sentence(
        replace(
            sentence, words=(*words, *([REFRESH] if refresh else [])), options=(*kept, *changed)
        )
    )


def sentence(command: str, *words: str, **options: str) -> str:
    """A sentence for a button that asks something else."""
    return format_sentence(Sentence(command, words, tuple(options.items())))


def show(
    text: str,
    where: Show,
    what: str,
    *,
    name: str,
    label: str | None = None,
    style: Literal["primary"] | None = None,
) -> Element:
    """A button that shows the answer to the sentence `what`; `name` tells it from the others on the card."""
    return button(text, action_id=action_id(where, name), value=what, label=label, style=style)


def plan(
    operation: Literal["install", "scan"],
    environment: str,
    options: Mapping[str, str],
    *,
    whom: str = "",
    style: Literal["primary"] | None = None,
) -> Element:
    """A button that opens the form in which an Install or a Scan is asked for; nothing is sent by it.

    `whom` says which nodes it is for, where the card leaves that open.
    """
    words = "Plan an Install" if operation == "install" else "Plan a Scan"
    what = sentence(operation, environment, **options)
    told = f"{words} for {whom}…" if whom else f"{words}…"
    return show(told, Show.FORM, what, name=operation, style=style)


def menu(
    placeholder: str,
    where: Show,
    choices: Sequence[tuple[str, str]],
    *,
    name: str,
    chosen: str | None = None,
) -> tuple[Element, ...]:
    """A menu of (text, sentence); none where a sentence is too long for a menu, or nothing is to be chosen."""
    options = [Option(text, what) for text, what in choices]
    if not options or any(len(option.value) > sizes.OPTION_VALUE for option in options):
        return ()
    initial = next((option for option in options if option.value == chosen), None)
    return (
        select(
            placeholder,
            options[: sizes.OPTIONS],
            action_id=action_id(where, name),
            initial=initial,
        ),
    )


def row_of(*elements: Element) -> tuple[Block, ...]:
    """Buttons and menus in a row; nothing when there are none."""
    return (actions(*elements),) if elements else ()


def refresh_and_share(question: Context) -> tuple[Element, ...]:
    """Refresh and Share on a card that only the asker sees; on a shared one, a private copy for whoever clicks."""
    if question.shared:
        return (show("Open for me", Show.PRIVATE, asked(question), name="open"),)
    return (
        show("Refresh", Show.REPLACE, asked(question, refresh=True), name="refresh"),
        show("Share to channel", Show.CHANNEL, asked(question), name="share"),
    )


def csv(question: Context, text: str, what: str) -> Element:
    """A button for the answer to `what` as a file; on a shared card it says that everybody there gets it."""
    return show(f"{text} for all" if question.shared else text, Show.FILE, what, name="csv")


def title(text: str, question: Context) -> tuple[Block, ...]:
    """The headline, and on a card that a whole channel sees, who shared it."""
    if not question.shared:
        return (header(text),)
    return (header(text), context(markup("Shared by {who}", who=user(question.person.id))))


def requester(person: str) -> Text:
    """Who asked: a person, or patchbot itself where an environment says `auto_request`."""
    return "patchbot" if person == BOT else user(person)


def mentions(members: Members, *, but: str = "") -> tuple[Mrkdwn, ...]:
    """Configured people and user groups, all of whom this notifies; without the person `but`."""
    groups = [usergroup(group) for group in sorted(members.usergroups)]
    people = [user(person) for person in sorted(members.users) if person != but]
    return (*groups, *people)[:MENTIONED]


def read_line(as_of: datetime) -> Mrkdwn:
    """When AWS was read, in the reader's own time, with an age that Slack keeps current."""
    return markup("{when} ({age})", when=date(as_of, lead="Read "), age=ago(as_of))


def gaps(rows: Sequence[GapRow], now: datetime, *, most: int = GAPS_SHOWN) -> tuple[Block, ...]:
    """What could not be read, `most` of it in words and how much more there is; nothing when all was read."""
    if not rows:
        return ()
    lines: list[Text] = [prose(about_gap(row, now), _GAP_TEXT) for row in rows[:most]]
    if len(rows) > most:
        lines.append(f"{counted(len(rows) - most, 'more gap')}.")
    return (
        section(
            markup(
                ":warning: *Not everything could be read: {count}*\n{lines}",
                count=counted(len(rows), "gap"),
                lines=join("\n", [markup("• {line}", line=line) for line in lines]),
            )
        ),
    )


def notices(lines: Sequence[str]) -> tuple[Block, ...]:
    """Remarks that change no number, three at most and how many more there are."""
    if not lines:
        return ()
    shown: list[Text] = [prose(line, _NOTICE_TEXT) for line in lines[:3]]
    if len(lines) > len(shown):
        shown.append(counted(len(lines) - len(shown), "more remark"))
    return (context(join("\n", shown)),)


def brief(text: str, limit: int) -> str:
    """The text, cut so that it takes at most `limit` characters of JSON once it is escaped."""
    clean = inert.plain(text, limit)
    used = 1
    for index, char in enumerate(clean):
        used += _COST.get(char, 1)
        if used > limit + 1:
            return f"{clean[: index - 1].rstrip()}…"
    return clean


def node_rows(
    rows: Sequence[NodeRow], now: datetime, *, environment: str, details: bool = True
) -> tuple[Block, ...]:
    """Rows of a list: what is wrong with which node, whose it is, and a button that opens it.

    Account and Region are only said where the rows differ in them; without `details` they are left out.
    """
    regions, accounts = {row.region for row in rows}, {row.account for row in rows}
    blocks = []
    for row in rows:
        extra = (
            (
                brief(short_platform(row.platform), 36),
                row.owner or "no owner",
                row.account if len(accounts) > 1 else "",
                row.region if len(regions) > 1 else "",
                _operation(row, now),
                "connection lost" if connection_lost(row) else "",
            )
            if details
            else ()
        )
        about: list[Text] = [
            code(brief(row.instance_id, 40)),
            *(brief(part, 44) for part in extra if part),
        ]
        name = brief(row.name, 64) if row.name.strip() else row.instance_id
        text = markup(
            "{name} — {what}\n{about}",
            name=bold(name),
            what=prose(in_short(row, now)),
            about=join(" · ", about),
        )
        blocks.append(section(text, accessory=_opener(row, environment)))
    return tuple(blocks)


def _operation(row: NodeRow, now: datetime) -> str:
    return f"{row.operation} {ago_in_words(row.operation_end_time, now)}" if row.operation else ""


def _opener(row: NodeRow, environment: str) -> Element:
    """Opens exactly this node: the same id may exist in two accounts."""
    where = {"account": row.account, "region": row.region}
    return show(
        "Open",
        Show.PRIVATE,
        sentence(
            "node",
            row.instance_id,
            environment,
            **{key: value for key, value in where.items() if value},
        ),
        name=f"open:{row.account}:{row.region}:{row.instance_id}"[: sizes.ID - 10],
        label=f"Open {brief(row.name or row.instance_id, 60)}",
    )


def fitting(*drafts: Sequence[Block]) -> tuple[Block, ...]:
    """The first draft that fits into one message; the last one in any case."""
    fits = (draft for draft in drafts if size(list(draft)) <= sizes.MESSAGE_SIZE)
    return tuple(next(fits, drafts[-1]))


def bullets(lines: Iterable[str]) -> Mrkdwn:
    """Sentences of ours as a list."""
    return join("\n", [markup("• {line}", line=prose(line)) for line in lines])


def numbered(lines: Iterable[str]) -> Mrkdwn:
    """Sentences of ours as steps in their order; a single one needs no number."""
    steps = [prose(line) for line in lines]
    if len(steps) == 1:
        return steps[0]
    return join("\n", [markup("{n}. {line}", n=n, line=line) for n, line in enumerate(steps, 1)])


def late_answer(text: str) -> Card:
    """The answer to a click that could not be given at once."""
    late = "The answer to a click of yours. I could not give it at once."
    return Card(inert.plain(text, 1000), (section(prose(text, 2000)), context(late)))


def error_card(error: PatchbotError | None, *, incident: str = "") -> Card:
    """What went wrong, what is allowed, what to do next.

    None stands for a fault of ours: then `incident` is the id under which the log has the details.
    """
    if error is None:
        text = "Something went wrong on my side; nothing was changed."
        hint = f"Try again. If it stays, tell your patchbot admin the error id {incident}."
    else:
        text = inert.plain(error.message, 1000)
        hint = inert.plain(error.hint, 1000) if error.hint else ""
    sign = _SIGNS[next((kind for kind in _SIGNS if isinstance(error, kind)), PatchbotError)]
    blocks = [section(markup("{sign} {text}", sign=sign, text=prose(text, 1000)))]
    candidates = error.candidates if isinstance(error, UsageError) else ()
    for index, (label, what) in enumerate(candidates[:CANDIDATES_SHOWN]):
        choose = show(
            "This one",
            Show.REPLACE,
            what,
            name=f"candidate:{index}",
            label=f"This one: {brief(label, 60)}",
        )
        blocks.append(section(prose(label, 300), accessory=choose))
    if len(candidates) > CANDIDATES_SHOWN:
        left = counted(len(candidates) - CANDIDATES_SHOWN, "more", "more")
        blocks.append(context(f"{left}: say which one by its instance id."))
    if hint:
        blocks.append(context(prose(hint, 1000)))
    return Card(f"{text} {hint}".strip(), tuple(blocks))


def working_text(what: Sentence) -> str:
    """What stands there until the answer comes."""
    about = " ".join(word for word in what.words if word.casefold() != REFRESH)
    return f"Looking at {about} …" if about else "Looking …"
