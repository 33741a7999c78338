"""What the simulated Systems Manager keeps per account and Region, beyond what moto keeps.

It hangs on moto's own backend object, so moto's reset wipes it together with everything else.
"""

import secrets
from bisect import bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import RLock
from typing import TYPE_CHECKING, Any

from moto.ec2.models import ec2_backends
from moto.ssm.models import SimpleSystemManagerBackend, ssm_backends

from bot.demo.aws.run_command.behaviour import Behaviour

if TYPE_CHECKING:
    from bot.demo.aws.run_command.clockwork import Event
    from bot.demo.aws.run_command.records import Command

ATTRIBUTE = "patchbot_region"
PATCH_REPORTS = ("AWS:ComplianceItem", "AWS:PatchCompliance")


@dataclass(frozen=True, slots=True)
class InventoryItem:
    """One inventory type of one node, as the last PutInventory left it."""

    type_name: str
    schema_version: str
    capture_time: str
    content_hash: str
    content: tuple[dict[str, str], ...]
    context: dict[str, str]


@dataclass(slots=True)
class BaselineExtras:
    """What moto forgets of an own patch baseline."""

    created: datetime
    available_security_updates: str | None


@dataclass(slots=True)
class RegionState:
    """The managed nodes, their inventory and the commands in one account and Region.

    `patches` are those of nodes on which a command ran, reported or not; a report from elsewhere replaces them.
    """

    ssm: SimpleSystemManagerBackend
    behaviour: Behaviour = field(default_factory=Behaviour)
    commands: dict[str, "Command"] = field(default_factory=dict)
    events: list["Event"] = field(default_factory=list)
    patches: dict[str, tuple[dict[str, str], ...]] = field(default_factory=dict)
    baselines: dict[str, BaselineExtras] = field(default_factory=dict)
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    lock: RLock = field(default_factory=RLock)
    _items: dict[str, dict[str, InventoryItem]] = field(default_factory=dict)
    _ids: list[str] = field(default_factory=list)
    _registered: dict[str, datetime] = field(default_factory=dict)
    _node_tags: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def account(self) -> str:
        """The account id."""
        return str(self.ssm.account_id)

    @property
    def name(self) -> str:
        """The Region's name."""
        return str(self.ssm.region_name)

    @property
    def ec2(self) -> Any:
        """moto's EC2 backend of the same account and Region."""
        return ec2_backends[self.account][self.name]

    def store(self, instance_id: str, item: InventoryItem) -> None:
        """Keep an uploaded inventory type; the first upload registers the node."""
        with self.lock:
            if instance_id not in self._items:
                self._items[instance_id] = {}
                self._registered[instance_id] = datetime.now(UTC)
                insort(self._ids, instance_id)
            if item.type_name in PATCH_REPORTS:
                self.patches.pop(instance_id, None)
            self._items[instance_id][item.type_name] = item

    def is_registered(self, instance_id: str) -> bool:
        """Whether the node has ever reported."""
        return instance_id in self._items

    def registered_at(self, instance_id: str) -> datetime:
        """When the node first reported."""
        return self._registered[instance_id]

    def item(self, instance_id: str, type_name: str) -> InventoryItem | None:
        """The node's inventory of a type; None when it never uploaded that."""
        return self._items.get(instance_id, {}).get(type_name)

    def ids(self, after: str = "") -> Iterator[str]:
        """The ids of all registered nodes behind `after`, in order."""
        with self.lock:
            rest = self._ids[bisect_right(self._ids, after) :]
        return iter(rest)

    def tags(self, instance_id: str) -> dict[str, str]:
        """EC2's tags of an instance; Systems Manager's own of a hybrid node."""
        if instance_id.startswith("mi-"):
            return self._node_tags.setdefault(instance_id, {})
        return dict(self.ec2.tags.get(instance_id) or {})

    def machines(self) -> dict[str, Any]:
        """EC2's instances by id, read once for a whole page."""
        reservations = list(self.ec2.reservations.values())
        return {machine.id: machine for each in reservations for machine in each.instances}


def state_of(backend: SimpleSystemManagerBackend) -> RegionState:
    """The state that belongs to one of moto's backends."""
    found: RegionState | None = backend.__dict__.get(ATTRIBUTE)
    if found is None:
        # setdefault is atomic: two threads that come first both get the same object.
        found = backend.__dict__.setdefault(ATTRIBUTE, RegionState(backend))
    return found


def region_state(account: str, region: str) -> RegionState:
    """The state of an account's Region, for seeding in process."""
    return state_of(ssm_backends[account][region])


def as_text(moment: datetime) -> str:
    """A UTC time as Systems Manager writes it in inventory items and events: whole seconds, and a Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
