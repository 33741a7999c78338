"""Reading the compliance of environments: once for everybody who asks at the same time, then from the cache."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.core.environments import Environment, Target
from bot.core.errors import AccessDenied, AwsError, NotFound, PatchbotError, Stopping, Unreachable
from bot.core.figures import Judged, judge_all
from bot.core.nodes import Baseline, NodeKey, Patch
from bot.core.ports import Clock, ComplianceGateway, Progress, ReadingStore
from bot.core.readings import Gap, Reading, TargetReading, completed, failed
from bot.core.snapshots import is_of_later

TARGETS_AT_ONCE = 16
RETRY_PASSING = timedelta(minutes=1)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PatchDetails:
    """The patches of one node and when they were read; `gap` says why there are none."""

    patches: tuple[Patch, ...] = ()
    read_at: datetime | None = None
    gap: Gap | None = None


class Compliance:
    """The use cases behind `status`, `nodes` and `node`.

    `time_to_live` is how long a reading answers without asking AWS again; for `refresh_after` since it ended it even
    answers who wants a fresh one. `observe` is told of every reading of AWS with what failed in it, and must not
    raise. Safe to call from several threads. A store that fails costs no answer: it is only a cache.
    """

    def __init__(
        self,
        environments: Mapping[str, Environment],
        gateway: ComplianceGateway,
        store: ReadingStore,
        *,
        clock: Clock,
        time_to_live: timedelta,
        refresh_after: timedelta = timedelta(0),
        observe: Callable[[str, Sequence[AwsError]], None] | None = None,
    ) -> None:
        self._environments = dict(environments)
        self._gateway = gateway
        self._store = store
        self._clock = clock
        self._time_to_live = time_to_live
        self._refresh_after = refresh_after
        self._observe = observe
        self._lock = threading.Lock()
        self._ended: dict[str, datetime] = {}
        self._expired: dict[str, datetime] = {}
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

        A `refresh` too soon after a reading gets that one, with a remark. Whoever asks while a reading is under way
        gets it, too. Raises NotFound, and Unreachable when AWS could not be reached at all and nothing was ever read.
        """
        environment = self.environment(name)
        while True:
            with self._lock:
                known = self._remembered.get(name)
                if known is not None and not refresh and self._is_fresh(known):
                    return known
                if known is not None and self._was_just_read(name):
                    return replace(known, remarks=(self._just_read(),))
                future = self._under_way.get(name)
                if future is None:
                    mine = self._under_way[name] = Future()
                    break
            reading = future.result()
            if not refresh or reading.source == "aws":
                return reading
            # That one only came from the cache: whoever wants a fresh one asks again.
        return self._read_for_all(environment, known, mine, refresh=refresh, progress=progress)

    def _read_for_all(
        self,
        environment: Environment,
        known: Reading | None,
        mine: Future[Reading],
        *,
        refresh: bool,
        progress: Progress | None,
    ) -> Reading:
        """Read for everybody who waits for `mine`. Only one thread per environment is ever here."""
        name = environment.name
        try:
            last = known or self._load(environment)
            if last is not None and not refresh and self._is_fresh(last):
                reading = last
            else:
                reading = self._read_now(environment, last, progress)
        except BaseException as error:
            with self._lock:
                del self._under_way[name]
            mine.set_exception(error)
            raise
        with self._lock:
            if reading.source == "aws" and not self._is_expired(reading):
                self._ended[name] = self._clock()
            self._remembered[name] = replace(reading, source="cache")
            del self._under_way[name]
        mine.set_result(reading)
        return reading

    def judged(
        self, name: str, *, refresh: bool = False, progress: Progress | None = None
    ) -> tuple[Reading, tuple[Judged, ...]]:
        """A reading and the verdict on each of its nodes, by the clock of now."""
        reading = self.read(name, refresh=refresh, progress=progress)
        return reading, judge_all(reading, self._clock(), self.environment(name).stale_after)

    def known(self, name: str) -> tuple[Reading, tuple[Judged, ...]] | None:
        """The last reading, however old, judged by the clock of now. Costs no call; None when nothing was ever read.

        Raises NotFound.
        """
        last = self.last(name)
        if last is None:
            return None
        return last, judge_all(last, self._clock(), self.environment(name).stale_after)

    def patches(self, name: str, judged: Judged, *, refresh: bool = False) -> PatchDetails:
        """The patches behind the node's counters. A refusal of AWS is a gap in the answer, not an error."""
        state, node = judged.seen.state, judged.seen.node
        if state is None:
            return PatchDetails()
        end = state.operation_end_time
        kept = self._kept_patches(node.key, end)
        # Two operations without a valid time cannot be told apart.
        asks_again = refresh or end is None
        if kept is not None and (not asks_again or self._is_too_soon(kept[0])):
            return PatchDetails(kept[1], kept[0])
        now = self._clock()
        try:
            found = self._gateway.patches(node.key, self._target(name, node.key))
        except AwsError as error:
            return PatchDetails(gap=Gap(node.account, node.region, error.message, hint=error.hint))
        if is_of_later(state, found):
            return PatchDetails(found, now)
        try:
            self._store.save_patches(node.key, end, found, read_at=now)
        except PatchbotError as error:
            _log.warning("The patches of %s were not kept: %s", node.instance_id, error)
        return PatchDetails(found, now)

    def _kept_patches(
        self, key: NodeKey, operation_end_time: datetime | None
    ) -> tuple[datetime, tuple[Patch, ...]] | None:
        try:
            return self._store.load_patches(key, operation_end_time)
        except PatchbotError as error:
            _log.warning("The patches of %s are lost: %s", key.instance_id, error)
            return None

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

    def read_at(self, name: str) -> datetime | None:
        """When the reading that would answer now was made; None before the first one of this process."""
        with self._lock:
            known = self._remembered.get(name)
        return None if known is None else known.as_of

    def last(self, name: str) -> Reading | None:
        """The last reading, however old, without asking AWS; None before the first one. Raises NotFound."""
        environment = self.environment(name)
        with self._lock:
            known = self._remembered.get(name)
        if known is not None:
            return known
        loaded = self._load(environment)
        if loaded is None:
            return None
        with self._lock:
            return self._remembered.setdefault(name, loaded)

    def expire(self, name: str) -> None:
        """Something has changed there: whatever was read before now answers nobody any more."""
        with self._lock:
            self._expired[name] = self._clock()
            self._ended.pop(name, None)

    def _was_just_read(self, name: str) -> bool:
        ended = self._ended.get(name)
        return ended is not None and self._is_too_soon(ended)

    def _is_too_soon(self, since: datetime) -> bool:
        return timedelta(0) <= self._clock() - since < self._refresh_after

    def _just_read(self) -> str:
        seconds = int(self._refresh_after.total_seconds())
        return f"AWS was read just now; it is asked again {seconds} seconds after that at the earliest."

    def _is_fresh(self, known: Reading) -> bool:
        # A throttle or a lost connection may be over at any moment; a refusal lasts until somebody acts.
        passing = any(gap.passing for gap in known.gaps)
        limit = min(self._time_to_live, RETRY_PASSING) if passing else self._time_to_live
        if self._is_expired(known):
            return False
        return timedelta(0) <= self._clock() - known.as_of < limit

    def _is_expired(self, known: Reading) -> bool:
        since = self._expired.get(known.environment)
        return since is not None and known.as_of <= since

    def _load(self, environment: Environment) -> Reading | None:
        try:
            return self._store.load(environment)
        except PatchbotError as error:
            _log.warning("The last reading of %s is lost: %s", environment.name, error)
            return None

    def _read_now(
        self, environment: Environment, known: Reading | None, progress: Progress | None
    ) -> Reading:
        started = self._clock()
        last = {one.target: one for one in known.targets} if known is not None else {}
        errors: list[AwsError] = []

        def one(target: Target) -> TargetReading:
            try:
                now = self._gateway.read_target(environment, target, progress=progress)
                return completed(now, last.get(target))
            except Stopping:
                raise  # no news of AWS: the last reading stays what it is
            except AwsError as error:
                errors.append(error)
                return failed(target, last.get(target), _gap(target, error))

        with ThreadPoolExecutor(min(TARGETS_AT_ONCE, len(environment.targets))) as pool:
            targets = tuple(pool.map(one, environment.targets))
        if self._observe is not None:
            self._observe(environment.name, errors)
        unreachable = [error for error in errors if isinstance(error, Unreachable)]
        if len(unreachable) == len(targets) and all(target.read_at is None for target in targets):
            raise unreachable[0]
        reading = Reading(environment.name, started, targets)
        try:
            self._store.save(environment, reading)
        except PatchbotError as error:
            _log.warning("The reading of %s was not kept: %s", environment.name, error)
        return reading


def _gap(target: Target, error: AwsError) -> Gap:
    return Gap(
        error.account or target.account.id,
        target.region,
        error.message,
        hint=error.hint,
        passing=not isinstance(error, AccessDenied),
    )
