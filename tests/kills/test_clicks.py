"""A thousand clicks from eight processes on one request: one outcome, one dispatch."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from typing import Any

import pytest

from bot.core.errors import StorageError
from bot.core.identity import Members
from bot.core.ledger import InboxItem
from bot.core.requests import RequestState, opened
from bot.services.decisions import Decisions
from bot.services.intake import Intake, Reply
from tests.worker.site import RULES, Site, a_plan, a_request

PROCESSES, CLICKS = 8, 1000
PEOPLE = tuple(f"UPERSON{number}" for number in range(PROCESSES))
EVERYBODY = Members(users=frozenset(PEOPLE))


class FrontDoor:
    """Stores what the processes deliver before it acknowledges, one thread for each of them."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.address = str(site.directory / "door.sock")
        self.failures: list[BaseException] = []
        self.delivered = 0
        self._listener = Listener(self.address, "AF_UNIX", backlog=PROCESSES, authkey=b"tests")
        self._threads: list[threading.Thread] = []

    def admit(self, processes: int) -> None:
        """Let that many processes in."""
        for _ in range(processes):
            thread = threading.Thread(target=self._serve, args=(self._listener.accept(),))
            thread.start()
            self._threads.append(thread)

    def close(self) -> None:
        """Wait until all have gone."""
        for thread in self._threads:
            thread.join(120)
        self._listener.close()

    def _serve(self, connection: Connection) -> None:
        with connection:
            while True:
                try:
                    click = connection.recv()
                except EOFError:
                    return
                try:
                    self.site.ledger.put_inbox(
                        InboxItem(**click, team="T1", received_at=self.site.aws.now())
                    )
                except StorageError as error:
                    self.failures.append(error)
                self.delivered += 1
                connection.send("ack")


def deliver(site: Site, shares: Sequence[Sequence[dict[str, Any]]]) -> FrontDoor:
    """Have each process deliver its share, all at the same time."""
    door = FrontDoor(site)
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.kills.clicker", door.address],
            stdin=subprocess.PIPE,
            text=True,
        )
        for _ in shares
    ]
    door.admit(len(shares))
    for process, share in zip(processes, shares, strict=True):
        threading.Thread(
            target=process.communicate, args=("".join(json.dumps(one) + "\n" for one in share),)
        ).start()
    door.close()
    assert [process.wait(60) for process in processes] == [0] * len(shares)
    return door


@pytest.mark.parametrize("denials", [0, CLICKS // 2], ids=["approvals", "approvals and denials"])
def test_a_thousand_clicks_have_one_outcome_and_one_dispatch(tmp_path: Path, denials: int) -> None:
    """The intake takes them up in three threads at once while the worker runs in a fourth."""
    site = Site(tmp_path, rules={"prod": replace(RULES, approvers=EVERYBODY)})
    dice = random.Random(denials)
    plan = a_plan(site.aws, site.aws.add(1))
    with site.ledger.change() as change:
        asked = a_request(change.next_id("R"), plan, site.aws.now())
        asked = replace(asked, rules=replace(asked.rules, approvers=EVERYBODY))
        change.add_request(asked, plan, opened(asked, plan).entries)
    clicks = [
        a_click(number, asked.id, plan.digest, deny=number < denials) for number in range(CLICKS)
    ]
    dice.shuffle(clicks)
    shares = [clicks[start::PROCESSES] for start in range(PROCESSES)]
    again = [[*share, *dice.sample(share, 10)] for share in shares]

    decisions = Decisions(site.ledger, site.rules, clock=site.aws.now)
    intake = Intake(site.ledger, site.slack, decisions.handlers(), clock=site.aws.now)
    replies: list[Reply] = []
    over = threading.Event()

    def take_up() -> None:
        while not over.is_set() or site.ledger.inbox():
            for item in site.ledger.inbox()[:5]:
                reply = intake.take(item)
                if reply is not None:
                    replies.append(reply)

    def work() -> None:
        while not over.is_set():
            site.worker.run_once()

    threads = [threading.Thread(target=take_up) for _ in range(3)]
    worker = threading.Thread(target=work)
    for thread in (*threads, worker):
        thread.start()
    door = deliver(site, again)
    over.set()
    for thread in (*threads, worker):
        thread.join(120)

    assert door.failures == []
    assert door.delivered == CLICKS + 10 * PROCESSES
    assert len(replies) == CLICKS, "each click is answered once, also when it was delivered twice"
    request = site.request(asked.id)
    kinds = site.kinds()
    ends = [kinds.count(f"request.{end}") for end in ("approved", "denied", "expired", "cancelled")]
    assert sum(ends) == 1
    for _ in range(40):
        site.tick(10)
    marks = [one.mark for one in site.aws.attempts]
    assert len(marks) == len(set(marks))
    installs = [mark for mark in marks if ":run-" in mark]
    assert len(installs) == (1 if request.state is RequestState.APPROVED else 0)
    if not denials:
        assert request.state is RequestState.APPROVED
        assert len({vote.person for vote in request.votes}) == 2
        assert sum(reply.allowed for reply in replies) == 2
    assert site.ledger.verify().sound
    site.ledger.close()


def a_click(number: int, request: str, digest: str, *, deny: bool) -> dict[str, Any]:
    """An approval or a denial, by one of the eight."""
    body = {"request": request, "digest": digest, "typed": 1, "reason": "not now"}
    return {
        "key": f"action/{number}",
        "kind": "request.deny" if deny else "request.approve",
        "person": PEOPLE[number % PROCESSES],
        "body": body,
    }
