"""Who reads only the digest knows what to do; Slack takes it, whatever the names in it; no day hides what waits."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from bot.chatops.blocks import section
from bot.chatops.digest_card import digest_card, owner_card
from bot.chatops.digest_terminal import digest_terminal
from bot.chatops.grammar import parse
from bot.chatops.limits import size
from bot.chatops.registry import Registry
from bot.chatops.reply import Card
from bot.chatops.sizes import MESSAGE_SIZE
from bot.core.causes import Between, View
from bot.core.comparing import compare
from bot.core.digest_reports import DigestReport, FailedInstall, OwnerPart, Ready, Standing
from bot.core.digest_words import run_line as told_of_run
from bot.core.digests import Seen, of_owner, whole
from bot.core.errors import NotFound
from bot.core.history import Exposure
from bot.core.nodes import Patch
from bot.core.reports import GapRow, UnknownReasons
from bot.core.runs import RunState
from tests.chatops import digests as made
from tests.chatops.digests import (
    NOW,
    ago,
    monday,
    quiet,
    quiet_part,
    random_digest,
    run_line,
    standing,
)
from tests.commands import fleets
from tests.commands.golden import assert_card, assert_text, in_terminal
from tests.commands.test_limits import faults
from tests.core.test_comparing import node, scanned
from tests.oracles.judges import judge_message

PICTURE = section(
    f"A picture: {'x' * 300}"
)  # any block does; what a picture is made of is not said here
GAP = GapRow(account="111122223333", region="eu-west-1", reason="denied")
TODAY = (
    monday()
    .fleet.due[0]
    .model_copy(
        update={"breached": 0, "ready": Ready(due_today=4), "hindered": (), "newly_breached": 0}
    )
)
MISSED = ("prod, 22 November 09:00: skipped, patchbot was down from 08:10 to 15:00",)


def shown(report: DigestReport, **more: Any) -> str:
    return in_terminal(digest_terminal(report, **more))


def words(card: Card) -> str:
    return json.dumps(card.blocks, ensure_ascii=False)


FIRST = monday(
    since=None,
    fleet=quiet_part(without_data_more=25, details_missing=61).model_copy(
        update={"before": None, "unchanged": False}
    ),
    approvals=(),
    runs=(),
    ended_runs=(),
    deadlines=(),
    details_missing=61,
)
SLOT = "D-3/2026-11-23"
LOOKED_AT = {
    "digest": digest_card(monday(), slot=SLOT),
    "digest-first": digest_card(FIRST),
    "digest-quiet": digest_card(quiet()),
    "digest-quiet-missed": digest_card(quiet(), missed=MISSED),
    "digest-owner": owner_card(monday(), "PAYMENTS", slot=SLOT),
    "digest-owner-quiet": owner_card(monday(), "Team A"),
}


@pytest.mark.parametrize("name", LOOKED_AT)
def test_it_looks_as_when_somebody_looked_at_it(name: str) -> None:
    card = LOOKED_AT[name]
    assert judge_message(card.text, card.blocks) == []
    assert_card(card, name)


def test_the_same_in_a_terminal() -> None:
    for name, report in (("digest", monday()), ("digest-quiet", quiet())):
        told = shown(report, missed=MISSED)
        assert max(map(len, told.splitlines())) <= 80
        assert_text(told, name)


def test_what_is_to_be_done_comes_first_and_says_how() -> None:
    """Before what changed: decisions, what is overdue, what failed, and a command for each."""
    card = words(digest_card(monday()))
    assert card.index("To do today") < card.index("What got worse")
    tasks = card[card.index("To do today") : card.index("What got worse")]
    for task in (
        "R-13: Install on 48 nodes, code 7F3A-2B1C",
        "/patch approvals",
        "/patch run X-13",
        "11 critical patches past the deadline on 7 nodes, and 4 due within 24 hours",
        "Approve 2 critical patches due in the baseline of 1 node",
        "/patch install prod patches:KB5034441,kernel.x86_64",
        "/patch run X-12",
        "/patch nodes prod state:pending_reboot",
        "/patch scan prod state:unknown",
    ):
        assert task in tasks, task
    assert all(task.strip(".") in digest_card(monday()).text for task in ("/patch run X-13",))


def test_every_command_it_names_is_one() -> None:
    """What stands between backticks can be typed: the command is there and takes these words."""
    registry = Registry("commands")
    report = monday()
    found = set()
    for card in (digest_card(report), owner_card(report, "payments"), digest_card(FIRST)):
        found |= set(re.findall(r"`/patch ([^`]+)`", words(card).replace('\\"', '"')))
        for values in re.findall(r'"value": "((?:[^"\\]|\\.)*)"', words(card)):
            found.add(json.loads(f'"{values}"'))
    assert len(found) > 8
    for text in found:
        command = registry.get(parse(text).command)
        sentence = parse(text, keys=command.arguments.option_keys())
        assert command.arguments.bind(sentence, ("prod",))


def test_nothing_to_do_is_said() -> None:
    clean = quiet_part().now.model_copy(
        update={"nodes": quiet_part().now.nodes.model_copy(update={"non_compliant": 0, "unknown": 0})}
    )  # fmt: skip
    fine = clean.model_copy(
        update={
            "unknown_reasons": clean.unknown_reasons.model_copy(
                update={"never_scanned": 0, "stale": 0}
            )
        }
    )
    report = quiet(unchanged=False, fleet=quiet_part().model_copy(update={"now": fine}))
    assert "Nothing to do today." in words(digest_card(report))


def test_that_nothing_is_due_is_said_only_of_what_is_known() -> None:
    """25 nodes have no data, of 5 the patches are not read: for all others nothing is due; for owners as well."""
    part = quiet_part(details_missing=5).model_copy(update={"unchanged": False})
    mine = OwnerPart(owner="payments", channel="C0000PAY1", part=part)
    report = quiet(unchanged=False, fleet=part, owners=(mine,))
    for told in (words(digest_card(report)), words(owner_card(report, "payments"))):
        assert "What is due is not known for 30 nodes; on the others nothing is past" in told
        assert "What is due today is not known for 30 nodes; 61 nodes are non-compliant" in told
        assert "Nothing is" not in told
    assert "What is due is not known for 30 nodes" in " ".join(shown(report).split())
    dark = part.model_copy(update={"now": standing(0, 5, 25)})
    told = words(digest_card(report.model_copy(update={"fleet": dark})))
    assert "What is due is not known for 30 nodes." in told


def test_where_a_part_was_never_read_nobody_knows_that_nothing_is_due() -> None:
    """Its nodes are none that are unknown: nobody knows that there are any."""
    part = quiet_part().model_copy(
        update={"unchanged": False, "now": standing(5, 1, 0, complete=False)}
    )
    mine = OwnerPart(owner="payments", channel="C0000PAY1", part=part)
    report = quiet(unchanged=False, fleet=part, owners=(mine,), gaps=(GAP,))
    for told in (words(digest_card(report)), words(owner_card(report, "payments"))):
        assert "What is due is not known where nothing could be read; on the others nothing" in told
        assert "What is due today is not known where nothing could be read; 1 node is" in told
        assert "Nothing is" not in told
        assert "eu-west-1: denied." in told


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (standing(0, 0, 0), "no nodes."),
        (
            standing(0, 0, 8, unknown_reasons=UnknownReasons(unreadable=8)),
            "could not be read (8 nodes unknown).",
        ),
    ],
)  # fmt: skip
def test_a_quiet_day_has_no_percentage_where_there_is_none_to_be_told(
    now: Standing, told: str
) -> None:
    part = quiet_part().model_copy(update={"now": now, "before": now})
    report = quiet(fleet=part, owners=(OwnerPart(owner="web", channel="C0000WEB1", part=part),))
    for card in (digest_card(report), owner_card(report, "web")):
        assert f"unchanged for 4 min: {told}" in card.text
        assert "%" not in card.text


def test_an_owner_hears_what_could_not_be_read() -> None:
    """On a quiet day and on every other: why nodes of its own may not be in there."""
    remark = "Owners could not be read."
    quiet_part_of = OwnerPart(owner="payments", channel="C0000PAY1", part=quiet_part())
    for part in (quiet_part_of, monday().owners[0].model_copy(update={"owner": "payments"})):
        card = owner_card(quiet(owners=(part,), gaps=(GAP,), notices=(remark,)), "payments")
        assert remark in words(card)
        assert "eu-west-1: denied." in words(card)


def test_one_patch_is_counted_as_one() -> None:
    run = run_line("X-14", RunState.VERIFIED).model_copy(
        update={"clean": 1, "closed": 1, "still_open": 0}
    )
    assert ", 1 patch closed, 0 still open" in told_of_run(run)


def test_of_many_gaps_and_remarks_it_says_how_many_there_are() -> None:
    report = monday(gaps=(GAP,) * 9, notices=("A remark.",) * 9)
    assert "Not everything could be read: 9 gaps" in words(digest_card(report))
    assert "6 more remarks" in words(digest_card(report))


def test_an_owner_hears_on_a_quiet_day_what_is_due_this_week() -> None:
    mine = OwnerPart(
        owner="payments", channel="C0000PAY1", part=quiet_part(due=monday().fleet.due[1:])
    )
    card = owner_card(quiet(owners=(mine,)), "payments")
    assert "Important: 6 patches due this week on 6 nodes, the first in" in card.text


def test_a_quiet_day_is_one_line() -> None:
    """One section; the audit head is in it all the same."""
    for card in (digest_card(quiet()), owner_card(monday(), "team a")):
        assert len(card.blocks) == 1
        assert "unchanged for 24 hours" in card.text
        assert "1284:0123456789abcdef" in words(card)
        assert "\n" not in card.text


def test_the_percentage_never_stands_alone() -> None:
    """With its denominator, its coverage, its age, and what is shown beside it; also on a quiet day."""
    for card in (digest_card(monday()), digest_card(quiet())):
        for told in ("480 nodes", "25 unknown", "6 nodes with lost connection", "2 nodes stopped"):
            assert told in words(card)
        assert "Read 2026-11-23 07:56 UTC" in card.text
        assert "Read 2026-11-23 07:56 UTC" in words(card)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"missed": MISSED}, "patchbot was down"),
        ({"approvals": monday().approvals}, "R-13"),
        ({"runs": (run_line("X-14", monday().runs[0].state),)}, "X-14"),
        ({"fleet": quiet_part(due=monday().fleet.due[:1])}, "past the deadline"),
        ({"fleet": quiet_part(due=(TODAY,))}, "Install today: 4 critical patches due"),
        ({"fleet": quiet_part(due=monday().fleet.due[1:])}, "Important: 6 patches due this week"),
        ({"read_only": "the ledger is older than its head"}, "older than its head"),
        ({"notices": ("The history could not be read.",)}, "history"),
        ({"gaps": (GAP,)}, "eu-west-1"),
    ],
)  # fmt: skip
def test_a_quiet_day_hides_nothing_that_waits(changes: dict[str, Any], told: str) -> None:
    """In the message, in its text and in the terminal."""
    report = quiet(**changes)
    card = digest_card(report)
    assert told in words(card)
    assert told in card.text
    assert told in shown(report)


@pytest.mark.parametrize(
    ("failing", "told"),
    [
        ((FailedInstall(run="X-9", nodes=2),), "failed on 2 nodes of these: `/patch run X-9`"),
        ((FailedInstall(run="", nodes=1),), "failed on 1 node of these: `/patch nodes prod"),
        (
            (FailedInstall(run="X-9", nodes=2), FailedInstall(run="", nodes=1)),
            "failed on 3 nodes of these: `/patch runs prod`",
        ),
    ],
)
def test_a_quiet_day_with_a_failed_install_is_one_line_that_says_so(
    failing: tuple[FailedInstall, ...], told: str
) -> None:
    card = digest_card(quiet(fleet=quiet_part(failing=failing)))
    assert len(card.blocks) == 1
    assert told in words(card)


def plan_of(card: Card) -> tuple[str, str]:
    """What the button for a plan says, and asks for."""
    (row,) = [block for block in card.blocks if block["type"] == "actions"]
    (found,) = [one for one in row["elements"] if one["action_id"] == "form:install"]
    return found["text"]["text"], found["value"]


def test_a_plan_is_for_the_nodes_that_the_digest_counted() -> None:
    """By its slot; one that has none says that it is for all there are then."""
    text, asked = plan_of(digest_card(monday(), slot=SLOT))
    assert (text, asked) == ("Plan an Install for these 61 nodes…", f"install prod nodes:{SLOT}")
    text, asked = plan_of(owner_card(monday(), "payments", slot=SLOT))
    assert text == "Plan an Install for these 2 nodes…"
    assert parse(asked).options == (("nodes", SLOT), ("owner", "payments"))
    text, asked = plan_of(digest_card(monday()))
    assert (text, asked) == ("Plan an Install for all non-compliant nodes…", "install prod")


def test_an_owner_that_is_not_mapped_has_no_card() -> None:
    with pytest.raises(NotFound):
        owner_card(monday(), "nobody")


@pytest.mark.parametrize("seed", range(30))
def test_any_digest_can_be_sent_and_is_inert(seed: int) -> None:
    """Whatever it says under whatever names, and a terminal can show it."""
    report = random_digest(Random(seed))
    missed = report.missed[:1]
    picture = PICTURE if seed % 2 else None
    assert faults(digest_card(report, missed=missed, picture=picture)) == []
    assert faults(owner_card(report, report.owners[0].owner)) == []
    assert "\x1b" not in shown(report, missed=missed)


class Fullest(Random):
    """Every list is as long, and every number as high, as it can be; of texts it takes the last one."""

    def randint(self, a: int, b: int) -> int:
        return b

    def choice(self, seq: Any) -> Any:
        return seq[-3] if seq[-1] == "" else seq[-1]


@pytest.mark.parametrize("sign", ["&", '"', "<", "W", ":a"])
def test_the_fullest_digest_still_fits(sign: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything there is to tell, with names that grow: it is told in less detail, and how much more there is."""
    monkeypatch.setattr(made, "WORST_TEXTS", (sign * 256,))
    report = random_digest(Fullest(1)).model_copy(update={"unchanged": False})
    card = digest_card(report, picture=PICTURE)
    assert faults(card) == []
    assert "more reasons" in words(card)
    assert "more tasks" in words(card)
    assert "more runs" in words(card)


