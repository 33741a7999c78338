"""The IAM actions that keeping heads in a bucket needs. The documented policy follows from it.

None of them removes or replaces anything: heads are put where nothing is yet (If-None-Match).
"""

from __future__ import annotations

from collections.abc import Mapping

from bot.aws.rights import Right

BUCKET = "arn:aws:s3:::EXAMPLE-BUCKET"
HEADS = f"{BUCKET}/EXAMPLE-PREFIX/heads/*"
_UNSEEN = "A restored older copy is noticed by the heads of the host alone."

KEEPING: tuple[Right, ...] = (
    Right("s3:PutObject", "Keeps a head of the audit log.", without=_UNSEEN, resource=HEADS),
    Right(
        "s3:GetObject",
        "Compares the ledger with the newest heads.",
        without=_UNSEEN,
        resource=HEADS,
    ),
    Right("s3:ListBucket", "Finds the newest heads.", without=_UNSEEN, resource=BUCKET),
)


def keeping_statements() -> list[Mapping[str, object]]:
    """The statements of the least policy."""
    return [
        {
            "Sid": "PatchbotKeepsHeads",
            "Effect": "Allow",
            "Action": [right.action for right in KEEPING if right.resource == HEADS],
            "Resource": HEADS,
        },
        {
            "Sid": "PatchbotFindsHeads",
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": BUCKET,
        },
    ]
