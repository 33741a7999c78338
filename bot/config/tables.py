"""What may stand in patchbot.toml: its tables and their keys, with defaults and meanings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    StrictBool,
    StrictInt,
    model_validator,
)

from bot.config.changes import InstallsTable, LedgerTable
from bot.config.digests import DigestsTable
from bot.config.events import EventsTable, as_list
from bot.config.members import EVERYONE, Members, Table
from bot.config.values import (
    AccountId,
    ChannelId,
    Duration,
    EnvironmentName,
    ExternalId,
    Region,
    RoleName,
    TeamId,
    Text,
)
from bot.core import identity
from bot.core.deadlines import Deadlines
from bot.core.environments import Account, Environment, Selector, Target
from bot.core.rules import ChangeRules

EXPIRY_MOST = timedelta(hours=24)


class AccountTable(Table):
    """An AWS account of an environment."""

    id: AccountId = Field(description="the account, 12 digits in quotes")
    role: RoleName = Field("", description="role to assume for reading, by name or ARN")
    install_role: RoleName = Field("", description="role to assume for what was approved")
    external_id: ExternalId = Field("", description="external id that goes with the roles")

    @model_validator(mode="after")
    def _roles_are_its_own(self) -> Self:
        for role in (self.role, self.install_role):
            if role.startswith("arn:") and role.split(":")[4] != self.id:
                raise ValueError(f"“{role}” is a role of another account than {self.id}")
        return self


TagValues = Annotated[tuple[Text, ...], BeforeValidator(as_list), Field(min_length=1)]


class DeadlinesTable(Table):
    """How long a missing patch may stay open in an environment, by the vendor's severity."""

    critical: Duration = Field(
        timedelta(days=7),
        description="time for what the vendor calls critical, from the first scan that missed it",
    )
    important: Duration = Field(
        timedelta(days=30), description="time for what is important, ungraded security fixes too"
    )
    other: Duration = Field(timedelta(days=90), description="time for everything else")

    @model_validator(mode="after")
    def _graver_is_sooner(self) -> Self:
        if not self.critical <= self.important <= self.other:
            raise ValueError(
                "critical must not be longer than important, nor important longer than other"
            )
        return self

    def as_core(self) -> Deadlines:
        """As the domain knows them."""
        return Deadlines(self.critical, self.important, self.other)


