"""The tables of patchbot.toml about changes everywhere: tickets, nodes never touched, freezes, the ledger."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Self

from pydantic import Field, StrictBool, StrictInt, model_validator

from bot.config.members import Table
from bot.config.values import Duration, EnvironmentName, InstanceId, Moment, Pattern, S3Url, Text
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
    head_bucket: S3Url = Field(
        "",
        description="an S3 bucket that keeps the heads, too, like s3://bucket/prefix: what an intruder of the host"
        " cannot change",
    )
    head_bucket_required: StrictBool = Field(
        False, description="change nothing while the heads in head_bucket cannot be compared"
    )
    backup_dir: Path = Field(
        Path("backup"),
        description="where backups are kept, relative to data_dir; best on another disk or a share",
    )
    backup_every: Duration = Field(
        timedelta(hours=1), description="how often the running bot backs the ledger up"
    )
    backup_keep: StrictInt = Field(
        48, ge=1, le=10_000, description="how many backups stay in backup_dir"
    )
    allow_network_file_system: StrictBool = Field(
        False, description="keep the ledger on NFS or the like in spite of its locks"
    )
