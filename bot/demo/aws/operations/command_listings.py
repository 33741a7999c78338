"""What became of commands: ListCommands, ListCommandInvocations, GetCommandInvocation.

A command is listed only some time after it was accepted: the reads are eventually consistent.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from bot.demo.aws.exceptions import (
    InvalidCommandId,
    InvalidFilterKey,
    InvalidPluginName,
    InvocationDoesNotExist,
    ValidationError,
)
from bot.demo.aws.pages import Pager, answer
from bot.demo.aws.run_command.records import Command, Invocation
from bot.demo.aws.run_command.rows import command_row, invocation_row, plugins
from bot.demo.aws.state import RegionState

_STAGES = {"Executing": False, "Complete": True}
_LATEST = 10**17
_DEFAULT_PAGE = 50

Fits = Callable[[Command, Invocation | None], bool]


def list_commands(region: RegionState, parameters: dict[str, Any]) -> dict[str, Any]:
    """Commands of the last 30 days, the latest first."""
    pager = Pager("ListCommands", parameters, secret=region.secret, default_size=_DEFAULT_PAGE)
    filters = [_filter(each) for each in parameters.get("Filters", [])]
    wanted = parameters.get("InstanceId")
    rows, token = pager.cut(
        (_key(command), command_row(command))
        for command in _visible(region, parameters)
        if (not wanted or wanted in command.invocations)
        and all(fits(command, None) for fits in filters)
    )
    return answer("Commands", rows, token)


def list_command_invocations(region: RegionState, parameters: dict[str, Any]) -> dict[str, Any]:
    """Commands node by node, with what each step said when Details are asked for."""
    pager = Pager(
        "ListCommandInvocations", parameters, secret=region.secret, default_size=_DEFAULT_PAGE
    )
    if any(each["key"] == "ExecutionStage" for each in parameters.get("Filters", [])):
        raise InvalidFilterKey("ExecutionStage is no filter of ListCommandInvocations.")
    filters = [_filter(each) for each in parameters.get("Filters", [])]
    wanted, details = parameters.get("InstanceId"), bool(parameters.get("Details"))
    rows, token = pager.cut(
        (f"{_key(command)}/{each.instance_id}", invocation_row(command, each, details=details))
        for command in _visible(region, parameters)
        for each in sorted(command.invocations.values(), key=lambda one: one.instance_id)
        if wanted in (None, each.instance_id) and all(fits(command, each) for fits in filters)
    )
    return answer("CommandInvocations", rows, token)


def get_command_invocation(region: RegionState, parameters: dict[str, Any]) -> dict[str, Any]:
    """One node of a command, with the output of one step."""
    found = list(_visible(region, {"CommandId": parameters["CommandId"]}))
    invocation = found[0].invocations.get(parameters["InstanceId"]) if found else None
    if invocation is None:
        raise InvocationDoesNotExist
    steps = {step["Name"]: step for step in plugins(found[0], invocation)}
    name = parameters.get("PluginName") or (next(iter(steps)) if len(steps) == 1 else "")
    if name not in steps:
        raise InvalidPluginName
    step = steps[name]
    row = invocation_row(found[0], invocation, details=False)
    for member in ("CommandPlugins", "RequestedDateTime", "InstanceName"):
        del row[member]
    return row | {
        "PluginName": name,
        "ResponseCode": step["ResponseCode"],
        "ExecutionStartDateTime": _iso(step.get("ResponseStartDateTime")),
        "ExecutionEndDateTime": _iso(step.get("ResponseFinishDateTime")),
        "StandardOutputContent": step["Output"],
        "StandardErrorContent": "",
    }


def _visible(region: RegionState, parameters: dict[str, Any]) -> Iterator[Command]:
    now, wanted = region.behaviour.clock(), parameters.get("CommandId")
    if wanted and wanted not in region.commands:
        raise InvalidCommandId
    with region.lock:
        everything = sorted(region.commands.values(), key=_key)
    for command in everything:
        if command.visible_at <= now and wanted in (None, command.command_id):
            yield command


def _key(command: Command) -> str:
    """Orders the latest first."""
    microseconds = int(command.requested_at.timestamp() * 1_000_000)
    return f"{_LATEST - microseconds:018d}{command.command_id}"


def _filter(given: dict[str, str]) -> Fits:
    key, value = given["key"], given["value"]
    if key in ("InvokedAfter", "InvokedBefore"):
        moment = _moment(value)
        if key == "InvokedAfter":
            return lambda command, _: command.requested_at >= moment
        return lambda command, _: command.requested_at < moment
    if key == "DocumentName":
        return lambda command, _: command.document.name == value.rsplit("/", 1)[-1]
    if key == "ExecutionStage":
        if value not in _STAGES:
            raise InvalidFilterKey(f"{value} is no execution stage.")
        return lambda command, _: command.is_over is _STAGES[value]
    return lambda command, each: (
        value
        in ((command.status, command.details) if each is None else (each.status, each.details))
    )


def _moment(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise ValidationError(f"{text} is no time such as 2026-07-07T00:00:00Z.") from error


def _iso(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z" if moment else ""


OPERATIONS = (list_commands, list_command_invocations, get_command_invocation)
