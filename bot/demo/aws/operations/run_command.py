"""Run Command: SendCommand, CancelCommand and DescribeDocument, as strict as AWS."""

from datetime import timedelta
from typing import Any

from moto.moto_api._internal import mock_random

from bot.demo.aws.exceptions import (
    DuplicateInstanceId,
    InvalidCommandId,
    InvalidDocument,
    InvalidParameters,
    NotInValidState,
)
from bot.demo.aws.nodes import ManagedNode, by_tag, find_node, managed_nodes
from bot.demo.aws.run_command import clockwork, documents
from bot.demo.aws.run_command.documents import Document
from bot.demo.aws.run_command.records import Command, Invocation, limit
from bot.demo.aws.run_command.rows import command_row
from bot.demo.aws.state import RegionState

_EXECUTION = timedelta(seconds=3600)


def send_command(region: RegionState, parameters: dict[str, Any]) -> dict[str, Any]:
    """Accept a command for nodes by id or tag. One id that is no live managed node, and all of it is refused."""
    document = documents.find_document(
        region, parameters["DocumentName"], parameters.get("DocumentVersion", "")
    )
    _check_hash(document, parameters)
    given = parameters.get("Parameters") or {}
    document.check(given)
    nodes = _nodes(region, parameters)
    now = region.behaviour.clock()
    timeout = timedelta(seconds=parameters.get("TimeoutSeconds") or 3600)
    command = Command(
        command_id=str(mock_random.uuid4()),
        document=document,
        parameters=given,
        request=parameters,
        requested_at=now,
        visible_at=now + timedelta(seconds=region.behaviour.lag),
        expires_after=now + timeout + _EXECUTION,
        invocations={
            node.id: Invocation(node.id, node.attributes.get("PlatformType", "")) for node in nodes
        },
        max_concurrency=limit(parameters.get("MaxConcurrency") or "50", len(nodes), least=1),
        max_errors=limit(parameters.get("MaxErrors") or "0", len(nodes), least=0),
        operation=document.operation(given),
    )
    # The answer shows the command before anything was done: nothing is counted in it.
    answer = {"Command": command_row(command) | {"TargetCount": 0}}
    clockwork.begin(region, command)
    return answer


def _check_hash(document: Document, parameters: dict[str, Any]) -> None:
    given = parameters.get("DocumentHash")
    kind = parameters.get("DocumentHashType", "Sha256")
    if given and (kind != "Sha256" or given.lower() != document.hash):
        raise InvalidDocument(f"The hash of document {document.name} does not match.")


def _nodes(region: RegionState, parameters: dict[str, Any]) -> list[ManagedNode]:
    ids, targets = parameters.get("InstanceIds") or [], parameters.get("Targets") or []
    if bool(ids) == bool(targets):
        raise InvalidParameters("Exactly one of InstanceIds and Targets must be specified.")
    if targets:
        return _targeted(region, targets)
    if len(set(ids)) < len(ids):
        raise DuplicateInstanceId
    found = {instance_id: find_node(region, instance_id) for instance_id in ids}
    live = [node for node in found.values() if node is not None and node.is_running]
    if len(live) < len(ids):
        known = {node.id for node in live}
        raise NotInValidState([each for each in ids if each not in known], region.account)
    return live


def _targeted(region: RegionState, targets: list[dict[str, Any]]) -> list[ManagedNode]:
    """All that fit every target; nobody is an accepted command without nodes."""
    chosen = [node for node in managed_nodes(region) if node.is_running]
    for target in targets:
        key, values = target.get("Key", ""), target.get("Values", [])
        if key == "InstanceIds":
            chosen = [node for node in chosen if node.id in values]
        elif key.startswith("tag:"):
            fits = by_tag(key.removeprefix("tag:"), values)
            chosen = [node for node in chosen if fits(node)]
        else:
            raise InvalidParameters(f"The target key {key} is not valid.")
    return chosen


def cancel_command(region: RegionState, parameters: dict[str, Any]) -> dict[str, Any]:
    """Stop what has not begun; a command that is over stays as it is."""
    command = region.commands.get(parameters["CommandId"])
    if command is None:
        raise InvalidCommandId
    clockwork.cancel(region, command, parameters.get("InstanceIds") or [])
    return {}


def describe_document(region: RegionState, parameters: dict[str, Any]) -> dict[str, Any]:
    """A document: one of AWS's, or an own one as moto keeps it."""
    name, version = parameters["Name"], parameters.get("DocumentVersion", "")
    if documents.is_owned_by_aws(name):
        return {"Document": documents.describe(region, name, version)}
    documents.find_document(region, name, version)
    wanted = "" if version == "$DEFAULT" else version
    return {
        "Document": region.ssm.describe_document(name, wanted, parameters.get("VersionName", ""))
    }


OPERATIONS = (send_command, cancel_command, describe_document)
