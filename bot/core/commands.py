"""Run Command as patchbot uses it: what is sent, and what is heard of it afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.core.errors import AwsError
from bot.core.plans import Document, Operation, RebootOption


class NotSent(AwsError):
    """AWS refused the send, or it never left: surely nothing runs. `may_retry` for a throttle and its like."""

    def __init__(
        self, message: str, *, code: str = "", hint: str = "", may_retry: bool = False
    ) -> None:
        super().__init__(message, code=code, operation="ssm:SendCommand", hint=hint)
        self.may_retry = may_retry


class OutcomeUnknown(AwsError):
    """No answer that tells whether AWS has the command: it is looked for, and never sent again."""


@dataclass(frozen=True, slots=True)
class Order:
    """One SendCommand. `mark` goes into Comment, `snapshot_id` into the parameters; both find it again."""

    instance_ids: tuple[str, ...]
    operation: Operation
    reboot_option: RebootOption
    document: Document
    snapshot_id: str
    mark: str
    max_concurrency: str
    max_errors: str
    delivery_timeout_seconds: int = 3600


@dataclass(frozen=True, slots=True)
class SentCommand:
    """A command as AWS knows it (ListCommands). `parameters_match` is decided by the caller from the members."""

    command_id: str
    document_name: str
    comment: str
    snapshot_id: str
    operation: str
    instance_ids: tuple[str, ...]
    requested_at: datetime | None
    status: str
    status_details: str
    expires_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class Invocation:
    """What one node made of a command (ListCommandInvocations with details).

    `response_code` is the exit code of the step that ran, None while there is none; `output` its last words, untrusted.
    """

    instance_id: str
    status: str
    status_details: str
    response_code: int | None = None
    output: str = ""
    requested_at: datetime | None = None
