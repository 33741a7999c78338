"""The IAM actions that scans and installs need beyond reading. The documented policies and the doctor follow from it.

Systems Manager's reference of actions ("Actions, resources, and condition keys", Service Authorization Reference) says
what can be fenced: SendCommand by document and by the tags of nodes, CancelCommand by nothing at all.
"""

from __future__ import annotations

from collections.abc import Mapping

from bot.aws.rights import Right

_REFUSED = "Scans and installs are refused."

# With the credentials for reading: before anybody is asked, and to follow what was sent.
FOLLOWING: tuple[Right, ...] = (
    Right(
        "ssm:DescribeDocument",
        "Pins the version and the hash of the patch document when a plan is sealed.",
        without=_REFUSED,
    ),
    Right(
        "ssm:ListCommands",
        "Sees which patch operations are under way, and finds a command again by its mark when an answer was lost.",
        without=_REFUSED,
    ),
    Right(
        "ssm:ListCommandInvocations",
        "Reads what became of each node, with exit code and last words.",
        without=_REFUSED,
    ),
    Right(
        "ssm:DescribeMaintenanceWindows",
        "Tells in the plan when the next maintenance window opens.",
        without=_REFUSED,
    ),
)

NODE_TAG = ("PatchBot", "allow")
DOCUMENT = "arn:aws:ssm:*::document/AWS-RunPatchBaseline"
NODES = ("arn:aws:ec2:*:*:instance/*", "arn:aws:ssm:*:*:managed-instance/*")

# With `install_role`, which is assumed for nothing else; without one, with the credentials for reading.
CHANGING: tuple[Right, ...] = (
    Right(
        "ssm:SendCommand",
        "Runs the patch document, Scan or Install, on nodes by their ids. IAM cannot tell a Scan from an Install.",
        without="Nothing is scanned or installed.",
        resource=f"{DOCUMENT}, and the nodes with the tag {NODE_TAG[0]}={NODE_TAG[1]}",
    ),
    Right(
        "ssm:CancelCommand",
        "Stops a run. IAM cannot restrict it: whoever may cancel can cancel every command of the account. patchbot "
        "cancels only commands that it sent itself.",
        without="A run that is stopped sends no further waves; what was sent runs to its end.",
    ),
)


def changing_statements() -> list[Mapping[str, object]]:
    """The statements of the least policy for changing anything."""
    key, value = NODE_TAG
    return [
        {
            "Sid": "PatchbotRunsThePatchDocument",
            "Effect": "Allow",
            "Action": "ssm:SendCommand",
            "Resource": DOCUMENT,
        },
        {
            "Sid": "PatchbotRunsItOnTaggedNodes",
            "Effect": "Allow",
            "Action": "ssm:SendCommand",
            "Resource": list(NODES),
            "Condition": {"StringEquals": {f"ssm:resourceTag/{key}": value}},
        },
        {
            "Sid": "PatchbotCancels",
            "Effect": "Allow",
            "Action": "ssm:CancelCommand",
            "Resource": "*",
        },
    ]
