"""A proposal: what somebody asks for, before it is resolved to nodes and sealed as a plan."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from bot.core.nodes import NodeKey
from bot.core.plans import Operation, RebootOption
from bot.core.selection import Filter

CONCURRENCY = re.compile(r"[1-9][0-9]{0,6}|[1-9][0-9]?%|100%")
ERRORS = re.compile(r"0|[1-9][0-9]{0,6}|[0-9]%|[1-9][0-9]%|100%")
"""What SendCommand takes as MaxConcurrency and MaxErrors (SSM API reference, SendCommand)."""
ALERT_ID = re.compile(r"A-[0-9]{1,10}")
DIGEST_ID = re.compile(r"D-[0-9]{1,10}/[0-9]{4}-[0-9]{2}-[0-9]{2}")
_REFERENCE = re.compile(f"(?:{ALERT_ID.pattern}|{DIGEST_ID.pattern})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What to do, where, and how carefully. None and empty stand for the defaults of the fleet's size.

    `only_patches` (KB numbers, package names or CVE ids) picks the nodes that miss one of them. `only_nodes` names the
    nodes whatever their state; so does `named`, as it was typed: ids of nodes, alerts and digests, by comma. Where both
    are given, `only_nodes` counts, and `named` says what it is asked for. `seen` is how many nodes the person saw when
    they asked.
    """

    environment: str
    operation: Operation
    filter: Filter = field(default_factory=Filter)
    only_patches: tuple[str, ...] = ()
    only_nodes: tuple[NodeKey, ...] = ()
    named: str = ""
    reboot_option: RebootOption = RebootOption.REBOOT_IF_NEEDED
    canary: int | None = None
    wave_size: int | None = None
    max_concurrency: str = ""
    max_errors: str = ""
    not_before: datetime | None = None
    reason: str = ""
    ticket: str = ""
    seen: int | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """What is `named`, each once; ids of alerts and digests in capitals."""
        words = [word.strip() for word in self.named.split(",")]
        return tuple(
            dict.fromkeys(one.upper() if _REFERENCE.fullmatch(one) else one for one in words if one)
        )

    @property
    def alerts(self) -> tuple[str, ...]:
        """The alerts from which it is asked for."""
        return tuple(word for word in self.words if ALERT_ID.fullmatch(word))

    def body(self) -> Mapping[str, Any]:
        """As plain data, for the inbox."""
        plain = asdict(self)
        plain["operation"] = self.operation.value
        plain["reboot_option"] = self.reboot_option.value
        plain["only_patches"] = list(self.only_patches)
        plain["only_nodes"] = [list(key) for key in self.only_nodes]
        plain["not_before"] = self.not_before.isoformat() if self.not_before else None
        return plain


def proposal_from(body: Mapping[str, Any]) -> Proposal:
    """The proposal behind such data. Raises KeyError, TypeError or ValueError when it is none."""
    when = body["not_before"]
    proposal = Proposal(
        environment=str(body["environment"]),
        operation=Operation(body["operation"]),
        filter=Filter(**body["filter"]),
        only_patches=tuple(map(str, body["only_patches"])),
        only_nodes=tuple(NodeKey(*key) for key in body["only_nodes"]),
        named=str(body.get("named", "")),
        reboot_option=RebootOption(body["reboot_option"]),
        canary=body["canary"],
        wave_size=body["wave_size"],
        max_concurrency=str(body["max_concurrency"]),
        max_errors=str(body["max_errors"]),
        not_before=datetime.fromisoformat(when) if when else None,
        reason=str(body["reason"]),
        ticket=str(body["ticket"]),
        seen=body["seen"],
    )
    for text, allowed in ((proposal.max_concurrency, CONCURRENCY), (proposal.max_errors, ERRORS)):
        if text and not allowed.fullmatch(text):
            raise ValueError(f"{text!r} is no limit")
    if (proposal.canary or 0) < 0 or (proposal.wave_size is not None and proposal.wave_size < 1):
        raise ValueError("a wave needs a node")
    if proposal.not_before is not None and proposal.not_before.tzinfo is None:
        raise ValueError("the start needs a zone")
    return proposal
