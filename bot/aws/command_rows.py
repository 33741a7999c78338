"""From the rows of ListCommands and ListCommandInvocations to the domain's types. Rows are untrusted, none raises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.aws.rows import text
from bot.core.commands import Invocation, SentCommand
from bot.core.events import PATCH_DOCUMENTS

Row = Mapping[str, Any]

GONE_BY = frozenset(
    {"Success", "Cancelled", "TimedOut", "Failed"}
)  # statuses that never change again
_SKIPPED = "Step execution skipped"


def sent_command(row: Row) -> SentCommand:
    """A row of ListCommands."""
    return SentCommand(
        command_id=text(row.get("CommandId")),
        document_name=_document(row),
        comment=text(row.get("Comment")),
        snapshot_id=_parameter(row, "SnapshotId"),
        operation=_parameter(row, "Operation"),
        instance_ids=tuple(text(each) for each in row.get("InstanceIds") or []),
        requested_at=row.get("RequestedDateTime"),
        status=text(row.get("Status")),
        status_details=text(row.get("StatusDetails")),
        expires_after=row.get("ExpiresAfter"),
    )


def invocation(row: Row) -> Invocation:
    """A row of ListCommandInvocations with its details."""
    step = _step(row.get("CommandPlugins") or [])
    code = step.get("ResponseCode")
    return Invocation(
        instance_id=text(row.get("InstanceId")),
        status=text(row.get("Status")),
        status_details=text(row.get("StatusDetails")),
        # -1 stands there until the step has ended.
        response_code=code if isinstance(code, int) and code >= 0 else None,
        output=text(step.get("Output")).strip(),
        requested_at=row.get("RequestedDateTime"),
    )


def is_patching(row: Row) -> bool:
    """Whether a row of ListCommands is a patch operation."""
    patches = _parameter(row, "Operation") in {"Scan", "Install"}
    return patches or _document(row) in PATCH_DOCUMENTS


def _step(steps: Sequence[Row]) -> Row:
    """The step that tells: one that failed, else one that was for this platform."""
    for step in steps:
        if text(step.get("Status")) in {"Failed", "TimedOut"}:
            return step
    for step in steps:
        if not text(step.get("Output")).startswith(_SKIPPED):
            return step
    return {}


def _document(row: Row) -> str:
    return text(row.get("DocumentName")).rsplit("/", 1)[-1]


def _parameter(row: Row, name: str) -> str:
    values = (row.get("Parameters") or {}).get(name) or [""]
    return text(values[0]) if isinstance(values, list) else text(values)
