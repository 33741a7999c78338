"""What people see of changes: cards, modals, commands. The golden files are what somebody looked at and liked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chatops import change_words, modals, run_cards
from bot.chatops.context import Surface
from bot.chatops.notices import draw
from bot.chatops.receipt_words import receipt_lines
from bot.chatops.reply import Card
from bot.core.change_reports import SendRow
from bot.core.errors import ConfigurationError, NotFound, PatchbotError
from bot.core.identity import OPERATOR
from bot.core.nodes import Observation
from bot.core.plans import Operation
from bot.core.runs import RUN, VERIFY, DispatchState, NodeOutcome, RunState
from bot.core.selection import EVERY_STATE, Filter
from bot.services import noticing
from tests.commands import fleet
from tests.commands.change_world import FAILURES, Stage, rehearsing
from tests.commands.conftest import ANA, desk_over
from tests.commands.golden import assert_card, assert_text, in_terminal
from tests.oracles.hostile import HOSTILE
from tests.oracles.judges import judge_message, judge_view
from tests.oracles.mrkdwn import tokens
from tests.services.changes import BEN, CAT, EVE, QUIET, RULES, nodes, proposal

GOOD = (NodeOutcome.SUCCESS, "", True)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.close()


def drawn(stage: Stage, kind: str, subject: str) -> Card:
    return draw(stage.notice(kind, subject), stage.ledger, stage.now, rules=stage.rules)


def golden(stage: Stage, kind: str, subject: str, name: str) -> Card:
    card = drawn(stage, kind, subject)
    assert judge_message(card.text, card.blocks) == []
    assert_card(card, name)
    return card


def test_the_card_that_asks(stage: Stage) -> None:
    """Environment, count, reboots, worst patches, who and why, code, expiry, and which rule lacks how many votes."""
    request = stage.request()
    card = golden(stage, noticing.APPROVAL, request, "change-approval")
    golden(stage, noticing.REQUESTER, request, "change-requester")
    golden(stage, noticing.REMINDER, request, "change-reminder")
    plan = stage.ledger.requests()[0]
    for fact in (
        "Install on 8 nodes of prod",
        plan.code,
        "up to 8",
        "openssl",
        "2 approvals",
        "openssl",
    ):
        assert fact in json.dumps(card.blocks, ensure_ascii=False)
    stage.click("request.approve", CAT, **stage.ids(request))
    assert "1 given, 1 to come" in drawn(stage, noticing.APPROVAL, request).text


@pytest.mark.parametrize(
    ("protected", "told"),
    [(True, "; not by the requester"), (False, "; a requester who is an approver may give it")],
)
def test_who_may_approve_is_said_first_and_whether_the_requester_may(
    tmp_path: Path, protected: bool, told: str
) -> None:
    """On the card, above the buttons, which are above the facts; and before it is asked for."""
    stage = Stage(tmp_path, rules=replace(RULES, protected=protected, approvals=1))
    view = stage.desk.answer("install prod", ANA, surface=Surface.SLACK).modal()
    terms = f"Needs 1 approval, by an approver of prod{told}"
    assert terms in json.dumps(view)
    card = drawn(stage, noticing.APPROVAL, stage.request())
    assert [one["type"] for one in card.blocks[:3]] == ["header", "section", "actions"]
    assert terms in card.blocks[1]["text"]["text"]
    stage.close()


def test_the_card_after_the_decision(stage: Stage) -> None:
    """No buttons any more, and who decided when."""
    golden(stage, noticing.APPROVAL, stage.approved(), "change-approved")
    stage.now = fleet.NOW.replace(minute=30)
    second = stage.click(
        "request.submit", ANA.id, proposal={**_proposal(), "filter": {"owner": "web"}}, channel=""
    )
    assert second.allowed, second.text
    stage.click("request.deny", CAT, request="R-2", reason="not on a Friday")
    golden(stage, noticing.APPROVAL, "R-2", "change-denied")
    golden(stage, noticing.REMINDER, "R-2", "change-reminder-late")


def _proposal() -> Mapping[str, Any]:
    return proposal().body()


def test_a_broken_glass(stage: Stage) -> None:
    request = stage.request()
    stage.click("break_glass", EVE, reason="Exploited in the wild.", **stage.ids(request))
    golden(stage, noticing.BREAK_GLASS, request, "change-glass")
    stage.click("reviewed", CAT, request=request, note="ok")
    golden(stage, noticing.BREAK_GLASS, request, "change-glass-reviewed")


def test_a_run_from_its_start_to_its_receipt(stage: Stage) -> None:
    """Live in place, at a closed gate, and proved by the scan after it."""
    run = stage.start(stage.approved())
    stage.result(run, [GOOD, (NodeOutcome.RUNNING, "", None)])
    golden(stage, noticing.RUN, run.id, "change-run")
    stage.result(run, [GOOD, *FAILURES])
    paused = stage.move(run, RunState.PAUSED, why="1 nodes did not come back after their reboot")
    golden(stage, noticing.GATE, f"{run.id}/1", "change-gate")
    gone = drawn(stage, noticing.GATE, f"{run.id}/2")
    assert "do:continue" not in json.dumps(gone.blocks)
    ended = stage.finish(
        paused,
        RunState.PARTIAL,
        clean=5,
        why="5 nodes have nothing left to install, 3 still miss patches",
    )
    golden(stage, noticing.RUN, ended.id, "change-run-ended")
    golden(stage, noticing.RECEIPT, ended.id, "change-receipt")


def test_a_rehearsal_says_so_everywhere(tmp_path: Path) -> None:
    """On every card and in every modal: nobody must take it for the real thing."""
    stage = Stage(tmp_path, rules=rehearsing())
    stage.start(stage.approved())
    for kind, notice in stage.every_notice().items():
        card = draw(notice, stage.ledger, stage.now, rules=stage.rules)
        if kind not in {noticing.REMINDER, noticing.GATE}:
            assert "Rehearsal" in card.text, kind
    stage.close()


def test_a_rehearsal_says_once_that_it_sends_nothing(tmp_path: Path) -> None:
    """Before it is asked for, in the answer, and when it is over, which is no failure."""
    stage = Stage(tmp_path, rules=replace(rehearsing(), approvals=0))
    answer = stage.desk.answer("install prod", ANA, surface=Surface.SLACK)
    for shown in (json.dumps(answer.modal()), json.dumps(answer.card().blocks)):
        assert "Needs no approval. This is a rehearsal: nothing is sent to AWS." in shown
        assert "is sent as soon" not in shown
    told = stage.click("request.submit", ANA.id, proposal=_proposal(), channel="")
    assert "the rehearsal of the Install of 8 nodes" in told.text
    assert "Nothing is sent to AWS" in told.text
    run = stage.start("R-1")
    assert "nothing is sent" in dialog(drawn(stage, noticing.RUN, run.id), "do:stop")
    stage.result(run, [(NodeOutcome.SKIPPED, "a rehearsal: it was not sent", None)] * 8)
    why = "a rehearsal: everything was recorded, nothing was sent"
    stage.finish(run, RunState.ABANDONED, clean=0, why=why)
    for kind in (noticing.RUN, noticing.RECEIPT):
        card = drawn(stage, kind, run.id)
        shown = json.dumps(card.blocks, ensure_ascii=False)
        assert "done, nothing was sent" in card.text
        assert shown.count("Rehearsal") == 1
        assert shown.lower().count("nothing was sent") == 1
        assert "↩️" not in shown
    stage.close()


def test_what_is_not_in_the_ledger_is_not_drawn(stage: Stage) -> None:
    for kind, subject in ((noticing.APPROVAL, "R-9"), (noticing.RUN, "X-9"), ("poem", "R-9")):
        with pytest.raises(NotFound):
            drawn(stage, kind, subject)


def test_danger_stands_once_on_a_card_and_every_dialog_says_what_it_is_about(stage: Stage) -> None:
    """Count, environment and reboot; and values are ids only."""
    run = stage.start(stage.approved())
    stage.result(run, [GOOD, *FAILURES])
    stage.move(run, RunState.PAUSED, why="x")
    for notice in stage.every_notice().values():
        card = draw(notice, stage.ledger, stage.now, rules=stage.rules)
        buttons = [one for one in walk(card.blocks) if one.get("type") == "button"]
        assert sum(one.get("style") == "danger" for one in buttons) <= 1
        for one in buttons:
            if one["action_id"].startswith("do:"):
                assert one["value"] in {"R-1", "X-1", "X-1/1"}
            if "confirm" in one:
                told = one["confirm"]["text"]["text"]
                count = "4 nodes" if one["action_id"] == "do:continue" else "8 nodes"
                assert all(part in told for part in (f"{count} of prod", "eboot"))


def walk(value: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        yield value
        for member in value.values():
            yield from walk(member)
    elif isinstance(value, list | tuple):
        for member in value:
            yield from walk(member)


ANSWERS = {
    "change-plan": "install prod",
    "change-plan-nothing": "install prod owner:nobody",
    "change-plan-scan": "scan prod owner:web",
    "change-approvals": "approvals",
    "change-runs": "runs prod",
    "change-run-details": "run R-1",
}


@pytest.mark.parametrize("name", ANSWERS)
def test_answers_in_slack_and_in_a_terminal(stage: Stage, name: str) -> None:
    """And under their schema as JSON."""
    if "plan" not in name:
        run = stage.start(stage.approved())
        stage.result(run, [GOOD, *FAILURES])
        stage.finish(
            run,
            RunState.PARTIAL,
            clean=5,
            why="5 nodes have nothing left to install, 3 still miss patches",
        )
        stage.now = fleet.NOW
        stage.click(
            "request.submit",
            ANA.id,
            proposal={**_proposal(), "filter": {"owner": "web"}},
            channel="",
        )
    answer = stage.desk.answer(ANSWERS[name], OPERATOR, surface=Surface.TERMINAL)
    card = answer.card()
    assert judge_message(card.text, card.blocks) == []
    assert_card(card, name)
    shown = in_terminal(answer.command.terminal(answer.report, answer.context))
    assert max(map(len, shown.splitlines())) <= 80
    assert_text(shown, name)
    assert json.loads(answer.json())["schema"].startswith("patchbot.")


def test_an_install_in_slack_is_a_form_and_nothing_is_stored_by_looking(stage: Stage) -> None:
    """Reboot, waves with the defaults of the fleet's size, start, reason, ticket."""
    answer = stage.desk.answer("install prod owner:web", ANA, surface=Surface.SLACK)
    view = answer.modal()
    assert view is not None
    assert judge_view(view) == []
    assert_text(json.dumps(view, indent=2, ensure_ascii=False) + "\n", "change-modal")
    assert stage.ledger.requests() == ()
    fields = [one["block_id"] for one in view["blocks"] if one["type"] == "input"]
    assert fields[0] == "reason"
    single = stage.desk.answer("install prod name:prod-003", ANA, surface=Surface.SLACK).modal()
    assert single is not None
    assert judge_view(single) == []
    fields = [one["block_id"] for one in single["blocks"] if one["type"] == "input"]
    assert fields == ["reason", "ticket", "reboot", "start"]
    none = stage.desk.answer("status prod", ANA, surface=Surface.SLACK)
    assert none.modal() is None


