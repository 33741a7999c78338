"""Envelopes of EventBridge as AWS's documents show them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ACCOUNT, REGION = "111122223333", "eu-central-1"
NODE = "i-0123456789abcdef0"
COMMAND = "12345678-1234-4234-8234-123456789abc"
WINDOW, EXECUTION = "mw-0123456789abcdef0", "87654321-1234-4234-8234-123456789abc"


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def envelope(kind: str, detail: Any, *, at: datetime = NOW, **more: Any) -> str:
    """The body of a message."""
    whole = {
        "version": "0",
        "id": "01234567-0123-0123-0123-012345678901",
        "detail-type": kind,
        "source": "aws.ssm",
        "account": ACCOUNT,
        "time": stamp(at),
        "region": REGION,
        "resources": [],
        "detail": detail,
    }
    return json.dumps(whole | more)


def compliance(
    node: str = NODE,
    *,
    compliant: bool = False,
    at: datetime = NOW,
    more: Mapping[str, Any] | None = None,
) -> str:
    detail = {
        "resource-type": "managed-instance",
        "resource-id": node,
        "compliance-status": "compliant" if compliant else "non_compliant",
        "compliance-type": "Patch",
        "patch-baseline-id": "pb-0123456789abcdef0",
        "severity": "Critical",
    }
    return envelope("Configuration Compliance State Change", detail | dict(more or {}), at=at)


def command(
    command_id: str = COMMAND,
    *,
    operation: str = "Install",
    status: str = "Success",
    at: datetime = NOW,
    document: str = "AWS-RunPatchBaseline",
    snapshot: str = "",
    as_text: bool = False,
    **more: Any,
) -> str:
    parameters: dict[str, Any] = {"Operation": [operation], "RebootOption": ["NoReboot"]}
    if snapshot:
        parameters["SnapshotId"] = [snapshot]
    detail = {
        "command-id": command_id,
        "document-name": document,
        "expire-after": stamp(at),
        "parameters": json.dumps(parameters) if as_text else parameters,
        "requested-date-time": stamp(at),
        "status": status,
    }
    return envelope("EC2 Command Status-change Notification", detail | more, at=at)


def invocation(
    node: str = NODE,
    *,
    command_id: str = COMMAND,
    status: str = "Success",
    at: datetime = NOW,
    **more: Any,
) -> str:
    detail = {
        "command-id": command_id,
        "document-name": "AWS-RunPatchBaseline",
        "instance-id": node,
        "requested-date-time": stamp(at),
        "status": status,
    }
    return envelope("EC2 Command Invocation Status-change Notification", detail | more, at=at)


def window(
    *, status: str = "FAILED", at: datetime = NOW, more: Mapping[str, Any] | None = None
) -> str:
    detail = {
        "start-time": stamp(at),
        "end-time": stamp(at),
        "window-id": WINDOW,
        "window-execution-id": EXECUTION,
        "status": status,
    }
    kind = "Maintenance Window Execution State-change Notification"
    return envelope(kind, detail | dict(more or {}), at=at)
