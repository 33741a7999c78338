"""`digest`: what people type, what is stored of it, and what they see of the digests that are on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.chatops.context import Services, Surface
from bot.chatops.desk import Desk
from bot.chatops.digest_posts import slot_card
from bot.chatops.registry import Registry
from bot.core.digest_reports import DigestReport
from bot.core.errors import ConfigurationError, PatchbotError, UsageError
from bot.core.identity import OPERATOR, AccessPolicy
from bot.core.schedules import SlotState, moved, stored
from bot.services.compliance import Compliance
from bot.services.digesting import Digesting
from bot.services.doctor import Doctor
from bot.store.ledger import SqliteLedger
from tests.commands import fleet
from tests.commands.conftest import ANA
from tests.commands.golden import assert_card, assert_text, in_terminal
from tests.core.schedules import a_slot, a_subscription
from tests.oracles.hostile import HOSTILE
from tests.oracles.judges import judge_message
from tests.store.ledgers import about, open_ledger

FULL = {"environment": "prod", "at": "09:00", "zone": "Europe/Berlin", "days": "weekdays"}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    found = open_ledger(tmp_path)
    yield found
    found.close()


def desk_over(ledger: SqliteLedger | None) -> Desk:
    compliance = Compliance(
        fleet.ENVIRONMENTS,
        fleet.gateway(),
        fleet.store(),
        clock=lambda: fleet.NOW,
        time_to_live=timedelta(minutes=10),
    )
    services = Services(
        compliance,
        AccessPolicy(),
        Doctor(list),
        Registry("commands"),
        ledger=ledger,
        digests=Digesting(compliance, None, ledger) if ledger is not None else None,
    )
    return Desk(services, clock=lambda: fleet.NOW)


def wish(text: str) -> dict[str, str]:
    found = desk_over(None).wish(f"digest {text}")
    assert found is not None
    assert found.kind == "digest.on"
    return dict(found.body)


@pytest.mark.parametrize(
    "text",
    [
        "prod on 09:00 Europe/Berlin weekdays",
        "on prod weekdays europe/berlin 9:00",
        "PROD ON 9am zone:Europe/BERLIN days:weekdays",
        "prod on at:09.00 Europe/Berlin mon,tue,wed,thu,fri",
        "prod on Europe/Berlin",
    ],
)
def test_the_words_may_come_in_any_order(text: str) -> None:
    assert wish(text) == FULL


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("prod on", {"zone": ""}),
        ("prod on 5:30pm", {"at": "17:30", "zone": ""}),
        ("prod on 12am utc daily", {"at": "00:00", "zone": "UTC", "days": "daily"}),
        ("prod on 12:15pm sat,sun", {"at": "12:15", "zone": "", "days": "weekends"}),
        ("prod on 5:30 pm", {"at": "17:30", "zone": ""}),
        ("prod on sundays", {"zone": "", "days": "sun"}),
        ("prod on monday,Friday", {"zone": "", "days": "mon,fri"}),
    ],
)
def test_what_is_left_out_has_a_default(text: str, changes: dict[str, str]) -> None:
    assert wish(text) == {**FULL, **changes}


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("prod on 25:00", "“25:00” is not a time of day", "09:00, 17:30 or 6pm"),
        ("prod on 9", "“9” is not a time of day", "09:00"),
        ("prod on 13pm", "“13pm” is not a time of day", "09:00"),
        (
            "prod on 09:00 Europe/Berln",
            "“Europe/Berln” is neither a time zone nor days",
            "“Europe/Berlin”",
        ),
        ("prod on 09:00 berlin", "“berlin” is neither a time zone nor days", "“Europe/Berlin”"),
        ("prod on 09:00 tomorrow", "“tomorrow” is neither", "mon,wed,fri"),
        ("prod on 09:00 Europe/Berlin weekdys", "“weekdys” here", "Did you mean “weekdays”?"),
        ("prod on days:mon,wen", "“wen” names no days", "Did you mean “wed”?"),
        ("prod on 09:00 10:00", "“10:00” here", "digest <environment> on"),
        ("on 09:00", "needs an environment", "prod, staging, dev"),
        ("prud on", "no environment “prud”", "Did you mean “prod”?"),
        ("prod off 09:00", "“09:00” here", "digest <environment> on"),
        ("prod now weekdays", "“weekdays” here", "digest <environment> on"),
        ("D-2 on", "D-2 is one digest", "/patch digest D-2 off"),
        ("d-2", "D-2 is one digest", "/patch digest D-2 off"),
        ("prod D-2 off", "D-2 is one digest", "/patch digest D-2 off"),
        ("D-2 D-3 off", "“D-3” here", "digest <environment> on"),
    ],
)
def test_mistakes_are_told_with_what_is_allowed(text: str, message: str, hint: str) -> None:
    """By the desk; nothing of it becomes a click in the inbox."""
    with pytest.raises(UsageError) as caught:
        desk_over(None).answer(f"digest {text}", ANA, surface=Surface.SLACK)
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_only_on_and_off_change_something() -> None:
    desk = desk_over(None)
    off = desk.wish("digest prod off")
    assert off is not None
    assert (off.kind, off.body) == ("digest.off", {"environment": "prod"})
    named = desk.wish("digest d-2 off")
    assert named is not None
    assert (named.kind, named.body) == ("digest.off", {"digest": "D-2"})
    for text in ("digest", "digest list", "digest prod", "digest prod now", "status prod", ""):
        assert desk.wish(text) is None


def test_a_terminal_and_a_button_turn_nothing_on(ledger: SqliteLedger) -> None:
    desk = desk_over(ledger)
    for surface, person in ((Surface.TERMINAL, OPERATOR), (Surface.SLACK, ANA)):
        with pytest.raises(UsageError, match="not turned on or off") as caught:
            desk.answer("digest prod on", person, surface=surface)
        assert "/patch digest prod on" in caught.value.hint
        with pytest.raises(UsageError, match="not turned on or off") as caught:
            desk.answer("digest D-1 off", person, surface=surface)
        assert "`/patch digest D-1 off` in Slack" in caught.value.hint
    assert ledger.subscriptions() == ()


def fill(ledger: SqliteLedger) -> None:
    """Two digests with a week behind them, and one that is off."""
    week = date(2026, 11, 16)
    with ledger.change() as change:
        for one in (
            a_subscription(days=frozenset(range(5))),
            a_subscription(id="D-2", environment="staging", channel="C0000APP1", zone="Asia/Tokyo"),
            a_subscription(id="D-3", environment="dev", active=False),
        ):
            change.add_subscription(one, [about(one.subject, "digest.subscribed")])
        for number in range(5):
            day = week + timedelta(days=number)
            claimed = a_slot(day)
            if number == 2:
                reason = "down from 2026-11-18 07:12 to 2026-11-18 15:40 UTC"
                claimed = replace(claimed, state=SlotState.SKIPPED, reason=reason)
            change.claim_slot(claimed, [stored(claimed)])
            if number == 2:
                continue
            late = timedelta(hours=2) if number == 3 else timedelta(0)
            posting, entry = moved(claimed, SlotState.POSTING, posting_at=claimed.instant + late)
            change.move_slot(posting, was=claimed.state, entries=[entry])
            how: dict[str, Any] = {"ts": f"{number}.1"}
            state, why = SlotState.POSTED, ""
            if number == 1:
                state, why, how = SlotState.FAILED, "Slack refused it (not_in_channel)", {}
            done, entry = moved(posting, state, why=why, **how)
            change.move_slot(done, was=posting.state, entries=[entry])


def test_the_list_of_the_digests_that_are_on(ledger: SqliteLedger) -> None:
    fill(ledger)
    answer = desk_over(ledger).answer("digest list", ANA, surface=Surface.SLACK)
    report = json.loads(answer.json())
    assert [one["id"] for one in report["subscriptions"]] == ["D-1", "D-2"]
    assert report["schema"] == "patchbot.digests/1"
    first = report["subscriptions"][0]
    states = [(slot["day"], slot["state"], slot["late"]) for slot in first["slots"]]
    assert states == [
        ("2026-11-20", "posted", False),
        ("2026-11-19", "posted", True),
        ("2026-11-18", "skipped", False),
        ("2026-11-17", "failed", False),
        ("2026-11-16", "posted", False),
    ]
    following = datetime.fromisoformat(first["next"])
    assert following > fleet.NOW
    card = answer.card()
    assert judge_message(card.text, card.blocks) == []
    assert_card(card, "digest-list")
    assert_text(
        in_terminal(answer.command.terminal(answer.report, answer.context), width=120),
        "digest-list",
    )


def test_of_one_environment_and_of_none(ledger: SqliteLedger) -> None:
    desk = desk_over(ledger)
    card = desk.answer("digest", ANA, surface=Surface.SLACK).card()
    assert "No channel gets a digest" in card.text
    assert judge_message(card.text, card.blocks) == []
    answer = desk.answer("digest list", OPERATOR, surface=Surface.TERMINAL)
    assert "/patch digest" in in_terminal(answer.command.terminal(answer.report, answer.context))
    fill(ledger)
    report = json.loads(desk.answer("digest staging", ANA, surface=Surface.SLACK).json())
    assert [one["id"] for one in report["subscriptions"]] == ["D-2"]


def test_very_many_fit_into_a_card(ledger: SqliteLedger) -> None:
    """And whatever stands in a reason is shown, not acted on."""
    with ledger.change() as change:
        for number in range(1, 61):
            one = a_subscription(id=f"D-{number}", channel=f"C{number:09}")
            change.add_subscription(one, [about(one.subject, "digest.subscribed")])
            reason = HOSTILE[number % len(HOSTILE)] * 20 or "x"
            slot = a_slot(subscription=one.id, state=SlotState.SKIPPED, reason=reason)
            change.claim_slot(slot, [stored(slot)])
    for shared in (False, True):
        answer = desk_over(ledger).answer("digest", ANA, surface=Surface.SLACK, shared=shared)
        card = answer.card()
        assert judge_message(card.text, card.blocks) == []
        assert "more digests" in json.dumps(card.blocks)


def test_one_right_now_is_an_ordinary_answer(ledger: SqliteLedger) -> None:
    """Since the last one that anybody got of that environment, for whoever may look."""
    fill(ledger)
    desk = desk_over(ledger)
    answer = desk.answer("digest prod now", ANA, surface=Surface.SLACK)
    last = ledger.slots("D-1", limit=1)[0]
    assert isinstance(answer.report, DigestReport)
    assert answer.report.since == last.posting_at
    card = answer.card()
    assert judge_message(card.text, card.blocks) == []
    shown = in_terminal(answer.command.terminal(answer.report, answer.context))
    assert "prod" in shown
    other = desk.answer("digest dev now", ANA, surface=Surface.SLACK).report
    assert isinstance(other, DigestReport)
    assert other.since is None


def test_the_card_of_a_slot_says_what_is_late_and_what_was_missed(ledger: SqliteLedger) -> None:
    fill(ledger)
    report = desk_over(ledger).answer("digest prod now", ANA, surface=Surface.SLACK).report
    assert isinstance(report, DigestReport)
    newest, late, *missed_ones = ledger.slots("D-1", limit=4)
    for slot, is_late in ((newest, False), (late, True)):
        card = slot_card(a_subscription(), slot, report, missed_ones[::-1])
        assert judge_message(card.text, card.blocks) == []
        assert card.text.startswith("Late, due 2026-11-19 08:00 UTC") is is_late
        assert "Tue 2026-11-17, failed" in json.dumps(card.blocks)
        assert "down from 2026-11-18" in json.dumps(card.blocks)


def test_where_nothing_is_set_up_it_says_so() -> None:
    for text in ("digest prod now", "digest list"):
        with pytest.raises(ConfigurationError):
            desk_over(None).answer(text, ANA, surface=Surface.SLACK)


def test_whatever_is_typed_is_answered() -> None:
    desk = desk_over(None)
    for text in HOSTILE[::8]:
        for sentence in (f"digest {text}", f"digest prod on {text}"):
            with pytest.raises(PatchbotError):
                desk.answer(sentence, ANA, surface=Surface.SLACK)