@pytest.mark.parametrize(
    ("sizes", "told"),
    [
        ([1, 7], "1 node first (canary), then 1 wave of up to 7 nodes"),
        ([10], "one wave of 10 nodes, no canary"),
        ([5, 5, 2], "3 waves of up to 5 nodes, no canary"),
        ([1, 1], "1 node first (canary), then 1 wave of up to 1 node"),
        ([1], "one wave of 1 node"),
    ],
)
def test_an_install_without_a_canary_says_so(sizes: list[int], told: str) -> None:
    assert change_words.waves(sizes, Operation.INSTALL) == told
    assert "no canary" not in change_words.waves(sizes, Operation.SCAN)


def test_modals_of_decisions(stage: Stage) -> None:
    """Drawn from the ledger; private metadata holds ids and the digest only."""
    stage.request()
    request = stage.ledger.requests()[0]
    plan = stage.ledger.plan(request.digest)
    assert plan is not None
    views = {
        "approve": modals.approve_modal(request, plan, typed=True),
        "deny": modals.deny_modal(request, plan),
        "glass": modals.break_glass_modal(request, plan, typed=True),
        "review": modals.review_modal(request, plan),
    }
    for name, view in views.items():
        assert judge_view(view) == []
        assert json.loads(view["private_metadata"]) == {"request": "R-1", "digest": request.digest}
        assert_text(json.dumps(view, indent=2, ensure_ascii=False) + "\n", f"change-modal-{name}")
    assert judge_view(modals.loading("Install in prod")) == []
    assert judge_view(modals.sorry("Install", "No.", "Try again.")) == []


