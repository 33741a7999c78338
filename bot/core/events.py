"""Events of EventBridge as typed values: what Systems Manager says has happened, parsed and never trusted.

Sources: "Amazon EventBridge event examples for Systems Manager" and "Reference: EventBridge event patterns and types
for Systems Manager" (Systems Manager User Guide). The detail-type decides what an event is; its source is for the rule
to check (deploy/events.yaml). Delivery is at least once and in no order: every copy of an event has the same `key`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

from bot.core.nodes import NodeKey

COMPLIANCE: Final = "Configuration Compliance State Change"
COMMAND: Final = "EC2 Command Status-change Notification"
INVOCATION: Final = "EC2 Command Invocation Status-change Notification"
WINDOW_EXECUTION: Final = "Maintenance Window Execution State-change Notification"
WINDOW: Final = (
    "Maintenance Window State-change Notification",
    "Maintenance Window Status-change Notification",
)
"""AWS's examples and its reference table disagree on the name."""

PATCH_DOCUMENTS: Final = frozenset(
    {
        "AWS-RunPatchBaseline",
        "AWS-RunPatchBaselineAssociation",
        "AWS-RunPatchBaselineWithHooks",
        "AWS-ApplyPatchBaseline",
    }
)
AHEAD: Final = timedelta(minutes=5)
OLDEST: Final = timedelta(days=15)
"""By so much an event may be ahead of our clock. One from the future would hide everything that comes before it."""

_NODE = re.compile(r"m?i-[0-9a-f]{8,17}")
_ACCOUNT = re.compile(r"[0-9]{12}")
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}")
_COMMAND = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_WINDOW = re.compile(r"mw-[0-9a-f]{17}")
_EXECUTION = re.compile(r"[0-9a-fA-F-]{36}")
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class ComplianceChanged:
    """A node became compliant or non-compliant by its patches. `severity` and `baseline_id` may be empty."""

    account: str
    region: str
    at: datetime
    instance_id: str
    compliant: bool
    severity: str = ""
    baseline_id: str = ""

    @property
    def key(self) -> str:
        word = "compliant" if self.compliant else "non_compliant"
        return f"compliance/{self.account}/{self.region}/{self.instance_id}/{word}/{self.at.isoformat()}"

    @property
    def node(self) -> NodeKey:
        return NodeKey(self.account, self.region, self.instance_id)


@dataclass(frozen=True, slots=True)
class CommandChanged:
    """A command has another status. `status` carries the detailed word; there is neither a comment nor a node in it."""

    account: str
    region: str
    at: datetime
    command_id: str
    document: str
    status: str
    operation: str = ""
    snapshot_id: str = ""
    requested_at: datetime | None = None

    @property
    def key(self) -> str:
        return f"command/{self.account}/{self.region}/{self.command_id}/{self.status}"


@dataclass(frozen=True, slots=True)
class InvocationChanged:
    """What one node makes of a command has another status. Parameters stand only in the event of the command."""

    account: str
    region: str
    at: datetime
    command_id: str
    document: str
    instance_id: str
    status: str
    requested_at: datetime | None = None

    @property
    def key(self) -> str:
        return f"invocation/{self.account}/{self.region}/{self.command_id}/{self.instance_id}/{self.status}"

    @property
    def node(self) -> NodeKey:
        return NodeKey(self.account, self.region, self.instance_id)


@dataclass(frozen=True, slots=True)
class WindowExecutionChanged:
    """One execution of a maintenance window has another status (SUCCESS, FAILED, TIMED_OUT, …)."""

    account: str
    region: str
    at: datetime
    window_id: str
    execution_id: str
    status: str

    @property
    def key(self) -> str:
        return f"window/{self.account}/{self.region}/{self.execution_id}/{self.status}"

    @property
    def failed(self) -> bool:
        return self.status in {"FAILED", "TIMED_OUT"}


@dataclass(frozen=True, slots=True)
class WindowChanged:
    """A maintenance window was enabled or disabled."""

    account: str
    region: str
    at: datetime
    window_id: str
    enabled: bool

    @property
    def key(self) -> str:
        word = "enabled" if self.enabled else "disabled"
        return f"window/{self.account}/{self.region}/{self.window_id}/{word}/{self.at.isoformat()}"


@dataclass(frozen=True, slots=True)
class Ignored:
    """An event that is none of ours: it is done with."""

    reason: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """A message that cannot be read: it is left to the dead-letter queue, where somebody can look at it."""

    reason: str


Event: TypeAlias = (
    ComplianceChanged | CommandChanged | InvocationChanged | WindowExecutionChanged | WindowChanged
)


