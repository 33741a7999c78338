"""Every error whose text a person may read.

    PatchbotError
    ├── UsageError            what was typed cannot be understood: exit code 2
    ├── ConfigurationError    patchbot.toml, environment variables, secrets: exit code 2
    ├── NotAllowed            the person may not do this; carries the reason
    ├── NotFound              no such environment, node, …
    ├── Ambiguous             several things bear that name; carries the candidates
    ├── StorageError          a database file cannot be read or written
    │   └── Conflict          somebody else was first: the stored state is no longer what the change started from
    ├── AwsError              AWS answered no, or did not answer: exit code 4 when nothing at all was read
    │   ├── AccessDenied      a missing right; names the operation
    │   ├── Throttled         the time limit passed while AWS kept refusing the pace
    │   ├── Unreachable       no connection, no credentials, no such endpoint
    │   └── Stopping          patchbot itself is being stopped: this says nothing about AWS
    └── SlackError            Slack refused or could not be reached: exit code 4

Anything else that is raised is a fault of ours: the person sees an error id, the log has the rest.
"""

from __future__ import annotations

from typing import NamedTuple


class PatchbotError(Exception):
    """An error that explains itself: `message` says what was wrong, `hint` what to do next."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class Candidate(NamedTuple):
    """One thing that may have been meant: how people tell it from the others, and the sentence that means it alone."""

    label: str
    sentence: str


class UsageError(PatchbotError):
    """What was typed cannot be understood or is not allowed there; `candidates` are what may have been meant."""

    exit_code = 2

    def __init__(
        self, message: str, *, hint: str = "", candidates: tuple[Candidate, ...] = ()
    ) -> None:
        super().__init__(message, hint=hint)
        self.candidates = candidates


class ConfigurationError(PatchbotError):
    """The configuration is wrong or incomplete."""

    exit_code = 2


class NotAllowed(PatchbotError):
    """This person may not do this."""


class NotFound(UsageError):
    """Nothing bears that name; `candidates` are things with a name like it."""


class Ambiguous(UsageError):
    """Several things bear that name; patchbot never guesses which one was meant."""

    def __init__(self, message: str, candidates: tuple[Candidate, ...], *, hint: str = "") -> None:
        super().__init__(message, hint=hint, candidates=candidates)


class StorageError(PatchbotError):
    """A database file cannot be read or written: permissions, disk, damage."""


class Conflict(StorageError):
    """Somebody else was first: the stored state is no longer the one the change started from."""


class AwsError(PatchbotError):
    """AWS did not give what was asked for. `code` is AWS's own error code, or the kind of failure.

    `account` is the account that was asked, as far as that is known.
    """

    exit_code = 4

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        operation: str = "",
        hint: str = "",
        account: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.operation = operation
        self.account = account


class AccessDenied(AwsError):
    """The credentials lack a right."""


class Throttled(AwsError):
    """AWS kept refusing the pace until the time limit of the reading passed."""


class Unreachable(AwsError):
    """AWS could not be reached or asked: network, endpoint, credentials."""


class Stopping(AwsError):
    """patchbot is being stopped; what was under way was given up. Nothing about AWS is known from it."""


class SlackError(PatchbotError):
    """Slack refused a call or could not be reached. `code` is Slack's own error name."""

    exit_code = 4

    def __init__(self, message: str, *, code: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code
