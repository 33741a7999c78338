"""One life of the process: people click until their clicks are taken, the worker works, and at step N it is killed.

A step is a moment right before or right after something becomes durable or leaves for AWS. The production code knows
nothing of this: its ledger and its gateway are wrapped here.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from bot.core.ledger import InboxItem
from bot.core.plans import Operation
from bot.core.proposals import Proposal
from bot.core.runs import RunState
from bot.services.asking import Asking
from bot.services.compliance import Compliance
from bot.services.decisions import Decisions
from bot.services.intake import Intake
from bot.services.surveying import Surveyor
from tests.kills.rpc import RemoteAws
from tests.worker.site import ASKER, FIRST, PROD, RULES, SECOND, Slack, make_worker, open_ledger

TICK_SECONDS = 12.0
TICKS = 2000


class Steps:
    """Counts the steps, and ends the process at the one that was chosen, as a power cut would."""

    def __init__(self, kill_at: int, log: Path) -> None:
        self._left = kill_at
        self._log = log
        self.taken = 0

    def __call__(self, name: str) -> None:
        self.taken += 1
        if self.taken == self._left:
            with self._log.open("a") as log:
                log.write(f"{name}\n")
            os.kill(os.getpid(), signal.SIGKILL)


class KillableLedger:
    """The ledger with a step before and after each commit."""

    def __init__(self, ledger: Any, steps: Steps) -> None:
        self._ledger = ledger
        self._steps = steps

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def put_inbox(self, item: InboxItem) -> bool:
        self._steps(f"before {item.kind} is in the inbox")
        known = bool(self._ledger.put_inbox(item))
        self._steps(f"after {item.kind} is in the inbox")
        return known

    @contextmanager
    def change(self, *, taking: str = "") -> Iterator[Any]:
        with self._ledger.change(taking=taking) as change:
            noted = _Noted(change)
            yield noted
            self._steps(f"before {noted.what}")
        self._steps(f"after {noted.what}")


class _Noted:
    """A change that knows what it is about, for the log of the kills."""

    def __init__(self, change: Any) -> None:
        self._change = change
        self.what = "nothing"

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._change, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            entries = [*(args[2:] or args[1:]), kwargs.get("entries")]
            for listed in entries:
                for entry in listed if isinstance(listed, (list, tuple)) else ():
                    self.what = getattr(entry, "kind", self.what)
            return method(*args, **kwargs)

        return call


class KillableCommands:
    """The gateway with a step before and after each call that changes AWS."""

    def __init__(self, aws: Any, steps: Steps) -> None:
        self._aws = aws
        self._steps = steps

    def __getattr__(self, name: str) -> Any:
        return getattr(self._aws, name)

    def send(self, *args: Any, **kwargs: Any) -> str:
        self._steps("before SendCommand")
        try:
            return str(self._aws.send(*args, **kwargs))
        finally:
            self._steps("after SendCommand")


class NoStore:
    """A cache that keeps nothing."""

    def load(self, *_: Any) -> None: ...

    def save(self, *_: Any) -> None: ...

    def load_patches(self, *_: Any) -> None: ...

    def save_patches(self, *_: Any, **__: Any) -> None: ...


class Life:
    """The process from its start until its run has ended, or until it is killed."""

    def __init__(self, address: str, directory: Path, *, kill_at: int) -> None:
        self.aws = RemoteAws(address)
        self.steps = Steps(kill_at, directory / "kills.log")
        self.ledger: Any = KillableLedger(open_ledger(directory, self.aws), self.steps)
        commands: Any = KillableCommands(self.aws, self.steps)
        slack = Slack()
        rules = {"prod": RULES}
        compliance = Compliance(
            {"prod": PROD},
            commands,
            NoStore(),
            clock=self.aws.now,
            time_to_live=timedelta(0),
        )
        surveyor = Surveyor(compliance, commands, self.ledger, rules=rules, clock=self.aws.now)
        handlers = (
            Asking(self.ledger, surveyor, clock=self.aws.now).handlers()
            | Decisions(self.ledger, rules, clock=self.aws.now).handlers()
        )
        self.intake = Intake(self.ledger, slack, handlers, clock=self.aws.now)
        self.worker = make_worker(self.ledger, commands, slack)

    def live(self) -> None:
        """Until everything is over."""
        for _ in range(TICKS):
            self.people()
            for item in self.ledger.inbox():
                self.intake.take(item)
            self.worker.run_once()
            runs = self.ledger.runs()
            if runs and not runs[0].is_open:
                return
            self.aws.advance(TICK_SECONDS)
        raise AssertionError("the run never ended")

    def people(self) -> None:
        """Everybody clicks again what was not taken: the same click has the same id."""
        requests = self.ledger.requests()
        if not requests:
            proposal = Proposal(
                "prod", Operation.INSTALL, canary=1, wave_size=2, reason="openssl", ticket="OPS-1"
            )
            self.click("submit", "request.submit", ASKER, proposal=proposal.body())
            return
        (request,) = requests
        if request.is_open:
            for person in (FIRST, SECOND):
                if all(vote.person != person for vote in request.votes):
                    self.click(
                        f"approve/{person}",
                        "request.approve",
                        person,
                        request=request.id,
                        digest=request.digest,
                        typed=len(self.ledger.plan(request.digest).nodes),
                    )
        for run in self.ledger.runs(only_open=True):
            if run.state is RunState.PAUSED:
                name = f"continue/{run.id}/{run.wave}"
                self.click(name, "run.continue", FIRST, run=run.id, wave=run.wave)

    def click(self, key: str, kind: str, person: str, **body: Any) -> None:
        """A click: durable before it is acknowledged."""
        self.ledger.put_inbox(InboxItem(key, kind, person, "T1", body, self.aws.now()))