class EnvironmentTable(Table):
    """An environment: where its managed nodes live and which ones they are."""

    regions: tuple[Region, ...] = Field(min_length=1, description="Regions to read")
    accounts: tuple[AccountTable, ...] = Field(
        (), description="accounts to read; the credentials' own where there are none"
    )
    tags: dict[Text, TagValues] = Field(
        {}, description="tags its nodes bear: all of them, each with one of its values"
    )
    patch_groups: tuple[Text, ...] = Field(
        (), description="patch groups its nodes are in; neither tags nor groups: every managed node"
    )
    stale_after: Duration = Field(
        timedelta(days=7), description="a scan older than this says nothing: the node is unknown"
    )
    protected: StrictBool = Field(
        False, description="who requests a change never counts among its approvers"
    )
    approvers: Members = Field(Members(), description="who may approve changes")
    approvals: StrictInt = Field(
        1, ge=1, le=10, description="how many different people must approve a change"
    )

    requesters: Members | None = Field(
        None, description="who may ask for changes here; those of [access] if not given"
    )
    break_glass: Members = Field(
        Members(),
        description="who may start without approvals; everybody is told, and it is reviewed",
    )
    scan_approval: StrictBool = Field(False, description="whether a scan needs approvals, too")
    channel: ChannelId = Field("", description="the channel for the cards of runs")
    approval_channel: ChannelId = Field(
        "", description="the channel where approvals are asked for; `channel` if not given"
    )
    mention_approvers: StrictBool = Field(
        True, description="whether approvers are mentioned, and so notified, where they are asked"
    )
    max_targets: StrictInt = Field(
        500, ge=1, le=100_000, description="how many nodes one plan may have"
    )
    count_confirmation_over: StrictInt = Field(
        50,
        ge=0,
        le=100_000,
        description="of more nodes than this, approvers type the number"
        " (in a protected environment always)",
    )
    expires_after: Duration = Field(
        timedelta(minutes=60), description="how long a request waits for its approvals, 24h at most"
    )
    success_percent: StrictInt = Field(
        95,
        ge=1,
        le=100,
        description="how many nodes of a wave must succeed before the next one starts",
    )
    time_limit: Duration = Field(
        timedelta(hours=4), description="after that, what is missing of a run is named and it ends"
    )
    rehearsal: StrictBool = Field(
        False,
        description="run the whole flow and record what would have been sent, without sending it",
    )
    deadlines: DeadlinesTable = DeadlinesTable()

    alerts: tuple[Literal["non_compliant", "install", "window"], ...] = Field(
        ("non_compliant", "install", "window"),
        description="what events raise alerts about in `channel`: nodes that become non-compliant, Installs by somebody"
        " else, maintenance windows that failed",
    )
    auto_request: StrictBool = Field(
        False,
        description="ask for an Install on nodes that became non-compliant: an ordinary request that people approve",
    )

    @model_validator(mode="after")
    def _not_for_ever(self) -> Self:
        if self.expires_after > EXPIRY_MOST:
            raise ValueError(
                "expires_after: an approval of more than 24h is no longer about the fleet it was asked for"
            )
        return self

    @model_validator(mode="after")
    def _nothing_twice(self) -> Self:
        _refuse_twice("regions", self.regions)
        _refuse_twice("accounts", (account.id for account in self.accounts))
        for key in ("tags", "patch_groups"):
            if key in self.model_fields_set and not getattr(self, key):
                raise ValueError(
                    f"{key} is empty, which would mean every node: name some, or leave the key out"
                )
        return self

    def as_core(self, name: str, owner_tag: str) -> Environment:
        """As the domain knows it: one target for each account and Region."""
        accounts = tuple(Account(**table.model_dump()) for table in self.accounts) or (Account(),)
        return Environment(
            name,
            tuple(Target(account, region) for account in accounts for region in self.regions),
            Selector(self.tags, self.patch_groups),
            stale_after=self.stale_after,
            owner_tag=owner_tag,
            protected=self.protected,
        )


def _refuse_twice(what: str, names: Iterable[str]) -> None:
    for name, times in Counter(names).items():
        if times > 1:
            raise ValueError(f"{what}: “{name}” stands there {times} times; once is enough")


class ReadingTable(Table):
    """How AWS is read."""

    time_to_live: Duration = Field(
        timedelta(minutes=10), description="how long a reading answers before AWS is asked again"
    )
    concurrency: StrictInt = Field(16, ge=1, le=64, description="calls to AWS at the same time")
    time_limit: Duration = Field(
        timedelta(minutes=2), description="what is not read by then is named as a gap"
    )


class AccessTable(Table):
    """Who may do what. Whatever cannot be checked is refused."""

    viewers: Members = Field(EVERYONE, description="who may look")
    requesters: Members = Field(Members(), description="who may ask for a change")
    admins: Members = Field(Members(), description="who may do everything, doctor included")


class SlackTable(Table):
    """How patchbot is connected to Slack."""

    transport: Literal["socket", "http"] = Field(
        "socket", description="Socket Mode (no open port), or HTTP behind your own TLS"
    )
    host: Text = Field("127.0.0.1", description="address to listen on")
    port: StrictInt | None = Field(
        None,
        ge=0,
        le=65535,
        description="port for Slack's requests (http: 3000 if not given) and for /health; 0: any free one."
        " With Socket Mode and no port nothing listens",
    )
    home_team: TeamId = Field(
        "", description="the workspace whose members may use it; the bot's own if not given"
    )


