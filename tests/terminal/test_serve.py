"""`patchbot serve` as a process: what it refuses to start without, what it tells, and how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.demo.slack import LocalSlack
from tests.terminal.conftest import CONFIGURATION, Shell

MANIFEST = Path(__file__).parents[2] / "manifest.yml"


@pytest.fixture
def slack() -> Iterator[LocalSlack]:
    with LocalSlack(MANIFEST) as local:
        yield local


@pytest.fixture
def connected(shell: Shell, slack: LocalSlack) -> Shell:
    """A shell with the tokens of a local Slack."""
    shell.environment |= {
        "SLACK_BOT_TOKEN": slack.bot_token,
        "SLACK_APP_TOKEN": slack.app_token,
        "SLACK_SIGNING_SECRET": slack.signing_secret,
        "PATCHBOT_SLACK_API_URL": slack.api_url,
    }
    return shell


def until(process: subprocess.Popen[str], event: str) -> list[dict[str, Any]]:
    """Its log up to and including that event."""
    assert process.stderr is not None
    told = []
    for line in process.stderr:
        told.append(json.loads(line))
        if told[-1]["event"] == event:
            return told
    raise AssertionError(f"it ended without “{event}”: {told}")


def stopped(process: subprocess.Popen[str], number: signal.Signals) -> list[dict[str, Any]]:
    """Its log after the signal; it has ended well."""
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "")
    return [json.loads(line) for line in err.splitlines()]


def status(url: str, *, data: bytes | None = None) -> int:
    """The HTTP status that `url` answers with."""
    try:
        with urllib.request.urlopen(url, data=data, timeout=10) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.mark.parametrize(
    ("transport", "missing"),
    [
        ("socket", ["SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"]),
        ("http", ["SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET"]),
    ],
)
def test_it_does_not_start_without_its_secrets(
    shell: Shell, transport: str, missing: list[str]
) -> None:
    shell.configure(f'{CONFIGURATION}\n[slack]\ntransport = "{transport}"\nport = 0\n')
    shown = shell.run("serve")
    assert (shown.returncode, shown.stdout) == (2, "")
    for name in missing:
        assert f"{name} is not set" in shown.stderr


def test_socket_mode_connects_and_ends_on_sigterm(connected: Shell, slack: LocalSlack) -> None:
    """No port is open; the log says what it serves, and no token."""
    process = connected.start("serve")
    told = until(process, "serving")
    assert slack.connections == 1
    serving = told[-1]
    assert serving["transport"] == "socket"
    assert serving["listening"] == "nowhere"
    assert serving["environments"] == ["prod"]
    told += stopped(process, signal.SIGTERM)
    assert told[-1]["event"] == "stopped"
    log = json.dumps(told)
    assert slack.bot_token not in log
    assert slack.app_token not in log
    deadline = time.monotonic() + 10
    while slack.connections and time.monotonic() < deadline:
        time.sleep(0.01)
    assert slack.connections == 0


@pytest.mark.parametrize("name", ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"])
def test_its_log_blots_out_the_secrets_of_aws(connected: Shell, name: str) -> None:
    """They are only boto3's, so the log has to be told of them; here one stands in the path of the configuration."""
    connected.environment[name] = str(connected.directory / "patchbot.toml")
    process = connected.start("serve")
    told = until(process, "serving")
    assert told[-1]["configuration"] == "[redacted]"
    stopped(process, signal.SIGTERM)


def test_http_mode_listens_and_ends_on_ctrl_c(connected: Shell, slack: LocalSlack) -> None:
    connected.configure(f'{CONFIGURATION}\n[slack]\ntransport = "http"\nport = 0\n')
    process = connected.start("serve")
    address = until(process, "serving")[-1]["listening"]
    for path in ("/health/live", "/health/ready"):
        assert status(f"{address}{path}") == 200
    assert status(f"{address}/slack/events", data=b"payload=x") == 401
    assert stopped(process, signal.SIGINT)[-1]["event"] == "stopped"


def test_health_can_be_asked_in_socket_mode(connected: Shell) -> None:
    """A port of one's own choice answers for health and for nothing of Slack's."""
    connected.configure(f"{CONFIGURATION}\n[slack]\nport = 0\n")
    process = connected.start("serve")
    address = until(process, "serving")[-1]["listening"]
    assert status(f"{address}/health/ready") == 200
    assert status(f"{address}/slack/events", data=b"payload=x") == 404
    stopped(process, signal.SIGTERM)


def test_slack_out_of_reach_is_exit_code_4(connected: Shell) -> None:
    shown = connected.run("serve", PATCHBOT_SLACK_API_URL="http://127.0.0.1:9/api/")
    assert shown.returncode == 4
    assert "Slack did not answer" in shown.stderr


def test_a_port_that_is_taken_is_exit_code_2(connected: Shell, slack: LocalSlack) -> None:
    port = slack.url.rstrip("/").rpartition(":")[2]
    connected.configure(f'{CONFIGURATION}\n[slack]\ntransport = "http"\nport = {port}\n')
    shown = connected.run("serve")
    assert shown.returncode == 2
    assert f"127.0.0.1:{port}" in shown.stderr


def test_doctor_tells_all_areas_and_2_when_something_must_be_mended(
    connected: Shell, slack: LocalSlack
) -> None:
    """This AWS allows two operations of many, and Slack is fine."""
    shown = connected.run("doctor", "--json")
    report = json.loads(shown.stdout)
    assert report["schema"] == "patchbot.doctor/1"
    areas = {area["area"]: area for area in report["areas"]}
    assert list(areas) == [
        "Configuration",
        "Clock",
        "Backups and heads",
        "AWS eu-central-1",
        "AWS us-east-1",
        "Slack",
        "Access",
    ]
    assert areas["Slack"]["outcome"] == "ok"
    assert areas["Clock"]["outcome"] == "ok"
    assert areas["AWS us-east-1"]["outcome"] == "failed"
    denied = {
        row["subject"] for row in areas["AWS us-east-1"]["findings"] if row["outcome"] != "ok"
    }
    assert "ssm:DescribeInstanceInformation" in denied
    assert "ssm:DescribeInstanceProperties" not in denied
    assert shown.returncode == 2
    assert slack.bot_token not in shown.stdout + shown.stderr
    people = connected.run("doctor")
    assert people.returncode == 2
    assert "✗ failed" in people.stdout
    assert "→" in people.stdout
    assert people.stderr == ""


def test_doctor_without_slack_only_warns_about_it(shell: Shell) -> None:
    report = json.loads(shell.run("doctor", "--json").stdout)
    (slack,) = (area for area in report["areas"] if area["area"] == "Slack")
    assert slack["outcome"] == "warning"
    assert "SLACK_BOT_TOKEN" in slack["findings"][0]["hint"]


def test_a_wrong_token_is_told_by_doctor(connected: Shell) -> None:
    shown = connected.run("doctor", "--json", SLACK_BOT_TOKEN="xoxb-of-another-app")
    (slack,) = (area for area in json.loads(shown.stdout)["areas"] if area["area"] == "Slack")
    assert slack["outcome"] == "failed"
    assert "another-app" not in shown.stdout + shown.stderr
    assert shown.returncode == 2
