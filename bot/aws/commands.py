"""The command gateway on AWS: sends once, and reads what became of commands, paced like every other reading."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bot.aws import rows
from bot.aws.calls import Call, Steps
from bot.aws.checks import RightCheck, check_rights
from bot.aws.clients import timestamp
from bot.aws.command_rows import GONE_BY, invocation, is_patching, sent_command
from bot.aws.enumeration import enumerate_nodes
from bot.aws.gateway import AwsGateway
from bot.aws.pages import pages
from bot.aws.rights import Right
from bot.aws.run_rights import FOLLOWING
from bot.aws.sending import HASH_TYPE, Sender, installer
from bot.core.commands import Invocation, Order, SentCommand
from bot.core.environments import Target
from bot.core.errors import AccessDenied, AwsError, Throttled, Unreachable
from bot.core.nodes import ManagedNode
from bot.core.plans import Document
from bot.core.ports import Clock

PAGE = 50
IDS_IN_A_FILTER = 40  # of DescribeInstanceProperties
UNKNOWN_ID = "InvalidInstanceId"
UNKNOWN_COMMAND = "InvalidCommandId"
INSTALLER = Right("sts:GetCallerIdentity", "Says whether the role for installs can be assumed.")


class AwsCommands:
    """`bot.core.ports.CommandGateway` over botocore. Safe to use from several threads.

    It reads with the role for reading; only `send` and `cancel` use the one for installs.
    """

    def __init__(
        self,
        gateway: AwsGateway,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        clock: Clock | None = None,
    ) -> None:
        self._gateway = gateway
        self._sender = Sender(monotonic, clock)

    def send(
        self,
        target: Target,
        order: Order,
        *,
        not_after: float = math.inf,
        between: tuple[datetime, datetime] | None = None,
    ) -> str:
        """Send once and return the command id; see the port. Raises NotSent or OutcomeUnknown."""
        return self._sender.send(target, order, not_after=not_after, between=between)

    def cancel(self, target: Target, command_id: str) -> None:
        """Ask AWS to stop it; nodes already at work finish. May be repeated. Raises AwsError.

        IAM cannot fence CancelCommand to our own commands: only ids of our own sends may come here.
        """
        with self._gateway.round(installer(target)) as around:
            around.run(_one(Call("ssm", "CancelCommand", {"CommandId": command_id})))

    def document(self, target: Target, name: str) -> Document:
        """The document's default version and its hash. Raises AwsError."""
        call = Call("ssm", "DescribeDocument", {"Name": name, "DocumentVersion": "$DEFAULT"})
        with self._gateway.round(target) as around:
            found: Mapping[str, Any] = around.run(_one(call)).get("Document") or {}
        version, digest = rows.text(found.get("DocumentVersion")), rows.text(found.get("Hash"))
        if not version or not digest or found.get("HashType") != HASH_TYPE:
            raise AwsError(
                f"AWS gave no {HASH_TYPE} hash of the document {name} in {target.region}.",
                code="NoHash",
                operation="ssm:DescribeDocument",
                hint="Save the document once more: new versions have one.",
            )
        return Document(name, version, digest)

    def find(self, target: Target, *, since: datetime) -> tuple[SentCommand, ...]:
        """The commands requested after `since`, all pages. Raises AwsError."""
        after = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        with self._gateway.round(target) as around:
            found = around.run(_commands({"key": "InvokedAfter", "value": after}))
        return tuple(sent_command(row) for row in found)

    def invocations(self, target: Target, command_id: str) -> tuple[Invocation, ...]:
        """What each node has made of it so far; empty while AWS does not list it. Raises AwsError."""
        with self._gateway.round(target) as around:
            return around.run(_invocations(command_id))

    def at_work(self, target: Target) -> Mapping[str, str]:
        """Instance id → command id of patch operations under way, whoever sent them. Raises AwsError.

        One call where nothing runs. Commands of the patch documents count, and those of any other document that take
        an Operation: an own wrapper around AWS-RunPatchBaseline.
        """
        with self._gateway.round(target) as around:
            running = around.run(_commands({"key": "ExecutionStage", "value": "Executing"}))
            asked = {
                command_id: around.start(_invocations(command_id))
                for command_id in (
                    rows.text(row.get("CommandId")) for row in running if is_patching(row)
                )
            }
            return {
                one.instance_id: command_id
                for command_id, future in asked.items()
                for one in around.wait(future)
                if one.status not in GONE_BY
            }

    def nodes_now(self, target: Target, instance_ids: Sequence[str]) -> tuple[ManagedNode, ...]:
        """Those of the nodes that exist, with their connection as of now. Raises AwsError."""
        wanted = list(dict.fromkeys(instance_ids))
        with self._gateway.round(target) as around:
            chunks = [
                around.start(_properties(wanted[start : start + IDS_IN_A_FILTER]))
                for start in range(0, len(wanted), IDS_IN_A_FILTER)
            ]
            try:
                found = [row for future in chunks for row in around.wait(future)]
            except (Throttled, Unreachable):
                raise
            except AwsError as refusal:
                # One id that is gone fails the whole call, and the call may not be allowed: then everybody is listed.
                if refusal.code != UNKNOWN_ID and not isinstance(refusal, AccessDenied):
                    raise
                found = around.run(_everybody())
            account = self._gateway.account_of(around)
        known = {rows.text(row.get("InstanceId")): row for row in found if not rows.gone(row)}
        return tuple(
            rows.node(known[key], account=account, region=target.region, name="", owner="")
            for key in wanted
            if key in known
        )

    def next_window(self, target: Target) -> tuple[str, datetime] | None:
        """Name and start of the next enabled maintenance window there. Raises AwsError."""
        filters = [{"Key": "Enabled", "Values": ["true"]}]
        call = Call("ssm", "DescribeMaintenanceWindows", {"Filters": filters, "MaxResults": PAGE})
        with self._gateway.round(target) as around:
            found = around.run(_all(call, "WindowIdentities"))
        # Written as 2026-02-19T16:00Z, sometimes with the zone's name behind it: …[Europe/Berlin].
        starts = [
            (moment, rows.text(row.get("Name")))
            for row in found
            if (moment := timestamp(rows.text(row.get("NextExecutionTime")).partition("[")[0]))
        ]
        return (first[1], first[0]) if (first := min(starts, default=None)) else None

    def check(self, target: Target) -> tuple[RightCheck, ...]:
        """Whether runs can be followed in `target`, and whether the role for installs can be assumed.

        SendCommand and CancelCommand are not tried: AWS has no dry run of them.
        """
        with self._gateway.round(target) as around:
            found = check_rights(around, FOLLOWING)
        if not target.account.install_role:
            return found
        with self._gateway.round(installer(target)) as around:
            (assumed,) = check_rights(around, (INSTALLER,))
        return (*found, assumed)


