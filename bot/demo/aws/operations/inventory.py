"""Inventory: the door through which nodes report, and GetInventory."""

import hashlib
import json
from typing import Any

from bot.demo.aws.exceptions import (
    InvalidAggregator,
    InvalidFilter,
    InvalidInstanceId,
    InvalidResultAttribute,
    InvalidTypeName,
    ItemContentMismatch,
    TotalSizeLimitExceeded,
)
from bot.demo.aws.filters import matches
from bot.demo.aws.nodes import INSTANCE_INFORMATION, ManagedNode, managed_nodes
from bot.demo.aws.pages import Pager, answer
from bot.demo.aws.patch_data import COMPLIANCE_ITEM, PATCH_COMPLIANCE, PATCH_SUMMARY
from bot.demo.aws.state import InventoryItem, RegionState

_UPLOADED = (INSTANCE_INFORMATION, PATCH_SUMMARY, PATCH_COMPLIANCE, COMPLIANCE_ITEM)
_OTHER_TYPES = ("AWS:AWSComponent", "AWS:Application", "AWS:BillingInfo", "AWS:File",
                "AWS:InstanceDetailedInformation", "AWS:Network", "AWS:Service", "AWS:Tag",
                "AWS:WindowsRegistry", "AWS:WindowsRole", "AWS:WindowsUpdate")  # fmt: skip
_RESULT_TYPES = (INSTANCE_INFORMATION, PATCH_SUMMARY)
_MOST_BYTES = 1024 * 1024


def put_inventory(region: RegionState, parameters: dict[str, Any]) -> dict[str, Any]:
    """Take a node's report. An instance must exist in EC2; a hybrid node registers by it."""
    instance_id, items = parameters["InstanceId"], parameters["Items"]
    known = region.is_registered(instance_id) or instance_id in region.machines()
    if instance_id.startswith("i-") and not known:
        raise InvalidInstanceId([instance_id])
    if len(json.dumps(items)) > _MOST_BYTES:
        raise TotalSizeLimitExceeded
    for item in items:
        name = item["TypeName"]
        if name not in (*_UPLOADED, *_OTHER_TYPES) and not name.startswith("Custom:"):
            raise InvalidTypeName(name)
    for item in items:
        region.store(instance_id, _stored(region, instance_id, item))
    return {"Message": "Inventory was saved."}


def _stored(region: RegionState, instance_id: str, item: dict[str, Any]) -> InventoryItem:
    given_hash = item.get("ContentHash", "")
    if "Content" in item:
        content = tuple(item["Content"])
        given_hash = given_hash or content_hash(list(content))
    else:
        # Only a hash: "nothing changed since", true if it is the hash we hold.
        last = region.item(instance_id, item["TypeName"])
        if last is None or last.content_hash != given_hash:
            raise ItemContentMismatch(item["TypeName"])
        content = last.content
    return InventoryItem(
        type_name=item["TypeName"],
        schema_version=item["SchemaVersion"],
        capture_time=item["CaptureTime"],
        content_hash=given_hash,
        content=content,
        context=item.get("Context", {}),
    )


def content_hash(content: list[dict[str, str]]) -> str:
    """The SHA-256 with which an agent names a content it does not want to send again."""
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def get_inventory(region: RegionState, parameters: dict[str, Any]) -> dict[str, Any]:
    """Inventory of many nodes, also of stopped and terminated ones; all values are strings.

    Nodes without the asked type are listed with empty Data (what AWS does there is not written
    down anywhere; this is the reading that a caller can get wrong).
    """
    if parameters.get("Aggregators"):
        raise InvalidAggregator
    wanted = [each["TypeName"] for each in parameters.get("ResultAttributes", [])]
    for type_name in wanted:
        if type_name not in _RESULT_TYPES:
            raise InvalidResultAttribute(type_name)
    filters = [_filter(each) for each in parameters.get("Filters", [])]
    pager = Pager("GetInventory", parameters, secret=region.secret, default_size=50)
    rows, token = pager.cut(
        (node.id, _entity(region, node, wanted or [INSTANCE_INFORMATION]))
        for node in managed_nodes(region, pager.after)
        if all(_fits(region, node, *each) for each in filters)
    )
    return answer("Entities", rows, token)


def _filter(given: dict[str, Any]) -> tuple[str, str, str, list[str]]:
    type_name, _, attribute = given["Key"].partition(".")
    if type_name not in _UPLOADED or not attribute:
        raise InvalidFilter(f"The filter key {given['Key']} is not valid.")
    return type_name, attribute, given.get("Type", "Equal"), given["Values"]


def _fits(
    region: RegionState,
    node: ManagedNode,
    type_name: str,
    attribute: str,
    operator: str,
    values: list[str],
) -> bool:
    content = _content(region, node, type_name) or [{}]
    return any(matches(row.get(attribute), operator, values) for row in content)


def _entity(region: RegionState, node: ManagedNode, wanted: list[str]) -> dict[str, Any]:
    data = {}
    for type_name in wanted:
        item, content = region.item(node.id, type_name), _content(region, node, type_name)
        if item is not None and content is not None:
            data[type_name] = {
                "TypeName": type_name,
                "SchemaVersion": item.schema_version,
                "CaptureTime": item.capture_time,
                "ContentHash": item.content_hash,
                "Content": content,
            }
    return {"Id": node.id, "Data": data}


def _content(region: RegionState, node: ManagedNode, type_name: str) -> list[dict[str, str]] | None:
    item = region.item(node.id, type_name)
    if item is None:
        return None
    if type_name == INSTANCE_INFORMATION:
        # The service, not the agent, knows whether the node is there.
        own = {"InstanceId": node.id, "InstanceStatus": node.inventory_status}
        return [{**node.attributes, **own}]
    return list(item.content)


OPERATIONS = (put_inventory, get_inventory)
