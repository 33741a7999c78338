"""What a node says while it patches: the last words in a plugin's Output, and those of its usual failures."""

from collections.abc import Mapping

from bot.demo.aws.patch_data import patch_summary
from bot.demo.aws.run_command.patching import Operation
from bot.demo.aws.state import RegionState

LONGEST = 2500
_COUNTED = ("InstalledCount", "InstalledPendingRebootCount", "MissingCount", "FailedCount")

# By exit code; the codes are those of the agent's patch module.
FAILURES: Mapping[int, str] = {
    1: "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 2114 (unattended-upgr)\n"
    "failed to run commands: exit status 1",
    2: "Unable to find python3 on the instance.\nfailed to run commands: exit status 2",
    143: "Unable to retrieve the patch baseline snapshot.\nfailed to run commands: exit status 143",
    144: "An error occurred (AccessDeniedException) when calling the GetDeployablePatchSnapshotForInstance "
    "operation\nfailed to run commands: exit status 144",
    149: "Unable to upload the inventory report: ThrottlingException.\nfailed to run commands: exit status 149",
}


def words(region: RegionState, instance_id: str, operation: Operation, failure: str) -> str:
    """The output of a run: what it was and what it counted, or how it failed."""
    lines = [f"Patch operation: {operation.kind or 'none'}, snapshot: {operation.snapshot_id}"]
    if failure:
        lines.append(failure)
    elif operation.kind:
        counted = patch_summary(region, instance_id) or {}
        lines += [f"{name}: {counted.get(name, '0')}" for name in _COUNTED]
        lines.append(f"Baseline: {counted.get('BaselineId', '')}")
    return "\n".join(lines)[:LONGEST]
