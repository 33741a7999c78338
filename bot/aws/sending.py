"""Sends one SendCommand, once, and says what is certain about it.

SendCommand has no client token, and botocore's usual client repeats it up to five times when an answer is lost: so
nothing here ever tries again. What AWS certainly did not take is NotSent; everything else that is no answer is
OutcomeUnknown.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from bot.aws import failures
from bot.aws.clients import CONNECT_TIMEOUT, READ_TIMEOUT, Clients, user_agent
from bot.core.commands import NotSent, Order, OutcomeUnknown
from bot.core.environments import Account, Target
from bot.core.errors import PatchbotError
from bot.core.plans import BATCH
from bot.core.ports import Clock

LONGEST_MARK = 100
LONGEST_SESSION_NAME = 64
KEPT_SESSIONS = 8
HASH_TYPE = "Sha256"
# AWS may have taken the request before it said so.
_UNCERTAIN = failures.BROKEN | {"RequestTimeout", "RequestTimeoutException"}


class _TooLate(Exception):
    """The request was not handed to the connection: its time had passed."""


class _Again(Exception):
    """Somebody tried to send the request a second time; what became of the first one is not known."""


class _Guard:
    """Stands right before the connection: nothing passes outside its time by either clock, nothing passes twice.

    The monotonic clock cannot be set, and stands still while the machine is suspended; the wall clock goes on.
    """

    def __init__(
        self,
        not_after: float,
        between: tuple[datetime, datetime] | None,
        monotonic: Callable[[], float],
        clock: Clock,
    ) -> None:
        self.passed = False
        self._not_after = not_after
        self._between = between
        self._monotonic = monotonic
        self._clock = clock

    def __call__(self, **_: Any) -> None:
        if self.passed:
            raise _Again
        if self._monotonic() > self._not_after:
            raise _TooLate
        if self._between is not None and not self._between[0] <= self._clock() <= self._between[1]:
            raise _TooLate
        self.passed = True


class SendingClients(Clients):
    """Clients that make one call: no request is repeated, and no connection is one that AWS has closed meanwhile."""

    def __init__(self, *, session_name: str) -> None:
        super().__init__(connections=1)
        self.session_name = session_name[:LONGEST_SESSION_NAME]

    def for_one_call(self, account: Account, region: str) -> Any:
        """A client with fresh credentials and its own connection; whoever takes it closes it. Raises botocore's."""
        from botocore.config import Config
        from botocore.exceptions import NoCredentialsError

        with self._lock:
            session = self._session(account, region)
            credentials = session.get_credentials()
            if credentials is None:
                raise NoCredentialsError
            credentials.get_frozen_credentials()  # assumes the role now: a failure here is no failed send
            return session.create_client(
                "ssm",
                region_name=region,
                config=Config(
                    connect_timeout=CONNECT_TIMEOUT,
                    read_timeout=READ_TIMEOUT,
                    retries={"total_max_attempts": 1, "mode": "standard"},
                    user_agent_extra=user_agent(),
                ),
            )


class Sender:
    """Sends orders with the role for installs. Safe to use from several threads."""

    def __init__(
        self, monotonic: Callable[[], float] = time.monotonic, clock: Clock | None = None
    ) -> None:
        self._monotonic = monotonic
        self._clock = clock or (lambda: datetime.now(UTC))
        self._lock = threading.Lock()
        self._sessions: OrderedDict[str, SendingClients] = OrderedDict()

    def send(
        self,
        target: Target,
        order: Order,
        *,
        not_after: float = math.inf,
        between: tuple[datetime, datetime] | None = None,
    ) -> str:
        """Send once and return the command id. Nothing leaves after `not_after` by the monotonic clock, nor outside
        `between` by the wall clock.

        Raises NotSent when surely nothing runs, OutcomeUnknown when AWS may have it.
        """
        arguments = request_of(order)
        account, region = installer(target).account, target.region
        guard = _Guard(not_after, between, self._monotonic, self._clock)
        try:
            client = self._clients(order).for_one_call(account, region)
        except Exception as error:
            raise _not_sent(error, account, region) from error
        try:
            client.meta.events.register_first("before-send.ssm.SendCommand", guard)
            answer = client.send_command(**arguments)
        except Exception as error:
            if guard.passed and not _certainly_refused(error):
                raise _unknown(error, account, region) from error
            raise _not_sent(error, account, region) from error
        finally:
            client.close()
        command_id = str((answer.get("Command") or {}).get("CommandId") or "")
        if not command_id:
            raise OutcomeUnknown(
                f"AWS answered ssm:SendCommand in {region} without a command id.",
                code=failures.BAD_ANSWER,
                operation="ssm:SendCommand",
                hint="It is looked for; see Systems Manager, Run Command, in the AWS console.",
            )
        return command_id

    def _clients(self, order: Order) -> SendingClients:
        """Those of the order's run: its id stands in the session's name, so that CloudTrail tells whose send it was."""
        name = session_name(order.mark)
        with self._lock:
            found = self._sessions.pop(name, None) or SendingClients(session_name=name)
            self._sessions[name] = found
            while len(self._sessions) > KEPT_SESSIONS:
                self._sessions.popitem(last=False)
            return found


