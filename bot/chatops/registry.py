"""Finds the commands: every module of the `commands` package is one, under the module's own name."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Final

from bot.chatops.command import AnyCommand
from bot.chatops.suggest import did_you_mean
from bot.core.errors import NotFound

FIRST: Final = (
    *("status", "nodes", "node", "trend", "digest", "install", "scan", "approvals", "runs", "run"),
    *("audit", "doctor"),
)
"""What people need first; others follow, and `help` is the last."""


def _place(name: str) -> tuple[bool, int, str]:
    return (name == "help", FIRST.index(name) if name in FIRST else len(FIRST), name)


class Registry:
    """The commands of a package. A module is imported when its command is first asked for, to keep starts short."""

    def __init__(self, package: str) -> None:
        self._package = package
        self._names = tuple(
            sorted(
                (
                    module.name
                    for module in pkgutil.iter_modules(importlib.import_module(package).__path__)
                    if not module.name.startswith("_")
                ),
                key=_place,
            )
        )

    @property
    def names(self) -> tuple[str, ...]:
        """All command names, in the order of FIRST, then by the alphabet."""
        return self._names

    def get(self, name: str) -> AnyCommand:
        """The command of that name. Raises NotFound with a suggestion."""
        if name not in self._names:
            raise NotFound(
                f"I don't know “{name}”.",
                hint=did_you_mean(name, self._names) or "`/patch help` lists what I know.",
            )
        command: AnyCommand = importlib.import_module(f"{self._package}.{name}").COMMAND
        return command

    def __iter__(self) -> Iterator[AnyCommand]:
        return (self.get(name) for name in self._names)
