"""Who is a managed node: inventory, EC2's instance and tags put together."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bot.demo.aws.state import RegionState

INSTANCE_INFORMATION = "AWS:InstanceInformation"


@dataclass(frozen=True, slots=True)
class ManagedNode:
    """A node that has reported to Systems Manager."""

    id: str
    attributes: Mapping[str, str]
    last_ping: datetime
    registered: datetime
    state: str
    tags: Mapping[str, str]
    machine: Any

    @property
    def is_hybrid(self) -> bool:
        """A node outside EC2, registered by an activation."""
        return self.id.startswith("mi-")

    @property
    def resource_type(self) -> str:
        """ManagedInstance for hybrid nodes, else EC2Instance."""
        return "ManagedInstance" if self.is_hybrid else "EC2Instance"

    @property
    def is_running(self) -> bool:
        """Neither stopped nor terminated; a hybrid node has no such state."""
        return self.state in ("running", "pending", "")

    @property
    def ping_status(self) -> str:
        """Online, or ConnectionLost when the agent is silent or its machine is off."""
        silent = self.attributes.get("InstanceStatus") == "ConnectionLost"
        return "ConnectionLost" if silent or not self.is_running else "Online"

    @property
    def inventory_status(self) -> str:
        """InstanceStatus as AWS:InstanceInformation reports it."""
        states = {"stopped": "Stopped", "stopping": "Stopped", "terminated": "Terminated"}
        active = "Active" if self.ping_status == "Online" else self.ping_status
        return states.get(self.state, active)


def managed_nodes(region: RegionState, after: str = "") -> Iterator[ManagedNode]:
    """The managed nodes behind an id, in the order of their ids, read lazily."""
    machines = region.machines()
    for instance_id in region.ids(after):
        node = _node(region, instance_id, machines.get(instance_id))
        if node is not None:
            yield node


def find_node(region: RegionState, instance_id: str) -> ManagedNode | None:
    """The managed node of that id, whatever its state."""
    return _node(region, instance_id, region.machines().get(instance_id))


def _node(region: RegionState, instance_id: str, machine: Any) -> ManagedNode | None:
    item = region.item(instance_id, INSTANCE_INFORMATION)
    if item is None:
        return None
    hybrid = instance_id.startswith("mi-")
    # A machine that EC2 does not list was put in place without it (a large fleet): it runs.
    state = "" if hybrid else machine.state if machine is not None else "running"
    return ManagedNode(
        id=instance_id,
        attributes=item.content[0] if item.content else {},
        last_ping=timestamp(item.capture_time),
        registered=region.registered_at(instance_id),
        state=state,
        tags=region.tags(instance_id),
        machine=machine,
    )


def timestamp(text: str) -> datetime:
    """An inventory time such as 2026-11-23T06:00:00Z."""
    return datetime.fromisoformat(text).astimezone(UTC)


NodeFilter = Callable[[ManagedNode], bool]


def by_tag(key: str, values: list[str]) -> NodeFilter:
    """Nodes with this tag; with any of the values when there are some."""
    return lambda node: key in node.tags and (not values or node.tags[key] in values)
