"""The audit log as values: one text for one body, one hash for one link, and heads that cannot be forged."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.audit import (
    GENESIS,
    Head,
    Link,
    canonical,
    check_chain,
    has_seal,
    head_mac,
    link_hash,
    parse_code,
)

KEY = b"k" * 32
LINK = Link(1, 1_700_000_000_000_000, "boot", "test.happened", "U1", "test/1", "{}", GENESIS, b"")

texts = st.text(st.characters(codec="utf-8"), max_size=20)
bodies = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
links = st.builds(
    Link,
    seq=st.integers(0, 10**6),
    at_us=st.integers(0, 10**18),
    boot=texts,
    kind=texts,
    actor=texts,
    subject=texts,
    body=texts,
    prev=st.binary(min_size=32, max_size=32),
    hash=st.just(b""),
)


def chain_of(number: int) -> list[Link]:
    """A sound chain."""
    found: list[Link] = []
    for seq in range(1, number + 1):
        prev = found[-1].hash if found else GENESIS
        bare = replace(LINK, seq=seq, subject=f"test/{seq}", prev=prev)
        found.append(replace(bare, hash=link_hash("ledger", bare)))
    return found


def test_the_hash_of_a_link_stays_what_it_is() -> None:
    """Logs outlive versions. The bytes are written out here, not computed by the code under test."""
    parts = [
        b"1",
        b"ledger",
        b"1",
        b"1700000000000000",
        b"boot",
        b"test.happened",
        b"U1",
        b"test/1",
        b"{}",
    ]
    fed = b"".join(len(part).to_bytes(8, "big") + part for part in [*parts, bytes(32)])
    assert link_hash("ledger", LINK) == hashlib.sha256(fed).digest()


@given(links, links)
def test_two_links_have_one_hash_only_when_they_are_one(one: Link, two: Link) -> None:
    assert (link_hash("ledger", one) == link_hash("ledger", two)) is (one == two)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({"kind": "ab", "actor": "c"}, {"kind": "a", "actor": "bc"}),
        ({"subject": "x", "body": ""}, {"subject": "", "body": "x"}),
        ({"seq": 11, "at_us": 1}, {"seq": 1, "at_us": 11}),
    ],
)
def test_no_two_ways_of_splitting_have_one_hash(
    one: dict[str, object], two: dict[str, object]
) -> None:
    first, second = (replace(LINK, **fields) for fields in (one, two))  # type: ignore[arg-type]
    assert link_hash("ledger", first) != link_hash("ledger", second)


@given(st.dictionaries(texts, bodies, max_size=5))
def test_a_body_has_one_text_that_says_all_of_it(body: dict[str, object]) -> None:
    text = canonical(body)
    assert json.loads(text) == body
    assert canonical(dict(reversed(body.items()))) == text


@pytest.mark.parametrize(
    "body",
    [
        {"a": 1.0},
        {"a": [{"b": 0.5}]},
        {"a": float("nan")},
        {1: "a"},
        {"a": {None: 1}},
        {"a": b"x"},
        {"a": {1}},
    ],
)
def test_what_has_no_one_text_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(TypeError):
        canonical(body)


def test_half_a_character_has_a_text() -> None:
    assert canonical({"reason": "a\ud800b"}) == '{"reason":"a?b"}'


def test_a_whole_chain_is_sound_and_has_a_head() -> None:
    chain = chain_of(5)
    found = check_chain("ledger", chain)
    assert found.sound
    assert found.head == Head("ledger", 5, chain[-1].hash, LINK.at_us)
    assert check_chain("ledger", []).head == Head("ledger", 0, GENESIS, 0)
    for link in chain:
        assert check_chain("ledger", chain, anchor=Head("ledger", link.seq, link.hash, 0)).sound
    assert check_chain("ledger", chain, anchor=Head("ledger", 0, GENESIS, 0)).sound


@pytest.mark.parametrize("seq", range(1, 6))
def test_another_history_does_not_hold_the_head(seq: int) -> None:
    head = Head("ledger", seq, bytes(32), 0)
    found = check_chain("ledger", chain_of(5), anchor=head)
    assert (found.sound, found.bad_seq, found.checked) == (False, seq, seq - 1)


@pytest.mark.parametrize("digits", [16, 18, 40, 64])
def test_a_code_anchors_by_the_beginning_of_the_hash(digits: int) -> None:
    chain = chain_of(5)
    code = f"4:{chain[3].hash.hex()[:digits]}"
    assert check_chain("ledger", chain, anchor=parse_code(code)).sound
    assert not check_chain("ledger", chain[:3], anchor=parse_code(code)).sound
    other = f"4:{'0' * digits}"
    assert not check_chain("ledger", chain, anchor=parse_code(other)).sound


@pytest.mark.parametrize(
    "code",
    [
        "",
        ":",
        "4:",
        "4:0123",
        "x:" + "0" * 16,
        "-4:" + "0" * 16,
        "4:" + "g" * 16,
        "4:" + "0" * 17,
        "4:" + "0" * 66,
        "٤:" + "0" * 16,
        "9" * 20 + ":" + "0" * 16,
    ],
)
def test_what_is_no_code_is_refused(code: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # each in its own words
        parse_code(code)


def test_the_code_of_a_head_can_be_read_back() -> None:
    head = Head("ledger", 12, hashlib.sha256(b"x").digest(), 5)
    assert parse_code(head.code).hash == head.hash[:8]
    assert parse_code(head.code).seq == 12


def test_a_short_hash_anchors_nothing() -> None:
    """Else an empty one would fit every history."""
    for length in range(8):
        head = Head("ledger", 3, chain_of(3)[2].hash[:length], 0)
        assert not check_chain("ledger", chain_of(5), anchor=head).sound


@pytest.mark.parametrize(
    "changed",
    [
        {"ledger": "other"},
        {"seq": 4},
        {"hash": bytes(32)},
        {"at_us": 8},
        {"mac": b""},
        {"mac": bytes(32)},
    ],
)
def test_a_seal_is_of_every_field(changed: dict[str, object]) -> None:
    head = Head("ledger", 3, b"h" * 32, 7)
    sealed = replace(head, mac=head_mac(KEY, head))
    assert has_seal(KEY, sealed)
    assert not has_seal(KEY, replace(sealed, **changed))  # type: ignore[arg-type]
    assert not has_seal(b"another key", sealed)
    assert not has_seal(b"", replace(head, mac=head_mac(b"", head)))
