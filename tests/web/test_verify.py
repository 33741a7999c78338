"""The signature: nothing that was changed by one bit is ever accepted, and nothing makes it raise."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.web.verify import Refusal, verify
from tests.web.signing import NOW, SECRET, sign

BODY = b"command=%2Fpatch&text=status+prod&user_id=U2CERLKJA&trigger_id=133.7.8"


def check(
    body: bytes = BODY,
    *,
    timestamp: str = "1700000000",
    signature: str | None = None,
    secrets: tuple[str, ...] = (SECRET,),
    now: float = NOW,
) -> Refusal | None:
    return verify(
        body,
        timestamp=timestamp,
        signature=sign(BODY) if signature is None else signature,
        secrets=secrets,
        now=now,
    )


def test_the_example_of_slacks_page_is_accepted() -> None:
    """Slack, “Verifying requests from Slack”: secret, body, timestamp and signature as printed there."""
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow"
        b"&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner"
        b"&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands"
        b"%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121"
        b".803a0bc887a14d10d2c447fce8b6703c"
    )
    signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    assert (
        verify(
            body,
            timestamp="1531420618",
            signature=signature,
            secrets=["8f742231b10e8888abcd99yyyzzz85a5"],
            now=1531420618,
        )
        is None
    )


def test_every_bit_of_the_signature_counts() -> None:
    good = sign(BODY)
    accepted = [
        (index, bit)
        for index in range(len(good))
        for bit in range(8)
        if check(signature=good[:index] + chr(ord(good[index]) ^ (1 << bit)) + good[index + 1 :])
        is None
    ]
    assert accepted == []


def test_every_bit_of_the_body_counts() -> None:
    accepted = []
    for index in range(len(BODY)):
        for bit in range(8):
            changed = bytearray(BODY)
            changed[index] ^= 1 << bit
            if check(bytes(changed)) is None:
                accepted.append((index, bit))
    assert accepted == []


def test_every_digit_of_the_timestamp_counts() -> None:
    for moved in range(-300, 301):
        timestamp = str(1_700_000_000 + moved)
        assert (check(timestamp=timestamp) is None) == (moved == 0)


@pytest.mark.parametrize(
    ("age", "refusal"),
    [(0, None), (300, None), (301, Refusal.STALE), (-300, None), (-301, Refusal.STALE)],
)
def test_a_signature_is_good_for_five_minutes_either_way(age: int, refusal: Refusal | None) -> None:
    assert check(now=NOW + age) is refusal


@pytest.mark.parametrize(
    "timestamp",
    [
        "",
        "abc",
        "1" * 9,
        "1" * 11,
        "1" * 5000,
        "-170000000",
        "+170000000",
        "1.70000000",
        "170000000\n",
        "1700000000\n",
        " 1700000000",
        "١٧٠٠٠٠٠٠٠٠",
        "1_70000000",
        "0x6553f100",
        "1e9\x00",
    ],
)
def test_a_malformed_timestamp_is_refused_although_it_is_signed(timestamp: str) -> None:
    signature = sign(BODY, timestamp)
    assert check(timestamp=timestamp, signature=signature) is Refusal.HEADERS


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "v0=",
        "v0=é",
        "v1" + sign(BODY)[2:],
        sign(BODY)[:-1],
        sign(BODY) + "0",
        sign(BODY).upper(),
        sign(BODY) + "\n",
        " " + sign(BODY),
        sign(BODY)[3:],
        "v0=" + "٣" * 64,
    ],
)
def test_a_malformed_signature_is_refused(signature: str) -> None:
    assert check(signature=signature) is Refusal.HEADERS


def test_two_secrets_are_good_while_one_replaces_the_other() -> None:
    for secrets in ((SECRET, "new"), ("new", SECRET)):
        assert check(secrets=secrets) is None
    assert check(secrets=("new", "newer")) is Refusal.SIGNATURE


@pytest.mark.parametrize("secrets", [(), ("",), ("", "")])
def test_no_secret_and_an_empty_one_accept_nothing(secrets: tuple[str, ...]) -> None:
    assert check(signature=sign(BODY, secret=""), secrets=secrets) is Refusal.SIGNATURE


@given(st.text(), st.text(), st.binary(max_size=200))
def test_whatever_comes_is_refused_and_never_raises(
    timestamp: str, signature: str, body: bytes
) -> None:
    assert verify(body, timestamp=timestamp, signature=signature, secrets=[SECRET], now=NOW)


@given(st.binary(max_size=2000), st.integers(min_value=-300, max_value=300))
def test_whatever_slack_signs_is_accepted(body: bytes, moved: int) -> None:
    timestamp = str(int(NOW) + moved)
    signature = sign(body, timestamp)
    assert check(body, timestamp=timestamp, signature=signature) is None


def test_a_signature_of_other_bytes_of_the_same_meaning_is_refused() -> None:
    """Over the raw bytes: what parses to the same form is not the same request."""
    signature = sign(BODY)
    for same in (BODY.replace(b"+", b"%20"), BODY.replace(b"%2F", b"%2f"), BODY + b"&"):
        assert check(same, signature=signature) is Refusal.SIGNATURE


def test_ten_thousand_guesses_are_refused() -> None:
    source = random.Random(7)
    for _ in range(10_000):
        guess = f"v0={source.getrandbits(256):064x}"
        assert check(signature=guess) is Refusal.SIGNATURE
