"""A world that hears events: the real ledger, the real file of facts, and messages that are put in by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

from bot.core.alerts import Alert
from bot.core.plans import Batch
from bot.core.ports import Message
from bot.core.readings import TargetReading
from bot.core.rules import ChangeRules
from bot.core.running import about_dispatch, about_run, moved, planned
from bot.core.runs import RUN, Dispatch, DispatchState, RunState
from bot.services.alert_following import Following
from bot.services.alert_log import told_alerts
from bot.services.alerting import Alerting, Pace
from bot.services.asking import Asking
from bot.services.auto_requests import AutoRequests
from bot.store.events import EventFacts
from tests.commands import fleet
from tests.core import envelopes
from tests.services.changes import BEN, CAT, RULES, World, nodes

EVERY_KIND = frozenset({"non_compliant", "install", "window"})
LOUD = replace(RULES, alerts=EVERY_KIND)
PACE = Pace(gather=timedelta(minutes=5), cool_down=timedelta(hours=6), settle=timedelta(minutes=3))
NODES = tuple(seen.node for seen in nodes(8))


class Alarm(World):
    """The world of changes, with ears."""

    def __init__(self, folder: Path, *, rules: ChangeRules = LOUD, **more: Any) -> None:
        super().__init__(folder, rules=rules, **more)
        self.folder = folder
        self.counts: Counter[tuple[str, str]] = Counter()
        self._messages = count(1)
        self.listen()

    def listen(self) -> None:
        """Put the listening side together anew, as a restart would."""
        self.facts = EventFacts(self.folder / "events.db")
        self.alerting = Alerting(
            self.ledger,
            self.facts,
            self.compliance,
            rules=self.rules,
            clock=self.clock,
            pace=PACE,
            count=lambda what, outcome: self.counts.update([(what, outcome)]),
        )
        self.following = Following(self.ledger, self.compliance, rules=self.rules)
        self.auto = AutoRequests(
            self.ledger,
            Asking(self.ledger, self.surveyor, clock=self.clock),
            rules=self.rules,
            clock=self.clock,
            every=timedelta(hours=24),
        )

    def message(self, body: str, *, receives: int = 1) -> Message:
        number = next(self._messages)
        return Message(f"m-{number}", f"r-{number}", body, receives)

    def hear(self, *bodies: str) -> int:
        """The messages come; returns how many are done with."""
        return len(self.alerting.take([self.message(body) for body in bodies]))

    def bad(self, number: int, **more: Any) -> str:
        """The node of that number became non-compliant."""
        return envelopes.compliance(fleet.managed(number, "").instance_id, at=self.now, **more)

    def good(self, number: int) -> str:
        return envelopes.compliance(
            fleet.managed(number, "").instance_id, compliant=True, at=self.now
        )

    def patched(self, number: int) -> None:
        """A scan of now finds that the node of that number misses nothing."""
        ((place, reading),) = self.gateway.readings.items()
        assert isinstance(reading, TargetReading)
        instance_id = fleet.managed(number, "").instance_id
        seen = tuple(
            fleet.scanned(one.node, operation_end_time=self.now)
            if one.node.instance_id == instance_id
            else one
            for one in reading.observations
        )
        self.gateway.readings = {place: replace(reading, observations=seen)}

    def install(self, command_id: str, *numbers: int, **more: Any) -> list[str]:
        """Somebody runs an Install on the nodes of these numbers."""
        command = envelopes.command(command_id, at=self.now, **more)
        ran = [
            envelopes.invocation(
                fleet.managed(one, "").instance_id, command_id=command_id, at=self.now
            )
            for one in numbers
        ]
        return [command, *ran]

    def wait(self, **length: float) -> None:
        """Time goes by, and what is due is told."""
        self.now += timedelta(**length)
        self.alerting.tick()
        self.auto.tick()
        self.following.tick()

    def drawn(self, alert_id: str) -> int:
        """How often the card of the alert was wanted: each time it is drawn anew."""
        return next(one.wanted for one in self.ledger.notices() if one.key == f"alert/{alert_id}")

    @property
    def alerts(self) -> Sequence[Alert]:
        return told_alerts(self.ledger)

    def send(self, command_id: str) -> Dispatch:
        """A run of ours whose send is on the wire: its intent is on disk, the answer is not."""
        request_id = self.request()
        for person in (BEN, CAT):
            self.click("request.approve", person, **self.ids(request_id))
        request = self.ledger.request(request_id)
        assert request is not None
        plan = self.ledger.plan(request.digest)
        assert plan is not None
        run = planned(request, plan, self.now, limit=timedelta(hours=4))
        ids = tuple(node.key.instance_id for node in plan.nodes[:2])
        batch = Batch(1, 1, fleet.ACCOUNT, "eu-central-1", ids)
        one = Dispatch(
            run.id, batch, RUN, DispatchState.PLANNED, f"mark {run.id}", f"snap {run.id}"
        )
        with self.ledger.change() as change:
            change.add_run(run, [one], [about_run(run, "planned", {})])
            change.save_run(moved(run, RunState.RUNNING, self.now), [about_run(run, "started", {})])
            sending = replace(one, state=DispatchState.SENDING, sent_ids=ids, sending_at=self.now)
            entry = about_dispatch(sending, "intended", {})
            change.move_dispatch(sending, was=DispatchState.PLANNED, entries=[entry])
        return sending

    def answered(self, one: Dispatch, command_id: str) -> None:
        """AWS's answer comes, and is recorded."""
        sent = replace(one, state=DispatchState.SENT, command_id=command_id)
        with self.ledger.change() as change:
            entry = about_dispatch(sent, "accepted", {"command_id": command_id})
            change.move_dispatch(sent, was=DispatchState.SENDING, entries=[entry])
