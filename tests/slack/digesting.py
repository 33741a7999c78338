"""A poster of digests in the demo's workspace, over a real ledger, at a time that is moved by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.chatops import notices
from bot.chatops.blocks import picture
from bot.chatops.reply import Card, Picture
from bot.core.audit import Entry
from bot.core.errors import AwsError
from bot.core.ledger import Notice
from bot.core.schedules import Slot, Subscription
from bot.demo.slack.demo_workspace import JONAS, MAYA, PATCHING
from bot.demo.slack.server import LocalSlack
from bot.services import noticing
from bot.slack.api import SlackApi
from bot.slack.audience import Audience
from bot.slack.digest_poster import DigestParts, DigestPoster
from bot.slack.identity import Directory
from bot.slack.messages import says
from bot.slack.noticeboard import Noticeboard
from bot.slack.pictures import Pictures
from bot.store.ledger import SqliteLedger
from tests.core.schedules import a_subscription


@dataclass
class Press:
    """Everything together. The subscription starts now, for digests at the next full hours of days to come."""

    slack: LocalSlack
    ledger: SqliteLedger
    now: datetime
    doubt: str = ""
    broken: bool = False
    drawn: list[tuple[Slot, tuple[Slot, ...]]] = field(default_factory=list)
    composed: list[datetime | None] = field(default_factory=list)
    pictures: Pictures | None = None
    their_clock: Callable[[], datetime | None] = lambda: None
    picture: Picture | None = None
    others: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.api = SlackApi(self.slack.bot_token, base_url=self.slack.api_url)
        self.directory = Directory(self.api, usergroups=(), clock=self.monotonic)
        self.restart()

    def restart(self) -> None:
        """As after a kill: nothing is remembered but what is in the ledger."""
        parts = DigestParts(self.compose, self.draw, lambda: self.doubt, self.owners)
        self.audience = Audience(self.api, self.directory, clock=self.monotonic)
        self.poster = DigestPoster(
            self.ledger,
            self.api,
            parts,
            self.audience.outsiders,
            pictures=self.pictures,
            their_clock=self.their_clock,
            clock=self.clock,
            monotonic=self.monotonic,
        )

    def clock(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return self.now.timestamp()

    def compose(self, environment: str, since: datetime | None, now: datetime) -> str:
        if self.broken:
            raise AwsError("AWS did not answer.")
        self.composed.append(since)
        return f"{environment} as of {now:%H:%M}"

    def draw(
        self, subscription: Subscription, slot: Slot, report: str, before: tuple[Slot, ...]
    ) -> Card:
        self.drawn.append((slot, before))
        card = says(f"Digest {slot.key}: {report}{' (late)' if slot.late else ''}")
        if self.picture is None:
            return card
        shown = (*card.blocks, picture(self.picture.place, "Three of four"))
        return Card(card.text, shown, (self.picture,))

    def owners(self, subscription: Subscription, slot: Slot) -> tuple[Notice, ...]:
        return tuple(
            noticing.owners_part(subscription, slot, owner, PATCHING) for owner in self.others
        )

    def subscribe(self, **changes: Any) -> Subscription:
        """A digest in #platform-patching, of Maya's, due in a minute."""
        at = (self.now + timedelta(minutes=1)).time().replace(second=0, microsecond=0)
        given = {"channel": PATCHING, "created_by": MAYA, "zone": "UTC", "at": at}
        given |= {"since": self.now, "created_at": self.now}
        subscription = a_subscription(**(given | changes))
        entry = Entry("digest.subscribed", MAYA, subscription.subject, {})
        with self.ledger.change() as change:
            change.add_subscription(subscription, [entry])
        return subscription

    def later(self, **length: float) -> None:
        """Time passes, and the poster looks."""
        self.now += timedelta(**length)
        self.poster.post_due()

    def pass_by(self, *, minutes: int) -> None:
        """A look every minute."""
        for _ in range(minutes):
            self.later(minutes=1)

    def slot(self) -> Slot:
        """The newest slot."""
        return self.ledger.slots("D-1", limit=1)[0]

    def said(self, channel: str = PATCHING, reader: str = JONAS) -> list[str]:
        """The digests in the channel."""
        texts = [one["text"] for one in self.slack.person(reader).messages(channel)]
        return [text for text in texts if text.startswith("Digest")]

    def tell(self) -> list[str]:
        """What Maya got as direct messages."""
        board = Noticeboard(
            self.ledger,
            self.api,
            lambda one: notices.draw(one, self.ledger, self.now),
            self.audience,
            clock=self.clock,
        )
        board.post_due()
        posted = [one for one in self.ledger.notices() if one.channel.startswith("D")]
        channel = posted[0].channel if posted else ""
        return [one["text"] for one in self.slack.person(MAYA).messages(channel)] if channel else []

    def kinds(self) -> list[str]:
        """The audit entries about slots, oldest first."""
        links = reversed(self.ledger.audit(subject="digest", limit=1000))
        return [one.kind.removeprefix("digest.") for one in links]

    def reasons(self) -> list[str]:
        links = reversed(self.ledger.audit(subject="digest", limit=1000))
        return [json.loads(one.body).get("reason", "") for one in links]


@contextmanager
def press_of(tmp_path: Path, slack: LocalSlack) -> Iterator[Press]:
    """A press with its ledger open. The local Slack stamps messages with the real time, so it starts there."""
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    held: list[Press] = []
    ledger = SqliteLedger.open(
        tmp_path / "ledger.db",
        clock=lambda: held[0].now if held else now,
        key=b"k" * 32,
        allow_network=True,
    )
    held.append(Press(slack, ledger, now))
    yield held[0]
    assert held[0].ledger.verify().sound
    held[0].ledger.close()
