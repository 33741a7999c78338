"""Why a node is as it is and what to do next: one case per state, and the traps of AWS's own words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.core.explain import AFTER_INSTALL, next_steps, why
from bot.core.figures import Judged
from bot.core.judgement import judge
from bot.core.nodes import Baseline, ManagedNode, Observation, PatchState

NOW = datetime(2026, 11, 23, 14, 5, tzinfo=UTC)
WEEK = timedelta(days=7)
NODE = ManagedNode("i-0abc", "111122223333", "eu-central-1", name="web", ping_status="Online")
SCAN = PatchState("i-0abc", operation="Scan", operation_end_time=NOW - timedelta(hours=3))
INSTALL = replace(SCAN, operation="Install")


def judged(
    state: PatchState | None, *, node: ManagedNode = NODE, unread: str = "", counts: bool = False
) -> Judged:
    seen = Observation(node, state, unread, counts)
    return Judged(seen, judge(seen, NOW, WEEK))


def told(one: Judged, baseline: Baseline | None = None) -> str:
    return " ".join(why(one, NOW, stale_after=WEEK, baseline=baseline))


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (judged(replace(SCAN, missing=3)), "3 patches missing"),
        (judged(replace(SCAN, missing=1)), "1 patch missing"),
        (judged(replace(INSTALL, failed=1)), "1 patch failed in the last Install, 3 hours ago."),
        (judged(replace(SCAN, failed=2)), "2 patches failed when installed, and the last Scan still says so."),
        (judged(replace(SCAN, installed_rejected=2)), "2 patches installed that the baseline rejects."),
        (judged(replace(SCAN, installed_pending_reboot=4)), "4 patches installed that only work after a reboot."),
        (
            judged(replace(SCAN, installed_pending_reboot=4, last_no_reboot_install=NOW - timedelta(days=2))),
            "installed with NoReboot 2 days ago.",
        ),
        (
            judged(replace(SCAN, available_security_updates=5), counts=True),
            "5 security updates available but not approved; the baseline counts them as non-compliant.",
        ),
        (judged(SCAN), "Nothing missing, failed, rejected or waiting for a reboot after the last Scan, 3 hours ago."),
        (
            judged(replace(SCAN, available_security_updates=5)),
            "5 security updates available that the baseline neither approves nor counts against it.",
        ),
        (judged(None), "AWS has no patch state of it"),
        (
            judged(replace(SCAN, missing=41, operation_end_time=NOW - timedelta(days=12))),
            "Its last Scan ended 12 days ago: older than 7 days is not trusted here."
            " The last that is known, from 12 days ago: 41 missing.",
        ),
        (judged(replace(SCAN, operation_end_time=None)), "Its last operation has no valid date"),
        (
            judged(SCAN, unread="Throttled."),
            "Its patch state could not be read: Throttled."
            " The last that is known, from 3 hours ago: nothing missing or failed.",
        ),
        (judged(SCAN, node=replace(NODE, instance_state="stopped")), "The instance is stopped"),
        (
            judged(SCAN, node=replace(NODE, ping_status="ConnectionLost", last_ping=NOW - timedelta(days=3))),
            "Its connection is lost, last heard of 3 days ago",
        ),
    ],
)  # fmt: skip
def test_every_state_has_its_reason_in_words(one: Judged, expected: str) -> None:
    """Each status and cause is said with its numbers and its age."""
    assert expected in told(one)


def test_an_install_is_never_taken_for_a_proof() -> None:
    """After an Install the counter of missing patches says nothing: the text says so, whatever the status."""
    assert AFTER_INSTALL in told(judged(INSTALL))
    assert AFTER_INSTALL in told(judged(replace(INSTALL, failed=1)))
    assert AFTER_INSTALL not in told(judged(SCAN))
    assert next_steps(judged(INSTALL), "prod") == (
        "To prove it, scan it: `/patch scan prod nodes:i-0abc`",
    )


def test_critical_is_the_baselines_level_and_says_which_baseline() -> None:
    """The level is labelled as the baseline's, with its name and id; the class stays a class."""
    baseline = Baseline("pb-1", name="prod-linux")
    one = judged(
        replace(SCAN, missing=3, critical_non_compliant=2, security_non_compliant=3, baseline_id="pb-1")
    )  # fmt: skip
    assert told(one, baseline).endswith(
        "2 at the level CRITICAL of its baseline (prod-linux, pb-1) and 3 of the class Security."
    )


@pytest.mark.parametrize(
    ("one", "steps"),
    [
        (judged(SCAN), ["Nothing to do."]),
        (judged(None), ["Scan it: `/patch scan prod nodes:i-0abc`", "AWS-RunPatchBaselineAssociation"]),
        (judged(replace(SCAN, operation_end_time=None)), ["Scan it:"]),
        (judged(replace(SCAN, missing=1)), ["`/patch install prod nodes:i-0abc`"]),
        (judged(replace(SCAN, failed=1)), ["See why it failed", "Plan an Install of what is approved"]),
        (judged(replace(SCAN, installed_pending_reboot=1)), ["Reboot it, then scan it"]),
        (judged(replace(SCAN, installed_rejected=1)), ["rejected list: an Install does neither."]),
        (
            judged(replace(SCAN, available_security_updates=1), counts=True),
            ["AvailableSecurityUpdatesComplianceStatus"],
        ),
        (judged(None, unread="AccessDenied"), ["Close the gap first"]),
        (judged(SCAN, node=replace(NODE, instance_state="stopped")), ["terminate it if not"]),
        (
            judged(replace(SCAN, missing=1), node=replace(NODE, ping_status="ConnectionLost")),
            ["Bring it back first", "Plan an Install of what is approved"],
        ),
    ],
)  # fmt: skip
def test_what_to_do_next_is_in_the_order_to_do_it(one: Judged, steps: list[str]) -> None:
    """The steps and nothing else, each with its command where there is one."""
    found = next_steps(one, "prod")
    assert len(found) == len(steps)
    assert all(expected in step for step, expected in zip(found, steps, strict=True))
    assert "send-command" not in str(found)  # it would go around plan, approval and receipt


@pytest.mark.parametrize("region", ["eu-central-1; reboot", "`reboot`", "$(x)", ""])
def test_no_command_to_paste_is_made_of_odd_words(region: str) -> None:
    """A Region or an id that is no plain word never ends up in a shell command."""
    one = judged(replace(SCAN, failed=1), node=replace(NODE, region=region))
    steps = " ".join(next_steps(one, "prod"))
    assert "aws ssm" not in steps
    assert "Run Command, Command history" in steps
