"""`patchbot digest prod --preview`: what would be posted now, without a token and before anything was ever kept."""

from __future__ import annotations

import json

from tests.terminal.conftest import CONFIGURATION, Shell
from tests.terminal.ssm import Ssm


def test_a_preview_says_how_things_stand_and_what_to_do(shell: Shell, ssm: Ssm) -> None:
    """A Region is denied: the digest says so, and the exit code does."""
    shown = shell.run("digest", "prod", "--preview")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "prod: 50.0 % compliant" in shown.stdout
    assert "2 nodes are non-compliant; plan a run: /patch install prod." in shown.stdout
    assert "No audit log yet" in shown.stdout
    ssm.denied.add("us-east-1")
    gap = shell.run("digest", "prod", "--preview", "--refresh")
    assert gap.returncode == 3
    assert "us-east-1 readable again" in gap.stdout


def test_its_json_is_the_report_with_the_owners_that_are_mapped(shell: Shell) -> None:
    shell.configure(f'{CONFIGURATION}\n[digests.owners]\npayments = "C0123456789"\n')
    report = json.loads(shell.run("digest", "prod", "--preview", "--json").stdout)
    assert report["schema"] == "patchbot.digest/1"
    assert report["fleet"]["now"]["nodes"]["total"] == 4
    assert report["fleet"]["before"] is None
    assert [one["owner"] for one in report["owners"]] == ["payments"]


def test_without_preview_nothing_is_posted_from_here(shell: Shell) -> None:
    for words, told in (
        (("digest", "prod"), "patchbot serve"),
        (("digest", "prdo", "--preview"), "prdo"),
    ):
        shown = shell.run(*words)
        assert (shown.returncode, shown.stdout) == (2, "")
        assert told in shown.stderr
