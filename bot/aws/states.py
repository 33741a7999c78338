"""The patch states of nodes, fifty at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.aws import rows
from bot.aws.calls import Call, Steps
from bot.aws.pages import pages
from bot.core.nodes import PatchState

CHUNK = (
    50  # the service's limit for ids and for rows; the SDK's model says 100 rows, which is refused
)


def patch_states(instance_ids: Sequence[str]) -> Steps[dict[str, PatchState]]:
    """Instance id → patch state of at most CHUNK nodes; a node without one was never scanned.

    AWS leaves such nodes out in silence. A row for a node nobody asked about is ignored; of two rows for one node the
    later operation counts. Raises AwsError.
    """
    asked = frozenset(instance_ids)
    found: dict[str, PatchState] = {}

    def each(page: list[Mapping[str, Any]]) -> None:
        for row in page:
            if row.get("InstanceId") not in asked:
                continue
            state = rows.state(row)
            known = found.get(state.instance_id)
            if known is None or _ended(state) >= _ended(known):
                found[state.instance_id] = state

    arguments = {"InstanceIds": list(instance_ids), "MaxResults": CHUNK}
    yield from pages(
        Call("ssm", "DescribeInstancePatchStates", arguments), "InstancePatchStates", each
    )
    return found


def _ended(state: PatchState) -> Any:
    return state.operation_end_time or rows.NEVER
