"""The bot with a real ledger and the real handlers, in the demo's workspace: for tests of what clicks change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bot.chatops import notices
from bot.chatops.context import Services
from bot.chatops.desk import Desk
from bot.chatops.registry import Registry
from bot.chatops.reply import Card
from bot.core.environments import Environment
from bot.core.errors import StorageError
from bot.core.identity import AccessPolicy, Members
from bot.core.ledger import InboxItem, Notice
from bot.core.readings import TargetReading
from bot.core.requests import Request
from bot.core.rules import ChangeRules
from bot.demo.slack.demo_workspace import (
    APPROVALS,
    HOME,
    JONAS,
    MAYA,
    PATCHING,
    PLATFORM_APPROVERS,
)
from bot.services.asking import Asking
from bot.services.compliance import Compliance
from bot.services.decisions import Decisions
from bot.services.doctor import Doctor
from bot.services.installs import Installs
from bot.services.intake import Intake
from bot.services.people import PersonLookup
from bot.services.subscribing import Subscribing
from bot.services.surveying import Surveyor
from bot.slack.changes import Parts
from bot.slack.digest_poster import DigestParts
from bot.slack.messages import says
from bot.slack.noticeboard import Noticeboard
from bot.store.ledger import SqliteLedger
from tests.commands import fleet
from tests.services.changes import QuietCommands, nodes, proposal
from tests.slack.conftest import Front, World, until, world_of

RULES = ChangeRules(
    "prod",
    requesters=Members(users=frozenset({MAYA, JONAS})),
    approvers=Members(usergroups=frozenset({PLATFORM_APPROVERS})),
    approvals=2,
    protected=True,
    channel=PATCHING,
    approval_channel=APPROVALS,
)


class Shelf(SqliteLedger):
    """The real ledger, whose disk can be full."""

    full = False

    def put_inbox(self, item: InboxItem) -> bool:
        if self.full:
            raise StorageError("The disk is full.")
        return super().put_inbox(item)


@dataclass
class Shop:
    """Everything together. Time moves by hand; the reading of AWS can be held up."""

    folder: Path
    now: datetime = fleet.NOW
    ledger: Shelf = field(init=False)
    world: World = field(init=False)
    intake: Intake = field(init=False)
    surveyor: Surveyor = field(init=False)
    undrawable: set[str] = field(default_factory=set)

    def clock(self) -> datetime:
        return self.now

    def services(self) -> Services:
        found = nodes(8)
        read = TargetReading(fleet.FRANKFURT, fleet.ACCOUNT, fleet.NOW, found)
        lists = {one.node.instance_id: fleet.PATCHES for one in found}
        compliance = Compliance(
            {"prod": Environment("prod", (fleet.FRANKFURT,), protected=True)},
            fleet.FakeGateway({("prod", "eu-central-1"): read}, lists),
            fleet.FakeStore(),
            clock=self.clock,
            time_to_live=timedelta(minutes=10),
        )
        rules = {"prod": RULES}
        self.surveyor = Surveyor(
            compliance, QuietCommands(), self.ledger, rules=rules, clock=self.clock
        )
        return Services(
            compliance,
            AccessPolicy(requesters=RULES.requesters),
            Doctor(lambda: ()),
            Registry("commands"),
            Installs(self.ledger, self.surveyor, clock=self.clock),
            self.ledger,
        )

    def parts(self, people: PersonLookup, _home: Any) -> Parts:
        decisions = Decisions(self.ledger, {"prod": RULES}, clock=self.clock)
        asking = Asking(self.ledger, self.surveyor, clock=self.clock)
        subscribing = Subscribing(self.ledger, {"prod": RULES}, clock=self.clock)
        handlers = asking.handlers() | decisions.handlers() | subscribing.handlers()
        self.intake = Intake(self.ledger, people, handlers, clock=self.clock)
        return Parts(
            ledger=self.ledger,
            intake=self.intake,
            draw=self.draw,
            must_type=lambda _request, _plan: True,
            objection=decisions.objection,
            moved=lambda: None,
            clock=self.clock,
            digests=DigestParts(
                compose=lambda environment, _since, now: f"{environment} as of {now:%H:%M}",
                draw=lambda _, slot, report, _missed: says(f"Digest {slot.key}: {report}"),
            ),
        )

    def draw(self, notice: Notice) -> Card:
        if notice.key in self.undrawable:
            raise RuntimeError("a bug in a card")
        return notices.draw(notice, self.ledger, self.clock(), rules={"prod": RULES})

    def start(self) -> None:
        """Take clicks up and post, as `serve` does."""
        self.world.bot.begin_changes()

    def board(self) -> Noticeboard:
        """The bot's own noticeboard, to be moved by hand where the bot was not started."""
        board = self.world.bot._noticeboard
        assert board is not None
        return board

    def ask(self, **changes: Any) -> Request:
        """A request of Maya's that waits for its approvals, past Slack."""
        body = {"proposal": proposal(**changes).body(), "channel": ""}
        key = f"asked/{len(self.ledger.requests())}"
        item = InboxItem(key, "request.submit", MAYA, HOME, body, self.now)
        reply = self.intake.take(item) if self.ledger.put_inbox(item) else None
        assert reply is not None, "somebody else took it"
        self.intake.told(item)
        assert reply.allowed, reply.text
        return self.ledger.requests()[0]

    def modal(self, user: str, callback: str) -> dict[str, Any]:
        """The open modal of that callback id, once it is filled."""
        person = self.world.slack.person(user)
        until(lambda: bool(person.views()) and person.views()[-1]["callback_id"] == callback)
        return person.views()[-1]

    def told(self, user: str, channel: str, holds: str) -> str:
        """What somebody was told in a channel, once they are."""
        return str(self.world.answer(user, channel, holds)["text"])

    def card(self, user: str, holds: str = "Approval wanted", channel: str = APPROVALS) -> Any:
        """The card as it stands now."""
        return self.world.answer(user, channel, holds)

    def notice(self, key: str) -> Notice:
        return next(one for one in self.ledger.notices() if one.key == key)

    def audited(self) -> list[tuple[str, str, str]]:
        """Kind, actor and reason of each entry, oldest first."""
        links = reversed(self.ledger.audit(limit=5000))
        return [(one.kind, one.actor, json.loads(one.body).get("reason", "")) for one in links]


