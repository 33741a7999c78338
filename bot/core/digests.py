"""From two views of an environment to a part of its digest: of all nodes, or of an owner's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol, TypeAlias, get_args

from bot.core.causes import View
from bot.core.comparing import Change, Group, grouped, moves, patch_id
from bot.core.digest_reports import (
    ChangeGroup,
    DueRow,
    FailedInstall,
    Hindered,
    NamedNode,
    Part,
    PatchTally,
    Ready,
    Standing,
)
from bot.core.figures import percent
from bot.core.history import Exposure, NodeState
from bot.core.judgement import Reason, Status
from bot.core.nodes import NodeKey
from bot.core.reports import NodeCounts, UnknownReasons

NAMED: Final = 5
PATCHES: Final = 5
WEEK: Final = timedelta(days=7)
DAY: Final = timedelta(days=1)
CLASSES: Final[tuple[str, ...]] = get_args(DueRow.model_fields["severity"].annotation)

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class DueDate(Protocol):
    """What holds for an open patch: its class and the first moment that is too late."""

    @property
    def severity(self) -> str: ...

    @property
    def at(self) -> datetime: ...


DueOf: TypeAlias = Callable[[Exposure], DueDate | None]
"""When an exposure must be closed; None for one that is waived."""


@dataclass(frozen=True, slots=True)
class Seen:
    """All that a part is made of. `exposures` are the open ones, `since` is the last digest.

    `known` are the ends of the operations whose patches are read, None where there is no history of patches. `failing`
    are the nodes on which the last Install failed, see `failing.py`; `offline` those whose agent does not answer.
    """

    before: View | None
    after: View
    changes: Sequence[Change]
    exposures: Sequence[Exposure]
    due_of: DueOf
    since: datetime | None
    now: datetime
    known: Mapping[NodeKey, datetime] | None = None
    failing: Mapping[NodeKey, str] = field(default_factory=dict)
    offline: frozenset[NodeKey] = frozenset()


def whole(seen: Seen) -> Part:
    """The part that all nodes are."""
    before = seen.before
    joined, left = 0, 0
    if before is not None:
        moved = moves(before.nodes, seen.after.nodes)
        joined, left = moved.joined, moved.left
    now = standing(seen.after)
    was = standing(before) if before is not None else None
    worse = [one for one in seen.changes if one.is_worse]
    better = [one for one in seen.changes if not one.is_worse]
    due = due_rows(seen)
    dark = sorted(
        (one for one in seen.after.nodes if one.status is Status.UNKNOWN),
        key=lambda one: (one.operation_end_time or _NEVER, one.key),
    )
    return Part(
        now=now,
        before=was,
        worse=tuple(_group(one) for one in grouped(worse)),
        better=tuple(_group(one) for one in grouped(better)),
        joined=joined,
        left=left,
        due=due,
        failing=_failing(seen),
        without_data=tuple(_without_data(one) for one in dark[:NAMED]),
        without_data_more=max(0, len(dark) - NAMED),
        details_missing=(
            details_missing(seen.after.nodes, seen.known) if seen.known is not None else 0
        ),
        unchanged=was is not None
        and not seen.changes
        and not (joined or left)
        and was.unknown_reasons == now.unknown_reasons
        and not any(row.newly_breached for row in due),
    )


def of_owner(seen: Seen, owner: str) -> Part:
    """The part that the nodes of an owner are. A node belongs to whom its tag names now, before as well."""
    wanted = owner.casefold()
    owners: dict[NodeKey, str] = {}
    for view in (seen.before, seen.after):
        owners.update({one.key: one.owner.casefold() for one in (view.nodes if view else ())})

    def restricted(view: View) -> View:
        nodes = tuple(one for one in view.nodes if owners[one.key] == wanted)
        return View(view.at, view.complete, nodes)

    return whole(
        replace(
            seen,
            before=restricted(seen.before) if seen.before is not None else None,
            after=restricted(seen.after),
            changes=[one for one in seen.changes if owners[one.node.key] == wanted],
        )
    )


def _failing(seen: Seen) -> tuple[FailedInstall, ...]:
    tally = Counter(seen.failing[one.key] for one in seen.after.nodes if one.key in seen.failing)
    ranked = sorted(tally.items(), key=lambda pair: (not pair[0], -pair[1], pair[0]))
    return tuple(FailedInstall(run=run, nodes=nodes) for run, nodes in ranked)


def standing(view: View) -> Standing:
    """The figures of the nodes of a view."""
    counted = [one for one in view.nodes if one.status is not Status.STOPPED]
    tally = Counter(one.status for one in counted)
    unknown = Counter(one.reasons for one in counted if one.status is Status.UNKNOWN)
    nodes = NodeCounts(
        total=len(counted),
        compliant=tally[Status.COMPLIANT],
        non_compliant=tally[Status.NON_COMPLIANT],
        unknown=tally[Status.UNKNOWN],
    )
    ends = [one.operation_end_time for one in counted if one.operation_end_time is not None]
    return Standing(
        at=view.at,
        nodes=nodes,
        unknown_reasons=UnknownReasons(
            never_scanned=unknown[(Reason.NEVER_SCANNED,)],
            stale=unknown[(Reason.STALE,)],
            unreadable=unknown[(Reason.UNREADABLE,)],
        ),
        failed=sum(one.failed > 0 for one in counted),
        pending_reboot=sum(one.installed_pending_reboot > 0 for one in counted),
        compliance_percent=percent(nodes),
        fresh=nodes.compliant + nodes.non_compliant,
        oldest_operation_end_time=min(ends, default=None),
        complete=view.complete,
    )


def details_missing(nodes: Iterable[NodeState], known: Mapping[NodeKey, datetime]) -> int:
    """Of how many non-compliant nodes the patches of the last operation are not read yet."""
    return sum(
        one.status is Status.NON_COMPLIANT
        and one.operation_end_time is not None
        and (one.key not in known or known[one.key] < one.operation_end_time.replace(microsecond=0))
        for one in nodes
    )


def due_rows(seen: Seen) -> tuple[DueRow, ...]:
    """What is past its deadline or will be within a week, by class, the most urgent first."""
    counted = {one.key: one for one in seen.after.nodes if one.status is not Status.STOPPED}
    found = {name: _Due() for name in CLASSES}
    for one in seen.exposures:
        due = seen.due_of(one) if one.is_open and one.key in counted else None
        if due is not None and due.at <= seen.now + WEEK:
            found[due.severity].add(one, due.at, seen, _hindrance(one, counted[one.key], seen))
    return tuple(due.row(name) for name, due in found.items() if due.patches)


_BY_STATE: Final = {
    "AvailableSecurityUpdate": "not_approved",
    "InstalledRejected": "rejected",
    "InstalledPendingReboot": "reboot",
}


def _hindrance(one: Exposure, node: NodeState, seen: Seen) -> str:
    """Why no Install can bring the patch at present, as pre-flight would say; empty where one can."""
    if one.key in seen.offline:
        return "offline"
    if node.status is Status.UNKNOWN:
        return "no_data"
    return _BY_STATE.get(one.patch.state, "")


@dataclass(slots=True)
class _Due:
    """What is due of a class. One pass over as many exposures as there may be; a patch is open once on a node."""

    breached: int = 0
    newly_breached: int = 0
    due: int = 0
    due_today: int = 0
    next_due: datetime | None = None
    late: set[NodeKey] = field(default_factory=set)
    soon: set[NodeKey] = field(default_factory=set)
    patches: Counter[str] = field(default_factory=Counter)
    urgent: Counter[str] = field(default_factory=Counter)
    ready: Counter[str] = field(default_factory=Counter)
    ready_late: set[NodeKey] = field(default_factory=set)
    hindered: dict[str, list[NodeKey]] = field(default_factory=dict)

    def add(self, one: Exposure, at: datetime, seen: Seen, hindrance: str) -> None:
        self.patches[patch_id(one.patch)] += 1
        if at <= seen.now + DAY:
            self._urgent(one, hindrance, late=at <= seen.now)
        if at <= seen.now:
            self.breached += 1
            self.newly_breached += seen.since is not None and at > seen.since
            self.late.add(one.key)
            return
        self.due += 1
        self.due_today += at <= seen.now + DAY
        self.soon.add(one.key)
        self.next_due = min(at, self.next_due or at)

    def _urgent(self, one: Exposure, hindrance: str, *, late: bool) -> None:
        if hindrance:
            self.hindered.setdefault(hindrance, []).append(one.key)
            return
        self.urgent[patch_id(one.patch)] += 1
        self.ready["breached" if late else "due_today"] += 1
        if late:
            self.ready_late.add(one.key)

    def row(self, severity: str) -> DueRow:
        ranked, urgent = _ranked(self.patches), _ranked(self.urgent)
        return DueRow(
            severity=severity,
            breached=self.breached,
            newly_breached=self.newly_breached,
            breached_nodes=len(self.late),
            due=self.due,
            due_today=self.due_today,
            due_nodes=len(self.soon),
            next_due=self.next_due,
            patches=tuple(PatchTally(id=name, nodes=nodes) for name, nodes in ranked[:PATCHES]),
            more_patches=max(0, len(ranked) - PATCHES),
            urgent=tuple(name for name, _ in urgent[:PATCHES]),
            more_urgent=max(0, len(urgent) - PATCHES),
            ready=Ready(breached_nodes=len(self.ready_late), **self.ready),
            hindered=tuple(
                Hindered(why=why, patches=len(keys), nodes=len(set(keys)))
                for why, keys in self.hindered.items()
            ),
        )


def _ranked(tally: Counter[str]) -> list[tuple[str, int]]:
    return sorted(tally.items(), key=lambda pair: (-pair[1], pair[0]))


def _group(group: Group) -> ChangeGroup:
    patches = group.patches
    return ChangeGroup(
        why=group.why,
        about=group.about,
        nodes=len(group.changes),
        non_compliant=group.non_compliant,
        unknown=group.unknown,
        named=tuple(_named(one.node) for one in group.changes[:NAMED]),
        more=max(0, len(group.changes) - NAMED),
        patches=tuple(PatchTally(id=name, nodes=number) for name, number in patches[:PATCHES]),
        more_patches=max(0, len(patches) - PATCHES),
    )


def _named(node: NodeState) -> NamedNode:
    return NamedNode(
        instance_id=node.key.instance_id,
        name=node.name,
        account=node.key.account,
        region=node.key.region,
        owner=node.owner,
    )


def _without_data(node: NodeState) -> NamedNode:
    return _named(node).model_copy(
        update={
            "reason": node.reasons[0] if node.reasons else None,
            "operation_end_time": node.operation_end_time,
        }
    )
