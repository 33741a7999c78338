"""Is it set up right? Runs every check it is given and says of each failure what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from bot.core.errors import PatchbotError


class Outcome(StrEnum):
    """How a check ended. A warning does not keep patchbot from working."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked: `detail` says what was found, `hint` what to do about it."""

    subject: str
    outcome: Outcome
    detail: str = ""
    hint: str = ""


Check: TypeAlias = Callable[[], Iterable[Finding]]


class Doctor:
    """Holds checks by area ("Configuration", "AWS", "Slack"); a check that cannot run is a finding too."""

    def __init__(self, checks: Sequence[tuple[str, Check]]) -> None:
        self._checks = tuple(checks)

    def examine(self) -> tuple[tuple[str, tuple[Finding, ...]], ...]:
        """Every area with its findings, in the order the checks were given. A check's PatchbotError is its finding."""
        with ThreadPoolExecutor(max(1, len(self._checks))) as pool:
            found = pool.map(lambda named: _run(named[1]), self._checks)
            return tuple(
                (area, findings) for (area, _), findings in zip(self._checks, found, strict=True)
            )


def _run(check: Check) -> tuple[Finding, ...]:
    try:
        return tuple(check())
    except PatchbotError as error:
        return (Finding("check", Outcome.FAILED, error.message, error.hint),)
