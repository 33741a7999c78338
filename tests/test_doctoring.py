"""What the doctor finds in the configuration, the clock, the rights and the roles."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from bot import doctoring
from bot.auditing import backup_dir, ledger_place
from bot.config import Settings, load_settings
from bot.core.environments import Account, Target
from bot.services.doctor import Finding, Outcome
from bot.store.backup import back_up
from bot.store.opening import open_ledger

TARGET = Target(Account("111122223333"), "eu-central-1")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def settings_of(tmp_path: Path, text: str = "") -> Settings:
    path = tmp_path / "patchbot.toml"
    path.write_text(f'[environments.prod]\nregions = ["eu-central-1"]\n{text}')
    return load_settings(path, environ={})


def outcomes(findings: Iterator[Finding]) -> dict[str, Outcome]:
    return {one.subject: one.outcome for one in findings}


def test_a_sound_configuration(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    assert set(outcomes(doctoring.configuration(settings)).values()) == {Outcome.OK}
    assert list(settings.data_dir.iterdir()) == []


def test_a_ledger_that_could_be_lost_or_pass_for_an_older_one(tmp_path: Path) -> None:
    """No key, no head, an old backup, none: each with what to do. And what the running bot could not keep."""
    settings = settings_of(tmp_path)
    assert outcomes(doctoring.ledger(settings, lambda: NOW)) == {"ledger": Outcome.OK}
    place = ledger_place(settings)
    found, _ = open_ledger(place, clock=lambda: NOW)
    assert outcomes(doctoring.ledger(settings, lambda: NOW))["backup"] is Outcome.WARNING
    back_up(found, backup_dir(settings), now=NOW)
    found.close()
    for hours, outcome in ((1.9, Outcome.OK), (2, Outcome.WARNING)):
        later = NOW + timedelta(hours=hours)
        assert outcomes(doctoring.ledger(settings, lambda at=later: at)) == {
            "heads of the ledger": Outcome.OK,
            "backup": outcome,
        }
    (place.data_dir / "ledger.key").unlink()
    (place.head_dir / f"{found.id}.head").unlink()
    told = list(doctoring.ledger(settings, lambda: NOW, troubles=["the disk is full"]))
    assert outcomes(iter(told)) == {
        "key of the ledger": Outcome.FAILED,
        "heads of the ledger": Outcome.FAILED,
        "backup": Outcome.OK,
        "keeping them": Outcome.FAILED,
    }
    assert all(one.hint for one in told if one.outcome is Outcome.FAILED)


def test_a_data_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    found = {one.subject: one for one in doctoring.configuration(settings_of(tmp_path))}
    assert found["data directory"].outcome is Outcome.FAILED
    assert "data_dir" in found["data directory"].hint


def test_a_data_directory_that_others_can_look_into(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o755)
    (tmp_path / "data").chmod(0o755)
    found = {one.subject: one for one in doctoring.configuration(settings_of(tmp_path))}
    assert found["data directory"].outcome is Outcome.WARNING
    assert "chmod 700" in found["data directory"].hint


@pytest.mark.parametrize(
    ("free", "outcome"),
    [
        (doctoring.FREE_WARNED, Outcome.OK),
        (doctoring.FREE_WARNED - 1, Outcome.WARNING),
        (doctoring.FREE_NEEDED - 1, Outcome.FAILED),
    ],
)
def test_a_disk_that_fills_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, outcome: Outcome
) -> None:
    @dataclass
    class Usage:
        free: int

    monkeypatch.setattr("shutil.disk_usage", lambda _path: Usage(free))
    assert outcomes(doctoring.configuration(settings_of(tmp_path)))["disk"] is outcome


@contextmanager
def telling(moment: datetime) -> Iterator[str]:
    """A server that refuses everything and tells the time."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response_only(404)
            self.send_header("Date", format_datetime(moment, usegmt=True))
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("skew", "outcome"),
    [
        (timedelta(seconds=2), Outcome.OK),
        (timedelta(minutes=-2), Outcome.WARNING),
        (timedelta(minutes=6), Outcome.FAILED),
    ],
)
def test_a_clock_that_is_off(
    monkeypatch: pytest.MonkeyPatch, skew: timedelta, outcome: Outcome
) -> None:
    with telling(NOW) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        (found,) = doctoring.clock_skew(TARGET, lambda: NOW + skew)
    assert found.outcome is outcome
    assert "AWS" in found.detail


