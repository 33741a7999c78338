"""What `patchbot doctor` asks AWS: the cheapest real call of every operation that only reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.aws.calls import Call, Round, Steps
from bot.aws.rights import READING, Right
from bot.core.environments import Target
from bot.core.errors import AwsError

# Ids that nobody has. Being told so proves the right as well as an answer does, and costs nobody's data.
NO_NODE = "i-00000000000000000"
NO_HYBRID = "mi-00000000000000000"
NO_BASELINE = "pb-00000000000000000"
NOTHING_THERE = frozenset({"DoesNotExistException", "InvalidInstanceId", "InvalidResourceId"})

ARGUMENTS: Mapping[str, Mapping[str, Any]] = {
    "ssm:DescribeInstanceProperties": {"MaxResults": 5},
    "ssm:DescribeInstanceInformation": {"MaxResults": 5},
    "ssm:DescribeInstancePatchStates": {"InstanceIds": [NO_NODE], "MaxResults": 10},
    "ssm:DescribeInstancePatches": {"InstanceId": NO_NODE, "MaxResults": 10},
    "ssm:GetPatchBaseline": {"BaselineId": NO_BASELINE},
    "ssm:GetDefaultPatchBaseline": {"OperatingSystem": "AMAZON_LINUX_2023"},
    "ssm:ListTagsForResource": {"ResourceType": "ManagedInstance", "ResourceId": NO_HYBRID},
    "ec2:DescribeTags": {
        "MaxResults": 5,
        "Filters": [{"Name": "resource-type", "Values": ["instance"]}],
    },
    "sts:GetCallerIdentity": {},
    "ssm:DescribeDocument": {"Name": "AWS-RunPatchBaseline"},
    "ssm:ListCommands": {"MaxResults": 1},
    "ssm:ListCommandInvocations": {"MaxResults": 1},
    "ssm:DescribeMaintenanceWindows": {"MaxResults": 10},
}


@dataclass(frozen=True, slots=True)
class RightCheck:
    """Whether one IAM action is allowed in one target. `detail` is what happened, `hint` what to do about it."""

    action: str
    ok: bool
    detail: str
    hint: str = ""
    optional: bool = False


def check_rights(around: Round, rights: Sequence[Right] = READING) -> tuple[RightCheck, ...]:
    """One check per right, in their order. Raises nothing AWS may do."""
    started = [(right, around.start(_try(right, around.target))) for right in rights]
    found = []
    for right, future in started:
        try:
            found.append(around.wait(future))
        except AwsError as error:
            found.append(_failed(right, error))
    return tuple(found)


def _try(right: Right, target: Target) -> Steps[RightCheck]:
    try:
        answer = yield Call(right.service, right.operation, ARGUMENTS[right.action], aside=True)
    except AwsError as error:
        if error.code not in NOTHING_THERE:
            return _failed(right, error)
        answer = {}
    if right.action == "sts:GetCallerIdentity":
        return _identity(right, target, answer)
    return RightCheck(right.action, True, "allowed", optional=right.optional)


def _identity(right: Right, target: Target, answer: Mapping[str, Any]) -> RightCheck:
    """The account is told, and compared with the configured one: a mix-up shows another fleet's numbers."""
    account, configured = str(answer.get("Account") or ""), target.account.id
    if configured and account != configured:
        return RightCheck(
            right.action,
            False,
            f"the credentials belong to account {account}, the configuration says {configured}",
            "Correct the account's id, or configure the role to assume there.",
        )
    who = str(answer.get("Arn") or f"account {account}")
    return RightCheck(right.action, True, who, optional=right.optional)


def _failed(right: Right, error: AwsError) -> RightCheck:
    hint = f"{error.hint} Without it: {right.without}" if right.optional else error.hint
    return RightCheck(right.action, False, error.message, hint.strip(), optional=right.optional)
