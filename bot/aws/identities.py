"""Which account the credentials belong to, asked once per account and never in the way of a reading."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

from bot.aws.calls import GIVEN_UP, TIME_LIMIT, Call, Round, Steps
from bot.aws.clients import Clients
from bot.core.environments import Account, Target
from bot.core.errors import AwsError, Throttled

UNKNOWN_ACCOUNT = "self"
ASK_AGAIN_AFTER = 600.0


class Identities:
    """Account ids by configured account. Safe to use from several threads."""

    def __init__(self, clients: Clients, monotonic: Callable[[], float]) -> None:
        self._clients = clients
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._asked: dict[Account, tuple[float, Future[str]]] = {}

    def start(self, around: Round) -> Future[str]:
        """Begin to find out; the same future for everybody who asks meanwhile."""
        account, now = around.target.account, self._monotonic()
        with self._lock:
            asked = self._asked.get(account)
            if asked is None or (_failed(asked[1]) and now - asked[0] > ASK_AGAIN_AFTER):
                asked = (now, around.start(self._ask(around.target)))
                self._asked[account] = asked
            return asked[1]

    def wait(self, around: Round) -> str:
        """The account id, UNKNOWN_ACCOUNT when it cannot be had."""
        for _ in range(2):
            try:
                return around.wait(self.start(around)) or UNKNOWN_ACCOUNT
            except Throttled:
                self._forget(around.target.account)
                break
            except AwsError as error:
                if error.code not in {GIVEN_UP, TIME_LIMIT}:
                    break
                # It was another reading's question, and that one ended: ask again ourselves.
                self._forget(around.target.account)
        return UNKNOWN_ACCOUNT

    def _forget(self, account: Account) -> None:
        with self._lock:
            self._asked.pop(account, None)

    def _ask(self, target: Target) -> Steps[str]:
        told = self._clients.account_id(target.account, target.region)
        if told:
            return told
        answer = yield Call("sts", "GetCallerIdentity", {}, aside=True)
        return str(answer.get("Account") or "")


def _failed(future: Future[str]) -> bool:
    return future.done() and future.exception() is not None