def parse(body: str, now: datetime) -> Event | Ignored | Malformed:
    """The event in the body of a message. Never raises, whatever the body is."""
    try:
        envelope = json.loads(body)
        kind = envelope["detail-type"]
        reader = READERS.get(kind)
        if reader is None:
            return Ignored(f"events of the type {str(kind)[:_LONGEST]!r} are not looked at")
        around = _Around(
            account=_checked(envelope["account"], _ACCOUNT, "account"),
            region=_checked(envelope["region"], _REGION, "region"),
            at=_moment(envelope["time"]),
        )
        if around.at > now + AHEAD:
            return Malformed("its time is in the future")
        if now - around.at > OLDEST:
            return Ignored("it is older than a queue keeps messages")
        return reader(around, _table(envelope["detail"]))
    except KeyError as missing:
        return Malformed(f"{str(missing)[:_LONGEST]} is missing")
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        return Malformed(f"{type(error).__name__}: {error}"[:_LONGEST])


@dataclass(frozen=True, slots=True)
class _Around:
    """What every envelope says."""

    account: str
    region: str
    at: datetime


_Detail: TypeAlias = Mapping[str, Any]


def _compliance(around: _Around, detail: _Detail) -> Event | Ignored:
    if _text(detail, "compliance-type") != "Patch":
        return Ignored("the compliance of something else than patches")
    if _text(detail, "resource-type", "managed-instance").casefold() not in {
        "managed-instance",
        "managedinstance",
    }:
        return Ignored("the compliance of something else than a node")
    word = _needed(detail, "compliance-status").casefold().replace("-", "_")
    if word not in {"compliant", "non_compliant"}:
        raise ValueError(f"{word!r} is no compliance status")
    return ComplianceChanged(
        around.account,
        around.region,
        around.at,
        _checked(detail["resource-id"], _NODE, "resource-id"),
        word == "compliant",
        severity=_text(detail, "severity"),
        baseline_id=_text(detail, "patch-baseline-id"),
    )


def _command(around: _Around, detail: _Detail) -> Event:
    given = detail.get("parameters")
    # An object in AWS's example of the event, a text with JSON in it in AWS's own sample code.
    parameters = _table(json.loads(given) if isinstance(given, str) and given else given or {})
    return CommandChanged(
        around.account,
        around.region,
        around.at,
        _checked(detail["command-id"], _COMMAND, "command-id"),
        _document(detail),
        _needed(detail, "status"),
        operation=_first(parameters, "Operation"),
        snapshot_id=_first(parameters, "SnapshotId"),
        requested_at=_requested(detail),
    )


def _invocation(around: _Around, detail: _Detail) -> Event:
    return InvocationChanged(
        around.account,
        around.region,
        around.at,
        _checked(detail["command-id"], _COMMAND, "command-id"),
        _document(detail),
        _checked(detail["instance-id"], _NODE, "instance-id"),
        _needed(detail, "status"),
        requested_at=_requested(detail),
    )


def _window_execution(around: _Around, detail: _Detail) -> Event:
    return WindowExecutionChanged(
        around.account,
        around.region,
        around.at,
        _checked(detail["window-id"], _WINDOW, "window-id"),
        _checked(detail["window-execution-id"], _EXECUTION, "window-execution-id"),
        _needed(detail, "status").upper(),
    )


def _window(around: _Around, detail: _Detail) -> Event:
    window, word = _checked(detail["window-id"], _WINDOW, "window-id"), _needed(detail, "status")
    if word.upper() not in {"ENABLED", "DISABLED"}:
        raise ValueError(f"{word!r} is no status of a window")
    return WindowChanged(
        around.account, around.region, around.at, window, word.upper() == "ENABLED"
    )


READERS: Final[Mapping[str, Callable[[_Around, _Detail], Event | Ignored]]] = {
    COMPLIANCE: _compliance,
    COMMAND: _command,
    INVOCATION: _invocation,
    WINDOW_EXECUTION: _window_execution,
    **dict.fromkeys(WINDOW, _window),
}
"""Every detail-type that is understood, with what reads it."""


def _table(value: Any) -> _Detail:
    if not isinstance(value, dict):
        raise TypeError("a table was expected")
    return value


def _checked(value: Any, pattern: re.Pattern[str], name: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError(f"{name} is not what it should be: {str(value)[:80]!r}")
    return value


def _text(detail: _Detail, name: str, default: str = "") -> str:
    value = detail.get(name)
    return value.strip()[:_LONGEST] if isinstance(value, str) else default


def _needed(detail: _Detail, name: str) -> str:
    value = _text(detail, name)
    if not value:
        raise KeyError(name)
    return value


def _document(detail: _Detail) -> str:
    """The name, which shared documents have at the end of an ARN."""
    return _text(detail, "document-name").rsplit("/", 1)[-1]


def _first(parameters: _Detail, name: str) -> str:
    """Values are lists; a bare text is understood, too."""
    value = parameters.get(name)
    if isinstance(value, list):
        value = value[0] if value else ""
    return value[:_LONGEST] if isinstance(value, str) else ""


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(str(value))
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _requested(detail: _Detail) -> datetime | None:
    try:
        return _moment(detail["requested-date-time"])
    except (KeyError, ValueError, OverflowError):
        return None