@pytest.mark.parametrize("text", ["approvals", "runs", "run X-1", "install prod"])
def test_where_changes_are_not_set_up_it_says_so(text: str) -> None:
    desk = desk_over(fleet.gateway(), fleet.store())
    with pytest.raises(ConfigurationError, match="not set up"):
        desk.answer(text, OPERATOR, surface=Surface.TERMINAL)


def test_a_run_that_is_not_there(stage: Stage) -> None:
    with pytest.raises(NotFound, match="no run “X-9”"):
        stage.desk.answer("run X-9", ANA, surface=Surface.SLACK)


@given(st.dictionaries(st.sampled_from(NodeOutcome), st.integers(0, 3000)))
def test_the_bar_has_twenty_pieces_and_shows_every_failure(counts: dict[NodeOutcome, int]) -> None:
    """One failed node of thousands is seen; nothing is green that did not succeed."""
    row = SimpleNamespace(outcomes=counts, nodes=sum(counts.values()))
    shown = run_cards.bar(SimpleNamespace(run=row))  # type: ignore[arg-type]
    assert len(shown) == run_cards.BAR
    fine = {
        NodeOutcome.SUCCESS,
        NodeOutcome.PENDING,
        NodeOutcome.RUNNING,
        NodeOutcome.SKIPPED,  # left out: neither good nor bad
    }
    bad = sum(number for one, number in counts.items() if one not in fine)
    assert ("🟥" in shown) == (bad > 0)
    assert counts.get(NodeOutcome.SUCCESS, 0) or "🟩" not in shown


