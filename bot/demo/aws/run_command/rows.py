"""Commands and invocations as the listings show them."""

from collections.abc import Iterator
from typing import Any

from bot.demo.aws.run_command.documents import Step
from bot.demo.aws.run_command.records import STATUS, Command, Invocation

_COPIED = ("Comment", "OutputS3BucketName", "OutputS3KeyPrefix", "TimeoutSeconds", "Targets")
_UNBEGUN = ("Undeliverable", "DeliveryTimedOut", "AccessDenied", "Terminated", "Cancelled")


def command_row(command: Command) -> dict[str, Any]:
    """A row of ListCommands."""
    request = command.request
    row: dict[str, Any] = {
        "CommandId": command.command_id,
        "DocumentName": command.document.name,
        "DocumentVersion": request.get("DocumentVersion", "$DEFAULT"),
        "Comment": "",
        "ExpiresAfter": command.expires_after,
        "Parameters": dict(command.parameters),
        "InstanceIds": list(request.get("InstanceIds") or []),
        "Targets": [],
        "RequestedDateTime": command.requested_at,
        "Status": command.status,
        "StatusDetails": command.details,
        "MaxConcurrency": request.get("MaxConcurrency", "50"),
        "MaxErrors": request.get("MaxErrors", "0"),
        "TargetCount": len(command.invocations),
        "CompletedCount": sum(each.is_over for each in command.invocations.values()),
        "ErrorCount": command.errors,
        "DeliveryTimedOutCount": command.count("DeliveryTimedOut"),
    }
    return row | {name: request[name] for name in _COPIED if request.get(name)}


def invocation_row(command: Command, invocation: Invocation, *, details: bool) -> dict[str, Any]:
    """A row of ListCommandInvocations."""
    row: dict[str, Any] = {
        "CommandId": command.command_id,
        "InstanceId": invocation.instance_id,
        "InstanceName": "",
        "Comment": command.request.get("Comment", ""),
        "DocumentName": command.document.name,
        "DocumentVersion": command.request.get("DocumentVersion", "$DEFAULT"),
        "RequestedDateTime": command.requested_at,
        "Status": invocation.status,
        "StatusDetails": invocation.details,
        "StandardOutputUrl": "",
        "StandardErrorUrl": "",
        "CommandPlugins": list(plugins(command, invocation)) if details else [],
    }
    return row


def plugins(command: Command, invocation: Invocation) -> Iterator[dict[str, Any]]:
    """Every step of the document; those for other platforms say that they were skipped."""
    for step in command.document.steps:
        foreign = step.platform not in ("", invocation.platform)
        row = _skipped(step, invocation) if foreign else _own(step, invocation)
        if invocation.started is not None:
            row["ResponseStartDateTime"] = invocation.started
        if invocation.finished is not None:
            row["ResponseFinishDateTime"] = invocation.finished
        yield row


def _skipped(step: Step, invocation: Invocation) -> dict[str, Any]:
    if invocation.started is None:
        return _own(step, invocation)
    output = (
        "Step execution skipped due to unsatisfied preconditions: "
        f"'\"StringEquals\": [platformType, {step.platform}]'. Step name: {step.name}"
    )
    return {
        "Name": step.name,
        "Status": "Success",
        "StatusDetails": "Success",
        "ResponseCode": 0,
        "Output": output,
    }


def _own(step: Step, invocation: Invocation) -> dict[str, Any]:
    begun = invocation.started is not None or invocation.details not in _UNBEGUN
    details = invocation.details if begun else "Pending"
    return {
        "Name": step.name,
        "Status": STATUS[details],
        "StatusDetails": details,
        "ResponseCode": invocation.response_code,
        "Output": invocation.output,
    }
