"""Patch baselines and patch groups: own ones as moto keeps them, AWS's own as AWS ships them."""

from datetime import UTC, datetime
from typing import Any

from moto.ssm.models import FakePatchBaseline, FakePatchGroup

from bot.demo.aws.exceptions import (
    BaselineDoesNotExist,
    InvalidBaselineId,
    InvalidFilter,
    PatchGroupTaken,
)
from bot.demo.aws.pages import Pager, answer
from bot.demo.aws.predefined_baselines import default_arns, predefined_baseline
from bot.demo.aws.state import BaselineExtras, RegionState


def create_patch_baseline(region: RegionState, parameters: dict[str, Any]) -> dict[str, Any]:
    """Create an own baseline in moto and keep the members that moto forgets."""
    baseline_id = region.ssm.create_patch_baseline(
        name=parameters["Name"],
        operating_system=parameters.get("OperatingSystem", "WINDOWS"),
        global_filters=parameters.get("GlobalFilters", {"PatchFilters": []}),
        approval_rules=parameters.get("ApprovalRules", {"PatchRules": []}),
        approved_patches=parameters.get("ApprovedPatches", []),
        approved_patches_compliance_level=parameters.get(
            "ApprovedPatchesComplianceLevel", "UNSPECIFIED"
        ),
        approved_patches_enable_non_security=parameters.get(
            "ApprovedPatchesEnableNonSecurity", False
        ),
        rejected_patches=parameters.get("RejectedPatches", []),
        rejected_patches_action=parameters.get("RejectedPatchesAction", "ALLOW_AS_DEPENDENCY"),
        description=parameters.get("Description"),
        sources=parameters.get("Sources", []),
        # moto refuses to tag a baseline.
        tags=None,
    )
    region.baselines[baseline_id] = BaselineExtras(
        created=datetime.now(UTC),
        available_security_updates=parameters.get("AvailableSecurityUpdatesComplianceStatus"),
    )
    return {"BaselineId": baseline_id}


def get_patch_baseline(region: RegionState, parameters: dict[str, Any]) -> dict[str, Any]:
    """A baseline with its rules: an own one by its id, one of AWS's by its ARN or id."""
    baseline_id = parameters["BaselineId"]
    own = region.ssm.baselines.get(baseline_id)
    if own is not None:
        return _own_baseline(region, own)
    if not baseline_id.startswith(("pb-", "arn:")):
        raise InvalidBaselineId(baseline_id)
    for operating_system, arn in default_arns(region.name).items():
        if baseline_id in (arn, arn.rsplit("/", 1)[-1]):
            return predefined_baseline(arn, operating_system)
    raise BaselineDoesNotExist(baseline_id)


def _own_baseline(region: RegionState, own: FakePatchBaseline) -> dict[str, Any]:
    members = own.to_json()
    members["Name"] = members.pop("BaselineName")
    members["Description"] = members.pop("BaselineDescription")
    members["PatchGroups"] = [
        group.name for group in region.ssm.patch_groups.values()
        if own.id in group.associations.values()
    ]  # fmt: skip
    extras = region.baselines.get(own.id)
    if extras is not None:
        members |= {"CreatedDate": extras.created, "ModifiedDate": extras.created}
        members["AvailableSecurityUpdatesComplianceStatus"] = extras.available_security_updates
    return {name: value for name, value in members.items() if value is not None}


def get_default_patch_baseline(region: RegionState, parameters: dict[str, Any]) -> dict[str, Any]:
    """The default baseline of an operating system; without one named, of Windows."""
    operating_system = parameters.get("OperatingSystem", "WINDOWS")
    return {
        "BaselineId": default_arns(region.name)[operating_system],
        "OperatingSystem": operating_system,
    }


def get_patch_baseline_for_patch_group(
    region: RegionState, parameters: dict[str, Any]
) -> dict[str, Any]:
    """The baseline that judges a patch group; without an operating system named, of Windows."""
    operating_system = parameters.get("OperatingSystem", "WINDOWS")
    group = region.ssm.patch_groups.get(parameters["PatchGroup"])
    associations = group.associations if group else default_arns(region.name)
    return {
        "BaselineId": associations[operating_system],
        "PatchGroup": parameters["PatchGroup"],
        "OperatingSystem": operating_system,
    }


def register_patch_baseline_for_patch_group(
    region: RegionState, parameters: dict[str, Any]
) -> dict[str, Any]:
    """Let an own baseline judge a patch group: one per operating system (moto allows one in all)."""
    baseline_id, name = parameters["BaselineId"], parameters["PatchGroup"]
    baseline = region.ssm.baselines.get(baseline_id)
    if baseline is None:
        raise BaselineDoesNotExist(baseline_id)
    group = region.ssm.patch_groups.setdefault(name, FakePatchGroup(name, region.name))
    system = baseline.operating_system
    if group.associations.get(system) not in (baseline_id, default_arns(region.name).get(system)):
        raise PatchGroupTaken(name, system)
    group.associations[system] = baseline_id
    return {"BaselineId": baseline_id, "PatchGroup": name}


def describe_patch_groups(region: RegionState, parameters: dict[str, Any]) -> dict[str, Any]:
    """The patch groups that are registered with a baseline, one row per operating system."""
    filters = parameters.get("Filters", [])
    for each in filters:
        if each.get("Key") not in ("NAME_PREFIX", "OPERATING_SYSTEM"):
            raise InvalidFilter(f"The filter key {each.get('Key')} is not valid.")
    pager = Pager("DescribePatchGroups", parameters, secret=region.secret, default_size=50)
    rows, token = pager.cut(
        (f"{group}\0{own.operating_system}", _mapping(group, own))
        for group, own in _registrations(region)
        if all(_fits(group, own, each["Key"], each.get("Values", [])) for each in filters)
    )
    return answer("Mappings", rows, token)


def _registrations(region: RegionState) -> list[tuple[str, FakePatchBaseline]]:
    found = [
        (group.name, region.ssm.baselines[baseline_id])
        for group in region.ssm.patch_groups.values()
        for baseline_id in set(group.associations.values())
        if baseline_id in region.ssm.baselines
    ]
    return sorted(found, key=lambda pair: (pair[0], pair[1].operating_system))


def _fits(group: str, own: FakePatchBaseline, key: str, values: list[str]) -> bool:
    if key == "NAME_PREFIX":
        return group.startswith(tuple(values))
    return own.operating_system in values


def _mapping(group: str, own: FakePatchBaseline) -> dict[str, Any]:
    identity = {
        "BaselineId": own.id,
        "BaselineName": own.name,
        "OperatingSystem": own.operating_system,
        "DefaultBaseline": own.default_baseline,
    }
    if own.description:
        identity["BaselineDescription"] = own.description
    return {"PatchGroup": group, "BaselineIdentity": identity}


OPERATIONS = (
    create_patch_baseline,
    get_patch_baseline,
    get_default_patch_baseline,
    get_patch_baseline_for_patch_group,
    register_patch_baseline_for_patch_group,
    describe_patch_groups,
)
