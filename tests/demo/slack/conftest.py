"""A local Slack per test, with a clock that can be put forward."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from slack_sdk import WebClient

from bot.demo.slack.server import LocalSlack
from tests.demo.slack.receiver import Receiver, receiving

MANIFEST = """
display_information: { name: patchbot }
features:
  app_home: { home_tab_enabled: true, messages_tab_enabled: true }
  bot_user: { display_name: Patchbot }
  slash_commands:
    - { command: /patch, description: Patch compliance, usage_hint: status prod, should_escape: true }
    - { command: /raw, description: Unescaped, should_escape: false }
oauth_config:
  scopes:
    bot: [chat:write, chat:write.public, commands, files:write, im:write, im:read, users:read,
          usergroups:read, channels:read, groups:read, channels:history, groups:history, im:history]
settings:
  event_subscriptions: { bot_events: [app_home_opened] }
  interactivity: { is_enabled: true }
  socket_mode_enabled: true
"""


class Clock:
    """The real time plus what a test adds to it."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass at once."""
        self._ahead += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "manifest.yml"
    path.write_text(MANIFEST, encoding="utf-8")
    return path


@pytest.fixture
def page(tmp_path: Path) -> Path:
    folder = tmp_path / "page"
    folder.mkdir()
    (folder / "index.html").write_text("<!doctype html><title>Slack</title>", encoding="utf-8")
    (folder / "app.js").write_text("export {};", encoding="utf-8")
    return folder


@pytest.fixture
def slack(manifest: Path, page: Path, clock: Clock) -> Iterator[LocalSlack]:
    with LocalSlack(manifest, clock=clock, page=page, event_retry_seconds=(0, 0, 0)) as running:
        yield running


@pytest.fixture
def client(slack: LocalSlack) -> WebClient:
    return WebClient(slack.bot_token, base_url=slack.api_url, retry_handlers=[])


@pytest.fixture
def receiver(slack: LocalSlack) -> Iterator[Receiver]:
    """An app in signed HTTP mode that records what it gets."""
    with receiving() as (receiver, url):
        slack.connect_http(url)
        yield receiver
