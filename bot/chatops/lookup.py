"""Finds the one node that somebody means by an instance id or a Name, in every environment; it never guesses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from bot.chatops.grammar import Sentence, format_sentence
from bot.chatops.suggest import closest
from bot.core.errors import Ambiguous, AwsError, Candidate, NotFound, UsageError
from bot.core.figures import Judged
from bot.core.nodes import NodeKey
from bot.core.ports import Progress
from bot.core.readings import Gap, Reading
from bot.core.selection import find
from bot.core.wording import listed
from bot.services.compliance import Compliance

ENVIRONMENTS_AT_ONCE = 8
NEAR_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Found:
    """A node and the environments it belongs to; reading and verdict are those of the first.

    `hidden` is what could not be read where a Name was looked for: another node of that Name may be there.
    """

    judged: Judged
    reading: Reading
    environments: tuple[str, ...]
    hidden: tuple[Gap, ...] = ()


def look_up(
    compliance: Compliance,
    wanted: str,
    *,
    environment: str | None = None,
    account: str = "",
    region: str = "",
    refresh: bool = False,
    progress: Progress | None = None,
) -> Found:
    """The only node whose instance id or Name is `wanted`, case ignored; an id wins over a Name.

    Looks in `environment`, else in all; `account` and `region` narrow it down. Raises NotFound with the nodes of a
    like name, Ambiguous with the candidates, and AwsError when no environment could be read.
    """
    names = (environment,) if environment else compliance.environments

    def read(name: str) -> tuple[Reading, tuple[Judged, ...]] | AwsError:
        try:
            return compliance.judged(name, refresh=refresh, progress=progress)
        except AwsError as error:
            return error

    with ThreadPoolExecutor(min(ENVIRONMENTS_AT_ONCE, len(names))) as pool:
        answers = list(zip(names, pool.map(read, names), strict=True))
    errors = [answer for _, answer in answers if isinstance(answer, AwsError)]
    if len(errors) == len(names):
        raise errors[0]
    known, gaps = _merged(answers)
    searched = [
        one.judged
        for key, one in known.items()
        if account in {"", key.account} and region.casefold() in {"", key.region}
    ]
    exact, near = find(searched, wanted)
    matches = [known[one.seen.node.key] for one in exact]
    if not matches and environment and (there := _elsewhere(compliance, wanted, account, region)):
        raise NotFound(
            f"“{wanted}” is not in {environment}; it is in {listed(there[0].environments)}.",
            candidates=_candidates(there),
        )
    if not matches:
        near = near or _like(searched, wanted)
        alike = [known[one.seen.node.key] for one in near]
        raise _not_found(wanted, environment or "any environment", alike, gaps)
    if len(matches) > 1:
        raise Ambiguous(
            f"{len(matches):,} nodes are called “{wanted}”.",
            _candidates(matches),
            hint="Say which one; patchbot does not guess.",
        )
    by_id = exact[0].seen.node.instance_id.casefold() == wanted.casefold()
    return matches[0] if by_id else replace(matches[0], hidden=gaps)


def _elsewhere(compliance: Compliance, wanted: str, account: str, region: str) -> list[Found]:
    """The node where it was not looked for; nothing where several are called like it."""
    try:
        return [look_up(compliance, wanted, account=account, region=region)]
    except (AwsError, UsageError):
        return []


def places(gaps: Iterable[Gap]) -> str:
    """Where nothing could be read: "111122223333/us-east-1 and eu-west-1"."""
    return listed(dict.fromkeys(f"{gap.account}/{gap.region}".strip("/") for gap in gaps))


def _merged(
    answers: Iterable[tuple[str, tuple[Reading, tuple[Judged, ...]] | AwsError]],
) -> tuple[dict[NodeKey, Found], tuple[Gap, ...]]:
    """Every node once, with all environments it is in, and what could not be read."""
    known: dict[NodeKey, Found] = {}
    gaps: list[Gap] = []
    for name, answer in answers:
        if isinstance(answer, AwsError):
            gaps.append(Gap("", name, answer.message, hint=answer.hint))
            continue
        reading, judged = answer
        gaps += reading.gaps
        for one in judged:
            key = one.seen.node.key
            before = known.get(key)
            known[key] = (
                replace(before, environments=(*before.environments, name))
                if before
                else Found(one, reading, (name,))
            )
    return known, tuple(dict.fromkeys(gaps))


def _like(searched: Sequence[Judged], wanted: str) -> list[Judged]:
    """The nodes whose Name `wanted` was most likely meant to be."""
    meant = closest(wanted, (one.seen.node.name for one in searched))
    return [one for one in searched if meant and one.seen.node.name == meant]


def _not_found(wanted: str, where: str, alike: Sequence[Found], gaps: tuple[Gap, ...]) -> NotFound:
    hints = []
    if len(alike) > NEAR_SHOWN:
        hints.append(f"{len(alike):,} names are like it; here are {NEAR_SHOWN}.")
    elif alike:
        hints.append("Did you mean this one?" if len(alike) == 1 else "Did you mean one of these?")
    if gaps:
        hints.append(f"It may be where nothing could be read: {places(gaps)}.")
    hints.append("Only managed nodes are seen; a terminated one is nowhere.")
    return NotFound(
        f"No node in {where} has the id or Name “{wanted}”.",
        hint=" ".join(hints),
        candidates=_candidates(alike)[:NEAR_SHOWN],
    )


def _candidates(matches: Sequence[Found]) -> tuple[Candidate, ...]:
    """By name, each with a sentence that means it alone: with account and Region where one id means several nodes."""
    ids = [one.judged.seen.node.instance_id for one in matches]
    found = (
        _candidate(one, exactly=ids.count(id_) > 1) for one, id_ in zip(matches, ids, strict=True)
    )
    return tuple(sorted(found, key=lambda one: (one.label.casefold(), one.sentence)))


def _candidate(found: Found, *, exactly: bool) -> Candidate:
    node, first = found.judged.seen.node, found.environments[0]
    options = (("account", node.account), ("region", node.region)) if exactly else ()
    parts = (node.name, node.instance_id, f"{node.account}/{node.region}", *found.environments)
    return Candidate(
        " · ".join(part for part in parts if part),
        format_sentence(Sentence("node", (node.instance_id, first), options)),
    )
