"""Whose a command is, and when something is told: at the edges of the lengths of time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.alerts import (
    CommandFact,
    NodeFact,
    Owner,
    Sign,
    alert_from,
    bodies,
    of_node,
    owner,
    plan,
)
from bot.core.nodes import NodeKey
from bot.core.plans import Batch
from bot.core.runs import RUN, Dispatch, DispatchState
from tests.core.envelopes import ACCOUNT, COMMAND, NOW, REGION

SETTLE, GATHER, COOL = timedelta(minutes=3), timedelta(minutes=5), timedelta(hours=6)
NODE = NodeKey(ACCOUNT, REGION, "i-0123456789abcdef0")
FACT = CommandFact(ACCOUNT, REGION, COMMAND, NOW, "AWS-RunPatchBaseline", "Install", "snap")
SEND = Dispatch(
    "X-1",
    Batch(1, 1, ACCOUNT, REGION, (NODE.instance_id,)),
    RUN,
    DispatchState.SENDING,
    "m",
    "snap",
)


def test_nothing_is_said_of_a_command_before_it_has_settled() -> None:
    assert (
        owner(FACT, [], now=NOW + SETTLE - timedelta(seconds=1), settle=SETTLE) is Owner.UNDECIDED
    )
    assert owner(FACT, [], now=NOW + SETTLE, settle=SETTLE) is Owner.SOMEBODY_ELSE


@pytest.mark.parametrize(
    ("send", "whose"),
    [
        (replace(SEND, state=DispatchState.SENT, command_id=COMMAND), Owner.OURS),
        (replace(SEND, state=DispatchState.DONE, command_id=COMMAND), Owner.OURS),
        (SEND, Owner.UNDECIDED),
        (replace(SEND, state=DispatchState.UNKNOWN), Owner.UNDECIDED),
        (replace(SEND, state=DispatchState.PLANNED), Owner.UNDECIDED),
        (replace(SEND, state=DispatchState.REFUSED), Owner.SOMEBODY_ELSE),
        (replace(SEND, snapshot_id="another"), Owner.SOMEBODY_ELSE),
        (replace(SEND, state=DispatchState.SENT, command_id="another"), Owner.SOMEBODY_ELSE),
    ],
)
def test_the_sends_say_whose_a_command_is(send: Dispatch, whose: Owner) -> None:
    """By the id; a send whose id is not known yet may be it where it offers the same snapshot."""
    assert owner(FACT, [send], now=NOW + timedelta(days=1), settle=SETTLE) is whose


def sign(minutes: float = 0) -> Sign:
    at = NOW + timedelta(minutes=minutes)
    found = of_node(NodeFact(NODE, at, heard_at=at), "prod", name="web")
    assert found is not None
    return found


def test_signs_are_gathered_and_the_cool_down_has_an_end() -> None:
    def at(length: timedelta, *signs: Sign) -> list[str]:
        alert = alert_from("A-1", [(NOW, body) for body in bodies([sign()])])
        return [
            step.grows
            for step in plan(signs, [alert], NOW + length, gather=GATHER, cool_down=COOL)[0]
        ]

    assert at(GATHER + timedelta(minutes=1, seconds=-1), sign(1)) == []
    assert at(GATHER + timedelta(minutes=1), sign(1)) == ["A-1"]
    assert at(COOL - timedelta(seconds=1), sign(1)) == ["A-1"]
    assert at(COOL, sign(1)) == [""]
    assert at(COOL, sign(), sign(-1)) == []  # told, or older than what was told


def test_an_alert_is_read_back_as_it_was_written() -> None:
    signs = [replace(sign(), subject=f"s/{n}", name="“ü” <!x>") for n in range(450)]
    found = alert_from("A-1", [(NOW, body) for body in bodies(signs)])
    assert found.signs == tuple(signs)