def values(view: dict[str, Any], **typed: str) -> dict[str, dict[str, Any]]:
    """What the page sends for a filled-in form: what stood there, and what was typed."""
    found: dict[str, dict[str, Any]] = {}
    for block in view["blocks"]:
        if block["type"] != "input":
            continue
        element = block["element"]
        value = {"type": element["type"]}
        if "initial_value" in element:
            value["value"] = element["initial_value"]
        if "initial_option" in element:
            value["selected_option"] = element["initial_option"]
        if block["block_id"] in typed:
            value["value"] = typed[block["block_id"]]
        found[block["block_id"]] = {element["action_id"]: value}
    return found


@contextmanager
def shop_of(tmp_path: Path, front: Front, **options: Any) -> Iterator[Shop]:
    """A shop that is open: the local Slack, the bot and the ledger."""
    shop = Shop(tmp_path)
    with ExitStack() as stack:
        ledger = Shelf.open(
            tmp_path / "ledger.db", clock=shop.clock, key=b"k" * 32, allow_network=True
        )
        assert isinstance(ledger, Shelf)
        shop.ledger = ledger
        stack.callback(shop.ledger.close)
        services = shop.services()
        desk = Desk(services, clock=shop.clock)
        shop.world = stack.enter_context(
            world_of(tmp_path, front, package="commands", desk=desk, changing=shop.parts, **options)
        )
        yield shop
        assert shop.ledger.verify().sound
