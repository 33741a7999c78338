"""What a digest is made with when it is posted, over a real ledger, a real history and the fixed fleet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.core.audit import Entry
from bot.core.causes import Cause, Remedy
from bot.core.digest_reports import DigestReport
from bot.core.errors import AwsError, NotFound
from bot.core.nodes import Observation
from bot.core.readings import TargetReading
from bot.core.schedules import Slot, Subscription, stored
from bot.digest_making import REMEMBERED, DigestMaking
from bot.services import noticing
from bot.services.compliance import Compliance
from bot.services.digesting import Digesting
from bot.services.history import History
from bot.store.history import HistoryDatabase
from bot.store.ledger import SqliteLedger
from tests.commands import fleet
from tests.core.schedules import a_slot, a_subscription

OWNERS = {"payments": "C0PAYMENTS1"}


class Desk:
    """A making of digests; time is moved by hand."""

    def __init__(self, directory: Path) -> None:
        self.now = fleet.NOW
        self.drawn = 0
        self.gateway = fleet.gateway()
        self.ledger = SqliteLedger.open(
            directory / "ledger.db", clock=self.clock, key=b"k" * 32, allow_network=True
        )
        self.compliance = Compliance(
            fleet.ENVIRONMENTS,
            self.gateway,
            fleet.FakeStore(),
            clock=self.clock,
            time_to_live=timedelta(minutes=10),
        )
        self.history = History(
            HistoryDatabase(directory / "history.db"),
            self.compliance,
            deadlines={},
            clock=self.clock,
            ledger=self.ledger,
        )
        self.digesting = Digesting(
            self.compliance,
            self.history.store,
            self.ledger,
            deadlines=self.history,
            owners=OWNERS,
        )
        self.making = self.new_making()

    def clock(self) -> datetime:
        return self.now

    def new_making(self) -> DigestMaking:
        return DigestMaking(
            self.ledger, self.digesting, self.history, self.clock, draw_trend=self.draw
        )

    def draw(self, _report: object) -> bytes:
        self.drawn += 1
        return b"a picture"

    def staging(self, *found: Observation) -> None:
        """What AWS says of staging from now on, each node with one patch where any is missing."""
        target = TargetReading(fleet.FRANKFURT, fleet.ACCOUNT, self.now, found)
        self.gateway.readings = {("staging", "eu-central-1"): target}
        self.gateway.patch_lists = {one.node.instance_id: fleet.PATCHES[:1] for one in found}

    def posted(self) -> tuple[Subscription, Slot]:
        """A subscription with a slot of today, in the ledger."""
        subscription = a_subscription(created_at=self.now, since=self.now)
        slot = a_slot(self.now.date())
        with self.ledger.change() as change:
            asked = Entry("digest.subscribed", "U0000ANA1", subscription.subject, {})
            change.add_subscription(subscription, [asked])
            change.claim_slot(slot, [stored(slot)])
        return subscription, slot


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    found = Desk(tmp_path)
    yield found
    found.ledger.close()


def test_what_nodes_miss_is_read_and_the_moment_is_kept(desk: Desk) -> None:
    """So that this digest knows reasons, and the next one compares with it."""
    report = desk.making.compose("prod", None, desk.now)
    assert desk.history.store.exposures("prod")
    since = fleet.ago(days=1)
    (snapshot,) = desk.history.store.snapshots("prod", since=since, digests=True)
    assert (snapshot.at, snapshot.complete) == (report.as_of, False)
    assert desk.history.store.snapshots("prod", since=since) == (), "no point of the trend"


def test_another_digest_of_the_day_hides_nothing_from_the_first(desk: Desk) -> None:
    """Two channels: what was told to the one is not told to it again because the other had its digest later."""
    web = fleet.managed(65, "staging-web-01")
    desk.staging(fleet.scanned(web))
    desk.making.compose("staging", None, desk.now)
    desk.now += timedelta(days=1)
    told_at = desk.now
    desk.staging(fleet.scanned(web, operation_end_time=fleet.NOW + timedelta(hours=8), missing=1))
    desk.history.record("staging")
    assert desk.making.compose("staging", fleet.NOW, desk.now).fleet.worse
    desk.now += timedelta(hours=6)
    desk.making.compose("staging", None, desk.now)
    desk.history.record("staging")
    desk.now += timedelta(hours=18)
    report = desk.making.compose("staging", told_at, desk.now)
    assert (report.fleet.worse, report.unchanged) == ((), True)


def test_what_was_told_with_a_gap_is_compared_with_the_gap(desk: Desk) -> None:
    """A minute later all could be read, and that is the day's snapshot; the next digest says that they came back."""
    web = fleet.scanned(fleet.managed(65, "staging-web-01"))
    desk.staging(web)
    desk.making.compose("staging", None, desk.now)
    desk.now += timedelta(days=1)
    desk.gateway.readings = {}
    report = desk.making.compose("staging", fleet.NOW, desk.now)
    assert [one.why for one in report.fleet.worse] == [Cause.NOT_READABLE]
    desk.now += timedelta(minutes=1)
    desk.staging(web)
    assert desk.history.record("staging")
    desk.now += timedelta(minutes=1)
    told_at = desk.now
    desk.now += timedelta(days=1)
    report = desk.making.compose("staging", told_at, desk.now)
    assert [one.why for one in report.fleet.better] == [Remedy.READABLE]


