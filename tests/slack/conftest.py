"""The bot between a local Slack and sample commands: real Bolt, real signatures, real HTTP on loopback."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest
import structlog
import yaml
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.chatops.context import Services
from bot.chatops.desk import Desk
from bot.chatops.registry import Registry
from bot.core.identity import AccessPolicy, Members
from bot.demo.slack.demo_workspace import PLATFORM_APPROVERS
from bot.demo.slack.server import LocalSlack
from bot.services.compliance import Compliance
from bot.services.doctor import Doctor
from bot.slack.bot import SlackBot, create_slack_bot
from bot.slack.manifest import manifest
from bot.web.app import SLACK_PATH, create_web_app
from bot.web.server import serve_http
from tests.commands import fleet
from tests.slack.controls import GATE

SAMPLE = "tests.slack.sample"
POLICY = AccessPolicy(admins=Members(usergroups=frozenset({PLATFORM_APPROVERS})))
ALWAYS_QUIET = 60.0


def desk_of(package: str, access: AccessPolicy = POLICY) -> Desk:
    """A desk with the commands of `package` over the fixed fleet."""
    compliance = Compliance(
        fleet.ENVIRONMENTS,
        fleet.gateway(),
        fleet.store(),
        clock=lambda: fleet.NOW,
        time_to_live=timedelta(minutes=10),
    )
    services = Services(compliance, access, Doctor(lambda: ()), Registry(package))
    return Desk(services, clock=lambda: fleet.NOW)


class Ticking:
    """A clock that never goes back, moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True, slots=True)
class World:
    """The local Slack, the bot in it, and the bot's clock."""

    slack: LocalSlack
    bot: SlackBot
    clock: Ticking

    def ask(self, user: str, channel: str, text: str) -> dict[str, Any]:
        """Type `/patch <text>`; what Slack's page gets back for it."""
        return self.slack.person(user).command(channel, f"/patch {text}")

    def answer(self, user: str, channel: str, holds: str) -> dict[str, Any]:
        """The newest message for `user` in `channel` with `holds` in its text or blocks, once it is there."""
        return self.slack.person(user).wait_for(
            channel, lambda message: holds in message["text"] or holds in str(message["blocks"])
        )


class MakeWorld(Protocol):
    def __call__(self, **options: Any) -> World: ...


class Front:
    """One server for all tests, for stopping one takes its time; `app` is what it serves at the moment."""

    def __init__(self) -> None:
        self.app: ASGIApp | None = None
        self.address = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)


@pytest.fixture(scope="session")
def front() -> Iterator[Front]:
    switch = Front()
    server = serve_http(switch, host="127.0.0.1", port=0)
    switch.address = server.address
    yield switch
    server.stop()


@contextmanager
def world_of(
    tmp_path: Path,
    front: Front,
    *,
    package: str = SAMPLE,
    socket_mode: bool = False,
    **options: Any,
) -> Iterator[World]:
    """A running world; `options` go to `create_slack_bot`."""
    path = tmp_path / "manifest.yml"
    path.write_text(yaml.safe_dump(manifest(Registry(package))))
    clock = Ticking()
    with ExitStack() as stack:
        slack = stack.enter_context(LocalSlack(path, event_retry_seconds=(0, 0, 0)))
        bot = create_slack_bot(
            options.pop("desk", None) or desk_of(package),
            **{
                "bot_token": slack.bot_token,
                "app_token": slack.app_token,
                "signing_secret": slack.signing_secret,
                "api_url": slack.api_url,
                "policy_usergroups": (PLATFORM_APPROVERS,),
                "clock": clock,
                "patience_seconds": ALWAYS_QUIET,
                **options,
            },
        )
        stack.callback(bot.stop)
        stack.callback(GATE.open)
        if socket_mode:
            bot.start_socket_mode()
        else:
            app = create_web_app(
                ready=bot.healthy, slack=bot.handle_http, signing_secrets=[slack.signing_secret]
            )
            front.app = app
            slack.connect_http(f"{front.address}{SLACK_PATH}")
        yield World(slack, bot, clock)


@pytest.fixture
def make_world(tmp_path: Path, front: Front) -> Iterator[MakeWorld]:
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(world_of(tmp_path, front, **options))


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    return make_world()


@pytest.fixture(autouse=True)
def _closed_gate() -> None:
    GATE.reset()


@pytest.fixture
def records() -> Iterator[list[dict[str, Any]]]:
    """What the Slack side logs."""
    with structlog.testing.capture_logs() as captured:
        yield captured  # type: ignore[misc]


def until(condition: Callable[[], bool], *, seconds: float = 10.0) -> None:
    """Wait until `condition` holds; fails after the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.005)
