"""The tables of patchbot.toml about changes everywhere: tickets, nodes never touched, freezes, the ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, StrictBool, StrictInt, model_validator

from bot.config.members import Table
from bot.config.values import EnvironmentName, InstanceId, Moment, Pattern, Text
from bot.core.rules import Freeze


class FreezeTable(Table):
    """A time in which nothing is installed."""

    environments: tuple[EnvironmentName, ...] = Field(
        (), description="the environments that are frozen; all if not given"
    )
    since: Moment = Field(alias="from", description="its first moment, with its zone")
    until: Moment = Field(description="the first free moment, with its zone")
    reason: Text = Field(description="why; people read it")

    @model_validator(mode="after")
    def _has_a_length(self) -> Self:
        if self.until <= self.since:
            raise ValueError("until must be later than from")
        return self

    def as_core(self) -> Freeze:
        """As the rules take it."""
        return Freeze(self.environments, self.since, self.until, self.reason)


class InstallsTable(Table):
    """What holds for changes in every environment."""

    ticket_pattern: Pattern = Field(
        "",
        description="regular expression that the ticket of an Install must match; none: a ticket is optional",
    )
    never: tuple[InstanceId, ...] = Field(
        (), description="nodes that are never a target: the host of patchbot above all"
    )
    scans_per_node_and_hour: StrictInt = Field(
        4, ge=1, le=60, description="how often patchbot has a node scanned"
    )
    freezes: tuple[FreezeTable, ...] = Field((), description="times in which nothing is installed")


class LedgerTable(Table):
    """Where the heads of the audit log are kept, and what the ledger is kept on."""

    head_dir: Path = Field(
        Path("heads"),
        description="where the heads of the audit log are kept, relative to data_dir; best on another disk",
    )
    allow_network_file_system: StrictBool = Field(
        False, description="keep the ledger on NFS or the like in spite of its locks"
    )
