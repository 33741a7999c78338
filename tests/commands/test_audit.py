"""`audit`: who may ask, what is found, and that the check tells a whole log from one that is not."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from bot.chatops.context import Services, Surface
from bot.chatops.desk import Answer, Desk
from bot.chatops.registry import Registry
from bot.core.audit import Entry
from bot.core.errors import ConfigurationError, NotAllowed, UsageError
from bot.core.identity import OPERATOR, AccessPolicy, Members, Person
from bot.core.ledger import Ledger
from bot.core.requests import deny
from bot.core.runs import DispatchState
from bot.services.compliance import Compliance
from bot.services.doctor import Doctor
from bot.store.ledger import SqliteLedger
from tests.commands import fleet
from tests.commands.conftest import ANA
from tests.commands.golden import in_terminal
from tests.oracles.hostile import HOSTILE
from tests.oracles.judges import judge_message
from tests.store.ledgers import BOB, NOW, approved, ask, begin, move, open_ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    found = open_ledger(tmp_path)
    yield found
    found.close()


def desk_over(ledger: Ledger | None) -> Desk:
    """A desk whose approver is Ana."""
    compliance = Compliance(
        fleet.ENVIRONMENTS,
        fleet.gateway(),
        fleet.store(),
        clock=lambda: fleet.NOW,
        time_to_live=timedelta(minutes=10),
    )
    access = AccessPolicy(approvers=Members(users=frozenset({ANA.id})))
    services = Services(compliance, access, Doctor(list), Registry("commands"), ledger=ledger)
    return Desk(services, clock=lambda: fleet.NOW)


def answer(ledger: Ledger, text: str, *, shared: bool = False) -> Answer:
    return desk_over(ledger).answer(text, ANA, surface=Surface.SLACK, shared=shared)


def kinds(ledger: Ledger, text: str) -> list[str]:
    return [entry["kind"] for entry in json.loads(answer(ledger, text).json())["entries"]]


def test_only_approvers_and_the_operator_may_ask(ledger: SqliteLedger) -> None:
    """It tells reasons and names of every environment."""
    desk = desk_over(ledger)
    assert desk.answer("audit", OPERATOR, surface=Surface.TERMINAL).exit_code == 0
    with pytest.raises(NotAllowed):
        desk.answer("audit", Person("U0VIEWER1", team_id="T1"), surface=Surface.SLACK)


def test_without_a_ledger_it_says_what_to_do() -> None:
    with pytest.raises(ConfigurationError, match="no ledger here yet"):
        desk_over(None).answer("audit", OPERATOR, surface=Surface.TERMINAL)


def test_entries_come_newest_first_and_by_what_was_asked(ledger: SqliteLedger) -> None:
    run = begin(ledger, approved(ledger))
    move(ledger, ledger.dispatches(run.id)[0], DispatchState.SENDING)
    denied = deny(ask(ledger), BOB, "not today", NOW)
    with ledger.change() as change:
        change.save_request(denied.request, denied.entries)
    of_request = ["request.approved", "request.voted", "request.voted", "request.requested"]
    assert kinds(ledger, "audit")[0] == "request.denied"
    assert kinds(ledger, "audit subject:R-1") == ["dispatch.intended", "run.started", *of_request]
    assert kinds(ledger, "audit subject:x-1") == ["dispatch.intended", "run.started"]
    assert kinds(ledger, "audit subject:request/R-2") == ["request.denied", "request.requested"]
    assert kinds(ledger, f"audit who:{BOB.id}") == ["request.denied", "request.voted"]
    assert kinds(ledger, "audit what:request.voted") == ["request.voted", "request.voted"]
    assert kinds(ledger, f"audit who:@{BOB.id}") == ["request.denied", "request.voted"]
    assert answer(ledger, "audit limit:3").card().text == "Audit log: 3 of 9 entries."
    report = json.loads(answer(ledger, "audit limit:3").json())
    assert (len(report["entries"]), report["more"]) == (3, True)
    assert report["head"] == ledger.head().code
    assert report["schema"] == "patchbot.audit/1"
    everything = json.loads(answer(ledger, "audit limit:9").json())
    assert (len(everything["entries"]), everything["more"]) == (9, False)
    assert everything["entries"][0]["body"] == {"reason": "not today"}


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("audit who:bob", "“bob” is none", "who:@name"),
        ("audit what:requst", "of the kind “requst”", "Did you mean “request”?"),
        ("audit what:foo", "of the kind “foo”", "There are: "),
    ],
)
def test_a_typo_is_never_taken_for_nothing_was_done(
    ledger: SqliteLedger, text: str, said: str, hint: str
) -> None:
    """It says what is possible instead."""
    ask(ledger)
    with pytest.raises(UsageError, match=said) as caught:
        answer(ledger, text)
    assert hint in caught.value.hint


def test_what_was_written_down_is_told_in_words(ledger: SqliteLedger) -> None:
    body = {"checks": [{"name": "clock", "good": True}, {"name": "disk", "good": False}]}
    with ledger.change() as change:
        change.audit(Entry("request.refused", BOB.id, "request/R-9", body))
    found = answer(ledger, "audit limit:1")
    words = "good yes, name clock; good no, name disk"
    assert words in found.card().blocks[1]["text"]["text"]
    assert words in in_terminal(found.command.terminal(found.report, found.context), width=200)


def test_a_whole_log_is_said_to_be_whole(ledger: SqliteLedger) -> None:
    approved(ledger)
    found = answer(ledger, "audit verify")
    assert found.exit_code == 0
    assert json.loads(found.json())["verified"]["checked"] == 5
    assert "whole: 5 rows" in found.card().text
    assert "cut-off tail does not show" in str(found.card().blocks)
    against = answer(ledger, f"audit verify head:{ledger.head().code}")
    assert against.exit_code == 0
    assert "cut-off tail" not in str(against.card().blocks)


def test_a_head_shows_what_was_cut_off(ledger: SqliteLedger) -> None:
    code = f"{ledger.head().seq + 1}:0123456789abcdef"
    found = answer(ledger, f"audit verify head:{code}")
    assert found.exit_code == 1
    assert "NOT whole" in found.card().text
    assert "rows were cut off" in in_terminal(found.command.terminal(found.report, found.context))
    with pytest.raises(UsageError, match="is no head"):
        answer(ledger, "audit verify head:yesterday")


def test_a_broken_row_is_named_and_still_shown(ledger: SqliteLedger, tmp_path: Path) -> None:
    approved(ledger)
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection, connection:
        connection.execute("DROP TRIGGER audit_no_update")
        connection.execute("UPDATE audit SET body = '{x}', at_us = 9e18 WHERE seq = 3")
    found = answer(ledger, "audit verify")
    assert found.exit_code == 1
    assert "Row 3: its contents do not match its hash" in str(found.card().blocks)
    listed = answer(ledger, "audit")
    assert judge_message(listed.card().text, listed.card().blocks) == []


@pytest.mark.parametrize("shared", [False, True])
def test_slack_takes_whatever_people_wrote(ledger: SqliteLedger, shared: bool) -> None:
    """Reasons are typed by people: they neither ping nor link, and a long list says what it leaves out."""
    with ledger.change() as change:
        for text in HOSTILE[:200]:
            body = {"reason": text, "ids": ["i-1", "i-2"]}
            change.audit(Entry("request.denied", "U0MALLORY", f"request/{text}", body))
    found = answer(ledger, "audit limit:100", shared=shared)
    card = found.card()
    assert judge_message(card.text, card.blocks) == []
    left = 201 - sum(block["type"] == "section" for block in card.blocks)
    assert f"{left} more entries" in str(card.blocks[-1])
    assert ("<@U0MALLORY>" in str(card.blocks)) is not shared
    assert "<!channel>" not in str(card.blocks)
    shown = in_terminal(found.command.terminal(found.report, found.context))
    assert max(map(len, shown.splitlines())) <= 80
    assert "\x1b" not in shown
