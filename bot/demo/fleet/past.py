"""Six weeks of history for the demo's fleet, so that trends and digests have something to tell.

A fleet knows only its present. The past is made up to end in it: vendors publish an update of each platform every few
days, healthy nodes install most of them at once and some days later (slowly at first, faster by now), the others still
miss it, and whoever is not scanned any more fades into the unknown. The same fleet always has the same past.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from bot.core import nodes as core
from bot.core.environments import Environment
from bot.core.figures import judge_all
from bot.core.history import HistoryStore, SnapshotKind
from bot.core.nodes import ManagedNode, Observation
from bot.core.readings import Reading, TargetReading
from bot.core.snapshots import snapshot_of
from bot.demo.fleet import packages
from bot.demo.fleet.model import (
    Fleet,
    Node,
    Package,
    Patch,
    PatchState,
    Platform,
    Run,
)

DAYS = 45
DAY = timedelta(days=1)
FIRST_PUBLISHED, EVERY = 5.5, 3.4
"""How many days ago the newest update of a platform came, and how many days lie between two."""
AT_ONCE = 0.72
"""How many updates a healthy node had before a scan missed them."""
SLOW_FROM = 6
"""Updates that are older than that many were installed late."""
LAUNCHED = 12 * DAY
"""How long ago nodes that were never scanned appeared."""


def write_past(history: HistoryStore, fleet: Fleet, environment: Environment) -> None:
    """Record the snapshots of an environment up to yesterday, and its exposures up to now."""
    lives = [
        _Life(node, fleet.now, Random(node.instance_id))
        for node in fleet.of(environment.name)
        if node.state != "terminated"
    ]
    midnight = fleet.now.replace(hour=0, minute=0, second=0)
    for ago in range(DAYS, 0, -1):
        at = midnight - (ago - 1) * DAY - timedelta(hours=23, minutes=55)
        reading = Reading(environment.name, at, tuple(_targets(environment, lives, at)))
        judged = judge_all(reading, at, environment.stale_after)
        history.record(*snapshot_of(reading, judged, kind=SnapshotKind.DAILY))
    for life in lives:
        for at, patches in life.reports():
            history.record_patches(
                environment.name,
                life.key,
                patches,
                at=at,
                baseline_id=life.baseline_id,
                operation=life.operation(at),
            )


def _targets(environment: Environment, lives: list[_Life], at: datetime) -> Iterator[TargetReading]:
    for target in environment.targets:
        seen = (life.observed(at) for life in lives if life.node.region == target.region)
        found = tuple(one for one in seen if one is not None)
        yield TargetReading(target, found[0].node.account if found else "", at, found)


@dataclass(frozen=True, slots=True)
class _Stay:
    """An update that was open on a node: from when to when, and in which state it is at last."""

    package: Package
    since: datetime
    until: datetime | None
    last: Patch | None


class _Life:
    """What became of a node, scan by scan, up to its last run."""

    def __init__(self, node: Node, now: datetime, rng: Random) -> None:
        self.node = node
        self.key = core.NodeKey(node.account, node.region, node.instance_id)
        self._now = now
        self._levels = (
            {patch.package: patch.level for patch in node.run.patches} if node.run else {}
        )
        self._stays = tuple(_stays(node, node.run, now, rng)) if node.run else ()

    @property
    def baseline_id(self) -> str:
        """The baseline that judged it all the time."""
        return self.node.run.baseline_id if self.node.run else ""

    def operation(self, at: datetime) -> str:
        """What its operation was that ended then."""
        run = self.node.run
        return run.operation if run is not None and at == run.ended else "Scan"

    def reports(self) -> Iterator[tuple[datetime, tuple[core.Patch, ...]]]:
        """The end of each operation that found something else than the one before, and of the last; oldest first."""
        before: tuple[core.Patch, ...] | None = None
        for at in self._ends():
            found = self._open_after(at)
            if found != before or at == self._last:
                yield at, found
            before = found

    def observed(self, at: datetime) -> Observation | None:
        """How a reading at that moment saw it; None before it was launched."""
        run = self.node.run
        if run is None and at < self._now - LAUNCHED:
            return None
        node = self._node_at(at)
        ends = [end for end in self._ends() if end <= at]
        if run is None or not ends:
            return Observation(node)
        found = self._open_after(ends[-1])
        count = {state: sum(one.state == state for one in found) for state in PatchState}
        critical = sum(self._level(one) == "CRITICAL" for one in found)
        state = core.PatchState(
            node.instance_id,
            run.patch_group,
            run.baseline_id,
            operation=self.operation(ends[-1]),
            operation_end_time=ends[-1],
            installed_pending_reboot=count[PatchState.INSTALLED_PENDING_REBOOT],
            installed_rejected=count[PatchState.INSTALLED_REJECTED],
            missing=count[PatchState.MISSING],
            failed=count[PatchState.FAILED],
            available_security_updates=count[PatchState.AVAILABLE_SECURITY_UPDATE],
            critical_non_compliant=critical,
            security_non_compliant=sum(one.classification.startswith("Security") for one in found),
        )
        return Observation(node, state, counts_available_security_updates=True)

    @property
    def _last(self) -> datetime | None:
        return self.node.run.ended if self.node.run else None

    def _ends(self) -> list[datetime]:
        """It was scanned once a day, always at the same time."""
        if self._last is None:
            return []
        days = DAYS + 2 - (self._now - self._last) // DAY
        return [self._last - ago * DAY for ago in range(max(days, 0), -1, -1)]

    def _open_after(self, at: datetime) -> tuple[core.Patch, ...]:
        stays = [
            one for one in self._stays if one.since <= at and (one.until is None or at < one.until)
        ]
        is_last = at == self._last
        # After an Install AWS lists nothing as missing; in the fleet's last runs there is nothing then.
        return tuple(
            _patch(self.node.platform, one.package, one.last if is_last else None) for one in stays
        )

    def _level(self, patch: core.Patch) -> str:
        named = (level for package, level in self._levels.items() if package.title == patch.title)
        return next(named, "UNSPECIFIED")

    def _node_at(self, at: datetime) -> ManagedNode:
        node = self.node
        since = self._last or self._now - LAUNCHED
        stopped = node.state == "stopped" and at > since
        lost = node.connection_lost and at > node.last_ping
        return ManagedNode(
            node.instance_id,
            node.account,
            node.region,
            name=node.name,
            platform_type=node.platform.kind,
            platform_name=node.platform.name,
            platform_version=node.platform.version,
            ping_status="ConnectionLost" if lost else "Online",
            instance_state="stopped" if stopped else "running",
            owner=node.tags.get("Owner", ""),
            patch_group_tag=node.patch_group,
        )


def _stays(node: Node, run: Run, now: datetime, rng: Random) -> Iterator[_Stay]:
    """Its updates, newest first: what is open now came when it was published, at the latest with the last scan."""
    still = {patch.package: patch for patch in run.patches if patch.is_compliant is False}
    shift = EVERY * packages.PLATFORMS.index(node.platform) / len(packages.PLATFORMS)
    for number, package in enumerate(packages.updates(node.platform)):
        published = now - timedelta(days=FIRST_PUBLISHED + shift + EVERY * number + rng.random())
        patch = still.pop(package, None)
        if patch is not None:
            # A node that is not scanned any more knows only what had come by then.
            yield _Stay(package, min(published, run.ended - (number + 1) * DAY / 2), None, patch)
            continue
        slow = number >= SLOW_FROM
        waits = timedelta(days=rng.uniform(4, 14) if slow else rng.uniform(1, 5))
        if published < run.ended and rng.random() > AT_ONCE:
            yield _Stay(package, published, min(published + waits, run.ended), None)
    for package, patch in still.items():
        yield _Stay(package, now - 30 * DAY, None, patch)


def _patch(platform: Platform, package: Package, last: Patch | None) -> core.Patch:
    """As a scan reports it: missing, and after the last run as the fleet has it now."""
    state = last.state if last is not None else PatchState.MISSING
    named = platform.reports_cves and state in (PatchState.MISSING, PatchState.FAILED)
    return core.Patch(
        package.title,
        package.kb_id,
        package.classification,
        package.severity,
        state.value,
        None,
        package.cves if named else (),
    )
