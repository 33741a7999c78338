"""What is typed is understood as it was meant, and nothing that is typed breaks the parser."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.chatops.grammar import (
    LONGEST,
    NO_KEYS,
    GrammarError,
    Sentence,
    format_sentence,
    parse,
    repair,
)
from bot.core.errors import UsageError
from tests.oracles.hostile import HOSTILE

KEYS = ("by", "os", "owner", "severity", "sort", "title", "first_seen")


@pytest.mark.parametrize(
    ("text", "command", "words", "options"),
    [
        ("", "", (), {}),
        ("  \u00a0\n", "", (), {}),
        ("status", "status", (), {}),
        ("STATUS Prod By:OS", "status", ("Prod",), {"by": "OS"}),
        ("/patch status prod", "status", ("prod",), {}),
        ("status\u00a0prod\u3000by:os", "status", ("prod",), {"by": "os"}),
        ("nodes prod severity:critical sort:name", "nodes", ("prod",), {"severity": "critical", "sort": "name"}),
        ('nodes os:"Amazon Linux 2023" prod', "nodes", ("prod",), {"os": "Amazon Linux 2023"}),
        ("nodes os:'Amazon Linux 2023'", "nodes", (), {"os": "Amazon Linux 2023"}),
        ("nodes os:“Amazon Linux 2023”", "nodes", (), {"os": "Amazon Linux 2023"}),
        ("nodes os:„Amazon Linux 2023“", "nodes", (), {"os": "Amazon Linux 2023"}),
        ("nodes os:‘Amazon Linux 2023’", "nodes", (), {"os": "Amazon Linux 2023"}),
        ("nodes owner:O’Brien", "nodes", (), {"owner": "O'Brien"}),
        (r'nodes os:"a \"b\" \\ c\d"', "nodes", (), {"os": r'a "b" \ c\d'}),
        ("nodes severity: critical prod", "nodes", ("prod",), {"severity": "critical"}),
        ("nodes severity: by:os", "nodes", (), {"severity": "", "by": "os"}),
        ("nodes severity:", "nodes", (), {"severity": ""}),
        ("nodes note: later", "nodes", ("note:", "later"), {}),
        ("nodes sevrity:critical", "nodes", (), {"sevrity": "critical"}),
        ("nodes first-seen:2026-01-01", "nodes", (), {"first_seen": "2026-01-01"}),
        ("nodes severity：critical", "nodes", (), {"severity": "critical"}),
        ("node i-0123456789abcdef0", "node", ("i-0123456789abcdef0",), {}),
        ("node mi-0123456789abcdef0", "node", ("mi-0123456789abcdef0",), {}),
        ("node arn:aws:ec2:eu-west-1:1:instance/i-1", "node", ("arn:aws:ec2:eu-west-1:1:instance/i-1",), {}),
        ("node https://a.b/c?d=e", "node", ("https://a.b/c?d=e",), {}),
        ('node "web:1"', "node", ("web:1",), {}),
        ("node C:\\x 10:30", "node", ("C:\\x", "10:30"), {}),
        ("cve CVE-2026-12345 KB5068861", "cve", ("CVE-2026-12345", "KB5068861"), {}),
        ("status —json", "status", ("--json",), {}),
        ("nodes title:“a — b”", "nodes", (), {"title": "a — b"}),
        ('""', "", (), {}),
        ("by:os", "", (), {"by": "os"}),
    ],
)  # fmt: skip
def test_sentences(
    text: str, command: str, words: tuple[str, ...], options: dict[str, str]
) -> None:
    """Each form that the grammar documents is read as documented."""
    sentence = parse(text, keys=KEYS)
    assert (sentence.command, sentence.words, dict(sentence.options)) == (command, words, options)
    assert sentence.raw == text


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("<http://web-1.example.com|web-1.example.com>", "web-1.example.com"),
        ("<https://a.example/x>", "https://a.example/x"),
        ("<mailto:ana@example.com|ana@example.com>", "ana@example.com"),
        ("<mailto:ana@example.com>", "ana@example.com"),
        ("<@U0123ABCD|ana>", "U0123ABCD"),
        ("<@U0123ABCD>", "U0123ABCD"),
        ("<#C0123ABCD|ops>", "C0123ABCD"),
        ("<#C0123ABCD|>", "C0123ABCD"),
        ("<!subteam^S0123ABCD|@sre>", "S0123ABCD"),
        ("<!here>", "@here"),
        ("R&amp;D", "R&D"),
        ("&lt;prod&gt;", "<prod>"),
        ("&amp;lt;", "&lt;"),
        ("&lt;@U1&gt;", "<@U1>"),
        ("<environment>", "<environment>"),
        ("pro\u200bd\ufeff", "prod"),
        ("“x” ‘y’", "\"x\" 'y'"),
        ("a\u00a0b", "a b"),
        ("—json", "--json"),
        ("2026—2027", "2026—2027"),
    ],
)
def test_repair(typed: str, meant: str) -> None:
    """What phones and Slack make of typed text is undone, and Slack's escapes are undone once."""
    assert repair(typed) == meant
    if " " not in meant:
        assert parse(f"node {typed}").words == (meant,)


