"""The roll call before a send: which planned nodes are still there, still of the environment, and can be reached.

It takes nodes away and never adds one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.core.environments import Environment, Target
from bot.core.nodes import ManagedNode
from bot.core.plans import Plan
from bot.worker.context import Context

MOST_DROPPED_PERCENT = 20
"""More than that of a plan's nodes gone: it is no longer the plan people approved."""


@dataclass(frozen=True, slots=True)
class Roll:
    """Who answered. `dropped` tells for each missing node why."""

    present: tuple[str, ...]
    dropped: Mapping[str, str]


def call(
    ctx: Context,
    environment: Environment,
    target: Target,
    instance_ids: Sequence[str],
    *,
    during: str,
) -> Roll:
    """Ask AWS about these nodes of the target. Raises AwsError: then nothing may be sent.

    Who belongs to the environment is read once for all batches of a wave, which `during` names.
    """
    found = {node.instance_id: node for node in ctx.commands.nodes_now(target, instance_ids)}
    members = _members(ctx, environment, target, during)
    rules = ctx.rules.get(environment.name)
    never = rules.never if rules is not None else frozenset()
    dropped = {}
    for instance_id in instance_ids:
        reason = _missing(found.get(instance_id), environment, members)
        if instance_id in never:
            reason = "the configuration says by now that it is never a target ([installs] never)"
        if reason:
            dropped[instance_id] = reason
    return Roll(tuple(one for one in instance_ids if one not in dropped), dropped)


def too_many(plan: Plan, dropped: int) -> bool:
    """Whether so many of the plan's nodes are gone that its approval is void."""
    return dropped * 100 > MOST_DROPPED_PERCENT * len(plan.nodes)


def another_fleet(plan: Plan, dropped: int) -> str:
    """The reason when it is so."""
    return (
        f"{dropped} of {len(plan.nodes)} nodes are gone or may not be touched:"
        " the approval was for another fleet"
    )


def _missing(
    node: ManagedNode | None,
    environment: Environment,
    members: Mapping[str, datetime | None] | None,
) -> str:
    if node is None or node.terminated:
        return "it is gone"
    if node.stopped:
        return "it is stopped"
    if members is not None and node.instance_id not in members:
        return f"it does not belong to {environment.name} any more"
    if not node.online:
        return "its agent does not answer"
    return ""


def _members(
    ctx: Context, environment: Environment, target: Target, during: str
) -> Mapping[str, datetime | None] | None:
    """The ids that belong to the environment now; None where every managed node does."""
    if not environment.selector.tags and not environment.selector.patch_groups:
        return None
    return last_looks(ctx, environment, target, during=during)


def last_looks(
    ctx: Context, environment: Environment, target: Target, *, during: str
) -> Mapping[str, datetime | None]:
    """When each node of the environment there was last scanned or patched; None where that is not known."""
    key = ("members", environment.name, target, during)
    kept = ctx.memory.kept(key, for_at_most=ctx.timing.members_for)
    if isinstance(kept, Mapping):
        return kept
    reading = ctx.compliance.read_target(environment, target)
    found = {
        seen.node.instance_id: seen.state.operation_end_time if seen.state else None
        for seen in reading.observations
    }
    ctx.memory.keep(key, found)
    return found