OURS = (
    "<!date^",
    "<@",
    f"<#{QUIET}>",
    *(f"<!subteam^{group}>" for group in RULES.approvers.usergroups),
)
"""User groups of the configuration, and no other: only they may be called."""


def foreign(card: Card) -> list[str]:
    """What Slack would act on beyond our own marks."""
    found = []
    for part in walk(card.blocks):
        if part.get("type") != "mrkdwn":
            continue
        for token in tokens(str(part["text"])):
            ours = {
                "control": token.text.startswith(OURS),
                "format *": True,
                "code": "<" not in token.text,
                "emoji": token.text
                in {
                    ":warning:",
                    ":rotating_light:",
                    ":hourglass_flowing_sand:",
                },
            }
            if not ours.get(token.kind, False):
                found.append(f"{token.kind}: {token.text}")
    return found


def test_nothing_foreign_acts_and_everything_fits(tmp_path: Path) -> None:
    """Names, owners, patches, reasons, tickets and the words of nodes: every text of the hostile corpus, everywhere."""
    texts = [text for text in HOSTILE if text.strip()]
    for start in range(0, len(texts), 60):
        chunk = (texts[start : start + 60] * 60)[:60]
        folder = tmp_path / str(start)
        folder.mkdir()
        seen = tuple(
            replace(one, node=replace(one.node, name=text[:256], owner=text[:256]))
            for one, text in zip(nodes(60), chunk, strict=True)
        )
        stage = Stage(folder, observations=seen, rules=replace(RULES, max_targets=1000))
        encoded = [text.encode("utf-8", "replace").decode() for text in chunk]
        asked = {**_proposal(), "reason": encoded[0] + encoded[1], "ticket": encoded[2][:90]}
        stage.click("request.submit", ANA.id, proposal=asked, channel="")
        if not stage.ledger.requests():
            stage.close()
            continue
        request = stage.ledger.requests()[0].id
        cards = [drawn(stage, kind, request) for kind in (noticing.APPROVAL, noticing.REQUESTER)]
        for person in ("U0000BEN1", CAT):
            stage.click("request.approve", person, **stage.ids(request))
        run = stage.start(request)
        stage.result(run, [(NodeOutcome.FAILED, text[:300], None) for text in encoded])
        paused = stage.move(run, RunState.PAUSED, why=encoded[3])
        cards += [
            draw(one, stage.ledger, stage.now)
            for one in stage.every_notice().values()
            if one.kind != noticing.RECEIPT
        ]
        stage.finish(paused, RunState.FAILED, clean=0, why=encoded[4])
        cards += [drawn(stage, noticing.RECEIPT, run.id), drawn(stage, noticing.RUN, run.id)]
        for question in ("install prod", "approvals", "runs", "run X-1"):
            try:
                answer = stage.desk.answer(question, ANA, surface=Surface.SLACK)
            except PatchbotError as error:  # a run is open or has ended; both are fine here
                raise AssertionError(question) from error
            cards.append(answer.card())
            assert "\x1b" not in in_terminal(
                answer.command.terminal(answer.report, answer.context), width=100
            )
            view = answer.modal()
            assert view is None or judge_view(view) == []
        for card in cards:
            assert judge_message(card.text, card.blocks) == []
            assert foreign(card) == []
        stage.close()