@pytest.mark.parametrize("text", ['nodes os:"Amazon', "nodes 'x", "nodes “x", 'nodes "a"b'])
def test_open_quote_is_named(text: str) -> None:
    """An open quote is refused in words, as a usage error."""
    with pytest.raises(GrammarError, match="never closed") as caught:
        parse(text)
    assert isinstance(caught.value, UsageError)
    assert caught.value.hint


def test_key_given_twice_is_refused() -> None:
    """Of two values for one key neither is dropped silently."""
    with pytest.raises(GrammarError, match="“by:” is given twice"):
        parse("status by:os BY:owner")


def test_nul_and_too_much_are_refused() -> None:
    """A NUL and more than 4,000 characters are refused; exactly 4,000 are read."""
    with pytest.raises(GrammarError, match="NUL"):
        parse("a\0b")
    with pytest.raises(GrammarError, match="4,001 characters"):
        parse("x" * (LONGEST + 1))
    assert parse("x" * LONGEST).command == "x" * LONGEST


def test_known_key_wins_over_the_list_of_prefixes() -> None:
    """A command that has an option `ssm:` gets it; others see a word."""
    assert parse("x ssm:1").words == ("ssm:1",)
    assert parse("x ssm:1", keys=("ssm",)).options == (("ssm", "1"),)


PIECES = st.sampled_from(
    (
        *("status", "nodes", "prod", "by:", "os:", "severity:", "note:", "arn:aws:", "/patch", "é"),
        *("“", "”", '"', "'", "’", "—", "\u00a0", " ", "\u200b", "\\", "：", "<", ">", "|"),
        *("&amp;", "<@U1|x>", "<http://a.b|a.b>"),
    )
)
TYPED = st.lists(PIECES | st.text(max_size=6), max_size=25).map("".join) | st.sampled_from(HOSTILE)
VALUES = st.text(st.characters(exclude_characters="\0"), max_size=25) | TYPED.filter(
    lambda text: "\0" not in text and len(text) < 300
)
SENTENCES = st.builds(
    Sentence,
    command=VALUES.map(str.casefold),
    words=st.lists(VALUES, max_size=4).map(tuple),
    options=st.dictionaries(
        st.from_regex(r"[a-z][a-z_-]+", fullmatch=True).filter(lambda key: key not in NO_KEYS),
        VALUES,
        max_size=4,
    ).map(lambda options: tuple(options.items())),
)


@settings(max_examples=2000)
@given(TYPED)
def test_any_text_is_a_sentence_or_a_grammar_error(text: str) -> None:
    """2,000 odd texts: each is read or refused in words, and what was read can be said again."""
    try:
        sentence = parse(text, keys=KEYS)
    except GrammarError:
        return
    assert parse(format_sentence(sentence), keys=KEYS) == sentence
    assert re.fullmatch(r"[^A-Z]*", sentence.command) or not sentence.command.isascii()


@settings(max_examples=1000)
@given(SENTENCES)
def test_formatted_sentence_is_parsed_back(sentence: Sentence) -> None:
    """Any sentence survives a button: also with quotes, markup, spaces and invisible characters in its values."""
    text = format_sentence(sentence)
    if len(text) <= LONGEST:
        assert parse(text, keys=[key for key, _ in sentence.options]) == sentence
        assert parse(text) == sentence


def test_formatted_sentences_are_readable() -> None:
    """Quotes stand only where they are needed."""
    sentence = Sentence("nodes", ("prod",), (("os", "Amazon Linux 2023"), ("page", "2")))
    assert format_sentence(sentence) == 'nodes prod os:"Amazon Linux 2023" page:2'
    assert format_sentence(Sentence()) == ""