class Settings(Table):
    """Everything that patchbot.toml decides. `path` is the file it came from."""

    environments: dict[EnvironmentName, EnvironmentTable] = Field(
        min_length=1, description="the parts of the fleet, by name"
    )
    data_dir: Path = Field(
        Path("data"), description="where the databases are; relative to the configuration file"
    )
    owner_tag: Text = Field("Owner", description="the tag that says who owns a node")
    reading: ReadingTable = ReadingTable()
    access: AccessTable = AccessTable()
    slack: SlackTable = SlackTable()
    installs: InstallsTable = InstallsTable()
    ledger: LedgerTable = LedgerTable()
    digests: DigestsTable = DigestsTable()
    events: EventsTable = EventsTable()
    path: Path = Field(Path("patchbot.toml"), exclude=True)

    def fleet(self) -> dict[str, Environment]:
        """The environments in the order of the file."""
        return {
            name: table.as_core(name, self.owner_tag) for name, table in self.environments.items()
        }

    def deadlines(self) -> dict[str, Deadlines]:
        """How long patches may stay open in each environment."""
        return {name: table.deadlines.as_core() for name, table in self.environments.items()}

    @model_validator(mode="after")
    def _freezes_are_of_environments(self) -> Self:
        for freeze in self.installs.freezes:
            for name in freeze.environments:
                if name not in self.environments:
                    known = ", ".join(self.environments)
                    raise ValueError(
                        f"[installs] freezes: there is no environment “{name}”; there are: {known}"
                    )
        return self

    @model_validator(mode="after")
    def _asks_by_itself_without_a_ticket(self) -> Self:
        for name, table in self.environments.items():
            if table.auto_request and self.installs.ticket_pattern:
                raise ValueError(
                    f"[environments.{name}] auto_request: patchbot has no ticket to give, and [installs] ticket_pattern"
                    " asks for one"
                )
        return self

    def change_rules(self) -> dict[str, ChangeRules]:
        """What holds for changes in each environment. Admins are among the requesters and approvers of all."""
        admins = self.access.admins.as_core()
        return {name: self._rules(name, table, admins) for name, table in self.environments.items()}

    def _rules(self, name: str, table: EnvironmentTable, admins: identity.Members) -> ChangeRules:
        requesters = self.access.requesters if table.requesters is None else table.requesters
        return ChangeRules(
            environment=name,
            requesters=_together(requesters.as_core(), admins),
            approvers=_together(table.approvers.as_core(), admins),
            admins=admins,
            break_glass=table.break_glass.as_core(),
            approvals=table.approvals,
            protected=table.protected,
            scan_approval=table.scan_approval,
            rehearsal=table.rehearsal,
            channel=table.channel,
            alerts=frozenset(table.alerts),
            auto_request=table.auto_request,
            approval_channel=table.approval_channel,
            mention_approvers=table.mention_approvers,
            max_targets=table.max_targets,
            count_confirmation_over=table.count_confirmation_over,
            success_percent=table.success_percent,
            expires_after=table.expires_after,
            time_limit=table.time_limit,
            ticket_pattern=self.installs.ticket_pattern,
            never=frozenset(self.installs.never),
            scans_per_node_and_hour=self.installs.scans_per_node_and_hour,
            freezes=tuple(freeze.as_core() for freeze in self.installs.freezes),
        )

    def policy(self) -> identity.AccessPolicy:
        """Who holds which role. Who requests or approves in any environment holds that role."""
        tables = self.environments.values()
        return identity.AccessPolicy(
            viewers=self.access.viewers.as_core(),
            requesters=_together(
                self.access.requesters.as_core(),
                *(table.requesters.as_core() for table in tables if table.requesters is not None),
            ),
            approvers=_together(
                *(
                    members.as_core()
                    for table in tables
                    for members in (table.approvers, table.break_glass)
                )
            ),
            admins=self.access.admins.as_core(),
        )


def _together(*members: identity.Members) -> identity.Members:
    return identity.Members(
        any(one.everyone for one in members),
        frozenset().union(*(one.users for one in members)),
        frozenset().union(*(one.usergroups for one in members)),
    )


def keys(table: type[BaseModel]) -> tuple[str, ...]:
    """The keys that may stand in a table."""
    return tuple(
        field.alias or name for name, field in table.model_fields.items() if not field.exclude
    )
