"""Markup is made of our own words only; everything else in it is inert."""

import ast
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chatops.markup import (
    Mrkdwn,
    ago,
    bold,
    channel,
    code,
    date,
    in_utc,
    join,
    link,
    markup,
    prose,
    timed,
    user,
    utc,
)
from bot.chatops.shapes import length
from tests.oracles.hostile import HOSTILE
from tests.oracles.mrkdwn import tokens

ROOT = Path(__file__).parents[2]
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def kinds(markup: Mrkdwn) -> list[str]:
    return [token.kind for token in tokens(markup.source)]


def test_values_in_a_template() -> None:
    """Numbers may have a format, text is made inert, markup stays markup."""
    made = markup("{n:,} nodes of {name}, see {where}", n=3000, name="<a>", where=code("x_y"))
    assert made.source == "3,000 nodes of &lt;a&gt;, see `x_y`"


def test_hostile_values_add_nothing() -> None:
    """Whatever stands in a tag, Slack finds just what the template and the helpers put there."""
    for hostile in HOSTILE:
        made = markup("*{name}* of {owner}: {id}", name=hostile, owner=hostile, id=code(hostile))
        assert kinds(made) == ["format *", "code"]
        assert kinds(bold(hostile)) == ["format *"]
        assert kinds(link("https://a.example", hostile)) == ["control"]
        assert kinds(join(" · ", [hostile, hostile])) == []


def test_dates_show_in_the_readers_zone_with_utc_to_fall_back_on() -> None:
    """Slack's date token, with a fallback that names its zone."""
    berlin = NOON.astimezone(timezone(timedelta(hours=1)))
    assert date(NOON) == date(berlin)
    assert date(NOON).source == (
        "<!date^1795435200^{date_short_pretty} at {time}|2026-11-23 12:00 UTC>"
    )
    assert date(NOON, lead="Read ").source == (
        "<!date^1795435200^Read {date_short_pretty} at {time}|Read 2026-11-23 12:00 UTC>"
    )
    assert utc(NOON).source == "2026-11-23 12:00 UTC"
    assert ago(NOON).source == "<!date^1795435200^{ago}|2026-11-23 12:00 UTC>"
    assert in_utc(berlin) == "2026-11-23 12:00 UTC"


def test_a_moment_without_a_zone_is_refused() -> None:
    """A time that could mean any zone is never shown."""
    for function in (date, ago, in_utc):
        with pytest.raises(ValueError, match="zone"):
            function(NOON.replace(tzinfo=None))


def test_mentions_take_ids_only() -> None:
    """People, groups and channels are named by Slack id; anything else is refused."""
    assert user("U0123").source == "<@U0123>"
    assert channel("C0123").source == "<#C0123>"
    for wrong in ("", "U1>", "here", "u123", "S1|x", "!channel", "U1\n"):
        for mention in (user, channel):
            with pytest.raises(ValueError, match="Slack id"):
                mention(wrong)


@pytest.mark.parametrize(
    "url", ["javascript:x", "https://a|b", "https://a>b", "https://a b", "", "a.b"]
)
def test_links_to_odd_addresses_are_refused(url: str) -> None:
    """A link leads to http(s) and cannot end early."""
    with pytest.raises(ValueError, match="http"):
        link(url, "label")


def test_long_markup_is_cut_between_lines_and_says_so() -> None:
    """Lines that find no room are counted, not dropped silently."""
    made = join("\n", [markup("*line {n}*", n=n) for n in range(100)])
    shown = made.cut(200)
    assert length(shown) <= 200
    lines = shown.split("\n")
    assert lines[-1] == f"… and {100 - len(lines) + 1} more lines"
    assert lines[:-1] == [f"*line {n}*" for n in range(len(lines) - 1)]
    assert made.cut(5000) == made.source


@given(
    st.lists(
        st.text(max_size=30).map(bold) | st.text(max_size=30).map(code) | st.just(date(NOON)),
        min_size=1,
        max_size=20,
    ),
    st.integers(min_value=40, max_value=200),
)
def test_cut_markup_never_ends_inside_a_token(parts: list[Mrkdwn], limit: int) -> None:
    """However long one line is: within the limit, and no half link, entity or code span."""
    shown = join(" ", parts).cut(limit)
    assert length(shown) <= limit
    assert shown.count("<") == shown.count(">")
    assert shown.count("`") % 2 == 0


def test_a_moment_in_our_words_is_shown_in_the_readers_zone() -> None:
    """And nothing else of the sentence acts; what only looks like a moment stays as it is."""
    shown = timed("it starts at 2026-11-27 08:20 UTC, not <!here>").source
    stamp = int(datetime(2026, 11, 27, 8, 20, tzinfo=UTC).timestamp())
    assert f"starts at <!date^{stamp}^{{date_short_pretty}} at {{time}}|" in shown
    assert "<!here>" not in shown
    assert "<" not in timed("it starts at 2026-13-27 08:20 UTC").source


@given(st.sampled_from(HOSTILE), st.sampled_from(HOSTILE))
def test_moments_between_foreign_texts_let_none_of_them_act(before: str, after: str) -> None:
    shown = timed(f"{before} 2026-11-27 08:20 UTC {after}").source
    acts = [one for one in tokens(shown) if one.kind == "control"]
    assert all(one.text.startswith("<!date^") for one in acts)


def as_slack_shows_code(text: str) -> list[str]:
    """What Slack shows as code: backticks that touch a word make no span."""
    return [
        span.group()
        for span in re.finditer(r"`[^`]+`", text)
        if not text[: span.start()][-1:].isalnum() and not text[span.end() :][:1].isalnum()
    ]


@given(st.text("a* `_:~.é", max_size=14))
def test_backticks_in_a_name_start_no_format(name: str) -> None:
    """Each backtick that is left is the edge of a real code span, and our own command stays one."""
    for sentence in (f"The node {name} is gone.", f"{name}: run `aws ssm x` now."):
        shown = prose(sentence).source
        spans = as_slack_shows_code(shown)
        assert shown.count("`") == 2 * len(spans)
        assert {token.kind for token in tokens(shown)} <= {"code"}
    assert "`aws ssm x`" in spans


def calls(name: str) -> list[tuple[Path, ast.Call]]:
    """Every call of a function of that name in the product."""
    files = [*(ROOT / "bot").rglob("*.py"), *(ROOT / "commands").rglob("*.py")]
    return [
        (file.relative_to(ROOT), node)
        for file in files
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == name
    ]


def test_only_markup_makes_markup() -> None:
    """No module but the makers of markup can declare text to be trusted."""
    assert {str(file) for file, _ in calls("Mrkdwn")} == {"bot/chatops/markup.py"}


@pytest.mark.parametrize("name", ["markup", "join"])
def test_templates_are_literals(name: str) -> None:
    """No template is put together from values, by an f-string or otherwise: values go in as arguments."""
    for file, call in calls(name):
        method = isinstance(call.func, ast.Attribute) and not isinstance(call.func.value, ast.Name)
        if name == "join" and (method or ast.unparse(call.func) != "join"):
            continue
        assert isinstance(call.args[0], ast.Constant), f"{file}:{call.lineno}"
