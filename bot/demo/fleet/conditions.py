"""What can be the matter with a node: a condition is turned into its last run and patches."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from bot.demo.fleet import packages
from bot.demo.fleet.model import (
    NON_COMPLIANT_STATES,
    Baseline,
    Package,
    Patch,
    PatchState,
    Platform,
    Run,
)


@dataclass(frozen=True, slots=True)
class Condition:
    """A node's state of health, before it meets an operating system and a baseline.

    `missing` counts the newest updates not installed; `age` is that of the last run, None for a
    node that was never scanned.
    """

    missing: int = 0
    failed: int = 0
    pending_reboot: int = 0
    rejected: bool = False
    available: bool = False
    operation: str = "Scan"
    age: timedelta | None = timedelta(hours=8)
    connection_lost: bool = False
    state: str = "running"
    only_windows: bool = False
    only_amazon_linux_2023: bool = False
    name: str | None = None

    def fits(self, platform: Platform) -> bool:
        """Whether the condition can befall a node of this platform."""
        if self.only_windows:
            return platform.is_windows
        if self.only_amazon_linux_2023:
            return platform == packages.AMAZON_LINUX_2023
        return True


HEALTHY = Condition()


def last_run(
    condition: Condition,
    *,
    platform: Platform,
    baseline_id: str,
    baseline: Baseline | None,
    patch_group: str,
    now: datetime,
    rng: Random,
) -> Run | None:
    """The run that left the node in its condition; None when there was none."""
    if condition.age is None:
        return None
    ended = now - condition.age - timedelta(seconds=rng.randrange(3600))
    no_reboot = ended if condition.pending_reboot else None
    return Run(
        operation=condition.operation,
        started=ended - timedelta(seconds=rng.randrange(25, 180)),
        ended=ended,
        baseline_id=baseline_id,
        patch_group=patch_group,
        snapshot_id=_uuid(rng),
        command_id=_uuid(rng),
        patches=_patches(condition, platform=platform, baseline=baseline, ended=ended, rng=rng),
        reboot_option=(
            "RebootIfNeeded"
            if condition.operation == "Install" and not condition.pending_reboot
            else "NoReboot"
        ),
        not_applicable=0 if platform.is_windows else rng.randrange(300, 900),
        last_no_reboot_install=no_reboot,
    )


def _patches(
    condition: Condition,
    *,
    platform: Platform,
    baseline: Baseline | None,
    ended: datetime,
    rng: Random,
) -> tuple[Patch, ...]:
    def in_state(package: Package, state: PatchState) -> Patch:
        level = baseline.level_of(package) if baseline else "UNSPECIFIED"
        installed = None
        if state.value.startswith("Installed"):
            days = 0 if state is PatchState.INSTALLED_PENDING_REBOOT else rng.randrange(10, 400)
            installed = (ended - timedelta(days=days)).replace(microsecond=0)
        return Patch(package, state, level, _is_compliant(state, baseline), installed)

    updates = list(packages.updates(platform))
    states = (
        [PatchState.AVAILABLE_SECURITY_UPDATE] * condition.available
        + [PatchState.FAILED] * condition.failed
        + [PatchState.INSTALLED_PENDING_REBOOT] * condition.pending_reboot
        + [PatchState.MISSING] * condition.missing
    )[: len(updates)]
    states += [PatchState.INSTALLED] * (len(updates) - len(states))
    rows = [in_state(package, state) for package, state in zip(updates, states, strict=True)]
    rows += [in_state(each, PatchState.INSTALLED) for each in packages.settled(platform)]
    rows += [in_state(each, PatchState.INSTALLED_OTHER) for each in packages.others(platform)]
    if condition.rejected:
        rows.append(in_state(packages.REJECTED_AMAZON_LINUX_2023, PatchState.INSTALLED_REJECTED))
    if platform.is_windows:
        rows += [
            in_state(each, PatchState.NOT_APPLICABLE) for each in packages.NOT_APPLICABLE_WINDOWS
        ]
    return tuple(rows)


def _is_compliant(state: PatchState, baseline: Baseline | None) -> bool | None:
    if state is PatchState.NOT_APPLICABLE:
        return None
    if state is PatchState.AVAILABLE_SECURITY_UPDATE:
        return baseline is None or baseline.available_updates_are_compliant
    return state not in NON_COMPLIANT_STATES


def _uuid(rng: Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))
