"""Reading the compliance of environments: once for everybody who asks at the same time, then from the cache."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.core.environments import Environment, Target
from bot.core.errors import AwsError, NotFound, PatchbotError, Unreachable
from bot.core.figures import Judged, judge_all
from bot.core.nodes import Baseline, NodeKey, Patch
from bot.core.ports import Clock, ComplianceGateway, Progress, ReadingStore
from bot.core.readings import Gap, Reading, TargetReading, failed

TARGETS_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class PatchDetails:
    """The patches of one node and when they were read; `gap` says why there are none."""

    patches: tuple[Patch, ...] = ()
    read_at: datetime | None = None
    gap: Gap | None = None


class Compliance:
    """The use cases behind `status`, `nodes` and `node`.

    `time_to_live` is how long a reading answers without asking AWS again. Safe to call from several threads.
    """

    def __init__(
        self,
        environments: Mapping[str, Environment],
        gateway: ComplianceGateway,
        store: ReadingStore,
        *,
        clock: Clock,
        time_to_live: timedelta,
    ) -> None:
        self._environments = dict(environments)
        self._gateway = gateway
        self._store = store
        self._clock = clock
        self._time_to_live = time_to_live
        self._lock = threading.Lock()
        self._remembered: dict[str, Reading] = {}
        self._under_way: dict[str, Future[Reading]] = {}

    @property
    def environments(self) -> tuple[str, ...]:
        """The names of all environments, in the order of the configuration."""
        return tuple(self._environments)

    def environment(self, name: str) -> Environment:
        """The environment of that name. Raises NotFound."""
        try:
            return self._environments[name]
        except KeyError:
            raise NotFound(
                f"There is no environment “{name}”.",
                hint=f"Environments: {', '.join(self._environments)}.",
            ) from None

    def read(
        self, name: str, *, refresh: bool = False, progress: Progress | None = None
    ) -> Reading:
        """The environment as last read, or read now when that is too long ago or `refresh` is set.

        Whoever asks while a reading is under way gets that one. Raises NotFound, and AwsError when AWS could not be
        reached at all and nothing was ever read.
        """
        environment = self.environment(name)
        with self._lock:
            if not refresh and (known := self._fresh(environment)) is not None:
                return known
            future = self._under_way.get(name)
            if future is None:
                mine = self._under_way[name] = Future()
        if future is not None:
            return future.result()
        try:
            reading = self._read_now(environment, progress)
        except BaseException as error:
            self._finish(name, mine)
            mine.set_exception(error)
            raise
        with self._lock:
            self._remembered[name] = replace(reading, source="cache")
        self._finish(name, mine)
        mine.set_result(reading)
        return reading

    def judged(
        self, name: str, *, refresh: bool = False, progress: Progress | None = None
    ) -> tuple[Reading, tuple[Judged, ...]]:
        """A reading and the verdict on each of its nodes, by the clock of now."""
        reading = self.read(name, refresh=refresh, progress=progress)
        return reading, judge_all(reading, self._clock(), self.environment(name).stale_after)

    def patches(self, name: str, judged: Judged, *, refresh: bool = False) -> PatchDetails:
        """The patches behind the node's counters. A refusal of AWS is a gap in the answer, not an error."""
        state, node = judged.seen.state, judged.seen.node
        if state is None:
            return PatchDetails()
        end = state.operation_end_time
        if not refresh and (kept := self._store.load_patches(node.key, end)) is not None:
            return PatchDetails(kept[1], kept[0])
        now = self._clock()
        try:
            found = self._gateway.patches(node.key, self._target(name, node.key))
        except AwsError as error:
            return PatchDetails(gap=Gap(node.account, node.region, error.message, hint=error.hint))
        self._store.save_patches(node.key, end, found, read_at=now)
        return PatchDetails(found, now)

    def baseline(self, name: str, judged: Judged) -> Baseline | None:
        """The baseline that judged the node; only its id when AWS does not tell more. None when never scanned."""
        state = judged.seen.state
        if state is None or not state.baseline_id:
            return None
        try:
            return self._gateway.baseline(
                state.baseline_id, self._target(name, judged.seen.node.key)
            )
        except AwsError:
            return Baseline(state.baseline_id)

    def _target(self, name: str, key: NodeKey) -> Target:
        targets = [one for one in self.environment(name).targets if one.region == key.region]
        exact = [one for one in targets if one.account.id == key.account]
        return (exact or targets)[0]

    def _fresh(self, environment: Environment) -> Reading | None:
        known = self._remembered.get(environment.name) or self._store.load(environment)
        if known is None:
            return None
        self._remembered[environment.name] = known
        age = self._clock() - known.as_of
        return known if timedelta(0) <= age < self._time_to_live else None

    def _last(self, environment: Environment) -> dict[Target, TargetReading]:
        with self._lock:
            known = self._remembered.get(environment.name) or self._store.load(environment)
        return {one.target: one for one in known.targets} if known is not None else {}

    def _finish(self, name: str, mine: Future[Reading]) -> None:
        with self._lock:
            if self._under_way.get(name) is mine:
                del self._under_way[name]

    def _read_now(self, environment: Environment, progress: Progress | None) -> Reading:
        started = self._clock()
        last = self._last(environment)
        errors: list[AwsError] = []

        def one(target: Target) -> TargetReading:
            try:
                return self._gateway.read_target(environment, target, progress=progress)
            except AwsError as error:
                errors.append(error)
                return failed(target, last.get(target), _gap(target, error))

        with ThreadPoolExecutor(min(TARGETS_AT_ONCE, len(environment.targets))) as pool:
            targets = tuple(pool.map(one, environment.targets))
        if all(target.read_at is None for target in targets):
            for error in errors:
                if isinstance(error, Unreachable):
                    raise error
        reading = Reading(environment.name, started, targets)
        # A cache that cannot be written must not cost the answer.
        with suppress(PatchbotError):
            self._store.save(environment, reading)
        return reading


def _gap(target: Target, error: AwsError) -> Gap:
    return Gap(
        target.account.id,
        target.region,
        error.message,
        hint=error.hint,
        unreachable=isinstance(error, Unreachable),
    )
