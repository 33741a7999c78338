"""The rules of an environment for changes: who may ask, who must agree, how much at once, and when not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.identity import Members
from bot.core.plans import Operation
from bot.core.requests import Rules

NOBODY = Members()


@dataclass(frozen=True, slots=True)
class Freeze:
    """A time in which nothing is installed; `environments` empty: in all of them. `until` is the first free moment."""

    environments: tuple[str, ...]
    since: datetime
    until: datetime
    reason: str

    def holds(self, environment: str, moment: datetime) -> bool:
        """Whether `environment` is frozen at `moment`."""
        concerned = not self.environments or environment in self.environments
        return concerned and self.since <= moment < self.until


@dataclass(frozen=True, slots=True)
class ChangeRules:
    """What holds for changes in one environment, as configured. Admins are among requesters and approvers.

    `never` are instance ids that are never a target. `channel` gets cards of runs, `approval_channel` those that wait
    for a decision; the latter is the former where it is not given. `alerts` are the kinds of alerts that are raised,
    and with `auto_request` patchbot itself may ask for an Install.
    """

    environment: str
    requesters: Members = NOBODY
    approvers: Members = NOBODY
    admins: Members = NOBODY
    break_glass: Members = NOBODY
    approvals: int = 1
    protected: bool = False
    scan_approval: bool = False
    rehearsal: bool = False
    channel: str = ""
    approval_channel: str = ""
    alerts: frozenset[str] = frozenset()
    auto_request: bool = False
    max_targets: int = 500
    count_confirmation_over: int = 50
    success_percent: int = 95
    expires_after: timedelta = timedelta(minutes=60)
    time_limit: timedelta = timedelta(hours=4)
    ticket_pattern: str = ""
    never: frozenset[str] = frozenset()
    scans_per_node_and_hour: int = 4
    freezes: tuple[Freeze, ...] = ()
    mention_approvers: bool = True

    @property
    def called(self) -> Members:
        """Who is called by name where a decision is wanted: the approvers, admins only where there are no others."""
        if not self.mention_approvers:
            return NOBODY
        own = Members(
            users=self.approvers.users - self.admins.users,
            usergroups=self.approvers.usergroups - self.admins.usergroups,
        )
        return own if own.users or own.usergroups else self.approvers

    @property
    def asks_in(self) -> str:
        """The channel where approval cards go; empty where none is configured."""
        return self.approval_channel or self.channel

    @property
    def between_scans(self) -> timedelta:
        """How long patchbot leaves a node alone after it had it scanned."""
        return timedelta(hours=1) / self.scans_per_node_and_hour

    def for_request(self, operation: Operation) -> Rules:
        """What a new request of that operation needs. A scan changes nothing and is free unless configured."""
        free = operation is Operation.SCAN and not self.scan_approval
        return Rules(self.approvers, 0 if free else self.approvals, self.protected)

    def frozen_at(self, moment: datetime) -> Freeze | None:
        """The freeze that holds at `moment` and lasts longest."""
        holding = [one for one in self.freezes if one.holds(self.environment, moment)]
        return max(holding, key=lambda one: one.until, default=None)

    def count_must_be_typed(self, nodes: int) -> bool:
        """Whether an approver must type how many nodes it is."""
        return self.protected or nodes > self.count_confirmation_over

    def ticket_is_fine(self, ticket: str) -> bool:
        """Whether the ticket is what the configuration asks for; any will do where it asks for none."""
        return not self.ticket_pattern or bool(re.fullmatch(self.ticket_pattern, ticket))
