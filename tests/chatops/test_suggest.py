"""A typo finds what was meant, and nonsense finds nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chatops.suggest import closest, did_you_mean

COMMANDS = ("doctor", "help", "install", "node", "nodes", "patches", "scan", "status")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("status", "status"),
        ("STATUS", "status"),
        ("stat", "status"),
        ("sttaus", "status"),
        ("statsu", "status"),
        ("staus", "status"),
        ("statuss", "status"),
        ("nodse", "nodes"),
        ("nod", "node"),
        ("noed", "node"),
        ("hlep", "help"),
        ("instal", "install"),
        ("pathces", "patches"),
        ("xyz", None),
        ("reboot", None),
        ("", None),
    ],
)
def test_closest_command(typed: str, meant: str | None) -> None:
    """Beginnings, slips and swapped letters are understood; a far word is not bent into a command."""
    assert closest(typed, COMMANDS) == meant


def test_closest_environment() -> None:
    """People say “production”, the configuration says “prod”."""
    assert closest("production", ("dev", "prod", "staging")) == "prod"
    assert closest("prd", ("dev", "prod", "staging")) == "prod"


def test_did_you_mean() -> None:
    """The suggestion is a sentence of its own, or nothing."""
    assert did_you_mean("sttaus", COMMANDS) == "Did you mean “status”?"
    assert did_you_mean("xyz", COMMANDS) == ""
    assert did_you_mean("status", ()) == ""


@given(st.text(max_size=30), st.lists(st.text(max_size=12), max_size=8))
def test_suggestion_is_a_candidate(word: str, candidates: list[str]) -> None:
    """Whatever is typed, the answer is one of the candidates or none; the word itself is always found."""
    assert closest(word, candidates) in {None, *candidates}
    if word:
        assert closest(word, [*candidates, word]) in {*candidates, word}
