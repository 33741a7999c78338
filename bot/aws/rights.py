"""The IAM actions that patchbot asks for, why, and which of them it can do without.

The documented policy and `patchbot doctor` are made from this table.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Right:
    """An IAM action. `without` says what is lost where it is not allowed; empty when nothing works then."""

    action: str
    why: str
    without: str = ""
    resource: str = "*"

    @property
    def optional(self) -> bool:
        return bool(self.without)

    @property
    def service(self) -> str:
        return self.action.partition(":")[0]

    @property
    def operation(self) -> str:
        return self.action.partition(":")[2]


# In the order in which a reading uses them.
READING: tuple[Right, ...] = (
    Right(
        "ssm:DescribeInstanceProperties",
        "Lists the managed nodes with their names, platforms and states, 1,000 a page.",
        without="Nodes are listed 50 a page, and stopped nodes are not shown.",
    ),
    Right(
        "ssm:DescribeInstanceInformation",
        "Lists the managed nodes where the above is not allowed, and finds hybrid nodes by their tags.",
    ),
    Right(
        "ssm:DescribeInstancePatchStates",
        "Reads the patch counts of the nodes, 50 at a time.",
    ),
    Right(
        "ssm:DescribeInstancePatches",
        "Lists the missing and failed patches of one node.",
        without="`node` shows the counts of a node and none of its patches.",
    ),
    Right(
        "ssm:GetPatchBaseline",
        "Says by which rules a node is judged, and whether available security updates count against it.",
        without="Baselines go by their ids, and Windows nodes with available security updates that nothing else makes"
        " non-compliant count as unknown.",
    ),
    Right(
        "ssm:GetDefaultPatchBaseline",
        "Says whether a baseline is the default one of its operating system.",
        without="Default baselines are not marked.",
    ),
    Right(
        "ec2:DescribeTags",
        "Reads which instances belong to an environment chosen by tags, and their owners.",
        without="Owners are not shown, nor stopped nodes of environments chosen by tags.",
    ),
    Right(
        "ssm:ListTagsForResource",
        "Reads the owners of hybrid nodes.",
        without="Owners of hybrid nodes are not shown.",
    ),
    Right(
        "sts:GetCallerIdentity",
        "Says which account the credentials belong to; AWS allows it to everybody.",
        without="Nodes of an account without a configured id are shown under the account “self”; a configured id is"
        " not checked.",
    ),
)

_DEAF = "Events are not heard: no alerts between two readings."

# On the queue of deploy/events.yaml, where [events] names one.
LISTENING: tuple[Right, ...] = (
    Right("sqs:ReceiveMessage", "Takes events from the queue, by long polling.", without=_DEAF),
    Right(
        "sqs:DeleteMessage",
        "Takes an event off the queue once it is on disk.",
        without="Every event comes again and again until it goes to the dead letters.",
    ),
    Right(
        "sqs:GetQueueAttributes",
        "Lets `patchbot doctor` say whether the rule may send to the queue and where dead letters go.",
        without="The doctor cannot look at the queue.",
    ),
)

# On the role of each account that is configured with one, and in that role's trust policy.
ASSUMING = Right("sts:AssumeRole", "Reads another account through its role.")
