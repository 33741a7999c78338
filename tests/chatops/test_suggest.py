"""A typo finds what was meant, and nonsense finds nothing."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chatops import suggest
from bot.chatops.suggest import COMPARED, LONGEST_WORD, closest, did_you_mean

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


def whole_table(one: str, other: str) -> int:
    """The distance by its definition, every cell of the table, written apart from the product."""
    cells = {(i, 0): i for i in range(len(one) + 1)} | {(0, j): j for j in range(len(other) + 1)}
    for i, char in enumerate(one, 1):
        for j, mate in enumerate(other, 1):
            near = (cells[i - 1, j] + 1, cells[i, j - 1] + 1, cells[i - 1, j - 1] + (char != mate))
            swapped = i > 1 and j > 1 and one[i - 2 : i] == mate + other[j - 2]
            cells[i, j] = min(*near, cells[i - 2, j - 2] + 1) if swapped else min(near)
    return cells[len(one), len(other)]


@given(st.text("abc", max_size=9), st.text("abc", max_size=9), st.integers(0, 4))
def test_the_band_finds_what_the_whole_table_finds(one: str, other: str, limit: int) -> None:
    """Cutting off what is too far away changes no distance within the limit."""
    slips = whole_table(one, other)
    assert suggest._slips(one, other, limit=limit) == (slips if slips <= limit else None)


@given(
    st.text("abc", min_size=1, max_size=14),
    st.lists(st.text("abc", min_size=6, max_size=14), min_size=1, max_size=8),
)
def test_no_nearer_one_is_passed_over(typed: str, names: list[str]) -> None:
    """What is not compared letter by letter is never nearer than what is found."""
    found = closest(typed, names)
    allowed = max(1, min(len(typed), 12) // 3)
    nearest = min(whole_table(typed, name) for name in names)
    if found is None:
        assert nearest > allowed
    elif not found.startswith(typed) and not typed.startswith(found):
        assert whole_table(typed, found) == nearest


class Watched(str):
    """A name that counts how often one of its letters is looked at."""

    __slots__ = ("looks",)
    looks: int

    def __getitem__(self, at: object) -> str:
        self.looks = getattr(self, "looks", 0) + 1
        return super().__getitem__(at)  # type: ignore[index]  # as str itself takes it


def test_a_comparison_looks_at_a_band_and_gives_up_early() -> None:
    """Some letters on both sides of each, not all against all; a few only where nothing is alike."""
    same, other = Watched("ab" * 31), Watched("x" * 62)
    assert suggest._slips("ab" * 31, same, limit=4) == 0
    assert same.looks <= 3 * 9 * 62
    assert suggest._slips("ab" * 31, other, limit=4) is None
    assert other.looks <= 3 * 9 * 6


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The candidates that were compared letter by letter."""
    seen: list[str] = []
    slips = suggest._slips

    def noted(typed: str, meant: str, *, limit: int) -> int | None:
        seen.append(meant)
        return slips(typed, meant, limit=limit)

    monkeypatch.setattr(suggest, "_slips", noted)
    return seen


def test_a_typo_among_many_names_costs_little(compared: list[str]) -> None:
    """However many names there are, and even if somebody made them of the same pieces: few are compared."""
    chance = random.Random(7)
    typed = ("abcdefghijklmnopqrstuvwxyz-.0123456789" * 2)[:63]
    pieces = [typed[at : at + 3] for at in range(0, 63, 3)]
    names = ["".join(chance.sample(pieces, 21)) for _ in range(10_000)]
    assert closest(typed, names) is None
    assert len(compared) == COMPARED
    compared.clear()

    names = ["".join(chance.sample(typed, 63)) for _ in range(10_000)]
    assert closest(typed, names) is None
    assert len(compared) < 10


def test_the_one_that_was_meant_is_found_among_many(compared: list[str]) -> None:
    """A fleet whose names differ in their number."""
    names = [f"prod-payments-backend-worker-eu-central-1-{n:05}" for n in range(10_000)]
    typo = "prod-paymnets-backend-worker-eu-central-1-05000"
    assert closest(typo, names) == names[5_000]
    assert len(compared) <= COMPARED


def test_nobody_guesses_in_a_word_longer_than_any_name(compared: list[str]) -> None:
    """A beginning is still found, for that costs nothing."""
    name = "a" * LONGEST_WORD
    assert closest(f"{name[1:]}b", [name]) == name
    assert closest(f"{name}b", [f"{name}c"]) is None
    assert closest(name, [f"{name}bc"]) == f"{name}bc"
    assert len(compared) == 1