def test_what_is_approved_and_waits_is_shown_with_what_holds_it_and_a_way_to_stop_it(
    stage: Stage,
) -> None:
    """On its card, among the approvals and among the runs."""
    waiting = stage.waiting(stage.approved())
    waiting = stage.move(waiting, RunState.WAITING, why="X-0 is at work in prod")
    cards = {"its card": drawn(stage, noticing.RUN, waiting.id)}
    for sentence in ("approvals", "runs prod"):
        answer = stage.desk.answer(sentence, OPERATOR, surface=Surface.TERMINAL)
        cards[sentence] = answer.card()
        shown = in_terminal(answer.command.terminal(answer.report, answer.context))
        assert "X-0" in shown, sentence
        assert max(map(len, shown.splitlines())) <= 80
    for name, card in cards.items():
        assert judge_message(card.text, card.blocks) == [], name
        assert "X-0 is at work in prod" in json.dumps(card.blocks), name
        (stop,) = (one for one in walk(card.blocks) if one.get("action_id") == "do:stop")
        assert stop["value"] == waiting.id
        told = stop["confirm"]["text"]["text"]
        assert all(part in told for part in ("8 nodes of prod", "reboots"))


def dialog(card: Card, action_id: str) -> str:
    (button,) = (one for one in walk(card.blocks) if one.get("action_id") == action_id)
    title, text = (str(button["confirm"][part]["text"]) for part in ("title", "text"))
    assert title not in text
    return text


def test_what_was_stopped_before_anything_was_sent_changed_nothing(stage: Stage) -> None:
    """No bar, no counts, nothing half patched: on the card, in the list and in the terminal."""
    waiting = stage.waiting(stage.approved())
    assert "Nothing was sent" in dialog(drawn(stage, noticing.RUN, waiting.id), "do:stop")
    stopped = stage.move(waiting, RunState.WAITING, cancelled_by=ANA.id)
    stage.result(stopped, [(NodeOutcome.SKIPPED, "the run was cancelled before it was sent", None)])
    for state in (RunState.WAITING, RunState.CANCELLED):
        stopped = stage.move(stopped, state, cancelled_by=ANA.id)
        card = drawn(stage, noticing.RUN, stopped.id)
        told = json.dumps(card.blocks, ensure_ascii=False)
        assert "Nothing was sent, nothing changed on any node" in told
        assert "Nothing was sent" in card.text
        for wrong in ("half patched", "⬜", "skipped", "scanned afterwards", "receipt says"):
            assert wrong not in told
    answer = stage.desk.answer("runs prod", OPERATOR, surface=Surface.TERMINAL)
    assert "Nothing was sent" in json.dumps(answer.card().blocks)


def test_a_scan_that_is_stopped_leaves_nothing_half_patched(stage: Stage) -> None:
    run = stage.start(stage.request(operation=Operation.SCAN))
    told = dialog(drawn(stage, noticing.RUN, run.id), "do:stop")
    assert "changes nothing" in told
    assert "half patched" not in told
    assert "reboots" not in told
    answer = stage.click("run.cancel", ANA.id, run=run.id)
    assert "half patched" not in answer.text
    assert "half patched" not in json.dumps(drawn(stage, noticing.RUN, run.id).blocks)


