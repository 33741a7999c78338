"""What a node's latest operation says about the patches that were open on it before: when a hole is the same hole.

An identity is the KB number on Windows and `name.arch` on Linux, which does not change with the version; without an id
it is the title. Traps, from what AWS reports (Patch Manager keeps the last operation only, and nothing of before):

- A newer version supersedes an open one: the hole was open all along. On Linux both bear the same id. On Windows every
  month's cumulative update has a KB number of its own and the older one just vanishes from the list, so an update that
  vanished is carried on by one of the same series that comes with the same operation. The clock of a severity starts
  with the first version of that severity: a critical fix for a package that has long missed a minor one is new.
- An Install lists nothing as missing. Its silence says something about what it does list: failed, rejected and
  pending-reboot patches. What was missing stays open until a Scan has looked.
- Another baseline may not ask for a patch at all. After its scan the patch is closed, as nothing reports it. When a
  scan reports the same version again within WAITS, and before the first baseline was silent about it, it is the same
  hole. The first baseline may never scan again, so nothing waits for longer, and a newer version is a hole of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.core.deadlines import SeverityClass, severity_class
from bot.core.history import Exposure
from bot.core.nodes import NodeKey, Patch

OPEN_STATES = ("Missing", "Failed", "InstalledRejected", "InstalledPendingReboot")
"""What keeps a patch open, the worst first. Available security updates are open where their baseline says so."""

WAITS = timedelta(days=30)
"""For how long a patch that another baseline is silent about can come back as the same hole."""

INSTALL = "Install"
_NOT_LISTED_BY_INSTALL = {"Missing", "AvailableSecurityUpdate"}
_MONTH = re.compile(r"\d{4}-\d{2} ")
_KB = re.compile(r"\(?KB\d+\)?")
_CUMULATIVE = ("Cumulative Update", "Quality Rollup", "Update Rollup")
_CLASSES = tuple(SeverityClass)


def identity(patch: Patch) -> str:
    """What makes two reports about one patch: its id, whatever its version, severity and state."""
    return patch.kb_id or patch.title


def series(patch: Patch) -> str:
    """What a patch and those that supersede it have in common, where their ids differ; empty where nothing is known."""
    title = patch.title
    if any(word in title for word in _CUMULATIVE):
        return " ".join(_KB.sub("", _MONTH.sub("", title)).split())
    if not patch.kb_id and ":" in title and " " not in title:
        return title.split(":", 1)[0]
    return ""


def after(
    key: NodeKey,
    before: Sequence[Exposure],
    patches: Iterable[Patch],
    *,
    at: datetime,
    baseline_id: str,
    operation: str = "Scan",
    run: str = "",
) -> tuple[Exposure, ...]:
    """The exposures of a node after its operation that ended `at` and left `patches` open.

    `before` are those that are open, and those closed by another baseline than had reported them. All of them come
    back, then the new ones.
    """
    at = at.replace(microsecond=0)
    listed = _one_each(patches)
    continued = _continued([one for one in before if not _is_over(one, at)], listed)
    found: list[Exposure] = []
    for exposure in before:
        patch = continued.get(exposure)
        if patch is not None:
            found.append(_seen(exposure, patch, at, baseline_id))
        elif exposure.is_open:
            found.append(_closed(exposure, at, baseline_id, operation, run))
        else:
            replaced = identity(exposure.patch) in listed
            silent = operation != INSTALL and baseline_id == exposure.baseline_id
            over = replaced or silent or _is_over(exposure, at)
            found.append(_confirmed(exposure) if over else exposure)
    known = {identity(patch) for patch in continued.values()}
    fresh = [patch for name, patch in listed.items() if name not in known]
    return (*found, *(_opened(key, patch, at, baseline_id) for patch in fresh))


def _one_each(patches: Iterable[Patch]) -> dict[str, Patch]:
    """One patch of each identity: the one of the gravest class, then in the worst state, then the newest."""
    found: dict[str, Patch] = {}
    for patch in sorted(patches, key=lambda one: one.title, reverse=True):
        other = found.get(identity(patch))
        if other is None or _gravity(patch) < _gravity(other):
            found[identity(patch)] = patch
    return found


def _gravity(patch: Patch) -> tuple[int, int]:
    state = OPEN_STATES.index(patch.state) if patch.state in OPEN_STATES else len(OPEN_STATES)
    return _CLASSES.index(severity_class(patch)), state


def _continued(before: Sequence[Exposure], listed: dict[str, Patch]) -> dict[Exposure, Patch]:
    """Which exposure goes on as which patch: by identity, else by series; the oldest first.

    One that is closed goes on as the same version only. No two of them have one identity.
    """
    left = dict(listed)
    goes_on: dict[Exposure, Patch] = {}
    eldest = sorted(before, key=lambda one: (one.first_seen, identity(one.patch)))
    for exposure in eldest:
        name = identity(exposure.patch)
        patch = left.get(name)
        if patch is not None and (exposure.is_open or patch.title == exposure.patch.title):
            goes_on[exposure] = left.pop(name)
    by_series = {series(patch): name for name, patch in reversed(left.items()) if series(patch)}
    for exposure in eldest:
        if exposure.is_open and exposure not in goes_on:
            name = by_series.pop(series(exposure.patch), "")
            if name:
                goes_on[exposure] = left[name]
    return goes_on


def _opened(key: NodeKey, patch: Patch, at: datetime, baseline_id: str) -> Exposure:
    start = Exposure(key, patch, at, at, first_baseline_id=baseline_id, baseline_id=baseline_id)
    return _with_class(start, patch, at)


def _seen(exposure: Exposure, patch: Patch, at: datetime, baseline_id: str) -> Exposure:
    again = replace(
        exposure,
        patch=patch,
        last_seen=at,
        baseline_id=baseline_id,
        closed_at=None,
        closed_by="",
        closing_baseline_id="",
    )
    return _with_class(again, patch, at)


def _with_class(exposure: Exposure, patch: Patch, at: datetime) -> Exposure:
    which = severity_class(patch)
    if which is SeverityClass.CRITICAL and exposure.critical_since is None:
        return replace(exposure, critical_since=at)
    if which is SeverityClass.IMPORTANT and exposure.important_since is None:
        return replace(exposure, important_since=at)
    return exposure


def _closed(
    exposure: Exposure, at: datetime, baseline_id: str, operation: str, run: str
) -> Exposure:
    if operation == INSTALL and exposure.patch.state in _NOT_LISTED_BY_INSTALL:
        return exposure
    return replace(exposure, closed_at=at, closed_by=run, closing_baseline_id=baseline_id)


def _is_over(exposure: Exposure, at: datetime) -> bool:
    """Closed for so long that whatever is reported now is another hole."""
    return exposure.closed_at is not None and at - exposure.closed_at > WAITS


def _confirmed(exposure: Exposure) -> Exposure:
    """Closed before, and now for good: by the silence of the baseline that had reported it, or by time."""
    return replace(exposure, closing_baseline_id=exposure.baseline_id)
