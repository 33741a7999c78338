"""From the nodes that may be touched to a sealed plan: the order, the waves and the limits. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from bot.core.figures import Judged, all_worst_first, platform
from bot.core.nodes import NodeKey, Patch, PatchState
from bot.core.plans import Document, Limits, Operation, Plan, PlannedNode, RebootOption
from bot.core.proposals import Proposal
from bot.core.rules import ChangeRules

DOCUMENT = "AWS-RunPatchBaseline"


@dataclass(frozen=True, slots=True)
class Pace:
    """How carefully a fleet of some size is treated: nodes in the canary, in each wave, and SendCommand's limits."""

    canary: int
    wave_size: int
    max_concurrency: str
    max_errors: str


_SCAN = Pace(0, 1000, "50", "100%")
_INSTALL = (
    (24, Pace(1, 10, "1", "1")),
    (100, Pace(2, 25, "5%", "5")),
    (1000, Pace(5, 100, "8%", "10")),
)
_LARGE = Pace(10, 250, "10%", "10")


def pace(nodes: int, operation: Operation) -> Pace:
    """The default for so many nodes.

    Concurrency and errors are those of the console's “Patch now” (User Guide, "Patching managed nodes on demand").
    """
    if operation is Operation.SCAN:
        return _SCAN
    return next((found for at_most, found in _INSTALL if nodes <= at_most), _LARGE)


def seal(
    proposal: Proposal,
    ready: Sequence[Judged],
    rules: ChangeRules,
    *,
    document: Document,
    patches: Mapping[NodeKey, tuple[Patch, ...]],
) -> Plan:
    """The plan for these nodes, the same for the same input whatever its order. Raises ValueError without a node."""
    if not ready:
        raise ValueError("a plan needs a node")
    usual = pace(len(ready), proposal.operation)
    ranked = all_worst_first(ready)
    keys = tuple(one.seen.node.key for one in ranked)
    scan = proposal.operation is Operation.SCAN
    return Plan(
        environment=proposal.environment,
        operation=proposal.operation,
        reboot_option=RebootOption.NO_REBOOT if scan else proposal.reboot_option,
        nodes=tuple(planned(one, patches.get(one.seen.node.key, ())) for one in ranked),
        waves=waves(
            spread(ranked),
            canary=usual.canary if proposal.canary is None else proposal.canary,
            wave_size=proposal.wave_size or usual.wave_size,
            rank={key: index for index, key in enumerate(keys)},
        ),
        limits=Limits(
            proposal.max_concurrency or usual.max_concurrency,
            proposal.max_errors or usual.max_errors,
            rules.success_percent,
        ),
        document=document,
        only_patches=tuple(sorted(set(proposal.only_patches))),
        not_before=proposal.not_before,
        rehearsal=rules.rehearsal,
    )


def spread(ranked: Sequence[Judged]) -> tuple[NodeKey, ...]:
    """An order in which every stretch holds its share of each account, Region and owner, the worst nodes first.

    So no wave takes away all the nodes of one owner or Region while another is untouched.
    """
    groups: dict[tuple[str, str, str], list[Judged]] = {}
    for one in ranked:
        node = one.seen.node
        groups.setdefault((node.account, node.region, node.owner), []).append(one)
    places = [
        (Fraction(2 * index + 1, 2 * len(members)), group, one.seen.node.key)
        for group, members in groups.items()
        for index, one in enumerate(members)
    ]
    return tuple(key for _, _, key in sorted(places))


def waves(
    order: Sequence[NodeKey], *, canary: int, wave_size: int, rank: Mapping[NodeKey, int]
) -> tuple[tuple[NodeKey, ...], ...]:
    """The canary (none for 0), then waves of `wave_size`; together every node once, inside a wave by `rank`."""
    first = min(max(canary, 0), len(order))
    size = max(wave_size, 1)
    cuts = [0, *([first] if first else []), *range(first + size, len(order), size), len(order)]
    bounds = sorted(set(cuts))
    return tuple(
        tuple(sorted(order[start:end], key=rank.__getitem__)) for start, end in pairwise(bounds)
    )


def planned(one: Judged, patches: tuple[Patch, ...]) -> PlannedNode:
    """A node as it is sealed, with what is known of it now; `patches` are those it lacks."""
    node = one.seen.node
    state = one.seen.state or PatchState(node.instance_id)
    return PlannedNode(
        key=node.key,
        name=node.name,
        platform=platform(one),
        owner=node.owner,
        baseline_id=state.baseline_id,
        missing=state.missing,
        failed=state.failed,
        pending_reboot=state.installed_pending_reboot,
        critical=state.critical_non_compliant,
        security=state.security_non_compliant,
        patches=tuple(sorted({patch.kb_id or patch.title for patch in patches})),
        cves=tuple(sorted({cve for patch in patches for cve in patch.cve_ids})),
    )