def refused(tmp_path: Path, *seen: Observation) -> tuple[Any, Card]:
    """The form and the card of an Install for which no node is left."""
    stage = Stage(tmp_path, observations=seen)
    answer = stage.desk.answer("install prod state:all", ANA, surface=Surface.SLACK)
    view, card = answer.modal(), answer.card()
    stage.close()
    assert judge_message(card.text, card.blocks) == []
    assert view is not None
    assert judge_view(view) == []
    return view, card


def test_an_install_that_is_not_possible_names_the_nodes_and_the_next_step(tmp_path: Path) -> None:
    gone = [fleet.managed(number, f"web-{number}", ping_status="Offline") for number in range(1, 7)]
    seen = [
        fleet.scanned(fleet.managed(9, "db-9")),
        *(fleet.scanned(one, missing=1) for one in gone),
    ]
    view, card = refused(tmp_path, *seen)
    for shown in (
        json.dumps(view, ensure_ascii=False),
        json.dumps(card.blocks, ensure_ascii=False),
    ):
        assert shown.count("⛔") == 1
        for told in ("6 offline", "web-1", "does not answer", "2 more", "SSM Agent runs"):
            assert told in shown
        assert "approval" not in shown


def test_nothing_to_install_is_good_news(tmp_path: Path) -> None:
    view, card = refused(tmp_path, *(fleet.scanned(one.node) for one in nodes(2)))
    assert view["title"]["text"] == "Nothing to install"
    for shown in (
        json.dumps(view, ensure_ascii=False),
        json.dumps(card.blocks, ensure_ascii=False),
    ):
        assert "✅ 2 nodes of prod match and have nothing to install." in shown
        assert "⛔" not in shown


def test_times_are_in_the_readers_zone_and_the_channel_is_a_link(stage: Stage) -> None:
    later = stage.now + timedelta(hours=2)
    asked = {**_proposal(), "not_before": later.isoformat()}
    told = stage.click("request.submit", ANA.id, proposal=asked, channel="").text
    assert "for at most 60 min" in told
    assert "UTC" not in told
    assert f"<#{QUIET}>" in json.dumps(drawn(stage, noticing.REQUESTER, "R-1").blocks)
    stage.click("request.approve", BEN, **stage.ids("R-1"))
    told = stage.click("request.approve", CAT, **stage.ids("R-1")).text
    assert told == "R-1 is approved; its run starts at the time it names."
    why = f"it starts at {later:%Y-%m-%d %H:%M} UTC"
    waiting = stage.move(stage.waiting("R-1"), RunState.WAITING, why=why)
    shown = json.dumps(drawn(stage, noticing.RUN, waiting.id).blocks)
    assert f"it starts at <!date^{int(later.timestamp()) // 60 * 60}^" in shown


def test_a_closed_gate_says_what_is_of_the_wave_and_counts_what_is_left(stage: Stage) -> None:
    run = stage.start(stage.approved())
    stage.result(run, [GOOD] * 6 + [FAILURES[0]])
    stage.move(run, RunState.PAUSED, why="x")
    card = drawn(stage, noticing.GATE, f"{run.id}/1")
    shown = json.dumps(card.blocks, ensure_ascii=False)
    assert "The whole run: 6 succeeded · 1 to come · 1 failed" in shown
    told = dialog(card, "do:continue")
    assert "What is left: Install on 1 node of prod; reboots: up to 1" in told
    stage.result(run, [GOOD] * 7 + [FAILURES[0]])
    assert "Nothing is left to send" in dialog(
        drawn(stage, noticing.GATE, f"{run.id}/1"), "do:continue"
    )


def test_a_receipt_keeps_cves_and_patches_apart(stage: Stage) -> None:
    run = stage.start(stage.approved())
    stage.result(run, [GOOD] * 8)
    stage.finish(run, RunState.PARTIAL, clean=5)
    found = stage.ledger.receipt(run.id)
    assert found is not None
    many = {**found["cves"], "closed": 31, "closed_ids": ["CVE-1"] * 13, "closed_more": 18}
    told = receipt_lines({**found, "cves": many})
    (closed,) = (line for line in told if line.startswith("CVEs closed: "))
    assert closed.endswith(" and 21 more.")
    assert any(line.startswith("Patches still open: bash.x86_64") for line in told)


