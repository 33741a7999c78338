"""What changed between two snapshots of an environment: which nodes got worse and why, which got better and by what.

Each node that changed has one main reason (`causes.py`). So the reasons add up: over all changes, `non_compliant` and
`unknown` are the differences of those two counts, and no node is told twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from bot.core.causes import (
    Between,
    Cause,
    Evidence,
    Remedy,
    View,
    Why,
    failed_run,
    place,
    why_better,
    why_worse,
)
from bot.core.history import NodeState
from bot.core.judgement import Status
from bot.core.nodes import NodeKey, Patch


@dataclass(frozen=True, slots=True)
class Change:
    """A node that got worse or better. `node` is as it is now, or as it was where it is gone.

    `about` is the run, the baseline, or the account and Region behind `why`; `patches` are the ids of what was opened
    or closed. `non_compliant` and `unknown` are what it adds to the counts: -1, 0 or 1.
    """

    node: NodeState
    why: Cause | Remedy
    about: str = ""
    patches: tuple[str, ...] = ()
    non_compliant: int = 0
    unknown: int = 0

    @property
    def is_worse(self) -> bool:
        return isinstance(self.why, Cause)


@dataclass(frozen=True, slots=True)
class Moves:
    """How many nodes are counted that were not (new or started), and the other way round (gone or stopped)."""

    joined: int = 0
    left: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """Changes with the same reason, the worst nodes first."""

    why: Cause | Remedy
    about: str
    changes: tuple[Change, ...]

    @property
    def non_compliant(self) -> int:
        """What they add to the number of non-compliant nodes."""
        return sum(one.non_compliant for one in self.changes)

    @property
    def unknown(self) -> int:
        """What they add to the number of unknown nodes."""
        return sum(one.unknown for one in self.changes)

    @property
    def patches(self) -> tuple[tuple[str, int], ...]:
        """The patches behind it with the number of their nodes, the most frequent first."""
        tally = Counter(patch for one in self.changes for patch in one.patches)
        return tuple(sorted(tally.items(), key=lambda pair: (-pair[1], pair[0])))


def compare(before: View, after: View, between: Between) -> tuple[Change, ...]:
    """Every node that got worse or better, in the order of the keys.

    A node that stays non-compliant got worse (better) when more (less) is open on it, and worse when as much is open
    but some of it is new; that adds nothing to the counts.
    """
    evidence = Evidence(before, after, between)
    keys = sorted({*evidence.was, *evidence.now})
    found = (_change(key, evidence) for key in keys)
    return tuple(change for change in found if change is not None)


def moves(before: Iterable[NodeState], after: Iterable[NodeState]) -> Moves:
    """What changed the total; `joined` - `left` is by how much."""
    was, now = (
        {one.key for one in nodes if one.status is not Status.STOPPED} for nodes in (before, after)
    )
    return Moves(len(now - was), len(was - now))


def grouped(changes: Iterable[Change]) -> tuple[Group, ...]:
    """Changes by their reason and what it is about, the most nodes first."""
    by: dict[tuple[Cause | Remedy, str], list[Change]] = {}
    for one in changes:
        by.setdefault((one.why, one.about), []).append(one)
    groups = [
        Group(why, about, tuple(sorted(found, key=_badness))) for (why, about), found in by.items()
    ]
    return tuple(sorted(groups, key=lambda one: (-len(one.changes), one.why, one.about)))


def patch_id(patch: Patch) -> str:
    """What people call a patch: its KB number or package, else its title."""
    return patch.kb_id or patch.title


def _change(key: NodeKey, evidence: Evidence) -> Change | None:
    was, now = evidence.was.get(key), evidence.now.get(key)
    old, new = _bad(was), _bad(now)
    if was is not None and now is None and evidence.out_of_sight(key):
        if was.status is Status.STOPPED:
            return None
        return _told(was, old, new, (Cause.NOT_READABLE, place(key), ()))
    if old is new is Status.NON_COMPLIANT and was is not None and now is not None:
        return _within(was, now, evidence)
    if old is new:
        return None
    if now is not None and new is not None:
        return _told(now, old, new, why_worse(was, now, evidence))
    if was is None:
        return None
    return _told(now or was, old, new, why_better(was, now, evidence))


def _within(was: NodeState, now: NodeState, evidence: Evidence) -> Change | None:
    """A node that stays non-compliant. As many open patches as before may be other ones."""
    more = _open_on(now) - _open_on(was)
    bad = Status.NON_COMPLIANT
    if more < 0:
        return _told(now, bad, bad, why_better(was, now, evidence))
    failing = now.failed > was.failed or failed_run(was, now, evidence) is not None
    if more or failing or now.key in evidence.waivers_ended or evidence.opened(was):
        return _told(now, bad, bad, why_worse(was, now, evidence))
    if evidence.closed(was):
        return _told(now, bad, bad, why_better(was, now, evidence))
    return None


def _told(node: NodeState, old: Status | None, new: Status | None, found: Why) -> Change:
    why, about, exposures = found
    broken, unknown = Status.NON_COMPLIANT, Status.UNKNOWN
    return Change(
        node,
        why,
        about,
        tuple(sorted({patch_id(one.patch) for one in exposures})),
        (new is broken) - (old is broken),
        (new is unknown) - (old is unknown),
    )


def _bad(node: NodeState | None) -> Status | None:
    """Non-compliant or unknown; None for what is neither, and for what is not there."""
    if node is None or node.status not in {Status.NON_COMPLIANT, Status.UNKNOWN}:
        return None
    return node.status


def _open_on(node: NodeState) -> int:
    return node.missing + node.failed + node.installed_rejected + node.installed_pending_reboot


def _badness(one: Change) -> tuple[object, ...]:
    node = one.node
    return (-node.critical_non_compliant, -node.security_non_compliant, -_open_on(node), node.key)
