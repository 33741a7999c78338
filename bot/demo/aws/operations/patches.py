"""Patch states: of named nodes, of a patch group, and the patches of one node."""

from collections.abc import Iterator
from typing import Any

from bot.demo.aws.exceptions import InvalidFilter, InvalidInstanceId
from bot.demo.aws.filters import matches
from bot.demo.aws.pages import Pager, answer
from bot.demo.aws.patch_data import (
    COUNTERS,
    PATCH_STATES,
    patch_state,
    patch_summary,
    patches,
)
from bot.demo.aws.state import RegionState

# The default page of these calls is not documented; ten is the smallest they take.
_DEFAULT_PAGE = 10
_GROUP_FILTERS = COUNTERS[:8]
# Two spellings of one grade: Amazon Linux 2023 writes Medium where others write Moderate.
_SAME_SEVERITY = {"Medium": ("Medium", "Moderate"), "Moderate": ("Medium", "Moderate")}


def describe_instance_patch_states(
    region: RegionState, parameters: dict[str, Any]
) -> dict[str, Any]:
    """The states of the nodes named; unknown and never scanned ones are left out silently."""
    pager = Pager(
        "DescribeInstancePatchStates",
        parameters,
        secret=region.secret,
        default_size=_DEFAULT_PAGE,
    )
    rows, token = pager.cut(_states(region, sorted(set(parameters["InstanceIds"]))))
    return answer("InstancePatchStates", rows, token)


def describe_instance_patch_states_for_patch_group(
    region: RegionState, parameters: dict[str, Any]
) -> dict[str, Any]:
    """The states of the nodes whose last run was judged as members of the patch group."""
    filters = parameters.get("Filters", [])
    for each in filters:
        if each["Key"] not in _GROUP_FILTERS:
            raise InvalidFilter(f"The filter key {each['Key']} is not valid.")
    pager = Pager(
        "DescribeInstancePatchStatesForPatchGroup",
        parameters,
        secret=region.secret,
        default_size=_DEFAULT_PAGE,
    )
    rows, token = pager.cut(
        (instance_id, state)
        for instance_id, state in _states(region, region.ids(pager.after))
        if state["PatchGroup"] == parameters["PatchGroup"]
        and all(matches(str(state[f["Key"]]), f["Type"], f["Values"]) for f in filters)
    )
    return answer("InstancePatchStates", rows, token)


def _states(
    region: RegionState, instance_ids: Iterator[str] | list[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    for instance_id in instance_ids:
        summary = patch_summary(region, instance_id)
        if summary is not None:
            yield instance_id, patch_state(instance_id, summary)


def describe_instance_patches(region: RegionState, parameters: dict[str, Any]) -> dict[str, Any]:
    """The patches of one node. Raises InvalidInstanceId when it is no managed node."""
    instance_id = parameters["InstanceId"]
    if not region.is_registered(instance_id):
        raise InvalidInstanceId([instance_id])
    filters = [_patch_filter(each) for each in parameters.get("Filters", [])]
    pager = Pager(
        "DescribeInstancePatches", parameters, secret=region.secret, default_size=_DEFAULT_PAGE
    )
    rows, token = pager.cut(
        (f"{patch['Title']}\0{patch['KBId']}", patch)
        for patch in patches(region, instance_id)
        if all(patch[key] in values for key, values in filters)
    )
    return answer("Patches", rows, token)


def _patch_filter(given: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    key, values = given.get("Key"), tuple(given.get("Values", ()))
    if key not in ("Classification", "KBId", "Severity", "State"):
        raise InvalidFilter(f"The filter key {key} is not valid.")
    if key == "State" and not set(values) <= set(PATCH_STATES):
        raise InvalidFilter(f"The values of State are {', '.join(PATCH_STATES)}.")
    if key == "Severity":
        values = tuple(same for each in values for same in _SAME_SEVERITY.get(each, (each,)))
    return key, values


def describe_patch_group_state(region: RegionState, parameters: dict[str, Any]) -> dict[str, Any]:
    """How many nodes of a patch group have at least one patch in each state."""
    states = [
        state
        for _, state in _states(region, region.ids())
        if state["PatchGroup"] == parameters["PatchGroup"]
    ]
    members = {
        counter.removesuffix("Count"): sum(state[counter] > 0 for state in states)
        for counter in COUNTERS
    }
    available = members.pop("AvailableSecurityUpdate")
    return {
        "Instances": len(states),
        "InstancesWithAvailableSecurityUpdates": available,
        **{f"InstancesWith{name}Patches": count for name, count in members.items()},
    }


OPERATIONS = (
    describe_instance_patch_states,
    describe_instance_patch_states_for_patch_group,
    describe_instance_patches,
    describe_patch_group_state,
)