def test_slack_is_asked_the_time_where_aws_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with telling(NOW) as url:
        monkeypatch.setenv("PATCHBOT_SLACK_API_URL", url)
        (found,) = doctoring.clock_skew(TARGET, lambda: NOW)
    assert (found.outcome, found.detail) == (Outcome.OK, "agrees with that of Slack")
    monkeypatch.setenv("PATCHBOT_SLACK_API_URL", "http://127.0.0.1:9")
    (found,) = doctoring.clock_skew(TARGET, lambda: NOW)
    assert found.outcome is Outcome.WARNING


@dataclass(frozen=True)
class Right:
    action: str
    ok: bool
    detail: str = ""
    hint: str = ""
    optional: bool = False


class Gateway:
    def __init__(self, *found: Right) -> None:
        self.found = found

    def check(self, target: Target) -> tuple[Right, ...]:
        assert target == TARGET
        return self.found


def test_denied_rights_are_named_and_the_others_counted() -> None:
    gateway = Gateway(
        Right("ssm:A", True),
        Right("ssm:B", False, "denied", "Grant it."),
        Right("ec2:C", False, "denied", "Names are missing.", optional=True),
        Right("sts:D", True, "arn:aws:sts::111122223333:assumed-role/Reader/patchbot"),
    )
    assert list(doctoring.rights(gateway, TARGET)) == [
        Finding("ssm:B", Outcome.FAILED, "denied", "Grant it."),
        Finding("ec2:C", Outcome.WARNING, "denied", "Names are missing."),
        Finding(
            "rights",
            Outcome.OK,
            "2 of 4 allowed, as arn:aws:sts::111122223333:assumed-role/Reader/patchbot",
        ),
    ]


def test_one_reason_for_everything_is_told_once() -> None:
    """Without credentials there are not nine things to mend but one."""
    gateway = Gateway(
        Right("ec2:C", False, "no credentials", "Give some. And more.", optional=True),
        Right("ssm:B", False, "no credentials", "Give some."),
    )
    assert list(doctoring.rights(gateway, TARGET)) == [
        Finding("rights", Outcome.FAILED, "no credentials", "Give some.")
    ]


def test_what_cannot_be_tried_is_said() -> None:
    """Nobody may take a silent doctor for a right to send."""
    gateway = Gateway(
        Right("ssm:ListCommands", False, "denied", "Grant it.", optional=True),
        Right("sts:GetCallerIdentity", True, "arn:aws:sts::111122223333:assumed-role/Installer/x"),
    )
    found = list(doctoring.runs(gateway, TARGET))
    assert [one.outcome for one in found] == [Outcome.WARNING, Outcome.OK, Outcome.UNTRIED]
    assert "assumed-role/Installer" in found[1].detail
    assert found[2].subject == "ssm:SendCommand"
    assert "cannot be tried" in found[2].detail


def test_roles_that_nobody_holds(tmp_path: Path) -> None:
    found = {one.subject: one for one in doctoring.access(settings_of(tmp_path))}
    assert found["viewers"].outcome is Outcome.OK
    assert found["admins"].outcome is Outcome.WARNING
    assert "admins = {" in found["admins"].hint
    named = settings_of(tmp_path, '[access]\nadmins = { users = ["U0ABCDEF1"] }\nviewers = {}\n')
    assert outcomes(doctoring.access(named)) == {
        "viewers": Outcome.WARNING,
        "admins": Outcome.OK,
    }


