"""Commands and their invocations as Systems Manager keeps them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.demo.aws.run_command.behaviour import Fate
from bot.demo.aws.run_command.documents import Document

# Status by StatusDetails ("Understanding command statuses", Systems Manager User Guide).
STATUS = {
    "Pending": "Pending",
    "InProgress": "InProgress",
    "Success": "Success",
    "Failed": "Failed",
    "Cancelling": "Cancelling",
    "Cancelled": "Cancelled",
    "Terminated": "Cancelled",
    "Undeliverable": "Failed",
    "AccessDenied": "Failed",
    "Incomplete": "Failed",
    "NoInstancesInTag": "Failed",
    "DeliveryTimedOut": "TimedOut",
    "ExecutionTimedOut": "TimedOut",
}
ERRORS = frozenset({"Failed", "ExecutionTimedOut"})  # what counts against MaxErrors


@dataclass(slots=True)
class Invocation:
    """A command on one node. `details` is its StatusDetails; `taken` once it has its turn under MaxConcurrency."""

    instance_id: str
    platform: str
    details: str = "Pending"
    taken: bool = False
    fate: Fate | None = None
    started: datetime | None = None
    finished: datetime | None = None
    response_code: int = -1
    output: str = ""

    @property
    def status(self) -> str:
        """The coarser word."""
        return STATUS[self.details]

    @property
    def is_over(self) -> bool:
        """Whether it will never change again."""
        return self.details not in ("Pending", "InProgress")


@dataclass(slots=True)
class Command:
    """An accepted SendCommand."""

    command_id: str
    document: Document
    parameters: Mapping[str, Sequence[str]]
    request: Mapping[str, Any]
    requested_at: datetime
    visible_at: datetime
    expires_after: datetime
    invocations: dict[str, Invocation]
    max_concurrency: int
    max_errors: int
    operation: str
    cancelled: bool = False
    details: str = "Pending"
    errors: int = field(default=0)

    @property
    def status(self) -> str:
        """The coarser word."""
        return STATUS[self.details]

    @property
    def is_over(self) -> bool:
        """Whether every node's outcome is known (ExecutionStage Complete)."""
        return all(each.is_over for each in self.invocations.values())

    def count(self, *details: str) -> int:
        """How many nodes are in one of these states."""
        return sum(each.details in details for each in self.invocations.values())

    def judge(self) -> str:
        """StatusDetails of the whole, from those of its nodes."""
        if not self.is_over:
            if self.cancelled:
                return "Cancelling"
            begun = any(each.details != "Pending" for each in self.invocations.values())
            return "InProgress" if begun else "Pending"
        if not self.invocations:
            return "NoInstancesInTag"
        if self.cancelled:
            return "Cancelled"
        if self.count("Success") == len(self.invocations):
            return "Success"
        if self.errors > self.max_errors:
            return "Failed"
        if self.count("DeliveryTimedOut") == len(self.invocations):
            return "DeliveryTimedOut"
        return "Incomplete"


def limit(text: str, targets: int, *, least: int) -> int:
    """MaxConcurrency or MaxErrors as a number of nodes."""
    if not text.endswith("%"):
        return max(least, int(text))
    return max(least, int(text[:-1]) * targets // 100)
