"""Queues of events: long polling with clients of their own, so that nothing else waits behind a poll."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bot.aws import failures
from bot.aws.clients import CONNECT_TIMEOUT, Clients, user_agent
from bot.core.environments import Account, Target
from bot.core.errors import AwsError, PatchbotError
from bot.core.ports import Message

WAIT_SECONDS = 20  # the longest that SQS knows: the fewest calls
VISIBILITY_SECONDS = 120  # a message that is not done by then comes again
AT_ONCE = 10
ANSWER_SECONDS = 10  # beyond the wait
NO_RECEIPT = "none"
_NO_QUEUE = ("NonExistentQueue", "QueueDoesNotExist")

_URL = re.compile(r"https://sqs\.(?P<region>[a-z0-9-]+)\.[^/]+/(?P<account>\d{12})/(?P<name>[^/]+)")


class QueueClients(Clients):
    """Clients for SQS, whose answers may take as long as a poll."""

    def _config(self, service: str) -> Any:
        from botocore.config import Config

        if service != "sqs":
            return super()._config(service)
        return Config(
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=WAIT_SECONDS + ANSWER_SECONDS,
            max_pool_connections=self._connections,
            retries={"total_max_attempts": 1},
            user_agent_extra=user_agent(),
        )


class EventQueue:
    """`bot.core.ports.EventSource` over SQS. One thread receives; any other may be asked to `check` meanwhile.

    `accounts` are those that are configured with a role: a queue of one of them is read with its role, every other one
    with the credentials patchbot runs with. Raises ValueError for what is no URL of a queue.
    """

    def __init__(
        self,
        url: str,
        *,
        accounts: Sequence[Account] = (),
        clients: Clients | None = None,
        wait_seconds: int = WAIT_SECONDS,
        visibility_seconds: int = VISIBILITY_SECONDS,
    ) -> None:
        found = _URL.fullmatch(url)
        if found is None:
            raise ValueError(f"{url} is no URL of a queue")
        owner = next((one for one in accounts if one.id == found["account"]), Account())
        self.target = Target(owner, found["region"])
        self.name = f"{found['account']}/{found['region']}/{found['name']}"
        self._url = url
        self._clients = clients or QueueClients(connections=2)
        self._wait = wait_seconds
        self._visibility = visibility_seconds

    @property
    def region(self) -> str:
        """Where it is."""
        return self.target.region

    def receive(self) -> tuple[Message, ...]:
        """The next messages; waits for some seconds when there are none. Raises AwsError."""
        answer = self._call(
            "ReceiveMessage",
            MaxNumberOfMessages=AT_ONCE,
            WaitTimeSeconds=self._wait,
            VisibilityTimeout=self._visibility,
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        return tuple(map(_message, answer.get("Messages") or ()))

    def done(self, messages: Sequence[Message]) -> int:
        """Delete them; returns how many could not be, which then come again. Raises AwsError."""
        left = 0
        for start in range(0, len(messages), AT_ONCE):
            entries = [
                {"Id": str(number), "ReceiptHandle": one.receipt}
                for number, one in enumerate(messages[start : start + AT_ONCE])
            ]
            answer = self._call("DeleteMessageBatch", Entries=entries)
            left += len(answer.get("Failed") or ())
        return left

    def attributes(self) -> Mapping[str, str]:
        """What the queue is like (GetQueueAttributes, all of them). Raises AwsError."""
        answer = self._call("GetQueueAttributes", AttributeNames=["All"])
        return {str(name): str(value) for name, value in (answer.get("Attributes") or {}).items()}

    def try_receive(self) -> None:
        """Whether messages may be received; for an empty queue, since a message that is received counts it. Raises
        AwsError.
        """
        self._call("ReceiveMessage", MaxNumberOfMessages=1, WaitTimeSeconds=0, VisibilityTimeout=0)

    def try_delete(self) -> None:
        """Whether messages may be deleted: SQS knows no such receipt, and says so. Raises AwsError where it may not."""
        entries = [{"Id": "0", "ReceiptHandle": NO_RECEIPT}]
        self._call("DeleteMessageBatch", Entries=entries)

    def close(self) -> None:
        """Give the connections back."""
        self._clients.close()

    def _call(self, operation: str, **arguments: Any) -> Mapping[str, Any]:
        account, region = self.target.account, self.target.region
        try:
            client = self._clients.client(account, region, "sqs")
            answer: Mapping[str, Any] = getattr(client, _METHODS[operation])(
                QueueUrl=self._url, **arguments
            )
        except Exception as error:
            action = "DeleteMessage" if operation == "DeleteMessageBatch" else operation
            told = failures.explain(
                error, service="sqs", operation=action, account=account, region=region
            )
            if told is None:
                raise
            raise _named(told, self.name) from error
        return answer


_METHODS = {
    "ReceiveMessage": "receive_message",
    "DeleteMessageBatch": "delete_message_batch",
    "GetQueueAttributes": "get_queue_attributes",
}


def _named(error: PatchbotError, queue: str) -> PatchbotError:
    """A queue that is not there is what people get wrong most easily."""
    if isinstance(error, AwsError) and error.code.endswith(_NO_QUEUE):
        return AwsError(
            f"There is no queue {queue}.",
            code=error.code,
            operation=error.operation,
            hint="Correct queue_url in [events], or make the queue with deploy/events.yaml.",
        )
    return error


def _message(row: Mapping[str, Any]) -> Message:
    attributes = row.get("Attributes") or {}
    count = str(attributes.get("ApproximateReceiveCount") or "1")
    return Message(
        str(row.get("MessageId") or ""),
        str(row.get("ReceiptHandle") or ""),
        str(row.get("Body") or ""),
        int(count) if count.isdigit() else 1,
    )
