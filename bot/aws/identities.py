"""Which account the credentials belong to: asked once per session, and never in the way of a reading.

A configured account id is no proof. Credentials of another account would show another fleet's numbers under its name.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

from bot.aws.calls import GIVEN_UP, TIME_LIMIT, Call, Round, Steps
from bot.aws.clients import Clients
from bot.aws.failures import briefly
from bot.core.environments import UNKNOWN_ACCOUNT, Account, Target
from bot.core.errors import AwsError, Throttled

OPERATION = "sts:GetCallerIdentity"
ASK_AGAIN_AFTER = 600.0


class Identities:
    """Account ids by session: each role is one, all accounts without are one. Safe to use from several threads."""

    def __init__(self, clients: Clients, monotonic: Callable[[], float]) -> None:
        self._clients = clients
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._asked: dict[Account, tuple[float, Future[str]]] = {}

    def start(self, around: Round) -> Future[str]:
        """Begin to find out; the same future for everybody who asks meanwhile."""
        session, now = _session(around.target.account), self._monotonic()
        with self._lock:
            asked = self._asked.get(session)
            if asked is None or (_failed(asked[1]) and now - asked[0] > ASK_AGAIN_AFTER):
                asked = (now, around.start(self._ask(around.target)))
                self._asked[session] = asked
            return asked[1]

    def checked(self, around: Round) -> tuple[str, str]:
        """The account that is read, UNKNOWN_ACCOUNT when nobody knows, and a notice where it could not be checked.

        Raises AwsError when the credentials belong to another account than the configured one.
        """
        configured = around.target.account.id
        try:
            told = self.told(around)
        except AwsError as error:
            if not configured:
                return UNKNOWN_ACCOUNT, ""
            notice = f"That the credentials belong to account {configured} is not checked: {briefly(error)}."
            return configured, notice
        if configured and told != configured:
            raise AwsError(
                f"The credentials belong to account {told}, not {configured}.",
                code="OtherAccount",
                operation=OPERATION,
                hint=f'Give the account a role: {{ id = "{configured}", role = "…" }}, or correct its id.',
            )
        return told, ""

    def told(self, around: Round) -> str:
        """The id of the account that the credentials belong to. Raises AwsError when it cannot be had soon."""
        for last in (False, True):
            try:
                return around.wait_aside(self.start(around), OPERATION)
            except Throttled:
                self._forget(around.target.account)
                raise
            except AwsError as error:
                if last or error.code not in {GIVEN_UP, TIME_LIMIT}:
                    raise
                # It was another reading's question, and that one ended: ask again ourselves.
                self._forget(around.target.account)
        raise AssertionError("unreachable")

    def known(self, account: Account) -> str:
        """The account id if it was found out before, else empty. Asks nobody."""
        with self._lock:
            asked = self._asked.get(_session(account))
        if asked is None or not asked[1].done() or asked[1].exception() is not None:
            return ""
        return asked[1].result()

    def _forget(self, account: Account) -> None:
        with self._lock:
            self._asked.pop(_session(account), None)

    def _ask(self, target: Target) -> Steps[str]:
        by_role = self._clients.account_of_role(target.account)
        if by_role:
            return by_role
        answer = yield Call("sts", "GetCallerIdentity", {}, aside=True)
        told = str(answer.get("Account") or "")
        if not told:
            raise AwsError(f"{OPERATION} names no account.", code="NoAccount", operation=OPERATION)
        return told


def _session(account: Account) -> Account:
    return account if account.role else Account()


def _failed(future: Future[str]) -> bool:
    return future.done() and future.exception() is not None
