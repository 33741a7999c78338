"""What one reading of an environment brought, target by target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from bot.core.environments import UNKNOWN_ACCOUNT, Target
from bot.core.nodes import NodeKey, Observation


@dataclass(frozen=True, slots=True)
class Gap:
    """A part of the fleet that could not be read: its nodes count as unknown.

    `nodes` is how many nodes that concerns as far as anybody knows; `last_read_at` is when they were last read
    (None: never, so nobody knows how many there are). `passing` is True for what may be over at any moment (a throttle,
    a time-out), False for a refusal, which lasts until somebody acts. `partial` is True where the rest was read.
    """

    account: str
    region: str
    reason: str
    nodes: int = 0
    last_read_at: datetime | None = None
    hint: str = ""
    passing: bool = False
    partial: bool = False


@dataclass(frozen=True, slots=True)
class TargetReading:
    """One account and Region, as read at `read_at` (None: it has never been read).

    `undecided` are the ids of nodes of which nobody could tell whether they belong, with the reason of the gap that
    says so; `unowned` are those whose owner could not be read. Both are for `completed`, and kept nowhere.
    """

    target: Target
    account: str
    read_at: datetime | None
    observations: tuple[Observation, ...] = ()
    gaps: tuple[Gap, ...] = ()
    notices: tuple[str, ...] = ()
    undecided: Mapping[str, str] = field(default_factory=dict)
    unowned: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Reading:
    """All targets of an environment. `as_of` is when the reading was made; `source` is "aws" or "cache".

    `remarks` are for whoever asked, and are kept nowhere.
    """

    environment: str
    as_of: datetime
    targets: tuple[TargetReading, ...]
    source: str = "aws"
    remarks: tuple[str, ...] = ()

    @property
    def observations(self) -> tuple[Observation, ...]:
        """Every node once, terminated ones nowhere, in one fixed order."""
        found = {
            seen.node.key: seen
            for target in self.targets
            for seen in target.observations
            if not seen.node.terminated
        }
        return tuple(found[key] for key in sorted(found))

    @property
    def gaps(self) -> tuple[Gap, ...]:
        return tuple(gap for target in self.targets for gap in target.gaps)

    @property
    def notices(self) -> tuple[str, ...]:
        """Remarks that change no number (a tag that could not be read), each once."""
        noticed = (notice for target in self.targets for notice in target.notices)
        return tuple(dict.fromkeys((*self.remarks, *noticed)))


def known_since(last: TargetReading) -> datetime | None:
    """How old the oldest part of what is known of a target is; None when nothing is."""
    times = [last.read_at, *(gap.last_read_at for gap in last.gaps)]
    return min((time for time in times if time is not None), default=None)


def completed(now: TargetReading, last: TargetReading | None) -> TargetReading:
    """A reading whose unread nodes have the patch state of the last reading; they stay unknown.

    So do those that belonged then, where nobody can tell now. What was known of them is old, not gone: the gap says how
    old. An owner who could not be read is that of the last reading.
    """
    if last is None:
        return now
    now = _named(now, last)
    if not (now.gaps or now.unowned):
        return now
    before = {seen.node.key: seen for seen in last.observations}
    now = replace(now, observations=tuple(_owned(seen, now, before) for seen in now.observations))
    observations = tuple(
        replace(
            seen,
            state=before[seen.node.key].state,
            counts_available_security_updates=before[
                seen.node.key
            ].counts_available_security_updates,
        )
        if seen.unread and seen.state is None and seen.node.key in before
        else seen
        for seen in now.observations
    )
    belonged = tuple(
        replace(seen, unread=now.undecided[seen.node.instance_id])
        for seen in last.observations
        if seen.node.instance_id in now.undecided
    )
    counted = Counter(seen.unread for seen in belonged if not seen.node.stopped)
    since = known_since(last)
    gaps = tuple(
        replace(
            gap,
            nodes=gap.nodes + counted[gap.reason],
            last_read_at=gap.last_read_at or since,
        )
        for gap in now.gaps
    )
    return replace(now, observations=(*observations, *belonged), gaps=gaps)


def _named(now: TargetReading, last: TargetReading) -> TargetReading:
    """By the account of the last reading where nobody could tell it now: else every node would be another one."""
    account = last.account
    if now.account != UNKNOWN_ACCOUNT or account in {"", UNKNOWN_ACCOUNT}:
        return now
    return replace(
        now,
        account=account,
        observations=tuple(
            replace(seen, node=replace(seen.node, account=account)) for seen in now.observations
        ),
        gaps=tuple(replace(gap, account=account) for gap in now.gaps),
    )


def _owned(
    seen: Observation, now: TargetReading, before: Mapping[NodeKey, Observation]
) -> Observation:
    known = before.get(seen.node.key)
    if known is None or seen.node.instance_id not in now.unowned:
        return seen
    return replace(seen, node=replace(seen.node, owner=known.node.owner))


def failed(target: Target, last: TargetReading | None, gap: Gap) -> TargetReading:
    """A target that could not be read now: its nodes by the last reading, every one of them unreadable."""
    if last is None:
        return TargetReading(target, gap.account, None, gaps=(gap,))
    known = tuple(replace(seen, unread=gap.reason) for seen in last.observations)
    counted = sum(not (seen.node.stopped or seen.node.terminated) for seen in known)
    told = replace(gap, account=last.account, nodes=counted, last_read_at=known_since(last))
    return TargetReading(target, last.account, last.read_at, known, (told,), last.notices)
