"""From events to alerts: one per cause, gathered for a while, then growing in place for as long as its cool-down lasts.

Events come in any order and more than once. So nothing here counts them: each is merged into a *fact* by taking the
latest times, and what is to be told follows from the facts. Merging is commutative and idempotent, and what is older
than what is known changes nothing. What was told stands in the ledger; the facts are only a cache.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from bot.core.events import ComplianceChanged
from bot.core.nodes import NodeKey
from bot.core.runs import Dispatch, DispatchState
from bot.core.wording import counted

INSTALL: Final = "Install"
CHUNK: Final = 200
"""Signs in one audit entry."""

_MAY_BECOME_SENT: Final = frozenset(
    {DispatchState.PLANNED, DispatchState.SENDING, DispatchState.UNKNOWN}
)


class AlertKind(StrEnum):
    """What somebody is told of."""

    NON_COMPLIANT = "non_compliant"
    INSTALL = "install"  # by somebody else than patchbot
    WINDOW = "window"  # an execution of a maintenance window failed or timed out


@dataclass(frozen=True, slots=True)
class NodeFact:
    """What events said of a node: when it was last non-compliant, and compliant. `told_at`: up to when it was told.

    `heard_at` is when the news that is not told yet was first heard.
    """

    node: NodeKey
    bad_at: datetime | None = None
    good_at: datetime | None = None
    told_at: datetime | None = None
    heard_at: datetime | None = None

    @property
    def news_at(self) -> datetime | None:
        """When it became non-compliant, while it is and nobody was told; None when there is no news.

        Of two events of the same second the worse one counts.
        """
        if self.bad_at is None or (self.good_at is not None and self.good_at > self.bad_at):
            return None
        recovered = self.told_at is None or (
            self.good_at is not None and self.good_at > self.told_at
        )
        return self.bad_at if recovered else None


@dataclass(frozen=True, slots=True)
class CommandFact:
    """What events said of a command, with those of its nodes that nobody was told of (and when it reached each).

    `heard_at` is when it was first heard of. A command whose own event has not come yet has no operation.
    """

    account: str
    region: str
    command_id: str
    heard_at: datetime
    document: str = ""
    operation: str = ""
    snapshot_id: str = ""
    nodes: Mapping[NodeKey, datetime] | None = None


@dataclass(frozen=True, slots=True)
class WindowFact:
    """An execution of a maintenance window that failed or timed out."""

    account: str
    region: str
    window_id: str
    execution_id: str
    status: str
    at: datetime
    heard_at: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is not told yet."""

    nodes: tuple[NodeFact, ...] = ()
    commands: tuple[CommandFact, ...] = ()
    windows: tuple[WindowFact, ...] = ()


class Owner(StrEnum):
    """Whose command it is."""

    OURS = "ours"
    UNDECIDED = "undecided"
    SOMEBODY_ELSE = "somebody_else"


@dataclass(frozen=True, slots=True)
class Sign:
    """Something that is to be told in an environment. `key` is its cause, `subject` what is told once.

    `name` is the node's and untrusted; `about` is the command or the window.
    """

    kind: AlertKind
    environment: str
    key: str
    subject: str
    at: datetime
    heard_at: datetime
    node: NodeKey | None = None
    name: str = ""
    about: str = ""

    def body(self) -> Mapping[str, Any]:
        """As plain data, for the audit log."""
        return {
            "subject": self.subject,
            "at": self.at.isoformat(),
            "node": list(self.node) if self.node else None,
            "name": self.name,
            "about": self.about,
        }


@dataclass(frozen=True, slots=True)
class Alert:
    """What people were told: a cause, and its signs so far. `id` is "A-12"."""

    id: str
    kind: AlertKind
    environment: str
    key: str
    raised_at: datetime
    signs: tuple[Sign, ...]

    @property
    def nodes(self) -> tuple[NodeKey, ...]:
        """The nodes it is about, each once, in order."""
        return tuple(sorted({sign.node for sign in self.signs if sign.node is not None}))

    @property
    def names(self) -> Mapping[NodeKey, str]:
        return {sign.node: sign.name for sign in self.signs if sign.node is not None}

    @property
    def about(self) -> tuple[str, ...]:
        """The commands or windows it is about, each once."""
        return tuple(dict.fromkeys(sign.about for sign in self.signs if sign.about))

    @property
    def first_at(self) -> datetime:
        return min(sign.at for sign in self.signs)

    @property
    def last_at(self) -> datetime:
        return max(sign.at for sign in self.signs)

    @property
    def told_at(self) -> datetime:
        """When people were told of the newest of its signs."""
        return max(sign.heard_at for sign in self.signs)

    @property
    def reason(self) -> str:
        """What happened, in words."""
        nodes = counted(len(self.nodes), "node")
        match self.kind:
            case AlertKind.NON_COMPLIANT:
                return f"{nodes} of {self.environment} became non-compliant"
            case AlertKind.INSTALL:
                what = "An Install" if len(self.about) == 1 else f"{len(self.about):,} Installs"
                return f"{what} that patchbot did not send on {nodes} of {self.environment}"
            case AlertKind.WINDOW:
                times = len({sign.subject for sign in self.signs})
                again = f", {times:,} times" if times > 1 else ""
                return f"A maintenance window failed in {self.environment}{again}"


@dataclass(frozen=True, slots=True)
class Step:
    """To tell these signs: in a new alert, or by the one of the id `grows`."""

    signs: tuple[Sign, ...]
    grows: str = ""


