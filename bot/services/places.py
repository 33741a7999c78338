"""Where a node that an event names belongs: looked up in the last readings, without asking AWS."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from bot.core.judgement import causes
from bot.core.nodes import NodeKey, Observation
from bot.core.readings import Reading
from bot.services.compliance import Compliance


class Places:
    """Which environments a node is in, by the last readings as they are now."""

    def __init__(self, compliance: Compliance) -> None:
        found = ((name, compliance.last(name)) for name in compliance.environments)
        self._by_name = {name: reading for name, reading in found if reading is not None}
        self._compliant: dict[NodeKey, datetime] = {}
        self._nodes: defaultdict[NodeKey, list[tuple[str, str]]] = defaultdict(list)
        for name, reading in self._by_name.items():
            for seen in reading.observations:
                self._nodes[_key(seen.node.key)].append((name, seen.node.name))
                if end := _compliant_by(seen):
                    self._compliant[_key(seen.node.key)] = end

    def near(self, node: NodeKey) -> tuple[Reading, ...]:
        """The readings of the node's account and Region, whether they know it or not."""
        return tuple(each for each in self._by_name.values() if _reads(each, node))

    def of(self, node: NodeKey) -> tuple[tuple[str, str], ...]:
        """The environments of the node, each with the node's name there."""
        found = self._nodes.get(node) or self._nodes.get(node._replace(account="")) or ()
        return tuple(found)

    def is_compliant_since(self, node: NodeKey, moment: datetime) -> bool:
        """Whether an operation that ended after that moment left nothing open on it."""
        end = self._compliant.get(node) or self._compliant.get(node._replace(account=""))
        return end is not None and end > moment

    def is_gone_since(self, node: NodeKey, moment: datetime) -> bool:
        """Whether all that is read where the node was has been read whole after that moment, and does not have it."""
        near = self.near(node)
        fresh = all(each.as_of > moment and not each.gaps for each in near)
        return bool(near) and fresh and not self.of(node)

    def at(self, account: str, region: str) -> tuple[str, ...]:
        """The environments that are read in that account and Region."""
        return tuple(
            name
            for name, reading in self._by_name.items()
            if any(
                target.target.region == region and _account(target.account) in {"", account}
                for target in reading.targets
            )
        )


def _compliant_by(seen: Observation) -> datetime | None:
    """The end of the operation by which the node is compliant; None where it is not, or nobody knows."""
    state = seen.state
    if state is None or seen.unread or causes(state, seen.counts_available_security_updates):
        return None
    return state.operation_end_time


def _account(account: str) -> str:
    """Empty where nobody could say which account it is (“self”): events always do."""
    return account if account.isdigit() else ""


def _key(key: NodeKey) -> NodeKey:
    return key._replace(account=_account(key.account))


def _reads(reading: Reading, node: NodeKey) -> bool:
    return any(
        one.target.region == node.region and _account(one.account) in {"", node.account}
        for one in reading.targets
    )
