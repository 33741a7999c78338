"""Patch baselines, kept for an hour: many nodes are judged by few."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection

from bot.aws import rows
from bot.aws.calls import Call, Round, Steps
from bot.core.environments import Account
from bot.core.errors import AwsError
from bot.core.nodes import Baseline, PatchState

KEPT = 3600.0
GONE = "DoesNotExistException"


class Baselines:
    """Reads a baseline once an hour per account and Region. Safe to use from several threads."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._kept: dict[tuple[Account, str, str], tuple[float, Baseline]] = {}

    def rules(self, around: Round, baseline_id: str) -> Steps[Baseline]:
        """The baseline of that id or ARN. `default` is not told: that would take another call. Raises AwsError."""
        key = (around.target.account, around.target.region, baseline_id)
        with self._lock:
            kept = self._kept.get(key)
        if kept is not None and self._monotonic() - kept[0] < KEPT:
            return kept[1]
        try:
            answer = yield Call("ssm", "GetPatchBaseline", {"BaselineId": baseline_id})
        except AwsError as error:
            if error.code == GONE:
                error.hint = (
                    "Scan the nodes that it judged again: then the baseline of today judges them."
                )
            raise
        baseline = rows.baseline(answer, default=False)
        with self._lock:
            self._kept[key] = (self._monotonic(), baseline)
        return baseline

    def counting(
        self, around: Round, states: Collection[PatchState]
    ) -> tuple[frozenset[str], dict[str, AwsError]]:
        """The baselines that count available security updates against a node, and those that could not be read.

        Asked about are those only that judged a node with such updates.
        """
        asked = {
            key: around.start(self.rules(around, key))
            for key in sorted({one.baseline_id for one in states if one.available_security_updates})
        }
        counting, unread = set(), {}
        for key, future in asked.items():
            try:
                if around.wait(future).counts_available_security_updates:
                    counting.add(key)
            except AwsError as error:
                unread[key] = error
        return frozenset(counting), unread


def is_default(baseline: Baseline) -> Steps[bool]:
    """Whether it is its operating system's default; False where that may not be read."""
    system = baseline.operating_system
    if not system:
        return False
    try:
        answer = yield Call(
            "ssm", "GetDefaultPatchBaseline", {"OperatingSystem": system}, aside=True
        )
    except AwsError:
        return False
    default = str(answer.get("BaselineId") or "")
    return default.rpartition("/")[2] == baseline.baseline_id.rpartition("/")[2] != ""
