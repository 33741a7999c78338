"""Picking nodes out of a reading: the filters and orders of `nodes`, and finding one node by id or name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.core.figures import BREAKDOWNS, Judged, all_worst_first, platform, severity
from bot.core.judgement import Reason, Status

EVERY_STATE = "all"

# As `Attention` counts them, old patch states included: every figure leads to exactly its nodes.
_ATTENTION: dict[str, Callable[[Judged], bool]] = {
    "connection_lost": lambda one: one.seen.node.connection_lost,
    "pending_reboot": lambda one: (
        one.seen.state is not None and one.seen.state.installed_pending_reboot > 0
    ),
    "failed": lambda one: one.seen.state is not None and one.seen.state.failed > 0,
}

STATES = (
    EVERY_STATE,
    *(status.value for status in Status),
    *(reason.value for reason in Reason if reason not in _ATTENTION),
    *_ATTENTION,
)
"""What `state:` takes: a status, a reason, or something that wants attention."""

SEVERITIES = ("critical", "security", "other")
"""What `severity:` takes: the worst kind of non-compliance, in the baseline's words."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which nodes to show. An empty field filters nothing; all given ones must match.

    `os` and `name` match anywhere in the text, the others as a whole; case never matters.
    """

    state: str = Status.NON_COMPLIANT.value
    severity: str = ""
    os: str = ""
    owner: str = ""
    group: str = ""
    region: str = ""
    account: str = ""
    name: str = ""

    def matches(self, one: Judged) -> bool:
        """Whether the node is wanted."""
        node = one.seen.node
        return (
            self._state_matches(one)
            and self.severity in {"", severity(one)}
            and _within(self.os, f"{platform(one)} {node.platform_type}")
            and _within(self.name, f"{node.name} {node.instance_id}")
            and self._same("owner", self.owner, one)
            and self._same("group", self.group, one)
            and self._same("region", self.region, one)
            and self._same("account", self.account, one)
        )

    def _same(self, breakdown: str, wanted: str, one: Judged) -> bool:
        """As the breakdown names it, so that each of its rows leads to its nodes: “(no owner)” is a value, too."""
        return not wanted or wanted.casefold() == BREAKDOWNS[breakdown](one).casefold()

    def _state_matches(self, one: Judged) -> bool:
        if self.state == EVERY_STATE:
            return True
        if self.state in _ATTENTION:
            return one.verdict.status is not Status.STOPPED and _ATTENTION[self.state](one)
        return self.state in {one.verdict.status, *one.verdict.reasons}


def _within(wanted: str, text: str) -> bool:
    return not wanted or wanted.casefold() in text.casefold()


_NEVER = datetime.min.replace(tzinfo=UTC)


def _scanned(one: Judged) -> datetime:
    end = one.seen.state.operation_end_time if one.seen.state is not None else None
    return end or _NEVER


def _by_name(one: Judged) -> tuple[str, str]:
    return (one.seen.node.name.casefold(), one.seen.node.instance_id)


SORTS: dict[str, Callable[[Judged], object] | None] = {
    "worst": None,
    "name": _by_name,
    "oldest": _scanned,
    "missing": lambda one: -(one.seen.state.missing if one.seen.state is not None else 0),
    "os": lambda one: platform(one).casefold(),
    "owner": lambda one: one.seen.node.owner.casefold(),
}
"""What `sort:` takes. Equal nodes stay worst first."""


def select(judged: Iterable[Judged], wanted: Filter, *, sort: str = "worst") -> list[Judged]:
    """The wanted nodes in the wanted order. Raises KeyError for a sort that is not in SORTS."""
    found = all_worst_first(one for one in judged if wanted.matches(one))
    key = SORTS[sort]
    if key is not None:
        found.sort(key=key)  # type: ignore[arg-type]  # each key is comparable with itself
    return found


def find(judged: Iterable[Judged], text: str) -> tuple[list[Judged], list[Judged]]:
    """Nodes called exactly `text` (instance id or Name, case ignored), and nodes that merely contain it.

    An instance id wins over a Name that happens to look like it.
    """
    wanted = text.casefold()
    by_id, by_name, near = [], [], []
    for one in judged:
        node = one.seen.node
        if node.instance_id.casefold() == wanted:
            by_id.append(one)
        elif node.name.casefold() == wanted:
            by_name.append(one)
        elif wanted in node.name.casefold() or wanted in node.instance_id.casefold():
            near.append(one)
    return by_id or by_name, near
