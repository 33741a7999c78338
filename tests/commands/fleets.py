"""Random fleets with the longest and the most hostile names that AWS lets people give."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from hypothesis import strategies as st

from bot.core.environments import Account, Environment, Target
from bot.core.errors import AccessDenied
from bot.core.nodes import ManagedNode, Observation, Patch, PatchState
from bot.core.readings import Gap, TargetReading
from tests.commands import fleet
from tests.oracles.hostile import HOSTILE

LONGEST_TAG = 256
REGIONS = ("eu-central-1", "us-east-1", "ap-southeast-2")
TARGETS = tuple(Target(Account(fleet.ACCOUNT), region) for region in REGIONS)
WORST_TEXTS = tuple(
    sign * LONGEST_TAG for sign in ("&", '"', "\\", "<", "W", "😀", "\u0958", "`", ":a")
)

texts: st.SearchStrategy[str] = st.one_of(
    st.sampled_from(HOSTILE).map(lambda text: text[:LONGEST_TAG]),
    st.sampled_from(WORST_TEXTS).map(lambda text: text[:LONGEST_TAG]),
    st.text(max_size=LONGEST_TAG),
    st.sampled_from(("web", "api", "")),
)
counts = st.sampled_from((0, 0, 1, 7, 99_999))


@st.composite
def observations(draw: st.DrawFn, number: int) -> Observation:
    """One node in any state."""
    node = ManagedNode(
        instance_id=f"mi-0{number:016x}",
        account=fleet.ACCOUNT,
        region=draw(st.sampled_from(REGIONS)),
        name=draw(texts),
        platform_name=draw(texts),
        platform_version=draw(texts),
        owner=draw(texts),
        ip_address=draw(texts),
        agent_version=draw(texts),
        ping_status=draw(st.sampled_from(("Online", "ConnectionLost", ""))),
        instance_state=draw(st.sampled_from(("running", "running", "stopped", ""))),
    )
    if draw(st.integers(0, 5)) == 0:
        return Observation(node)
    age = draw(st.sampled_from((None, 0, 3, 6, 8, 400)))
    state = PatchState(
        node.instance_id,
        patch_group=draw(texts),
        baseline_id=draw(texts),
        operation=draw(st.sampled_from(("Scan", "Install"))),
        operation_end_time=None if age is None else fleet.NOW - timedelta(days=age),
        missing=draw(counts),
        failed=draw(counts),
        installed_pending_reboot=draw(counts),
        installed_rejected=draw(counts),
        critical_non_compliant=draw(counts),
        security_non_compliant=draw(counts),
        available_security_updates=draw(counts),
    )
    return Observation(node, state, unread=draw(st.sampled_from(("", "", "Throttled & <late>"))))


patches: st.SearchStrategy[Patch] = st.builds(
    Patch,
    title=st.one_of(texts, st.sampled_from(HOSTILE)),
    kb_id=texts,
    classification=texts,
    severity=st.one_of(texts, st.sampled_from(("Critical", "Important", "Low"))),
    state=st.sampled_from(("Missing", "Failed", "InstalledPendingReboot")),
    cve_ids=st.lists(st.just("CVE-2026-12345") | texts, max_size=5).map(tuple),
)


@dataclass(frozen=True, repr=False)
class Drawn:
    """A drawn environment with its AWS. Its repr is short: the whole would drown what went wrong."""

    environment: Environment
    gateway: fleet.FakeGateway

    def __repr__(self) -> str:
        readings = self.gateway.readings.values()
        nodes = [len(one.observations) for one in readings if isinstance(one, TargetReading)]
        return f"<an environment of {nodes} nodes>"


@st.composite
def gateways(draw: st.DrawFn, most: int = 30) -> Drawn:
    """An environment of three Regions, some of which cannot be read, with patches of its first node."""
    found = [draw(observations(number)) for number in range(draw(st.integers(0, most)))]
    readings: dict[tuple[str, str], TargetReading | AccessDenied] = {}
    for target in TARGETS:
        there = tuple(seen for seen in found if seen.node.region == target.region)
        if draw(st.integers(0, 4)) == 0:
            readings["prod", target.region] = AccessDenied(draw(texts) or "no", hint=draw(texts))
        else:
            gap = Gap(fleet.ACCOUNT, target.region, draw(texts), nodes=1, hint=draw(texts))
            gaps = (gap,) * draw(st.sampled_from((0, 0, 9)))
            notices = tuple(draw(st.lists(texts, max_size=4)))
            readings["prod", target.region] = TargetReading(
                target, fleet.ACCOUNT, fleet.NOW, there, gaps, notices
            )
    ids = [seen.node.instance_id for seen in found]
    listed = {id_: tuple(draw(st.lists(patches, max_size=25))) for id_ in ids[:1]}
    return Drawn(Environment("prod", TARGETS), fleet.FakeGateway(readings, listed))


def big(size: int, seed: int, name: Callable[[random.Random, int], str]) -> fleet.FakeGateway:
    """A fleet of `size` nodes, all in one Region, two thirds of them non-compliant."""
    chance = random.Random(seed)
    found = []
    for number in range(size):
        missing = chance.choice((0, 3, 99))
        words = name(chance, number)
        found.append(
            fleet.scanned(
                fleet.managed(
                    number, words, owner=words, platform_name=words, platform_version=words
                ),
                patch_group=words,
                missing=missing,
                critical_non_compliant=min(missing, chance.randint(0, 2)),
            )
        )
    reading = TargetReading(TARGETS[0], fleet.ACCOUNT, fleet.NOW, tuple(found))
    return fleet.FakeGateway({("prod", TARGETS[0].region): reading})