def test_reasons_are_of_the_reading_that_is_told(desk: Desk) -> None:
    """The last reading is five hours old, and a scan has found a new patch since."""
    web = fleet.managed(65, "staging-web-01")
    desk.staging(fleet.scanned(web))
    desk.making.compose("staging", None, desk.now)
    desk.now += timedelta(hours=5)
    scanned_at = desk.now - timedelta(hours=1)
    desk.staging(fleet.scanned(web, operation_end_time=scanned_at, missing=1))
    report = desk.making.compose("staging", fleet.NOW, desk.now)
    assert [one.why for one in report.fleet.worse] == [Cause.NEW_RELEASE]
    assert report.details_missing == 0


def test_what_aws_does_not_tell_holds_up_no_digest(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise AwsError("AWS did not answer.")

    monkeypatch.setattr(History, "collect", refuse)
    monkeypatch.setattr(History, "keep", refuse)
    assert desk.making.compose("prod", None, desk.now).environment == "prod"
    assert caplog.text.count("AWS did not answer.") == 2


def test_collecting_ends_with_its_time(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fleet whose details take hours is told of without them."""
    ticks = iter(range(0, 10_000, 20))
    desk.making.monotonic = lambda: float(next(ticks))
    bites: list[str] = []

    def endless(_history: History, environment: str, limit: int = 0) -> int:
        bites.append(environment)
        return 1

    monkeypatch.setattr(History, "collect", endless)
    desk.making.compose("prod", None, desk.now)
    assert len(bites) == 3


def test_the_trend_is_drawn_once_there_are_two_days(desk: Desk) -> None:
    subscription, slot = desk.posted()
    report = desk.making.compose("prod", None, desk.now)
    desk.history.record("prod")
    assert desk.making.card(subscription, slot, report, ()).pictures == ()
    desk.now += timedelta(days=1)
    desk.history.record("prod")
    report = desk.making.compose("prod", None, desk.now)
    card = desk.making.card(subscription, slot, report, ())
    (picture,) = card.pictures
    assert [block["type"] for block in card.blocks].count("image") == 1
    assert (picture.draw(), desk.drawn) == (b"a picture", 1)


def test_an_unchanged_day_has_no_picture(desk: Desk) -> None:
    """One line is one line."""
    subscription, slot = desk.posted()
    desk.making.compose("prod", None, desk.now)
    desk.now += timedelta(minutes=1)
    report = desk.making.compose("prod", fleet.NOW, desk.now)
    card = desk.making.card(subscription, slot, report.model_copy(update={"unchanged": True}), ())
    assert card.pictures == ()


def test_owners_get_their_part_in_their_own_channel_once_a_day(desk: Desk) -> None:
    subscription, slot = desk.posted()
    desk.making.compose("prod", slot.since, desk.now)
    (notice,) = desk.making.owners(subscription, slot)
    assert (notice.kind, notice.channel) == (noticing.OWNERS_PART, OWNERS["payments"])
    assert notice.key == f"owners_part/prod/{slot.day}/payments"
    card = desk.making.owners_part(notice)
    assert "payments" in json.dumps(card.blocks)
    again = desk.new_making()  # as after a start: the report is made anew
    assert again.owners_part(notice).text == card.text
    elsewhere = a_subscription(id="D-2", channel=OWNERS["payments"])
    assert desk.making.owners(elsewhere, slot) == (), "they have the whole digest there"


def test_a_report_is_not_made_anew_for_each_owner(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither after another digest nor after a start; the last few are kept."""
    composed: list[str] = []
    compose = Digesting.compose

    def counting(self: Digesting, environment: str, *given: Any, **more: Any) -> DigestReport:
        composed.append(environment)
        return compose(self, environment, *given, **more)

    monkeypatch.setattr(Digesting, "compose", counting)
    subscription, slot = desk.posted()
    desk.making.compose("prod", slot.since, desk.now)
    desk.making.compose("staging", None, desk.now)
    (notice,) = desk.making.owners(subscription, slot)
    desk.making.owners_part(notice)
    assert composed == ["prod", "staging"]
    again = desk.new_making()
    again.owners_part(notice)
    again.owners_part(notice)
    assert composed == ["prod", "staging", "prod"]
    for hours in range(REMEMBERED):
        again.compose("staging", fleet.ago(hours=hours), desk.now)
    composed.clear()
    again.owners_part(notice)
    assert composed == ["prod"]


def test_a_part_of_a_digest_that_is_not_there_is_not_drawn(desk: Desk) -> None:
    subscription, slot = desk.posted()
    lost = noticing.owners_part(subscription, a_slot(), "payments", "C0PAYMENTS1")
    with pytest.raises(NotFound):
        desk.making.owners_part(lost)
    nobody = noticing.owners_part(subscription, slot, "nobody", "C0PAYMENTS1")
    with pytest.raises(NotFound, match="no part"):
        desk.making.owners_part(nobody)
