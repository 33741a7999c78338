"""Reads one target: nodes, their patch states, their tags, all at once as far as one does not need the other."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from bot.aws import rows
from bot.aws.baselines import Baselines
from bot.aws.calls import Round
from bot.aws.enumeration import enumerate_nodes
from bot.aws.hybrids import HybridTags
from bot.aws.identities import Identities
from bot.aws.membership import Members, Tags
from bot.aws.states import CHUNK, patch_states
from bot.core.environments import Environment
from bot.core.errors import AccessDenied, AwsError
from bot.core.judgement import causes
from bot.core.nodes import ManagedNode, Observation, PatchState
from bot.core.ports import Progress
from bot.core.readings import Gap, TargetReading
from bot.core.wording import counted

UNDECIDED = "Whether available security updates count against these nodes could not be read."


@dataclass(slots=True)
class _Chunk:
    ids: tuple[str, ...]
    states: Future[dict[str, PatchState]]


class _Unread(NamedTuple):
    """Why nobody knows about a node."""

    reason: str
    cause: AwsError


@dataclass(slots=True)
class _Found:
    """What the patch state calls brought. A state is of no use where the baseline that judges it is unread."""

    states: dict[str, PatchState] = field(default_factory=dict)
    unread: dict[str, _Unread] = field(default_factory=dict)
    undecided: set[str] = field(default_factory=set)


class TargetReader:
    """One reading of one target; used once."""

    def __init__(
        self,
        environment: Environment,
        around: Round,
        *,
        identities: Identities,
        baselines: Baselines,
        hybrids: HybridTags,
        progress: Progress | None,
    ) -> None:
        self._environment = environment
        self._round = around
        self._identities = identities
        self._baselines = baselines
        self._progress = progress
        self._tags = Tags(environment, around, hybrids)
        self._nodes: dict[str, Mapping[str, Any]] = {}
        self._pending: list[str] = []
        self._passed_over: list[str] = []
        self._chunks: list[_Chunk] = []
        self._known = 0
        self._read = 0
        self._telling = threading.Lock()

    def read(self, read_at: datetime) -> TargetReading:
        """The reading. Raises AwsError when the nodes, or which of them belong, cannot be found out."""
        fallback = self._round.run(enumerate_nodes(self._page))
        present = {key: row for key, row in self._nodes.items() if not rows.gone(row)}
        if fallback:
            self._tags.see_no_names()
        members = self._members(present)
        self._pending += [key for key in self._passed_over if self._asks(key)]
        if self._environment.selector.tags:
            self._pending = [key for key in present if key in members.ids and self._asks(key)]
            self._known = len(self._pending)
        self._ask_states(self._pending)
        found = self._gather()
        chosen, undecided = self._chosen(present, members, found)
        counting = self._counting(chosen, found)
        # The numbers are complete: what follows is waited for a moment only.
        account, unchecked = self._identities.checked(self._round)
        ordered = sorted(chosen)
        owners = self._tags.owners(ordered)
        nodes, remarks = self._described(ordered, account, fallback, found, owners.names)
        return TargetReading(
            self._round.target,
            account,
            read_at,
            observations=tuple(_observation(node, found, counting) for node in nodes),
            gaps=self._gaps(account, nodes, found, undecided),
            notices=(
                *members.notices,
                *owners.notices,
                *remarks,
                *([unchecked] if unchecked else []),
            ),
            undecided={key: why.reason for key, why in undecided.items()},
            unowned=owners.unread,
        )

    # While enumerating: on a thread of the crew, one page after the other.

    def _page(self, page: list[Mapping[str, Any]]) -> None:
        new = []
        for row in page:
            key = row.get("InstanceId")
            if not key:
                continue
            known = self._nodes.get(key)
            if known is None:
                new.append(key)
            if known is None or _later(row, known):
                self._nodes[key] = row
        self._identities.start(self._round)
        self._tags.see(key for key in new if not rows.gone(self._nodes[key]))
        asked: list[str] = []
        for key in new:  # of those that are passed over a later row may differ
            (asked if self._asks(key) else self._passed_over).append(key)
        self._tell(known=len(asked))
        if self._environment.selector.tags:
            return  # which nodes to ask about is known when their tags are
        self._pending += asked
        whole = len(self._pending) - len(self._pending) % CHUNK
        ready, self._pending = self._pending[:whole], self._pending[whole:]
        self._ask_states(ready)

    def _asks(self, key: str) -> bool:
        """Whether the node's patch state matters: a stopped one's only to tell its patch group."""
        row = self._nodes[key]
        if rows.gone(row):
            return False
        return not rows.stopped(row) or bool(self._environment.selector.patch_groups)

    def _ask_states(self, ids: Sequence[str]) -> None:
        for start in range(0, len(ids), CHUNK):
            chunk = tuple(ids[start : start + CHUNK])
            states = self._round.start(patch_states(chunk))
            self._chunks.append(_Chunk(chunk, states))
            states.add_done_callback(partial(self._chunk_done, len(chunk)))

    def _chunk_done(self, nodes: int, _: Future[dict[str, PatchState]]) -> None:
        self._tell(read=nodes)

    def _tell(self, *, read: int = 0, known: int = 0) -> None:
        if self._progress is None:
            return
        with self._telling:
            self._read += read
            self._known += known
            told = (str(self._round.target), self._read, self._known)
        self._progress(*told)

    # Afterwards: on the thread that asked for the reading.

    def _members(self, present: Collection[str]) -> Members:
        selector = self._environment.selector
        if not present or not (selector.tags or selector.patch_groups):
            return Members()
        if selector.tags:
            return self._tags.selected(present)
        return self._tags.grouped(present)

    def _gather(self) -> _Found:
        found = _Found()
        for chunk in self._chunks:
            try:
                states: dict[str, PatchState] = self._round.wait(chunk.states)
                found.states.update(states)
            except AwsError as error:
                found.unread.update(dict.fromkeys(chunk.ids, _Unread(error.message, error)))
        return found

    def _chosen(
        self, present: Collection[str], members: Members, found: _Found
    ) -> tuple[set[str], dict[str, _Unread]]:
        """The ids of the environment's nodes, and those of which nobody could tell whether they are."""
        selector, name = self._environment.selector, self._environment.name
        if selector.tags:
            chosen = {key for key in present if key in members.ids}
            if members.doubt is None:
                return chosen, {}
            what = f"Which hybrid nodes belong to {name} could not be read"
            lost = {key for key in present if rows.hybrid(key) and key not in chosen}
            return chosen, _left_out(lost, name, what, members.doubt)
        if not selector.patch_groups:
            return set(present), {}
        groups = frozenset(selector.patch_groups)
        in_group = {key for key, state in found.states.items() if state.patch_group in groups}
        chosen = {key for key in present if key in members.ids or key in in_group}
        lost = {key for key in found.unread if key in present and key not in chosen}
        if not lost:
            return chosen, {}
        what = f"The patch group of {counted(len(lost), 'node')} could not be read"
        return chosen, _left_out(lost, name, what, found.unread[min(lost)].cause)

    def _described(
        self,
        chosen: Sequence[str],
        account: str,
        fallback: str,
        found: _Found,
        owners: Mapping[str, str],
    ) -> tuple[list[ManagedNode], tuple[str, ...]]:
        """The chosen nodes with groups and names, and remarks on what could not be read of them."""
        region = self._round.target.region
        groups, remarks = self._tags.groups(key for key in chosen if key not in found.states)
        names: dict[str, str] = {}
        if fallback:
            names, unnamed = self._tags.names()
            left_out = f"Stopped nodes are not shown for {self._round.target}: {fallback}."
            remarks = (*remarks, left_out, *unnamed)
        nodes = [
            rows.node(
                self._nodes[key],
                account=account,
                region=region,
                name=names.get(key, ""),
                owner=owners.get(key, ""),
                patch_group_tag=groups.get(key),
            )
            for key in chosen
        ]
        return nodes, remarks

    def _counting(self, chosen: Collection[str], found: _Found) -> frozenset[str]:
        """The baselines that count available security updates.

        Where its baseline cannot be read, nobody knows about a node that nothing else makes non-compliant.
        """
        states = {key: found.states[key] for key in chosen if key in found.states}
        counting, unread = self._baselines.counting(self._round, states.values())
        for key, state in states.items():
            error = unread.get(state.baseline_id)
            if error is None or not state.available_security_updates:
                continue
            found.undecided.add(key)
            if not causes(state, False):
                reason = f"{UNDECIDED} {error.message}"
                found.unread[key] = _Unread(reason, error)
        return counting

    def _gaps(
        self,
        account: str,
        nodes: Sequence[ManagedNode],
        found: _Found,
        undecided: Mapping[str, _Unread],
    ) -> tuple[Gap, ...]:
        unread = [
            found.unread[node.instance_id]
            for node in nodes
            if node.instance_id in found.unread and not node.stopped
        ]
        why = {one.reason: one.cause for one in (*unread, *undecided.values())}
        counts = Counter(one.reason for one in unread)
        return tuple(
            self._gap(account, why[reason], counts[reason], reason=reason) for reason in why
        )

    def _gap(self, account: str, error: AwsError, nodes: int, *, reason: str) -> Gap:
        return Gap(
            account=account,
            region=self._round.target.region,
            reason=reason,
            nodes=nodes,
            hint=error.hint,
            passing=not isinstance(error, AccessDenied),
            partial=True,
        )


def _left_out(
    keys: Collection[str], environment: str, what: str, cause: AwsError
) -> dict[str, _Unread]:
    """Nodes that may belong to the environment: those that did at the last reading are kept, see `completed`."""
    reason = f"{what}: those that were not in {environment} before are left out. {cause.message}"
    return dict.fromkeys(keys, _Unread(reason, cause))


def _later(row: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    """Of two rows for one node, on pages that drifted: terminated is for ever, else the later ping counts."""
    if rows.gone(known):
        return False
    return rows.gone(row) or rows.last_ping(row) >= rows.last_ping(known)


def _observation(node: ManagedNode, found: _Found, counting: frozenset[str]) -> Observation:
    state, unread = found.states.get(node.instance_id), found.unread.get(node.instance_id)
    return Observation(
        node,
        state,
        unread=unread.reason if unread is not None else "",
        counts_available_security_updates=(
            state is not None
            and state.available_security_updates > 0
            and state.baseline_id in counting
        ),
        undecided=node.instance_id in found.undecided,
    )