def worst_digest(size_: int, sign: Callable[[int], str]) -> DigestReport:
    """A digest of a fleet in which every text is the longest and worst, and most nodes got worse for some reason."""

    def name(number: int) -> str:
        return f"{number}{sign(number)}"[:256]

    was, now, exposures = [], [], []
    for number in range(size_):
        before = replace(node(number), name=name(number), owner=name(7), baseline_id=name(1))
        was.append(before)
        after = scanned(before, missing=number % 3, failed=int(number % 7 == 0))
        now.append(replace(after, baseline_id=name(number % 4)) if number % 5 == 0 else after)
        at = NOW - timedelta(hours=number % 99)
        patch = Patch(name(number % 50), "", "", "Critical", "Missing")
        exposures.append(Exposure(after.key, patch, at, at))
    before_view, after_view = View(ago(days=3), True, tuple(was)), View(NOW, True, tuple(now))
    found = compare(before_view, after_view, Between(exposures))
    seen = Seen(before_view, after_view, found, exposures, Late, ago(days=1), NOW)
    owner = OwnerPart(owner=name(7), channel="C0000PAY1", part=of_owner(seen, name(7)))
    return monday(fleet=whole(seen), owners=(owner,), missed=tuple(map(name, range(9))))


@pytest.mark.parametrize("sign", fleets.WORST_TEXTS, ids=lambda text: ascii(text[0]))
def test_a_digest_in_which_every_text_is_the_worst(sign: str) -> None:
    report = worst_digest(150, lambda _: sign)
    for card in (digest_card(report, picture=PICTURE), owner_card(report, report.owners[0].owner)):
        assert faults(card) == []


def test_ten_thousand_nodes_with_the_longest_names() -> None:
    signs = fleets.WORST_TEXTS
    report = worst_digest(10_000, lambda number: signs[number % len(signs)])
    assert report.fleet.now.nodes.total == 10_000
    for card in (digest_card(report, picture=PICTURE), owner_card(report, report.owners[0].owner)):
        assert faults(card) == []
        assert size(list(card.blocks)) <= MESSAGE_SIZE


class Late:
    """Everything is due a day after it was seen."""

    severity = "critical"

    def __init__(self, exposure: Exposure) -> None:
        self.at = exposure.first_seen + timedelta(days=1)
