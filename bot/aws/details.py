"""The patches of one node, as far as they make it non-compliant or wait for approval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.aws import rows
from bot.aws.calls import Call, Steps
from bot.aws.pages import pages
from bot.core.errors import AccessDenied, AwsError, Throttled, Unreachable
from bot.core.nodes import Patch

# What is asked for; Installed, InstalledOther and NotApplicable are thousands of rows and no news.
TELLING_STATES = (
    "Missing",
    "Failed",
    "InstalledPendingReboot",
    "InstalledRejected",
    "AvailableSecurityUpdate",
)
_REFUSED_FILTERS = {"InvalidFilter", "InvalidFilterValue", "ValidationException"}


def patches_of(instance_id: str) -> Steps[tuple[Patch, ...]]:
    """The patches in one of TELLING_STATES, in that order, then by title. Raises AwsError.

    Where AWS refuses several states in one filter they are asked for one by one.
    """
    try:
        found = yield from _in_states(instance_id, TELLING_STATES)
    except (AccessDenied, Throttled, Unreachable):
        raise
    except AwsError as refusal:
        if refusal.code not in _REFUSED_FILTERS:
            raise
        found = yield from _one_by_one(instance_id)
    order = {state: place for place, state in enumerate(TELLING_STATES)}
    unique = {(patch.state, patch.kb_id, patch.title): patch for patch in found}
    return tuple(sorted(unique.values(), key=lambda one: (order[one.state], one.title, one.kb_id)))


def _one_by_one(instance_id: str) -> Steps[list[Patch]]:
    found: list[Patch] = []
    for state in TELLING_STATES:
        try:
            found += yield from _in_states(instance_id, (state,))
        except AwsError as refusal:  # the newest state is not filtered by everywhere
            if refusal.code not in _REFUSED_FILTERS or state != "AvailableSecurityUpdate":
                raise
    return found


def _in_states(instance_id: str, states: Sequence[str]) -> Steps[list[Patch]]:
    found: list[Patch] = []

    def each(page: list[Mapping[str, Any]]) -> None:
        found.extend(patch for patch in map(rows.patch, page) if patch.state in TELLING_STATES)

    arguments = {
        "InstanceId": instance_id,
        "Filters": [{"Key": "State", "Values": list(states)}],
        "MaxResults": 50,
    }
    yield from pages(Call("ssm", "DescribeInstancePatches", arguments), "Patches", each)
    return found
