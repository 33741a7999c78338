"""Why a command failed on a node, in plain words: from its exit code and the last words of its output.

Exit codes as the source of the SSM Agent's patching module names them (facts of AWS-RunPatchBaseline); the statuses as
"Understanding command statuses" (Systems Manager User Guide) tells them apart. Output is untrusted text.
"""

from __future__ import annotations

import re

from bot.core.commands import Invocation
from bot.core.runs import NodeOutcome, outcome

_BY_CODE = {
    2: "a tool that patching needs is missing on the node",
    143: "the node could not get its patch snapshot",
    144: "the node may not read its patch snapshot (ssm:GetDeployablePatchSnapshotForInstance)",
    145: "the node could not get its patch snapshot",
    146: "the node could not download its patch snapshot: it may not reach S3",
    147: "the node could not read its patch snapshot",
    149: "patching ended, but the node could not report its inventory",
}
_OVERRIDE = range(160, 168)
_REBOOT = range(194, 197)

_BY_DETAIL = {
    "executiontimedout": "it took longer than the document allows",
    "deliverytimedout": "the node did not fetch the command in time: is its agent running?",
    "undeliverable": "the command could not be delivered: the node does not answer",
    "terminated": "AWS stopped the command: too many other nodes had failed",
    "invalidplatform": "the document does not run on the node's platform",
    "accessdenied": "the role of patchbot may not run commands on this node",
    "cancelled": "it was cancelled",
}
_LAST_WORDS = 160
_TRAILERS = re.compile(
    r"failed to run commands?: exit status \d+|exit status \d+|-{2,}(output truncated|error output truncated)?-*",
    re.IGNORECASE,
)
"""What the agent itself adds at the end: it tells nothing that the exit code does not."""


def reason(invocation: Invocation) -> str:
    """Why it is not a success; empty for a success, and while it runs."""
    result = outcome(invocation.status_details or invocation.status)
    if result in {NodeOutcome.SUCCESS, NodeOutcome.PENDING, NodeOutcome.RUNNING}:
        return ""
    detail = (invocation.status_details or invocation.status).replace(" ", "").casefold()
    if detail in _BY_DETAIL:
        return _BY_DETAIL[detail]
    return _failure(invocation.response_code, invocation.output)


def _failure(code: int | None, output: str) -> str:
    said_lines = (line.strip() for line in output.splitlines())
    lines = [line for line in said_lines if line and not _TRAILERS.fullmatch(line)]
    said = f": “{lines[-1][-_LAST_WORDS:]}”" if lines else ""
    if code in _BY_CODE:
        return _BY_CODE[code]
    if code in _OVERRIDE:
        return f"the baseline override could not be used (exit code {code})"
    if code in _REBOOT:
        return f"it was to go on after a reboot, and did not (exit code {code})"
    if code is None or code < 0:
        return f"it failed{said}"
    return f"it failed with exit code {code}{said}"
