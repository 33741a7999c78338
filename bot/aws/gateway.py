"""The compliance gateway on AWS: nodes, patch states, patches and baselines of one account and Region at a time."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from bot.aws.baselines import Baselines, is_default
from bot.aws.calls import Round
from bot.aws.checks import RightCheck, check_rights
from bot.aws.clients import Clients
from bot.aws.crew import Crew
from bot.aws.details import patches_of
from bot.aws.hybrids import HybridTags
from bot.aws.identities import Identities
from bot.aws.reading import TargetReader
from bot.aws.telling import tell_failed, tell_read
from bot.core.environments import Environment, Target
from bot.core.errors import AwsError, Stopping, Unreachable
from bot.core.nodes import Baseline, NodeKey, Patch
from bot.core.ports import Clock, Progress
from bot.core.readings import TargetReading


def utc_now() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


class AwsGateway:
    """`bot.core.ports.ComplianceGateway` over botocore. Safe to use from several threads.

    At most `concurrency` calls are on the wire at once, over all targets. `time_limit` is what one reading, or one
    question about a node, may take in seconds.
    """

    def __init__(
        self,
        *,
        concurrency: int = 16,
        time_limit: float = 120.0,
        clock: Clock = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._clock = clock
        self._time_limit = time_limit
        self._clients = Clients(connections=concurrency)
        self._crew = Crew(self._clients, size=concurrency, monotonic=monotonic, jitter=jitter)
        self._identities = Identities(self._clients, monotonic)
        self._baselines = Baselines(monotonic)
        self._hybrids = HybridTags(monotonic)

    def read_target(
        self, environment: Environment, target: Target, *, progress: Progress | None = None
    ) -> TargetReading:
        """Every managed node of `environment` in `target` with its patch state; see the port.

        Raises AwsError when the nodes, or which of them belong to the environment, cannot be found out, when the
        credentials belong to another account, and (Stopping) when the gateway is closed meanwhile.
        """
        began = self._crew.monotonic()
        with self.round(target) as around:
            reader = TargetReader(
                environment,
                around,
                identities=self._identities,
                baselines=self._baselines,
                hybrids=self._hybrids,
                progress=progress,
            )
            try:
                reading = reader.read(self._clock())
                around.check_open()
            except AwsError as error:
                self._name_account(around, error)
                tell_failed(environment, around, error, seconds=self._crew.monotonic() - began)
                raise
        tell_read(environment, around, reading, seconds=self._crew.monotonic() - began)
        return reading

    def _name_account(self, around: Round, error: AwsError) -> None:
        """Let the error say which account was read, as far as that can be known."""
        if not isinstance(error, Unreachable | Stopping):
            with suppress(AwsError):
                self._identities.told(around)
        error.account = around.target.account.id or self._identities.known(around.target.account)

    def patches(self, key: NodeKey, target: Target) -> tuple[Patch, ...]:
        """The patches of one node that make it non-compliant or wait for approval. Raises AwsError."""
        with self.round(target) as around:
            return around.run(patches_of(key.instance_id))

    def baseline(self, baseline_id: str, target: Target) -> Baseline:
        """The baseline of that id or ARN, and whether it is its system's default. Raises AwsError."""
        with self.round(target) as around:
            found = around.run(self._baselines.rules(around, baseline_id))
            return replace(found, default=around.run(is_default(found)))

    def check(self, target: Target) -> tuple[RightCheck, ...]:
        """What the credentials may do in `target`, one row per IAM action that a reading uses."""
        with self.round(target) as around:
            return check_rights(around)

    def account_of(self, around: Round) -> str:
        """The account id the nodes of the round's target go by. Raises AwsError when the credentials are of another."""
        return self._identities.checked(around)[0]

    def round(self, target: Target) -> Round:
        """Calls that belong together and share one time limit."""
        return Round(self._crew, target, time_limit=self._time_limit)

    def close(self) -> None:
        """Let everybody go who waits (Stopping), end the threads, give the connections back. Then it is of no use."""
        self._crew.close()
        self._clients.close()