def installer(target: Target) -> Target:
    """The target with the role for installs in the place of the one for reading."""
    account = target.account
    return replace(target, account=replace(account, role=account.install_role or account.role))


def session_name(mark: str) -> str:
    """The RoleSessionName of a send: "patchbot-" and the run, of the characters that are allowed there."""
    run = mark.split(":")[1] if mark.count(":") >= 2 else ""
    allowed = "".join(
        each if each.isascii() and (each.isalnum() or each in "=,.@-") else "-" for each in run
    )
    return f"patchbot-{allowed}".rstrip("-")


def request_of(order: Order) -> dict[str, Any]:
    """The members of SendCommand: instance ids only, the document pinned. Raises NotSent for what may not be sent."""
    ids = order.instance_ids
    if not 1 <= len(ids) <= BATCH or len(set(ids)) < len(ids):
        raise NotSent(
            f"A send takes 1 to {BATCH} different nodes, not {len(ids)}.", code="BadOrder"
        )
    if not order.mark or len(order.mark) > LONGEST_MARK:
        raise NotSent("A send without a mark could not be found again.", code="BadOrder")
    if not (order.document.version and order.document.hash and order.snapshot_id):
        raise NotSent("A send needs its document pinned and a snapshot id.", code="BadOrder")
    return {
        "InstanceIds": list(ids),
        "DocumentName": order.document.name,
        "DocumentVersion": order.document.version,
        "DocumentHash": order.document.hash,
        "DocumentHashType": HASH_TYPE,
        "TimeoutSeconds": order.delivery_timeout_seconds,
        "Comment": order.mark,
        "Parameters": {
            "Operation": [order.operation.value],
            "RebootOption": [order.reboot_option.value],
            "SnapshotId": [order.snapshot_id],
        },
        "MaxConcurrency": order.max_concurrency,
        "MaxErrors": order.max_errors,
    }


def _certainly_refused(error: Exception) -> bool:
    """Whether AWS said no, or never got a byte of it. Anything unexpected is not certain."""
    from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError

    if isinstance(error, _TooLate | ConnectTimeoutError | EndpointConnectionError):
        return True
    if not isinstance(error, ClientError):
        return False
    status = (error.response.get("ResponseMetadata") or {}).get("HTTPStatusCode") or 0
    code = str((error.response.get("Error") or {}).get("Code") or "").rsplit("#", 1)[-1]
    # A bare number is the word of a proxy, not of AWS.
    return 400 <= status < 500 and bool(code) and not code.isdigit() and code not in _UNCERTAIN


def _not_sent(error: Exception, account: Account, region: str) -> NotSent:
    if isinstance(error, _TooLate):
        return NotSent(
            f"The time to send in {region} had passed; nothing was sent.",
            code="TooLate",
            hint="patchbot stood still in between. Ask again.",
        )
    told = _explained(error, account, region)
    code = getattr(told, "code", "")
    return NotSent(told.message, code=code, hint=told.hint, may_retry=code in failures.THROTTLES)


def _unknown(error: Exception, account: Account, region: str) -> OutcomeUnknown:
    told = _explained(error, account, region)
    return OutcomeUnknown(
        f"Whether AWS took the command is not known. {told.message}",
        code=getattr(told, "code", ""),
        operation="ssm:SendCommand",
        hint="It is looked for and not sent again.",
    )


def _explained(error: Exception, account: Account, region: str) -> PatchbotError:
    found = failures.explain(
        error, service="ssm", operation="SendCommand", account=account, region=region
    )
    return found or PatchbotError(f"ssm:SendCommand in {region} failed: {type(error).__name__}.")