@pytest.mark.parametrize(
    ("approvers", "outcome"),
    [
        ('{ users = ["U0ABCDEF1", "U0ABCDEF2"] }', Outcome.OK),
        ('{ users = ["U0ABCDEF1", "U0ABCDEF1"] }', Outcome.FAILED),
        ('{ users = ["U0ABCDEF1"], usergroups = ["S0ABCDEF1"] }', None),
    ],
)
def test_an_approval_that_too_few_people_could_give(
    tmp_path: Path, approvers: str, outcome: Outcome | None
) -> None:
    """Two approvals need two different people; how many a group has only Slack knows."""
    settings = settings_of(tmp_path, f"approvals = 2\napprovers = {approvers}\n")
    assert outcomes(doctoring.access(settings)).get("approvals in prod") is outcome


APPROVERS = 'approvers = { users = ["U0ABCDEF1", "U0ABCDEF2"] }\napproval_channel = "C0ABCDEF1"\n'
ACCESS = "[access]\nrequesters = "


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        (f'{APPROVERS}{ACCESS}{{ users = ["U0ABCDEF1"] }}', Outcome.OK),
        (f'protected = true\n{APPROVERS}{ACCESS}{{ users = ["U0ABCDEF1"] }}', Outcome.OK),
        (
            f'protected = true\napprovals = 2\n{APPROVERS}{ACCESS}{{ users = ["U0ABCDEF3"] }}',
            Outcome.OK,
        ),
        (
            f'protected = true\napprovals = 2\n{APPROVERS}{ACCESS}{{ users = ["U0ABCDEF1"] }}',
            Outcome.FAILED,
        ),
        (
            f'protected = true\napprovals = 2\n{APPROVERS}{ACCESS}{{ users = ["U0ABCDEF1", "U0ABCDEF3"] }}',
            Outcome.WARNING,
        ),
        (f'protected = true\napprovals = 2\n{APPROVERS}{ACCESS}"everyone"', Outcome.WARNING),
        (f'{ACCESS}"everyone"', Outcome.WARNING),
    ],
)
def test_every_rule_must_be_within_reach_of_two_different_people(
    tmp_path: Path, text: str, outcome: Outcome
) -> None:
    """A requester who is also an approver cannot count on themselves in a protected environment."""
    found = outcomes(doctoring.access(settings_of(tmp_path, text)))
    assert found["approvals in prod"] is outcome


def test_approvals_need_a_place_to_be_asked_for(tmp_path: Path) -> None:
    """Without a channel the doctor says so; with `channel` alone it is that one."""
    asked = f'{ACCESS}"everyone"'
    without = settings_of(tmp_path, f'approvers = {{ users = ["U0ABCDEF1"] }}\n{asked}')
    assert outcomes(doctoring.access(without))["channel of prod"] is Outcome.WARNING
    one = settings_of(
        tmp_path, f'channel = "C0ABCDEF1"\napprovers = {{ users = ["U0ABCDEF1"] }}\n{asked}'
    )
    assert "channel of prod" not in outcomes(doctoring.access(one))


def test_every_environment_is_heard_of_and_told_somewhere(tmp_path: Path) -> None:
    subject = "alerts of prod"
    nowhere = settings_of(tmp_path)
    assert outcomes(doctoring.alerts(nowhere, ["eu-central-1"])) == {subject: Outcome.WARNING}
    fine = settings_of(tmp_path, 'channel = "C0PATCHING"\n')
    assert outcomes(doctoring.alerts(fine, ["eu-central-1"])) == {subject: Outcome.OK}
    (deaf,) = doctoring.alerts(fine, ["us-east-1"])
    assert deaf.outcome is Outcome.WARNING
    assert "eu-central-1" in deaf.detail
    trouble, _ = doctoring.alerts(fine, ["eu-central-1"], ["There is no queue x."])
    assert (trouble.outcome, trouble.detail) == (Outcome.WARNING, "There is no queue x.")
    silent = settings_of(tmp_path, "alerts = []\n")
    assert outcomes(doctoring.alerts(silent, ["us-east-1"])) == {}
