"""Why a command failed on a node, in plain words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.commands import Invocation
from bot.core.exits import reason
from bot.core.runs import SETTLED, NodeOutcome, outcome


@pytest.mark.parametrize(
    ("detail", "code", "said"),
    [
        ("Failed", 144, "may not read its patch snapshot"),
        ("Failed", 146, "may not reach S3"),
        ("Failed", 149, "could not report"),
        ("Failed", 165, "baseline override"),
        ("Failed", 194, "after a reboot"),
        ("Failed", 1, "exit code 1: “disk full”"),
        ("Failed", -1, "it failed: “disk full”"),
        ("Execution Timed Out", -1, "longer than the document allows"),
        ("DeliveryTimedOut", -1, "is its agent running"),
        ("Undeliverable", None, "does not answer"),
        ("Access Denied", None, "may not run commands"),
    ],
)
def test_each_way_to_fail_has_its_words(detail: str, code: int | None, said: str) -> None:
    assert said in reason(Invocation("i-1", "Failed", detail, code, "a\ndisk full\n\n"))


@pytest.mark.parametrize(
    "output",
    [
        "E: Could not get lock\nfailed to run commands: exit status 100",
        "E: Could not get lock\r\n\r\nfailed to run commands: exit status 100\n",
        "E: Could not get lock\n---Output truncated---\nexit status 1",
    ],
)
def test_the_last_words_are_the_nodes_own_and_not_those_of_the_agent(output: str) -> None:
    told = reason(Invocation("i-1", "Failed", "Failed", 100, output))
    assert told == "it failed with exit code 100: “E: Could not get lock”"


def test_where_only_the_agent_said_something_the_exit_code_stands_alone() -> None:
    only = "failed to run commands: exit status 100"
    assert (
        reason(Invocation("i-1", "Failed", "Failed", 100, only)) == "it failed with exit code 100"
    )


@pytest.mark.parametrize("detail", ["Success", "Pending", "In Progress", "Delayed"])
def test_what_did_not_fail_has_no_reason(detail: str) -> None:
    assert reason(Invocation("i-1", detail, detail, 0, "noise")) == ""


@given(st.text())
def test_a_word_nobody_knows_is_never_a_success(word: str) -> None:
    known = word.replace(" ", "").casefold()
    if known != "success":
        assert outcome(word) is not NodeOutcome.SUCCESS
    if known not in {"failed", "cancelled", "terminated", "undeliverable", "accessdenied"}:
        assert (
            outcome(word) not in SETTLED
            or "timedout" in known
            or known in {"success", "invalidplatform"}
        )
