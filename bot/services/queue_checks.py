"""What the doctor finds about a queue of events: the rights on it, who may send to it, where dead letters go."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any, Final, Protocol

from bot.core.errors import AwsError
from bot.core.wording import counted
from bot.services.doctor import Finding, Outcome

TEMPLATE: Final = "deploy/events.yaml makes one that is right."
MANY: Final = 1000


class Queue(Protocol):
    """A queue to look at; everything raises AwsError."""

    @property
    def name(self) -> str: ...
    @property
    def region(self) -> str: ...
    def attributes(self) -> Mapping[str, str]: ...
    def try_receive(self) -> None: ...
    def try_delete(self) -> None: ...
    def close(self) -> None: ...


def check(queue: Queue) -> Iterator[Finding]:
    """One finding for each thing. Nothing is taken off the queue, which is closed at the end."""
    with closing(queue):
        yield from _looked_at(queue)


def _looked_at(queue: Queue) -> Iterator[Finding]:
    attributes: Mapping[str, str] = {}
    try:
        attributes = queue.attributes()
    except AwsError as error:
        yield Finding("sqs:GetQueueAttributes", Outcome.FAILED, error.message, error.hint)
    waiting = _number(attributes, "ApproximateNumberOfMessages")
    for action, attempt in (
        ("sqs:DeleteMessage", queue.try_delete),
        ("sqs:ReceiveMessage", queue.try_receive if waiting == 0 else None),
    ):
        if attempt is None:
            continue
        try:
            attempt()
        except AwsError as error:
            yield Finding(action, Outcome.FAILED, error.message, error.hint)
        else:
            yield Finding(action, Outcome.OK, "allowed")
    if attributes:
        yield _waiting(waiting)
        yield _senders(attributes)
        yield _dead_letters(attributes)
        yield _encryption(attributes)


def _waiting(waiting: int | None) -> Finding:
    told = f"{counted(waiting or 0, 'message')} waiting"
    if (waiting or 0) < MANY:
        return Finding("queue", Outcome.OK, told)
    return Finding(
        "queue", Outcome.WARNING, told, "Look whether `patchbot serve` runs and listens."
    )


def _senders(attributes: Mapping[str, str]) -> Finding:
    """A rule delivers only where the queue's policy lets EventBridge send, and only our rules should be let."""
    allowing = [one for one in _statements(attributes.get("Policy", "")) if _lets_rules_send(one)]
    if not allowing:
        told = "no rule of EventBridge may send to it, so nothing arrives"
        return Finding("rule", Outcome.FAILED, told, TEMPLATE)
    if not all("aws:sourcearn" in json.dumps(one.get("Condition")).casefold() for one in allowing):
        told = "every rule of every account may send to it"
        hint = "Restrict its policy by aws:SourceArn to the rules of deploy/events.yaml."
        return Finding("rule", Outcome.WARNING, told, hint)
    return Finding("rule", Outcome.OK, "rules of EventBridge may send to it")


def _lets_rules_send(statement: Mapping[str, Any]) -> bool:
    principal, actions = statement.get("Principal"), statement.get("Action")
    services = principal.get("Service") if isinstance(principal, dict) else principal
    actions = [actions] if isinstance(actions, str) else actions or []
    return (
        statement.get("Effect") == "Allow"
        and any(each in ("events.amazonaws.com", "*") for each in _listed(services))
        and any(str(each).casefold() in {"sqs:sendmessage", "sqs:*", "*"} for each in actions)
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _statements(policy: str) -> list[Mapping[str, Any]]:
    try:
        found = json.loads(policy or "{}").get("Statement", [])
    except (ValueError, AttributeError):
        return []
    return [one for one in _listed(found) if isinstance(one, dict)]


def _dead_letters(attributes: Mapping[str, str]) -> Finding:
    if attributes.get("RedrivePolicy"):
        return Finding("dead letters", Outcome.OK, "go to a queue of their own")
    told = "a message that cannot be read comes again until it is too old"
    return Finding("dead letters", Outcome.WARNING, told, TEMPLATE)


def _encryption(attributes: Mapping[str, str]) -> Finding:
    ours = attributes.get("SqsManagedSseEnabled", "").casefold() == "true"
    if ours or attributes.get("KmsMasterKeyId"):
        return Finding("encryption", Outcome.OK, "at rest")
    return Finding("encryption", Outcome.WARNING, "none at rest", TEMPLATE)


def _number(attributes: Mapping[str, str], name: str) -> int | None:
    text = attributes.get(name, "")
    return int(text) if text.isdigit() else None
