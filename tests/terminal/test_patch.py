"""`patchbot patch`: what is on stdout, what is on stderr, and what a script learns from the exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from bot.terminal import local_timezone, sentence
from tests.terminal.conftest import Shell
from tests.terminal.ssm import Ssm


def test_json_is_the_report_and_nothing_else(shell: Shell, ssm: Ssm) -> None:
    """Two Regions of two nodes, of which the second misses a patch; no call for the second question."""
    first = shell.run("patch", "status prod", "--json")
    assert (first.returncode, first.stderr) == (0, "")
    report = json.loads(first.stdout)
    assert report["schema"] == "patchbot.status/1"
    assert report["nodes"] == {"total": 4, "compliant": 2, "non_compliant": 2, "unknown": 0}
    assert report["source"] == "aws"
    assert report["compliance_percent"] == 50.0
    assert {call.split()[0] for call in ssm.calls} >= {"DescribeInstancePatchStates"}
    ssm.calls.clear()
    second = json.loads(shell.run("patch", "status prod", "--json").stdout)
    assert second["source"] == "cache"
    assert second["as_of"] == report["as_of"]
    assert ssm.calls == []


def test_refresh_asks_aws_again(shell: Shell, ssm: Ssm) -> None:
    shell.run("patch", "status prod")
    ssm.calls.clear()
    again = shell.run("patch", "status", "prod", "--refresh", "--json")
    assert json.loads(again.stdout)["source"] == "aws"
    assert ssm.calls


def test_words_may_stand_apart(shell: Shell) -> None:
    """Quoted as one sentence, or word by word, with blanks kept together by the shell's own quotes."""
    one = shell.run("patch", 'nodes prod os:"ubuntu" state:all', "--json")
    many = shell.run("patch", "nodes", "prod", "os:ubuntu", "state:all", "--json")
    assert one.returncode == many.returncode == 0
    listed = [json.loads(shown.stdout)["nodes"] for shown in (one, many)]
    assert listed[0] == listed[1]
    assert json.loads(one.stdout)["total"] == 4


def test_people_get_tables_and_no_escapes_in_a_file(shell: Shell) -> None:
    shown = shell.run("patch", "nodes prod")
    assert shown.returncode == 0
    assert "\x1b" not in shown.stdout
    assert "wéb-2" in shown.stdout
    assert "i-00000000000000002" in shown.stdout
    assert shown.stderr == ""


def test_colours_can_be_had_and_be_switched_off(shell: Shell) -> None:
    assert "\x1b[" in shell.run("patch", "status prod", "--color").stdout
    assert "\x1b[" not in shell.run("patch", "status prod", "--no-color").stdout


def test_a_region_that_fails_is_a_gap_and_exit_code_3(shell: Shell, ssm: Ssm) -> None:
    ssm.denied.add("us-east-1")
    shown = shell.run("patch", "status prod", "--json")
    assert shown.returncode == 3
    (gap,) = json.loads(shown.stdout)["gaps"]
    assert gap["region"] == "us-east-1"
    people = shell.run("patch", "status prod")
    assert people.returncode == 3
    assert "us-east-1" in people.stdout


def test_aws_out_of_reach_is_exit_code_4(shell: Shell) -> None:
    shown = shell.run("patch", "status prod", "--json", AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert (shown.returncode, shown.stdout) == (4, "")
    told = json.loads(shown.stderr)
    assert told["schema"] == "patchbot.error/1"
    assert "127.0.0.1:9" in told["error"]
    assert told["hint"]
    people = shell.run("patch", "status prod", AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert (people.returncode, people.stdout) == (4, "")
    assert "AWS_ENDPOINT_URL" in people.stderr


def test_an_error_as_json_moves_no_cursor(shell: Shell) -> None:
    """What was typed comes back in it, its control characters as escapes."""
    shown = shell.run("patch", "status", "zürich\x9b2jx", "--json")
    assert "zürich\\u009b2jx" in shown.stderr
    assert shown.stderr.rstrip("\n").isprintable()
    assert "zürich\x9b2jx" in json.loads(shown.stderr)["error"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["patch", "sttus prod"], "Did you mean “status”?"),
        (["patch", "status prd"], "Did you mean “prod”?"),
        (["patch", "status prod by:colour"], "colour"),
        (["patch"], "Missing argument"),
        (["patch", "status", "--colour"], "--colo"),
        (["patch", "status prod", "--config", "nowhere.toml"], "nowhere.toml"),
        (["ptch"], "No such command"),
    ],
)
def test_what_cannot_be_understood_is_exit_code_2(
    shell: Shell, ssm: Ssm, words: list[str], told: str
) -> None:
    shown = shell.run(*words)
    assert (shown.returncode, shown.stdout) == (2, "")
    assert told in shown.stderr
    assert "Traceback" not in shown.stderr
    assert ssm.calls == []


