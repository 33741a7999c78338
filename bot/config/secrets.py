"""Secrets and the address of Slack, from the environment: NAME, or NAME_FILE with the path of a file that holds it."""

from __future__ import annotations

import os
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bot.core.errors import ConfigurationError

SLACK_API = "https://slack.com/api/"
_BEGINNINGS = {"slack_bot_token": "xoxb-", "slack_app_token": "xapp-"}
_WHERE = {
    "slack_bot_token": "“OAuth & Permissions”, Bot User OAuth Token (xoxb-…)",
    "slack_app_token": "“Basic Information”, App-Level Tokens, with the scope connections:write (xapp-…)",
    "slack_signing_secret": "“Basic Information”, App Credentials, Signing Secret",
}
_AWS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN")


class Secrets(BaseSettings):
    """What patchbot needs to speak to Slack. Never printed, logged or told: SecretStr hides the values."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    slack_bot_token: SecretStr = SecretStr("")
    slack_app_token: SecretStr = SecretStr("")
    slack_signing_secret: SecretStr = SecretStr("")
    slack_signing_secret_old: SecretStr = SecretStr("")  # still accepted while a new one comes in
    patchbot_ledger_key: SecretStr = SecretStr(
        ""
    )  # seals heads and marks; else ledger.key in data_dir
    slack_api_url: str = Field(SLACK_API, validation_alias="PATCHBOT_SLACK_API_URL")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # the superclass's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, _Files(settings_cls), env_settings

    def given(self) -> tuple[str, ...]:
        """The values of all secrets that are there, for what must never show them."""
        values = (value.get_secret_value() for _, value in self if isinstance(value, SecretStr))
        return tuple(value for value in values if value)

    def signing_secrets(self) -> tuple[str, ...]:
        """The secrets by which Slack's requests are checked, the old one included while there is one."""
        both = (self.slack_signing_secret, self.slack_signing_secret_old)
        return tuple(one.get_secret_value() for one in both if one.get_secret_value())

    def missing(self, transport: str) -> tuple[str, ...]:
        """A sentence for each secret that this transport needs and that is not there."""
        second = "slack_app_token" if transport == "socket" else "slack_signing_secret"
        return tuple(
            f"{name.upper()} is not set. Slack shows it at api.slack.com/apps under {_WHERE[name]}."
            for name in ("slack_bot_token", second)
            if not getattr(self, name).get_secret_value()
        )


class _Files(PydanticBaseSettingsSource):
    """Takes NAME from the file that NAME_FILE names, as container platforms mount secrets."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        variable = field_name.upper()
        path = os.environ.get(f"{variable}_FILE")
        if not path or field.annotation is not SecretStr:
            return None, field_name, False
        if os.environ.get(variable):
            raise ConfigurationError(
                f"Both {variable} and {variable}_FILE are set.", hint="Unset one of them."
            )
        try:
            return Path(path).read_text().strip(), field_name, False
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"{variable}_FILE names {path}, which cannot be read: {error}.",
                hint="Check the path and who may read it.",
            ) from None

    def __call__(self) -> dict[str, Any]:
        found = {
            name: self.get_field_value(field, name)[0]
            for name, field in self.settings_cls.model_fields.items()
        }
        return {name: value for name, value in found.items() if value is not None}


def aws_secrets() -> tuple[str, ...]:
    """The values of AWS's secrets in the environment, which only boto3 uses, for what must never show them."""
    return tuple(filter(None, map(os.environ.get, _AWS)))


def load_secrets() -> Secrets:
    """The secrets in the environment; what is not set is empty. Raises ConfigurationError without repeating a value."""
    secrets = Secrets()
    for name, beginning in _BEGINNINGS.items():
        value = getattr(secrets, name).get_secret_value()
        if value and not value.startswith(beginning):
            raise ConfigurationError(
                f"{name.upper()} does not begin with “{beginning}”.",
                hint=f"Slack shows it at api.slack.com/apps under {_WHERE[name]}.",
            )
    if not _is_safe(secrets.slack_api_url):
        raise ConfigurationError(
            "PATCHBOT_SLACK_API_URL is not an address that the bot token may go to.",
            hint=f"Unset it, or use {SLACK_API}. It begins with https://; http:// is good for 127.0.0.1 only.",
        )
    return secrets.model_copy(update={"slack_api_url": f"{secrets.slack_api_url.rstrip('/')}/"})


def _is_safe(url: str) -> bool:
    """Whether a token may go there: over TLS, or to this machine."""
    try:
        address = urlsplit(url)
        host, _ = address.hostname or "", address.port
    except ValueError:
        return False
    if not host or address.query or address.fragment or "@" in address.netloc:
        return False
    return address.scheme == "https" or (address.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
