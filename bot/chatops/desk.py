"""The front door of every question, from Slack and from the terminal alike: parse, authorise, bind, answer."""

from __future__ import annotations

from dataclasses import dataclass

from bot.chatops import corrections, inert
from bot.chatops.blocks import Element
from bot.chatops.command import AnyCommand, Wish
from bot.chatops.context import Context, Services, Surface
from bot.chatops.grammar import Sentence, parse
from bot.chatops.reply import Attachment, Card
from bot.chatops.suggest import closest
from bot.core.errors import NotAllowed, NotFound, UsageError
from bot.core.identity import Kind, Person, Role
from bot.core.ports import Clock, Progress
from bot.core.reports import Report

DEFAULT_COMMAND = "help"


@dataclass(frozen=True, slots=True)
class Answer:
    """A report with the command that made it, ready to be shown."""

    command: AnyCommand
    report: Report
    context: Context

    def card(self) -> Card:
        """The answer as a Slack message."""
        return self.command.slack(self.report, self.context)

    def modal(self) -> Element | None:
        """The answer as a form to fill in; None where the command has none."""
        return self.command.modal(self.report, self.context) if self.command.modal else None

    def attachment(self) -> Attachment:
        """The answer as a file. Raises UsageError where a command has none."""
        if self.command.file is None:
            raise UsageError(f"“{self.command.name}” has no file to hand over.")
        return self.command.file(self.report, self.context)

    def json(self) -> str:
        """The report itself, under its versioned schema name; unprintable characters are escaped."""
        return inert.json_text(self.report.model_dump_json(by_alias=True, indent=2))

    @property
    def exit_code(self) -> int:
        """The terminal's exit code."""
        return self.command.exit_code(self.report)


class Desk:
    """Answers sentences of the grammar for people, with their own rights."""

    def __init__(self, services: Services, *, clock: Clock) -> None:
        self._services = services
        self.access = services.access
        self._clock = clock

    def understand(self, text: str) -> tuple[AnyCommand, Sentence]:
        """The command and the sentence behind `text`. Raises UsageError and NotFound."""
        first = parse(text)
        if " " in first.command and not (first.words or first.options):
            return self.understand(first.command)  # somebody quoted the whole sentence
        try:
            command = self._services.commands.get(first.command or DEFAULT_COMMAND)
        except NotFound as error:
            environments = self._services.compliance.environments
            if first.command.casefold() in environments:
                asked = Sentence("status", (first.command.casefold(),))
                raise NotFound(
                    f"“{first.command}” is an environment; say what you want of it.",
                    candidates=corrections.command(asked, asked.command),
                    hint="`/patch help` lists what I know.",
                ) from None
            meant = closest(first.command, self._services.commands.names)
            error.candidates = corrections.command(self._as_of(text, meant), meant)
            raise
        return command, parse(text, keys=command.arguments.option_keys())

    def asks_ledger(self, text: str) -> bool:
        """Whether the ledger must be there to answer `text`. Raises UsageError and NotFound."""
        return self.understand(text)[0].asks_ledger

    def wish(self, text: str) -> Wish | None:
        """What `text` wants changed; None where it only asks. Raises UsageError and NotFound."""
        command, sentence = self.understand(text)
        if command.wish is None:
            return None
        bound = command.arguments.bind(sentence, self._services.compliance.environments)
        return command.wish(bound)

    def answer(
        self,
        text: str,
        person: Person,
        *,
        surface: Surface,
        shared: bool = False,
        progress: Progress | None = None,
    ) -> Answer:
        """Do what `text` asks. Raises PatchbotError with the reason where it cannot be done."""
        # Before anything is parsed: an error or a suggestion would tell what there is.
        self._admit(person)
        command, sentence = self.understand(text)
        decision = self._services.access.decide(person, command.role)
        if not decision.allowed:
            raise NotAllowed(
                f"You may not use “{command.name}”: {decision.reason}.",
                hint="`/patch help` lists what you may do; a patchbot admin can give you the role.",
            )
        arguments = command.arguments.bind(sentence, self._services.compliance.environments)
        context = Context(
            self._services,
            person,
            sentence,
            self._clock(),
            surface,
            shared=shared,
            progress=progress,
        )
        return Answer(command, command.run(arguments, context), context)

    def _as_of(self, text: str, command: str | None) -> Sentence:
        """The sentence as that command reads it."""
        keys = self._services.commands.get(command).arguments.option_keys() if command else ()
        return parse(text, keys=keys)

    def _admit(self, person: Person) -> None:
        """Let in whoever may at least look. Raises NotAllowed."""
        decision = self._services.access.decide(person, Role.VIEWER)
        if not decision.allowed:
            hint = "A patchbot admin decides who may." if person.kind is Kind.MEMBER else ""
            raise NotAllowed(f"You may not use patchbot: {decision.reason}.", hint=hint)
