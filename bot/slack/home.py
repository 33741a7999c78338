"""The Home tab: how every environment stands, what to click next, and what the person may do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import structlog

from bot.chatops import cards
from bot.chatops.blocks import (
    Block,
    Element,
    actions,
    context,
    divider,
    fields,
    fit,
    header,
    section,
)
from bot.chatops.command import Show
from bot.chatops.context import Surface
from bot.chatops.desk import Desk
from bot.chatops.forms import home
from bot.chatops.limits import check_view
from bot.chatops.markup import Text, bold, join, markup
from bot.chatops.reply import Card
from bot.core.errors import NotAllowed, PatchbotError, SlackError
from bot.core.identity import AccessPolicy, Person, Role
from bot.core.reports import FleetReport, Report, StatusReport
from bot.core.summaries import attention_in_words, figures, headline, no_nodes
from bot.slack.api import SlackApi
from bot.slack.identity import Directory
from bot.slack.incoming import Origin
from bot.slack.patience import Patience

_log: Final = structlog.get_logger("bot.slack.home")
_ENVIRONMENTS_SHOWN: Final = 15
_SIZE: Final = 60_000


class HomeTab:
    """Draws Home tabs, with the rights of the person each belongs to."""

    def __init__(
        self, desk: Desk, *, api: SlackApi, directory: Directory, patience_seconds: float
    ) -> None:
        self._desk = desk
        self._api = api
        self._directory = directory
        self._patience_seconds = patience_seconds

    def draw(self, origin: Origin) -> None:
        """Publish the Home tab; where the fleet cannot be shown it says why. Raises SlackError."""
        user_id = origin.sender.user_id
        with Patience(self._patience_seconds, lambda: self._tell_reading(user_id)) as patience:
            blocks = self._blocks(origin)
            patience.end()
            self._publish(user_id, blocks)

    def show(self, origin: Origin, card: Card) -> None:
        """Publish a card as the Home tab. Raises SlackError."""
        self._publish(origin.sender.user_id, _troubled(card))

    def _blocks(self, origin: Origin) -> tuple[Block, ...]:
        try:
            person = self._directory.identify(origin.sender).person
            answer = self._desk.answer("status", person, surface=Surface.SLACK)
        except PatchbotError as error:
            _log.info("home.refused", user=origin.sender.user_id, error=type(error).__name__)
            refused = isinstance(error, NotAllowed)  # every button would be refused, too
            return _troubled(cards.error_card(error), ways_on=not refused)
        return dashboard(
            answer.report,
            now=answer.context.now,
            person=person,
            access=answer.context.services.access,
        )

    def _tell_reading(self, user_id: str) -> None:
        try:
            self._publish(user_id, (header("Your fleet"), section("Reading AWS …")))
        except SlackError as error:
            _log.warning("home.failed", user=user_id, reason=error.code)

    def _publish(self, user_id: str, blocks: Sequence[Block]) -> None:
        problems = check_view({"type": "home", "blocks": list(blocks)})
        if problems:
            _log.error("home.over_limit", problems=[problem.code for problem in problems[:5]])
            blocks = _troubled(
                cards.error_card(
                    PatchbotError(
                        "The Home tab broke one of Slack's limits.", hint="Ask `/patch status`."
                    )
                )
            )
        self._api.publish_home(user_id, home(list(blocks))["blocks"])


def dashboard(
    report: Report, *, now: datetime, person: Person, access: AccessPolicy
) -> tuple[Block, ...]:
    """The Home tab of `person` for the answer to `status`. Sections and fields only: a Home tab takes no tables."""
    environments = environments_of(report)
    shown = fit(
        environments[:_ENVIRONMENTS_SHOWN],
        budget=_SIZE,
        at_most=_ENVIRONMENTS_SHOWN,
        rendered=lambda each: _environment(each, now),
    )
    blocks: list[Block] = [header("Your fleet")]
    for environment in shown.shown:
        blocks += [*_environment(environment, now), divider()]
    left = len(environments) - len(shown.shown)
    if left:
        blocks.append(
            context(cards.prose(f"{left} more environments: `/patch status` shows them."))
        )
    return (*blocks, _buttons(), *_about(person, access))


def environments_of(report: Report) -> tuple[StatusReport, ...]:
    """`status` answers with all environments, or with the only one there is."""
    if isinstance(report, FleetReport):
        return report.environments
    return (report,) if isinstance(report, StatusReport) else ()


def _environment(report: StatusReport, now: datetime) -> tuple[Block, ...]:
    name = report.environment
    buttons: tuple[Element, ...] = (
        cards.show(
            f"Status of {name}", Show.PRIVATE, cards.sentence("status", name), name=f"status:{name}"
        ),
        cards.show(
            f"Nodes of {name}", Show.PRIVATE, cards.sentence("nodes", name), name=f"nodes:{name}"
        ),
    )
    title = section(_headline(report))
    read = context(cards.read_line(report.as_of))
    if not report.nodes.total:
        return (title, section(cards.prose(no_nodes(report))), read, actions(*buttons))
    values: list[Text] = [
        markup("*{label}*\n{value}", label=label, value=value)
        for label, value in figures(report, now)
    ]
    return (
        title,
        *fields(values),
        *_remarks(report),
        read,
        actions(*buttons),
    )


def _headline(report: StatusReport) -> Text:
    rest = headline(report).removeprefix(f"{report.environment}: ")
    return markup("{name}: {rest}", name=bold(report.environment), rest=rest)


def _remarks(report: StatusReport) -> tuple[Block, ...]:
    """What could not be read and what wants a look; nothing where all is well."""
    lines: list[Text] = []
    if report.gaps:
        places = [f"{gap.account}/{gap.region}".strip("/") for gap in report.gaps[:3]]
        more = f" and {len(report.gaps) - 3} more" if len(report.gaps) > 3 else ""
        what = f"{', '.join(places)}{more}"
        lines.append(markup("Not read: {what}. Its nodes count as unknown.", what=what))
    attention = attention_in_words(report)
    if attention:
        lines.append(markup("Wants a look: {what}", what=", ".join(attention)))
    return (context(join("\n", lines)),) if lines else ()


def _buttons() -> Block:
    return actions(
        cards.show("Read AWS again", Show.REPLACE, "status refresh", name="refresh"),
        cards.show("Help", Show.PRIVATE, "help", name="help"),
    )


def _about(person: Person, access: AccessPolicy) -> tuple[Block, ...]:
    roles = [str(role) for role in Role if access.decide(person, role).allowed]
    return (
        context(
            f"Your roles: {', '.join(roles) or 'none'}. Answers to these buttons come as direct messages."
        ),
    )


def _troubled(card: Card, *, ways_on: bool = True) -> tuple[Block, ...]:
    """What went wrong, and two ways on."""
    told = (header("Your fleet"), *(dict(block) for block in card.blocks))
    return (*told, _buttons()) if ways_on else told