def merged(known: NodeFact, event: ComplianceChanged, now: datetime) -> NodeFact:
    """The fact with what the event says, whatever was heard before."""
    at, had_news = event.at, known.news_at is not None
    if event.compliant:
        known = replace(known, good_at=max(known.good_at or at, at))
    else:
        known = replace(known, bad_at=max(known.bad_at or at, at))
    if known.news_at is None:
        return replace(known, heard_at=None)
    return known if had_news else replace(known, heard_at=now)


def owner(
    fact: CommandFact, sends: Iterable[Dispatch], *, now: datetime, settle: timedelta
) -> Owner:
    """Whose the command is, by the sends that may be it: those with its id, and those whose id is not known yet.

    The id decides. A send of the same snapshot that has none yet may turn out to be this one; so may one that is just
    being recorded, which is why nothing is said before `settle`.
    """
    sends = tuple(sends)
    if any(one.command_id == fact.command_id for one in sends):
        return Owner.OURS
    may_be_it = any(
        one.state in _MAY_BECOME_SENT
        and bool(fact.snapshot_id)
        and one.snapshot_id == fact.snapshot_id
        for one in sends
    )
    if may_be_it or now - fact.heard_at < settle:
        return Owner.UNDECIDED
    return Owner.SOMEBODY_ELSE


def of_node(fact: NodeFact, environment: str, *, name: str = "") -> Sign | None:
    """The sign that a node became non-compliant; None when it is no news."""
    at = fact.news_at
    if at is None:
        return None
    return Sign(
        AlertKind.NON_COMPLIANT,
        environment,
        f"{AlertKind.NON_COMPLIANT}/{environment}",
        f"node/{'/'.join(fact.node)}",
        at,
        fact.heard_at or at,
        node=fact.node,
        name=name,
    )


def of_command(
    fact: CommandFact, node: NodeKey, at: datetime, environment: str, *, name: str = ""
) -> Sign:
    """The sign that somebody else runs an Install on a node. Runs of one document share an alert for its cool-down."""
    return Sign(
        AlertKind.INSTALL,
        environment,
        f"{AlertKind.INSTALL}/{environment}/{fact.document}",
        f"command/{fact.account}/{fact.region}/{fact.command_id}/{node.instance_id}",
        at,
        fact.heard_at,
        node=node,
        name=name,
        about=fact.command_id,
    )


def of_window(fact: WindowFact, environment: str) -> Sign:
    """The sign that an execution of a maintenance window failed."""
    return Sign(
        AlertKind.WINDOW,
        environment,
        f"{AlertKind.WINDOW}/{environment}/{fact.window_id}",
        f"window/{fact.account}/{fact.region}/{fact.execution_id}",
        fact.at,
        fact.heard_at,
        about=f"{fact.window_id}, {fact.status.lower().replace('_', ' ')}, {fact.account}/{fact.region}",
    )


def plan(
    signs: Iterable[Sign],
    known: Sequence[Alert],
    now: datetime,
    *,
    gather: timedelta,
    cool_down: timedelta,
) -> tuple[tuple[Step, ...], tuple[Sign, ...]]:
    """What is to be told now, and the signs that people know already.

    Signs of one cause are gathered for `gather` since the first of them was heard. While the last alert of that cause
    is younger than `cool_down` it grows; afterwards there is a new one.
    """
    told_at: dict[tuple[str, str], datetime] = {}
    for one in (sign for alert in known for sign in alert.signs):
        place = (one.key, one.subject)
        told_at[place] = max(told_at.get(place, one.at), one.at)
    by_key: defaultdict[str, list[Sign]] = defaultdict(list)
    old: list[Sign] = []
    for sign in signs:
        known_at = told_at.get((sign.key, sign.subject))
        if known_at is not None and known_at >= sign.at:  # of that, or of something later
            old.append(sign)
        else:
            by_key[sign.key].append(sign)
    steps = []
    for key, fresh in sorted(by_key.items()):
        if now - min(sign.heard_at for sign in fresh) < gather:
            continue
        active = [each for each in known if each.key == key and now - each.raised_at < cool_down]
        last = max(active, key=lambda each: each.raised_at, default=None)
        told = tuple(sorted(fresh, key=lambda sign: (sign.at, sign.subject)))
        steps.append(Step(told, last.id if last is not None else ""))
    return tuple(steps), tuple(old)


def bodies(signs: Sequence[Sign]) -> Iterable[Mapping[str, Any]]:
    """The audit entries that tell the signs, in parts of a bearable size."""
    first = signs[0]
    for start in range(0, len(signs), CHUNK):
        yield {
            "kind": first.kind.value,
            "environment": first.environment,
            "key": first.key,
            "signs": [sign.body() for sign in signs[start : start + CHUNK]],
        }


def alert_from(alert_id: str, told: Sequence[tuple[datetime, Mapping[str, Any]]]) -> Alert:
    """The alert behind its audit entries (when, and the body), oldest first. Raises KeyError, TypeError or ValueError
    where they are none.
    """
    raised_at, first = told[0]
    kind, environment, key = AlertKind(first["kind"]), str(first["environment"]), str(first["key"])
    signs = tuple(
        Sign(
            kind,
            environment,
            key,
            str(one["subject"]),
            datetime.fromisoformat(one["at"]),
            at,
            node=NodeKey(*one["node"]) if one["node"] else None,
            name=str(one["name"]),
            about=str(one["about"]),
        )
        for at, body in told
        for one in body["signs"]
    )
    return Alert(alert_id, kind, environment, key, raised_at, signs)
