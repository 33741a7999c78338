"""What may stand in patchbot.toml: its tables and their keys, with defaults and meanings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    StrictBool,
    StrictInt,
    model_validator,
)

from bot.config.values import (
    AccountId,
    Duration,
    EnvironmentName,
    ExternalId,
    Region,
    RoleName,
    TeamId,
    Text,
    UserGroupId,
    UserId,
)
from bot.core import identity
from bot.core.environments import Account, Environment, Selector, Target


class Table(BaseModel):
    """A table of patchbot.toml: nothing unknown in it, nothing changes after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Members(Table):
    """Whom a role is given to: `"everyone"`, or users and user groups by their Slack ids."""

    users: tuple[UserId, ...] = Field((), description="Slack users by id")
    usergroups: tuple[UserGroupId, ...] = Field((), description="Slack user groups by id")
    everyone: bool = Field(False, exclude=True)  # what the word becomes; not a key of its own

    @model_validator(mode="wrap")
    @classmethod
    def _from_word(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Any:
        if given == "everyone":
            return EVERYONE
        if not isinstance(given, dict | Members) or "everyone" in given:
            raise ValueError(
                'is not understood. Write "everyone", or users and user groups by id:'
                ' { users = ["U0123ABCD"], usergroups = ["S0123ABCD"] }'
            )
        return handler(given)

    def as_core(self) -> identity.Members:
        """As the access policy takes it."""
        return identity.Members(self.everyone, frozenset(self.users), frozenset(self.usergroups))


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


EVERYONE = Members.model_construct(everyone=True)


def _as_list(given: Any) -> Any:
    return (given,) if isinstance(given, str) else given


TagValues = Annotated[tuple[Text, ...], BeforeValidator(_as_list), Field(min_length=1)]


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
    path: Path = Field(Path("patchbot.toml"), exclude=True)

    def fleet(self) -> dict[str, Environment]:
        """The environments in the order of the file."""
        return {
            name: table.as_core(name, self.owner_tag) for name, table in self.environments.items()
        }

    def policy(self) -> identity.AccessPolicy:
        """Who holds which role. Approvers of any environment hold that of an approver."""
        approvers = [table.approvers.as_core() for table in self.environments.values()]
        return identity.AccessPolicy(
            viewers=self.access.viewers.as_core(),
            requesters=self.access.requesters.as_core(),
            approvers=identity.Members(
                any(members.everyone for members in approvers),
                frozenset().union(*(members.users for members in approvers)),
                frozenset().union(*(members.usergroups for members in approvers)),
            ),
            admins=self.access.admins.as_core(),
        )


def keys(table: type[BaseModel]) -> tuple[str, ...]:
    """The keys that may stand in a table."""
    return tuple(name for name, field in table.model_fields.items() if not field.exclude)
