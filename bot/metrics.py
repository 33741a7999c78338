"""What /metrics tells of a running bot: questions and how they ended, readings and their failures, events, queues."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge

from bot.core.errors import AwsError
from bot.core.ports import Clock
from bot.core.runs import RUN_ENDS, RunState
from bot.services.compliance import Compliance
from bot.upkeep import Upkeep, measured


class Metrics:
    """Counts what it is told, and asks for the rest whenever `registry` is read. Names no person and no node."""

    def __init__(self, compliance: Compliance, *, clock: Clock) -> None:
        self.registry = CollectorRegistry()
        self._compliance = compliance
        self._clock = clock
        self._questions = Counter(
            "patchbot_questions",
            "Questions by command and by how they ended",
            ["command", "outcome"],
            registry=self.registry,
        )
        self._readings = Counter(
            "patchbot_readings",
            "Readings of AWS; one that failed in part has gaps",
            ["environment", "outcome"],
            registry=self.registry,
        )
        self._failures = Counter(
            "patchbot_reading_failures",
            "Accounts and Regions that could not be read, by reason",
            ["environment", "reason"],
            registry=self.registry,
        )
        self._events = Counter(
            "patchbot_events",
            "Messages of the queues and alerts by what became of them",
            ["what", "outcome"],
            registry=self.registry,
        )
        age = Gauge(
            "patchbot_reading_age_seconds",
            "How old the reading is that would answer now; NaN before the first one",
            ["environment"],
            registry=self.registry,
        )
        for name in compliance.environments:
            age.labels(name).set_function(partial(self._age, name))
        self._held = Gauge(
            "patchbot_questions_held", "Questions in work or waiting", registry=self.registry
        )

    def question(self, command: str, outcome: str) -> None:
        """A question ended; `command` is empty where it was not even understood."""
        self._questions.labels(command, outcome).inc()

    def reading(self, environment: str, errors: Sequence[AwsError]) -> None:
        """AWS was read, and this failed in it."""
        self._readings.labels(environment, "gaps" if errors else "complete").inc()
        for error in errors:
            self._failures.labels(environment, type(error).__name__).inc()

    def event(self, what: str, outcome: str) -> None:
        """A message was taken or left, an alert was raised or grew."""
        self._events.labels(what, outcome).inc()

    def watch_queue(self, held: Callable[[], int]) -> None:
        """Ask `held` for the number of questions that are held."""
        self._held.set_function(held)

    def watch_changes(self, upkeep: Upkeep) -> None:
        """Ask `upkeep` for how runs, their messages and the ledger are doing."""
        figures = (
            ("patchbot_ledger_read_only", "1 where nothing can be changed", upkeep.frozen),
            ("patchbot_worker_jobs_failing", "Jobs of the worker that fail now", upkeep.failing),
            ("patchbot_history_broken", "1 where history cannot be kept", upkeep.history_broken),
            ("patchbot_notices_unposted", "Messages that could not be posted", upkeep.unseen),
            (
                "patchbot_notice_oldest_due_seconds",
                "How long the oldest message has been waiting to be posted",
                upkeep.oldest_due,
            ),
        )
        for name, what, figure in figures:
            Gauge(name, what, registry=self.registry).set_function(measured(figure))
        runs = Gauge("patchbot_runs_open", "Runs under way", ["state"], registry=self.registry)
        for state in RunState:
            if state not in RUN_ENDS:
                count = measured(partial(upkeep.open_runs, state))
                runs.labels(state.value).set_function(count)

    def _age(self, environment: str) -> float:
        read_at = self._compliance.read_at(environment)
        return math.nan if read_at is None else (self._clock() - read_at).total_seconds()
