"""Every kind of event is read, every trap in AWS's documents is stepped over, and nothing that comes raises."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.events import (
    READERS,
    CommandChanged,
    ComplianceChanged,
    Ignored,
    InvocationChanged,
    Malformed,
    WindowChanged,
    WindowExecutionChanged,
    parse,
)
from tests.core import envelopes
from tests.core.envelopes import ACCOUNT, COMMAND, EXECUTION, NODE, NOW, REGION, WINDOW

AT = (ACCOUNT, REGION, NOW)
SNAPSHOT = "aaaaaaaa-1234-4234-8234-123456789abc"


def test_a_node_that_became_non_compliant() -> None:
    assert parse(envelopes.compliance(), NOW) == ComplianceChanged(
        *AT, NODE, False, severity="Critical", baseline_id="pb-0123456789abcdef0"
    )
    hybrid = parse(envelopes.compliance("mi-0123456789abcdef0", compliant=True), NOW)
    assert isinstance(hybrid, ComplianceChanged)
    assert hybrid.compliant


@pytest.mark.parametrize("as_text", [False, True])
def test_parameters_come_as_an_object_and_as_text(as_text: bool) -> None:
    """AWS's example shows an object, AWS's own code parses a text; values are lists in both."""
    body = envelopes.command(snapshot=SNAPSHOT, as_text=as_text)
    assert parse(body, NOW) == CommandChanged(
        *AT,
        COMMAND,
        "AWS-RunPatchBaseline",
        "Success",
        operation="Install",
        snapshot_id=SNAPSHOT,
        requested_at=NOW,
    )


@pytest.mark.parametrize("parameters", [None, "", {}, "{}", {"Operation": []}])
def test_a_command_without_parameters_has_no_operation(parameters: Any) -> None:
    found = parse(envelopes.command(parameters=parameters), NOW)
    assert isinstance(found, CommandChanged)
    assert found.operation == ""


def test_what_a_node_makes_of_a_command() -> None:
    assert parse(envelopes.invocation(status="InProgress"), NOW) == InvocationChanged(
        *AT, COMMAND, "AWS-RunPatchBaseline", NODE, "InProgress", requested_at=NOW
    )


def test_a_document_by_its_arn_goes_by_its_name() -> None:
    shared = "arn:aws:ssm:eu-central-1:999999999999:document/AWS-RunPatchBaseline"
    found = parse(envelopes.command(document=shared), NOW)
    assert isinstance(found, CommandChanged)
    assert found.document == "AWS-RunPatchBaseline"


@pytest.mark.parametrize(
    ("status", "failed"), [("FAILED", True), ("timed_out", True), ("SUCCESS", False)]
)
def test_an_execution_of_a_window(status: str, failed: bool) -> None:
    found = parse(envelopes.window(status=status), NOW)
    assert found == WindowExecutionChanged(*AT, WINDOW, EXECUTION, status.upper())
    assert found.failed is failed


@pytest.mark.parametrize("word", ["State", "Status"])
def test_a_window_is_switched_under_both_names(word: str) -> None:
    """AWS's two pages disagree on the name of this event."""
    kind = f"Maintenance Window {word}-change Notification"
    detail = {"window-id": WINDOW, "status": "DISABLED"}
    assert parse(envelopes.envelope(kind, detail), NOW) == WindowChanged(*AT, WINDOW, False)


def test_the_detail_type_decides_and_not_the_source() -> None:
    """The example of a compliant node in AWS's documents has a broken source."""
    body = envelopes.envelope(
        "Configuration Compliance State Change",
        json.loads(envelopes.compliance())["detail"],
        source="aws.ssmm",
    )
    assert isinstance(parse(body, NOW), ComplianceChanged)


@pytest.mark.parametrize(
    "body",
    [
        envelopes.envelope("EC2 Instance State-change Notification", {}),
        envelopes.compliance(more={"compliance-type": "Association"}),
        envelopes.compliance(more={"resource-type": "bucket"}),
    ],
)
def test_what_is_none_of_ours_is_ignored(body: str) -> None:
    assert isinstance(parse(body, NOW), Ignored)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "null",
        "[]",
        '"text"',
        "{",
        "{}",
        "[" * 100_000,
        envelopes.envelope("EC2 Command Status-change Notification", None),
        envelopes.envelope("EC2 Command Status-change Notification", []),
        envelopes.compliance("not a node"),
        envelopes.compliance("i-0123456789abcdef0\n"),
        envelopes.compliance(more={"compliance-status": "maybe"}),
        envelopes.command("; rm -rf /"),
        envelopes.command(parameters="not json"),
        envelopes.command(parameters=["a", "list"]),
        envelopes.command(status=""),
        envelopes.window(more={"window-id": 7}),
        envelopes.compliance(at=NOW + timedelta(minutes=6)),
        json.dumps(json.loads(envelopes.compliance()) | {"account": 111122223333}),
        json.dumps(json.loads(envelopes.compliance()) | {"time": "yesterday"}),
        json.dumps(json.loads(envelopes.compliance()) | {"region": "../etc"}),
        json.dumps({"detail-type": ["EC2 Command Status-change Notification"]}),
    ],
)
def test_what_cannot_be_read_is_malformed_and_says_why(body: str) -> None:
    found = parse(body, NOW)
    assert isinstance(found, Malformed)
    assert found.reason


MEMBERS = (
    *("command-id", "parameters", "status", "instance-id", "resource-id", "window-id"),
    *("compliance-status", "compliance-type"),
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=20), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    kind=st.sampled_from(sorted(READERS)) | _JSON,
    detail=_JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(MEMBERS, _JSON)),
    time=_JSON | st.just("2026-11-23T12:00:00Z"),
)
def test_nothing_raises(kind: Any, detail: Any, time: Any) -> None:
    body = envelopes.envelope("", detail, **{"detail-type": kind, "time": time})
    parse(body, NOW)


@given(st.text(max_size=200))
def test_no_text_raises(body: str) -> None:
    parse(body, NOW)


def test_copies_have_one_key_and_different_events_have_not() -> None:
    bodies = [
        envelopes.compliance(),
        envelopes.compliance(compliant=True),
        envelopes.compliance(at=NOW - timedelta(seconds=1)),
        envelopes.command(),
        envelopes.command(status="Failed"),
        envelopes.invocation(),
        envelopes.invocation(status="Failed"),
        envelopes.window(),
        envelopes.window(status="SUCCESS"),
    ]
    events = [parse(body, NOW) for body in bodies]
    keys = {event.key for event in events if not isinstance(event, Ignored | Malformed)}
    assert len(keys) == len(bodies)
    # The id of a copy may be another one.
    again = parse(envelopes.compliance().replace("012345678901", "999999999999"), NOW)
    assert isinstance(again, ComplianceChanged)
    assert again.key in keys
