"""Reads all that a plan rests on and drafts it: the fleet, operations under way, open runs, windows, the document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.core.environments import Target
from bot.core.errors import AwsError, NotFound, StorageError, UsageError
from bot.core.figures import Judged
from bot.core.history import HistoryStore
from bot.core.ledger import Ledger
from bot.core.nodes import NodeKey, Patch
from bot.core.plans import Document, Operation, Plan
from bot.core.ports import Clock, CommandGateway, Progress
from bot.core.proposals import Proposal
from bot.core.readings import Gap, Reading
from bot.core.rules import ChangeRules
from bot.core.runs import Run
from bot.core.selection import EVERY_STATE, select
from bot.core.wording import counted
from bot.services.compliance import Compliance
from bot.services.named_nodes import NamedNodes
from bot.services.planning import DOCUMENT, seal
from bot.services.preflight import Preflight, Surroundings, Window, check

PATCHES_NAMED = 500
"""Up to so many nodes the patches of each are read and sealed by id; of more, only their numbers."""
PATCHES_SEARCHED = 500
"""Among so many nodes `patches:` looks: each is a call of its own."""
CALLS_AT_ONCE = 8
AHEAD = timedelta(days=14)
_OPEN_PATCHES = frozenset({"Missing", "Failed"})


@dataclass(frozen=True, slots=True)
class Draft:
    """A proposal checked against the fleet of `as_of`. `plan` is None where something forbids it."""

    proposal: Proposal
    preflight: Preflight
    plan: Plan | None
    as_of: datetime


class Surveyor:
    """Drafts plans. Whatever it cannot read makes the plan partial, and a partial plan is none."""

    def __init__(
        self,
        compliance: Compliance,
        commands: CommandGateway,
        ledger: Ledger | None,
        *,
        rules: Mapping[str, ChangeRules],
        clock: Clock,
        history: HistoryStore | None = None,
    ) -> None:
        self._compliance = compliance
        self._commands = commands
        self._ledger = ledger
        self._named = NamedNodes(ledger, history)
        self._rules = dict(rules)
        self._clock = clock

    def rules(self, environment: str) -> ChangeRules:
        """The rules of the environment. Raises NotFound."""
        if environment not in self._rules:
            raise NotFound(f"There is no environment “{environment}” any more.")
        return self._rules[environment]

    def draft(
        self, proposal: Proposal, *, refresh: bool = False, progress: Progress | None = None
    ) -> Draft:
        """The plan for `proposal`, or why there can be none.

        Raises NotFound, UsageError where `patches:` would have to look at too many nodes, and AwsError when nothing
        at all could be read.
        """
        rules = self.rules(proposal.environment)
        reading, judged = self._compliance.judged(
            proposal.environment, refresh=refresh, progress=progress
        )
        wanted, hidden = self._wanted(proposal, reading, judged)
        around, unread = self._around(reading, wanted)
        now = self._clock()
        preflight = check(proposal, wanted, around, rules, gaps=(*hidden, *unread), now=now)
        plan = None
        if not preflight.refusals:
            preflight, plan = self._sealed(proposal, preflight, reading, rules)
        return Draft(proposal, preflight, plan, reading.as_of)

    def _wanted(
        self, proposal: Proposal, reading: Reading, judged: Sequence[Judged]
    ) -> tuple[Sequence[Judged], list[Gap]]:
        """The nodes that are asked for, and the gaps in which more of them may hide."""
        if proposal.only_nodes or proposal.named:
            named = set(proposal.only_nodes) or self._named.find(proposal, judged)
            beside = replace(proposal.filter, state=EVERY_STATE)
            places = {(key.account, key.region) for key in named}
            gaps = [gap for gap in reading.gaps if (gap.account, gap.region) in places]
            return [one for one in select(judged, beside) if one.seen.node.key in named], gaps
        wanted = select(judged, proposal.filter)
        region, account = proposal.filter.region.casefold(), proposal.filter.account
        gaps = [
            gap
            for gap in reading.gaps
            if region in {"", gap.region} and (not account or gap.account in {"", account})
        ]
        if not proposal.only_patches:
            return wanted, gaps
        return self._missing(proposal, wanted, gaps)

    def _missing(
        self, proposal: Proposal, wanted: Sequence[Judged], gaps: list[Gap]
    ) -> tuple[Sequence[Judged], list[Gap]]:
        """Those that miss one of the wanted patches, by KB number, package name or CVE id."""
        candidates = [
            one
            for one in wanted
            if one.seen.state is not None and (one.seen.state.missing or one.seen.state.failed)
        ]
        if len(candidates) > PATCHES_SEARCHED:
            raise UsageError(
                f"`patches:` would have to look into {counted(len(candidates), 'node')};"
                f" {PATCHES_SEARCHED:,} is the most.",
                hint="Narrow it down with another filter, for example `os:` or `owner:`.",
            )
        sought = {word.casefold() for word in proposal.only_patches}
        found = []
        for one, patches, gap in self._patches(proposal.environment, candidates):
            if gap is not None:
                gaps.append(gap)
            elif any(sought & _names(patch) for patch in patches):
                found.append(one)
        return found, gaps

    def _patches(
        self, environment: str, nodes: Sequence[Judged]
    ) -> list[tuple[Judged, tuple[Patch, ...], Gap | None]]:
        """The open patches of each node, or the gap where they could not be read."""
        with ThreadPoolExecutor(CALLS_AT_ONCE) as pool:
            details = list(pool.map(lambda one: self._compliance.patches(environment, one), nodes))
        return [
            (one, tuple(p for p in found.patches if p.state in _OPEN_PATCHES), found.gap)
            for one, found in zip(nodes, details, strict=True)
        ]

    def _around(self, reading: Reading, wanted: Sequence[Judged]) -> tuple[Surroundings, list[Gap]]:
        keys = [one.seen.node.key for one in wanted]
        at_work: dict[NodeKey, str] = {}
        windows: list[Window] = []
        gaps: list[Gap] = []
        for (account, region), target in _targets(reading, keys).items():
            try:
                busy = self._commands.at_work(target)
                window = self._commands.next_window(target)
            except AwsError as error:
                gaps.append(Gap(account, region, error.message, hint=error.hint))
                continue
            at_work |= {NodeKey(account, region, node): run for node, run in busy.items()}
            if window is not None:
                windows.append(Window(f"{account}/{region}".strip("/"), *window))
        around = Surroundings(
            at_work,
            self._in_runs(),
            self._last_scans(keys),
            tuple(sorted(windows, key=lambda one: (one.start, one.place))),
        )
        return around, gaps

    def _in_runs(self) -> dict[NodeKey, str]:
        if self._ledger is None:
            return {}
        runs = self._ledger.runs(only_open=True)
        return {key: run.id for run in runs for key in self._nodes_of(run, self._ledger)}

    def _nodes_of(self, run: Run, ledger: Ledger) -> Iterator[NodeKey]:
        """By its plan; one that cannot be read is no reason to ask for nothing else, so then by its sends."""
        try:
            plan = ledger.plan(run.digest)
        except StorageError:
            plan = None
        if plan is not None:
            yield from (node.key for node in plan.nodes)
            return
        for one in ledger.dispatches(run.id):
            place = (one.batch.account, one.batch.region)
            yield from (NodeKey(*place, each) for each in one.batch.instance_ids)

    def _last_scans(self, keys: Sequence[NodeKey]) -> dict[NodeKey, datetime]:
        """An instance id that stands for two nodes counts for both: at worst a scan comes later."""
        if self._ledger is None or not keys:
            return {}
        times = self._ledger.last_sent(
            Operation.SCAN.value, sorted({key.instance_id for key in keys})
        )
        return {key: times[key.instance_id] for key in keys if key.instance_id in times}

    def _sealed(
        self, proposal: Proposal, preflight: Preflight, reading: Reading, rules: ChangeRules
    ) -> tuple[Preflight, Plan | None]:
        keys = [one.seen.node.key for one in preflight.ready]
        documents: dict[Document, str] = {}
        for (account, region), target in _targets(reading, keys).items():
            found = self._commands.document(target, DOCUMENT)
            documents.setdefault(found, f"{account}/{region}".strip("/"))
        if len(documents) != 1:
            told = " and ".join(f"version {doc.version} in {at}" for doc, at in documents.items())
            refusal = (
                f"{DOCUMENT} is not the same everywhere ({told}), and a plan is for one document."
                " Ask for one Region or account at a time (`region:`, `account:`)."
            )
            return replace(preflight, refusals=(refusal,)), None
        patches: dict[NodeKey, tuple[Patch, ...]] = {}
        if proposal.operation is Operation.INSTALL and len(keys) <= PATCHES_NAMED:
            read = self._patches(proposal.environment, preflight.ready)
            patches = {one.seen.node.key: open_patches for one, open_patches, _ in read}
            if gaps := [gap for _, _, gap in read if gap is not None]:
                remark = (
                    f"The patches of {counted(len(gaps), 'node')} could not be read ({gaps[0].reason}):"
                    " of them the plan holds only how many they miss."
                )
                preflight = replace(preflight, remarks=(*preflight.remarks, remark))
        elif proposal.operation is Operation.INSTALL:
            remark = (
                f"With more than {PATCHES_NAMED:,} nodes their patches are not read one by one:"
                " the plan holds only how many each misses."
            )
            preflight = replace(preflight, remarks=(*preflight.remarks, remark))
        plan = seal(
            proposal, preflight.ready, rules, document=next(iter(documents)), patches=patches
        )
        return preflight, plan


def _targets(reading: Reading, keys: Sequence[NodeKey]) -> dict[tuple[str, str], Target]:
    """The account and Region of each node with the target through which it is read."""
    by_place = {(one.account, one.target.region): one.target for one in reading.targets}
    places = sorted({(key.account, key.region) for key in keys})
    return {place: by_place[place] for place in places}


def _names(patch: Patch) -> set[str]:
    """What `patches:` may call it: "KB5034441", "openssl.x86_64", "openssl", "CVE-2026-1111"."""
    kb_id = patch.kb_id.casefold()
    return {kb_id, kb_id.partition(".")[0], *(cve.casefold() for cve in patch.cve_ids)}
