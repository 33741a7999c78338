"""The process is killed at every step from the click to the receipt, with an AWS that loses answers and lists late.

After each kill it is started again, often killed again, and in the end: no command twice, none without its intent in
the audit, one outcome for the request, a sound chain, an ended run with its receipt.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from signal import SIGKILL
from typing import IO, Any

import pytest

from bot.core.runs import RUN_ENDS
from bot.store.ledger import SqliteLedger
from tests.kills.rpc import AwsServer
from tests.worker.aws import DROPPED, LOST, OK, THROTTLED, SimulatedAws
from tests.worker.site import KEY

ENDS = {"request.approved", "request.denied", "request.expired", "request.cancelled"}
LIVES = 60


class Nursery:
    """Starts lives."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.kills.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.kills: Counter[str] = Counter()

    def life(self, server: AwsServer, directory: Path, kill_at: int) -> dict[str, Any]:
        """One life; how it ended."""
        order = {"address": server.address, "directory": str(directory), "kill_at": kill_at}
        _line(self._process.stdin, json.dumps(order))
        assert self._process.stdout is not None
        ended: dict[str, Any] = json.loads(self._process.stdout.readline())
        assert ended["exit"] in {0, None}, "the process failed; see its traceback above"
        assert ended["signal"] in {0, SIGKILL}
        return ended

    def close(self) -> None:
        """No more lives."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(10)


def _line(stream: IO[str] | None, text: str) -> None:
    assert stream is not None
    stream.write(text + "\n")
    stream.flush()


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    """One nursery for all lives."""
    found = Nursery()
    yield found
    found.close()


def story(
    nursery: Nursery, directory: Path, *, kill_at: int, seed: int, faults: bool = True
) -> tuple[int, int]:
    """One request from click to receipt, killed at step `kill_at` and then now and again. Kills, and steps of a whole
    life (0 where it was killed).
    """
    directory.mkdir()
    dice = random.Random(seed)
    aws = SimulatedAws(lag=dice.choice([0.0, 5.0, 40.0, 200.0]))
    if faults:
        aws.answers = dice.choices([OK, LOST, DROPPED, THROTTLED], [70, 15, 5, 10], k=6)
    aws.add(1, 2, 3, 4)
    server = AwsServer(aws, directory)
    kills = 0
    try:
        ended = nursery.life(server, directory, kill_at)
        while ended["signal"] == SIGKILL:
            kills += 1
            assert kills < LIVES
            again = dice.randrange(1, 40) if dice.random() < 0.4 else 0
            ended = nursery.life(server, directory, again)
    finally:
        server.close()
    check(aws, server, directory)
    log = directory / "kills.log"
    nursery.kills.update(log.read_text().splitlines() if log.exists() else ())
    return kills, ended["steps"]


def check(aws: SimulatedAws, server: AwsServer, directory: Path) -> None:
    """The promises."""
    marks = Counter(one.order.mark for one in aws.accepted)
    assert [mark for mark, times in marks.items() if times > 1] == [], "a command was sent twice"
    assert server.unintended == [], "a command was sent without its intent in the audit"
    path = directory / "ledger.db"
    with closing(SqliteLedger.open(path, clock=aws.now, key=KEY)) as ledger:
        assert ledger.read_only_reason == ""
        assert ledger.verify().sound
        (request,) = ledger.requests()
        (run,) = ledger.runs()
        kinds = [link.kind for link in ledger.audit(limit=10_000)]
        assert sum(kind in ENDS for kind in kinds) == 1, "a request has one outcome"
        assert kinds.count("request.voted") == 2
        assert run.state in RUN_ENDS
        assert ledger.receipt(run.id) is not None
        plan = ledger.plan(request.digest)
        assert plan is not None
        planned = {node.key.instance_id for node in plan.nodes}
        assert {each for one in aws.accepted for each in one.order.instance_ids} <= planned
        known = {one.command_id for one in ledger.dispatches(run.id)}
        unknown = [one for one in ledger.dispatches(run.id) if one.state.value == "unknown"]
        lost = {one.command_id for one in aws.accepted} - known
        assert len(lost) <= len(unknown), "an accepted command nobody looks for"


def test_killed_at_every_step_nothing_is_sent_twice(nursery: Nursery, tmp_path: Path) -> None:
    """Every step of a life without faults is hit once; AWS loses answers meanwhile."""
    _, steps = story(nursery, tmp_path / "whole", kill_at=0, seed=0, faults=False)
    assert steps > 60
    kills = 0
    for step in range(1, steps + 1):
        died, _ = story(nursery, tmp_path / str(step), kill_at=step, seed=step)
        kills += died
    assert kills >= 60
    wanted = {"request.submit is in the inbox", "request.requested", "request.approved"}
    wanted |= {"run.planned", "run.started", "dispatch.intended", "SendCommand"}
    wanted |= {"dispatch.accepted", "dispatch.finished", "run.wave_passed", "run.waves_over"}
    hit = {f"{when} {what}" for when in ("before", "after") for what in wanted}
    assert hit - set(nursery.kills) == set(), "steps at which the process was never killed"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1040))
def test_killed_at_random_again_and_again(nursery: Nursery, tmp_path: Path, seed: int) -> None:
    """The long form."""
    for turn in range(25):
        dice = random.Random(seed * 100 + turn)
        story(
            nursery, tmp_path / str(turn), kill_at=dice.randrange(1, 130), seed=dice.getrandbits(32)
        )
