"""Is it set up right? Runs every check it is given and says of each failure what to do."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from bot.core.errors import PatchbotError


class Outcome(StrEnum):
    """How a check ended. A warning does not keep patchbot from working."""

    OK = "ok"
    UNTRIED = "untried"  # it could not be tried without doing it
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

AT_ONCE = 16

_log = logging.getLogger(__name__)


class Doctor:
    """Runs checks by area ("Configuration", "AWS", "Slack"). `checks` gives them when they are first needed."""

    def __init__(self, checks: Callable[[], Sequence[tuple[str, Check]]]) -> None:
        self._checks = checks

    def examine(self) -> tuple[tuple[str, tuple[Finding, ...]], ...]:
        """Every area with its findings, in the order of the checks. A check that cannot be done is a finding, too."""
        checks = self._checks()
        with ThreadPoolExecutor(max(1, min(AT_ONCE, len(checks)))) as pool:
            found = pool.map(lambda named: _run(named[1]), checks)
            return tuple(
                (area, findings) for (area, _), findings in zip(checks, found, strict=True)
            )


def _run(check: Check) -> tuple[Finding, ...]:
    try:
        return tuple(check())
    except PatchbotError as error:
        return (Finding("check", Outcome.FAILED, error.message, error.hint),)
    except Exception as error:  # noqa: BLE001  # the other areas must still be told
        _log.exception("a check of the doctor failed")
        told = f"could not be done: {type(error).__name__}: {error}"
        return (
            Finding(
                "check", Outcome.FAILED, told, "This is a fault of patchbot; please report it."
            ),
        )
