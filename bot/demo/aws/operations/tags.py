"""Tags of hybrid nodes, which moto refuses; tags of everything else stay moto's."""

from typing import Any

from bot.demo.aws.exceptions import InvalidResourceId
from bot.demo.aws.state import RegionState

_NODE = "ManagedInstance"


def add_tags_to_resource(region: RegionState, parameters: dict[str, Any]) -> dict[str, Any]:
    """Add or overwrite tags. Raises InvalidResourceId for a hybrid node not registered here."""
    kind, resource_id = parameters["ResourceType"], parameters["ResourceId"]
    tags = {tag["Key"]: tag["Value"] for tag in parameters["Tags"]}
    if kind == _NODE:
        _node_tags(region, resource_id).update(tags)
    else:
        region.ssm.add_tags_to_resource(kind, resource_id, tags)
    return {}


def remove_tags_from_resource(region: RegionState, parameters: dict[str, Any]) -> dict[str, Any]:
    """Remove tags by key; absent ones are no error."""
    kind, resource_id = parameters["ResourceType"], parameters["ResourceId"]
    if kind == _NODE:
        tags = _node_tags(region, resource_id)
        for key in parameters["TagKeys"]:
            tags.pop(key, None)
    else:
        region.ssm.remove_tags_from_resource(kind, resource_id, parameters["TagKeys"])
    return {}


def list_tags_for_resource(region: RegionState, parameters: dict[str, Any]) -> dict[str, Any]:
    """The tags of a resource."""
    kind, resource_id = parameters["ResourceType"], parameters["ResourceId"]
    listed = region.ssm.list_tags_for_resource
    tags = _node_tags(region, resource_id) if kind == _NODE else listed(kind, resource_id)
    return {"TagList": [{"Key": key, "Value": value} for key, value in tags.items()]}


def _node_tags(region: RegionState, instance_id: str) -> dict[str, str]:
    # The tags of an EC2 instance are EC2's business: only mi- ids are taken here.
    if not instance_id.startswith("mi-") or not region.is_registered(instance_id):
        raise InvalidResourceId
    return region.tags(instance_id)


OPERATIONS = (add_tags_to_resource, remove_tags_from_resource, list_tags_for_resource)
