"""What /metrics says, while a real bot answers."""

from __future__ import annotations

import math
import urllib.request
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.app import create_app
from bot.chatops.registry import Registry
from bot.config import load_settings
from bot.core.errors import AccessDenied, Throttled
from bot.demo.slack.demo_workspace import MAYA, PATCHING
from bot.demo.slack.server import LocalSlack
from bot.metrics import Metrics
from bot.services.compliance import Compliance
from bot.slack.manifest import manifest
from bot.web.app import SLACK_PATH
from tests.commands import fleet
from tests.slack import signed
from tests.slack.conftest import Front, front, until, world_of
from tests.slack.controls import GATE

__all__ = ["front"]


class Clock:
    def __init__(self) -> None:
        self.now = fleet.NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def compliance(clock: Clock) -> Compliance:
    return Compliance(
        fleet.ENVIRONMENTS,
        fleet.gateway(),
        fleet.store(),
        clock=clock,
        time_to_live=timedelta(minutes=10),
    )


@pytest.fixture
def metrics(compliance: Compliance, clock: Clock) -> Metrics:
    return Metrics(compliance, clock=clock)


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_the_age_of_a_reading_grows_until_the_next(
    metrics: Metrics, compliance: Compliance, clock: Clock
) -> None:
    name = compliance.environments[0]
    before = value(metrics, "patchbot_reading_age_seconds", environment=name)
    assert before is not None
    assert math.isnan(before)
    as_of = compliance.read(name).as_of
    clock.now = as_of + timedelta(seconds=90)
    assert value(metrics, "patchbot_reading_age_seconds", environment=name) == 90


def test_readings_are_counted_with_what_failed_in_them(metrics: Metrics) -> None:
    metrics.reading("prod", [])
    metrics.reading("prod", [Throttled("Slow down."), AccessDenied("No."), AccessDenied("No.")])
    for outcome in ("complete", "gaps"):
        labels = {"environment": "prod", "outcome": outcome}
        assert value(metrics, "patchbot_readings_total", **labels) == 1
    failures = {"Throttled": 1, "AccessDenied": 2}
    for reason, count in failures.items():
        labels = {"environment": "prod", "reason": reason}
        assert value(metrics, "patchbot_reading_failures_total", **labels) == count


@pytest.mark.parametrize(
    ("user", "text", "command", "outcome"),
    [
        ("U0MAYA0001", "echo hello", "echo", "answered"),
        ("U0MAYA0001", "secret", "", "NotAllowed"),
        ("U0MAYA0001", "echo a b c", "echo", "UsageError"),
        ("U0MAYA0001", "nonsense", "", "NotFound"),
        ("U0MAYA0001", "broken", "", "failed"),
        ("U0GUEST001", "echo hello", "", "NotAllowed"),
    ],
)
def test_questions_are_counted_by_command_and_outcome(
    metrics: Metrics, tmp_path: Path, front: Front, user: str, text: str, command: str, outcome: str
) -> None:
    labels = {"command": command, "outcome": outcome}
    with world_of(tmp_path, front, count=metrics.question) as world:
        signed.command(world, user, text)
        until(lambda: value(metrics, "patchbot_questions_total", **labels) == 1)


def test_what_is_not_taken_on_is_counted_too_and_what_is_held_is_shown(
    metrics: Metrics, tmp_path: Path, front: Front
) -> None:
    GATE.reset()
    with world_of(tmp_path, front, count=metrics.question) as world:
        metrics.watch_queue(lambda: world.bot.questions_held)
        for _ in range(3):
            signed.command(world, "U0MAYA0001", "slow x")
        refused = {"command": "", "outcome": "still working"}
        assert value(metrics, "patchbot_questions_total", **refused) == 1
        assert value(metrics, "patchbot_questions_held") == 2
        GATE.open()
        until(lambda: value(metrics, "patchbot_questions_held") == 0)


def test_the_running_bot_tells_it_at_metrics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it comes together in the composition root."""
    settings = load_settings(_written(tmp_path), environ={})
    manifest_path = tmp_path / "manifest.yml"
    manifest_path.write_text(yaml.safe_dump(manifest(Registry("commands"))))
    with LocalSlack(manifest_path) as slack:
        monkeypatch.setenv("SLACK_BOT_TOKEN", slack.bot_token)
        monkeypatch.setenv("SLACK_SIGNING_SECRET", slack.signing_secret)
        monkeypatch.setenv("PATCHBOT_SLACK_API_URL", slack.api_url)
        app = create_app(settings, gateway=Answering(), store=fleet.store())
        with app.started(transport="http", port=0) as address:
            slack.connect_http(f"{address}{SLACK_PATH}")
            slack.person(MAYA).command(PATCHING, "/patch status prod")
            until(lambda: _line(address, "patchbot_questions_total") is not None)
            assert 'command="status",outcome="answered"' in (
                _line(address, "patchbot_questions_total") or ""
            )
            assert _line(address, "patchbot_readings_total") is not None
            assert _line(address, "patchbot_reading_age_seconds") is not None
            until(
                lambda: _line(address, "patchbot_questions_held") == "patchbot_questions_held 0.0"
            )


class Answering:
    """The fixed fleet, with the rest of what the app asks of a gateway."""

    def __init__(self) -> None:
        self._gateway = fleet.gateway()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)

    def check(self, target: object) -> tuple[()]:
        return ()

    def close(self) -> None:
        pass


def _written(tmp_path: Path) -> Path:
    path = tmp_path / "patchbot.toml"
    path.write_text('[environments.prod]\nregions = ["eu-central-1"]\n')
    return path


def _line(address: str, name: str) -> str | None:
    """The first sample of that name."""
    with urllib.request.urlopen(f"{address}/metrics", timeout=10) as answer:  # noqa: S310 - our own
        lines = answer.read().decode().splitlines()
    return next((line for line in lines if line.startswith(name)), None)
