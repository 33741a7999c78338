"""`audit`: what was asked, refused, decided and sent, and whether the log of it is whole."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field
from rich.console import RenderableType

from bot.chatops import cards
from bot.chatops import terminal as console
from bot.chatops.arguments import Arguments
from bot.chatops.blocks import Block, fit, room, section
from bot.chatops.blocks import context as small_print
from bot.chatops.command import Command
from bot.chatops.context import Context
from bot.chatops.markup import Text, bold, code, date, join, markup, user
from bot.chatops.reply import Card
from bot.chatops.suggest import did_you_mean
from bot.core.audit import parse_code
from bot.core.audit_reports import AuditReport, EntryRow, entry_row, verification_row
from bot.core.errors import UsageError
from bot.core.identity import Role
from bot.core.ledger import Ledger, why_frozen
from bot.core.wording import counted, listed

LIMIT = 20
COUNTED = 1000
"""Up to so many entries more than are shown are counted."""
NOUNS = (
    *("request", "run", "dispatch", "environment", "inbox", "notice", "worker", "ledger", "plan"),
    *("install", "break_glass"),
)
IDS_SHOWN = 5
KINDS_SHOWN = 5
BELOW = 900  # characters of JSON for what stands under the entries
BODY_SHOWN = 300
_NUMBERED = re.compile(r"([A-Za-z])-(\d+)")
_ID = re.compile(r"(?=[^ ]*[0-9])[A-Za-z0-9][\w.:/@+-]{3,250}")
_PERSON = re.compile(r"[UW][A-Z0-9]{1,254}")


class AuditArguments(Arguments):
    """What `audit` takes."""

    WORDS: ClassVar[tuple[str, ...]] = ("check",)

    check: Literal["verify"] | None = Field(
        None, description="check every row of the log instead of listing some"
    )
    who: str = Field("", max_length=64, description="only what this person did, by @mention or id")
    what: str = Field(
        "", max_length=64, description="only this kind, like request or request.approved"
    )
    subject: str = Field("", max_length=200, description="only about this: R-12, X-12, run/X-12")
    limit: int = Field(LIMIT, ge=1, le=1000, description="how many entries")
    head: str = Field("", max_length=100, description="with verify: a head that was kept elsewhere")


def run(arguments: AuditArguments, context: Context) -> AuditReport:
    """Entries, or the check. Raises StorageError when the ledger cannot be read."""
    ledger = context.ledger
    report = AuditReport(
        as_of=context.now,
        ledger=ledger.id,
        head=ledger.head().code,
        read_only_reason=why_frozen(ledger),
    )
    if arguments.check == "verify":
        verified = verification_row(ledger.verify(_head(arguments.head)), against=arguments.head)
        return report.model_copy(update={"verified": verified})
    found = _entries(ledger, arguments)
    if not found:
        _explain_nothing(ledger, arguments)
    rows, further = found[: arguments.limit], max(0, len(found) - arguments.limit)
    told = {"more": further > 0, "further": further, "further_is_least": further >= COUNTED}
    return report.model_copy(update={"entries": rows, **told})


def _head(given: str) -> Any:
    try:
        return parse_code(given) if given else None
    except ValueError as error:
        raise UsageError(
            f"“{given}” is no head: {error}.",
            hint="Heads look like 123:0123456789abcdef; the footer of a digest has one.",
        ) from None


def _entries(ledger: Ledger, arguments: AuditArguments) -> tuple[EntryRow, ...]:
    """Up to COUNTED more than asked for, where there are more."""
    most = arguments.limit + COUNTED
    links = {
        link.seq: link
        for subject in _subjects(arguments.subject)
        for kind in _kinds(arguments.what)
        for link in ledger.audit(
            actor=_person(arguments.who), subject=subject, kind=kind, limit=most
        )
    }
    newest = sorted(links, reverse=True)[:most]
    return tuple(entry_row(links[seq]) for seq in newest)


def _explain_nothing(ledger: Ledger, arguments: AuditArguments) -> None:
    """Raises UsageError where a filter is none, so that nobody takes a typo for “nothing was done”."""
    who = _person(arguments.who)
    if who and not _PERSON.fullmatch(who) and not ledger.audit(actor=who, limit=1):
        raise UsageError(
            f"The log names people by their Slack id, and “{arguments.who}” is none.",
            hint="Mention them: `/patch audit who:@name`, picked from what Slack offers.",
        )
    what = arguments.what
    if what and not any(ledger.audit(kind=kind, limit=1) for kind in _kinds(what)):
        known = sorted({link.kind for link in ledger.audit(limit=COUNTED)})
        nouns = sorted({kind.partition(".")[0] for kind in known})
        raise UsageError(
            f"No entry of the log is of the kind “{what}”.",
            hint=f"{did_you_mean(what, (*nouns, *known))} There are: {listed(nouns)},"
            f" or more exactly, as in {listed(known[:KINDS_SHOWN], 'or')}.".strip(),
        )


def _person(given: str) -> str:
    """An id as the log has it, of what was typed with or without @ and in any case."""
    bare = given.removeprefix("@")
    return bare.upper() if _PERSON.fullmatch(bare.upper()) and any(map(str.isdigit, bare)) else bare


def _kinds(given: str) -> tuple[str, ...]:
    """The kinds behind a word: those that start with it, and where it is what was done, that of every noun."""
    if not given or "." in given:
        return (given,)
    return (given, *(f"{noun}.{given}" for noun in NOUNS))


def _subjects(given: str) -> tuple[str, ...]:
    """The subjects behind a short id: of a request also its run and the sends of that, of a run the sends."""
    match = _NUMBERED.fullmatch(given)
    if match is None:
        return (given,)
    letter, number = match[1].upper(), match[2]
    of_run = (f"run/X-{number}", f"dispatch/X-{number}")
    return (f"request/R-{number}", *of_run) if letter == "R" else of_run


def headline(report: AuditReport, hidden: int = 0) -> str:
    """The answer in one line; `hidden` entries did not fit."""
    found = report.verified
    if found is None:
        every = len(report.entries) + report.further
        words = counted(every, "entry", "entries")
        shown = len(report.entries) - hidden
        least = "at least " if report.further_is_least else ""
        return f"Audit log: {words if shown == every else f'{shown:,} of {least}{words}'}"
    if found.sound:
        return f"The audit log is whole: {counted(found.checked, 'row')} checked"
    return "The audit log is NOT whole"


def _explained(report: AuditReport) -> tuple[str, ...]:
    """What goes with the headline."""
    found = report.verified
    said = []
    if found is not None and not found.sound:
        where = f"Row {found.bad_seq}: " if found.bad_seq is not None else ""
        said.append(f"{where}{found.problem}. The {counted(found.checked, 'row')} before it fit.")
        said.append("Change nothing, keep the file, and read “Audit” in docs/security.md.")
    elif found is not None and not found.against:
        said.append(
            "Without a head that was kept elsewhere a cut-off tail does not show: `audit verify head:<code>`,"
            " or `patchbot audit verify` on the host, which knows the kept ones."
        )
    if report.read_only_reason:
        said.append(f"Nothing can be changed now: {report.read_only_reason}.")
    return tuple(said)


def slack(report: AuditReport, context: Context) -> Card:
    """The newest entries, as many as a message holds."""
    notes = tuple(section(cards.prose(note)) for note in _explained(report))
    rows = fit(
        [_row(row, context) for row in report.entries],
        budget=room((*cards.title(headline(report), context), *notes)) - BELOW,
        at_most=40,
    )
    said = headline(report, rows.left)
    above = (*cards.title(said, context), *notes)
    rest: list[Text] = []
    if rows.left or report.more:
        more = _further(report, rows.left)
        rest.append(
            cards.prose(f"{more}: narrow it down, or `patchbot audit export` on the host for all.")
        )
    below = small_print(markup("Head {head}", head=code(report.head)), *rest)
    return Card(cards.brief(f"{said}.", 1000), (*above, *rows.shown, below))


def _row(row: EntryRow, context: Context) -> Block:
    who: Text = code(row.actor)
    if _PERSON.fullmatch(row.actor) and not context.shared:  # a mention in a channel pings
        who = user(row.actor)
    text = markup(
        "{kind} · {subject} · {who}\n{when} · row {seq}\n{body}",
        kind=bold(row.kind),
        subject=code(row.subject),
        who=who,
        when=date(row.at),
        seq=row.seq,
        body=_body(row.body),
    )
    return section(text)


def _further(report: AuditReport, hidden: int = 0) -> str:
    """How many entries are not shown."""
    least = "at least " if report.further_is_least else ""
    return f"{least}{counted(report.further + hidden, 'more entry', 'more entries')}".capitalize()


def _body(body: Mapping[str, Any]) -> Text:
    """What was written down; ids are code spans, whole and as they are, so that they can be copied."""
    parts: list[Text] = [
        markup("{name}: {value}", name=name.replace("_", " "), value=_value(value))
        for name, value in body.items()
        if value not in ("", None, [])
    ]
    return join(" · ", parts) if parts else "-"


def _value(value: object) -> Text:
    if isinstance(value, str):
        return code(value) if _ID.fullmatch(value) else cards.brief(value, BODY_SHOWN)
    if isinstance(value, list) and all(
        isinstance(one, str) and _ID.fullmatch(one) for one in value
    ):
        more = [f"{len(value) - IDS_SHOWN:,} more"] if len(value) > IDS_SHOWN else []
        return join(", ", [*map(code, value[:IDS_SHOWN]), *more])
    if isinstance(value, Mapping) and all(isinstance(one, str | int) for one in value.values()):
        told = ", ".join(f"{name.replace('_', ' ')} {one}" for name, one in value.items() if one)
        return cards.brief(told or "nothing", BODY_SHOWN)
    return cards.brief(_words(value), BODY_SHOWN)


def _words(value: object) -> str:
    """A value as people say it."""
    if isinstance(value, Mapping):
        pairs = (f"{str(name).replace('_', ' ')} {_words(one)}" for name, one in value.items())
        return ", ".join(pairs) or "nothing"
    if isinstance(value, list):
        return "; ".join(map(_words, value)) or "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "nothing" if value is None else str(value)


def _told(body: Mapping[str, Any]) -> str:
    return " · ".join(
        f"{name.replace('_', ' ')}: {_words(value)}"
        for name, value in body.items()
        if value not in ("", None, [])
    )


def terminal(report: AuditReport, context: Context) -> RenderableType:
    """All entries that were asked for, as a table."""
    found = report.verified
    style = "bold" if found is None else "green" if found.sound else "bold red"
    parts: list[RenderableType] = [console.text(headline(report), style)]
    parts.extend(console.prose(note) for note in _explained(report))
    if report.entries:
        table = console.columns("Row", "What", "Details", right=("Row",))
        for row in report.entries:
            table.add_row(
                console.cell(row.seq),
                console.lines(
                    console.text(row.kind, "bold"),
                    console.text(row.subject),
                    console.text(f"by {row.actor}", "dim"),
                    console.text(console.moment(row.at, context), "dim"),
                ),
                console.text(_told(row.body)),
            )
        parts.append(table)
    if report.more:
        parts.append(
            console.prose(f"{_further(report)}: raise `limit:`, or `patchbot audit export`.")
        )
    parts.append(console.text(f"Head {report.head} of ledger {report.ledger}", "dim"))
    return console.stack(*parts)


COMMAND = Command(
    name="audit",
    asks_ledger=True,
    summary="what was asked, refused, decided and sent, and whether the log of it is whole",
    arguments=AuditArguments,
    run=run,
    slack=slack,
    terminal=terminal,
    examples=("audit", "audit subject:R-12", "audit who:@ana what:request", "audit verify"),
    details="It shows reasons and names from every environment, so it needs the role of an approver or an admin.",
    role=Role.APPROVER,
    exit_code=lambda report: 1 if report.verified and not report.verified.sound else 0,
)
