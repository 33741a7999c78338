"""Where the bot token may go."""

from __future__ import annotations

import pytest

from bot.config.secrets import load_secrets
from bot.core.errors import ConfigurationError


@pytest.mark.parametrize(
    "url",
    [
        "https://slack.com/api/",
        "https://slack-gov.com/api",
        "http://127.0.0.1:8080/api/",
        "http://localhost:8080/api/",
        "http://[::1]:8080/api/",
    ],
)
def test_the_token_goes_over_tls_or_stays_on_this_machine(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("PATCHBOT_SLACK_API_URL", url)
    assert load_secrets().slack_api_url == f"{url.rstrip('/')}/"


@pytest.mark.parametrize(
    "url",
    [
        "http://slack.com/api/",
        "http://evil.example/api",
        "http://127.0.0.1.evil.example/api",
        "http://127.0.0.1@evil.example/api",
        "https://slack.com@evil.example/api",
        "http://10.0.0.1/api/",
        "http://0.0.0.0/api/",
        "http://[fe80::1]/api/",
        "http://[/api/",
        "http://127.0.0.1:port/api/",
        "https://",
        "https:///api/",
        "https://slack.com/api/?token=",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "slack.com",
    ],
)
def test_no_other_address_is_taken(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("PATCHBOT_SLACK_API_URL", url)
    with pytest.raises(ConfigurationError, match="not an address") as caught:
        load_secrets()
    assert "https://" in caught.value.hint
