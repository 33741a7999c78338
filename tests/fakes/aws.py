"""A compliance gateway in memory, held to the same contract as the real one (tests/contract)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from bot.aws.checks import RightCheck
from bot.aws.rights import READING
from bot.core.environments import Environment, Selector, Target
from bot.core.errors import AccessDenied, AwsError
from bot.core.nodes import Baseline, ManagedNode, NodeKey, Observation, Patch, PatchState
from bot.core.ports import Clock, Progress
from bot.core.readings import Gap, TargetReading

PATCH_GROUP_TAGS = ("Patch Group", "PatchGroup")


@dataclass(frozen=True, slots=True)
class FakeNode:
    """A node as AWS knows it, whatever environment it belongs to."""

    node: ManagedNode
    state: PatchState | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    patches: tuple[Patch, ...] = ()

    def belongs(self, selector: Selector) -> bool:
        """Whether the selector picks it."""
        if not all(self.tags.get(key) in values for key, values in selector.tags.items()):
            return False
        if not selector.patch_groups:
            return True
        groups = {self.tags.get(key) for key in PATCH_GROUP_TAGS}
        if self.state is not None:
            groups.add(self.state.patch_group)
        return bool(groups & set(selector.patch_groups))


class FakeAws:
    """`ComplianceGateway` without AWS. Put nodes in, read targets, make it fail.

    `reads` are the targets read so far; `before_read` runs first in every read, on the reader's thread.
    """

    def __init__(self, *, clock: Clock | None = None, account: str = "123456789012") -> None:
        self.reads: list[Target] = []
        self.before_read: Callable[[Target], None] | None = None
        self._clock = clock or (lambda: datetime.now(UTC))
        self._account = account
        self._nodes: dict[NodeKey, FakeNode] = {}
        self._baselines: dict[tuple[str, str, str], Baseline] = {}
        self._reads_baselines = True
        self._failures: dict[Target, AwsError] = {}
        self._state_failures: dict[Target, tuple[AwsError, Collection[str] | None]] = {}
        self._lock = threading.Lock()

    def put(self, *nodes: FakeNode) -> None:
        """Add nodes, or replace those of the same key."""
        self._nodes |= {each.node.key: each for each in nodes}

    def remove(self, key: NodeKey) -> None:
        """The node deregisters."""
        del self._nodes[key]

    def put_baseline(self, target: Target, baseline: Baseline) -> None:
        """Add a baseline to a target."""
        self._baselines[(*self._place(target), baseline.baseline_id)] = baseline
        self._reads_baselines = True

    def forget_baselines(self) -> None:
        """From now on no baseline can be read, until one is put."""
        self._baselines.clear()
        self._reads_baselines = False

    def fail(self, target: Target, error: AwsError) -> None:
        """From now on nothing of the target can be read."""
        self._failures[target] = error

    def fail_states(
        self, target: Target, error: AwsError, *, ids: Collection[str] | None = None
    ) -> None:
        """From now on the patch states of these nodes (None: of all) cannot be read."""
        self._state_failures[target] = (error, ids)

    def recover(self) -> None:
        """Nothing fails any more."""
        self._failures.clear()
        self._state_failures.clear()

    def read_target(
        self, environment: Environment, target: Target, *, progress: Progress | None = None
    ) -> TargetReading:
        """See the port."""
        with self._lock:
            self.reads.append(target)
        if self.before_read is not None:
            self.before_read(target)
        read_at = self._clock()
        self._refuse(target)
        account, region = self._place(target)
        chosen = [
            known
            for key, known in sorted(self._nodes.items())
            if (key.account, key.region) == (account, region)
            and not known.node.terminated
            and known.belongs(environment.selector)
        ]
        observations = tuple(self._observe(environment, target, each) for each in chosen)
        if progress is not None:
            progress(str(target), len(observations), len(observations))
        return TargetReading(
            target, account, read_at, observations, self._gaps(target, observations)
        )

    def patches(self, key: NodeKey, target: Target) -> tuple[Patch, ...]:
        """See the port."""
        self._refuse(target)
        known = self._nodes.get(key)
        if known is None or (key.account, key.region) != self._place(target):
            raise AwsError(
                f"AWS answered ssm:DescribeInstancePatches in {target.region} with InvalidInstanceId.",
                code="InvalidInstanceId",
                operation="ssm:DescribeInstancePatches",
            )
        return known.patches

    def baseline(self, baseline_id: str, target: Target) -> Baseline:
        """See the port."""
        self._refuse(target)
        try:
            return self._baselines[(*self._place(target), baseline_id)]
        except KeyError:
            raise AwsError(
                f"AWS answered ssm:GetPatchBaseline in {target.region} with DoesNotExistException.",
                code="DoesNotExistException",
                operation="ssm:GetPatchBaseline",
            ) from None

    def check(self, target: Target) -> tuple[RightCheck, ...]:
        """Every right of the table: allowed, unless the target fails."""
        error = self._failures.get(target)
        return tuple(
            RightCheck(
                right.action,
                error is None,
                "allowed" if error is None else error.message,
                "" if error is None else error.hint,
                right.optional,
            )
            for right in READING
        )

    def close(self) -> None:
        """There is nothing to give back."""

    def _place(self, target: Target) -> tuple[str, str]:
        return target.account.id or self._account, target.region

    def _refuse(self, target: Target) -> None:
        if target in self._failures:
            raise self._failures[target]

    def _observe(self, environment: Environment, target: Target, known: FakeNode) -> Observation:
        groups = [value for key in PATCH_GROUP_TAGS if (value := known.tags.get(key))]
        node = replace(known.node, owner=known.tags.get(environment.owner_tag, ""))
        stateless = replace(node, patch_group_tag=groups[0] if groups else "")
        if node.stopped and not environment.selector.patch_groups:
            return Observation(stateless)  # its patch state is not asked for: it changes no number
        error, ids = self._state_failures.get(target, (None, ()))
        if error is not None and (ids is None or node.instance_id in ids):
            return Observation(stateless, unread=error.message)
        return Observation(
            stateless if known.state is None else node,
            known.state,
            counts_available_security_updates=self._counts_updates(target, known.state),
            undecided=not self._reads_baselines
            and known.state is not None
            and known.state.available_security_updates > 0,
        )

    def _counts_updates(self, target: Target, state: PatchState | None) -> bool:
        if state is None or not state.available_security_updates:
            return False
        baseline = self._baselines.get((*self._place(target), state.baseline_id))
        return baseline is not None and baseline.counts_available_security_updates

    def _gaps(self, target: Target, observations: tuple[Observation, ...]) -> tuple[Gap, ...]:
        error, _ = self._state_failures.get(target, (None, ()))
        unread = sum(bool(seen.unread) and not seen.node.stopped for seen in observations)
        if error is None or not unread:
            return ()
        account, region = self._place(target)
        return (
            Gap(
                account,
                region,
                error.message,
                nodes=unread,
                hint=error.hint,
                passing=not isinstance(error, AccessDenied),
                partial=True,
            ),
        )
