"""Sessions and clients: one session per account, one pooled client per account, Region and service.

A session per target costs forty times as much as a client of a session that exists, so everything is made once and
the parsed service models are shared between accounts. The endpoint is botocore's own AWS_ENDPOINT_URL.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bot.core.environments import Account
from bot.core.errors import ConfigurationError

if TYPE_CHECKING:
    from botocore.session import Session

CONNECT_TIMEOUT = 5
READ_TIMEOUT = 30
SIDE_READ_TIMEOUT = (
    10  # EC2 and STS only add names, owners and the account: nobody waits long for them
)
ROLE_SESSION_NAME = "patchbot"


def timestamp(value: object) -> datetime | None:
    """What AWS sends as a time, aware and in UTC; None for the epoch, the year 1 and what is no time.

    botocore's own parser is slow and, west of Greenwich, raises on the year 1, which loses the whole page
    (boto3 issues 2069 and 3642). AWS writes the epoch where there is no time to tell.
    """
    try:
        if isinstance(value, (int, float)):
            moment = datetime.fromtimestamp(value, UTC) if value > 0 else None
        else:
            moment = _from_text(str(value))
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment is not None and moment.timestamp() > 0 else None


def _from_text(text: str) -> datetime | None:
    try:
        seconds = float(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return datetime.fromtimestamp(seconds, UTC) if seconds > 0 else None


def user_agent() -> str:
    """How patchbot names itself to AWS: it stands in CloudTrail beside every call."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"patchbot/{version('patchbot')}"
    except PackageNotFoundError:  # run from a source tree that was not installed
        return "patchbot"


def role_arn(account: Account, partition: str) -> str:
    """The ARN of the role to assume for reading. Raises ConfigurationError when it has no account to be in."""
    if account.role.startswith("arn:"):
        return account.role
    if not account.id:
        raise ConfigurationError(
            f"The role {account.role} has no account.",
            hint='Write it with its account: { id = "111122223333", role = "…" }.',
        )
    return f"arn:{partition}:iam::{account.id}:role/{account.role}"


class Clients:
    """Hands out botocore clients. Safe to use from several threads."""

    session_name = ROLE_SESSION_NAME

    def __init__(self, *, connections: int) -> None:
        self._connections = connections
        self._lock = threading.RLock()
        self._sessions: dict[Account, Session] = {}
        self._clients: dict[tuple[Account, str, str], Any] = {}

    def client(self, account: Account, region: str, service: str) -> Any:
        """The client of that account, Region and service. Raises what botocore raises."""
        key = (account, region, service)
        known = self._clients.get(key)
        if known is not None:
            return known
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self._session(account, region).create_client(
                    service, region_name=region, config=self._config(service)
                )
            return self._clients[key]

    def account_of_role(self, account: Account) -> str:
        """The account of the role that is assumed there: its credentials can be of no other. Empty without a role."""
        if account.role.startswith("arn:"):
            return account.role.split(":")[4]
        return account.id if account.role else ""

    def close(self) -> None:
        """Give the connections back."""
        with self._lock:
            clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            client.close()

    def _config(self, service: str) -> Any:
        from botocore.config import Config

        return Config(
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT if service == "ssm" else SIDE_READ_TIMEOUT,
            max_pool_connections=self._connections,
            retries={"total_max_attempts": 1},  # trying again is ours: it must be paced and seen
            user_agent_extra=user_agent(),
        )

    def _session(self, account: Account, region: str) -> Session:
        if account not in self._sessions:
            own = Account()
            if not account.role:
                self._sessions[account] = self._sessions.get(own) or self._new_session()
                self._sessions[own] = self._sessions[account]
            else:
                self._sessions[account] = self._assumed(account, region, self._session(own, region))
        return self._sessions[account]

    def _new_session(self) -> Session:
        import botocore.session

        session = botocore.session.Session()
        session.get_component("response_parser_factory").set_parser_defaults(
            timestamp_parser=timestamp
        )
        return session

    def _assumed(self, account: Account, region: str, base: Session) -> Session:
        from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
        from botocore.exceptions import NoCredentialsError

        source = base.get_credentials()
        if source is None:
            raise NoCredentialsError

        def create_client(service: str, **arguments: Any) -> Any:
            config = self._config(service)
            return base.create_client(service, region_name=region, config=config, **arguments)

        extra = {"RoleSessionName": self.session_name}
        if account.external_id:
            extra["ExternalId"] = account.external_id
        fetcher = AssumeRoleCredentialFetcher(
            create_client,
            source,
            role_arn(account, base.get_partition_for_region(region)),
            extra_args=extra,
        )
        session = self._new_session()
        session.register_component("data_loader", base.get_component("data_loader"))
        session._credentials = DeferredRefreshableCredentials(
            method="assume-role", refresh_using=fetcher.fetch_credentials
        )
        return session
