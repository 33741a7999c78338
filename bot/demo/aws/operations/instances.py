"""Managed nodes: DescribeInstanceInformation and DescribeInstanceProperties."""

from collections.abc import Callable
from typing import Any

from bot.demo.aws.exceptions import (
    InvalidFilterKey,
    InvalidFilterValue,
    InvalidInstanceId,
    ValidationError,
)
from bot.demo.aws.filters import matches
from bot.demo.aws.nodes import ManagedNode, NodeFilter, by_tag, managed_nodes
from bot.demo.aws.pages import Pager, answer
from bot.demo.aws.state import RegionState

_ATTRIBUTES: dict[str, Callable[[ManagedNode], str]] = {
    "InstanceIds": lambda node: node.id,
    "AgentVersion": lambda node: node.attributes.get("AgentVersion", ""),
    "PingStatus": lambda node: node.ping_status,
    "PlatformType": lambda node: node.attributes.get("PlatformType", ""),
    "PlatformTypes": lambda node: node.attributes.get("PlatformType", ""),
    "ActivationIds": lambda node: node.attributes.get("ActivationId", ""),
    "IamRole": lambda node: node.attributes.get("IamRole", ""),
    "ResourceType": lambda node: node.resource_type,
    "AssociationStatus": lambda node: node.attributes.get("AssociationStatus", ""),
    "SourceIds": lambda node: node.id,
    "SourceTypes": lambda node: _source_type(node),
}
_VALUES = {
    "PingStatus": ("Online", "ConnectionLost", "Inactive"),
    "PlatformType": ("Windows", "Linux", "MacOS"),
    "PlatformTypes": ("Windows", "Linux", "MacOS"),
    "ResourceType": ("ManagedInstance", "EC2Instance"),
}


def describe_instance_information(
    region: RegionState, parameters: dict[str, Any]
) -> dict[str, Any]:
    """The nodes with their agent and platform, without stopped and terminated ones."""
    new, old = parameters.get("Filters", []), parameters.get("InstanceInformationFilterList", [])
    if new and old:
        raise ValidationError("Filters and InstanceInformationFilterList must not be mixed.")
    given = [(each["Key"], each["Values"]) for each in new]
    given += [(each["key"], each["valueSet"]) for each in old]
    tagged = [key for key, _ in given if key.startswith(("tag:", "tag-key"))]
    if tagged and len(tagged) < len(given):
        raise InvalidFilterKey("Tag filters cannot be combined with other filters.")
    filters = [
        _filter(region, key, values, "Equal", "InvalidInstanceInformationFilterValue")
        for key, values in given
    ]
    pager = Pager("DescribeInstanceInformation", parameters, secret=region.secret, default_size=10)
    rows, token = pager.cut(
        (node.id, _information(node))
        for node in managed_nodes(region, pager.after)
        if node.is_running and all(fits(node) for fits in filters)
    )
    return answer("InstanceInformationList", rows, token)


def describe_instance_properties(region: RegionState, parameters: dict[str, Any]) -> dict[str, Any]:
    """The nodes with EC2's side of them, stopped and (until EC2 forgets them) terminated ones too."""
    given = [
        (each["key"], each["valueSet"], "Equal")
        for each in parameters.get("InstancePropertyFilterList", [])
    ] + [
        (each["Key"], each["Values"], each.get("Operator", "Equal"))
        for each in parameters.get("FiltersWithOperator", [])
    ]
    filters = [
        _filter(region, key, values, operator, "InvalidInstancePropertyFilterValue")
        for key, values, operator in given
    ]
    pager = Pager("DescribeInstanceProperties", parameters, secret=region.secret, default_size=10)
    rows, token = pager.cut(
        (node.id, _properties(node))
        for node in managed_nodes(region, pager.after)
        if all(fits(node) for fits in filters)
    )
    return answer("InstanceProperties", rows, token)


def _filter(
    region: RegionState, key: str, values: list[str], operator: str, value_error: str
) -> NodeFilter:
    if key == "tag-key":
        return lambda node: any(value in node.tags for value in values)
    if key.startswith("tag:"):
        return by_tag(key.removeprefix("tag:"), values)
    if key not in _ATTRIBUTES:
        raise InvalidFilterKey(f"The filter key {key} is not valid.")
    for value in values:
        if value not in _VALUES.get(key, (value,)):
            raise InvalidFilterValue(value_error, value)
    if key == "InstanceIds":
        unknown = [each for each in values if not region.is_registered(each)]
        if unknown:
            raise InvalidInstanceId(unknown)
    attribute = _ATTRIBUTES[key]
    return lambda node: matches(attribute(node), operator, values)


def _source_type(node: ManagedNode) -> str:
    return "AWS::SSM::ManagedInstance" if node.is_hybrid else "AWS::EC2::Instance"


def _shared(node: ManagedNode) -> dict[str, Any]:
    attributes = node.attributes
    members = {
        "InstanceId": node.id,
        "PingStatus": node.ping_status,
        "LastPingDateTime": node.last_ping,
        "AgentVersion": attributes.get("AgentVersion"),
        "PlatformType": attributes.get("PlatformType"),
        "PlatformName": attributes.get("PlatformName"),
        "PlatformVersion": attributes.get("PlatformVersion"),
        "ResourceType": node.resource_type,
        "IPAddress": attributes.get("IpAddress"),
        "ComputerName": attributes.get("ComputerName"),
        "AssociationStatus": attributes.get("AssociationStatus"),
        "SourceId": node.id,
        "SourceType": _source_type(node),
    }
    if node.is_hybrid:
        members |= {
            "RegistrationDate": node.registered,
            "IamRole": attributes.get("IamRole"),
            "ActivationId": attributes.get("ActivationId"),
        }
    return {name: value for name, value in members.items() if value is not None}


def _information(node: ManagedNode) -> dict[str, Any]:
    # Name is the hybrid node's only: an instance's stands in its EC2 tag.
    name = {"Name": node.tags["Name"]} if node.is_hybrid and "Name" in node.tags else {}
    return _shared(node) | {"IsLatestVersion": True} | name


def _properties(node: ManagedNode) -> dict[str, Any]:
    members = _shared(node)
    if "Name" in node.tags:
        members["Name"] = node.tags["Name"]
    if not node.is_hybrid:
        members["InstanceState"] = node.state
    if node.machine is not None:
        members |= {
            "InstanceType": node.machine.instance_type,
            "Architecture": "x86_64",
            "LaunchTime": node.machine.launch_time,
            "AvailabilityZone": node.machine.placement.zone,
        }
    return members


OPERATIONS = (describe_instance_information, describe_instance_properties)