def test_sends_are_named_by_what_they_are_for(stage: Stage) -> None:
    """And nothing stands where there is no command id and no reason."""
    stage.start(stage.approved())
    answer = stage.desk.answer("run X-1", ANA, surface=Surface.SLACK)
    first = SendRow(
        purpose=RUN,
        batch=1,
        wave=1,
        account="1",
        region="eu-central-1",
        nodes=1,
        state=DispatchState.SENT,
        command_id="c-1",
        reason="",
    )
    second = first.model_copy(update={"batch": 2, "state": DispatchState.PLANNED, "command_id": ""})
    third = second.model_copy(update={"batch": 1, "purpose": VERIFY, "reason": "later"})
    report = answer.report.model_copy(update={"sends": (first, second, third)})
    shown = answer.command.slack(report, answer.context).blocks[-1]["text"]["text"]
    assert shown.splitlines() == [
        "*Sends*",
        "• Install, send 1 in 1/eu-central-1, 1 node: sent · `c-1`",
        "• Install, send 2 in 1/eu-central-1, 1 node: planned",
        "• Verifying scan, send 1 in 1/eu-central-1, 1 node: planned · later",
    ]
    shown = in_terminal(answer.command.terminal(report, answer.context), width=120)
    assert "Verifying scan, send 1" in shown


def test_a_scan_says_on_its_card_what_it_found(stage: Stage) -> None:
    """And the message to whoever asked says nothing of an approval that nobody gave."""
    run = stage.start(stage.request(operation=Operation.SCAN))
    told = drawn(stage, noticing.REQUESTER, run.request)
    assert told.text == "R-1 needs no approval: Scan on 8 nodes of prod."
    shown = json.dumps(told.blocks)
    assert "is approved" not in shown
    assert "no approval is needed" not in shown
    stage.result(run, [GOOD] * 8)
    stage.finish(run, RunState.VERIFIED, clean=3)
    found = "8 of 8 nodes have a new result: 3 compliant, 5 not."
    assert found in json.dumps(drawn(stage, noticing.RUN, run.id).blocks)


def test_where_no_patch_is_missing_none_are_counted(tmp_path: Path) -> None:
    stage = Stage(tmp_path, observations=[fleet.scanned(one.node) for one in nodes(2)])
    asked = proposal(operation=Operation.SCAN, filter=Filter(state=EVERY_STATE))
    stage.click("request.submit", ANA.id, proposal=asked.body(), channel="")
    shown = json.dumps(drawn(stage, noticing.REQUESTER, "R-1").blocks)
    assert "no patch is known to be missing" in shown
    assert "0 patches" not in shown
    stage.close()


def test_runs_tell_when_they_ended_and_what_failed_once(stage: Stage) -> None:
    run = stage.start(stage.approved())
    stage.result(run, FAILURES)
    ended = stage.finish(run, RunState.PARTIAL, clean=5)
    stage.now += timedelta(minutes=3)
    answer = stage.desk.answer("runs prod", OPERATOR, surface=Surface.TERMINAL)
    assert ended.ended_at is not None
    shown = json.dumps(answer.card().blocks)
    assert f"ended <!date^{int(ended.ended_at.timestamp())}^" in shown
    shown = in_terminal(answer.command.terminal(answer.report, answer.context), width=120)
    assert "ended 3 min ago" in shown
    shown = json.dumps(drawn(stage, noticing.RUN, run.id).blocks, ensure_ascii=False)
    assert "failed with exit code 1" in shown
    assert "failed: it failed" not in shown


def test_a_plan_of_one_node_ranks_nothing(stage: Stage) -> None:
    stage.request(filter=Filter(name="prod-003"))
    shown = json.dumps(drawn(stage, noticing.APPROVAL, "R-1").blocks)
    assert "\\nNode: prod-003" in shown
    assert "Missing: bash.x86_64, curl" in shown
    assert "Worst" not in shown


def test_beside_a_closed_gate_nothing_else_waits(stage: Stage) -> None:
    stage.move(stage.start(stage.approved()), RunState.PAUSED, why="x")
    answer = stage.desk.answer("approvals", OPERATOR, surface=Surface.TERMINAL)
    shown = in_terminal(answer.command.terminal(answer.report, answer.context))
    assert "Nothing else waits for an approval." in shown