def _one(call: Call) -> Steps[Mapping[str, Any]]:
    return (yield call)


def _all(call: Call, members: str) -> Steps[list[Mapping[str, Any]]]:
    found: list[Mapping[str, Any]] = []
    yield from pages(call, members, found.extend)
    return found


def _commands(condition: Mapping[str, str]) -> Steps[list[Mapping[str, Any]]]:
    """All pages; a command that slipped to a later page while they were read is there once."""
    arguments = {"Filters": [condition], "MaxResults": PAGE}
    found = yield from _all(Call("ssm", "ListCommands", arguments), "Commands")
    return list({rows.text(row.get("CommandId")): row for row in found}.values())


def _invocations(command_id: str) -> Steps[tuple[Invocation, ...]]:
    arguments = {"CommandId": command_id, "Details": True, "MaxResults": PAGE}
    try:
        found = yield from _all(
            Call("ssm", "ListCommandInvocations", arguments), "CommandInvocations"
        )
    except AwsError as error:
        if error.code == UNKNOWN_COMMAND:  # not to be seen yet, or forgotten after 30 days
            return ()
        raise
    return tuple({one.instance_id: one for one in map(invocation, found)}.values())


def _properties(instance_ids: list[str]) -> Steps[list[Mapping[str, Any]]]:
    condition = {"Key": "InstanceIds", "Values": instance_ids, "Operator": "Equal"}
    arguments = {"FiltersWithOperator": [condition], "MaxResults": PAGE}
    return (
        yield from _all(Call("ssm", "DescribeInstanceProperties", arguments), "InstanceProperties")
    )


def _everybody() -> Steps[list[Mapping[str, Any]]]:
    found: list[Mapping[str, Any]] = []
    yield from enumerate_nodes(found.extend)
    return found
