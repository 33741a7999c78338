"""The parts all cards share."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chatops import cards, sizes
from bot.chatops.blocks import Block, section
from bot.chatops.command import Show
from bot.chatops.context import Context, Surface
from bot.chatops.desk import Desk
from bot.chatops.grammar import parse
from bot.chatops.limits import size
from bot.core.errors import (
    Ambiguous,
    AwsError,
    Candidate,
    NotAllowed,
    NotFound,
    PatchbotError,
    UsageError,
)
from bot.core.judgement import Reason, Status
from bot.core.reports import GapRow, NodeRow
from tests.commands import fleet
from tests.commands.conftest import ANA, desk_over
from tests.oracles.hostile import HOSTILE
from tests.oracles.judges import judge_message
from tests.oracles.mrkdwn import tokens


@pytest.fixture
def desk() -> Desk:
    return desk_over(fleet.gateway(), fleet.store())


def question(desk: Desk, text: str, *, shared: bool = False) -> Context:
    return desk.answer(text, ANA, surface=Surface.SLACK, shared=shared).context


def test_a_button_asks_the_same_question_with_a_change(desk: Desk) -> None:
    """Words and options stay, what is named changes or goes, and nothing refreshes unless it says so."""
    asked = question(desk, 'nodes prod refresh owner:"Team A" page:2')
    assert cards.asked(asked) == 'nodes prod owner:"Team A" page:2'
    assert cards.asked(asked, page="3") == 'nodes prod owner:"Team A" page:3'
    assert cards.asked(asked, page=None, refresh=True) == 'nodes prod refresh owner:"Team A"'


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Run a scan: `aws ssm x`.", "Run a scan: `aws ssm x`."),
        ("`a` then `b`", "`a` then `b`"),
        ("an odd ` stays", "an odd ˋ stays"),
        ("a < b & `c < d`", "a &lt; b &amp; `c &lt; d`"),
        ("*not bold* <!channel>", "∗not bold∗ &lt;!channel&gt;"),
        ("two\nlines", "two lines"),
        (
            "arn:aws:sts::111122223333:assumed-role/a_b/i-1 may not.",
            "`arn:aws:sts::111122223333:assumed-role/a_b/i-1` may not.",
        ),
        ("Use (arn:aws-cn:iam::1:role/x).", "Use (`arn:aws-cn:iam::1:role/x`)."),
        ("run `x arn:aws:iam::1:role/a`", "run `x arn:aws:iam::1:role/a`"),
        ("xarn:aws:iam::1:role/a", "xarn∶aws∶iam:∶1:role/a"),
        ("(`a`), “`b`”: `c`!", "(`a`), “`b`”: `c`!"),
        ("web`*now*`x", "webˋ∗now∗ˋx"),
        ("`*now*`x", "ˋ∗now∗ˋx"),
        ("x`*now*`", "xˋ∗now∗ˋ"),
        ("The node web` is gone: `aws ssm x`.", "The node webˋ is gone: `aws ssm x`."),
        ("The node a ` b is gone: `aws ssm x`.", "The node a ˋ b is gone: `aws ssm x`."),
    ],
)
def test_prose_shows_commands_as_code_and_the_rest_as_it_is(text: str, shown: str) -> None:
    """Colons of ours stay colons."""
    assert cards.prose(text).source == shown


@pytest.mark.parametrize("evil", HOSTILE, ids=range(len(HOSTILE)))
def test_prose_with_foreign_names_does_nothing(evil: str) -> None:
    """Neither alone nor between words of ours, nor in what should be code."""
    for text in (evil, f"The node {evil} is gone: {evil}.", f"Run `{evil}` now"):
        kinds = {token.kind for token in tokens(cards.prose(text).source)}
        assert kinds <= {"code"}


@given(st.text(max_size=300), st.integers(min_value=8, max_value=80))
def test_brief_keeps_to_its_cost(text: str, limit: int) -> None:
    """Escaped for mrkdwn or for JSON, the text costs no more than its limit; what fits is not touched."""
    shown = cards.brief(text, limit)
    cost = {"&": 5, "<": 4, ">": 4, '"': 2, "\\": 2}
    assert sum(cost.get(char, 1) for char in shown) <= limit + 1
    assert shown.endswith("…") or len(shown) <= limit


@pytest.mark.parametrize(
    ("text", "limit", "shown"), [("web", 3, "web"), ("&&&", 15, "&&&"), ("&&&&", 15, "&&…")]
)
def test_brief(text: str, limit: int, shown: str) -> None:
    """Exactly what fits stays whole."""
    assert cards.brief(text, limit) == shown


def test_a_menu_holds_what_slack_allows() -> None:
    """A sentence too long for an option makes no menu at all; so does nothing to choose."""
    assert cards.menu("Pick", Show.REPLACE, [], name="x") == ()
    assert cards.menu("Pick", Show.REPLACE, [("a", "x" * 151)], name="x") == ()
    (menu,) = cards.menu("Pick", Show.REPLACE, [("a", "one"), ("b", "two")], name="x", chosen="two")
    assert menu["action_id"] == "replace:x"
    assert menu["initial_option"]["value"] == "two"


def test_the_first_draft_that_fits_is_taken() -> None:
    """And the last one where none does."""

    def draft(length: int) -> tuple[Block, ...]:
        return tuple(section("x" * 3_000) for _ in range(length))

    assert cards.fitting(draft(5), draft(3), draft(1)) == draft(3)
    assert cards.fitting(draft(5), draft(4)) == draft(4)
    assert size(list(draft(3))) <= sizes.MESSAGE_SIZE


def test_a_shared_card_offers_no_second_sharing(desk: Desk) -> None:
    """It says who shared it, and its only copy goes to whoever clicks."""
    mine, shared = question(desk, "status prod"), question(desk, "status prod", shared=True)
    ids = [element["action_id"] for element in cards.refresh_and_share(mine)]
    assert ids == ["replace:refresh", "channel:share"]
    assert [element["action_id"] for element in cards.refresh_and_share(shared)] == ["private:open"]
    assert "<@U0000ANA1>" in str(cards.title("prod", shared))
    assert "<@" not in str(cards.title("prod", mine))


GAP = GapRow(account="1", region="eu", reason="no", nodes=1, last_read_at=fleet.NOW)


def test_gaps_and_remarks_say_how_many_more() -> None:
    """Five gaps and three remarks are shown, the rest is counted."""
    assert cards.gaps((), fleet.NOW) == ()
    assert "2 more gaps" in str(cards.gaps([GAP] * 7, fleet.NOW))
    assert "7 gaps" in str(cards.gaps([GAP] * 7, fleet.NOW))
    assert cards.notices(()) == ()
    assert "1 more remark" in str(cards.notices(["a", "b", "c", "d"]))


def row(**more: object) -> NodeRow:
    given: dict[str, object] = {
        "instance_id": "i-1",
        "name": "web",
        "account": "111122223333",
        "region": "eu-central-1",
        "platform": "Amazon Linux 2023",
        "patch_group": "",
        "baseline_id": "pb-1",
        "status": Status.NON_COMPLIANT,
        "reasons": (Reason.MISSING,),
        "missing": 3,
        "failed": 0,
        "installed_pending_reboot": 0,
        "installed_rejected": 0,
        "critical_non_compliant": 0,
        "security_non_compliant": 0,
        "operation": "Scan",
        "operation_end_time": fleet.ago(hours=3),
        "ping_status": "Online",
        **more,
    }
    return NodeRow.model_validate(given)


def test_rows_say_where_only_if_they_differ_in_it() -> None:
    """In a list of one account and Region both would be noise."""
    same = str(cards.node_rows([row(), row(instance_id="i-2")], fleet.NOW, environment="prod"))
    both = str(cards.node_rows([row(), row(region="us-east-1")], fleet.NOW, environment="prod"))
    assert "· eu-central-1 ·" not in same
    assert "· eu-central-1 ·" in both
    assert "· us-east-1 ·" in both


def test_a_row_opens_exactly_its_node() -> None:
    """The button names account and Region, and a screen reader hears which node it opens."""
    (block,) = cards.node_rows([row()], fleet.NOW, environment="prod")
    button = block["accessory"]
    assert button["value"] == "node i-1 prod account:111122223333 region:eu-central-1"
    assert button["accessibility_label"] == "Open web"
    assert "connection lost" in str(
        cards.node_rows(
            [row(ping_status="ConnectionLost", name=" ")], fleet.NOW, environment="prod"
        )
    )


@pytest.mark.parametrize(
    ("error", "sign"),
    [
        (NotAllowed("You may not."), "⛔"),
        (UsageError("What?"), "❓"),
        (AwsError("AWS said no."), "⚠️"),
        (None, "⚠️"),
    ],
)
def test_an_error_says_what_and_what_next(error: PatchbotError | None, sign: str) -> None:
    """A fault of ours carries its incident, so that the log can be searched for it."""
    if error is not None:
        error.hint = "Do this."
    card = cards.error_card(error, incident="E-42")
    assert judge_message(card.text, card.blocks) == []
    assert str(card.blocks[0]["text"]["text"]).startswith(sign)
    assert ("E-42" if error is None else "Do this.") in card.text
    assert ("E-42" if error is None else "Do this.") in str(card.blocks)


def test_candidates_get_a_button_each_and_the_rest_is_counted() -> None:
    """Ten are shown; more are too many to choose from."""
    many = tuple(Candidate(f"web · i-{n}", f"node i-{n} prod") for n in range(12))
    card = cards.error_card(Ambiguous("12 nodes.", many))
    assert judge_message(card.text, card.blocks) == []
    values = [block["accessory"]["value"] for block in card.blocks if "accessory" in block]
    assert values == [f"node i-{n} prod" for n in range(10)]
    assert "2 more" in str(card.blocks)
    near = cards.error_card(NotFound("None.", candidates=many[:1]))
    assert near.blocks[1]["accessory"]["action_id"] == "replace:candidate:0"


@pytest.mark.parametrize("evil", HOSTILE, ids=range(len(HOSTILE)))
def test_an_error_that_repeats_what_was_typed_is_inert(evil: str) -> None:
    """What somebody types comes back as text, in any part of the card."""
    error = Ambiguous(f"“{evil}”?", (Candidate(evil, "node i-1 prod"),), hint=f"Not {evil}.")
    card = cards.error_card(error)
    assert judge_message(card.text, card.blocks) == []
    texts = [block["text"]["text"] for block in card.blocks if "text" in block]
    assert {token.kind for text in texts for token in tokens(text)} <= {"code"}
    assert "\n" not in card.text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("status prod refresh", "Looking at prod …"),
        ("status", "Looking …"),
        ("help nodes", "Looking at nodes …"),
    ],
)
def test_the_first_words_say_what_is_looked_at(text: str, shown: str) -> None:
    """Before anything is known."""
    assert cards.working_text(parse(text)) == shown


def test_a_late_answer_says_that_it_is_late_and_stays_inert() -> None:
    card = cards.late_answer("That was not done: <!channel> *asked* for it.")
    assert "could not give it at once" in str(card.blocks)
    assert "<!channel>" not in str(card.blocks)
