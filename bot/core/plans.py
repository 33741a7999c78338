"""A plan: exactly what an approval is for. Sealed by the SHA-256 of everything in it.

What is sent is a subset of what was sealed, by instance id, never by tag. Anything that changes makes another digest,
and with it the votes are void.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from bot.core.audit import canonical
from bot.core.nodes import NodeKey

BATCH = 50
"""Instance ids in one SendCommand (SSM API reference, SendCommand, InstanceIds)."""


class Operation(StrEnum):
    """What AWS-RunPatchBaseline does."""

    SCAN = "Scan"
    INSTALL = "Install"


class RebootOption(StrEnum):
    """What an Install does afterwards. RebootIfNeeded reboots whenever anything was installed."""

    REBOOT_IF_NEEDED = "RebootIfNeeded"
    NO_REBOOT = "NoReboot"


@dataclass(frozen=True, slots=True)
class PlannedNode:
    """A node of a plan, with what was known of it when the plan was sealed.

    `patches` are the ids (`kb_id`) that an Install is expected to bring, `cves` what they fix; empty where they were
    not read. AWS tells CVEs of missing patches only, so the receipt needs those of before. Names are people's texts.
    """

    key: NodeKey
    name: str
    platform: str
    owner: str
    baseline_id: str
    missing: int
    failed: int
    pending_reboot: int
    critical: int
    security: int
    patches: tuple[str, ...] = ()
    cves: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """The Systems Manager document that runs, pinned."""

    name: str
    version: str
    hash: str


@dataclass(frozen=True, slots=True)
class Limits:
    """How carefully it runs. `max_concurrency` and `max_errors` are SendCommand's ("10%" or "5").

    `success_percent` of a wave's nodes must succeed before the next wave starts.
    """

    max_concurrency: str
    max_errors: str
    success_percent: int


@dataclass(frozen=True, slots=True)
class Batch:
    """One SendCommand: at most 50 nodes of one account and Region in one wave. `number` counts from 1."""

    number: int
    wave: int
    account: str
    region: str
    instance_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done to which nodes. `waves` hold node keys; the first wave is the canary.

    `only_patches` limits an Install to these patch ids; empty: everything that is approved.
    `not_before` is when it may start.
    """

    environment: str
    operation: Operation
    reboot_option: RebootOption
    nodes: tuple[PlannedNode, ...]
    waves: tuple[tuple[NodeKey, ...], ...]
    limits: Limits
    document: Document
    only_patches: tuple[str, ...] = ()
    not_before: datetime | None = None
    rehearsal: bool = False

    def body(self) -> Mapping[str, Any]:
        """Everything that is sealed, as plain data without floats."""
        return {
            "environment": self.environment,
            "operation": self.operation.value,
            "reboot_option": self.reboot_option.value,
            "nodes": [_node(node) for node in self.nodes],
            "waves": [[list(key) for key in wave] for wave in self.waves],
            "limits": {
                "max_concurrency": self.limits.max_concurrency,
                "max_errors": self.limits.max_errors,
                "success_percent": self.limits.success_percent,
            },
            "document": {
                "name": self.document.name,
                "version": self.document.version,
                "hash": self.document.hash,
            },
            "only_patches": list(self.only_patches),
            "not_before": self.not_before.isoformat() if self.not_before else None,
            "rehearsal": self.rehearsal,
        }

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical body, in hex."""
        return hashlib.sha256(canonical(self.body()).encode()).hexdigest()

    @property
    def code(self) -> str:
        """The first eight digits of the digest, as people compare them: "7F3A-91C2"."""
        return short_code(self.digest)

    @property
    def reboots(self) -> int:
        """How many nodes may reboot: every node of an Install with RebootIfNeeded."""
        rebooting = (
            self.operation is Operation.INSTALL
            and self.reboot_option is RebootOption.REBOOT_IF_NEEDED
        )
        return len(self.nodes) if rebooting else 0

    def batches(self) -> Iterator[Batch]:
        """The sends of the plan, wave by wave, in one fixed order."""
        number = 0
        for index, wave in enumerate(self.waves, start=1):
            places: dict[tuple[str, str], list[str]] = {}
            for key in wave:
                places.setdefault((key.account, key.region), []).append(key.instance_id)
            for (account, region), ids in sorted(places.items()):
                for start in range(0, len(ids), BATCH):
                    number += 1
                    yield Batch(number, index, account, region, tuple(ids[start : start + BATCH]))


def short_code(digest: str) -> str:
    """The code of a digest for people."""
    return f"{digest[:4]}-{digest[4:8]}".upper()


def _node(node: PlannedNode) -> Mapping[str, Any]:
    return {
        "key": list(node.key),
        "name": node.name,
        "platform": node.platform,
        "owner": node.owner,
        "baseline_id": node.baseline_id,
        "missing": node.missing,
        "failed": node.failed,
        "pending_reboot": node.pending_reboot,
        "critical": node.critical,
        "security": node.security,
        "patches": list(node.patches),
        "cves": list(node.cves),
    }


def plan_from(body: Mapping[str, Any]) -> Plan:
    """The plan behind a sealed body. Raises KeyError or ValueError when it is not one."""
    when = body["not_before"]
    return Plan(
        environment=body["environment"],
        operation=Operation(body["operation"]),
        reboot_option=RebootOption(body["reboot_option"]),
        nodes=tuple(_planned(node) for node in body["nodes"]),
        waves=tuple(tuple(NodeKey(*key) for key in wave) for wave in body["waves"]),
        limits=Limits(**body["limits"]),
        document=Document(**body["document"]),
        only_patches=tuple(body["only_patches"]),
        not_before=datetime.fromisoformat(when) if when else None,
        rehearsal=body["rehearsal"],
    )


def _planned(node: Mapping[str, Any]) -> PlannedNode:
    lists = {"key", "patches", "cves"}
    rest = {name: value for name, value in node.items() if name not in lists}
    return PlannedNode(
        key=NodeKey(*node["key"]),
        patches=tuple(node["patches"]),
        cves=tuple(node["cves"]),
        **rest,
    )