def test_a_mistake_in_the_configuration_is_exit_code_2(shell: Shell) -> None:
    shell.configure('[environments.prod]\nregions = ["eu-central-1"]\nstale_afer = "7d"\n')
    shown = shell.run("patch", "status prod")
    assert shown.returncode == 2
    assert "“stale_afer”" in shown.stderr
    assert "“stale_after”" in shown.stderr


def test_an_environment_cannot_bear_the_name_of_a_command(shell: Shell) -> None:
    shell.configure('[environments.nodes]\nregions = ["eu-central-1"]\n')
    shown = shell.run("patch", "status nodes")
    assert shown.returncode == 2
    assert "“nodes”" in shown.stderr


def test_times_are_shown_in_the_zone_of_the_operator(shell: Shell) -> None:
    """botocore needs UTC; people do not."""
    shown = shell.run("patch", "status prod", TZ="Asia/Tokyo")
    assert " JST" in shown.stdout
    assert json.loads(shell.run("patch", "status prod", "--json", TZ="Asia/Tokyo").stdout)[
        "as_of"
    ].endswith("Z")


def test_a_reader_that_goes_away_is_no_error(shell: Shell) -> None:
    """`patchbot patch … | head -1`: no traceback, and the code that shells know."""
    read, write = os.pipe()
    os.close(read)
    try:
        process = shell.start("patch", "nodes prod state:all", "--json", stdout=write)
    finally:
        os.close(write)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (141, "")


def test_ctrl_c_ends_at_once(shell: Shell, ssm: Ssm) -> None:
    """Also while AWS keeps us waiting."""
    ssm.gate.clear()
    process = shell.start("patch", "status prod")
    try:
        assert ssm.asked.wait(60)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 130
    assert out == ""
    assert "Traceback" not in err


def test_progress_is_shown_to_people_on_stderr_only(shell: Shell, ssm: Ssm) -> None:
    """On a terminal the targets and their nodes appear while AWS is slow; stdout stays clean."""
    ssm.gate.clear()
    leader, follower = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "patch", "status prod", "--json"],
        cwd=shell.directory,
        env=shell.environment | {"TERM": "xterm", "COLUMNS": "100"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=follower,
    )
    os.close(follower)
    seen = b""
    while b"Asking AWS" not in seen:
        seen += os.read(leader, 4096)
    ssm.gate.set()
    out, _ = process.communicate(timeout=60)
    os.close(leader)
    assert process.returncode == 0
    assert json.loads(out)["schema"] == "patchbot.status/1"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["status prod"], "status prod"),
        (["status", "prod", "by:os"], "status prod by:os"),
        (["nodes", "prod", "os:Amazon Linux"], 'nodes prod os:"Amazon Linux"'),
        (["node", "my host"], 'node "my host"'),
        (["node", 'a "b" \\'], 'node "a \\"b\\" \\\\"'),
        (["nodes prod", "owner:ana b"], 'nodes prod owner:"ana b"'),
    ],
)
def test_a_command_line_becomes_a_sentence(words: list[str], text: str) -> None:
    assert sentence(words) == text


def test_the_zone_of_the_operator() -> None:
    assert local_timezone("Europe/Berlin") == "Europe/Berlin"
    assert local_timezone(":Europe/Berlin") == "Europe/Berlin"
    assert local_timezone("CET-1CEST") == "UTC"
    assert local_timezone(None)


def test_the_version_is_told(shell: Shell) -> None:
    assert shell.run("--version").stdout.startswith("patchbot 0.")


def test_a_fault_of_ours_is_told_as_such(shell: Shell) -> None:
    """No traceback for people; exit code 1; the traceback for whoever asks for it."""
    broken = shell.directory / "sitecustomize.py"
    broken.write_text("import bot.core.figures\nbot.core.figures.judge_all = lambda *_: 1 / 0\n")
    path = f"{shell.directory}:{shell.environment['PYTHONPATH']}"
    shown = shell.run("patch", "status prod", PYTHONPATH=path)
    assert shown.returncode == 1
    assert "fault of patchbot: ZeroDivisionError" in shown.stderr
    assert "Traceback" not in shown.stderr
    asked = shell.run("patch", "status prod", PYTHONPATH=path, PATCHBOT_TRACEBACK="1")
    assert asked.returncode == 1
    assert "Traceback" in asked.stderr
