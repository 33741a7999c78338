"""Which nodes of a target belong to the environment, and who owns them: what tags are asked for and what they say.

EC2's DescribeTags knows instances, stopped ones too; Systems Manager's tag filters know hybrid nodes, and running
instances where EC2 may not be asked. Membership is never guessed: what neither of them tells is an error or a gap.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field

from bot.aws import rows
from bot.aws.calls import Round
from bot.aws.enumeration import tagged_nodes
from bot.aws.failures import briefly
from bot.aws.hybrids import HybridTags
from bot.aws.tags import MOST_VALUES, OPERATION, PAGE, values_of
from bot.core.environments import Environment
from bot.core.errors import AwsError
from bot.core.wording import counted

PATCH_GROUP_TAGS = ("Patch Group", "PatchGroup")


@dataclass(frozen=True, slots=True)
class Members:
    """Ids that belong by their tags. `doubt` says why hybrid nodes may be missing, None when they are not."""

    ids: frozenset[str] = frozenset()
    notices: tuple[str, ...] = ()
    doubt: AwsError | None = None


@dataclass(frozen=True, slots=True)
class Owners:
    """Instance id → owner. `unread` are those whose owner could not be read; the notices say why."""

    names: Mapping[str, str]
    unread: frozenset[str]
    notices: tuple[str, ...]


@dataclass(slots=True)
class Tags:
    """The questions about tags of one reading. `see` starts what the nodes seen so far make necessary."""

    environment: Environment
    round: Round
    hybrids: HybridTags
    _members: list[Future[dict[str, str]]] = field(default_factory=list)
    _owners: Future[dict[str, str]] | None = None
    _names: Future[dict[str, str]] | None = None
    _systems_manager: list[Future[set[str]]] = field(default_factory=list)
    _asked_ec2: bool = False
    _instances: int = 0
    _refused: bool = False
    _of_hybrids: dict[str, dict[str, str]] = field(default_factory=dict)

    def see(self, instance_ids: Iterable[str]) -> None:
        """Nodes were found: ask EC2 about the first instance, Systems Manager about the first hybrid node."""
        for instance_id in instance_ids:
            if rows.hybrid(instance_id):
                self._ask_systems_manager()
                continue
            self._instances += 1
            if not self._asked_ec2:
                self._ask_ec2()

    def owners(self, chosen: Collection[str]) -> Owners:
        """Who owns the chosen nodes, and what could not be read."""
        hybrids = [key for key in chosen if rows.hybrid(key)]
        owners, notices = self._hybrid_owners(hybrids)
        unread = {key for key in hybrids if key not in owners} if notices else set()
        if self._owners is not None:
            try:
                tagged: dict[str, str] = self.round.wait_aside(self._owners, OPERATION)
                owners |= tagged
            except AwsError as error:
                self._refused = True
                unread |= {key for key in chosen if not rows.hybrid(key)}
                notices = (
                    f"Owners in {self.round.target} are shown as far as they were known before: {briefly(error)}.",
                    *notices,
                )
        return Owners(owners, frozenset(unread), notices)

    def _hybrid_owners(self, ids: list[str]) -> tuple[dict[str, str], tuple[str, ...]]:
        if not ids or not self.environment.owner_tag:
            return {}, ()
        tags, error = self.hybrids.read(self.round, ids)
        self._of_hybrids = tags
        owners = {key: each.get(self.environment.owner_tag, "") for key, each in tags.items()}
        if len(tags) == len(ids):
            return owners, ()
        nodes = f"{counted(len(ids) - len(tags), 'hybrid node')} in {self.round.target}"
        why = f": {briefly(error)}" if error is not None else ": a few are read each time"
        return owners, (f"Owners of {nodes} are shown as far as they were known before{why}.",)

    def groups(self, instance_ids: Iterable[str]) -> tuple[dict[str, str], tuple[str, ...]]:
        """Instance id → patch group by tag, empty where it has none, of nodes whose patch state does not tell it.

        Takes what `owners` brought. Where EC2 was asked nothing so far it is not asked now: a node that is not in
        the answer has a group that nobody knows.
        """
        groups, instances = {}, []
        for key in instance_ids:
            if key in self._of_hybrids:
                groups[key] = _group(self._of_hybrids[key])
            elif not rows.hybrid(key):
                instances.append(key)
        if not instances or self._refused or not (self._owners or self._members):
            return groups, ()
        futures = [
            self.round.start(values_of(PATCH_GROUP_TAGS, of=some))
            for some in self._in_filters(instances)
        ]
        tagged: dict[str, str] = {}
        try:
            for future in futures:
                page: dict[str, str] = self.round.wait_aside(future, OPERATION)
                tagged |= page
        except AwsError as error:
            what = "Patch groups of nodes without a patch state"
            return groups, (f"{what} are not shown for {self.round.target}: {briefly(error)}.",)
        return groups | {key: tagged.get(key, "") for key in instances}, ()

    def _in_filters(self, instance_ids: list[str]) -> list[list[str]]:
        """In pieces that a filter takes; in one, which takes no filter, where that makes no more pages."""
        starts = range(0, len(instance_ids), MOST_VALUES)
        if self._instances <= PAGE * len(starts):
            return [instance_ids]
        return [instance_ids[at : at + MOST_VALUES] for at in starts]

    def see_no_names(self) -> None:
        """The nodes were found without their names: ask EC2."""
        if self._asked_ec2:
            self._names = self.round.start(values_of(["Name"]))

    def names(self) -> tuple[dict[str, str], tuple[str, ...]]:
        """Instance id → Name tag, for a reading whose enumeration had no names."""
        if self._names is None:
            return {}, ()
        try:
            return self.round.wait_aside(self._names, OPERATION), ()
        except AwsError as error:
            return {}, (f"Names are not shown for {self.round.target}: {briefly(error)}.",)

    def selected(self, instance_ids: Iterable[str]) -> Members:
        """Which of these nodes bear the environment's tags. Raises AwsError when nobody can tell."""
        hybrids = any(rows.hybrid(instance_id) for instance_id in instance_ids)
        instances, refusal = self._by_ec2()
        if instances and not hybrids:
            return Members(instances)
        try:
            ids = instances | self._by_systems_manager()
        except AwsError as error:
            if refusal is not None:
                raise
            return Members(instances, doubt=error if hybrids else None)
        return Members(ids, notices=self._stopped_left_out(refusal))

    def grouped(self, instance_ids: Iterable[str]) -> Members:
        """Which of these nodes bear a tag of the environment's patch groups, as far as tags can be read."""
        hybrids = any(rows.hybrid(instance_id) for instance_id in instance_ids)
        ids, error = self._by_ec2()
        if hybrids or error is not None:
            try:
                ids |= self._by_systems_manager()
            except AwsError as refusal:
                error = refusal
            else:
                return Members(ids, notices=self._stopped_left_out(error))
        notice = (
            ""
            if error is None
            else (
                f"Nodes that were never scanned may be left out of {self.environment.name} in "
                f"{self.round.target}, as patch group tags cannot be read: {briefly(error)}."
            )
        )
        return Members(ids, notices=(notice,) if notice else ())

    def _ask_ec2(self) -> None:
        self._asked_ec2 = True
        selector, start = self.environment.selector, self.round.start
        for key, values in selector.tags.items():
            self._members.append(start(values_of([key], among=values, aside=False)))
        if selector.patch_groups:
            asked = values_of(PATCH_GROUP_TAGS, among=selector.patch_groups, aside=False)
            self._members.append(start(asked))
        if self.environment.owner_tag:
            self._owners = start(values_of([self.environment.owner_tag]))

    def _ask_systems_manager(self) -> None:
        if self._systems_manager:
            return
        selector = self.environment.selector
        questions: list[Mapping[str, tuple[str, ...]]] = (
            [selector.tags] if selector.tags else []
        ) + [{key: selector.patch_groups} for key in PATCH_GROUP_TAGS if selector.patch_groups]
        self._systems_manager = [self.round.start(tagged_nodes(asked)) for asked in questions]

    def _by_ec2(self) -> tuple[frozenset[str], AwsError | None]:
        try:
            tagged: list[dict[str, str]] = [self.round.wait(future) for future in self._members]
        except AwsError as error:
            return frozenset(), error
        found = [frozenset(values) for values in tagged]
        return (frozenset.intersection(*found) if found else frozenset()), None

    def _by_systems_manager(self) -> frozenset[str]:
        self._ask_systems_manager()
        found = [self.round.wait(future) for future in self._systems_manager]
        return frozenset().union(*found)

    def _stopped_left_out(self, refusal: AwsError | None) -> tuple[str, ...]:
        if refusal is None:
            return ()
        where = f"{self.environment.name} in {self.round.target}"
        return (f"Stopped nodes of {where} are not counted: {briefly(refusal)}.",)


def _group(tags: Mapping[str, str]) -> str:
    return next((tags[key] for key in PATCH_GROUP_TAGS if tags.get(key)), "")
